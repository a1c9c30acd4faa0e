package ops

import (
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Kernel is one computation of a compiled graph: a pure function from float32
// buffers to one float32 buffer.
type Kernel struct {
	// Name is what a drawing of the graph shows: "Conv", "Conv.dx".
	Name string
	// Shape is the shape of y. Nil makes y a scalar, as a loss must be.
	Shape []int
	// Run computes y from x, the buffers of the node's inputs in order. It must write
	// all of y, and must not keep or change x, but for what Over allows. Nil: y is x[0] itself under another
	// shape, and shares its memory.
	Run func(y []float32, x [][]float32)
	// Grad adds the gradient's kernels to the graph and returns one node an input, nil
	// where need is false. y is the node of this kernel, dy the gradient of the loss by
	// y. A nil Grad makes a kernel whose result is constant to the gradient.
	Grad func(in []*gorgonia.Node, y, dy *gorgonia.Node, need []bool) []*gorgonia.Node
	// Cheap says that y costs little to compute once more from x: see Builder.Recompute.
	Cheap bool
	// Over lists inputs whose memory y may take where nothing reads them afterwards, the best
	// first: Run reads an element of them no later than it writes it.
	Over []int
	// Keep holds y's memory to the end of a step: the host reads it then.
	Keep bool
	// How names the algorithm and MultiplyAdds counts the formula's, for a Timing.
	How          string
	MultiplyAdds int
}

// RunError says which operator of a running program found its operands wrong.
type RunError struct {
	Op  string
	Err error
}

func (e *RunError) Error() string { return fmt.Sprintf("%s: %v", e.Op, e.Err) }
func (e *RunError) Unwrap() error { return e.Err }

// kernelOp is a Kernel as Gorgonia sees it, one instance a node.
type kernelOp struct {
	Kernel
	b    *Builder
	id   int
	dims []int  // dimensions of the inputs, 0 for a scalar
	need []bool // inputs whose gradient is wanted
	taps []*tap // further readers of y, see Builder.Apply
	time *Timing

	x   [][]float32
	y   []float32
	out gorgonia.Value
}

func (k *kernelOp) Arity() int { return len(k.dims) }

// Type must be a fresh value at every call: Gorgonia gives it back to a pool.
func (k *kernelOp) Type() hm.Type {
	t := make([]hm.Type, 0, len(k.dims)+1)
	for _, d := range k.dims {
		t = append(t, floatType(d))
	}
	return hm.NewFnType(append(t, floatType(len(k.Shape)))...)
}

func floatType(dims int) hm.Type {
	if dims == 0 {
		return tensor.Float32
	}
	return gorgonia.TensorType{Dims: dims, Of: tensor.Float32}
}

func (k *kernelOp) InferShape(...gorgonia.DimSizer) (tensor.Shape, error) {
	return tensor.Shape(k.Shape), nil
}

func (k *kernelOp) ReturnsPtr() bool     { return true }
func (k *kernelOp) CallsExtern() bool    { return false }
func (k *kernelOp) OverwritesInput() int { return -1 }

// WriteHash names the instance: Gorgonia merges nodes of equal hash.
func (k *kernelOp) WriteHash(h hash.Hash) { fmt.Fprintf(h, "%s#%d", k.Name, k.id) }
func (k *kernelOp) String() string        { return fmt.Sprintf("%s#%d", k.Name, k.id) }

func (k *kernelOp) Hashcode() uint32 {
	h := fnv.New32a()
	k.WriteHash(h)
	return h.Sum32()
}

// Do runs the kernel. A panic, of what the operands hold, becomes the operator's error.
func (k *kernelOp) Do(in ...gorgonia.Value) (v gorgonia.Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &RunError{k.Name, fmt.Errorf("%v", r)}
		}
	}()
	if k.Run == nil {
		if k.out == nil { // over the result of a reference node, which is new every time
			return tensor.New(tensor.WithShape(k.Shape...), tensor.WithBacking(floatsOf(in[0]))), nil
		}
		return k.out, nil
	}
	for i, v := range in {
		k.x[i] = floatsOf(v)
	}
	k.time.measure(k.b.Clock, func() { k.Run(k.y, k.x) })
	if s, ok := k.out.(*gorgonia.F32); ok {
		*s = gorgonia.F32(k.y[0])
	}
	return k.out, nil
}

// floatsOf is the buffer behind a value. A scalar, the loss or the 1 that Gorgonia
// starts the gradient from, comes as a slice of its own.
func floatsOf(v gorgonia.Value) []float32 {
	switch v := v.(type) {
	case *tensor.Dense:
		return v.Float32s()
	case *gorgonia.F32:
		return []float32{float32(*v)}
	}
	panic("value is not float32")
}

// DiffWRT is the mask of this instance: Gorgonia computes the gradient of every
// input marked here, asked for or not.
func (k *kernelOp) DiffWRT(int) []bool { return k.need }

func (k *kernelOp) SymDiff(in gorgonia.Nodes, y, dy *gorgonia.Node) (g gorgonia.Nodes, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("ops: gradient of %s: %v", k.Name, r)
		}
	}()
	dy = k.b.sumTaps(k, dy)
	k.b.Step, k.b.after = k.time.Step, dy
	return k.Grad(in, y, dy, k.need), nil
}

// bind gives the op its memory: y, of the shape's size.
func (k *kernelOp) bind(y []float32) {
	k.y = y
	if k.Shape == nil {
		k.out = gorgonia.NewF32(0)
		return
	}
	k.out = tensor.New(tensor.WithShape(k.Shape...), tensor.WithBacking(y))
}
