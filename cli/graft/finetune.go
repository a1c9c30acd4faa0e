package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"graft/finetune"
	"graft/finetune/data"
	"graft/finetune/report"
	"graft/graph/optim"
	"graft/onnx"
)

func finetuneVerb() *cli.Command {
	flags := section("Where to cut and what to add", append(cutFlags(),
		&cli.StringFlag{Name: "head", Usage: "`linear|mlp:H1,H2|keep|redraw` new last layers; keep: the model's own, redraw: " +
			"the layers above the cut with new random weights", DefaultText: "linear"},
		number("dropout", 0, 0, 1, "`P` drop this share of the head's inputs in training", "0"),
	)...)
	flags = append(flags, section("What learns",
		&cli.StringFlag{Name: "freeze", Usage: "`N|all|auto` freeze all layers up to cut point N, or the whole kept part; " +
			"with 0 everything learns; auto: freeze all where the images are few for the parameters, else fine-tune",
			DefaultText: "auto"},
		whole("unfreeze-at", 0, 1, "`EPOCH` from this epoch on what is frozen learns too", "never, or as --freeze auto says"),
		word("bn", "BatchNorm of layers that learn: stored statistics or those of the batch",
			"batch from batch size 8 on", finetune.BatchNorms...),
		repeated("train", "`NAME` let this tensor learn too"),
		&cli.BoolFlag{Name: "float32", Usage: "write a model of 16-bit floats in float32; it is trained in float32 in any case"},
	)...)
	const chosen = "chosen and told"
	flags = append(flags, section("Training",
		whole("epochs", 0, 1, "`N` go through the data this many times", chosen),
		batchSize("32"),
		whole("accumulate", 0, 1, "`N` take a step after this many batches, with the sum of their gradients", "1"),
		word("opt", "optimizer", chosen, optim.Names...),
		&cli.StringFlag{Name: "lr", Usage: "`RATE|auto` greatest learning rate; auto: find it by a test of rising rates", DefaultText: chosen,
			Action: func(_ *cli.Context, v string) error { _, err := learningRate(v); return err }},
		number("momentum", 0.9, 0, 1, "`M` momentum of sgd and rmsprop", "0.9, 0 for rmsprop"),
		number("weight-decay", 0, 0, 1e6, "`W` weight decay, as in torch.optim", "0.0001, 0 with --opt"),
		repeated("decay-exclude", "`norm,bias` no weight decay for these; both where --opt is not given"),
		number("lr-mult", 0, 1e-9, 1e6, "`F` rate of the kept part, as a multiple of the new layers'", "1"),
		number("layer-decay", 0, 1e-9, 1.000001, "`F` rate of each layer, as a share of the next one's", "1"),
		word("schedule", "course of the learning rate", "cosine", optim.Schedules...),
		number("warmup", 0, 0, 1e6, "`EPOCHS` let the rate rise for so long first", "0"),
		number("clip", 0, 0, 1e6, "`NORM` scale gradients down to this norm", "no limit"),
		number("ema", 0, 0, 1, "`DECAY` validate and write a moving average of the weights", "none"),
		whole("early-stop", 0, 1, "`N` stop after N epochs without a better one", "never"),
		number("label-smoothing", 0, 0, 1, "`P` share of each label that all classes divide", "0.1 where whole networks learn, 0 with --opt"),
		word("class-weights", "balanced: all classes weigh the same in the loss", "none", finetune.ClassWeights...),
	)...)
	var augments []string
	for _, p := range data.Presets {
		augments = append(augments, p.Name)
	}
	flags = append(flags, section("Data",
		&cli.StringFlag{Name: "val", Usage: "`FRACTION|DIR` validate on this share of the data, or on this folder",
			DefaultText: "the data's own val, else 0.2"},
		word("data-check", "look at all images before training, and warn of what is wrong with them", "on", "on", "off"),
		&cli.BoolFlag{Name: "strict", Usage: "refuse data of which there is anything to warn"},
		whole("folds", 0, 2, "`K` cross-validate: train K times on all but a part of the data, tell how well it does on that, then train on all", "none"),
		&cli.BoolFlag{Name: "skip-bad", Usage: "leave out images that cannot be read, up to a tenth of them"},
		&cli.BoolFlag{Name: "no-shuffle", Usage: "keep the order of the data in every epoch"},
		word("sampling", "balanced: draw all classes equally often", "shuffle", "shuffle", "balanced"),
		word("augment", "vary the training images; flip: mirror half of them, light: and crop, strong: and turn, recolour, blank a part",
			"auto, which tells what it chose", append([]string{"auto"}, augments...)...),
		number("mixup", 0, 0, 5, "`ALPHA` blend pairs of images and labels", "0, none"),
		number("cutmix", 0, 0, 5, "`ALPHA` swap rectangles of pairs of images, and labels in proportion", "0, none"),
		&cli.StringFlag{Name: "cache", Usage: "`auto|off|DIR` keep the frozen part's features in memory, or in this folder for later runs too", DefaultText: "auto"},
		workers(),
	)...)
	flags = append(flags, preprocessingFlags()...)
	flags = append(flags, section("Files",
		output("`FILE` write the best model here; without validation, the last one"),
		&cli.StringFlag{Name: "run", Usage: "`DIR` keep args.yaml, results.csv, log.jsonl, checkpoints, plots and models here",
			DefaultText: "runs/finetuneN, a new one"},
		&cli.BoolFlag{Name: "overwrite", Usage: "begin anew in the folder of --run, and remove what an earlier run left there"},
		&cli.StringFlag{Name: "resume", Usage: "`DIR` go on with the interrupted run in this folder, with its model, data and flags"},
		&cli.BoolFlag{Name: "allow-changes", Usage: "go on although data or flags are not those that the run began with"},
		&cli.StringFlag{Name: "config", Usage: "`FILE` take flags from a file of lines flag: value, as args.yaml is one", TakesFile: true},
		whole("checkpoint-every", 200, 0, "`STEPS` write a checkpoint after so many steps, besides those after each epoch; 0: none", ""),
		&cli.BoolFlag{Name: "tensorboard", Usage: "write TensorBoard's event files into the run folder too"},
		&cli.BoolFlag{Name: "advise", Usage: "train nothing but a quick head on the features of every cut point, and say which to cut and freeze at"},
		&cli.StringFlag{Name: "dot", Usage: "`FILE` write the training graph that ran here, for Graphviz", TakesFile: true},
	)...)
	return &cli.Command{
		Name:      "finetune",
		Category:  groupMake,
		Usage:     "graft a new head onto a model and train it on your data",
		ArgsUsage: "MODEL DATA -o FILE [flags]",
		Description: `
DATA is a folder train/CLASS/* and val/CLASS/*, or CLASS/* that is split by
--val; a .csv of path,label; an .npz with x and y; IDX files; or a .zip of any
of these. Class names and preprocessing are stored in the written model.

Examples:
  graft finetune squeezenet.onnx photos/ -o mine.onnx
  graft finetune resnet.onnx photos.zip -o mine.onnx --freeze 0 --epochs 20 --lr 0.001`,
		Flags:  flags,
		Action: runFinetune,
	}
}

func runFinetune(c *cli.Context) (err error) {
	args, err := positionals(c, "MODEL", "DATA")
	if err != nil {
		return err
	}
	if c.Bool("advise") {
		return runAdvise(c, args)
	}
	if err := required(c, "output", "-o mine.onnx"); err != nil {
		return err
	}
	for _, path := range []string{c.String("output"), c.String("dot")} {
		if err := checkOutput(path, args...); err != nil {
			return err
		}
	}
	run, err := openRunFolder(c)
	if err != nil {
		return err
	}
	u := newUI(c)
	t := &trainingView{u: u, run: run, tensorboard: c.Bool("tensorboard")}
	defer func() {
		if err != nil && c.Context.Err() != nil { // a signal, wherever it came
			run.keep = true
			err = stopped{err, t.saved, run.dir}
		}
		run.close()
	}()
	m, err := readModel(args[0])
	if err != nil {
		return err
	}
	val := c.String("val")
	if c.Int("folds") > 0 {
		if val != "" {
			return usagef("leave one of them out", "--folds and --val contradict each other")
		}
		val = "0"
	}
	d, err := openData(args[1], val, c.Uint64("seed"))
	if err != nil {
		return err
	}
	defer d.Close()
	config, err := finetuneConfig(c, m, d.Train)
	if err != nil {
		return fmt.Errorf("%s: %w", quote(args[0]), err)
	}
	t.intro = d.Train.Describe() + "; " + described(d.Val)
	size := data.CheckOptions{Workers: config.Workers}
	if config.Preprocess != nil {
		size.Height, size.Width = config.Preprocess.Height, config.Preprocess.Width
	}
	if c.String("resume") == "" { // else it was looked at when the run began
		if t.findings, err = guard(c, u, d, size); err != nil {
			return fmt.Errorf("%s: %w", quote(args[1]), err)
		}
	}
	if err := t.watch(c, &config); err != nil {
		return err
	}
	if c.String("lr") == "auto" {
		if err := t.findRate(c, m, d.Train, &config); err != nil {
			return fmt.Errorf("%s: %w", quote(args[0]), err)
		}
	}
	if k := c.Int("folds"); k > 0 {
		if err := t.crossValidate(c, m, d.Train, k, config); err != nil {
			return fmt.Errorf("%s: %w", quote(args[0]), err)
		}
	}
	r, err := finetune.Train(c.Context, m, d.Train, d.Val, config)
	t.done()
	if r != nil { // what finished epochs have made is kept, whatever happened then
		if saveErr := run.save(r, t.records); err == nil {
			err = saveErr
		}
	}
	if err != nil {
		if t.saved > 0 {
			err = hinted{err, "graft finetune --resume " + quote(run.dir) + " goes on from step " + strconv.FormatUint(t.saved, 10)}
		}
		return fmt.Errorf("%s: %w", quote(args[0]), err)
	}
	if n := len(r.Skipped); n > 0 {
		all := d.Train.Len()
		if d.Val != nil {
			all += d.Val.Len()
		}
		u.warnf("skipped %d of %d images", n, all)
	}
	return t.finish(c, args, m, d, r)
}

// stopped is a run that a signal has ended.
type stopped struct {
	error
	step uint64 // of the last checkpoint, 0 without one
	dir  string
}

func (s stopped) Unwrap() error { return s.error }

// watch lets a training keep its checkpoints, its log and its results in the run folder,
// and go on where --resume says.
func (t *trainingView) watch(c *cli.Context, config *finetune.Config) error {
	resumed := c.String("resume") != ""
	config.AllowChanges = c.Bool("allow-changes")
	if resumed {
		from, err := t.run.loadCheckpoint(t.u.warnf)
		if err != nil {
			return err
		}
		if from == nil {
			t.u.infof("no checkpoint yet: starting from step 0")
		} else {
			t.u.infof("going on from step %d", from.Step())
			config.Resume, t.saved = from, from.Step()
			for _, e := range from.Epochs() {
				t.records = append(t.records, epochOf(e))
			}
		}
	}
	config.OnPlan = func(p *finetune.Plan) { t.plan(p) }
	config.OnData = func(train, val []data.Sum) error {
		if err := t.run.sameData(train, val, resumed, config.AllowChanges, t.u.warnf); err != nil {
			return err
		}
		var err error
		t.lr, err = t.run.openLog(t.saved)
		return err
	}
	config.OnStep = func(s finetune.Step) {
		t.run.log.step(s)
		t.lr = append(t.lr, s.LR)
	}
	config.Progress, config.OnEpoch = t.progress, t.epoch
	config.OnSkip = func(name string, err error) { t.u.warnf("skipped: %v", err) }
	config.SaveEvery = c.Int("checkpoint-every")
	config.Save = func(s *finetune.Checkpoint) error {
		err := t.run.saveCheckpoint(s)
		if err == nil {
			t.saved = s.Step()
		}
		return err
	}
	return nil
}

// finish writes the files asked for, proves the model and shows the result.
func (t *trainingView) finish(c *cli.Context, args []string, was *onnx.ModelProto, d *data.Data, r *finetune.Result) error {
	path, u, records := c.String("output"), t.u, t.records
	if err := onnx.WriteFile(path, r.Best, onnx.WriteOptions{}); err != nil {
		return err
	}
	proof, err := t.prove(c, path, was, d, r)
	if err != nil {
		return err
	}
	page, err := t.record(r, proof, d, args, path)
	if err == nil {
		err = writeReport(t.run.dir, page)
	}
	if err != nil {
		return err
	}
	if dot := c.String("dot"); dot != "" {
		if err := writeFile(dot, func(w io.Writer) error { _, err := w.Write(r.Dot); return err }); err != nil {
			return err
		}
	}
	best := len(records) - 1
	if b := r.BestEpoch(); b != nil {
		best = b.N - 1
	}
	s := finetuned{Output: path, Run: t.run.dir, Report: t.run.path("report.html"), Cut: r.Plan.Cut, Frozen: r.Plan.Last().Frozen, Cached: r.Cached,
		Learnt: len(r.Plan.Last().Learning.Params), Choices: r.Plan.Choices, Classes: r.Plan.Classes, BestEpoch: best + 1, Best: epochRecord(records[best]),
		Proof: proofJSON{Frozen: proof.Frozen, Difference: known(proof.Difference)}}
	s.Folds = t.folds
	if proof.Evaluation != nil {
		s.Proof.Top1 = known(proof.Top1)
	}
	for _, e := range records {
		s.Epochs = append(s.Epochs, epochRecord(e))
	}
	return u.result("", s, s.write)
}

// prove reads the written model back and holds it against the training.
func (t *trainingView) prove(c *cli.Context, path string, was *onnx.ModelProto, d *data.Data, r *finetune.Result) (*finetune.Proof, error) {
	written, err := readModel(path)
	if err != nil {
		return nil, err
	}
	var p *progress
	proof, err := finetune.Prove(c.Context, written, was, r, d.Val, func(done, total int) {
		if p == nil {
			p = t.u.progress("proving the written model", total, "images")
		}
		p.add(done - p.n)
	})
	if p != nil {
		p.done()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", quote(path), err)
	}
	return proof, nil
}

// known is a number as JSON has it; what was not measured is null.
func known(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// finetuned is what finetune shows, as --json gives it.
type finetuned struct {
	Output    string            `json:"output"`
	Run       string            `json:"run"`
	Report    string            `json:"report"`
	Proof     proofJSON         `json:"proof"`
	Cut       string            `json:"cut"`
	Frozen    string            `json:"frozen"`
	Learnt    int               `json:"learnt_tensors"`
	Cached    bool              `json:"cached"`
	Classes   []string          `json:"classes"`
	Choices   []finetune.Choice `json:"choices"`
	BestEpoch int               `json:"best_epoch"`
	Best      epochJSON         `json:"best"`
	Epochs    []epochJSON       `json:"epochs"`
	Folds     *finetune.Folds   `json:"folds,omitempty"`
}

// proofJSON is what the written model, read back, does.
type proofJSON struct {
	Top1       *float64 `json:"val_top1"`
	Difference *float64 `json:"max_difference"` // of its outputs and the trained program's, as a share of the largest
	Frozen     int      `json:"frozen_tensors"` // that are the original's, bit for bit
}

// epochJSON is an epoch's record; what was not measured is null.
type epochJSON struct {
	N         int      `json:"epoch"`
	TrainLoss *float64 `json:"train_loss"`
	TrainTop1 *float64 `json:"train_top1"`
	ValLoss   *float64 `json:"val_loss"`
	ValTop1   *float64 `json:"val_top1"`
	LR        float64  `json:"lr"`
	Seconds   float64  `json:"seconds"`
}

func epochRecord(e report.Epoch) epochJSON {
	return epochJSON{e.N, known(e.TrainLoss), known(e.TrainAcc), known(e.ValLoss), known(e.ValAcc), e.LR, e.Seconds}
}

func (s finetuned) write(w io.Writer) error {
	rows := [][]string{{"model", s.Output}, {"run", s.Run}, {"classes", strconv.Itoa(len(s.Classes))}}
	if s.Best.ValTop1 != nil {
		rows = append(rows, []string{"best", fmt.Sprintf("epoch %d, validation top-1 %s", s.BestEpoch, percent(*s.Best.ValTop1))})
	}
	if s.Folds != nil {
		rows = append(rows, []string{"folds", fmt.Sprintf("top-1 %s ± %.1f over %d", percent(s.Folds.Mean), 100*s.Folds.Spread, len(s.Folds.Top1))})
	}
	proof := fmt.Sprintf("%d frozen tensors unchanged", s.Proof.Frozen)
	if s.Proof.Top1 != nil {
		proof = fmt.Sprintf("read back it has top-1 %s", percent(*s.Proof.Top1)) + differing(s.Proof.Difference) + "; " + proof
	}
	rows = append(rows,
		[]string{"proof", proof},
		[]string{"report", s.Report},
		[]string{"try it", "graft predict " + s.Output + " PHOTO.jpg"},
		[]string{"measure", "graft eval " + s.Output + " DATA"})
	return writeTable(w, nil, rows)
}

// differing says how far the written model's outputs are from the trained program's.
func differing(d *float64) string {
	if d == nil {
		return ""
	}
	if *d == 0 {
		return " and the same outputs"
	}
	return fmt.Sprintf(" and outputs within %.0e", *d)
}

// finetuneConfig reads the flags of a fine-tuning.
func finetuneConfig(c *cli.Context, m *onnx.ModelProto, train *data.Set) (finetune.Config, error) {
	rate, err := learningRate(c.String("lr"))
	if err != nil {
		return finetune.Config{}, err
	}
	f := finetune.Config{
		After: c.String("after"), AllowPartialCut: c.Bool("allow-partial-cut"), Output: c.String("output-name"), Float32: c.Bool("float32"),
		Head: c.String("head"), Dropout: c.Float64("dropout"), Freeze: c.String("freeze"), UnfreezeAt: c.Int("unfreeze-at"),
		BatchNorm: c.String("bn"), Also: c.StringSlice("train"),
		Epochs: c.Int("epochs"), Batch: c.Int("batch-size"), Accumulate: c.Int("accumulate"), Schedule: c.String("schedule"),
		Optimizer: optim.Settings{Name: c.String("opt"), LR: rate, WeightDecay: c.Float64("weight-decay"), ClipNorm: c.Float64("clip")},
		LRMult:    c.Float64("lr-mult"), LayerDecay: c.Float64("layer-decay"), DecayExclude: commaList(c.StringSlice("decay-exclude")),
		Warmup: c.Float64("warmup"), EMA: c.Float64("ema"), EarlyStop: c.Int("early-stop"),
		Augment: c.String("augment"), Mixup: c.Float64("mixup"), CutMix: c.Float64("cutmix"), LabelSmoothing: c.Float64("label-smoothing"),
		ClassWeights: c.String("class-weights"), Sampling: c.String("sampling"), Seed: c.Uint64("seed"), Cache: c.String("cache"), SkipBad: c.Bool("skip-bad"),
		Threads: threads(c), Workers: c.Int("workers"),
	}
	if c.Bool("no-shuffle") {
		if f.Sampling != "" {
			return f, usagef("leave one of them out", "--no-shuffle and --sampling %s contradict each other", f.Sampling)
		}
		f.Sampling = "sequential"
	}
	// 0 leaves a choice to the library; who writes a 0 means none.
	for _, v := range []struct {
		name string
		to   *float64
	}{{"weight-decay", &f.Optimizer.WeightDecay}, {"label-smoothing", &f.LabelSmoothing}} {
		if c.IsSet(v.name) && *v.to == 0 {
			*v.to = finetune.None
		}
	}
	if name := f.Optimizer.Name; name == "sgd" || c.IsSet("momentum") {
		f.Optimizer.Momentum = c.Float64("momentum")
		if name == "adam" || name == "adamw" {
			return f, usagef("leave it out", "--momentum is of sgd and rmsprop, not of %s", name)
		}
	}
	if _, _, arrays := train.Tensor(0); !arrays {
		pre, err := preprocessing(c, m)
		if err != nil {
			return f, err
		}
		f.Preprocess = &pre
	}
	return f, nil
}

// learningRate reads --lr; 0 stands for a choice, auto among them.
func learningRate(v string) (float64, error) {
	if v == "" || v == "auto" {
		return 0, nil
	}
	lr, err := strconv.ParseFloat(v, 64)
	if err != nil || !(lr > 0 && lr < 1e6) {
		return 0, usagef("", "--lr %s: want a number above 0 and below 1e6, or auto", quote(v))
	}
	return lr, nil
}

// commaList takes a repeated flag's values apart at their commas.
func commaList(values []string) (list []string) {
	for _, v := range values {
		list = append(list, strings.Split(v, ",")...)
	}
	return list
}

// described says what a validation set holds.
func described(val *data.Set) string {
	if val == nil {
		return "no validation"
	}
	return fmt.Sprintf("%d to validate", val.Len())
}

// openData opens DATA and settles its validation part by --val: a share, a folder,
// or "" for the data's own, a fifth where there is none.
func openData(path, val string, seed uint64) (*data.Data, error) {
	d, err := data.Open(path)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*data.Data, error) { d.Close(); return nil, err }
	if len(d.Train.Classes) < 2 {
		return fail(hinted{fmt.Errorf("%s has %d class, want 2 or more", quote(path), len(d.Train.Classes)), "put the images of each class into a folder of its own"})
	}
	share, notNumber := strconv.ParseFloat(val, 64)
	switch {
	case val == "" && d.Val != nil:
		return d, nil
	case val == "":
		share = 0.2
	case notNumber != nil:
		v, err := data.Open(val)
		if err != nil {
			return fail(err)
		}
		if d.Val, err = v.Train.Align(d.Train.Classes); err != nil {
			v.Close()
			return fail(err)
		}
		return d, nil
	case share == 0:
		d.Val = nil
		return d, nil
	}
	if !(share > 0 && share < 1) {
		return fail(usagef("", "--val %s: want a share below 1, or a folder", quote(val)))
	}
	if d.Train, d.Val, err = d.Train.Split(share, seed); err != nil {
		return fail(err)
	}
	return d, nil
}

// trainingView shows a training as it goes.
type trainingView struct {
	u           *ui
	run         *runFolder
	epochs      int
	intro       string              // shown once nothing can be refused any more: what is refused gets its one line alone
	folds       *finetune.Folds     // of --folds
	rates       *finetune.RateCurve // of --lr auto
	lr          []float64           // of each step
	tensorboard bool
	findings    []data.Finding // about the data
	saved       uint64         // the step of the last checkpoint
	stage       string
	bar         *progress
	records     []report.Epoch
}

// plan tells what will be trained, and what was chosen why.
func (t *trainingView) plan(p *finetune.Plan) {
	t.epochs = p.Config.Epochs
	t.u.infof("%s", t.intro)
	for _, c := range p.Choices {
		t.u.infof("--%s %s: %s", c.Name, c.Value, c.Why)
	}
	for _, w := range p.Warnings {
		t.u.warnf("%s", w)
	}
}

func (t *trainingView) progress(stage string, done, total int) {
	if stage != t.stage || t.bar == nil || done < t.bar.n {
		t.done()
		what := stage
		if stage == "training" || stage == "validation" {
			what = fmt.Sprintf("epoch %d/%d %s", len(t.records)+1, t.epochs, stage)
		}
		unit := "images"
		switch stage {
		case "rate test":
			unit = "steps"
		case "heads":
			unit = "cut points"
		}
		t.stage, t.bar = stage, t.u.progress(what, total, unit)
	}
	t.bar.add(done - t.bar.n)
}

func (t *trainingView) done() {
	if t.bar != nil {
		t.bar.done()
		t.bar = nil
	}
}

func (t *trainingView) epoch(e finetune.Epoch) {
	t.done()
	t.records = append(t.records, epochOf(e))
	line := fmt.Sprintf("epoch %*d/%d  loss %.4f  top-1 %6s", len(strconv.Itoa(t.epochs)), e.N, t.epochs, e.TrainLoss, percent(e.TrainTop1))
	if !math.IsNaN(e.ValTop1) {
		line += fmt.Sprintf("  validation: loss %.4f  top-1 %6s", e.ValLoss, percent(e.ValTop1))
		if e.Best {
			line += "  best"
		}
	}
	t.u.infof("%s", line)
	if err := t.run.results(t.records); err != nil {
		t.u.warnf("%v", err)
	}
	if t.tensorboard {
		if err := t.run.events(t.records); err != nil {
			t.u.warnf("%v", err)
		}
	}
}

// epochOf is a training's record as the report takes it.
func epochOf(e finetune.Epoch) report.Epoch {
	return report.Epoch{N: e.N, TrainLoss: e.TrainLoss, TrainAcc: e.TrainTop1, ValLoss: e.ValLoss, ValAcc: e.ValTop1, LR: e.LR, Seconds: e.Seconds}
}
