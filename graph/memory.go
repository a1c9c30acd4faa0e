package graph

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"graft/graph/ops"
	"graft/onnx"
)

// limit is how many bytes a program and its variants may take.
func (o Options) limit() int64 {
	if o.MaxMemory > 0 {
		return o.MaxMemory
	}
	return machineMemory() / 4 * 3
}

// room is how many bytes the program may take beside those that share its threads.
func (p *Program) room() int64 { return max(p.config.limit()-p.pool.taken, 1) }

// takes notes the memory of a program that has been compiled.
func (p *Program) takes(m ops.Memory) { p.memory, p.pool.taken = m, p.pool.taken+m.Arena }

// Memory is what the machine, or the container, has, in bytes; the largest number where
// neither says.
func Memory() int64 { return machineMemory() }

// machineMemory is what the machine, or the container, has; all there could be where
// neither says.
var machineMemory = sync.OnceValue(func() int64 {
	least := int64(math.MaxInt64)
	if b, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil {
			least = n
		}
	}
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kib int64
		if _, err := fmt.Sscanf(string(b), "MemTotal: %d kB", &kib); err == nil && kib > 0 {
			least = min(least, kib<<10)
		}
	}
	return least
})

// tooLarge says that a program would take more than it may.
func tooLarge(need, limit int64, format string, args ...any) *Error {
	return &Error{Node: -1, hint: "allow more with --max-memory",
		Err: fmt.Errorf("%s takes %s, at most %s are allowed", fmt.Sprintf(format, args...), megabytes(need), megabytes(limit))}
}

func megabytes(n int64) string { return fmt.Sprintf("%.4g MB", float64(n)/1e6) }

// size is the bytes of a value in memory.
func size(v *ops.Value) int64 {
	width := int64(8)
	switch v.Type {
	case onnx.TensorProto_DOUBLE, onnx.TensorProto_INT64, onnx.TensorProto_UINT64:
	case onnx.TensorProto_STRING:
		width = 16
	default:
		width = 4
	}
	return width * int64(numel(v.Shape)) // at most 2^33 elements
}

// fits refuses a plan of which a single step, with what it reads and computes, is
// already too large; the memory plan of the whole comes later.
func (p *plan) fits(limit int64) error {
	var inputs int64
	for _, v := range p.inputs {
		inputs += size(v)
		if inputs > limit {
			return tooLarge(inputs, limit, "input %s of shape %v", quote(v.Name), v.Shape)
		}
	}
	for _, s := range p.steps {
		var n int64
		for _, v := range slices.Concat(s.in, s.out) {
			if v != nil && v.Const == nil {
				n += size(v)
			}
		}
		if n > limit {
			e := tooLarge(n, limit, "output of shape %v", s.out[0].Shape)
			e.Node, e.Name, e.Op = s.index, s.node.GetName(), s.node.GetOpType()
			return e
		}
	}
	return nil
}

// maxFoldedWork bounds the multiply-adds of constant folding, which is done by the
// slow reference evaluations: a second or two.
const maxFoldedWork = 1 << 29

// work estimates the multiply-adds that a step's reference evaluation takes.
func work(s *step) int {
	if c, ok := s.form.(ops.Costly); ok {
		n, err := c.MultiplyAdds()
		if err != nil {
			return math.MaxInt
		}
		return n
	}
	n := 0
	for _, v := range slices.Concat(s.in, s.out) {
		if v != nil {
			n = max(n, numel(v.Shape))
		}
	}
	per := 1
	for _, a := range s.node.GetAttribute() {
		if a.GetName() == "kernel_shape" {
			for _, k := range a.GetInts() {
				per = times(per, int(max(k, 1)))
			}
		}
	}
	if w := weightOf(s); w != nil && len(w.Shape) >= 2 {
		return max(times(n, per), multiplyAdds(s, w))
	}
	return times(n, per)
}

// weightOf is the operand that a step's products sum over.
func weightOf(s *step) *ops.Value {
	if ops.Table[s.node.GetOpType()].Weights > 0 && len(s.in) > 1 && len(s.out[0].Shape) > 0 {
		return s.in[1]
	}
	return nil
}
