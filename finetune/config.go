package finetune

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"graft/finetune/data"
	"graft/graph/optim"
	"graft/internal/spell"
)

// Config is a fine-tuning. The zero value of a field is its default; where that is said
// to be chosen, it follows from the model and the data, and Plan.Choices says why.
type Config struct {
	// After is where the model is cut: a cut point's number, "layer:K" or a name.
	// "" is the last cut point before the final layer; "0", with Head "redraw", keeps
	// no layer: the network is trained from scratch.
	After           string
	AllowPartialCut bool   // take a tensor that some path leads past, and lose that path
	Output          string // of a model with several; "" its only one
	Float32         bool   // widen a model in float16 or bfloat16, which else is written as it was

	// Head is what comes above the cut: "linear" (default), "mlp:H1,H2", "keep" (the
	// model's own last layers go on learning) or "redraw" (they get new weights).
	Head    string
	Heads   map[string]string // the same for single heads of a set that has several, by their names
	Dropout float64           // before the head's last layer

	// Freeze fixes everything up to a cut point: "all" (the whole kept part), "0"
	// (nothing), or as After; "auto" (default) is chosen.
	Freeze string
	// UnfreezeAt is the epoch, counted from 1, from which on what Freeze has fixed
	// learns too. 0: never, and with Freeze "auto" it is chosen.
	UnfreezeAt int
	// BatchNorm is "frozen" (stored statistics) or "batch" for the layers that learn.
	// "" means frozen where UnfreezeAt is chosen, else batch where Batch is 8 or more and
	// there are such layers.
	BatchNorm string
	Also      []string // further tensors that learn

	Epochs     int // chosen
	Batch      int // 32
	Accumulate int // batches whose gradients make one step; 1

	// Optimizer: Name and LR are chosen, with Name "" WeightDecay too, where None is none;
	// it counts for what DecayExclude leaves.
	Optimizer optim.Settings
	// LRMult is the rate of the kept part as a share of the head's, 1; LayerDecay the
	// rate of each layer as a share of the next one's, 1.
	LRMult, LayerDecay float64
	BiasMult           float64  // rate of biases as a multiple of their weights', 1; Caffe's networks have 2
	DecayExclude       []string // "norm", "bias": what weight decay leaves alone
	Schedule           string   // chosen
	Warmup             float64  // epochs in which the rate rises
	EMA                float64  // decay of the moving average of the weights that is validated and written; 0 none
	EarlyStop          int      // stop after this many epochs without a better one; 0 never

	Augment        string  // a name of data.Presets, or "auto" (default): chosen
	Mixup, CutMix  float64 // alpha of the mixing of images and labels; 0 none
	LabelSmoothing float64 // share of a label that all classes divide; with Optimizer.Name "" chosen, None is none
	ClassWeights   string  // "none" or "balanced": classes weigh equally in the loss
	Sampling       string  // "shuffle", "sequential", or "balanced": classes are drawn equally often
	Seed           uint64  // of all that is random: weights, order, views, Dropout

	// Preprocess is how images become inputs; nil means what the model's metadata say.
	// Its Height and Width change the network's input size; 0 leaves that. Arrays of
	// float32 are taken as they are.
	Preprocess *data.Preprocess
	// Cache is "auto" (features are kept where they fit into CacheBytes), "off", or a folder, in
	// which they are kept for later trainings too.
	Cache string
	// CacheBytes is how much memory features may take; 2 GiB.
	CacheBytes int64
	// MaxMemory is the most that kept features and programs' computed values may take, in
	// bytes; 0: three quarters of the machine's for the latter.
	MaxMemory int64
	// Recompute lets a step compute cheap values once more for its gradients instead of keeping
	// them: less memory, some more time, the same numbers.
	Recompute bool
	Exact     bool // see graph.Options
	Threads   int  // of the kernels; 0 all cores
	Workers   int  // that decode images; 0 one a core

	// Progress is told how far the part of the work called stage is.
	Progress func(stage string, done, total int)
	// OnPlan is told what will be trained, before it is.
	OnPlan func(*Plan)
	// OnStep is told each finished step, OnEpoch each finished epoch; the training waits
	// for them.
	OnStep  func(Step)
	OnEpoch func(Epoch)

	// SkipBad leaves out images that do not decode, unless these are more than a tenth of
	// a set or all of a class; OnSkip is told each of them once. Else they are errors.
	SkipBad bool
	OnSkip  func(name string, err error)

	// Save, if not nil, is given a checkpoint after every SaveEvery steps, at the end of
	// every epoch, and where an error or the context ends the training. Its slices change
	// with the training: Save writes them before it returns. An error of Save ends it.
	Save      func(*Checkpoint) error
	SaveEvery int // 0: only at the ends of epochs
	// Resume is where to go on: the training ends with the same bytes as if it had never
	// been interrupted. A checkpoint of another training is refused, unless AllowChanges.
	Resume       *Checkpoint
	AllowChanges bool
	// OnData, with Save or Resume, is told what the data were made of.
	OnData func(train, val []data.Sum) error

	arrays *[3]int // the shape of float32 arrays; nil for images
	adapt  bool    // the network to the channels of the data
}

// Step is the record of one change of the weights.
type Step struct {
	N     uint64 // from 1, over the whole training
	Epoch int    // from 1
	Loss  float64
	LR    float64 // of the head
}

// Epoch is the record of one pass over the training images. What was not measured is NaN.
type Epoch struct {
	N          int     // from 1
	TrainLoss  float64 // the mean over the images, as they were varied
	TrainScore float64 // by Plan.Metric, during training; of classes alone
	ValLoss    float64
	ValScore   float64 // by Plan.Metric
	LR         float64 // of the head, in the last step
	Seconds    float64
	Best       bool // the best so far by validation
}

// Error is something the user can change.
type Error struct {
	Err  error
	hint string
}

func (e *Error) Error() string { return "finetune: " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Hint is what can be done about it.
func (e *Error) Hint() string { return e.hint }

func failf(hint, format string, args ...any) error {
	return &Error{fmt.Errorf(format, args...), hint}
}

// Known words of Config's fields.
var (
	BatchNorms    = []string{"frozen", "batch"}
	ClassWeights  = []string{"none", "balanced"}
	Samplings     = []string{"shuffle", "sequential", "balanced"}
	DecayExcludes = []string{"norm", "bias"}
)

// withDefaults resolves the fields that were left out and do not depend on the model
// or the data, and refuses wrong ones.
func (c Config) withDefaults() (Config, error) {
	setDefault(&c.Head, "linear")
	setDefault(&c.Freeze, "auto")
	setDefault(&c.Augment, "auto")
	setDefault(&c.Cache, "auto")
	setDefault(&c.ClassWeights, "none")
	setDefault(&c.Sampling, "shuffle")
	setDefault(&c.Batch, 32)
	setDefault(&c.Accumulate, 1)
	setDefault(&c.LRMult, 1)
	setDefault(&c.LayerDecay, 1)
	setDefault(&c.BiasMult, 1)
	setDefault(&c.CacheBytes, maxCache)
	augments := []string{"auto"}
	for _, p := range data.Presets {
		augments = append(augments, p.Name)
	}
	for _, v := range []struct {
		name, value string
		known       []string
	}{
		{"optimizer", c.Optimizer.Name, append([]string{""}, optim.Names...)},
		{"schedule", c.Schedule, append([]string{""}, optim.Schedules...)},
		{"augmentation", c.Augment, augments},
		{"BatchNorm mode", c.BatchNorm, append([]string{""}, BatchNorms...)},
		{"class weights", c.ClassWeights, ClassWeights},
		{"sampling", c.Sampling, Samplings},
	} {
		if !slices.Contains(v.known, v.value) {
			return c, failf(spell.Hint(v.value, v.known), "%s %q is not known, only %s", v.name, v.value, strings.Join(v.known, ", "))
		}
	}
	for _, e := range c.DecayExclude {
		if !slices.Contains(DecayExcludes, e) {
			return c, failf("", "weight decay cannot leave out %q, only %s", e, strings.Join(DecayExcludes, ", "))
		}
	}
	if _, _, err := parseHead(c.Head); err != nil {
		return c, err
	}
	for _, name := range slices.Sorted(maps.Keys(c.Heads)) {
		if kind, _, err := parseHead(c.Heads[name]); err != nil {
			return c, err
		} else if kind != "linear" && kind != "mlp" {
			return c, failf("use linear or mlp:H1,H2", "head %q of several cannot be %q", name, kind)
		}
	}
	return c, c.checkNumbers()
}

func (c Config) checkNumbers() error {
	if c.Epochs < 0 || c.Batch < 1 || c.Accumulate < 1 || c.EarlyStop < 0 || c.UnfreezeAt < 0 {
		return failf("", "%d epochs, batches of %d, %d of them a step, early stop after %d, unfreezing at epoch %d: want whole numbers above 0",
			c.Epochs, c.Batch, c.Accumulate, c.EarlyStop, c.UnfreezeAt)
	}
	for _, v := range []struct {
		name             string
		value, lo, below float64
	}{
		{"the rate of the kept part", c.LRMult, 1e-9, 1e9}, {"the rate of biases", c.BiasMult, 1e-9, 1e9}, {"layer decay", c.LayerDecay, 1e-9, 1 + 1e-9}, {"warm-up", c.Warmup, 0, 1e9},
		{"the moving average's decay", c.EMA, 0, 1}, {"mixup", c.Mixup, 0, 5}, {"cutmix", c.CutMix, 0, 5},
		{"label smoothing", c.LabelSmoothing, None, 1}, {"dropout", c.Dropout, 0, 1},
	} {
		if !(v.value >= v.lo && v.value < v.below) {
			return failf("", "%s of %g, want at least %g and below %g", v.name, v.value, v.lo, v.below)
		}
	}
	return nil
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// parseHead splits "mlp:512,256" into its kind and the widths of its hidden layers.
func parseHead(s string) (kind string, hidden []int, err error) {
	kind, widths, mlp := strings.Cut(s, ":")
	if kind == "mlp" && mlp {
		for _, w := range strings.Split(widths, ",") {
			n, err := strconv.Atoi(w)
			if err != nil || n < 1 || n > 1<<16 {
				return "", nil, failf("write it as mlp:512 or mlp:512,256", "head %q: %q is no width of a hidden layer", s, w)
			}
			hidden = append(hidden, n)
		}
		return kind, hidden, nil
	}
	if !slices.Contains([]string{"linear", "keep", "redraw"}, s) {
		return "", nil, failf(cmp.Or(spell.Hint(s, []string{"linear", "keep", "redraw"}), "use linear, mlp:H1,H2, keep or redraw"), "head %q is not known", s)
	}
	return s, nil, nil
}
