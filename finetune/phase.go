package finetune

import (
	"slices"

	"graft/finetune/data"
	"graft/graph"
	"graft/graph/optim"
)

// Phase is a part of a training in which the same tensors learn.
type Phase struct {
	Epochs    int
	Frozen    string // the tensor up to which nothing learns, "" for none
	Frontier  string // the last tensor that is the same in every epoch, "" for none
	Learning  graph.Learning
	Optimizer optim.Settings
	Augment   data.Augment

	headOnly bool                   // nothing below the new head learns
	groups   map[string]optim.Group // of each learning tensor
}

// divide fixes the phases of a training: one, or two where what is frozen first learns
// later.
func (p *Plan) divide(c Config) error {
	frozen := []string{p.frozen}
	epochs := []int{c.Epochs}
	if c.UnfreezeAt > 1 && p.frozen != "" {
		if c.UnfreezeAt > c.Epochs {
			return failf("give more --epochs, or leave it out", "unfreezing at epoch %d of %d", c.UnfreezeAt, c.Epochs)
		}
		frozen, epochs = append(frozen, ""), []int{c.UnfreezeAt - 1, c.Epochs - c.UnfreezeAt + 1}
	} else if c.UnfreezeAt == 1 {
		frozen[0] = ""
	}
	for i := range frozen {
		ph := Phase{Epochs: epochs[i], Frozen: frozen[i], Optimizer: c.Optimizer, Augment: preset(c.Augment)}
		if err := p.decide(&ph, c); err != nil {
			return err
		}
		p.Phases = append(p.Phases, ph)
	}
	if first := &p.Phases[0]; len(p.Phases) == 2 && first.headOnly && p.chosen("opt") {
		// The head of the two phases is trained as a head alone is.
		first.Optimizer = optim.Settings{Name: "adam", LR: 1e-3, WeightDecay: c.Optimizer.WeightDecay, ClipNorm: c.Optimizer.ClipNorm}
		if p.chosen("augment") {
			first.Augment = data.Augment{}
		}
	}
	return nil
}

// chosen says whether a setting was left to Graft.
func (p *Plan) chosen(name string) bool {
	return slices.ContainsFunc(p.Choices, func(c Choice) bool { return c.Name == name })
}

// Last is the phase in which the most learns.
func (p *Plan) Last() *Phase { return &p.Phases[len(p.Phases)-1] }

func preset(name string) data.Augment {
	for _, a := range data.Presets {
		if a.Name == name {
			return a.Augment
		}
	}
	return data.Augment{}
}

// decide fixes what learns in a phase, how fast, and how BatchNormalization behaves.
func (p *Plan) decide(ph *Phase, c Config) error {
	var err error
	ph.Learning, err = p.structure.Learning(graph.Freezing{Below: ph.Frozen, BatchStatistics: c.batchStatistics(), Also: c.Also})
	if err != nil {
		return err
	}
	if len(ph.Learning.Params) == 0 {
		return failf("freeze fewer layers", "nothing of the model is left to learn")
	}
	ph.Frontier = p.structure.Frontier(ph.Learning)
	kind, _, _ := parseHead(c.Head)
	ph.headOnly = ph.Frozen == p.Cut && len(c.Also) == 0 && (kind == "linear" || kind == "mlp")
	ph.groups, err = p.groups(ph.Learning, c)
	return err
}

func (c Config) batchStatistics() bool {
	return c.BatchNorm == "batch" || c.BatchNorm == "" && c.Batch >= 8
}

// groups gives each learning tensor its rate and decay: lower layers learn slower, by
// LayerDecay a layer, and the kept part by LRMult.
func (p *Plan) groups(l graph.Learning, c Config) (map[string]optim.Group, error) {
	fresh, err := p.structure.Learning(graph.Freezing{Below: p.Cut})
	if err != nil {
		return nil, err
	}
	of := map[string]graph.Trainable{}
	top := 0
	for _, t := range p.structure.Trainable() {
		of[t.Name] = t
		top = max(top, t.Layer)
	}
	norm, bias := slices.Contains(c.DecayExclude, "norm"), slices.Contains(c.DecayExclude, "bias")
	groups := make(map[string]optim.Group, len(l.Params))
	for _, name := range l.Params {
		t := of[name]
		g := optim.Group{Rate: 1, Decay: 1}
		if p.Cut != "" && !slices.Contains(fresh.Params, name) {
			g.Rate = c.LRMult
		}
		for range max(top-t.Layer, 0) {
			g.Rate *= c.LayerDecay
		}
		if t.Slot == "bias" && !t.Norm {
			g.Rate *= c.BiasMult
		}
		if norm && t.Norm || bias && t.Slot == "bias" {
			g.Decay = 0
		}
		groups[name] = g
	}
	return groups, nil
}
