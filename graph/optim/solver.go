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
	Name        string  // "sgd", "adam", "adamw", "rmsprop"
	LR          float64 // of the next step; a schedule changes it through SetLR
	Momentum    float64 // sgd, rmsprop; 0 none
	Nesterov    bool    // sgd
	Beta1       float64 // adam, adamw; 0 means 0.9
	Beta2       float64 // 0 means 0.999
	Alpha       float64 // rmsprop; 0 means 0.99
	Epsilon     float64 // 0 means 1e-8
	WeightDecay float64 // on every learnt tensor: added to the gradient; adamw: taken off the weight
	// ClipNorm scales the gradients of a step down to this Euclidean norm, taken over
	// all of them, where it is greater (torch.nn.utils.clip_grad_norm_); 0 leaves them.
	ClipNorm float64
}

// Group says how the steps of one parameter differ: factors of the rate and of the
// weight decay.
type Group struct{ Rate, Decay float64 }

// Names are the optimizers that New knows.
var Names = []string{"sgd", "adam", "adamw", "rmsprop"}

// Solver is an optimizer with its state, one slot a parameter in the order that
// Step is given them.
type Solver struct {
	s      Settings
	groups []Group
	step   int
	slots  []moments

	threads *kernel.Pool
}

var _ gorgonia.Solver = (*Solver)(nil)

// moments is the optimizer's memory of one parameter: m the velocity or first
// moment, v the second one.
type moments struct{ m, v []float32 }

func (m moments) any() []float32 {
	if m.m != nil {
		return m.m
	}
	return m.v
}

// New makes an optimizer. There is a group for each parameter, in the order of the
// steps' lists, or none at all.
func New(s Settings, groups ...Group) (*Solver, error) {
	for _, v := range []struct {
		name        string
		value, most float64
	}{{"rate", s.LR, math.MaxFloat32}, {"momentum", s.Momentum, 1 - 1e-6}, {"weight decay", s.WeightDecay, math.MaxFloat32},
		{"beta1", s.Beta1, 1 - 1e-6}, {"beta2", s.Beta2, 1 - 1e-6}, {"alpha", s.Alpha, 1 - 1e-6}, {"epsilon", s.Epsilon, math.MaxFloat32},
		{"greatest norm", s.ClipNorm, math.MaxFloat32}} {
		if !(v.value >= 0 && v.value <= v.most) { // NaN too
			return nil, fmt.Errorf("optim: %s %g, want 0 to %g", v.name, v.value, v.most)
		}
	}
	for _, n := range Names {
		if n == s.Name {
			setDefault(&s.Beta1, 0.9)
			setDefault(&s.Beta2, 0.999)
			setDefault(&s.Alpha, 0.99)
			setDefault(&s.Epsilon, 1e-8)
			return &Solver{s: s, groups: groups}, nil
		}
	}
	return nil, fmt.Errorf("optim: no optimizer is called %q, only %v", s.Name, Names)
}

func setDefault(v *float64, d float64) {
	if *v == 0 {
		*v = d
	}
}

// On makes steps run on the threads of a program, [graph.Program.Pool], as long as that is open;
// on nil, as at first, on the caller's alone. What they compute is the same.
func (o *Solver) On(threads *kernel.Pool) *Solver {
	o.threads = threads
	return o
}

// SetLR changes the learning rate of the steps to come.
func (o *Solver) SetLR(lr float64) { o.s.LR = lr }

// Step changes each value by its gradient. The list must be the same every time. The
// gradients stay as they are, unless they are clipped.
func (o *Solver) Step(params []gorgonia.ValueGrad) error {
	if o.slots == nil {
		o.slots = make([]moments, len(params))
	}
	if len(params) != len(o.slots) {
		return fmt.Errorf("optim: %d parameters, the steps before had %d", len(params), len(o.slots))
	}
	if o.groups != nil && len(params) != len(o.groups) {
		return fmt.Errorf("optim: %d parameters, %d groups", len(params), len(o.groups))
	}
	values, grads := make([][]float32, len(params)), make([][]float32, len(params))
	for i, p := range params {
		g, err := p.Grad()
		if err != nil {
			return fmt.Errorf("optim: parameter %d: %w", i, err)
		}
		w, dw := p.Value().(*tensor.Dense).Float32s(), g.(*tensor.Dense).Float32s()
		if len(w) != len(dw) {
			return fmt.Errorf("optim: parameter %d has %d elements, its gradient %d", i, len(w), len(dw))
		}
		if m := o.slots[i].any(); m != nil && len(m) != len(w) {
			return fmt.Errorf("optim: parameter %d has %d elements, in the step before %d", i, len(w), len(m))
		}
		values[i], grads[i] = w, dw
	}
	o.step++
	o.clip(grads)
	for i := range params {
		o.update(i, values[i], grads[i])
	}
	return nil
}

// clip scales gradients whose norm is greater than ClipNorm.
func (o *Solver) clip(grads [][]float32) {
	if o.s.ClipNorm == 0 {
		return
	}
	squares := 0.0
	for _, g := range grads {
		for _, v := range g {
			squares += float64(v) * float64(v)
		}
	}
	// PyTorch adds 1e-6 to the norm.
	if scale := o.s.ClipNorm / (math.Sqrt(squares) + 1e-6); scale < 1 {
		for _, g := range grads {
			kernel.Scale(o.threads, g, g, float32(scale))
		}
	}
}

func (o *Solver) update(i int, w, g []float32) {
	s, m := &o.s, &o.slots[i]
	rate, decay := s.LR, s.WeightDecay
	if o.groups != nil {
		rate, decay = rate*o.groups[i].Rate, decay*o.groups[i].Decay
	}
	lr, wd := float32(rate), float32(decay)
	adam := s.Name == "adam" || s.Name == "adamw"
	if m.m == nil && (adam || s.Momentum > 0) {
		m.m = make([]float32, len(w))
	}
	if m.v == nil && s.Name != "sgd" {
		m.v = make([]float32, len(w))
	}
	switch {
	case adam:
		kernel.Adam(o.threads, w, g, m.m, m.v, lr, float32(s.Beta1), float32(s.Beta2), float32(s.Epsilon), wd, o.step, s.Name == "adamw")
	case s.Name == "rmsprop":
		kernel.RMSProp(o.threads, w, g, m.m, m.v, lr, float32(s.Alpha), float32(s.Epsilon), float32(s.Momentum), wd)
	default:
		kernel.SGD(o.threads, w, g, m.m, lr, float32(s.Momentum), wd, s.Nesterov, o.step == 1)
	}
}

// State is what an optimizer remembers: the steps taken and its moments, in shared
// memory; none before the first step.
type State struct {
	Step    int
	Moments [][2][]float32 // of each parameter; nil where the optimizer keeps none
}

// State returns what the optimizer remembers.
func (o *Solver) State() State {
	st := State{Step: o.step}
	for _, m := range o.slots {
		st.Moments = append(st.Moments, [2][]float32{m.m, m.v})
	}
	return st
}

// SetState makes the optimizer go on from a state of one with the same settings.
func (o *Solver) SetState(st State) {
	o.step, o.slots = st.Step, nil
	for _, m := range st.Moments {
		o.slots = append(o.slots, moments{m[0], m[1]})
	}
}
