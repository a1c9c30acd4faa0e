package sweep

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
)

// Row is a cell and what it has measured, a line of the table. It does not tell when,
// where and how fast the cell was run, so that equal studies have equal tables.
type Row struct {
	Cell      string  `json:"cell"`
	Treatment string  `json:"treatment"` // the label: base, BnB, BnB+, AnB, AnB+, random, reduced
	Split     string  `json:"split"`
	Base      string  `json:"base,omitempty"`
	Target    string  `json:"target"`
	N         int     `json:"n"`
	Repeat    int     `json:"repeat"`
	PerClass  int     `json:"per_class,omitempty"` // pictures, of a reduced base
	Seed      uint64  `json:"seed"`
	Classes   int     `json:"classes"`
	Images    int     `json:"images"`
	Epochs    int     `json:"epochs"`
	Frozen    int     `json:"frozen_tensors"`
	Best10    float64 `json:"best10"`
	Last      float64 `json:"last"`
	HeldOut   float64 `json:"held_out"` // -1: there is no test part
	TrainLoss float64 `json:"lowest_train_loss"`
	SHA256    string  `json:"sha256"`
	Failed    string  `json:"failed,omitempty"`
}

// Measures are what top-1 a report is made of: Best10 or Last.
var Measures = []string{"best10", "last"}

// top1 is a row's accuracy by a measure.
func (r Row) top1(measure string) float64 {
	if measure == "last" {
		return r.Last
	}
	return r.Best10
}

// Rows gathers the results in the plan's order. Where some are missing it is an error,
// unless partial.
func (s *Study) Rows(partial bool) ([]Row, error) {
	var rows []Row
	left, first := 0, ""
	for _, st := range s.States() {
		if st.Status != Done {
			if left++; left == 1 {
				first = fmt.Sprintf("%s is %s", st.Cell.ID, st.Status)
				if st.Reason != "" {
					first += ": " + st.Reason
				}
			}
			continue
		}
		c, r := st.Cell, st.Result
		target, _ := s.Plan.task(c.Target)
		rows = append(rows, Row{c.ID, c.Label(), c.Split, c.Base, c.Target, c.N, c.Repeat, target.PerClass, c.Seed, r.Classes, r.Images, len(r.Epochs), r.Frozen,
			r.Best10, r.Last, r.HeldOut, r.TrainLoss, r.SHA256, r.Failed})
	}
	if left > 0 && (!partial || len(rows) == 0) {
		return nil, &hinted{fmt.Errorf("sweep: %d of %d networks are not done: %s", left, len(s.Plan.Cells), first), "graft sweep run goes on; --partial takes what is done"}
	}
	return rows, nil
}

// WriteTable writes rows as CSV. Numbers have the digits that give them back exactly.
func WriteTable(w io.Writer, rows []Row) error {
	c := csv.NewWriter(w)
	c.Write([]string{"cell", "treatment", "split", "base", "target", "n", "repeat", "per_class", "seed", "classes", "images", "epochs", "frozen_tensors",
		"best10", "last", "held_out", "lowest_train_loss", "sha256", "failed"})
	exact := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	for _, r := range rows {
		held := ""
		if r.HeldOut >= 0 {
			held = exact(r.HeldOut)
		}
		c.Write([]string{r.Cell, r.Treatment, r.Split, r.Base, r.Target, strconv.Itoa(r.N), strconv.Itoa(r.Repeat), strconv.Itoa(r.PerClass), strconv.FormatUint(r.Seed, 10),
			strconv.Itoa(r.Classes), strconv.Itoa(r.Images), strconv.Itoa(r.Epochs), strconv.Itoa(r.Frozen), exact(r.Best10), exact(r.Last), held, exact(r.TrainLoss), r.SHA256, r.Failed})
	}
	c.Flush()
	return c.Error()
}

// WriteMap writes the classes of a task: a line for each with its number in the data, its
// number in the task, and its name.
func (p *Plan) WriteMap(w io.Writer, t Task) error {
	c := csv.NewWriter(w)
	for to, from := range t.Classes {
		c.Write([]string{strconv.Itoa(from), strconv.Itoa(to), p.Classes[from]})
	}
	c.Flush()
	return c.Error()
}
