package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/urfave/cli/v2"

	"graft/cli/serve"
	"graft/finetune"
	"graft/finetune/data"
	"graft/onnx"
)

func finetuneVerb() *cli.Command {
	return &cli.Command{
		Name:      "finetune",
		Category:  groupMake,
		Usage:     "graft a new head onto a model and train it on your data",
		ArgsUsage: "MODEL DATA -o FILE [flags]",
		Description: `
DATA is a folder train/CLASS/* and val/CLASS/*, or CLASS/* that is split by
--val; a .csv of path,label; an .npz with x and y; IDX files; or a .zip of any
of these. Class names and preprocessing are stored in the written model.
With --loss bce or mse the .csv has a header; its other columns are labels (0 or
1 each, or one column of names divided by | or ;) or numbers. --head NAME=linear
for each of several columns trains several heads on one body.`,
		UsageText: `
  graft finetune squeezenet.onnx photos/ -o mine.onnx
  graft finetune resnet.onnx photos.zip -o mine.onnx --freeze 0 --epochs 20
  graft finetune resnet.onnx tags.csv -o tags.onnx --loss bce
  graft finetune m.onnx pets.csv -o p.onnx --head kind=linear --head hue=linear`,
		Flags:  recipeFlags(),
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
	d, err := openData(c, args[1], val)
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
		if saveErr := run.save(r, t.records, t.measure); err == nil {
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
	s := finetuned{Output: path, Run: t.run.dir, Report: t.run.path(serve.ReportFile), Cut: r.Plan.Cut, Frozen: r.Plan.Last().Frozen, Cached: r.Cached,
		Learnt: len(r.Plan.Last().Learning.Params), Choices: r.Plan.Choices, Metric: r.Plan.Metric(), Classes: r.Plan.Classes, BestEpoch: best + 1, Best: epochRecord(records[best]),
		Proof: proofJSON{Frozen: proof.Frozen, Difference: known(proof.Difference)}}
	s.Folds = t.folds
	if proof.Evaluation != nil {
		score, _ := proof.Score()
		s.Proof.Score = known(score)
	}
	for _, e := range records {
		s.Epochs = append(s.Epochs, epochRecord(e))
	}
	return u.next(u.result("", s, s.write), "graft predict "+inShell(path)+" PHOTO.jpg", "graft eval "+inShell(path)+" "+inShell(args[1]))
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
