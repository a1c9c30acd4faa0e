package optim

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"graft/graph/internal/kernel"
)

// Settings of an optimizer. Zero fields other than LR, Momentum and WeightDecay
// mean torch.optim's defaults.
type Settings struct {
	Name        string  // "sgd", "adam", "adamw"
	LR          float64 // of the next step; a schedule changes it through SetLR
	Momentum    float64 // sgd; 0 none
	Nesterov    bool    // sgd
	Beta1       float64 // adam, adamw; 0 means 0.9
	Beta2       float64 // 0 means 0.999
	Epsilon     float64 // 0 means 1e-8
	WeightDecay float64 // on every learnt tensor: added to the gradient; adamw: taken off the weight
}

// Names are the optimizers that New knows.
var Names = []string{"sgd", "adam", "adamw"}

// Solver is an optimizer with its state, one slot a parameter in the order that
// Step is given them.
type Solver struct {
	s     Settings
	step  int
	first []moments
}

var _ gorgonia.Solver = (*Solver)(nil)

// moments is the optimizer's memory of one parameter: m the velocity or first
// moment, v the second one.
type moments struct{ m, v []float32 }

// New makes an optimizer.
func New(s Settings) (*Solver, error) {
	for _, v := range []struct {
		name        string
		value, most float64
	}{{"rate", s.LR, math.MaxFloat32}, {"momentum", s.Momentum, 1 - 1e-6}, {"weight decay", s.WeightDecay, math.MaxFloat32},
		{"beta1", s.Beta1, 1 - 1e-6}, {"beta2", s.Beta2, 1 - 1e-6}, {"epsilon", s.Epsilon, math.MaxFloat32}} {
		if !(v.value >= 0 && v.value <= v.most) { // NaN too
			return nil, fmt.Errorf("optim: %s %g, want 0 to %g", v.name, v.value, v.most)
		}
	}
	for _, n := range Names {
		if n == s.Name {
			setDefault(&s.Beta1, 0.9)
			setDefault(&s.Beta2, 0.999)
			setDefault(&s.Epsilon, 1e-8)
			return &Solver{s: s}, nil
		}
	}
	return nil, fmt.Errorf("optim: no optimizer is called %q, only %v", s.Name, Names)
}

func setDefault(v *float64, d float64) {
	if *v == 0 {
		*v = d
	}
}

// SetLR changes the learning rate of the steps to come.
func (o *Solver) SetLR(lr float64) { o.s.LR = lr }

// Step changes each value by its gradient. The list must be the same every time.
func (o *Solver) Step(params []gorgonia.ValueGrad) error {
	if o.first == nil {
		o.first = make([]moments, len(params))
	}
	if len(params) != len(o.first) {
		return fmt.Errorf("optim: %d parameters, the steps before had %d", len(params), len(o.first))
	}
	o.step++
	for i, p := range params {
		g, err := p.Grad()
		if err != nil {
			return fmt.Errorf("optim: parameter %d: %w", i, err)
		}
		w, dw := p.Value().(*tensor.Dense).Float32s(), g.(*tensor.Dense).Float32s()
		if len(w) != len(dw) {
			return fmt.Errorf("optim: parameter %d has %d elements, its gradient %d", i, len(w), len(dw))
		}
		if m := o.first[i].m; m != nil && len(m) != len(w) {
			return fmt.Errorf("optim: parameter %d has %d elements, in the step before %d", i, len(w), len(m))
		}
		o.update(&o.first[i], w, dw)
	}
	return nil
}

func (o *Solver) update(m *moments, w, g []float32) {
	s := &o.s
	lr, decay := float32(s.LR), float32(s.WeightDecay)
	if m.m == nil && (s.Name != "sgd" || s.Momentum > 0) {
		m.m = make([]float32, len(w))
	}
	if s.Name == "sgd" {
		kernel.SGD(nil, w, g, m.m, lr, float32(s.Momentum), decay, s.Nesterov, o.step == 1)
		return
	}
	if m.v == nil {
		m.v = make([]float32, len(w))
	}
	kernel.Adam(nil, w, g, m.m, m.v, lr, float32(s.Beta1), float32(s.Beta2), float32(s.Epsilon), decay, o.step, s.Name == "adamw")
}
