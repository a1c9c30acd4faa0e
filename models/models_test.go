package models

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"

	"graft/onnx"
)

// The embedded files, byte for byte: a new one is a change of the demo, to be measured and told.
func TestEmbedded(t *testing.T) {
	for _, f := range []struct {
		name string
		data []byte
		sum  string
	}{
		{"base.onnx", base, "7bfcf7c5e48bea96af5aedb2c7fba3a487e3240124ea0873f5dc368a887c34a9"},
		{"digits.npz", digits, "16d1aa792ab0aa1a0f85bfee835113d463bd6dd9452bdc96b735d71ee13d35ef"},
	} {
		if got := fmt.Sprintf("%x", sha256.Sum256(f.data)); got != f.sum {
			t.Errorf("%s has sha256 %s, want %s", f.name, got, f.sum)
		}
	}
}

func TestBase(t *testing.T) {
	m, err := Base()
	if err != nil {
		t.Fatal(err)
	}
	if err := onnx.Check(m); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, n := range m.GetGraph().GetNode() {
		count[n.GetOpType()]++
	}
	if count["Conv"] != 5 || count["BatchNormalization"] != 5 || count["Gemm"] != 1 {
		t.Errorf("operators %v", count)
	}
	var labels []string
	value, _ := onnx.Metadata(m, "graft.labels")
	if err := json.Unmarshal([]byte(value), &labels); err != nil || !slices.Equal(labels, []string{"0", "1", "2", "3", "4"}) {
		t.Errorf("graft.labels %s: %v", value, err)
	}
	var input struct {
		Size      []int     `json:"size"`
		Mean, Std []float64 // of DigitsInput, times 255
		Channels  string    `json:"channels"`
	}
	value, _ = onnx.Metadata(m, "graft.input")
	if err := json.Unmarshal([]byte(value), &input); err != nil || !slices.Equal(input.Size, []int{to, to}) || input.Channels != "gray" ||
		!slices.Equal(input.Mean, []float64{0.25 * 255}) || !slices.Equal(input.Std, []float64{0.35 * 255}) {
		t.Errorf("graft.input %s: %v", value, err)
	}
	var lineage []struct {
		Data     string  `json:"data"`
		Accuracy float64 `json:"accuracy"`
	}
	value, _ = onnx.Metadata(m, "graft.lineage")
	if err := json.Unmarshal([]byte(value), &lineage); err != nil || len(lineage) != 1 || lineage[0].Accuracy < 0.99 || lineage[0].Data == "" {
		t.Errorf("graft.lineage %s: %v", value, err)
	}
}

func TestBaseIsFresh(t *testing.T) {
	a, err := Base()
	if err != nil {
		t.Fatal(err)
	}
	a.Graph.Node = nil
	if b, _ := Base(); len(b.GetGraph().GetNode()) == 0 {
		t.Error("changing one message changed the next")
	}
}

func TestDigits(t *testing.T) {
	x, y, err := Digits()
	if err != nil {
		t.Fatal(err)
	}
	count, ink := map[int]int{}, 0
	for _, v := range y {
		count[v]++
	}
	for _, v := range x {
		ink += int(v)
	}
	// scikit-learn 1.9.1: np.bincount(load_digits().target)[5:], and the sum of these images.
	for digit, want := range map[int]int{5: 182, 6: 181, 7: 179, 8: 174, 9: 180} {
		if count[digit] != want {
			t.Errorf("%d pictures of a %d, want %d", count[digit], digit, want)
		}
	}
	if len(x) != 896*64 || len(y) != 896 || ink != 280340 || slices.Max(x) != 16 {
		t.Errorf("%d pixels, %d labels, ink %d of at most %d", len(x), len(y), ink, slices.Max(x))
	}
}

// Row 5, columns 0 to 7 of the first picture by Pillow 13.0 on floats:
// (Image.fromarray(x[0]/16).resize((16, 16), BILINEAR) - 0.25) / 0.35
func TestDigitsInput(t *testing.T) {
	x, _, err := Digits()
	if err != nil {
		t.Fatal(err)
	}
	in := DigitsInput(x)
	if len(in) != 896*256 {
		t.Fatalf("%d values", len(in))
	}
	want := []float64{-0.71428573, -0.71428573, -0.71428573, -0.15625, 0.95982146, 1.6741072, 1.9866072, 2.109375}
	for i, w := range want {
		if got := float64(in[5*16+i]); math.Abs(got-w) > 1e-6 {
			t.Errorf("column %d is %v, want %v", i, got, w)
		}
	}
	if got := DigitsInput(slices.Repeat([]uint8{16}, 64)); slices.Min(got) != slices.Max(got) || math.Abs(float64(got[0])-0.75/0.35) > 1e-6 {
		t.Errorf("full ink becomes %v to %v", slices.Min(got), slices.Max(got))
	}
	// The left upper corner of a picture that is empty but for its first pixel.
	corner := make([]uint8, 64)
	corner[0] = 16
	got := DigitsInput(corner)
	for i, w := range []float64{1, 0.75, 0.25, 0} {
		if v := float64(got[i])*0.35 + 0.25; math.Abs(v-w) > 1e-6 {
			t.Errorf("corner, column %d: %v of full ink, want %v", i, v, w)
		}
	}
}

func TestDigitsInputRefusesParts(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("half a picture was taken")
		}
	}()
	DigitsInput(make([]uint8, 32))
}

func TestBytesOf(t *testing.T) {
	if _, err := bytesOf(digits, "z.npy"); err == nil {
		t.Error("an array that is not there was read")
	}
	if _, err := bytesOf([]byte("no archive"), "x.npy"); err == nil {
		t.Error("what is no archive was read")
	}
}
