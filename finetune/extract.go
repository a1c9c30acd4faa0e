package finetune

import (
	"context"

	"graft/finetune/data"
	"graft/graph"
	"graft/onnx"
)

// ExtractorConfig says which features an Extractor computes, and how. Zero fields are
// defaults.
type ExtractorConfig struct {
	After           string           // as Config.After
	AllowPartialCut bool             // as Config.AllowPartialCut
	Output          string           // of a model with several; "" its only one
	Preprocess      *data.Preprocess // nil: what the model says
	Data            *data.Set        // what will be read, if it may be float32 arrays
	Batch           int              // 8
	Threads         int              // of the kernels; 0 all cores
	Workers         int              // that decode images; 0 one a core
	MaxMemory       int64            // of the program, in bytes; 0: three quarters of the machine's
	Exact           bool             // see graph.Options
}

// Extractor computes what a model makes of images at a cut point.
type Extractor struct {
	Tensor     string
	Shape      []int // of one image's features: [C,H,W], [T,C] or [C]
	Preprocess data.Preprocess

	program *graph.Program
	batch   int
	workers int
	exact   bool
}

// NewExtractor compiles a model up to a cut point. Close it after use.
func NewExtractor(m *onnx.ModelProto, c ExtractorConfig) (*Extractor, error) {
	setDefault(&c.Batch, fastBatch)
	p := &Plan{}
	in := Config{Preprocess: c.Preprocess, Output: c.Output, After: c.After, AllowPartialCut: c.AllowPartialCut}
	if c.Data != nil {
		in.arrays = arraysOf(c.Data)
	}
	m, err := p.prepareInput(m, in)
	if err != nil {
		return nil, err
	}
	o := graph.Options{Output: c.Output}
	s, err := graph.Analyse(m, o)
	if err != nil {
		return nil, err
	}
	e := &Extractor{Preprocess: p.Preprocess, batch: c.Batch, workers: c.Workers, exact: c.Exact}
	if e.Tensor, err = cutTensor(s, in); err != nil {
		return nil, err
	}
	e.Shape = s.Shape(e.Tensor)[1:]
	if m, err = graph.Cut(m, e.Tensor, o); err != nil {
		return nil, err
	}
	e.program, err = graph.Compile(m, graph.Config{Options: graph.Options{Batch: c.Batch, MaxMemory: c.MaxMemory, Exact: c.Exact}, Threads: c.Threads})
	return e, err
}

// Close ends the extractor's threads.
func (e *Extractor) Close() { e.program.Close() }

// Each calls f with the features of each image of a set, in order; x is valid until f
// returns.
func (e *Extractor) Each(ctx context.Context, s *data.Set, f func(i int, x []float32) error) error {
	width := numel(e.Shape)
	in := images{set: s, pre: e.Preprocess, workers: e.workers}
	return in.each(ctx, upTo(s.Len()), unvaried, e.batch, func(b batch) error {
		if len(b.x) > len(e.program.Input(0)) {
			return failf("", "inputs of %d numbers, the model takes %d", len(b.x)/b.n, len(e.program.Input(0))/e.batch)
		}
		copy(e.program.Input(0), b.x)
		if err := e.program.Run(); err != nil {
			return err
		}
		y, _ := e.program.Output(0).Floats()
		for k, i := range b.index {
			if err := f(i, y[k*width:(k+1)*width]); err != nil {
				return err
			}
		}
		return nil
	})
}
