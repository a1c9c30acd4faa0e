package finetune

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"graft/finetune/data"
	"graft/graph/optim"
)

// Config is a fine-tuning. The zero value of a field is its default.
type Config struct {
	// After is where the model is cut: a cut point's number, "layer:K" or a name.
	// "" is the last cut point before the final layer; "0", with Head "redraw", keeps
	// no layer: the network is trained from scratch.
	After           string
	AllowPartialCut bool
	Output          string // of a model with several; "" its only one

	// Head is what comes above the cut: "linear" (default), "mlp:H1,H2", "keep" (the
	// model's own last layers go on learning) or "redraw" (they get new weights).
	Head    string
	Dropout float64 // before the head's last layer

	// Freeze fixes everything up to a cut point: "all" (default: the whole kept part),
	// "0" (nothing), or as After.
	Freeze string
	// BatchNorm is "frozen" (stored statistics) or "batch" for the layers that learn.
	// "" means batch where Batch is 8 or more and there are such layers.
	BatchNorm string
	Also      []string // further tensors that learn

	Epochs    int            // 10
	Batch     int            // 32
	Optimizer optim.Settings // Name "adam", with LR 1e-3; sgd's LR is 1e-2
	Schedule  string         // "constant"
	Augment   string         // "none" or "light": half of the images mirrored, new in every epoch
	NoShuffle bool
	Seed      uint64

	// Preprocess is how images become inputs; nil means what the model's metadata say.
	// Its Height and Width change the network's input size; 0 leaves that. Arrays of
	// float32 are taken as they are.
	Preprocess *data.Preprocess
	// Cache is "auto" (features are kept where they fit into 2 GiB) or "off".
	Cache   string
	Threads int // of the kernels; 0 all cores
	Workers int // that decode images; 0 one a core

	// Progress is told how far the part of the work called stage is.
	Progress func(stage string, done, total int)
	// OnEpoch is told each finished epoch.
	OnEpoch func(Epoch)

	arrays *[3]int // the shape of float32 arrays; nil for images
}

// Epoch is the record of one pass over the training images. What was not measured is NaN.
type Epoch struct {
	N         int // from 1
	TrainLoss float64
	TrainTop1 float64 // share of the images whose label won, during training
	ValLoss   float64
	ValTop1   float64
	LR        float64
	Seconds   float64
	Best      bool // the best so far by validation
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

// withDefaults resolves the fields that were left out, and refuses wrong ones.
func (c Config) withDefaults() (Config, error) {
	setDefault(&c.Head, "linear")
	setDefault(&c.Freeze, "all")
	setDefault(&c.Schedule, "constant")
	setDefault(&c.Augment, "none")
	setDefault(&c.Cache, "auto")
	setDefault(&c.Optimizer.Name, "adam")
	setDefault(&c.Epochs, 10)
	setDefault(&c.Batch, 32)
	if c.Optimizer.LR == 0 {
		c.Optimizer.LR = 1e-3
		if c.Optimizer.Name == "sgd" {
			c.Optimizer.LR = 1e-2
		}
	}
	for _, v := range []struct {
		name, value string
		known       []string
	}{
		{"optimizer", c.Optimizer.Name, optim.Names},
		{"schedule", c.Schedule, optim.Schedules},
		{"augmentation", c.Augment, []string{"none", "light"}},
		{"cache", c.Cache, []string{"auto", "off"}},
		{"BatchNorm mode", c.BatchNorm, []string{"", "frozen", "batch"}},
	} {
		if !slices.Contains(v.known, v.value) {
			return c, failf("", "%s %q is not known, only %s", v.name, v.value, strings.Join(v.known, ", "))
		}
	}
	if _, _, err := parseHead(c.Head); err != nil {
		return c, err
	}
	if c.Epochs < 1 || c.Batch < 1 {
		return c, failf("", "%d epochs of batches of %d", c.Epochs, c.Batch)
	}
	return c, nil
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
		return "", nil, failf("use linear, mlp:H1,H2, keep or redraw", "head %q is not known", s)
	}
	return s, nil, nil
}
