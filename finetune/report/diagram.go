package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
)

// A Diagram is the picture of a network: boxes one below the other, in the order of data
// flow, and lanes beside them for what is read further down.
type Diagram struct {
	Title string
	Facts [][2]string // a name and a value each
	Boxes []Box
	Folds []Fold // of equal boxes, in order and apart
	Lanes int    // the most that run side by side
	Note  string // below the last box
}

// A Box is a layer of a network, with what follows it alone.
type Box struct {
	Kind   string // conv, depthwise, dense, pool, norm, sum, concat, input or another one
	Label  string // Conv 3×3, stride 2
	Then   string // BatchNorm · Relu
	Shape  string
	Params Amount
	Cost   Amount
	Cut    int // the number of the cut point below it, 0 if there is none
	Frozen bool
	Direct bool // reads the box above
	Lanes  []Lane
	Names  [][2]string // what it is in the file: a name and a value each
}

// An Amount is a number as text, and its share of the largest of the network.
type Amount struct {
	Text  string
	Share float64
}

// A Lane is how a lane passes a box: from the one numbered From above to To below, counted
// from the boxes outward; -1 is the box itself.
type Lane struct {
	From, To int
	Read     bool // by the box, on the way
}

// A Fold is boxes First to Last, which repeat those above: Title says how.
type Fold struct {
	First, Last int
	Title       string
	Cuts        string // the numbers of their cut points
}

// kind is what a box is coloured by, and what the legend calls it.
type kind struct{ Kind, Name, Color string }

// kinds have the palette's colours.
var kinds = []kind{
	{"input", "input", "#5f6368"},
	{"conv", "convolution", "#0072b2"},
	{"depthwise", "depthwise convolution", "#56b4e9"},
	{"dense", "matrix product", "#d55e00"},
	{"norm", "normalisation", "#cc79a7"},
	{"pool", "pooling", "#009e73"},
	{"sum", "sum or product", "#e69f00"},
	{"concat", "concatenation", "#9a7d0a"},
	{"other", "other", "#8a8f98"},
}

// kindAt is the number of a kind, that of other where it is none of them.
func kindAt(kind string) int {
	for i, k := range kinds {
		if k.Kind == kind {
			return i
		}
	}
	return len(kinds) - 1
}

// legend are the kinds that a network has, as their numbers.
func (d Diagram) legend() (list []int) {
	has := make([]bool, len(kinds))
	for _, b := range d.Boxes {
		has[kindAt(b.Kind)] = true
	}
	for i := range kinds {
		if has[i] {
			list = append(list, i)
		}
	}
	return list
}

// rowGap is between two boxes; lanes enter a box and leave it at fixed heights below the
// upper edge of its row, which begins with the rowGap. In dots.
const (
	rowGap  = 14
	readAt  = rowGap + 10
	writeAt = rowGap + 24
	laneGap = 11
)

// edge is where the boxes begin, right of the lanes.
func (d Diagram) edge() int { return 18 + laneGap*d.Lanes }

// wire is the paths of lanes beside a row, and of their arrow heads.
type wire struct{ Line, Heads string }

// wire is that of a row of height h.
func (d Diagram) wire(lanes []Lane, direct bool, h int) wire {
	var l, a strings.Builder
	edge := d.edge()
	x := func(lane int) int { return edge - 13 - laneGap*lane }
	for _, lane := range lanes {
		if lane.From >= 0 && (lane.Read || lane.To < 0) {
			fmt.Fprintf(&l, "M%d 0V%dq0 6 6 6H%d", x(lane.From), readAt-6, edge-4)
			fmt.Fprintf(&a, "M%d %dl-7 -4v8z", edge, readAt)
		}
		switch {
		case lane.To < 0:
		case lane.From < 0:
			fmt.Fprintf(&l, "M%d %dH%dq-6 0 -6 6V%d", edge, writeAt, x(lane.To)+6, h)
		case lane.From == lane.To:
			fmt.Fprintf(&l, "M%d 0V%d", x(lane.From), h)
		default:
			fmt.Fprintf(&l, "M%d 0V%dC%d %d %d %d %d %dV%d", x(lane.From), readAt, x(lane.From), writeAt, x(lane.To), readAt, x(lane.To), writeAt, h)
		}
	}
	if direct {
		fmt.Fprintf(&l, "M%d 0V%d", edge+24, rowGap-4)
		fmt.Fprintf(&a, "M%d %dl-4 -7h8z", edge+24, rowGap)
	}
	return wire{l.String(), a.String()}
}

// around are the lanes beside a fold that is shut: those that go past it, into it and out
// of it.
func (d Diagram) around(f Fold) (lanes []Lane) {
	above, below := map[int]bool{}, map[int]bool{}
	for _, l := range d.Boxes[f.First].Lanes {
		above[l.From] = l.From >= 0
	}
	for _, l := range d.Boxes[f.Last].Lanes {
		below[l.To] = l.To >= 0
	}
	for i := range d.Lanes {
		switch {
		case above[i] && below[i]:
			lanes = append(lanes, Lane{i, i, false})
		case above[i]:
			lanes = append(lanes, Lane{i, -1, true})
		case below[i]:
			lanes = append(lanes, Lane{-1, i, false})
		}
	}
	return lanes
}

// within are the lanes above the boxes of a fold that is open.
func (d Diagram) within(f Fold) (lanes []Lane) {
	for _, l := range d.Boxes[f.First].Lanes {
		if l.From >= 0 {
			lanes = append(lanes, Lane{l.From, l.From, false})
		}
	}
	return lanes
}

//go:embed diagram.html
var diagramSource string

var diagramTemplate = template.Must(template.New("diagram").Funcs(template.FuncMap{
	"width": func(a Amount) template.CSS { return template.CSS(fmt.Sprintf("width:%.1f%%", 100*a.Share)) },
	"css":   func(s string) template.CSS { return template.CSS(s) },
}).Parse(diagramSource + styleSource))

// tall is more than any row of a page is high; what is beyond it is cut off.
const tall = 4000

// diagramPage is what the template is given.
type diagramPage struct {
	Diagram
	Edge    int
	Kinds   []kind // all
	Has     []kind
	Entries []entry
	Cuts    bool // there are any
	Frozen  bool
}

// entry is a box, or a fold with the boxes in it.
type entry struct {
	Box
	Wire   wire
	Fold   *Fold
	Open   wire // of a fold that is open
	Within []entry
}

// HTML draws the network as one page that needs nothing else and has no script: every box
// opens to tell its names, a fold to show what it hides.
func (d Diagram) HTML(w io.Writer) error {
	p := diagramPage{Diagram: d, Edge: d.edge(), Kinds: kinds}
	for _, i := range d.legend() {
		p.Has = append(p.Has, kinds[i])
	}
	list := func(first, end int) (list []entry) {
		for _, b := range d.Boxes[first:end] {
			e := entry{Box: b}
			e.Kind = kinds[kindAt(b.Kind)].Kind
			e.Wire = d.wire(b.Lanes, b.Direct, tall)
			p.Cuts, p.Frozen = p.Cuts || b.Cut > 0, p.Frozen || b.Frozen
			list = append(list, e)
		}
		return list
	}
	at := 0
	for _, f := range d.Folds {
		p.Entries = append(p.Entries, list(at, f.First)...)
		e := entry{Fold: &f, Within: list(f.First, f.Last+1)}
		e.Wire = d.wire(d.around(f), d.Boxes[f.First].Direct, tall)
		e.Open = d.wire(d.within(f), d.Boxes[f.First].Direct, tall)
		p.Entries = append(p.Entries, e)
		at = f.Last + 1
	}
	p.Entries = append(p.Entries, list(at, len(d.Boxes))...)
	return diagramTemplate.Execute(w, p)
}
