package finetune

import (
	"context"
	"fmt"
	"math"
	"slices"

	"graft/finetune/data"
	"graft/graph"
	"graft/onnx"
)

// Proof is what a written model, read back, does on the validation images, by the path
// that predictions take.
type Proof struct {
	*Evaluation
	Trained    float64 // score that the training measured for it; NaN where it did not
	Difference float64 // max|a-b| / max|b| of its outputs and the trained program's; NaN without these
	Frozen     int     // tensors that had to stay as they were, and did
}

// Prove checks the model that a training has written: it must classify the validation
// images as the training did, up to MaxDifference, and what was frozen must be the
// original's, bit for bit. was is the model that was fine-tuned.
func Prove(ctx context.Context, written, was *onnx.ModelProto, r *Result, val *data.Set, step func(done, total int)) (*Proof, error) {
	p := &Proof{Trained: math.NaN(), Difference: math.NaN()}
	var err error
	if p.Frozen, err = frozenTensors(written, was, r.Plan); err != nil {
		return nil, err
	}
	if val == nil || val.Len() == 0 {
		return p, nil
	}
	c := r.Plan.Config
	if c.Head != "keep" && c.Head != "redraw" { // the outputs are new ones
		c.Output = ""
	}
	k, err := NewClassifier(written, ClassifierConfig{Data: val, Output: c.Output, Batch: c.Batch, Threads: c.Threads, Workers: c.Workers, MaxMemory: c.MaxMemory, Exact: c.Exact})
	if err != nil {
		return nil, err
	}
	defer k.Close()
	skipped := map[string]bool{}
	for _, name := range r.Skipped {
		skipped[name] = true
	}
	if len(skipped) > 0 {
		var good []int
		for i, it := range val.Items {
			if !skipped[it.Name] {
				good = append(good, i)
			}
		}
		val = val.Subset(good)
	}
	p.Evaluation, p.Difference, err = k.compare(ctx, val, r.Outputs, step)
	if err != nil {
		return nil, err
	}
	if b := r.BestEpoch(); b != nil {
		p.Trained = b.ValScore
	}
	limit := MaxDifference
	if holdsHalf(written) {
		limit = MaxHalfDifference
	}
	if p.Difference > limit {
		return p, failf("please report it", "the written model's outputs differ from the trained program's by %.2g of the largest, more than %.0g", p.Difference, limit)
	}
	return p, nil
}

// holdsHalf says whether a model keeps tensors in 16-bit floats.
func holdsHalf(m *onnx.ModelProto) bool {
	return slices.ContainsFunc(m.GetGraph().GetInitializer(), func(t *onnx.TensorProto) bool {
		k := onnx.TensorProto_DataType(t.GetDataType())
		return k == onnx.TensorProto_FLOAT16 || k == onnx.TensorProto_BFLOAT16
	})
}

// MaxDifference is how far, as a share of the largest output, the written model and the
// trained program may be apart: their sums are in another order.
const MaxDifference = 1e-4

// MaxHalfDifference is MaxDifference where the model is written in 16-bit floats: the
// weights, trained in float32, are rounded to 8 or 11 bits.
const MaxHalfDifference = 2e-2

// compare is Evaluate, and how far the outputs are from others, NaN where there are none.
func (k *Classifier) compare(ctx context.Context, s *data.Set, outputs []float32, step func(done, total int)) (*Evaluation, float64, error) {
	largest, apart := 0.0, 0.0
	classes := len(k.Labels)
	known := len(outputs) == s.Len()*classes
	e, err := k.evaluate(ctx, s, step, func(i int, raw []float32) {
		if !known {
			return
		}
		for j, v := range outputs[i*classes : (i+1)*classes] {
			largest, apart = math.Max(largest, math.Abs(float64(v))), math.Max(apart, math.Abs(float64(v)-float64(raw[j])))
		}
	})
	if !known || largest == 0 {
		return e, math.NaN(), err
	}
	return e, apart / largest, err
}

// frozenTensors counts the tensors of the original that are in the written model and were
// not to learn, and wants each to be the same.
func frozenTensors(written, was *onnx.ModelProto, p *Plan) (n int, err error) {
	learns := map[string]bool{}
	for _, name := range p.Last().Learning.Params {
		learns[name] = true
	}
	of := map[string]*onnx.TensorProto{}
	for _, t := range was.GetGraph().GetInitializer() {
		of[t.GetName()] = t
	}
	follows := p.structure.StatisticsOf(p.Last().Learning)
	for _, t := range written.GetGraph().GetInitializer() {
		name := t.GetName()
		old := of[name]
		if old == nil || learns[name] || slices.Contains(follows, name) || p.redrawn(name) {
			continue
		}
		a, err := onnx.TensorOf(old)
		if err != nil {
			return 0, err
		}
		b, err := onnx.TensorOf(t)
		if err != nil {
			return 0, err
		}
		if !slices.Equal(a.Shape, b.Shape) || fmt.Sprint(a.Data) != fmt.Sprint(b.Data) {
			return 0, failf("please report it", "the frozen tensor %q has changed", name)
		}
		n++
	}
	return n, nil
}

// redrawn says whether a tensor that does not learn lies above the cut of a redrawn
// network, whose statistics begin anew.
func (p *Plan) redrawn(name string) bool {
	return p.Config.Head == "redraw" && !p.structure.DependsOn(p.Cut, name)
}

// Change is how far training has moved the tensors of a layer, as a share of their norm.
type Change struct {
	Layer  int // from 1; 0 what lies below the first layer
	Tensor string
	Share  float64
}

// Changes compares a trained model's learnt weights with what they began as, a layer each
// by its largest tensor, from the input up; new layers are left out.
func (r *Result) Changes() ([]Change, error) {
	kept, err := r.Plan.structure.Learning(graph.Freezing{Below: r.Plan.Cut})
	if err != nil {
		return nil, err
	}
	size := map[int]int{}
	byLayer := map[int]Change{}
	for _, t := range r.Plan.structure.Trainable() {
		if slices.Contains(kept.Params, t.Name) || !slices.Contains(r.Plan.Last().Learning.Params, t.Name) || numel(t.Shape) <= size[t.Layer] {
			continue
		}
		was, err := graph.Constant(r.Plan.Model, t.Name)
		if err != nil {
			return nil, err
		}
		is, err := graph.Constant(r.Best, t.Name)
		if err != nil {
			return nil, err
		}
		size[t.Layer] = numel(t.Shape)
		byLayer[t.Layer] = Change{t.Layer, t.Name, moved(was, is)}
	}
	var list []Change
	for layer := range len(r.Plan.structure.Layers) + 1 {
		if c, ok := byLayer[layer]; ok {
			list = append(list, c)
		}
	}
	return list, nil
}

// moved is |b-a| / |a|.
func moved(a, b []float32) float64 {
	diff, norm := 0.0, 0.0
	for i, v := range a {
		d := float64(b[i]) - float64(v)
		diff, norm = diff+d*d, norm+float64(v)*float64(v)
	}
	if norm == 0 {
		return 0
	}
	return math.Sqrt(diff / norm)
}
