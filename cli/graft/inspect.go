package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"graft/graph"
	"graft/onnx"
)

func inspectVerb() *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Category:  groupUse,
		Usage:     "show layers, numbered cut points, parameters and cost",
		ArgsUsage: "MODEL [flags]",
		Description: `
Each row is a cut point: a tensor that every path from the input to the output
crosses, the only places where "after layer n" is well defined. Its number n is
what --after and --freeze of the other verbs take.

--svg and --html draw the network besides. What is frozen is shown for a model
that finetune has written, and where --freeze says it.`,
		UsageText: `
  graft inspect resnet18.onnx
  graft inspect resnet18.onnx --json
  graft inspect resnet18.onnx --html network.html --filters filters.png`,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "nodes", Usage: "list every node, and every tensor that can learn, too"},
			outputName(),
			output("`FILE` write the result here instead of to stdout"),
		}, drawingFlags()...),
		Action: runInspect,
	}
}

// inspection is what inspect shows, as --json gives it.
type inspection struct {
	Inputs      []port              `json:"inputs"`
	Outputs     []port              `json:"outputs"`
	Opset       int64               `json:"opset"`
	IRVersion   int64               `json:"ir_version"`
	Layers      []graph.Layer       `json:"layers"`
	CutPoints   []graph.CutPoint    `json:"cut_points"`
	Batch       batchState          `json:"batch"`
	BatchNorm   batchNorms          `json:"batch_norm"`
	Trainable   []graph.Trainable   `json:"trainable"`
	Untrainable []graph.Untrainable `json:"untrainable"`
	Obstacles   []graph.Obstacle    `json:"obstacles"`           // nodes without a gradient, which what is below them cannot learn through
	Quantized   string              `json:"quantized,omitempty"` // the operator that makes it so
	Shared      []string            `json:"shared"`              // tensors that several operators use
	Folded      int                 `json:"folded"`              // nodes that are computed when the model is compiled
	Metadata    map[string]string   `json:"metadata"`
	Nodes       []node              `json:"nodes,omitempty"`
}

// batchState says for how many images at once a model is made.
type batchState struct {
	Fixed  int    `json:"fixed"`            // 0: any number
	Opens  bool   `json:"opens"`            // finetune makes it free
	Reason string `json:"reason,omitempty"` // why it does not open
}

// batchNorms counts BatchNormalizations: nodes, and those folded into convolutions.
type batchNorms struct {
	Kept   int `json:"kept"`
	Folded int `json:"folded"`
}

type node struct {
	Name    string   `json:"name"`
	Op      string   `json:"op"`
	Inputs  []string `json:"inputs"`
	Outputs []string `json:"outputs"`
	Shapes  [][]int  `json:"shapes"` // of the outputs for one image; null where the output does not depend on them
}

func runInspect(c *cli.Context) error {
	u := newUI(c)
	args, err := positionals(c, "MODEL")
	if err != nil {
		return err
	}
	if err := checkDrawings(c, args[0]); err != nil {
		return err
	}
	m, s, err := openModel(c, args[0])
	if err != nil {
		return err
	}
	i := inspect(m, s, c.String("output-name"), c.Bool("nodes"))
	if err := writeDrawings(c, u, args[0], m, s, i); err != nil {
		return err
	}
	return u.result(c.String("output"), i, i.write)
}

func inspect(m *onnx.ModelProto, s *graph.Structure, output string, nodes bool) inspection {
	i := inspection{
		Inputs:      ports(m, m.GetGraph().GetInput()),
		Outputs:     ports(m, m.GetGraph().GetOutput()),
		Opset:       onnx.Opset(m, ""),
		IRVersion:   m.GetIrVersion(),
		Layers:      append([]graph.Layer{}, s.Layers...), // [] in JSON where there are none
		CutPoints:   append([]graph.CutPoint{}, s.CutPoints...),
		Trainable:   append([]graph.Trainable{}, s.Trainable()...),
		Untrainable: append([]graph.Untrainable{}, s.Untrainable()...),
		Obstacles:   append([]graph.Obstacle{}, s.Obstacles()...),
		Batch:       batchStateOf(m, output),
		Shared:      []string{},
		Folded:      s.Folded,
		Metadata:    map[string]string{},
	}
	i.BatchNorm.Kept, i.BatchNorm.Folded = s.BatchNorms()
	_, i.Quantized = s.Quantized()
	for _, t := range i.Trainable {
		if t.Uses > 1 {
			i.Shared = append(i.Shared, t.Name)
		}
	}
	for _, p := range m.GetMetadataProps() {
		i.Metadata[p.GetKey()] = p.GetValue()
	}
	if nodes {
		for _, n := range m.GetGraph().GetNode() {
			v := node{n.GetName(), n.GetOpType(), append([]string{}, n.GetInput()...), []string{}, [][]int{}}
			for _, out := range n.GetOutput() {
				v.Outputs = append(v.Outputs, out)
				v.Shapes = append(v.Shapes, s.Shape(out))
			}
			i.Nodes = append(i.Nodes, v)
		}
	}
	return i
}

// facts are a name and a value each.
func (i inspection) facts() [][]string {
	params, cost := 0, 0
	for _, l := range i.Layers {
		cost += l.MACs
	}
	for _, t := range i.Trainable {
		n := 1
		for _, d := range t.Shape {
			n *= d
		}
		params += n
	}
	facts := [][]string{}
	for _, p := range i.Inputs {
		facts = append(facts, []string{"input", p.Name + "  " + shape(p.Shape) + "  " + p.Type})
	}
	for _, p := range i.Outputs {
		facts = append(facts, []string{"output", p.Name + "  " + shape(p.Shape) + "  " + p.Type})
	}
	facts = append(facts,
		[]string{"format", fmt.Sprintf("opset %d, IR version %d", i.Opset, i.IRVersion)},
		[]string{"size", fmt.Sprintf("%d layers, %s parameters, %s an image", len(i.Layers), count(int64(params)), macs(int64(cost)))},
		[]string{"batch", i.Batch.String()},
		[]string{"BatchNorm", i.BatchNorm.String()},
		[]string{"can learn", i.learns()})
	for _, why := range i.whyNot() {
		facts = append(facts, []string{"cannot learn", why})
	}
	if i.Folded > 0 {
		facts = append(facts, []string{"folded", fmt.Sprintf("%d nodes that do not depend on the input's values", i.Folded)})
	}
	if len(i.Shared) > 0 {
		facts = append(facts, []string{"shared", strings.Join(i.Shared, ", ")})
	}
	for _, key := range slices.Sorted(maps.Keys(i.Metadata)) {
		facts = append(facts, []string{key, i.Metadata[key]})
	}
	return facts
}

func (i inspection) write(w io.Writer) error {
	if err := writeTable(w, nil, i.facts()); err != nil {
		return err
	}
	fmt.Fprintln(w)
	var rows [][]string
	for _, p := range i.CutPoints {
		rows = append(rows, []string{strconv.Itoa(p.N), strconv.Itoa(p.Layers), p.Tensor, p.Op, shape(p.Shape),
			count(int64(p.Params)), macs(int64(p.MACs))})
	}
	if err := writeTable(w, []string{">n", ">layers", "tensor", "operator", "shape", ">parameters", ">cost"}, rows); err != nil {
		return err
	}
	if i.Nodes == nil {
		return nil
	}
	fmt.Fprintln(w)
	if err := i.writeNodes(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return i.writeTrainable(w)
}

// batchStateOf says whether the batch of a model is free, or can be made so.
func batchStateOf(m *onnx.ModelProto, output string) batchState {
	open, err := graph.DynamicBatch(m, graph.Options{Output: output})
	if open == m {
		return batchState{}
	}
	b := batchState{Opens: err == nil}
	for _, p := range ports(m, m.GetGraph().GetInput()) {
		if n, ok := p.Shape[0].(int64); ok && len(p.Shape) > 0 {
			b.Fixed = int(n)
		}
	}
	if err != nil {
		b.Reason = err.Error()
	}
	return b
}

func (b batchState) String() string {
	switch {
	case b.Fixed == 0 && b.Reason == "":
		return "free"
	case b.Opens:
		return fmt.Sprintf("fixed to %d by the exporter; finetune opens it", b.Fixed)
	}
	return fmt.Sprintf("fixed to %d: %s", b.Fixed, b.Reason)
}

func (b batchNorms) String() string {
	switch {
	case b.Kept > 0 && b.Folded > 0:
		return fmt.Sprintf("%d kept, %d folded into convolutions by the exporter", b.Kept, b.Folded)
	case b.Kept > 0:
		return fmt.Sprintf("%d kept, whose statistics can follow the batches", b.Kept)
	case b.Folded > 0:
		return fmt.Sprintf("%d folded into convolutions by the exporter, which have no statistics", b.Folded)
	}
	return "none, unless the exporter has folded them without a trace"
}

// learns says what a training can change, and from where.
func (i inspection) learns() string {
	if i.Quantized != "" {
		return "nothing: the model is quantized (" + i.Quantized + "), its weights are integers"
	}
	what := fmt.Sprintf("%d tensors", len(i.Trainable))
	if n := len(i.Obstacles); n > 0 {
		o := i.Obstacles[n-1]
		what += fmt.Sprintf(", of them what lies above %s %q, which has no gradient", o.Op, o.Node)
		if o.N > 0 {
			what += fmt.Sprintf(": --freeze %d or more", o.N)
		}
	}
	return what
}

// whyNot counts what cannot learn by its reason, in order.
func (i inspection) whyNot() []string {
	var reasons []string
	number := map[string]int{}
	for _, t := range i.Untrainable {
		if number[t.Reason]++; number[t.Reason] == 1 {
			reasons = append(reasons, t.Reason)
		}
	}
	for k, r := range reasons {
		reasons[k] = fmt.Sprintf("%d: %s", number[r], r)
	}
	return reasons
}

func (i inspection) writeNodes(w io.Writer) error {
	var rows [][]string
	for k, n := range i.Nodes {
		var shapes []string
		for _, s := range n.Shapes {
			shapes = append(shapes, shape(s))
		}
		rows = append(rows, []string{strconv.Itoa(k), n.Op, n.Name, strings.Join(n.Inputs, " "), strings.Join(n.Outputs, " "), strings.Join(shapes, " ")})
	}
	return writeTable(w, []string{">node", "operator", "name", "inputs", "outputs", "shapes"}, rows)
}

func (i inspection) writeTrainable(w io.Writer) error {
	var rows [][]string
	for _, t := range i.Trainable {
		shared := ""
		if t.Uses > 1 {
			shared = fmt.Sprintf("shared by %d", t.Uses)
		}
		rows = append(rows, []string{strconv.Itoa(t.Layer), t.Name, t.Slot, shape(t.Shape), shared})
	}
	return writeTable(w, []string{">layer", "can learn", "as", "shape", ""}, rows)
}
