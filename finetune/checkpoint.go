package finetune

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"

	"graft/graph/optim"
)

// Checkpoint is all that a training needs to go on where it was and to end with the same
// bytes: what has been learnt, the optimizer's memory, the best epoch, and how far it was.
// What is drawn at random is a function of the seed and of counters, and so is not in it.
type Checkpoint struct {
	// Identity is what the training was made of, by name: the model, the data and the
	// settings. A training goes on only where all of it is the same.
	Identity map[string]string

	at       position
	epochs   []Epoch
	state    map[string][]float32 // of the programs
	values   map[string][]float32 // as they belong into the model, after the last whole epoch
	best     map[string][]float32 // the same after the best epoch
	outputs  []float32            // of the best epoch
	average  map[string][]float32
	averaged int
	solver   optim.State
}

// Step is the number of steps that the training had taken.
func (c *Checkpoint) Step() uint64 { return c.at.Step }

// Epochs are the records of the finished epochs.
func (c *Checkpoint) Epochs() []Epoch { return slices.Clone(c.epochs) }

// The file: this line, the length of the header in 8 bytes, the header as JSON, the
// numbers as little-endian float32, and the SHA-256 of all before it.
const (
	checkpointMagic   = "graft checkpoint "
	checkpointVersion = "2\n"
)

// checkpointHeader describes the numbers that follow it.
type checkpointHeader struct {
	Identity map[string]string `json:"identity"`
	At       storedPosition    `json:"at"`
	Epochs   []storedEpoch     `json:"epochs"`
	Averaged int               `json:"averaged"`
	Solver   int               `json:"solver_steps"`
	// SameBest: the best epoch is the last whole one, and its numbers are not repeated.
	SameBest bool           `json:"same_best"`
	Tensors  []storedTensor `json:"tensors"`
}

// storedTensor is a part of the numbers: a tensor of a group, or a moment of a parameter.
type storedTensor struct {
	Group string `json:"group"`
	Name  string `json:"name"`
	Len   int    `json:"len"`
}

// exact is a float64 as JSON that keeps every bit, NaN too.
type exact float64

func (e exact) MarshalText() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(e), 'g', -1, 64), nil
}

func (e *exact) UnmarshalText(b []byte) error {
	v, err := strconv.ParseFloat(string(b), 64)
	*e = exact(v)
	return err
}

type storedPosition struct {
	Phase, Epoch, Taken int
	Step                uint64
	Seen, Right         int
	Loss, LR, Seconds   exact
}

type storedEpoch struct {
	N                                                     int
	TrainLoss, TrainScore, ValLoss, ValScore, LR, Seconds exact
	Best                                                  bool
}

// parts are the tensors of a checkpoint in the order of the file.
func (c *Checkpoint) parts() (list []storedTensor, numbers [][]float32) {
	group := func(name string, m map[string][]float32) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			list = append(list, storedTensor{name, k, len(m[k])})
			numbers = append(numbers, m[k])
		}
	}
	group("state", c.state)
	for i, m := range c.solver.Moments {
		for k, v := range m {
			list = append(list, storedTensor{"moment" + strconv.Itoa(k), strconv.Itoa(i), len(v)})
			numbers = append(numbers, v)
		}
	}
	group("average", c.average)
	group("values", c.values)
	if !c.sameBest() {
		group("best", c.best)
	}
	if c.outputs != nil {
		group("outputs", map[string][]float32{"best": c.outputs})
	}
	return list, numbers
}

// sameBest says whether the best epoch is the last whole one.
func (c *Checkpoint) sameBest() bool {
	n := len(c.epochs)
	return n > 0 && c.epochs[n-1].Best
}

// WriteTo writes a checkpoint.
func (c *Checkpoint) WriteTo(w io.Writer) (int64, error) {
	a := c.at
	h := checkpointHeader{Identity: c.Identity, Averaged: c.averaged, Solver: c.solver.Step, SameBest: c.sameBest(),
		At: storedPosition{a.Phase, a.Epoch, a.Taken, a.Step, a.Seen, a.Right, exact(a.Loss), exact(a.LR), exact(a.Seconds)}}
	for _, e := range c.epochs {
		h.Epochs = append(h.Epochs, storedEpoch{e.N, exact(e.TrainLoss), exact(e.TrainScore), exact(e.ValLoss), exact(e.ValScore), exact(e.LR), exact(e.Seconds), e.Best})
	}
	var numbers [][]float32
	h.Tensors, numbers = c.parts()
	header, err := json.Marshal(h)
	if err != nil {
		return 0, err
	}
	sum := sha256.New()
	out := io.MultiWriter(w, sum)
	written := int64(0)
	put := func(b []byte) error {
		n, err := out.Write(b)
		written += int64(n)
		return err
	}
	if err := put(binary.LittleEndian.AppendUint64([]byte(checkpointMagic+checkpointVersion), uint64(len(header)))); err != nil {
		return written, err
	}
	if err := put(header); err != nil {
		return written, err
	}
	buffer := make([]byte, 0, 1<<16)
	for _, v := range numbers {
		for len(v) > 0 {
			n := min(len(v), cap(buffer)/4)
			b := buffer[:0]
			for _, x := range v[:n] {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
			}
			if err := put(b); err != nil {
				return written, err
			}
			v = v[n:]
		}
	}
	n, err := w.Write(sum.Sum(nil))
	return written + int64(n), err
}

// A DamagedError is a checkpoint that does not hold what was written into it.
type DamagedError struct{ Reason string }

func (e *DamagedError) Error() string { return "damaged: " + e.Reason }

// ReadCheckpoint reads a checkpoint and checks that every bit is as it was written: else
// the error is a *DamagedError. One of another version is refused by another error.
func ReadCheckpoint(file []byte) (*Checkpoint, error) {
	damaged := func(format string, args ...any) (*Checkpoint, error) {
		return nil, &DamagedError{fmt.Sprintf(format, args...)}
	}
	start := len(checkpointMagic) + len(checkpointVersion) + 8
	if len(file) < start+sha256.Size {
		return damaged("%d bytes, too few for a checkpoint", len(file))
	}
	body := file[:len(file)-sha256.Size]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], file[len(body):]) {
		return damaged("checksum mismatch")
	}
	if !bytes.HasPrefix(body, []byte(checkpointMagic)) {
		return damaged("no checkpoint")
	}
	if version, _, _ := bytes.Cut(body[len(checkpointMagic):], []byte("\n")); string(version)+"\n" != checkpointVersion {
		return nil, failf("", "a checkpoint of format %q, this graft reads format %q", cutName(string(version)), checkpointVersion[:1])
	}
	size := binary.LittleEndian.Uint64(body[start-8:])
	if size > uint64(len(body)-start) {
		return damaged("a header of %d bytes in a file of %d", size, len(file))
	}
	var h checkpointHeader
	d := json.NewDecoder(bytes.NewReader(body[start : start+int(size)]))
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil {
		return damaged("header: %v", err)
	}
	return h.checkpoint(body[start+int(size):])
}

func cutName(s string) string { return s[:min(len(s), 20)] }

// checkpoint gives the numbers to the tensors of the header.
func (h *checkpointHeader) checkpoint(numbers []byte) (*Checkpoint, error) {
	total := 0
	for _, t := range h.Tensors {
		if t.Len < 0 || t.Len > len(numbers)/4-total {
			return nil, &DamagedError{fmt.Sprintf("tensor %q of %d numbers, more than there are", cutName(t.Name), t.Len)}
		}
		total += t.Len
	}
	if total*4 != len(numbers) {
		return nil, &DamagedError{fmt.Sprintf("%d bytes of numbers, its tensors take %d", len(numbers), total*4)}
	}
	a := h.At
	c := &Checkpoint{Identity: h.Identity, averaged: h.Averaged, solver: optim.State{Step: h.Solver},
		at: position{a.Phase, a.Epoch, a.Taken, a.Step, sums{a.Seen, a.Right, float64(a.Loss), float64(a.LR), float64(a.Seconds)}}}
	for _, e := range h.Epochs {
		c.epochs = append(c.epochs, Epoch{e.N, float64(e.TrainLoss), float64(e.TrainScore), float64(e.ValLoss), float64(e.ValScore), float64(e.LR), float64(e.Seconds), e.Best})
	}
	var outputs map[string][]float32
	groups := map[string]*map[string][]float32{"state": &c.state, "average": &c.average, "values": &c.values, "best": &c.best, "outputs": &outputs}
	for _, t := range h.Tensors {
		v := make([]float32, t.Len)
		for i := range v {
			v[i] = math.Float32frombits(binary.LittleEndian.Uint32(numbers[4*i:]))
		}
		numbers = numbers[4*t.Len:]
		if m := groups[t.Group]; m != nil {
			if *m == nil {
				*m = map[string][]float32{}
			}
			(*m)[t.Name] = v
			continue
		}
		i, err := strconv.Atoi(t.Name)
		if err != nil || t.Group != "moment0" && t.Group != "moment1" || i > len(c.solver.Moments) || i < len(c.solver.Moments)-1 {
			return nil, &DamagedError{fmt.Sprintf("tensor %q of an unknown group %q", cutName(t.Name), cutName(t.Group))}
		}
		if i == len(c.solver.Moments) {
			c.solver.Moments = append(c.solver.Moments, [2][]float32{})
		}
		if t.Len > 0 {
			c.solver.Moments[i][t.Group[6]-'0'] = v
		}
	}
	c.outputs = outputs["best"]
	if h.SameBest {
		c.best = c.values
	}
	return c, nil
}
