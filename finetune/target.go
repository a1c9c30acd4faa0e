package finetune

import (
	"math"
	"math/rand/v2"

	"graft/finetune/data"
	"graft/graph"
)

// targets writes what the loss compares the outputs with.
type targets struct {
	heads     []Head
	scaled    []scaled
	columns   int // of all heads
	smoothing float64
	weight    []float64 // of each class of an only head; nil where all weigh the same
}

// newTargets makes the targets of a plan; counts are the training examples of each class.
func newTargets(p *Plan, counts []int) targets {
	c := p.Config
	t := targets{heads: p.Heads, scaled: p.scaled, columns: len(p.Classes), smoothing: c.LabelSmoothing}
	if c.ClassWeights != "balanced" {
		return t
	}
	total, present := 0, 0
	for _, n := range counts {
		if n > 0 {
			total, present = total+n, present+1
		}
	}
	t.weight = make([]float64, len(counts))
	for k, n := range counts {
		if n > 0 {
			t.weight[k] = float64(total) / float64(present*n)
		}
	}
	return t
}

// fill writes rows [len(index),columns] of what a set tells of its examples, head by head.
func (t targets) fill(rows []float32, s *data.Set, index []int) {
	sum := 0.0
	for _, i := range index {
		sum += t.weightOf(s.Items[i].Label)
	}
	for n, i := range index {
		row, told := rows[n*t.columns:(n+1)*t.columns], told(s, i)
		for k, h := range t.heads {
			mine := told[:h.Told()]
			told = told[len(mine):]
			t.fillHead(row[:len(h.Classes)], k, mine, t.weightOf(s.Items[i].Label)*float64(len(index))/sum)
			row = row[len(h.Classes):]
		}
	}
}

// fillHead writes the row of one head. Of a class it is 1 for the label, less the smoothing
// that all classes divide (Szegedy et al. 2016, section 7), times the weight of the label's
// class over the mean weight of the batch, as torch.nn.CrossEntropyLoss weighs. Of labels it
// is 1 or 0, less the smoothing that both divide. Numbers are scaled.
func (t targets) fillHead(row []float32, head int, told []float32, w float64) {
	switch t.heads[head].Kind {
	case data.Class:
		for k := range row {
			row[k] = float32(w * t.smoothing / float64(len(row)))
		}
		row[int(told[0])] += float32(w * (1 - t.smoothing))
	case data.Labels:
		for k, v := range told {
			row[k] = v*float32(1-t.smoothing) + float32(t.smoothing/2)
		}
	case data.Values:
		for k, v := range told {
			row[k] = (v - t.scaled[head].mean[k]) / t.scaled[head].dev[k]
		}
	}
}

func (t targets) weightOf(label int) float64 {
	if t.weight == nil || label < 0 {
		return 1
	}
	return t.weight[label]
}

// mixing mixes each example of a batch with the one as far from the batch's end, and
// their targets likewise: by a weighted sum (Zhang et al. 2018), or a rectangle of the
// other image (Yun et al. 2019). Where both are asked for a coin decides.
type mixing struct {
	mixup, cutmix float64 // alpha of the Beta distribution that the share is drawn from
	seed          uint64
	channelsLast  bool
}

func (m mixing) on() bool { return m.mixup > 0 || m.cutmix > 0 }

// mix changes k inputs and their targets in place; shape is that of an input, [C,H,W]
// or [H,W,C]. What is drawn is a function of the seed and the batch's number.
func (m mixing) mix(in graph.Port, x, target []float32, k int, number uint64) {
	r := randOf(m.seed, number)
	cut := m.cutmix > 0 && (m.mixup == 0 || r.IntN(2) == 1)
	alpha := m.mixup
	if cut {
		alpha = m.cutmix
	}
	share := beta(r, alpha)
	shape := in.Shape[1:]
	if cut {
		h, w := shape[len(shape)-2], shape[len(shape)-1]
		if m.channelsLast {
			h, w = shape[0], shape[1]
		}
		side := math.Sqrt(1 - share)
		y0, y1 := around(r.IntN(h), side, h)
		x0, x1 := around(r.IntN(w), side, w)
		share = 1 - float64((y1-y0)*(x1-x0))/float64(h*w)
		pairs(x, k, func(a, b []float32) { swapBox(a, b, h, w, y0, y1, x0, x1, m.channelsLast) })
	} else {
		pairs(x, k, func(a, b []float32) { blend(a, b, float32(share)) })
	}
	pairs(target, k, func(a, b []float32) { blend(a, b, float32(share)) })
}

// randOf is a generator that the numbers given begin.
func randOf(numbers ...uint64) *rand.Rand {
	h := uint64(0x6d6978) // "mix"
	for _, n := range numbers {
		h = (h ^ n) * 0x9e3779b97f4a7c15
	}
	return rand.New(rand.NewPCG(h, h>>32|1))
}

// pairs calls f with the rows i and k-1-i of a matrix of k rows.
func pairs(x []float32, k int, f func(a, b []float32)) {
	n := len(x) / k
	for i, j := 0, k-1; i < j; i, j = i+1, j-1 {
		f(x[i*n:(i+1)*n], x[j*n:(j+1)*n])
	}
}

func blend(a, b []float32, share float32) {
	for i := range a {
		a[i], b[i] = share*a[i]+(1-share)*b[i], share*b[i]+(1-share)*a[i]
	}
}

// around is the part of 0..n of about side*n about a middle.
func around(middle int, side float64, n int) (lo, hi int) {
	half := int(side * float64(n) / 2)
	return max(middle-half, 0), min(middle+half, n)
}

func swapBox(a, b []float32, h, w, y0, y1, x0, x1 int, channelsLast bool) {
	c := len(a) / (h * w)
	swap := func(lo, hi int) {
		for i := lo; i < hi; i++ {
			a[i], b[i] = b[i], a[i]
		}
	}
	for y := y0; y < y1; y++ {
		if channelsLast {
			swap((y*w+x0)*c, (y*w+x1)*c)
			continue
		}
		for k := range c {
			swap((k*h+y)*w+x0, (k*h+y)*w+x1)
		}
	}
}

// beta draws from Beta(a,a) (Jöhnk 1964).
func beta(r *rand.Rand, a float64) float64 {
	for {
		x, y := math.Pow(r.Float64(), 1/a), math.Pow(r.Float64(), 1/a)
		if s := x + y; s > 0 && s <= 1 {
			return x / s
		}
	}
}
