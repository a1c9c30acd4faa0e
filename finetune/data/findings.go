package data

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// Finding is something about the data that their owner should know.
type Finding struct {
	Kind  string   `json:"kind"`  // one of Kinds
	Text  string   `json:"text"`  // one line
	Count int      `json:"count"` // examples, pairs or classes it is about
	Names []string `json:"names"` // of the first of them, at most ten
}

// Kinds of findings, the gravest first.
var Kinds = []string{
	"unreadable",       // images that cannot be decoded
	"contradiction",    // the same image under several labels
	"leak",             // the same image in several parts
	"near leak",        // almost the same image in several parts
	"duplicate",        // the same image twice in a part
	"near duplicate",   // almost the same image twice in a part, under one label or several
	"tiny",             // images of hardly a pixel
	"small",            // images much smaller than the network's input
	"odd",              // files whose name belies their format, or very long pictures
	"few",              // classes of few training images
	"missing",          // classes without validation images
	"imbalance",        // classes of very different sizes
	"small validation", // a validation part too small to tell
}

// What is worth a finding.
const (
	fewImages     = 10   // training images of a class
	muchMore      = 10.0 // images of the largest class to those of the smallest
	longestRatio  = 5.0  // of a picture's sides
	tinySide      = 8    // pixels
	fewValidation = 100  // images
)

// CheckOptions say what data are compared with.
type CheckOptions struct {
	Height, Width int                   // the network's input; 0 where it is not known
	Workers       int                   // 0: one a core
	Progress      func(done, total int) // is told of each example; nil: nobody is
}

// Check looks at every example of the data and says what is wrong with them; nothing is
// found where nothing is. An example that cannot be read is a finding, no error.
func (d *Data) Check(ctx context.Context, o CheckOptions) ([]Finding, error) {
	c := checker{o: o}
	total := 0
	for _, p := range []namedSet{{"train", d.Train}, {"val", d.Val}, {"test", d.Test}} {
		if p.set != nil {
			c.parts = append(c.parts, p)
			total += p.set.Len()
		}
	}
	done := 0
	step := func() {
		done++
		if o.Progress != nil {
			o.Progress(done, total)
		}
	}
	for _, p := range c.parts {
		l, err := p.set.looks(ctx, o.Workers, step)
		if err != nil {
			return nil, err
		}
		for i := range l {
			c.at = append(c.at, place{p.name, p.set, i})
		}
		c.looks = append(c.looks, l...)
	}
	c.images()
	c.twice()
	c.classes()
	return c.ordered(), nil
}

// namedSet is a part of the data with its name.
type namedSet struct {
	name string
	set  *Set
}

// place is where an example is.
type place struct {
	part string
	set  *Set
	i    int
}

func (p place) name() string { return p.set.Items[p.i].Name }

// differs says whether two examples are told different things of.
func (p place) differs(q place) bool {
	a, b := p.set.Items[p.i], q.set.Items[q.i]
	return a.Label != b.Label || !slices.Equal(a.Told, b.Told)
}

type checker struct {
	o     CheckOptions
	parts []namedSet
	looks []look
	at    []place
	found map[string]*Finding
}

// add counts one more case of a kind: its name, and what about it.
func (c *checker) add(kind, text string, name, detail string) {
	if c.found == nil {
		c.found = map[string]*Finding{}
	}
	f := c.found[kind]
	if f == nil {
		f = &Finding{Kind: kind, Text: text}
		c.found[kind] = f
	}
	f.Count++
	if len(f.Names) < 10 {
		n := show(name)
		if detail != "" {
			n += " (" + detail + ")"
		}
		f.Names = append(f.Names, n)
	}
}

// ordered gives the findings, the gravest first, with their first cases in the text.
func (c *checker) ordered() []Finding {
	list := []Finding{}
	for _, k := range Kinds {
		f := c.found[k]
		if f == nil {
			continue
		}
		f.Text += ": " + f.Names[0]
		if f.Count > 1 {
			f.Text += ", " + f.Names[1]
		}
		if f.Count > 2 {
			f.Text += fmt.Sprintf(", …; %d in all", f.Count)
		}
		list = append(list, *f)
	}
	return list
}

// images finds what is wrong with single images.
func (c *checker) images() {
	for i := range c.looks {
		l, name := &c.looks[i], c.at[i].name()
		short := min(l.w, l.h)
		switch {
		case l.err != nil:
			c.add("unreadable", "images cannot be read", name, l.err.Error())
			continue
		case l.w == 0: // an array
			continue
		case short < tinySide && c.o.Height != l.h:
			c.add("tiny", fmt.Sprintf("images are less than %d pixels high or wide", tinySide), name, fmt.Sprintf("%dx%d", l.h, l.w))
		case 2*short < min(c.o.Height, c.o.Width):
			c.add("small", fmt.Sprintf("images are less than half as large as the network's input, %dx%d", c.o.Height, c.o.Width), name, fmt.Sprintf("%dx%d", l.h, l.w))
		}
		if l.wrongName != "" {
			c.add("odd", "files are odd", name, "holds a "+l.wrongName+" image")
		} else if float64(max(l.w, l.h)) > longestRatio*float64(short) {
			c.add("odd", "files are odd", name, fmt.Sprintf("%dx%d, of which the network sees the middle", l.h, l.w))
		}
	}
}

// twice finds images that are there more than once.
func (c *checker) twice() {
	equal, near := duplicates(c.looks)
	for _, p := range equal {
		a, b := c.at[p.a], c.at[p.b]
		detail := "is " + show(a.name())
		switch {
		case a.differs(b):
			c.add("contradiction", "images lie under several labels", b.name(), detail)
		case a.part != b.part:
			c.add("leak", "images are in several parts of the data, which makes validation look too good", b.name(), detail)
		default:
			c.add("duplicate", "images are there twice in a part", b.name(), detail)
		}
	}
	for _, p := range near {
		a, b := c.at[p.a], c.at[p.b]
		detail := "looks like " + show(a.name())
		if a.differs(b) {
			detail += ", of another class"
		}
		if a.part != b.part {
			c.add("near leak", "images look like one of another part, which makes validation look too good", b.name(), detail)
		} else {
			c.add("near duplicate", "images look like another one of their part", b.name(), detail)
		}
	}
}

// classes finds what is wrong with the numbers of images.
func (c *checker) classes() {
	for _, p := range c.parts {
		counts := p.set.Counts()
		switch p.name {
		case "train":
			least, most := 0, 0
			for k, n := range counts {
				if n < fewImages {
					c.add("few", fmt.Sprintf("classes have less than %d training images", fewImages), p.set.Classes[k], fmt.Sprint(n))
				}
				if n < counts[least] {
					least = k
				}
				if n > counts[most] {
					most = k
				}
			}
			if len(counts) == 0 {
				continue
			}
			if n := counts[least]; n > 0 && float64(counts[most]) >= muchMore*float64(n) {
				c.add("imbalance", "one class is much larger than another; --class-weights balanced or --sampling balanced helps", p.set.Classes[most],
					fmt.Sprintf("%d, and %s %d", counts[most], show(p.set.Classes[least]), n))
			}
		case "val":
			for k, n := range counts {
				if n == 0 {
					c.add("missing", "classes have no validation image", p.set.Classes[k], "")
				}
			}
			if n := p.set.Len(); n < fewValidation && n > 0 {
				// Twice the standard error of a share of 0.9.
				c.add("small validation", "there are few images to validate", fmt.Sprintf("%d images", n),
					fmt.Sprintf("accuracies are known to %.0f points or so", 200*math.Sqrt(0.09/float64(n))))
			}
		}
	}
}
