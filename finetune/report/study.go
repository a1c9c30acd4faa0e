package report

import (
	"fmt"
	"image/color"
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
)

// A Study is the record of a transferability study, as its figures need it: those of
// Yosinski et al., "How transferable are features in deep neural networks?" (2014).
// Accuracies are shares of one.
type Study struct {
	Name     string       // of an overlay
	Depth    int          // layers of the network; n ends one before
	Networks []Network    // of random halves, and the pretrained model's
	Given    [2][]Network // transfer between given halves, by target; bases at N 0
	Random   []Network    // random filters on all classes; the base at N 0
	Reduced  []Network    // bases on all classes over N pictures a class
	Overlay  *Study       // another study, whose means are drawn too; nil for none
}

// A Network is what one of them has reached: "base" at N 0, and "BnB", "BnB+", "AnB",
// "AnB+" or "random" with N layers copied, or random.
type Network struct {
	Treatment string
	N         int
	Top1      float64
}

// treatment is how a kind of network is drawn: the paper's colours and markers.
type treatment struct {
	label, name string
	color       color.Color
	marker      glyph
	jitter      float64
}

var (
	selfferBlue  = color.NRGBA{0x1F, 0x4E, 0xB4, 0xFF}
	lightBlue    = color.NRGBA{0x6F, 0xA8, 0xEB, 0xFF}
	transferRed  = color.NRGBA{0xC0, 0x1F, 0x1F, 0xFF}
	lightRed     = color.NRGBA{0xEE, 0x80, 0x78, 0xFF}
	hexagonBrown = color.NRGBA{0xB0, 0x60, 0x20, 0xFF}
	randomGreen  = color.NRGBA{0x2E, 0x7D, 0x5B, 0xFF}
	paperGray    = color.NRGBA{0x8A, 0x8A, 0x8A, 0xFF}
)

var treatments = []treatment{
	{"base", "baseB", ink, glyph{corners: 0, hollow: true}, 0},
	{"BnB", "selffer BnB", selfferBlue, glyph{corners: 0}, -0.25},
	{"BnB+", "selffer BnB+", lightBlue, glyph{corners: 0, plus: true}, -0.09},
	{"AnB", "transfer AnB", transferRed, glyph{corners: 4}, 0.09},
	{"AnB+", "transfer AnB+", lightRed, glyph{corners: 4, plus: true}, 0.27},
}

// Figures are the pictures that the study has the networks for: 2, 3, and the accuracy
// over the number of pictures.
func (s Study) Figures() []Figure {
	var list []Figure
	add := func(name, title string, p *plot.Plot, keys []key) {
		list = append(list, Figure{name, title, keys, p, 3.2 + vg.Length(len(rows(keys, figureWidth*vg.Inch-2*margin)))*lineHeight/vg.Inch})
	}
	if len(s.Networks) > 0 {
		p, keys := s.scatter()
		add("figure2_networks", "Every network", p, keys)
		if p, keys = s.means(); p != nil {
			add("figure2_means", "Means over the networks", p, keys)
		}
	}
	if len(s.Given[0])+len(s.Given[1]) > 0 {
		p, keys := s.dissimilar()
		add("figure3_dissimilar", "Transfer between given halves", p, keys)
	}
	if len(s.Random) > 0 {
		p, keys := s.filters()
		add("figure3_random", "Random, untrained filters on all classes", p, keys)
	}
	if p, keys := s.relative(); p != nil {
		add("figure3_relative", "Relative to the own base", p, keys)
	}
	if len(s.Reduced) > 1 {
		p, keys := examples(s.Reduced, false)
		add("examples", "Accuracy over the pictures of each class", p, keys)
		p, keys = examples(s.Reduced, true)
		add("examples_log", "The same, both axes logarithmic", p, keys)
	}
	return list
}

// values are the accuracies, in percent, of the networks of a treatment at n.
func values(networks []Network, label string, n int) []float64 {
	var v []float64
	for _, w := range networks {
		if w.Treatment == label && w.N == n && finite(w.Top1) {
			v = append(v, 100*w.Top1)
		}
	}
	return v
}

func meanOf(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// line is the means of a treatment over n, the base's at 0.
func (s Study) line(networks []Network, label string) (x, y []float64) {
	for n := 0; n < s.Depth; n++ {
		l := label
		if n == 0 {
			l = "base"
		}
		if v := values(networks, l, n); len(v) > 0 {
			x, y = append(x, float64(n)), append(y, meanOf(v))
		}
	}
	return x, y
}

const chopped = "layer n at which the network is chopped"

// scatter is figure 2, top: every network at its n, treatments side by side.
func (s Study) scatter() (*plot.Plot, []key) {
	p := newPlot(chopped, "top-1 accuracy, %")
	var keys []key
	var dots dots
	for _, t := range treatments {
		count := len(dots)
		for n := 0; n < s.Depth; n++ {
			for _, v := range values(s.Networks, t.label, n) {
				dots = append(dots, dot{float64(n) + t.jitter, v, t.color, t.marker})
			}
		}
		if len(dots) > count {
			keys = append(keys, key{t.name, t.color, t.marker})
		}
	}
	faint, name := s.overlay()
	p.Add(faint, dots)
	s.range2(p, dots)
	return p, append(keys, name...)
}

// means is figure 2, bottom: the means, and bands for what lies between them; nil where
// there are no means to join.
func (s Study) means() (*plot.Plot, []key) {
	p := newPlot(chopped, "top-1 accuracy, %")
	base := values(s.Networks, "base", 0)
	var keys []key
	var all dots
	lines := map[string]polyline{}
	for _, t := range treatments[1:] {
		x, y := s.line(s.Networks, t.label)
		if len(x) < 2 {
			continue
		}
		lines[t.label] = polyline{x, y, t.color, t.marker, false}
		keys = append(keys, key{t.name, t.color, t.marker})
		for i := range x {
			all = append(all, dot{x[i], y[i], t.color, t.marker})
		}
	}
	if len(lines) == 0 {
		return nil, nil
	}
	if len(base) > 0 {
		bands, numbers := s.bands(lines, meanOf(base))
		for _, b := range bands {
			p.Add(b)
		}
		keys = append(keys, numbers...)
		p.Add(level{Line{Mean: meanOf(base)}, ink})
		all = append(all, dot{0, meanOf(base), ink, glyph{}})
	}
	faint, name := s.overlay()
	p.Add(faint)
	for _, t := range treatments[1:] {
		if l, ok := lines[t.label]; ok {
			p.Add(l)
		}
	}
	s.range2(p, all)
	return p, append(keys, name...)
}

// bands shade what lies between the lines, as the paper does, with the paper's numbers.
func (s Study) bands(lines map[string]polyline, base float64) (list []band, keys []key) {
	flat := func(l polyline) polyline {
		l.y = slices.Repeat([]float64{base}, len(l.x))
		return l
	}
	for _, b := range []struct {
		upper, lower string // "" is the base
		number       digit
		name         string
	}{{"AnB+", "", "5", "transfer and fine-tuning"}, {"", "BnB", "2", "fragile co-adaptation"}, {"BnB", "AnB", "4", "specificity"}, {"BnB+", "BnB+", "3", "fine-tuning recovers"}} {
		u, hasUpper := lines[b.upper]
		l, hasLower := lines[b.lower]
		c := l.color
		switch {
		case b.upper == "" && hasLower:
			u = flat(l)
		case b.lower == "" && hasUpper:
			l, c = flat(u), u.color
		case !hasUpper || !hasLower:
			continue
		}
		if !slices.Equal(u.x, l.x) {
			continue
		}
		list = append(list, band{u, l, c, b.number, b.upper == b.lower})
		keys = append(keys, key{b.name, fade(c, 0.4), b.number})
	}
	slices.SortFunc(keys, func(x, y key) int { return strings.Compare(string(x.marker.(digit)), string(y.marker.(digit))) })
	return list, keys
}

// overlay is the other study's means, moved so that its base lies on this one's, and its key.
func (s Study) overlay() (o overlays, name []key) {
	if s.Overlay == nil {
		return nil, nil
	}
	base, other := values(s.Networks, "base", 0), values(s.Overlay.Networks, "base", 0)
	if len(base) == 0 || len(other) == 0 {
		return nil, nil
	}
	for _, t := range treatments[1:] {
		x, y := s.line(s.Overlay.Networks, t.label)
		for i := range y {
			y[i] += meanOf(base) - meanOf(other)
		}
		if len(x) > 1 {
			o = append(o, polyline{x, y, fade(t.color, 0.55), t.marker, true})
		}
	}
	return o, []key{{s.Overlay.Name + ", moved to this base", paperGray, dotted{}}}
}

// range2 is the axes of figure 2.
func (s Study) range2(p *plot.Plot, all dots) {
	var y []float64
	for _, d := range all {
		y = append(y, d.y)
	}
	setRange(p, nil, []Series{{X: make([]float64, len(y)), Mean: y}}, nil, 0, 100)
	p.X.Min, p.X.Max = -0.5, float64(s.Depth)-0.5
}

// dissimilar is figure 3, top left.
func (s Study) dissimilar() (*plot.Plot, []key) {
	p := newPlot(chopped, "top-1 accuracy, %")
	var keys []key
	var all dots
	for i, name := range []string{"learning A", "learning B"} {
		marker := glyph{corners: 6, hollow: i == 1}
		x, y := s.line(s.Given[i], "AnB")
		if len(x) == 0 {
			continue
		}
		p.Add(polyline{x, y, hexagonBrown, marker, false})
		keys = append(keys, key{name, hexagonBrown, marker})
		for k := range x {
			all = append(all, dot{x[k], y[k], hexagonBrown, marker})
		}
	}
	s.range2(p, all)
	return p, keys
}

// filters is figure 3, top right.
func (s Study) filters() (*plot.Plot, []key) {
	p := newPlot(chopped, "top-1 accuracy, %")
	x, y := s.line(s.Random, "random")
	l := polyline{x, y, randomGreen, glyph{corners: 3}, false}
	p.Add(l)
	s.range2(p, l.dots())
	return p, []key{{"random filters", l.color, l.marker}}
}

// relative is figure 3, bottom: transfer between random halves, between given ones, and
// random filters, each less its own base; nil where there is only one of them.
func (s Study) relative() (*plot.Plot, []key) {
	p := newPlot(chopped, "relative accuracy, points")
	var keys []key
	var all dots
	var faint overlays
	for _, k := range []struct {
		networks func(Study) [][]Network
		label    string
		key      key
	}{{func(s Study) [][]Network { return [][]Network{s.Networks} }, "AnB", key{"random halves", transferRed, glyph{corners: 4}}},
		{func(s Study) [][]Network { return s.Given[:] }, "AnB", key{"given halves", hexagonBrown, glyph{corners: 6}}},
		{func(s Study) [][]Network { return [][]Network{s.Random} }, "random", key{"random filters", randomGreen, glyph{corners: 3}}}} {
		if l := s.less(k.networks(s), k.label, k.key); len(l.x) > 1 {
			p.Add(l)
			keys, all = append(keys, k.key), append(all, l.dots()...)
		}
		if s.Overlay != nil {
			if l := s.less(k.networks(*s.Overlay), k.label, k.key); len(l.x) > 1 {
				l.faint = true
				faint = append(faint, l)
			}
		}
	}
	if len(keys) < 2 {
		return nil, nil
	}
	if len(faint) > 0 {
		keys = append(keys, key{s.Overlay.Name, paperGray, dotted{}})
	}
	p.Add(faint, level{Line{Mean: 0}, ink})
	s.range2(p, all)
	return p, keys
}

// less is the means of networks of a treatment less their bases'.
func (s Study) less(networks [][]Network, label string, k key) polyline {
	l := polyline{color: k.color, marker: k.marker.(glyph)}
	byN := map[float64][]float64{}
	for _, group := range networks {
		x, y := s.line(group, label)
		for i := range x {
			if x[0] == 0 {
				byN[x[i]] = append(byN[x[i]], y[i]-y[0])
			}
		}
	}
	for _, n := range slices.Sorted(maps.Keys(byN)) {
		l.x, l.y = append(l.x, n), append(l.y, meanOf(byN[n]))
	}
	return l
}

// examples is accuracy over pictures a class, on plain or on logarithmic axes.
func examples(reduced []Network, logarithmic bool) (*plot.Plot, []key) {
	p := newPlot("pictures of each class", "top-1 accuracy, %")
	axis := func(v float64) float64 { return v }
	if logarithmic {
		axis = func(v float64) float64 { return math.Log10(max(v, 1e-3)) }
		p.X.Tick.Marker, p.Y.Tick.Marker = decades{}, decades{}
	}
	byN := map[int][]float64{}
	for _, w := range reduced {
		byN[w.N] = append(byN[w.N], 100*w.Top1)
	}
	k := key{"base", palette[0], glyph{}}
	l := polyline{color: k.color, marker: glyph{}}
	for _, n := range slices.Sorted(maps.Keys(byN)) {
		l.x, l.y = append(l.x, axis(float64(n))), append(l.y, axis(meanOf(byN[n])))
	}
	p.Add(l)
	setRange(p, l.x, []Series{{X: l.x, Mean: l.y}}, nil, 0.05, 100)
	return p, []key{k}
}

// decades are ticks at 1, 2 and 5 times powers of ten, on an axis of logarithms.
type decades struct{}

func (decades) Ticks(lo, hi float64) []plot.Tick {
	var ticks []plot.Tick
	for e := math.Floor(lo); e <= hi; e++ {
		for _, m := range []float64{1, 2, 5} {
			if v := math.Log10(m) + e; v >= lo-1e-9 && v <= hi+1e-9 {
				ticks = append(ticks, plot.Tick{Value: v, Label: fmt.Sprintf("%g", m*math.Pow(10, e))})
			}
		}
	}
	return ticks
}
