package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// glyphs mark the points of the series in the terminal, in order.
var glyphs = []rune{'●', '■', '▲', '○', '□', '△'}

const (
	leastWidth  = 40
	leastHeight = 6
)

// Terminal draws the series, and the baselines as dashed lines, in width by
// at most height characters (at least 40 by 6) and their keys below; it writes
// nothing where there is no point. Bars show a spread that is higher than a
// character.
func Terminal(w io.Writer, series []Series, width, height int, baselines ...Line) error {
	baselines = slices.DeleteFunc(slices.Clone(baselines), func(l Line) bool { return !finite(l.Mean) })
	s := newScreen(series, baselines, max(width, leastWidth), max(height, leastHeight))
	if s == nil {
		return nil
	}
	for _, l := range baselines {
		s.dash(l)
	}
	for _, one := range series {
		s.connect(one)
	}
	for i, one := range series {
		s.mark(one, glyphs[i%len(glyphs)])
	}
	_, err := io.WriteString(w, s.text()+keyLine(series, baselines, max(width, leastWidth)))
	return err
}

// A screen is a grid of characters with the scales of its axes.
type screen struct {
	cells              [][]rune // [row from the top][column]
	xlo, xhi, ylo, yhi float64
	step               float64   // between labels of the y axis
	ticks              []float64 // of the x axis
}

func newScreen(series []Series, lines []Line, width, height int) *screen {
	s := &screen{xlo: math.Inf(1), xhi: math.Inf(-1), ylo: math.Inf(1), yhi: math.Inf(-1)}
	for _, one := range series {
		for _, i := range one.points() {
			s.xlo, s.xhi = min(s.xlo, one.X[i]), max(s.xhi, one.X[i])
			s.ylo, s.yhi = min(s.ylo, one.Mean[i]), max(s.yhi, one.Mean[i])
			s.ticks = append(s.ticks, one.X[i])
		}
	}
	if len(s.ticks) == 0 {
		return nil
	}
	for _, l := range lines {
		s.ylo, s.yhi = min(s.ylo, l.Mean), max(s.yhi, l.Mean)
	}
	if s.xlo == s.xhi {
		s.xlo, s.xhi = s.xlo-1, s.xhi+1
	}
	rows := height - 2 // the axis and its labels
	span := s.yhi - s.ylo
	for n := max(1, rows/3); ; n-- { // rounding to steps may add two
		s.step = niceStep(span, max(1, n), 0)
		s.ylo, s.yhi = s.step*math.Floor(s.ylo/s.step), s.step*math.Ceil(s.yhi/s.step)
		if s.ylo == s.yhi {
			s.yhi += s.step
		}
		if n <= 1 || (s.yhi-s.ylo)/s.step < float64(rows)-0.5 {
			break
		}
	}
	steps := int(math.Round((s.yhi - s.ylo) / s.step))
	rows = (rows-1)/steps*steps + 1 // so that every label lies on a row
	slices.Sort(s.ticks)
	s.ticks = slices.Compact(s.ticks)
	s.cells = make([][]rune, rows)
	columns := width - s.gutter() - 2
	for r := range s.cells {
		s.cells[r] = []rune(strings.Repeat(" ", columns))
	}
	return s
}

// gutter is the width of the labels of the y axis.
func (s *screen) gutter() int {
	return max(len(s.label(s.ylo)), len(s.label(s.yhi)))
}

func (s *screen) label(v float64) string {
	return strconv.FormatFloat(v+0, 'f', max(0, -int(math.Floor(math.Log10(s.step)+1e-9))), 64)
}

// column leaves two characters free on both sides.
func (s *screen) column(x float64) int {
	return 2 + int(math.Round((x-s.xlo)/(s.xhi-s.xlo)*float64(len(s.cells[0])-5)))
}

func (s *screen) row(y float64) int {
	last := len(s.cells) - 1
	return last - int(math.Round((y-s.ylo)/(s.yhi-s.ylo)*float64(last)))
}

// put sets a character if the place is on the screen.
func (s *screen) put(row, column int, r rune) {
	if row >= 0 && row < len(s.cells) && column >= 0 && column < len(s.cells[0]) {
		s.cells[row][column] = r
	}
}

func (s *screen) dash(l Line) {
	for c := range s.cells[0] {
		s.put(s.row(l.Mean), c, '╌')
	}
}

// connect draws dots between points that follow each other.
func (s *screen) connect(one Series) {
	points := one.points()
	for k := 1; k < len(points); k++ {
		i, j := points[k-1], points[k]
		if j != i+1 {
			continue
		}
		from, to := s.column(one.X[i]), s.column(one.X[j])
		for c := from + 1; c < to; c++ {
			t := float64(c-from) / float64(to-from)
			s.put(s.row(one.Mean[i]+t*(one.Mean[j]-one.Mean[i])), c, '·')
		}
	}
}

func (s *screen) mark(one Series, glyph rune) {
	perRow := (s.yhi - s.ylo) / float64(len(s.cells)-1)
	for _, i := range one.points() {
		c, d := s.column(one.X[i]), one.at(i)
		for r := s.row(one.Mean[i] + d); 2*d > perRow && r <= s.row(one.Mean[i]-d); r++ {
			s.put(r, c, '│')
		}
		s.put(s.row(one.Mean[i]), c, glyph)
	}
}

// text is the screen with its axes.
func (s *screen) text() string {
	labels := map[int]string{}
	for i := 0.0; s.ylo+i*s.step <= s.yhi+s.step/2; i++ {
		labels[s.row(s.ylo+i*s.step)] = s.label(s.ylo + i*s.step)
	}
	var b strings.Builder
	for r, line := range s.cells {
		axis := "│"
		if labels[r] != "" {
			axis = "┤"
		}
		fmt.Fprintf(&b, "%*s %s%s\n", s.gutter(), labels[r], axis, strings.TrimRight(string(line), " "))
	}
	axis := []rune(strings.Repeat("─", len(s.cells[0])))
	numbers := []rune(strings.Repeat(" ", len(s.cells[0])+8))
	free := 0
	for _, x := range s.ticks {
		label := []rune(strconv.FormatFloat(x, 'g', 4, 64))
		start := s.column(x) - (len(label)-1)/2
		if start < free {
			continue
		}
		axis[s.column(x)] = '┬'
		copy(numbers[start:], label)
		free = start + len(label) + 1
	}
	indent := strings.Repeat(" ", s.gutter()+1)
	fmt.Fprintf(&b, "%s└%s\n%s %s\n", indent, string(axis), indent, strings.TrimRight(string(numbers), " "))
	return b.String()
}

// keyLine names the series and the baselines with their values, in lines of
// width characters.
func keyLine(series []Series, baselines []Line, width int) string {
	var keys []string
	for i, s := range series {
		keys = append(keys, string(glyphs[i%len(glyphs)])+" "+s.Name)
	}
	for _, l := range baselines {
		keys = append(keys, "╌ "+l.Name+" "+l.value())
	}
	var b strings.Builder
	used := 0
	for _, k := range keys {
		n := 3 + utf8.RuneCountInString(k)
		if used > 0 && used+n > width {
			b.WriteString("\n")
			used = 0
		}
		b.WriteString("   " + k)
		used += n
	}
	return b.String() + "\n"
}
