package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"graft/finetune/data"
	"graft/graph"
	"graft/graph/optim"
	"graft/onnx"
)

// recipe is how the base is trained.
type recipe struct {
	Epochs      int     `json:"epochs"`
	Batch       int     `json:"batch_size"`
	Optimizer   string  `json:"opt"`
	LR          float64 `json:"lr"` // the peak of one cycle
	WeightDecay float64 `json:"weight_decay"`
	Seed        uint64  `json:"seed"`
}

// train returns the model with what it learnt; report is told the mean loss of every 50 steps.
func train(m *onnx.ModelProto, d digits, r recipe, threads int, report func(step, steps int, loss float64)) (*onnx.ModelProto, error) {
	p, err := compile(m, r, threads)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	solver, err := optim.New(optim.Settings{Name: r.Optimizer, LR: r.LR, WeightDecay: r.WeightDecay})
	if err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(r.Seed, 2))
	perEpoch := len(d.labels) / r.Batch // the rest of the shuffled pictures waits for another epoch
	step, steps, sum := 0, r.Epochs*perEpoch, 0.0
	for epoch := range r.Epochs {
		order := data.Shuffle(len(d.labels), r.Seed, epoch)
		for k := range perEpoch {
			if err := feed(p, d, order[k*r.Batch:(k+1)*r.Batch], distort(random, step%2 == 1)); err != nil {
				return nil, err
			}
			if err := p.Step(uint64(step)); err != nil {
				return nil, err
			}
			solver.SetLR(r.LR * oneCycle(float64(step)/float64(max(steps-1, 1))))
			if err := solver.Step(p.ValueGrads()); err != nil {
				return nil, err
			}
			step++
			if sum += float64(p.LossValue()); sum-sum != 0 {
				return nil, fmt.Errorf("base: step %d: loss %v", step, p.LossValue())
			}
			if step%50 == 0 {
				report(step, steps, sum/50)
				sum = 0
			}
		}
	}
	return p.Store()
}

// compile makes a program in which everything learns, on batch statistics.
func compile(m *onnx.ModelProto, r recipe, threads int) (*graph.Program, error) {
	s, err := graph.Analyse(m, graph.Options{})
	if err != nil {
		return nil, err
	}
	learning, err := s.Learning(graph.Freezing{BatchStatistics: true})
	if err != nil {
		return nil, err
	}
	return graph.Compile(m, graph.Config{
		Options:  graph.Options{Batch: r.Batch},
		Threads:  threads,
		Training: &graph.Training{Learning: learning, Loss: optim.CrossEntropy, Seed: r.Seed},
	})
}

// feed puts the pictures of a batch, distorted, and their labels into the program.
func feed(p *graph.Program, d digits, batch []int, distort func([]byte) []byte) error {
	pictures := make([][]byte, len(batch))
	clear(p.Target())
	for i, j := range batch {
		pictures[i] = d.pictures[j]
		p.Target()[i*classes+d.labels[j]] = 1
	}
	return fill(p.Input(0), pictures, distort)
}

// oneCycle is the share of the peak rate after a part t of the steps: up from 1/25 over three tenths of them, then
// down to 1/250000, by half cosines (Smith and Topin 2018, as torch.optim.lr_scheduler.OneCycleLR has it).
func oneCycle(t float64) float64 {
	half := func(from, to, t float64) float64 { return to + (from-to)*(1+math.Cos(math.Pi*t))/2 }
	if t < 0.3 {
		return half(1/25.0, 1, t/0.3)
	}
	return half(1, 1/250000.0, (t-0.3)/0.7)
}

// accuracy is the share of inputs x [N,1,16,16] whose largest logit is that of their label y [N].
func accuracy(p *graph.Program, x []float32, y []int) (float64, error) {
	in := p.Input(0)
	batch := p.Inputs()[0].Shape[0]
	each := len(in) / batch
	right := 0
	for at := 0; at < len(y); at += batch {
		n := min(batch, len(y)-at)
		clear(in)
		copy(in, x[at*each:(at+n)*each])
		if err := p.Run(); err != nil {
			return 0, err
		}
		logits := p.Output(0).Data.([]float32)
		for i := range n {
			row := logits[i*classes : (i+1)*classes]
			if slices.Index(row, slices.Max(row)) == y[at+i] {
				right++
			}
		}
	}
	return float64(right) / float64(len(y)), nil
}
