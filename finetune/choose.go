package finetune

import (
	"fmt"

	"graft/finetune/data"
	"graft/graph"
)

// Choice is a setting that was not given, and why it has the value it has.
type Choice struct {
	Name  string `json:"name"` // as the command line calls it
	Value string `json:"value"`
	Why   string `json:"why"`
}

// None is a weight decay or label smoothing of 0 where 0 itself leaves the choice to Train.
const None = -1

// Fine-tuning is chosen from this many images on, or where there is an image for
// every so many parameters: Yosinski et al. 2014, section 4, leave the numbers open.
const (
	manyImages      = 1000
	paramsAnImage   = 1000
	chosenDecay     = 1e-4
	chosenSmoothing = 0.1
)

// chooser settles what a configuration leaves open.
type chooser struct {
	*Config
	images  int
	classes bool // an image is of one class
	params  int  // below the cut
	norm    bool // there are BatchNormalizations that can learn
	kept    bool // anything is kept
	gray    bool
	choices []Choice
}

func (h *chooser) say(name string, value any, why string, args ...any) {
	h.choices = append(h.choices, Choice{name, fmt.Sprint(value), fmt.Sprintf(why, args...)})
}

// choose fills in what the configuration leaves open for a model that is cut at a
// tensor, and returns what it chose.
func choose(c *Config, s *graph.Structure, cut string, train *data.Set, gray bool) ([]Choice, error) {
	norms, _ := s.BatchNorms()
	h := &chooser{Config: c, images: train.Len(), classes: onlyClasses(headsOf(train)), norm: norms > 0, kept: cut != "", gray: gray}
	above, err := s.Learning(graph.Freezing{Below: cut})
	if err != nil {
		return nil, err
	}
	learns := map[string]bool{}
	for _, name := range above.Params {
		learns[name] = true
	}
	for _, t := range s.Trainable() {
		if !learns[t.Name] {
			h.params += numel(t.Shape)
		}
	}
	h.freezing()
	h.optimizer()
	h.augmentation()
	return h.choices, nil
}

// freezing is the paper's rule: few images and many parameters, freeze; else fine-tune,
// the new layers alone first, so that their random beginnings do not spoil the others.
func (h *chooser) freezing() {
	auto := h.Freeze == "auto"
	if auto && !h.kept {
		h.Freeze, auto = "0", false
	}
	enough := h.images >= manyImages || h.images*paramsAnImage >= h.params
	switch {
	case !auto:
	case h.UnfreezeAt > 0:
		h.Freeze = "all"
		h.say("freeze", "all", "until --unfreeze-at %d", h.UnfreezeAt)
	case !enough:
		h.Freeze = "all"
		h.say("freeze", "all", "%d training images are few for the %s parameters below the cut: fine-tuning is chosen from %d images on, or an image for every %d parameters",
			h.images, short(h.params), manyImages, paramsAnImage)
	default:
		h.Freeze = "all"
		head, fine := h.epochsOf(300, 3, 20), h.epochsOf(500, 5, 40)
		h.setEpochs(head + fine)
		head = min(head, h.Epochs*head/(head+fine))
		if head == 0 {
			h.Freeze = "0"
			h.say("freeze", "0", "%d training images are enough to fine-tune the %s parameters below the cut", h.images, short(h.params))
			return
		}
		h.UnfreezeAt = head + 1
		h.say("unfreeze-at", h.UnfreezeAt, "%d training images are enough to fine-tune the %s parameters below the cut, once the new layers have settled", h.images, short(h.params))
		if h.norm && h.BatchNorm == "" {
			h.BatchNorm = "frozen"
			h.say("bn", "frozen", "the new layers have settled on the stored statistics; those of batches would unsettle them")
		}
		return
	}
	if h.frozen() {
		h.setEpochs(20)
	}
	h.setEpochs(h.epochsOf(500, 10, 40))
}

// epochsOf is how many epochs take about so many steps, within bounds.
func (h *chooser) epochsOf(steps, least, most int) int {
	size := h.Batch * h.Accumulate
	each := max((h.images+size-1)/size, 1)
	return min(max((steps+each/2)/each, least), most)
}

func (h *chooser) setEpochs(n int) {
	if h.Epochs == 0 {
		h.Epochs = n
		h.say("epochs", n, "for %d images and what learns", h.images)
	}
}

// frozen says whether the new layers alone learn, all the time.
func (h *chooser) frozen() bool {
	return h.Freeze == "all" && h.UnfreezeAt == 0 && (h.Head == "" || h.Head[0] == 'l' || h.Head[0] == 'm')
}

// optimizer: for a head on frozen features Adam, which needs no tuned rate; for whole
// networks SGD with momentum.
func (h *chooser) optimizer() {
	o := &h.Optimizer
	if o.Name == "" {
		o.Name = "sgd"
		why := "whole networks generalise better with it"
		if h.frozen() {
			o.Name, why = "adam", "a head on frozen features needs no tuned rate with it"
		} else if o.Momentum == 0 {
			o.Momentum = 0.9
		}
		h.say("opt", o.Name, "%s", why)
		if o.WeightDecay == 0 {
			why := "the usual one"
			if o.WeightDecay = chosenDecay; h.frozen() && h.images < manyImages {
				o.WeightDecay, why = 0.1, "few images tell little about many features"
			}
			h.say("weight-decay", o.WeightDecay, "%s", why)
			if h.DecayExclude == nil {
				h.DecayExclude = []string{"norm", "bias"}
			}
		}
		if h.LabelSmoothing == 0 && !h.frozen() && h.classes {
			h.LabelSmoothing = chosenSmoothing
			h.say("label-smoothing", chosenSmoothing, "fine-tuned networks grow too sure of few images")
		}
	}
	for _, v := range []*float64{&o.WeightDecay, &h.LabelSmoothing} {
		if *v == None {
			*v = 0
		}
	}
	if o.LR == 0 {
		var why string
		if o.LR, why = h.rate(); why != "" {
			h.say("lr", o.LR, "%s", why)
		}
	}
	if h.Schedule == "" {
		h.Schedule = "cosine"
		h.say("schedule", "cosine", "the rate ends at 0")
	}
}

func (h *chooser) rate() (float64, string) {
	momentum := h.Optimizer.Name == "sgd"
	switch {
	case h.frozen() && momentum:
		return 1e-2, "for sgd on standardised features"
	case h.frozen():
		return 3e-3, "for " + h.Optimizer.Name + " on standardised features"
	case !momentum:
		return 1e-4, "for fine-tuning with " + h.Optimizer.Name
	case h.norm && h.batchStatistics():
		return 1e-2, "for fine-tuning with batch statistics"
	case h.norm:
		return 1e-3, "for fine-tuning with stored statistics, which bear no greater one"
	}
	return 2e-3, "for fine-tuning a network without BatchNormalization"
}

// augmentation: features of a frozen part are computed once an image, and once more
// for its mirror image.
func (h *chooser) augmentation() {
	if h.Augment != "auto" {
		return
	}
	switch {
	case h.arrays != nil:
		h.Augment = "none"
	case h.gray:
		h.Augment = "none"
		h.say("augment", "none", "gray images may be writing, which mirroring spoils")
	case h.frozen():
		h.Augment = "flip"
		h.say("augment", "flip", "frozen features are computed once an image and its mirror image")
	default:
		h.Augment = "light"
		h.say("augment", "light", "mirror images and random crops")
	}
}

// short writes a number with three digits or so.
func short(n int) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.3g M", float64(n)/1e6)
	case n >= 1000:
		return fmt.Sprintf("%.3g k", float64(n)/1e3)
	}
	return fmt.Sprint(n)
}
