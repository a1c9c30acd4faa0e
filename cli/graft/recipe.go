package main

import (
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"graft/finetune"
	"graft/finetune/data"
	"graft/graph/optim"
	"graft/onnx"
)

// recipeFlags are those of a training.
func recipeFlags() []cli.Flag {
	flags := section("Where to cut and what to add", append(cutFlags(),
		&cli.StringSliceFlag{Name: "head", Usage: "`linear|mlp:H1,H2|keep|redraw` new last layers; keep: the model's own, redraw: " +
			"the layers above the cut with new random weights; NAME=linear or NAME=mlp:H1,H2, repeated: several heads, each for the column NAME of a .csv",
			DefaultText: "linear"},
		lossFlag("what is learnt: ce one class an image, bce any of several labels, mse numbers, the latter two from a .csv"),
		targetsFlag(),
		number("dropout", 0, 0, 1, "`P` drop this share of the head's inputs in training", "0"),
	)...)
	flags = append(flags, section("What learns",
		&cli.StringFlag{Name: "freeze", Usage: "`N|all|auto` freeze all layers up to cut point N, or the whole kept part; " +
			"with 0 everything learns; auto: freeze all where the images are few for the parameters, else fine-tune",
			DefaultText: "auto"},
		whole("unfreeze-at", 0, 1, "`EPOCH` from this epoch on what is frozen learns too", "never, or as --freeze auto says"),
		word("bn", "BatchNorm of layers that learn: stored statistics or those of the batch",
			"frozen where --unfreeze-at is chosen, else batch from batch size 8 on", finetune.BatchNorms...),
		&cli.StringSliceFlag{Name: "train", Usage: "`NAME` let this tensor learn too", DefaultText: "none"},
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
		&cli.StringSliceFlag{Name: "decay-exclude", Usage: "`norm,bias` no weight decay for these", DefaultText: "norm,bias; none with --opt"},
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
		memoryFlag(),
		exactFlag(),
		maxMemoryFlag("training", "three quarters of the machine's"),
		workers(),
	)...)
	flags = append(flags, preprocessingFlags()...)
	flags = append(flags, section("Files",
		output("`FILE.onnx` write the best model here; without validation, the last one"),
		&cli.StringFlag{Name: "run", Usage: "`DIR` keep args.yaml, results.csv, log.jsonl, checkpoints, plots and models here",
			DefaultText: "runs/finetuneN, a new one"},
		&cli.BoolFlag{Name: "overwrite", Usage: "begin anew in the folder of --run, and remove what an earlier run left there"},
		&cli.StringFlag{Name: "resume", Usage: "`DIR` go on with the interrupted run in this folder, with its model, data and flags"},
		&cli.BoolFlag{Name: "allow-changes", Usage: "go on although data or flags are not those that the run began with"},
		&cli.StringFlag{Name: "config", Usage: "`FILE.yaml` take flags from a file of lines flag: value, as args.yaml is one", TakesFile: true},
		whole("checkpoint-every", 200, 0, "`STEPS` write a checkpoint after so many steps, besides those after each epoch; 0: none", ""),
		&cli.BoolFlag{Name: "tensorboard", Usage: "write TensorBoard's event files into the run folder too"},
		&cli.BoolFlag{Name: "advise", Usage: "train nothing but a quick head on the features of every cut point, and say which to cut and freeze at"},
		&cli.StringFlag{Name: "dot", Usage: "`FILE.dot` write the training graph that ran here, for Graphviz", TakesFile: true},
	)...)
	return flags
}

// finetuneConfig reads the flags of a fine-tuning.
func finetuneConfig(c *cli.Context, m *onnx.ModelProto, train *data.Set) (finetune.Config, error) {
	rate, err := learningRate(c.String("lr"))
	if err != nil {
		return finetune.Config{}, err
	}
	f := finetune.Config{
		After: c.String("after"), AllowPartialCut: c.Bool("allow-partial-cut"), Output: c.String("output-name"), Float32: c.Bool("float32"),
		Dropout: c.Float64("dropout"), Freeze: c.String("freeze"), UnfreezeAt: c.Int("unfreeze-at"),
		BatchNorm: c.String("bn"), Also: c.StringSlice("train"),
		Epochs: c.Int("epochs"), Batch: c.Int("batch-size"), Accumulate: c.Int("accumulate"), Schedule: c.String("schedule"),
		Optimizer: optim.Settings{Name: c.String("opt"), LR: rate, WeightDecay: c.Float64("weight-decay"), ClipNorm: c.Float64("clip")},
		LRMult:    c.Float64("lr-mult"), LayerDecay: c.Float64("layer-decay"), DecayExclude: commaList(c.StringSlice("decay-exclude")),
		Warmup: c.Float64("warmup"), EMA: c.Float64("ema"), EarlyStop: c.Int("early-stop"),
		Augment: c.String("augment"), Mixup: c.Float64("mixup"), CutMix: c.Float64("cutmix"), LabelSmoothing: c.Float64("label-smoothing"),
		ClassWeights: c.String("class-weights"), Sampling: c.String("sampling"), Seed: c.Uint64("seed"), Cache: c.String("cache"), SkipBad: c.Bool("skip-bad"),
		Threads: threads(c), Workers: c.Int("workers"), MaxMemory: givenMemory(c), Recompute: recompute(c), Exact: c.Bool("exact"),
	}
	if f.Head, f.Heads, err = headSpecs(c); err != nil {
		return f, err
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
