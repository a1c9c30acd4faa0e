package finetune

import (
	"context"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"testing"

	"graft/finetune/data"
	"graft/onnx"
)

// shared is where the real models and photographs lie, beside the repository.
const shared = "../../shared/data"

// preprocessings of the shared models, in pixel units.
var (
	squeezenetInput   = data.Preprocess{Channels: "bgr", Mean: []float32{104, 117, 123}}
	efficientnetInput = data.Preprocess{Mean: []float32{127}, Std: []float32{128}}
	resnet20Input     = data.Preprocess{Mean: []float32{0.485 * 255, 0.456 * 255, 0.406 * 255}, Std: []float32{0.229 * 255, 0.224 * 255, 0.225 * 255}}
)

func sharedModel(t testing.TB, name string) *onnx.ModelProto {
	t.Helper()
	path := filepath.Join(shared, "models", name, name+".onnx")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is not here", path)
	}
	m, err := onnx.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestLogits24Photos holds whole networks, from the PNG file to the logits, to what
// ONNX Runtime computed from the same pixels.
func TestLogits24Photos(t *testing.T) {
	for _, c := range []struct {
		name string
		pre  data.Preprocess
	}{{"squeezenet1_1", squeezenetInput}, {"efficientnet_lite0", efficientnetInput}} {
		t.Run(c.name, func(t *testing.T) {
			m := sharedModel(t, c.name)
			want, err := data.ReadNpy(filepath.Join(shared, "models", c.name, "expected_logits_24photos.npy"))
			if err != nil {
				t.Fatal(err)
			}
			k, err := NewClassifier(m, ClassifierConfig{Preprocess: &c.pre, Batch: 24})
			if err != nil {
				t.Fatal(err)
			}
			defer k.Close()
			set, err := data.OpenImages(photos(t)...)
			if err != nil {
				t.Fatal(err)
			}
			w, _ := want.Floats()
			var worst, largest float64
			err = k.Scores(context.Background(), set, func(i int, raw []float32, _ []float64) error {
				for j, v := range raw {
					x := float64(w[i*len(raw)+j])
					worst = math.Max(worst, math.Abs(float64(v)-x))
					largest = math.Max(largest, math.Abs(x))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("max|a-b| / max|b| = %.2g", worst/largest)
			if len(w) != 24*1000 || !(worst/largest <= 1e-4) {
				t.Errorf("%d logits differ by %.3g of the largest, want 1e-4 at most", len(w), worst/largest)
			}
		})
	}
}

// photos lists the 24 PNGs in the order of photos.csv, as the expected logits have it.
func photos(t *testing.T) []string {
	f, err := os.Open(filepath.Join(shared, "photos/photos.csv"))
	if err != nil {
		t.Skipf("%v", err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, row := range rows[1:] {
		files = append(files, filepath.Join(shared, "photos", row[0]))
	}
	if len(files) != 24 {
		t.Fatalf("photos.csv names %d files", len(files))
	}
	return files
}
