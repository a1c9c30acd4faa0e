package finetune

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"

	"graft/finetune/data"
	"graft/onnx"
)

// save hands a checkpoint of where the training is to Config.Save.
func (t *training) save(g *stage) error {
	if t.Save == nil || t.at.Step == t.saved && t.at.Taken == 0 && t.at.Epoch == t.savedEpoch {
		return nil
	}
	c := &Checkpoint{Identity: t.identity, at: t.at, epochs: t.result.Epochs, state: g.eval.State(), values: t.values, best: t.best, outputs: t.result.Outputs, solver: g.solver.State()}
	if g.average != nil {
		c.average, c.averaged = g.average.values, g.average.steps
	}
	t.saved, t.savedEpoch = t.at.Step, t.at.Epoch
	return t.Save(c)
}

// resume sets the training to where a checkpoint was.
func (t *training) resume(c *Checkpoint) error {
	if difference := differs(c.Identity, t.identity); difference != "" && !t.AllowChanges {
		return failf("give the same model, data and settings, or allow the changes", "this is not the training of the checkpoint: %s", difference)
	}
	if c.at.Phase >= len(t.plan.Phases) {
		return failf("", "the checkpoint is of phase %d, the training has %d", c.at.Phase+1, len(t.plan.Phases))
	}
	t.at, t.values, t.best, t.result.Epochs = c.at, c.values, c.best, slices.Clone(c.epochs)
	t.result.Outputs = c.outputs
	t.saved, t.savedEpoch = c.at.Step, c.at.Epoch
	t.from = c
	return nil
}

// restore gives a phase that goes on its state back.
func (t *training) restore(g *stage) error {
	c := t.from
	t.from = nil
	if c == nil || c.solver.Step == 0 && len(c.state) == 0 {
		return nil
	}
	state := g.eval.State()
	for _, m := range []map[string][]float32{c.state, c.average} {
		for name, v := range m {
			if len(state[name]) != len(v) {
				return failf("", "the checkpoint's tensor %q has %d numbers, the model's %d", name, len(v), len(state[name]))
			}
		}
	}
	if len(c.state) != len(state) || g.average != nil && len(c.average) != len(state) {
		return failf("", "the checkpoint has %d tensors, the training %d", len(c.state), len(state))
	}
	for name, v := range c.state {
		copy(state[name], v)
	}
	if g.average != nil {
		g.average.values, g.average.steps = c.average, c.averaged
	}
	g.solver.SetState(c.solver)
	return nil
}

// identify says what a training is made of. What has no influence on its result is left
// out.
func identify(ctx context.Context, m *onnx.ModelProto, p *Plan, train, val *data.Set) (map[string]string, error) {
	b, err := onnx.Marshal(m)
	if err != nil {
		return nil, err
	}
	id := map[string]string{"model": fmt.Sprintf("%x", sha256.Sum256(b)), "machine": runtime.GOARCH, "program": program()}
	of := map[string][]data.Sum{}
	for name, s := range map[string]*data.Set{"training data": train, "validation data": val} {
		if s == nil {
			continue
		}
		sums, err := s.Manifest(ctx)
		if err != nil {
			return nil, err
		}
		of[name] = sums
		id[name] = fmt.Sprintf("%d images, %x", len(sums), sha256.Sum256(data.WriteManifest(sums)))
	}
	if p.Config.OnData != nil {
		if err := p.Config.OnData(of["training data"], of["validation data"]); err != nil {
			return nil, err
		}
	}
	pre, err := p.Preprocess.MarshalJSON()
	if err == nil {
		id["preprocessing"] = string(pre)
	}
	c := reflect.ValueOf(p.Config)
	for i := range c.NumField() {
		f := c.Type().Field(i)
		switch {
		case !f.IsExported() || slices.Contains([]string{"Threads", "Workers", "Cache", "CacheBytes", "SaveEvery", "AllowChanges", "SkipBad", "MaxMemory", "Recompute"}, f.Name):
		case f.Type.Kind() == reflect.Func || f.Type.Kind() == reflect.Pointer:
		default:
			id[f.Name] = fmt.Sprintf("%v", c.Field(i).Interface())
		}
	}
	return id, nil
}

// program is the version of the program that trains, "(devel)" where its build does not say.
func program() string {
	if b, ok := debug.ReadBuildInfo(); ok {
		return b.Main.Path + " " + b.Main.Version
	}
	return ""
}

// differs names the first difference of two identities, "" where there is none.
func differs(was, is map[string]string) string {
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if was[name] != is[name] {
			return fmt.Sprintf("%s is %s, was %s", name, is[name], was[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if _, ok := is[name]; !ok {
			return fmt.Sprintf("%s is absent, was %s", name, was[name])
		}
	}
	return ""
}
