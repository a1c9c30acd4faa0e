package graph_test

import (
	"errors"
	"fmt"
	"slices"

	"graft/graph"
	"graft/graph/optim"
	"graft/onnx"
)

// The layers of a network and the places where it can be cut.
func ExampleAnalyse() {
	s, err := graph.Analyse(smallNet(false), graph.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range s.CutPoints {
		fmt.Println(c.N, c.Tensor, c.Op, c.Shape, c.Params)
	}
	// Output:
	// 1 p1 MaxPool [1 8 4 4] 240
	// 2 features Flatten [1 8] 328
	// 3 y Gemm [1 4] 364
}

// A picture of a network: boxes, what each is, and whether it reads the one above.
func ExampleStructure_Draw() {
	s, err := graph.Analyse(smallNet(false), graph.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range s.Draw(nil).Rows {
		fmt.Println(r.Kind, r.Parts, r.Shape, r.Params, r.Cut, r.Direct)
	}
	// Output:
	// input [] [1 3 8 8] 0 0 false
	// conv [{c1 Conv 3×3} {n1 BatchNormalization } {r1 Relu }] [1 8 8 8] 240 0 true
	// pool [{p1 MaxPool 2×2, stride 2}] [1 8 4 4] 0 1 true
	// depthwise [{c2 Conv 3×3, depthwise} {n2 BatchNormalization } {r2 Relu }] [1 8 4 4] 88 0 true
	// sum [{sum Add }] [1 8 4 4] 0 0 true
	// pool [{pool GlobalAveragePool } {features Flatten }] [1 8] 0 2 true
	// dense [{y Gemm }] [1 4] 36 3 true
}

// What is cut off a model and given a new head is a model again.
func ExampleCut() {
	body, err := graph.Cut(smallNet(false), "p1", graph.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := graph.AddHead(body, graph.Head{Classes: 3, Seed: 1}, graph.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range m.Graph.Node {
		fmt.Print(n.GetOpType(), " ")
	}
	fmt.Println(onnx.Check(m))
	// Output: Conv BatchNormalization Relu MaxPool GlobalAveragePool Flatten Gemm <nil>
}

// A program learns: here to tell bright images from dark ones. Store puts what it
// has learnt into the model.
func ExampleCompile() {
	m := smallNet(false)
	s, err := graph.Analyse(m, graph.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	learns, err := s.Learning(graph.Freezing{Below: "p1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := graph.Compile(m, graph.Config{Options: graph.Options{Batch: 8},
		Training: &graph.Training{Learning: learns, Loss: optim.CrossEntropy}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	solver, err := optim.New(optim.Settings{Name: "adam", LR: 0.02})
	if err != nil {
		fmt.Println(err)
		return
	}
	solver.On(p.Pool())
	for step := range uint64(60) {
		x, target := p.Input(0), p.Target()
		clear(target)
		for i := range 8 {
			label := i % 2
			target[4*i+label] = 1
			for k := range 192 {
				x[192*i+k] = float32(label) + float32((k+i)%5)/10
			}
		}
		if err := p.Step(step); err != nil {
			fmt.Println(err)
			return
		}
		if err := solver.Step(p.ValueGrads()); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println("learnt:", p.LossValue() < 0.05)
	trained, err := p.Store()
	fmt.Println(onnx.Check(trained), err)
	// Output:
	// learnt: true
	// <nil> <nil>
}

// Two heads on the same features, and their outputs side by side.
func ExampleAddHeads() {
	m, err := onnx.ReadFile("../models/base.onnx")
	if err != nil {
		fmt.Println(err)
		return
	}
	body, err := graph.Cut(m, "relu4", graph.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	two, err := graph.AddHeads(body, []graph.Head{{Name: "kind", Classes: 3}, {Name: "age", Classes: 1, Hidden: []int{8}}}, graph.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, o := range two.GetGraph().GetOutput() {
		fmt.Println(o.GetName())
	}
	one, err := graph.Join(two)
	fmt.Println(one.GetGraph().GetOutput()[0].GetName(), err)
	// Output:
	// kind.logits
	// age.logits
	// joined.outputs <nil>
}

// A network for gray images takes coloured ones.
func ExampleWithChannels() {
	m, err := onnx.ReadFile("../models/base.onnx")
	if err != nil {
		fmt.Println(err)
		return
	}
	rgb, _, err := graph.WithChannels(m, 3, 1, graph.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(graph.InputSize(rgb))
	// Output: [3 16 16] <nil>
}

// A place is a number, a layer or a name; on a branch or misspelt it is refused with a hint.
func ExampleStructure_Find() {
	m, err := onnx.ReadFile("../models/base.onnx")
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := graph.Analyse(m, graph.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, place := range []string{"3", "layer:3", "conv3"} {
		tensor, err := s.Find(place, false)
		fmt.Println(tensor, err)
	}
	_, err = s.Find("con3", false)
	var graphError *graph.Error
	if errors.As(err, &graphError) {
		fmt.Println(err)
		fmt.Println(graphError.Hint())
	}
	// Output:
	// pool3 <nil>
	// pool3 <nil>
	// conv3 <nil>
	// graph: the model has no layer, tensor or node "con3"
	// did you mean conv3?
}

// The layers above a tensor begin anew, and the last one tells other classes apart: the
// networks of Yosinski et al. 2014.
func ExampleRedraw() {
	m, err := onnx.ReadFile("../models/base.onnx")
	if err != nil {
		fmt.Println(err)
		return
	}
	fresh, err := graph.Redraw(m, "pool3", 10, 1, graph.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"conv3.weight", "conv4.weight"} {
		was, _ := graph.Constant(m, name)
		is, _ := graph.Constant(fresh, name)
		fmt.Println(name, slices.Equal(was, is))
	}
	s, err := graph.Analyse(fresh, graph.Options{})
	fmt.Println(s.OutputShape(), err)
	// Output:
	// conv3.weight true
	// conv4.weight false
	// [1 10] <nil>
}
