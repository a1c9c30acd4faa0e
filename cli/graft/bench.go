package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"graft/graph"
	"graft/graph/optim"
	"graft/onnx"
)

func benchVerb() *cli.Command {
	return &cli.Command{
		Name:      "bench",
		Category:  groupVerify,
		Usage:     "measure images per second, latency and memory",
		ArgsUsage: "MODEL [flags]",
		Description: `
Measures inference; with --train a whole training step of all layers: forward on
batch statistics, backward, and the update of SGD with momentum. The input is
noise. Images per second and latency are those of the median iteration; the
memory is the most that this process has held. --explain lists the kernels of the
program, by which algorithm each layer runs, and at what rate: the operations of
its formula a second, so that an algorithm that saves some shows more.`,
		UsageText: `
  graft bench resnet18.onnx --batch-size 8
  graft bench resnet18.onnx --train --memory low --json
  graft bench resnet18.onnx --explain`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "train", Usage: "measure a training step"},
			&cli.BoolFlag{Name: "explain", Usage: "list what each kernel takes and how it computes"},
			batchSize("1, with --train 32"),
			&cli.StringFlag{Name: "size", Usage: "`N|HxW` input size in pixels", DefaultText: "from the model, else 224"},
			whole("warmup", 2, 0, "`N` run this many iterations first", ""),
			whole("iterations", 10, 1, "`N` time this many iterations", ""),
			outputName(),
			memoryFlag(),
			exactFlag(),
			maxMemoryFlag("model", "2GB above its own size, with --train three quarters of the machine's"),
			output("`FILE` write the result here instead of to stdout"),
		},
		Action: runBench,
	}
}

// benchReport is what bench shows, as --json gives it.
type benchReport struct {
	ImagesPerSecond float64 `json:"images_per_second"`
	LatencyMS       float64 `json:"latency_ms"`         // of a batch, the median
	StartMemory     int64   `json:"start_memory_bytes"` // of the process before it reads the model
	PeakMemory      int64   `json:"peak_memory_bytes"`  // the most it has held

	Kernels []kernelReport `json:"kernels,omitempty"` // the slowest first

	p90     float64
	batch   int
	threads int
	train   bool
}

func runBench(c *cli.Context) error {
	u := newUI(c)
	args, err := positionals(c, "MODEL")
	if err != nil {
		return err
	}
	if err := checkOutput(c.String("output"), args[0]); err != nil {
		return err
	}
	start := peakMemory()
	m, err := readModel(args[0])
	if err != nil {
		return err
	}
	r, err := bench(c, u, m)
	if err != nil {
		return fmt.Errorf("%s: %w", quote(args[0]), err)
	}
	r.StartMemory = start
	return u.result(c.String("output"), r, r.write)
}

func bench(c *cli.Context, u *ui, m *onnx.ModelProto) (benchReport, error) {
	o := graph.Options{Batch: c.Int("batch-size"), Output: c.String("output-name"), Exact: c.Bool("exact")}
	if o.Batch == 0 && c.Bool("train") {
		o.Batch = 32
	}
	m, err := withSize(c, m, o)
	if err != nil {
		return benchReport{}, err
	}
	if m, err = withBatch(c, m, o); err != nil {
		return benchReport{}, err
	}
	o.MaxMemory = maxMemory(c, m)
	if c.Bool("train") {
		o.MaxMemory = givenMemory(c)
	}
	config := graph.Config{Options: o, Threads: threads(c)}
	if c.Bool("train") {
		s, err := graph.Analyse(m, o)
		if err != nil {
			return benchReport{}, err
		}
		all, err := s.Learning(graph.Freezing{BatchStatistics: true})
		if err != nil {
			return benchReport{}, err
		}
		config.Training = &graph.Training{Learning: all, Loss: optim.CrossEntropy, Seed: c.Uint64("seed"), Recompute: recompute(c)}
	}
	p, err := graph.Compile(m, config)
	if err != nil {
		return benchReport{}, err
	}
	defer p.Close()
	debug.FreeOSMemory() // what compiling left behind, before the steps touch their own
	r := benchReport{threads: p.Threads(), train: c.Bool("train"), batch: batchOf(p)}
	fillNoise(p, c.Uint64("seed"))
	once := p.Run
	if r.train {
		if once, err = trainingStep(p); err != nil {
			return r, err
		}
	}
	bar := u.progress("measuring", c.Int("warmup")+c.Int("iterations"), "iterations")
	defer bar.done()
	times, err := measure(c.Context, once, c.Int("warmup"), c.Int("iterations"), func() { bar.add(1) })
	if err != nil {
		return r, err
	}
	r.LatencyMS, r.p90 = quantile(times, 0.5), quantile(times, 0.9)
	r.ImagesPerSecond = 1000 * float64(r.batch) / r.LatencyMS
	r.PeakMemory = peakMemory()
	if c.Bool("explain") {
		r.Kernels, err = explain(p, once, c.Int("iterations"))
	}
	return r, err
}

// withSize gives an image model the input size that --size says, or 224 where the
// file leaves it open.
func withSize(c *cli.Context, m *onnx.ModelProto, o graph.Options) (*onnx.ModelProto, error) {
	size, err := graph.InputSize(m)
	if err != nil {
		if c.IsSet("size") {
			return nil, err
		}
		return m, nil // no image model; Compile says what it lacks, if anything
	}
	h, w := 224, 224
	if v := c.String("size"); v != "" {
		if h, w, err = parseSize(v); err != nil {
			return nil, err
		}
	}
	at := 1 // of the height in [C,H,W]
	if size[0] > 4 && size[2] > 0 && size[2] <= 4 {
		at = 0 // [H,W,C]
	}
	for k, v := range []int{h, w} {
		if size[at+k] == 0 || c.IsSet("size") {
			size[at+k] = v
		}
	}
	return graph.WithInputSize(m, size, o)
}

// withBatch opens the batch of a model whose file fixes another one than o wants. A
// batch that nobody asked for by --batch-size gives way to the file's.
func withBatch(c *cli.Context, m *onnx.ModelProto, o graph.Options) (*onnx.ModelProto, error) {
	in := ports(m, m.GetGraph().GetInput())
	if len(in) == 0 || len(in[0].Shape) == 0 {
		return m, nil
	}
	batch, isFixed := in[0].Shape[0].(int64)
	if !isFixed || o.Batch == 0 || batch == int64(o.Batch) {
		return m, nil
	}
	open, err := graph.DynamicBatch(m, o)
	switch {
	case err == nil:
		return open, nil
	case c.IsSet("batch-size"):
		return nil, fmt.Errorf("--batch-size %d: the file says %d: %w", o.Batch, batch, err)
	}
	return m, nil
}

// batchOf is the batch that the program was compiled for.
func batchOf(p *graph.Program) int {
	if in := p.Inputs(); len(in) > 0 && len(in[0].Shape) > 0 {
		return in[0].Shape[0]
	}
	return 1
}

// fillNoise gives the float inputs numbers of [-1,1). Integer inputs stay 0.
func fillNoise(p *graph.Program, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	for i, in := range p.Inputs() {
		if in.Type != onnx.TensorProto_FLOAT && in.Type != onnx.TensorProto_FLOAT16 && in.Type != onnx.TensorProto_BFLOAT16 {
			continue
		}
		x := p.Input(i)
		for k := range x {
			x[k] = 2*r.Float32() - 1
		}
	}
}

// trainingStep is one step of SGD towards a class an image.
func trainingStep(p *graph.Program) (func() error, error) {
	y, batch := p.Target(), batchOf(p)
	classes := len(y) / batch
	for i := range batch {
		y[i*classes+i%classes] = 1
	}
	// A small rate keeps numbers finite in networks without normalisation.
	solver, err := optim.New(optim.Settings{Name: "sgd", LR: 1e-5, Momentum: 0.9, WeightDecay: 1e-4})
	if err != nil {
		return nil, err
	}
	solver.On(p.Pool())
	step := uint64(0)
	return func() error {
		if err := p.Step(step); err != nil {
			return err
		}
		step++
		return solver.Step(p.ValueGrads())
	}, nil
}

// measure times f in milliseconds, sorted, after warmup calls that do not count.
func measure(ctx context.Context, f func() error, warmup, iterations int, done func()) ([]float64, error) {
	times := make([]float64, 0, iterations)
	for i := range warmup + iterations {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		start := time.Now()
		if err := f(); err != nil {
			return nil, err
		}
		if spent := time.Since(start); i >= warmup {
			times = append(times, spent.Seconds()*1000)
		}
		done()
	}
	slices.Sort(times)
	return times, nil
}

// quantile interpolates between the sorted values around q, as numpy does.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	next := min(i+1, len(sorted)-1)
	return sorted[i] + (at-float64(i))*(sorted[next]-sorted[i])
}

func (r benchReport) write(w io.Writer) error {
	what := "inference"
	if r.train {
		what = "training step of all layers"
	}
	err := writeTable(w, nil, [][]string{
		{"measured", fmt.Sprintf("%s, batch %d, threads %d", what, r.batch, r.threads)},
		{"speed", fmt.Sprintf("%.*f images/s", decimals(r.ImagesPerSecond), r.ImagesPerSecond)},
		{"latency", fmt.Sprintf("%.*f ms, 90 %% within %.*f ms", decimals(r.LatencyMS), r.LatencyMS, decimals(r.p90), r.p90)},
		{"memory", size(r.PeakMemory) + " at the most"},
	})
	if err != nil || len(r.Kernels) == 0 {
		return err
	}
	return writeKernels(w, r.Kernels)
}
