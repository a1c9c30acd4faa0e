package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"graft/finetune"
	"graft/finetune/report"
)

// known is a number as JSON has it; what was not measured is null.
func known(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// finetuned is what finetune shows, as --json gives it.
type finetuned struct {
	Output    string            `json:"output"`
	Run       string            `json:"run"`
	Report    string            `json:"report"`
	Proof     proofJSON         `json:"proof"`
	Cut       string            `json:"cut"`
	Frozen    string            `json:"frozen"`
	Learnt    int               `json:"learnt_tensors"`
	Cached    bool              `json:"cached"`
	Classes   []string          `json:"classes"`
	Choices   []finetune.Choice `json:"choices"`
	Metric    finetune.Metric   `json:"metric"` // of the scores
	BestEpoch int               `json:"best_epoch"`
	Best      epochJSON         `json:"best"`
	Epochs    []epochJSON       `json:"epochs"`
	Folds     *finetune.Folds   `json:"folds,omitempty"`
}

// proofJSON is what the written model, read back, does.
type proofJSON struct {
	Score      *float64 `json:"val_score"`
	Difference *float64 `json:"max_difference"` // of its outputs and the trained program's, as a share of the largest
	Frozen     int      `json:"frozen_tensors"` // that are the original's, bit for bit
}

// epochJSON is an epoch's record; what was not measured is null. The scores are by the
// metric.
type epochJSON struct {
	N          int      `json:"epoch"`
	TrainLoss  *float64 `json:"train_loss"`
	TrainScore *float64 `json:"train_score"`
	ValLoss    *float64 `json:"val_loss"`
	ValScore   *float64 `json:"val_score"`
	LR         float64  `json:"lr"`
	Seconds    float64  `json:"seconds"`
}

func epochRecord(e report.Epoch) epochJSON {
	return epochJSON{e.N, known(e.TrainLoss), known(e.TrainScore), known(e.ValLoss), known(e.ValScore), e.LR, e.Seconds}
}

func (s finetuned) write(w io.Writer) error {
	rows := [][]string{{"model", s.Output}, {"run", s.Run}, {"classes", strconv.Itoa(len(s.Classes))}}
	if s.Metric != finetune.Top1 {
		rows[2] = []string{"outputs", strings.Join(s.Classes, ", ")}
	}
	if s.Best.ValScore != nil {
		rows = append(rows, []string{"best", fmt.Sprintf("epoch %d, validation %s %s", s.BestEpoch, s.Metric, s.Metric.Format(*s.Best.ValScore))})
	}
	if s.Folds != nil {
		rows = append(rows, []string{"folds", told(s.Folds, s.Metric)})
	}
	proof := fmt.Sprintf("%d frozen tensors unchanged", s.Proof.Frozen)
	if s.Proof.Score != nil {
		proof = fmt.Sprintf("read back it has %s %s", s.Metric, s.Metric.Format(*s.Proof.Score)) + differing(s.Proof.Difference) + "; " + proof
	}
	rows = append(rows,
		[]string{"proof", proof},
		[]string{"report", s.Report})
	return writeTable(w, nil, rows)
}

// told says what a cross-validation found.
func told(f *finetune.Folds, m finetune.Metric) string {
	return fmt.Sprintf("%s %s ± %s over %d", m, m.Format(f.Mean), strings.TrimSuffix(m.Format(f.Spread), " %"), len(f.Scores))
}

// differing says how far the written model's outputs are from the trained program's.
func differing(d *float64) string {
	if d == nil {
		return ""
	}
	if *d == 0 {
		return " and the same outputs"
	}
	return fmt.Sprintf(" and outputs within %.0e", *d)
}
