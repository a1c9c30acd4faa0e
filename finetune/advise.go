package finetune

import (
	"context"
	"fmt"
	"slices"

	"graft/finetune/data"
	"graft/graph"
	"graft/graph/optim"
	"graft/onnx"
)

// Advice is what a quick head on the features of each cut point reaches.
type Advice struct {
	Points []AdvisedPoint
	Cut    int // the number of the cut point to take
	Freeze string
	Why    string
}

// AdvisedPoint is one cut point with a head trained on its features.
type AdvisedPoint struct {
	graph.CutPoint
	Top1   float64 // on the validation set
	Loss   float64
	Params int // of the head
}

// adviceEpochs is how long the head of a cut point is trained.
const adviceEpochs = 20

// Advise trains a linear head on the features of every cut point, which it computes in
// one pass over the data, and says which one to cut at and what to freeze. The head of a
// convolution reads the mean of each channel.
func Advise(ctx context.Context, m *onnx.ModelProto, train, val *data.Set, c Config) (*Advice, error) {
	if val == nil || val.Len() == 0 {
		return nil, failf("give a validation set, or a share by --val", "without validation there is nothing to compare cut points by")
	}
	c.Augment, c.Mixup, c.CutMix = "none", 0, 0
	if !onlyClasses(headsOf(train)) {
		return nil, failf("cut where the classes of its first task are told best", "cut points are compared by heads that tell classes apart")
	}
	p, err := Graft(m, train, c)
	if err != nil {
		return nil, err
	}
	body, err := (&Plan{}).prepareInput(m, p.Config)
	if err != nil {
		return nil, err
	}
	s, err := graph.Analyse(body, graph.Options{Output: c.Output})
	if err != nil {
		return nil, err
	}
	points := s.CutPoints
	if len(points) == 0 {
		return nil, failf("", "the model has no cut point")
	}
	t := newTraining(p, train, val)
	all, err := t.pooled(ctx, body, points, train, val)
	if err != nil {
		return nil, err
	}
	a := &Advice{}
	for i, point := range points {
		t.report("heads", i, len(points))
		one, err := t.headOn(ctx, point, all[0][i], all[1][i])
		if err != nil {
			return nil, err
		}
		a.Points = append(a.Points, one)
	}
	t.report("heads", len(points), len(points))
	a.decide(p.Config, s, train)
	return a, nil
}

// pooled computes the features of every point for both sets in one pass, each channel by
// its mean.
func (t *training) pooled(ctx context.Context, m *onnx.ModelProto, points []graph.CutPoint, sets ...*data.Set) ([][]*features, error) {
	size := min(t.Batch, 32)
	var tensors []string
	for _, p := range points {
		tensors = append(tensors, p.Tensor)
	}
	program, err := graph.Compile(m, graph.Config{Options: graph.Options{Batch: size, Output: t.Output, MaxMemory: t.MaxMemory, Exact: t.Exact}, Threads: t.Threads, Outputs: tensors})
	if err != nil {
		return nil, err
	}
	defer program.Close()
	total, done := 0, 0
	for _, s := range sets {
		total += s.Len()
	}
	var r [][]*features
	for _, s := range sets {
		list := make([]*features, len(points))
		for k, p := range points {
			w := channels(p.Shape)
			list[k] = &features{plain: make([]float32, s.Len()*w), width: w, seed: t.Seed, bad: map[int]bool{}}
			for _, it := range s.Items {
				list[k].labels = append(list[k].labels, it.Label)
			}
		}
		in := images{set: s, pre: t.plan.Preprocess, workers: t.Workers, skip: t.skipping(s)}
		err := in.each(ctx, upTo(s.Len()), unvaried, size, func(b batch) error {
			copy(program.Input(0), b.x)
			if err := program.Run(); err != nil {
				return err
			}
			for k, f := range list {
				y, _ := program.Output(k).Floats()
				for j, i := range b.index {
					poolInto(f.plain[i*f.width:(i+1)*f.width], y[j*len(y)/size:(j+1)*len(y)/size], points[k].Shape)
				}
			}
			done += b.taken
			t.report("features", done, total)
			return nil
		})
		if err != nil {
			return nil, err
		}
		for i := range t.skipped[s] {
			for _, f := range list {
				f.bad[i] = true
			}
		}
		r = append(r, list)
	}
	return r, nil
}

// channels is the number of features of a tensor [1,C,H,W], [1,T,C] or [1,C] by its means.
func channels(shape []int) int {
	if len(shape) == 3 {
		return shape[2]
	}
	return shape[1]
}

// poolInto writes the mean of each channel of one example.
func poolInto(to, x []float32, shape []int) {
	area := len(x) / len(to)
	for c := range to {
		sum := float32(0)
		for k := range area {
			if len(shape) == 3 {
				sum += x[k*len(to)+c]
			} else {
				sum += x[c*area+k]
			}
		}
		to[c] = sum / float32(area)
	}
}

// headOn trains a linear head on the features of a point.
func (t *training) headOn(ctx context.Context, point graph.CutPoint, train, val *features) (AdvisedPoint, error) {
	r := AdvisedPoint{CutPoint: point, Params: (train.width + 1) * len(t.plan.Classes)}
	standardise(train, val)
	m, err := headAlone(train.width, len(t.plan.Classes), t.Seed)
	if err != nil {
		return r, err
	}
	ph := Phase{Epochs: adviceEpochs, Learning: graph.Learning{Params: []string{"head.logits.bias", "head.logits.weight"}},
		Optimizer: optim.Settings{Name: "adam", LR: 3e-3, WeightDecay: chosenDecay}}
	ph.groups = map[string]optim.Group{"head.logits.bias": {Rate: 1}, "head.logits.weight": {Rate: 1, Decay: 1}}
	one := newTraining(t.plan, t.trainSet, t.valSet)
	one.Schedule, one.Accumulate, one.EMA, one.Output, one.LabelSmoothing = "cosine", 1, 0, "", 0
	one.Progress, one.OnStep, one.OnEpoch = nil, nil, nil
	one.targets.smoothing = 0
	g := &stage{Phase: &ph, train: train, val: val}
	if err := one.compile(g, m); err != nil {
		return r, err
	}
	defer g.close()
	for one.at.Epoch < ph.Epochs {
		if err := one.oneEpoch(ctx, g, 0); err != nil {
			return r, err
		}
	}
	last := one.result.Epochs[len(one.result.Epochs)-1]
	r.Top1, r.Loss = last.ValScore, last.ValLoss
	return r, nil
}

// headAlone is a model of a linear head on features.
func headAlone(width, classes int, seed uint64) (*onnx.ModelProto, error) {
	ir, opset := int64(7), int64(13)
	m := &onnx.ModelProto{IrVersion: &ir, OpsetImport: []*onnx.OperatorSetIdProto{{Domain: new(""), Version: &opset}}, Graph: &onnx.GraphProto{
		Name:   new("head"),
		Node:   []*onnx.NodeProto{onnx.NewNode("Identity", "features", []string{"x"}, []string{"features"})},
		Input:  []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", width)},
		Output: []*onnx.ValueInfoProto{onnx.TensorInfo("features", onnx.TensorProto_FLOAT, "N", width)},
	}}
	return graph.AddHead(m, graph.Head{Classes: classes, Seed: seed}, graph.Options{})
}

// decide takes the best point, of equal ones that of the smallest loss.
func (a *Advice) decide(c Config, s *graph.Structure, train *data.Set) {
	best := slices.MaxFunc(a.Points, func(x, y AdvisedPoint) int {
		switch {
		case x.Top1 < y.Top1 || x.Top1 == y.Top1 && x.Loss > y.Loss:
			return -1
		case x.Top1 > y.Top1 || x.Loss < y.Loss:
			return 1
		}
		return 0
	})
	a.Cut = best.N
	c.Freeze, c.UnfreezeAt, c.Epochs = "auto", 0, 0
	a.Freeze = "all"
	a.Why = fmt.Sprintf("a head on cut point %d tells %.1f %% of the validation images right, the most", best.N, 100*best.Top1)
	if choices, err := choose(&c, s, best.Tensor, train, false); err == nil && (c.UnfreezeAt > 0 || c.Freeze == "0") {
		a.Freeze = "auto"
		for _, ch := range choices {
			if ch.Name == "freeze" || ch.Name == "unfreeze-at" {
				a.Why += "; " + ch.Why
			}
		}
	}
}
