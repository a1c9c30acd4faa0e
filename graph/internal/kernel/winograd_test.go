package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func winogradCases() []Conv {
	return []Conv{
		square(1, 1, 4, 1, 3, 1, 1, 1), square(2, 3, 5, 5, 3, 1, 1, 1), square(1, 16, 7, 16, 3, 1, 1, 1),
		square(2, 33, 14, 17, 3, 1, 1, 1), square(3, 40, 28, 35, 3, 1, 1, 1), square(9, 32, 8, 64, 3, 1, 1, 1),
		square(8, 32, 9, 33, 3, 1, 0, 1), square(2, 20, 13, 40, 3, 1, 2, 1), square(20, 17, 4, 16, 3, 1, 1, 1),
		sized(Conv{N: 2, C: 18, H: 9, W: 22, M: 9, Group: 1, KernelH: 3, KernelW: 3, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, PadTop: 0, PadLeft: 2, PadBottom: 1, PadRight: 0}),
		sized(Conv{N: 1, C: 18, H: 30, W: 6, M: 9, Group: 1, KernelH: 3, KernelW: 3, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, PadTop: 1, PadBottom: 1}),
	}
}

func TestWinograd(t *testing.T) { eachISA(t, testWinograd) }

func testWinograd(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(3, 4))
	for _, g := range winogradCases() {
		t.Run(fmt.Sprintf("%+v", g), func(t *testing.T) {
			x, w := random(r, g.N*g.C*g.H*g.W), random(r, g.M*g.C*9)
			dy, bias := random(r, g.N*g.M*g.OutH*g.OutW), random(r, g.M)
			wantY, wantDx, wantDw := make([]float64, len(dy)), make([]float64, len(x)), make([]float64, len(w))
			for i := range wantY {
				wantY[i] = float64(bias[i/(g.OutH*g.OutW)%g.M]) + float64(dy[i])
			}
			g.eachProduct(func(i, j, k int) {
				wantY[i] += float64(x[j]) * float64(w[k])
				wantDx[j] += float64(dy[i]) * float64(w[k])
				wantDw[k] += float64(dy[i]) * float64(x[j])
			})
			for i := range wantY {
				wantY[i] = min(max(wantY[i], -3), 4)
				wantY[i] /= 1 + math.Exp(-wantY[i])
			}
			agreeWithin(t, pools, "forward", len(dy), wantY, 1e-4, func(p *Pool, y []float32) {
				packed, out := filled(g.PackedWinograd()), filled(g.output())
				PackWeightsWinograd(p, &g, packed, w)
				ConvForwardWinograd(p, &g, out, g.image(x), packed, Epilogue{Bias: bias, Residual: blocked(dy, g.N, g.M, g.OutH*g.OutW), Clamp: true, Lo: -3, Hi: 4, Swish: true})
				Unblock(p, y, out, g.N, g.M, g.OutH*g.OutW)
			})
			agreeWithin(t, pools, "data", len(x), wantDx, 1e-4, func(p *Pool, dx []float32) {
				packed, out := filled(g.PackedWinograd()), filled(g.input())
				PackWeightsDataWinograd(p, &g, packed, w)
				ConvBackwardDataWinograd(p, &g, out, blocked(dy, g.N, g.M, g.OutH*g.OutW), packed)
				Unblock(p, dx, out, g.N, g.C, g.H*g.W)
			})
			agreeWithin(t, pools, "data of weights not packed", len(x), wantDx, 1e-4, func(p *Pool, dx []float32) {
				out := filled(g.input())
				ConvBackwardDataWinogradOf(p, &g, out, blocked(dy, g.N, g.M, g.OutH*g.OutW), w)
				Unblock(p, dx, out, g.N, g.C, g.H*g.W)
			})
			agreeWithin(t, pools, "weights", len(w), wantDw, 1e-4, func(p *Pool, dw []float32) {
				packed := filled(g.Packed())
				ConvBackwardWeightsWinograd(p, &g, packed, g.image(x), blocked(dy, g.N, g.M, g.OutH*g.OutW))
				UnpackWeights(p, &g, dw, packed)
			})
		})
	}
}

// What is packed or summed up part by part is what it is in one piece.
func TestWinogradInParts(t *testing.T) { eachISA(t, testWinogradInParts) }

func testWinogradInParts(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	p := NewPool(2)
	defer p.Close()
	for _, g := range []Conv{square(2, 280, 4, 265, 3, 1, 1, 1), square(3, 265, 6, 500, 3, 1, 1, 1)} {
		x, w := g.image(random(r, g.N*g.C*g.H*g.W)), random(r, g.M*g.C*9)
		dy := blocked(random(r, g.N*g.M*g.OutH*g.OutW), g.N, g.M, g.OutH*g.OutW)
		images := g.N
		c := winograd{n: g.N, inH: g.OutH, inW: g.OutW, outH: g.H, outW: g.W, ins: g.M, inBlocks: Blocks(g.M), outBlocks: Blocks(g.C)}
		c.cut()
		c.reach(0, c.panels)
		c.measure(c.n * c.down * c.right)
		if c.parts(&images) < 2 {
			t.Fatalf("%+v is computed in one piece", g)
		}
		packed, want, got := filled(g.PackedWinograd()), filled(g.input()), filled(g.input())
		PackWeightsDataWinograd(p, &g, packed, w)
		ConvBackwardDataWinograd(p, &g, want, dy, packed)
		ConvBackwardDataWinogradOf(p, &g, got, dy, w)
		if !slices.Equal(got, want) {
			t.Errorf("%+v: gradients by the input differ", g)
		}
		direct, dw := filled(g.Packed()), filled(g.Packed())
		ConvBackwardWeights(p, &g, direct, x, dy)
		ConvBackwardWeightsWinograd(p, &g, dw, x, dy)
		wide := make([]float64, len(direct))
		for i, v := range direct {
			wide[i] = float64(v)
		}
		near(t, "gradient by the weights", dw, wide, 1e-4)
	}
}

// The root mean square error against float64 stays near what the transforms' factors
// make of a rounding: about ten times a direct sum's.
func TestWinogradError(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		g := square(1, 64, 16, 32, 3, 1, 1, 1)
		x, w := random(r, g.N*g.C*g.H*g.W), random(r, g.M*g.C*9)
		want := make([]float64, g.N*g.M*g.OutH*g.OutW)
		g.eachProduct(func(i, j, k int) { want[i] += float64(x[j]) * float64(w[k]) })
		packed, out, y := make([]float32, g.PackedWinograd()), make([]float32, g.output()), make([]float32, len(want))
		PackWeightsWinograd(nil, &g, packed, w)
		ConvForwardWinograd(nil, &g, out, g.image(x), packed, Epilogue{})
		Unblock(nil, y, out, g.N, g.M, g.OutH*g.OutW)
		var wrong, size float64
		for i, v := range want {
			wrong += (float64(y[i]) - v) * (float64(y[i]) - v)
			size += v * v
		}
		if e := math.Sqrt(wrong / size); e > 4e-6 {
			t.Errorf("relative error %.2g", e)
		}
	})
}

func benchForwardWinograd(p *Pool, g *Conv, y, x, w []float32) {
	ConvForwardWinograd(p, g, y, x, w, Epilogue{})
}

func BenchmarkConvForwardWinograd(b *testing.B) {
	benchmarkConv(b, benchForwardWinograd, innerLayers[:4]...)
}

func benchWeightsWinograd(p *Pool, g *Conv, y, x, w []float32) {
	ConvBackwardWeightsWinograd(p, g, w, x, y)
}

func BenchmarkConvBackwardWeightsWinograd(b *testing.B) {
	benchmarkConv(b, benchWeightsWinograd, innerLayers[:4]...)
}

// The matrices of Lavin and Gray 2016 for F(4x4,3x3): a transform of d is M d M^T.
var (
	winogradB = [][]float64{{4, 0, -5, 0, 1, 0}, {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0}, {0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1}}
	winogradA = [][]float64{{1, 0, 0, 0}, {1, 1, 1, 1}, {1, -1, 1, -1}, {1, 2, 4, 8}, {1, -2, 4, -8}, {0, 0, 0, 1}}
	winogradG = [][]float64{{1. / 4, 0, 0}, {-1. / 6, -1. / 6, -1. / 6}, {-1. / 6, 1. / 6, -1. / 6}, {1. / 24, 1. / 12, 1. / 6}, {1. / 24, -1. / 12, 1. / 6}, {0, 0, 1}}
)

// sandwich is m d m^T for the square d(i,j), or m^T d m.
func sandwich(m [][]float64, transposed bool, d func(i, j int) float64) [][]float64 {
	rows, columns := len(m), len(m[0])
	at := func(i, k int) float64 { return m[i][k] }
	if transposed {
		rows, columns = columns, rows
		at = func(i, k int) float64 { return m[k][i] }
	}
	r := make([][]float64, rows)
	for i := range r {
		r[i] = make([]float64, rows)
		for j := range r[i] {
			for k := range columns {
				for l := range columns {
					r[i][j] += at(i, k) * d(k, l) * at(j, l)
				}
			}
		}
	}
	return r
}

// testTransform holds a transform of tiles of n x n pixels, 4 apart, to m x m planes
// against its matrix.
func testTransform(t *testing.T, r *rand.Rand, n, m int, matrix [][]float64, f func(to, from, scratch []float32, plane, row, tiles int)) {
	for tiles := 1; tiles < 5; tiles++ {
		row, plane := (4*tiles+n+r.IntN(3))*isa.lanes, (tiles+r.IntN(3))*isa.lanes
		from := random(r, 3+n*row)[3:]
		to, check := guarded(t, (m*m-1)*plane+tiles*isa.lanes)
		want := make([]float64, len(to))
		for i := range want {
			want[i] = float64(to[i])
		}
		for i := range tiles {
			for l := range isa.lanes {
				for k, line := range sandwich(matrix, false, func(h, w int) float64 { return float64(from[h*row+(4*i+w)*isa.lanes+l]) }) {
					for j, v := range line {
						want[(j*m+k)*plane+i*isa.lanes+l] = v
					}
				}
			}
		}
		f(to, from, make([]float32, 36*isa.lanes), plane, row, tiles)
		check()
		near(t, "transform", to, want, 1e-6)
	}
}

func testWinogradOutput(t *testing.T, r *rand.Rand) {
	for tiles := 1; tiles < 5; tiles++ {
		row, plane := (4*tiles+r.IntN(3))*isa.lanes, (tiles+r.IntN(3))*isa.lanes
		m, c := random(r, 1+36*plane)[1:], random(r, 3*isa.lanes)
		for l := range isa.lanes {
			c[isa.lanes+l], c[2*isa.lanes+l] = -20, unlimited
		}
		for _, residual := range [][]float32{nil, random(r, 4*row)} {
			y, check := guarded(t, 3*row+4*tiles*isa.lanes)
			want := make([]float64, len(y))
			for i := range want {
				want[i] = float64(y[i])
			}
			for i := range tiles {
				for l := range isa.lanes {
					for h, line := range sandwich(winogradA, true, func(k, j int) float64 { return float64(m[(6*j+k)*plane+i*isa.lanes+l]) }) {
						for w, v := range line {
							o := h*row + (4*i+w)*isa.lanes + l
							if want[o] = v + float64(c[l]); residual != nil {
								want[o] += float64(residual[o])
							}
							want[o] = max(want[o], -20)
						}
					}
				}
			}
			isa.winogradOutput(y, m, make([]float32, 36*isa.lanes), plane, row, tiles, c, residual)
			check()
			near(t, "output", y, want, 1e-6)
		}
	}
}

func testWinogradWeights(t *testing.T, r *rand.Rand) {
	for vectors := 1; vectors < 4; vectors++ {
		wPlane, plane := (vectors+r.IntN(3))*isa.lanes, (vectors+r.IntN(3))*isa.lanes
		w := random(r, 1+9*wPlane)[1:]
		u, check := guarded(t, 35*plane+vectors*isa.lanes)
		want := make([]float64, len(u))
		for i := range want {
			want[i] = float64(u[i])
		}
		for o := range vectors * isa.lanes {
			for k, line := range sandwich(winogradG, false, func(h, x int) float64 { return float64(w[(3*h+x)*wPlane+o]) }) {
				for j, v := range line {
					want[(6*j+k)*plane+o] = v
				}
			}
		}
		isa.winogradWeights(u, w, make([]float32, 36*isa.lanes), plane, wPlane, vectors)
		check()
		near(t, "weights", u, want, 1e-6)
	}
}

func testWinogradWeightsBackward(t *testing.T, r *rand.Rand) {
	for vectors := 1; vectors < 4; vectors++ {
		wPlane, plane := (vectors+r.IntN(3))*isa.lanes, (vectors+r.IntN(3))*isa.lanes
		u := random(r, 1+36*plane)[1:]
		dw, check := guarded(t, 8*wPlane+vectors*isa.lanes)
		want := make([]float64, len(dw))
		for i := range want {
			want[i] = float64(dw[i])
		}
		for o := range vectors * isa.lanes {
			for h, line := range sandwich(winogradG, true, func(k, j int) float64 { return float64(u[(6*j+k)*plane+o]) }) {
				for x, v := range line {
					want[(3*h+x)*wPlane+o] = v
				}
			}
		}
		isa.winogradWeightsBackward(dw, u, make([]float32, 36*isa.lanes), plane, wPlane, vectors)
		check()
		near(t, "gradients of weights", dw, want, 1e-6)
	}
}
