package graph

import (
	"hash/fnv"
	"math/rand/v2"

	"graft/onnx"
)

// stream is the random numbers of one tensor: they depend on the seed and the
// tensor's name alone, so that a model's other tensors do not change them.
func stream(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// drawUniform fills a tensor uniformly within ±bound.
func drawUniform(seed uint64, name string, bound float64, shape ...int) *onnx.Tensor {
	r := stream(seed, name)
	v := make([]float32, numel(shape))
	for i := range v {
		v[i] = float32((2*r.Float64() - 1) * bound)
	}
	return onnx.FromFloats(shape, v)
}

// drawNormal fills a tensor from a normal distribution of the given deviation.
func drawNormal(seed uint64, name string, deviation float64, shape ...int) *onnx.Tensor {
	r := stream(seed, name)
	v := make([]float32, numel(shape))
	for i := range v {
		v[i] = float32(r.NormFloat64() * deviation)
	}
	return onnx.FromFloats(shape, v)
}
