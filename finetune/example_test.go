package finetune_test

import (
	"bytes"
	"context"
	"fmt"

	"graft/finetune"
	"graft/finetune/data"
	"graft/models"
	"graft/onnx"
)

// digits are the network inside the program, which has learnt the digits 0 to 4, and
// pictures of 5 to 9.
func digits() (m *onnx.ModelProto, train, val *data.Set) {
	m, err := models.Base()
	check(err)
	x, y, err := models.Digits()
	check(err)
	for i := range y {
		y[i] -= 5
	}
	all := data.FromArrays(models.DigitsInput(x), [3]int{1, 16, 16}, y, []string{"5", "6", "7", "8", "9"})
	order := data.Shuffle(all.Len(), 1, 0)
	return m, all.Subset(order[:200]), all.Subset(order[200:400])
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// What is not given is chosen, and told with its reason.
func ExampleGraft() {
	m, train, _ := digits()
	p, err := finetune.Graft(m, train, finetune.Config{})
	check(err)
	for _, c := range p.Choices[:3] {
		fmt.Println(c.Name, c.Value)
	}
	fmt.Println(p.Choices[1].Why)
	// Output:
	// epochs 60
	// unfreeze-at 21
	// bn frozen
	// 200 training images are enough to fine-tune the 32.7 k parameters below the cut, once the new layers have settled
}

// A head alone first, then all layers, the lower ones slower; what was written is proved.
func ExampleTrain() {
	m, train, val := digits()
	r, err := finetune.Train(context.Background(), m, train, val, finetune.Config{Epochs: 12, Freeze: "all", UnfreezeAt: 5, LayerDecay: 0.8, Seed: 1})
	check(err)
	fmt.Println(len(r.Epochs), r.Plan.Metric(), r.BestEpoch().ValScore > 0.9)
	p, err := finetune.Prove(context.Background(), r.Best, m, r, val, nil)
	check(err)
	fmt.Println(p.Top1 == r.BestEpoch().ValScore, p.Difference < 1e-4)
	// Output:
	// 12 top-1 true
	// true true
}

// Several heads learn different things of the same images: here whether a digit is even,
// and the digit as a number.
func ExampleTrain_heads() {
	m, train, val := digits()
	for _, s := range []*data.Set{train, val} {
		for i, it := range s.Items {
			digit := it.Label + 5
			s.Items[i] = data.Item{Name: it.Name, Label: -1, Told: []float32{float32(digit % 2), float32(digit)}}
		}
		s.Classes = nil
		s.Heads = []data.Head{{Name: "parity", Kind: data.Class, Classes: []string{"even", "odd"}}, {Name: "digit", Kind: data.Values, Classes: []string{"digit"}}}
	}
	r, err := finetune.Train(context.Background(), m, train, val, finetune.Config{Freeze: "0", Epochs: 20, Heads: map[string]string{"digit": "mlp:16"}})
	check(err)
	k, err := finetune.NewClassifier(r.Best, finetune.ClassifierConfig{Data: val})
	check(err)
	defer k.Close()
	e, err := k.Evaluate(context.Background(), val, nil)
	check(err)
	for _, h := range e.Heads {
		score, metric := h.Score()
		fmt.Println(h.Head, metric, score > 0.8)
	}
	// Output:
	// parity top-1 true
	// digit R² true
}

// A training that was interrupted goes on from its checkpoint, and ends with the same bytes.
func ExampleReadCheckpoint() {
	m, train, val := digits()
	c := finetune.Config{Epochs: 4, Freeze: "all", SaveEvery: 3}
	whole, err := finetune.Train(context.Background(), m, train, val, c)
	check(err)

	ctx, interrupt := context.WithCancel(context.Background())
	var file bytes.Buffer
	c.Save = func(p *finetune.Checkpoint) error {
		file.Reset()
		if p.Step() == 9 {
			interrupt()
		}
		_, err := p.WriteTo(&file)
		return err
	}
	_, err = finetune.Train(ctx, m, train, val, c)
	fmt.Println(err)

	c.Save = nil
	c.Resume, err = finetune.ReadCheckpoint(file.Bytes())
	check(err)
	again, err := finetune.Train(context.Background(), m, train, val, c)
	check(err)
	a, _ := onnx.Marshal(whole.Best)
	b, _ := onnx.Marshal(again.Best)
	fmt.Println(c.Resume.Step() >= 9, bytes.Equal(a, b))
	// Output:
	// context canceled
	// true true
}

// Where to cut: a quick head on the features of every cut point.
func ExampleAdvise() {
	m, train, val := digits()
	a, err := finetune.Advise(context.Background(), m, train, val, finetune.Config{})
	check(err)
	fmt.Println(len(a.Points), "cut points, the best one is not the last:", a.Cut < 5)
	// Output: 6 cut points, the best one is not the last: true
}

// The greatest useful learning rate, by a test of rising ones.
func ExampleFindRate() {
	m, train, _ := digits()
	r, err := finetune.FindRate(context.Background(), m, train, finetune.Config{Freeze: "all", Epochs: 20})
	check(err)
	fmt.Println(r.Best > 1e-4 && r.Best < 0.1)
	// Output: true
}

// How well trainings do on what they have not seen, where there is little to see.
func ExampleCrossValidate() {
	m, train, _ := digits()
	f, err := finetune.CrossValidate(context.Background(), m, train, 4, finetune.Config{Freeze: "all", Epochs: 20})
	check(err)
	fmt.Println(len(f.Scores), f.Mean > 0.6, f.Spread < 0.2)
	// Output: 4 true true
}

// What a model makes of images.
func ExampleClassifier_Answers() {
	m, train, val := digits()
	r, err := finetune.Train(context.Background(), m, train, val, finetune.Config{Freeze: "0", Epochs: 20})
	check(err)
	k, err := finetune.NewClassifier(r.Best, finetune.ClassifierConfig{Data: val})
	check(err)
	defer k.Close()
	right := 0
	err = k.Scores(context.Background(), val, func(i int, raw []float32, p []float64) error {
		if a := k.Answers(p, 1)[0]; a.Classes[0].Index == val.Items[i].Label {
			right++
		}
		return nil
	})
	check(err)
	fmt.Println(k.Labels, right > 180)
	// Output: [5 6 7 8 9] true
}

// What in a drawing of a 9 speaks for a 4, to a network that knows the digits 0 to 4.
func ExampleExplainer() {
	m, nines, _ := digits()
	nines, err := nines.Only([]string{"9"})
	check(err)
	e, err := finetune.NewExplainer(m, finetune.ExplainerConfig{Data: nines})
	check(err)
	defer e.Close()
	fmt.Println("at", e.Tensor, e.Shape)
	x, err := e.Explain(context.Background(), nines, 0, "4")
	check(err)
	for i := 0; i < x.H; i += 2 {
		for j := range x.W {
			fmt.Print(string(" .:=#"[int(4*x.Map[i*x.W+j]+0.1)]))
		}
		fmt.Println("|")
	}
	// Output:
	// at relu5 [32 4 4]
	// :::..           |
	// ==::.           |
	// ====:::.        |
	// ##====::.       |
	// ===::..         |
	// :::..           |
	// ...             |
	//                 |
}

// What the kept layers make of images, for any other use.
func ExampleExtractor() {
	m, train, _ := digits()
	e, err := finetune.NewExtractor(m, finetune.ExtractorConfig{After: "5", Data: train})
	check(err)
	defer e.Close()
	fmt.Println(e.Tensor, e.Shape)
	images, numbers := 0, 0
	check(e.Each(context.Background(), train, func(i int, x []float32) error {
		images, numbers = images+1, len(x)
		return nil
	}))
	fmt.Println(images, "images,", numbers, "numbers each")
	// Output:
	// features [32]
	// 200 images, 32 numbers each
}

// A head alone is trained and measured.
func ExampleClassifier_Evaluate() {
	m, train, val := digits()
	r, err := finetune.Train(context.Background(), m, train, nil, finetune.Config{Epochs: 20, Freeze: "all", Seed: 1})
	check(err)
	k, err := finetune.NewClassifier(r.Last, finetune.ClassifierConfig{Data: val})
	check(err)
	defer k.Close()
	e, err := k.Evaluate(context.Background(), val, nil)
	check(err)
	fmt.Println(e.Images, len(e.Classes), e.Top1 > 0.5)
	// Output:
	// 200 5 true
}
