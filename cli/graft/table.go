package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// writeTable writes rows under header in aligned columns, two spaces apart.
// A header that starts with ">" has its column aligned to the right; a nil
// header is left out, and the first row says how many columns there are.
func writeTable(w io.Writer, header []string, rows [][]string) error {
	columns := len(header)
	if header == nil && len(rows) > 0 {
		columns = len(rows[0])
	}
	right := make([]bool, columns)
	width := make([]int, columns)
	var lines [][]string
	if header != nil {
		lines = append(lines, make([]string, columns))
	}
	for i, h := range header {
		lines[0][i], right[i] = strings.CutPrefix(h, ">")
	}
	for _, row := range rows {
		line := make([]string, columns)
		for i := range min(len(row), len(line)) {
			line[i] = escape(cut(row[i], maxName))
		}
		lines = append(lines, line)
	}
	for _, line := range lines {
		for i, cell := range line {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	out := bufio.NewWriter(w)
	for _, line := range lines {
		for i, cell := range line {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if right[i] {
				cell = pad + cell
			} else {
				cell += pad
			}
			line[i] = cell
		}
		out.WriteString(strings.TrimRight(strings.Join(line, "  "), " ") + "\n")
	}
	return out.Flush()
}

// count writes n with three digits: 912, 1.24 M, 353 M.
func count(n int64) string { return strings.TrimSuffix(scaled(float64(n), " "), " ") }

// macs writes a cost in multiply-adds: 353 MMACs.
func macs(n int64) string { return scaled(float64(n), " ") + "MACs" }

// size writes a size in powers of 1000: 4.96 MB.
func size(n int64) string { return scaled(float64(n), " ") + "B" }

// scaled writes v with three digits and the SI prefix that this takes.
func scaled(v float64, space string) string {
	if math.Abs(v) < 999.5 {
		return fmt.Sprintf("%.0f%s", v, space)
	}
	prefix := ""
	for _, prefix = range []string{"k", "M", "G", "T", "P", "E"} {
		v /= 1000
		if math.Abs(v) < 999.5 {
			break
		}
	}
	return fmt.Sprintf("%.*f%s%s", decimals(v), v, space, prefix)
}

// decimals is how many digits after the point make three in all.
func decimals(v float64) int {
	switch v = math.Abs(v); {
	case v < 9.995:
		return 2
	case v < 99.95:
		return 1
	}
	return 0
}

// rate writes a speed with three digits: 31.2 images/s.
func rate(n int, unit string, d time.Duration) string {
	if d <= 0 {
		return "0 " + unit + "/s"
	}
	v := float64(n) / d.Seconds()
	return fmt.Sprintf("%.*f %s/s", decimals(v), v, unit)
}

// seconds writes a duration for people: 0.42 s, 12 s, 3m05s, 2h07m.
func seconds(d time.Duration) string {
	switch s := d.Seconds(); {
	case s < 9.995:
		return fmt.Sprintf("%.2f s", s)
	case s < 59.5:
		return fmt.Sprintf("%.0f s", s)
	case s < 3599.5:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// ofSeconds is seconds of a number of them.
func ofSeconds(s float64) string { return seconds(time.Duration(s * float64(time.Second))) }

// percent writes a share of one: 0.9216 is 92.2 %.
func percent(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) }
