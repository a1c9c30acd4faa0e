package finetune

import (
	"context"
	"math"
	"testing"

	"graft/finetune/data"
)

// TestExplainNear: the gradient that Grad-CAM weighs by is the slope of the score.
func TestExplainSlope(t *testing.T) {
	for _, c := range []struct {
		name, at string
		pre      data.Preprocess
	}{
		{"squeezenet1_1", "", squeezenetInput}, {"squeezenet1_1", "9", squeezenetInput},
		{"efficientnet_lite0", "", efficientnetInput},
	} {
		t.Run(c.name+c.at, func(t *testing.T) {
			e, err := NewExplainer(sharedModel(t, c.name), ExplainerConfig{Preprocess: &c.pre, At: c.at})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			set, err := data.OpenImages(photos(t)[:3]...)
			if err != nil {
				t.Fatal(err)
			}
			x, err := e.Explain(context.Background(), set, 0, "")
			if err != nil {
				t.Fatal(err)
			}
			t.Log(e.Tensor, e.Shape, x.Class, x.Score, x.Probability)
			p := e.above.Params()[0]
			area := e.Shape[1] * e.Shape[2]
			g := append([]float32{}, p.Grad()...)
			for _, k := range []int{0, 1, x.Index % e.Shape[0]} {
				const h = 1e-1
				at := k * area
				slope := 0.0
				for i := range area {
					slope += float64(g[at+i])
				}
				move := func(d float32) float64 {
					for i := range area {
						p.Value()[at+i] += d
					}
					if err := e.above.Run(); err != nil {
						t.Fatal(err)
					}
					return float64(e.above.LossValue())
				}
				up := move(h)
				down := move(-2 * h)
				move(h)
				t.Log(k, slope, (up-down)/(2*h))
				if math.Abs(slope-(up-down)/(2*h)) > 0.02 {
					t.Error("slope")
				}
			}
		})
	}
}
