package kernel

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"testing"
)

// drawn draws n numbers of -1 to 1, as testdata/torch_bits.py has it.
func drawn(seed uint64, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		h := (uint64(i+1) + seed*7919) * 0x9e3779b97f4a7c15
		h = (h ^ h>>29) * 0xbf58476d1ce4e5b9
		x[i] = float32(float64(h>>40)/(1<<23) - 1)
	}
	return x
}

func bits(x []float32) string {
	h := fnv.New64a()
	for _, v := range x {
		b := math.Float32bits(v)
		h.Write([]byte{byte(b), byte(b >> 8), byte(b >> 16), byte(b >> 24)})
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

// TestTorchBits holds convolutions, BatchNorm and activations to PyTorch's, bit for bit: which side of 0
// the input of a ReLU falls on must not depend on who computes it.
func TestTorchBits(t *testing.T) {
	b, err := os.ReadFile("testdata/torch_bits.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Conv []struct {
			N, C, Size, M, Kernel, Stride, Group int
			Bias                                 bool
			Bits                                 string
		}
		BatchNorm []struct {
			N, C, Size int
			Batch      bool
			Bits       string
		}
		Activation []struct{ Name, Bits string }
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	p := NewPool(3)
	defer p.Close()
	for _, c := range want.Conv {
		name := fmt.Sprintf("conv/c=%d/size=%d/m=%d/kernel=%d/stride=%d/group=%d", c.C, c.Size, c.M, c.Kernel, c.Stride, c.Group)
		t.Run(name, func(t *testing.T) {
			if isa.lanes != 16 {
				t.Skip("the bits are those of kernels for AVX-512")
			}
			out := (c.Size-1)/c.Stride + 1
			g := Conv{N: c.N, C: c.C, H: c.Size, W: c.Size, M: c.M, OutH: out, OutW: out, Group: c.Group, KernelH: c.Kernel, KernelW: c.Kernel,
				StrideH: c.Stride, StrideW: c.Stride, DilationH: 1, DilationW: 1, PadTop: c.Kernel / 2, PadLeft: c.Kernel / 2, PadBottom: c.Kernel / 2, PadRight: c.Kernel / 2}
			var bias []float32
			if c.Bias {
				bias = drawn(3, c.M)
			}
			y := make([]float32, c.N*c.M*out*out)
			g.Narrow = c.C < isa.lanes/2 && c.Group == 1
			forward(p, &g, y, drawn(1, c.N*c.C*c.Size*c.Size), drawn(2, c.M*c.C/c.Group*c.Kernel*c.Kernel), Epilogue{Bias: bias})
			if got := bits(y); got != c.Bits {
				t.Errorf("bits %s, PyTorch %s", got, c.Bits)
			}
		})
	}
	for _, c := range want.BatchNorm {
		t.Run(fmt.Sprintf("batchnorm/c=%d/size=%d/batch=%v", c.C, c.Size, c.Batch), func(t *testing.T) {
			hw := c.Size * c.Size
			x := drawn(4, c.N*c.C*hw)
			for i := range x {
				x[i] = float32(x[i]*3) + 0.5 // rounded twice, as NumPy does
			}
			mean, variance := drawn(5, c.C), drawn(6, c.C)
			for i := range variance {
				variance[i] += 1.5
			}
			g := &Norm{N: c.N, C: c.C, HW: hw, Eps: 1e-5, Batch: c.Batch}
			y := blocked(x, c.N, c.C, hw)
			if c.Batch {
				BatchStatistics(p, g, mean, variance, y)
			}
			BatchNormForward(p, g, y, y, nil, mean, variance, drawn(7, c.C), drawn(8, c.C))
			Unblock(p, x, y, c.N, c.C, hw)
			if got := bits(x); got != c.Bits {
				t.Errorf("bits %s, PyTorch %s", got, c.Bits)
			}
		})
	}
	for _, c := range want.Activation {
		t.Run(c.Name, func(t *testing.T) {
			if isa == plain {
				t.Skip("the bits are those of vectors")
			}
			x, dy, y := drawn(9, 1000), drawn(10, 1000), make([]float32, 1000)
			for i := range x {
				x[i] *= 100
			}
			Sigmoid(p, y, x)
			switch c.Name {
			case "SigmoidBackward":
				SigmoidBackward(p, y, y, dy)
			case "Swish":
				Swish(p, y, x)
			case "SwishBackward":
				SwishBackward(p, y, x, dy)
			}
			if got := bits(y); got != c.Bits {
				t.Errorf("bits %s, PyTorch %s", got, c.Bits)
			}
		})
	}
}
