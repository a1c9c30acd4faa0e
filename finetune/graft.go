package finetune

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"graft/finetune/data"
	"graft/graph"
	"graft/internal/spell"
	"graft/onnx"
)

// Plan is a grafted model before its training.
type Plan struct {
	Model      *onnx.ModelProto // with the new head, and its metadata
	Phases     []Phase          // of the training, one after the other
	Preprocess data.Preprocess
	Cut        string // the tensor the kept part ends in
	Heads      []Head
	Classes    []string // or labels, or numbers: the names of all outputs, side by side
	Choices    []Choice // what was not given
	Notes      []string // about the model
	Warnings   []string // what the user should know
	Config     Config   // with all that was chosen

	structure *graph.Structure // of the joined model
	scaled    []scaled         // of each head
	frozen    string           // the tensor that Config.Freeze names
	arrays    bool             // the inputs come as they are; Preprocess is empty
}

// Graft prepares a model for training on a set: it cuts it, adds or redraws its head,
// and decides what learns.
func Graft(m *onnx.ModelProto, train *data.Set, c Config) (*Plan, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	c.arrays, c.adapt = arraysOf(train), true
	o := graph.Options{Output: c.Output}
	p := &Plan{Heads: headsOf(train)}
	p.Classes = columnsOf(p.Heads)
	if err := p.checkHeads(c); err != nil {
		return nil, err
	}
	if m, err = p.prepareInput(m, c); err != nil {
		return nil, err
	}
	resize, err := p.chooseResize(train)
	if err != nil {
		return nil, err
	}
	s, err := graph.Analyse(m, o)
	if err != nil {
		return nil, err
	}
	if node, op := s.Quantized(); op != "" {
		return nil, failf("fine-tune the model in floats that it was made from", "the model is quantized (node %q, %s): its weights are integers, which cannot learn", node, op)
	}
	if p.Cut, err = cutTensor(s, c); err != nil {
		return nil, err
	}
	adapted := p.Choices
	if p.Choices, err = choose(&c, s, p.Cut, train, p.Preprocess.Channels == "gray"); err != nil {
		return nil, err
	}
	p.Choices = append(append(adapted, p.Choices...), resize...)
	if p.frozen, err = frozenTensor(s, c, p.Cut); err != nil {
		return nil, err
	}
	if err := p.addHead(m, s, c); err != nil {
		return nil, err
	}
	o.Output = ""
	if c.Head == "keep" || c.Head == "redraw" {
		o.Output = c.Output
	}
	joined, err := p.joined(p.Model)
	if err != nil {
		return nil, err
	}
	if p.structure, err = graph.Analyse(joined, o); err != nil {
		return nil, err
	}
	if err := p.divide(c); err != nil {
		return nil, err
	}
	if err := p.scale(train, c); err != nil {
		return nil, err
	}
	if p.Model, err = graph.SeparateStatistics(p.Model, p.Last().Learning); err != nil {
		return nil, err
	}
	p.Config = c
	p.warn()
	return p, p.describe(c)
}

// warn notes what may surprise.
func (p *Plan) warn() {
	c, last := p.Config, p.Last()
	if n := len(last.Learning.BatchStatistics); n > 0 && c.Batch < 8 {
		p.Warnings = append(p.Warnings, fmt.Sprintf("%d BatchNormalizations take their statistics from batches of %d, which are too few to be steady; --bn frozen keeps the stored ones", n, c.Batch))
	}
	kept, folded := p.structure.BatchNorms()
	if c.BatchNorm == "batch" && kept == 0 {
		p.Warnings = append(p.Warnings, "--bn batch has no effect: the model has no BatchNormalization, or its exporter folded them into the convolutions")
	}
	if folded > 0 {
		note := fmt.Sprintf("%d BatchNormalizations are folded into their convolutions by the model's exporter", folded)
		if last.Frozen != p.Cut {
			note += ": these learn as plain convolutions, without statistics; an export in training mode keeps them apart"
		}
		p.Notes = append(p.Notes, note)
	}
}

// cutTensor is the tensor that After names; "" keeps nothing.
func cutTensor(s *graph.Structure, c Config) (string, error) {
	switch {
	case c.After == "":
		return s.LastCut()
	case c.After == "0" && c.Head == "redraw":
		return "", nil
	}
	return s.Find(c.After, c.AllowPartialCut)
}

// frozenTensor is the tensor that Freeze names; it lies at or below the cut where a
// new head is added.
func frozenTensor(s *graph.Structure, c Config, cut string) (string, error) {
	switch c.Freeze {
	case "all":
		return cut, nil
	case "0":
		return "", nil
	}
	t, err := s.Find(c.Freeze, c.AllowPartialCut)
	if err != nil {
		if hint := spell.Hint(c.Freeze, []string{"all", "auto"}); hint != "" {
			return "", failf(hint, "freeze %q is neither a layer of the model nor all or auto", c.Freeze)
		}
		return "", err
	}
	if c.Head != "keep" && c.Head != "redraw" && !s.Below(t, cut) {
		return "", failf("freeze at the cut or below it", "freezing up to %q, which the cut at %q leaves out", t, cut)
	}
	return t, nil
}

func (p *Plan) addHead(m *onnx.ModelProto, s *graph.Structure, c Config) error {
	kind, _, _ := parseHead(c.Head)
	var err error
	switch kind {
	case "keep":
		if n := s.Classes(); n != len(p.Classes) {
			return failf("use --head linear, or --head redraw", "the model tells %d classes apart, the data have %d", n, len(p.Classes))
		}
		p.Model = onnx.Clone(m)
	case "redraw":
		p.Model, err = graph.Redraw(m, p.Cut, len(p.Classes), c.Seed, graph.Options{Output: c.Output})
	default:
		var body *onnx.ModelProto
		if body, err = graph.Cut(m, p.Cut, graph.Options{Output: c.Output}); err == nil {
			p.Model, err = p.newHeads(body, c)
		}
	}
	if err != nil {
		return err
	}
	out := p.Model.GetGraph().GetOutput()
	for i := range p.Heads {
		if p.Heads[i].Output = out[i].GetName(); kind == "keep" || kind == "redraw" {
			p.Heads[i].Output = s.Output()
		}
	}
	return nil
}

// joined is a form of the model with the outputs of all heads side by side.
func (p *Plan) joined(m *onnx.ModelProto) (*onnx.ModelProto, error) {
	if len(p.Heads) < 2 {
		return m, nil
	}
	return graph.Join(m)
}

// prepareInput widens the model where that is asked for, opens a batch of one, settles the preprocessing (given, else the
// model's own) and sets the input size. Arrays come as they are: they need neither.
func (p *Plan) prepareInput(m *onnx.ModelProto, c Config) (*onnx.ModelProto, error) {
	o := graph.Options{Output: c.Output}
	var err error
	if c.Float32 {
		if m, err = graph.Float32(m); err != nil {
			return nil, err
		}
	}
	if m, err = graph.DynamicBatch(m, o); err != nil {
		return nil, err
	}
	size, err := graph.InputSize(m)
	if err != nil {
		return nil, err
	}
	if c.arrays != nil {
		p.arrays = true
		if m, err = p.adaptChannels(m, c, size, c.arrays[0], 1); err != nil {
			return nil, err
		}
		return graph.WithInputSize(m, *c.arrays, o)
	}
	if c.Preprocess != nil {
		p.Preprocess = *c.Preprocess
	} else if p.Preprocess, err = StoredPreprocess(m); err != nil {
		return nil, err
	}
	pre := &p.Preprocess
	h, w := 1, 2 // of [C,H,W]
	if pre.Layout == "nhwc" {
		h, w = 0, 1
	}
	setDefault(&pre.Height, size[h])
	setDefault(&pre.Width, size[w])
	if pre.Height == 0 || pre.Width == 0 {
		return nil, failf("give it with --size", "the model leaves its input size open")
	}
	if err := pre.Check(); err != nil {
		return nil, err
	}
	axis := 2*(1-h) + 1
	if m, err = p.adaptChannels(m, c, size, pre.Shape()[axis-1], axis); err != nil {
		return nil, err
	}
	return graph.WithInputSize(m, pre.Shape(), o)
}

// adaptChannels makes a network that is to be trained one for the channels that the data
// have, and notes how; size is that of its input.
func (p *Plan) adaptChannels(m *onnx.ModelProto, c Config, size [3]int, channels, axis int) (*onnx.ModelProto, error) {
	have := size[axis-1]
	if have == channels || have == 0 {
		return m, nil
	}
	if !c.adapt {
		return nil, failf("see --channels and --layout", "the network's input is %v, the images have %d channels", size, channels)
	}
	m, conv, err := graph.WithChannels(m, channels, axis, graph.Options{Output: c.Output})
	if err != nil {
		return nil, failf("see --channels and --layout", "the network's input is %v, the images have %d channels, and it cannot be adapted: %w", size, channels, err)
	}
	name := map[int]string{1: "gray", 3: "rgb"}[channels]
	if p.Preprocess.Channels != "" {
		name = p.Preprocess.Channels
	}
	how := fmt.Sprintf("the mean of %d channels stands for the one", channels)
	if channels == 1 {
		how = fmt.Sprintf("an image gives what it gives as %d equal channels", have)
	}
	p.Choices = append(p.Choices, Choice{"channels", name, fmt.Sprintf("the network takes %d: the filters of %q are replaced by shares of their sum, so that %s", have, conv, how)})
	return m, nil
}

// chooseResize settles the length of the short side before the centre crop where it is
// open: pictures that would have to be enlarged for it are not cropped, which would lose
// their borders and gain nothing.
func (p *Plan) chooseResize(train *data.Set) ([]Choice, error) {
	pre := &p.Preprocess
	if p.arrays || pre.Resize != 0 {
		return nil, nil
	}
	usual := pre.ShortSide()
	var short []int
	const looked = 25
	for k := range min(looked, train.Len()) {
		im, err := train.Image(k * train.Len() / min(looked, train.Len()))
		if err != nil {
			continue // the training names it
		}
		short = append(short, min(im.W, im.H))
	}
	slices.Sort(short)
	if len(short) == 0 || short[len(short)/2] >= usual {
		return nil, nil
	}
	pre.Resize = max(pre.Height, pre.Width)
	return []Choice{{"resize", strconv.Itoa(pre.Resize), fmt.Sprintf("the images' short sides, half of them up to %d, are less than the usual %d, which would enlarge and then crop them",
		short[len(short)/2], usual)}}, pre.Check()
}

// LabelsKey is the metadata key of the names of the classes, labels or numbers: a JSON list
// of strings in the order of the output's columns; those of several heads follow each other.
const LabelsKey = "graft.labels"

// InputKey is the metadata key of how a picture becomes the input: the JSON of a
// [data.Preprocess]. "size" is [height, width] in pixels; "mean" and "std" are in pixel units,
// 0 to 255, a number for each channel; "channels" is rgb, bgr or gray, "layout" nchw or nhwc;
// "resize" is what the short side is scaled to before the centre crop, in pixels.
const InputKey = "graft.input"

// LineageKey is the metadata key of what made the model: a JSON list of objects, the oldest
// first. "tool" says what each was. A training adds where it cut and froze, its head, how
// many tensors learnt, optimizer, rate, epochs, batch size, schedule and seed; a download its
// file, sha256 and licence.
const LineageKey = "graft.lineage"

// StoredPreprocess reads the preprocessing that a model carries.
func StoredPreprocess(m *onnx.ModelProto) (data.Preprocess, error) {
	var p data.Preprocess
	s, ok := onnx.Metadata(m, InputKey)
	if !ok {
		return p, failf("give --mean and --std in pixel units; for most networks of PyTorch --mean 123.675,116.28,103.53 --std 58.395,57.12,57.375", "the model does not say how images become its input")
	}
	if err := json.Unmarshal([]byte(s), &p); err != nil {
		return p, failf("", "metadata %s: %w", InputKey, err)
	}
	return p, p.Check()
}

// StoredLabels reads the class names that a model carries; without them classes are
// called by their numbers.
func StoredLabels(m *onnx.ModelProto, classes int) ([]string, error) {
	var labels []string
	if s, ok := onnx.Metadata(m, LabelsKey); ok {
		if err := json.Unmarshal([]byte(s), &labels); err != nil {
			return nil, failf("", "metadata %s: %w", LabelsKey, err)
		}
		if len(labels) != classes {
			return nil, failf("", "metadata %s names %d classes, the output has %d", LabelsKey, len(labels), classes)
		}
		return labels, nil
	}
	for i := range classes {
		labels = append(labels, strconv.Itoa(i))
	}
	return labels, nil
}

const finetuneTool = "graft finetune"

// lineage is one entry of the model's history.
type lineage struct {
	Tool     string  `json:"tool"`
	Cut      string  `json:"cut"`
	Frozen   string  `json:"frozen"`
	Head     string  `json:"head"`
	Learnt   int     `json:"learnt_tensors"`
	Opt      string  `json:"opt"`
	LR       float64 `json:"lr"`
	Epochs   int     `json:"epochs"`
	Batch    int     `json:"batch_size"`
	Schedule string  `json:"schedule"`
	Seed     uint64  `json:"seed"`
}

// StoredFrozen is the tensor up to which the last training of a model has changed nothing,
// "" where all has learnt; ok says whether it was one by Train.
func StoredFrozen(m *onnx.ModelProto) (tensor string, ok bool, err error) {
	s, ok := onnx.Metadata(m, LineageKey)
	if !ok {
		return "", false, nil
	}
	var history []lineage
	if err := json.Unmarshal([]byte(s), &history); err != nil {
		return "", false, failf("", "metadata %s: %w", LineageKey, err)
	}
	if n := len(history); n > 0 && history[n-1].Tool == finetuneTool {
		return history[n-1].Frozen, true, nil
	}
	return "", false, nil
}

// describe writes labels, preprocessing and lineage into the model.
func (p *Plan) describe(c Config) error {
	var history []json.RawMessage
	if s, ok := onnx.Metadata(p.Model, LineageKey); ok {
		if err := json.Unmarshal([]byte(s), &history); err != nil {
			return failf("", "metadata %s: %w", LineageKey, err)
		}
	}
	entry, err := json.Marshal(lineage{finetuneTool, p.Cut, p.Last().Frozen, c.Head, len(p.Last().Learning.Params), c.Optimizer.Name,
		c.Optimizer.LR, c.Epochs, c.Batch, c.Schedule, c.Seed})
	if err != nil {
		return err
	}
	if onlyClasses(p.Heads) { // nor what an earlier training has left there
		onnx.DeleteMetadata(p.Model, HeadsKey)
	}
	for _, e := range []struct {
		key   string
		value any
		not   bool
	}{{LabelsKey, p.Classes, false}, {HeadsKey, p.Heads, onlyClasses(p.Heads)}, {LineageKey, append(history, entry), false},
		{InputKey, p.Preprocess, p.arrays}} { // arrays leave what the model says of images
		if e.not {
			continue
		}
		b, err := json.Marshal(e.value)
		if err != nil {
			return err
		}
		onnx.SetMetadata(p.Model, e.key, string(b))
	}
	return nil
}
