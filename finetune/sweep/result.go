package sweep

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"graft/durable"
)

// Result is what a cell has measured. Accuracies are shares of one.
type Result struct {
	Cell string `json:"cell"`
	Hash string `json:"hash"` // the cell's
	// Failed says why the training has come to no end: its loss has become infinite.
	Failed string `json:"failed,omitempty"`
	// BaseSHA256 is the network that was copied, SHA256 the one that was trained, of a
	// base as its file has it, else of its tensors.
	BaseSHA256 string  `json:"base_sha256,omitempty"`
	SHA256     string  `json:"sha256"`
	Frozen     int     `json:"frozen_tensors"` // that are the copied network's, bit for bit
	Classes    int     `json:"classes"`
	Images     int     `json:"images"`     // that were learnt from
	Validation int     `json:"validation"` // images
	Epochs     []Epoch `json:"epochs"`
	Best10     float64 `json:"best10"`            // mean of the ten highest validation points
	Last       float64 `json:"last"`              // the last one
	HeldOut    float64 `json:"held_out"`          // of the last network on the test part; -1 without one
	TrainLoss  float64 `json:"lowest_train_loss"` // of an epoch
	Made       Made    `json:"made"`
}

// Made is where a result comes from. It is not in the table.
type Made struct {
	Graft   string  `json:"graft"`
	Machine string  `json:"machine"`
	Seconds float64 `json:"seconds"` // of this process; a cell may have had several
}

// Epoch is what one pass over the training pictures has measured.
type Epoch struct {
	TrainLoss float64 `json:"train_loss"`
	TrainTop1 float64 `json:"train_top1"`
	ValLoss   float64 `json:"val_loss"`
	ValTop1   float64 `json:"val_top1"`
	LR        float64 `json:"lr"`
}

// measure fills in what follows from the epochs.
func (r *Result) measure() {
	var points []float64
	for i, e := range r.Epochs {
		points = append(points, e.ValTop1)
		if i == 0 || e.TrainLoss < r.TrainLoss {
			r.TrainLoss = e.TrainLoss
		}
	}
	if len(points) == 0 {
		return
	}
	r.Last = points[len(points)-1]
	slices.Sort(points)
	slices.Reverse(points)
	best := points[:min(len(points), 10)]
	r.Best10 = 0
	for _, v := range best {
		r.Best10 += v / float64(len(best))
	}
}

// resultFile is a result and the checksum of its bytes.
type resultFile struct {
	SHA256 string          `json:"sha256"`
	Result json.RawMessage `json:"result"`
}

// maxResult is the largest result file that is read, in bytes.
const maxResult = 16 << 20

// errDamaged is a result file that does not hold what was written.
var errDamaged = errors.New("damaged")

func parseResult(b []byte) (*Result, error) {
	var f resultFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("%w: %v", errDamaged, err)
	}
	if sum := sha256.Sum256(f.Result); hex.EncodeToString(sum[:]) != f.SHA256 {
		return nil, fmt.Errorf("%w: checksum mismatch", errDamaged)
	}
	r := &Result{}
	d := json.NewDecoder(bytes.NewReader(f.Result))
	d.DisallowUnknownFields()
	if err := d.Decode(r); err != nil {
		return nil, fmt.Errorf("%w: %v", errDamaged, err)
	}
	return r, nil
}

func (r *Result) marshal() ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	b, err = json.Marshal(resultFile{hex.EncodeToString(sum[:]), b})
	return append(b, '\n'), err
}

// State is how far a cell is.
type State struct {
	Cell   Cell
	Status string // Done, Missing, Damaged, Stale
	Reason string // why it is damaged or stale; of a missing one how far it is
	Result *Result
}

// What a cell's state may be.
const (
	Done    = "done"
	Missing = "missing"
	Damaged = "damaged" // its files do not hold what was written
	Stale   = "stale"   // its result is of another plan, or of another base
)

// States looks at the results of all cells, in the plan's order.
func (s *Study) States() []State {
	list := make([]State, len(s.Plan.Cells))
	bases := map[string]*Result{}
	for i, c := range s.Plan.Cells {
		list[i] = s.state(c, bases)
		if list[i].Status == Done {
			bases[c.ID] = list[i].Result
		}
	}
	return list
}

// state looks at one cell; bases are the results of those before it that are done.
func (s *Study) state(c Cell, bases map[string]*Result) State {
	st := State{Cell: c, Status: Missing}
	set := func(status, format string, args ...any) State {
		st.Status, st.Reason = status, fmt.Sprintf(format, args...)
		return st
	}
	b, err := readSmall(s.resultPath(c), maxResult)
	if errors.Is(err, fs.ErrNotExist) {
		if k := checkpoint(s.checkpointPath(c)); k != nil {
			st.Reason = fmt.Sprintf("%d epochs are done", len(k.Epochs()))
		}
		return st
	}
	if err != nil {
		return set(Damaged, "%v", err)
	}
	r, err := parseResult(b)
	if err != nil {
		return set(Damaged, "%v", err)
	}
	if r.Cell != c.ID || r.Hash != c.Hash {
		return set(Stale, "of another plan")
	}
	if base := bases[c.Needs]; c.Needs != "" && base != nil && base.SHA256 != r.BaseSHA256 {
		return set(Stale, "the base %s has been trained again, and is another one", c.Needs)
	}
	if s.isBase[c.ID] && r.Failed == "" {
		sum, err := sumFile(s.modelPath(c))
		if err != nil {
			return set(Damaged, "its network: %v", durable.Bare(err))
		}
		if sum != r.SHA256 {
			return set(Damaged, "its network: checksum mismatch")
		}
	}
	st.Status, st.Result = Done, r
	return st
}

// sumFile is the SHA-256 of a file.
func sumFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// save writes a result, and with it the cell is done.
func (s *Study) save(c Cell, r *Result) error {
	b, err := r.marshal()
	if err != nil {
		return err
	}
	return s.write(s.resultPath(c), func(w io.Writer) error { _, err := w.Write(b); return err })
}

// write makes a file of the study, and the folder for it.
func (s *Study) write(path string, write func(io.Writer) error) error {
	err := os.MkdirAll(filepath.Dir(path), 0o777)
	if err == nil {
		err = durable.WriteFile(durable.OS, path, write)
	}
	if err != nil {
		return fmt.Errorf("sweep: %q: %w", path, durable.Bare(err))
	}
	return nil
}

func (s *Study) resultPath(c Cell) string { return filepath.Join(s.dir, "cells", c.ID+".json") }
func (s *Study) modelPath(c Cell) string  { return filepath.Join(s.dir, "models", c.ID+".onnx") }
func (s *Study) checkpointPath(c Cell) string {
	return filepath.Join(s.dir, "work", c.ID+".checkpoint")
}
