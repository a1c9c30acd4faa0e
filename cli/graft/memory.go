package main

import (
	"math"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"graft/onnx"
)

// defaultMemory is what a model may take beyond its own size: far more than any
// classifier needs for a few images.
const defaultMemory = 2e9

// maxMemoryFlag is --max-memory SIZE.
func maxMemoryFlag(what, fallback string) *cli.StringFlag {
	return &cli.StringFlag{Name: "max-memory", Usage: "`SIZE` refuse a " + what + " that takes more, as 500MB or 8GB", DefaultText: fallback,
		Action: func(_ *cli.Context, v string) error {
			if _, ok := parseBytes(v); !ok {
				return usagef("", "--max-memory %s: want a size, as 500MB or 8GB", quote(v))
			}
			return nil
		}}
}

// memoryFlag is --memory low, which trades time for memory.
func memoryFlag() *cli.StringFlag {
	return word("memory", "what a training step keeps: low computes activations and normalisations once more for the gradients, by the same numbers",
		"full", "full", "low")
}

// recompute says whether --memory low is given.
func recompute(c *cli.Context) bool { return c.String("memory") == "low" }

// exactFlag is --exact.
func exactFlag() *cli.BoolFlag {
	return &cli.BoolFlag{Name: "exact", Usage: "compute convolutions by direct sums alone, not by Winograd's algorithm: slower, and nearer to float64"}
}

// memoryLimit is --max-memory of what runs a model.
func memoryLimit() *cli.StringFlag { return maxMemoryFlag("model", "2GB above its own size") }

// maxMemory is the limit in bytes that --max-memory sets for running m, which may be nil.
func maxMemory(c *cli.Context, m *onnx.ModelProto) int64 {
	switch n := givenMemory(c); {
	case n > 0:
		return n
	case m != nil:
		return defaultMemory + onnx.Size(m)
	}
	return defaultMemory
}

// givenMemory is the value of --max-memory in bytes, 0 where it is not given.
func givenMemory(c *cli.Context) int64 {
	n, _ := parseBytes(c.String("max-memory"))
	return n
}

// parseBytes reads a number of bytes with a decimal unit.
func parseBytes(s string) (int64, bool) {
	unit := 1.0
	upper := strings.ToUpper(strings.TrimSpace(s))
	for i, u := range []string{"KB", "MB", "GB", "TB"} {
		if rest, ok := strings.CutSuffix(upper, u); ok {
			upper, unit = strings.TrimSpace(rest), math.Pow(1000, float64(i+1))
		}
	}
	v, err := strconv.ParseFloat(upper, 64)
	if n := v * unit; err == nil && n >= 1 && n < math.MaxInt64/2 {
		return int64(n), true
	}
	return 0, false
}
