package ops

import (
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
)

// Absorber is a form that can do what the only reader of its output does, in the same
// pass over memory.
type Absorber interface {
	Form
	// Absorb takes over the reader where it can, and returns the further inputs that it
	// needs for that. own are its inputs up to now.
	Absorb(own []*Value, r Reader) (more []*Value, ok bool)
}

// Reader is the operator that reads an output.
type Reader struct {
	Form  Form
	In    []*Value
	Slot  int               // the input that holds the output
	Batch bool              // it normalises by the batch's statistics
	Learn func(*Value) bool // whether a value depends on what learns
}

// limits keep a result between two numbers, as Relu and Clip do.
type limits struct {
	set    bool
	lo, hi float32
}

// absorb takes over an activation.
func (l *limits) absorb(next Form) bool {
	if l.set {
		return false
	}
	switch f := next.(type) {
	case *unary:
		if f.name == "Relu" {
			*l = limits{true, 0, float32(math.Inf(1))}
		}
	case *clip:
		if f.floats {
			*l = limits{true, float32(f.lo), float32(f.hi)}
		}
	}
	return l.set
}

// gate is the gradient by what lies before a clamp: dy where y lies between lo and hi.
func (b *Builder) gate(clamp bool, lo, hi float32, y, dy *gorgonia.Node) *gorgonia.Node {
	if !clamp {
		return dy
	}
	if math.IsInf(float64(hi), 1) {
		hi = float32(math.NaN()) // closes for nothing, not even infinity
	}
	return b.Apply(Kernel{Name: "Gate", Shape: dy.Shape(), Over: []int{1},
		Run: func(dx []float32, x [][]float32) { kernel.Gate(b.Pool, dx, x[0], x[1], lo, hi) }}, y, dy)
}

// residual is what the reader adds, of the same shape; nil where it does something else.
func (r *Reader) residual() *Value {
	if f, ok := r.Form.(*binary); !ok || f.name != "Add" || r.In[0] == r.In[1] {
		return nil
	}
	other := r.In[1-r.Slot]
	if other.Const != nil || !slices.Equal(r.In[r.Slot].Shape, other.Shape) || !IsFloat(other.Type) {
		return nil
	}
	return other
}
