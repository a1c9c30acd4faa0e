package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"graft/graph"
)

// kernelReport is what one kernel of a program takes: a row of bench --explain.
type kernelReport struct {
	Step   string  `json:"step"`
	Kernel string  `json:"kernel"`
	How    string  `json:"how,omitempty"`
	Shape  []int   `json:"shape"`
	MS     float64 `json:"ms"`
	GFLOPS float64 `json:"gflops,omitempty"` // of the formula's operations
	Share  float64 `json:"share"`            // of the time of all kernels
}

// explain runs a program on the clock and returns what its kernels took at best, the
// slowest first.
func explain(p *graph.Program, once func() error, iterations int) ([]kernelReport, error) {
	p.Clock(true)
	defer p.Clock(false)
	for range iterations {
		if err := once(); err != nil {
			return nil, err
		}
	}
	timings, total := p.Timings(), time.Duration(0)
	for _, t := range timings {
		total += t.Fastest
	}
	var rows []kernelReport
	for _, t := range timings {
		each := t.Fastest.Seconds()
		rows = append(rows, kernelReport{Step: cmp.Or(t.Step, "loss"), Kernel: t.Kernel, How: t.How, Shape: t.Shape,
			MS: 1000 * each, GFLOPS: 2 * float64(t.MultiplyAdds) / each / 1e9, Share: float64(t.Fastest) / float64(total)})
	}
	slices.SortStableFunc(rows, func(a, b kernelReport) int { return cmp.Compare(b.MS, a.MS) })
	return rows, nil
}

// writeKernels is the table of --explain, with the kernels that take hardly anything in
// its last line.
func writeKernels(w io.Writer, list []kernelReport) error {
	rows, rest, others := [][]string{}, 0.0, 0
	for _, k := range list {
		if k.Share < 0.001 {
			rest, others = rest+k.MS, others+1
			continue
		}
		rate := ""
		if k.GFLOPS > 0 {
			rate = fmt.Sprintf("%.0f", k.GFLOPS)
		}
		rows = append(rows, []string{quote(k.Step), k.Kernel, k.How, fmt.Sprint(k.Shape), fmt.Sprintf("%.3f", k.MS), rate, fmt.Sprintf("%.1f %%", 100*k.Share)})
	}
	if others > 0 {
		rows = append(rows, []string{fmt.Sprintf("(%d more)", others), "", "", "", fmt.Sprintf("%.3f", rest), "", ""})
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return writeTable(w, []string{"step", "kernel", "how", "computes", "ms", "GFLOP/s", "share"}, rows)
}
