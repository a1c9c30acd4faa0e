package finetune

import (
	"context"
	"math"

	"graft/finetune/data"
	"graft/onnx"
)

// Folds is a cross-validation: how well trainings do on what they have not seen.
type Folds struct {
	Scores []float64 `json:"scores"` // of each fold's last epoch, by Plan.Metric
	Mean   float64   `json:"mean"`   // of Scores
	Spread float64   `json:"spread"` // its standard deviation
}

// CrossValidate trains k times, each time on all but one of k parts of a set, and
// validates on that part. For sets too small to spare a validation part: train on all of
// them afterwards. The last epoch counts, not the best, which would be chosen by what it
// is measured on.
func CrossValidate(ctx context.Context, m *onnx.ModelProto, set *data.Set, k int, c Config) (*Folds, error) {
	train, val, err := set.Folds(k, c.Seed)
	if err != nil {
		return nil, err
	}
	c.Save, c.Resume, c.OnData, c.EarlyStop = nil, nil, nil, 0
	f := &Folds{}
	for i := range train {
		r, err := Train(ctx, m, train[i], val[i], c)
		if err != nil {
			return nil, err
		}
		f.Scores = append(f.Scores, r.Epochs[len(r.Epochs)-1].ValScore)
	}
	for _, v := range f.Scores {
		f.Mean += v / float64(k)
	}
	for _, v := range f.Scores {
		f.Spread += (v - f.Mean) * (v - f.Mean) / float64(k-1)
	}
	f.Spread = math.Sqrt(f.Spread)
	return f, nil
}
