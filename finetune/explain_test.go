package finetune

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"graft/finetune/data"
	"graft/graph"
	"graft/onnx"
)

// camCase is what Grad-CAM gives in PyTorch; testdata/gradcam.py made them.
type camCase struct {
	Model string // of testdata/gradcam; "": the pretrained squeezenet1_1
	Image string // of the shared data; "": pattern
	At    string
	Label int
	Score float64
	Map   []float64 // at every 14th pixel
}

// pattern is the image of the networks of testdata/gradcam.
func pattern() *data.Set {
	const side = 96
	x := make([]float32, 3*side*side)
	for i := range x {
		x[i] = float32(float64((i*i*31+7*i+i/97*5)%251)/125 - 1)
	}
	return data.FromArrays(x, [3]int{3, side, side}, []int{0}, []string{"?"})
}

func gradcamModel(t *testing.T, name string) *onnx.ModelProto {
	t.Helper()
	f, err := os.Open("testdata/gradcam/" + name + ".onnx.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestExplainEqualsTorch compares maps and scores with PyTorch's, to 1e-3 of a map's 1.
func TestExplainEqualsTorch(t *testing.T) {
	file, err := os.ReadFile("testdata/gradcam.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []camCase
	if err := json.Unmarshal(file, &cases); err != nil {
		t.Fatal(err)
	}
	worst := 0.0
	for _, c := range cases {
		t.Run(strings.Join([]string{c.Model, filepath.Base(c.Image), c.At}, " "), func(t *testing.T) {
			e, x := explained(t, c)
			if x.Index != c.Label || math.Abs(x.Score-c.Score) > 1e-4*math.Max(1, math.Abs(c.Score)) {
				t.Errorf("class %d with %g, want %d with %g", x.Index, x.Score, c.Label, c.Score)
			}
			if len(x.Map) != x.H*x.W || e.Tensor != c.At {
				t.Fatalf("%d elements for %dx%d, at %q", len(x.Map), x.H, x.W, e.Tensor)
			}
			at := 0
			for i := 0; i < x.H; i += 14 {
				for j := 0; j < x.W; j += 14 {
					d := math.Abs(float64(x.Map[i*x.W+j]) - c.Map[at])
					if worst = math.Max(worst, d); !(d <= 1e-3) {
						t.Fatalf("pixel %d %d: %g, want %g", i, j, x.Map[i*x.W+j], c.Map[at])
					}
					at++
				}
			}
			if at != len(c.Map) {
				t.Errorf("%d pixels, want %d", at, len(c.Map))
			}
		})
	}
	t.Logf("max|a-b| = %.2g", worst)
}

// explained is the explanation of a case, by its class, or where that is the likeliest
// without one.
func explained(t *testing.T, c camCase) (*Explainer, *Explanation) {
	t.Helper()
	config, set, m := ExplainerConfig{At: c.At}, pattern(), (*onnx.ModelProto)(nil)
	if c.Model == "" {
		m, config.Preprocess = sharedModel(t, "squeezenet1_1"), &squeezenetInput
		var err error
		if set, err = data.OpenImages(filepath.Join(shared, c.Image)); err != nil {
			t.Fatal(err)
		}
	} else {
		m, config.Data = gradcamModel(t, c.Model), set
	}
	e, err := NewExplainer(m, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	likeliest, err := e.Explain(context.Background(), set, 0, "")
	if err != nil {
		t.Fatal(err)
	}
	x, err := e.Explain(context.Background(), set, 0, e.Labels[c.Label])
	if err != nil {
		t.Fatal(err)
	}
	if likeliest.Probability < x.Probability || likeliest.Index == x.Index && likeliest.Score != x.Score {
		t.Errorf("the likeliest is %d with %g, and %d has %g", likeliest.Index, likeliest.Probability, x.Index, x.Probability)
	}
	return e, x
}

// The default place is the last one with a height and a width that every path crosses, in
// every dialect.
func TestExplainPlace(t *testing.T) {
	for name, want := range map[string]string{
		"squeezenet1_1": "conv10_2", "squeezenet1_1_opset7": "conv10_2", "squeezenet1_1_fp16": "conv10_2", "efficientnet_lite0": "head.act",
		"resnet20_cifar10": "/layer3/layer3.2/Relu_1_output_0", "resnet20_cifar10_slicepad": "/layer3/layer3.2/Relu_1_output_0",
		"resnet20_cifar10_dynamo": "relu_18", "mnist_cntk": "Pooling160_Output_0",
	} {
		t.Run(name, func(t *testing.T) {
			pre := data.Preprocess{Mean: []float32{127}}
			if name == "mnist_cntk" {
				pre.Channels = "gray"
			}
			e, err := NewExplainer(sharedModel(t, name), ExplainerConfig{Preprocess: &pre})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			if e.Tensor != want {
				t.Errorf("at %q, want %q", e.Tensor, want)
			}
			set, err := data.OpenImages(photos(t)[0])
			if err != nil {
				t.Fatal(err)
			}
			x, err := e.Explain(context.Background(), set, 0, "")
			if err != nil || x.H != e.Preprocess.Height || len(x.Map) != x.H*x.W {
				t.Fatal(err, x)
			}
			for _, v := range x.Map {
				if !(v >= 0 && v <= 1) {
					t.Fatalf("%g in the map", v)
				}
			}
		})
	}
}

// A network that was trained with Dropout is explained as it infers.
func TestExplainDrops(t *testing.T) {
	m := gradcamModel(t, "squeezenet1_1")
	set := pattern()
	e, err := NewExplainer(m, ExplainerConfig{Data: set, At: "/features/features.12/Concat_output_0"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	k, err := NewClassifier(m, ClassifierConfig{Data: set})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	x, err := e.Explain(context.Background(), set, 0, "3")
	if err != nil {
		t.Fatal(err)
	}
	err = k.Scores(context.Background(), set, func(_ int, raw []float32, p []float64) error {
		if math.Abs(float64(raw[3])-x.Score) > 1e-5 || math.Abs(p[3]-x.Probability) > 1e-5 {
			t.Errorf("score %g and %g, the classifier has %g and %g", x.Score, x.Probability, raw[3], p[3])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestExplainRefuses(t *testing.T) {
	m, set := gradcamModel(t, "resnet18"), pattern()
	dense := &onnx.ModelProto{IrVersion: new(int64(8)), OpsetImport: []*onnx.OperatorSetIdProto{{Version: new(int64(13))}}, Graph: &onnx.GraphProto{
		Node:        []*onnx.NodeProto{onnx.NewNode("Flatten", "", []string{"x"}, []string{"f"}), onnx.NewNode("Gemm", "", []string{"f", "w"}, []string{"y"})},
		Initializer: []*onnx.TensorProto{onnx.FromFloats([]int{3 * 96 * 96, 5}, make([]float32, 5*3*96*96)).Proto("w")},
		Input:       []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", 3, 96, 96)},
		Output:      []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT, "N", 5)},
	}}
	for _, c := range []struct {
		m     *onnx.ModelProto
		at    string
		want  string
		class string
	}{
		{m, "y", "without a height and a width", ""},
		{m, "nowhere", "no layer, tensor or node", ""},
		{m, "99", "no cut point 99", ""},
		{dense, "", "no convolution's output", ""},
		{m, "", `no class "9"`, "9"},
	} {
		e, err := NewExplainer(c.m, ExplainerConfig{At: c.at, Data: set})
		if err == nil {
			_, err = e.Explain(context.Background(), set, 0, c.class)
			e.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("at %q, class %q: %v, want %s", c.at, c.class, err, c.want)
		}
	}
}

// Of several heads each answer is explained by its name, on the gradient of its own output.
func TestExplainHeads(t *testing.T) {
	set := pattern()
	m := gradcamModel(t, "resnet18")
	s, err := graph.Analyse(m, graph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cut, err := s.LastCut()
	if err != nil {
		t.Fatal(err)
	}
	if m, err = graph.Cut(m, cut, graph.Options{}); err != nil {
		t.Fatal(err)
	}
	if m, err = graph.AddHeads(m, []graph.Head{{Name: "kind", Classes: 2, Seed: 1}, {Name: "size", Classes: 1, Seed: 2}}, graph.Options{}); err != nil {
		t.Fatal(err)
	}
	out := m.GetGraph().GetOutput()
	onnx.SetMetadata(m, HeadsKey, fmt.Sprintf(`[{"name":"kind","kind":"class","classes":["cat","dog"],"output":%q},{"name":"size","kind":"values","classes":["kg"],"output":%q}]`, out[0].GetName(), out[1].GetName()))
	for _, output := range []string{"", out[1].GetName()} {
		e, err := NewExplainer(m, ExplainerConfig{Data: set, Output: output})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		k, err := NewClassifier(m, ClassifierConfig{Data: set, Output: output})
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		x, err := e.Explain(context.Background(), set, 0, "kg")
		if err != nil {
			t.Fatal(err)
		}
		err = k.Scores(context.Background(), set, func(_ int, raw []float32, p []float64) error {
			if n := len(raw) - 1; e.Labels[n] != "kg" || x.Index != n || math.Abs(float64(raw[n])-x.Score) > 1e-5 || x.Score != x.Probability {
				t.Errorf("output %q: %v, score %g of %v", output, e.Labels, x.Score, raw)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
