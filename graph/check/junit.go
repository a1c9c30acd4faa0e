package check

import (
	"encoding/xml"
	"fmt"
	"io"
	"path/filepath"
	"time"
)

// The elements and attributes that continuous integration reads (the common part of
// the dialects collected at github.com/testmoapp/junitxml).
type (
	junitReport struct {
		XMLName xml.Name `xml:"testsuites"`
		Suite   junitSuite
	}
	junitSuite struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Seconds  string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"` // the folder the case lies in
		Seconds string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure"`
		Skipped *junitSkipped `xml:"skipped"`
	}
	junitFailure struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
)

// WriteJUnit writes the outcome of cases as a JUnit XML report. An unsupported case
// is a failure of that type, or where skip allows it, a skipped one.
func WriteJUnit(w io.Writer, cases []Case, skip bool) error {
	s := junitSuite{Name: "graft check", Tests: len(cases)}
	var total time.Duration
	for _, c := range cases {
		j := junitCase{Name: c.Name, Class: filepath.ToSlash(filepath.Dir(c.Dir)), Seconds: seconds(c.Duration)}
		switch {
		case c.Status == Unsupported && skip:
			j.Skipped = &junitSkipped{c.Reason}
			s.Skipped++
		case c.Status != Pass:
			j.Failure = &junitFailure{string(c.Status), c.Reason}
			s.Failures++
		}
		total += c.Duration
		s.Cases = append(s.Cases, j)
	}
	s.Seconds = seconds(total)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(junitReport{Suite: s}); err != nil {
		return fmt.Errorf("check: junit: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
