package main

import "github.com/urfave/cli/v2"

func finetuneVerb() *cli.Command {
	const byOptimizer = "by --opt"
	flags := section("Where to cut and what to add", append(cutFlags(),
		&cli.StringFlag{Name: "head", Usage: "`linear|mlp:H1,H2|keep|redraw` new last layers; keep: the model's own, redraw: " +
			"the layers above the cut with new random weights", DefaultText: "linear"},
		number("dropout", 0, 0, 1, "`P` drop this share of the head's inputs in training", "0"),
	)...)
	flags = append(flags, section("What learns",
		&cli.StringFlag{Name: "freeze", Usage: "`N|all` freeze all layers up to cut point N, or the whole kept part; " +
			"with 0 everything learns", DefaultText: "all"},
		word("bn", "BatchNorm of layers that learn: stored statistics or those of the batch",
			"batch from batch size 8 on", "frozen", "batch"),
		repeated("train", "`NAME` let this tensor learn too"),
	)...)
	flags = append(flags, section("Training",
		whole("epochs", 0, 1, "`N` go through the data this many times", "10"),
		batchSize("32"),
		word("opt", "optimizer", "adamw", "sgd", "adam", "adamw"),
		number("lr", 0, 0, 1e6, "`RATE` learning rate at the start", byOptimizer),
		number("momentum", 0.9, 0, 1, "`M` momentum of sgd", ""),
		number("weight-decay", 0, 0, 1e6, "`W` weight decay, as in torch.optim", byOptimizer),
		word("schedule", "course of the learning rate", "cosine", "constant", "step", "cosine"),
	)...)
	flags = append(flags, section("Data",
		&cli.StringFlag{Name: "val", Usage: "`FRACTION|DIR` validate on this share of the data, or on this folder",
			DefaultText: "the data's own val, else 0.2"},
		&cli.BoolFlag{Name: "no-shuffle", Usage: "keep the order of the data in every epoch"},
		word("augment", "vary the training images; light: flip half of them", "none", "none", "light"),
		word("cache", "keep the frozen part's features in memory", "auto", "auto", "off"),
		workers(),
	)...)
	flags = append(flags, preprocessingFlags()...)
	flags = append(flags, section("Files",
		output("`FILE` write the best model here; without validation, the last one"),
		&cli.StringFlag{Name: "run", Usage: "`DIR` keep args.yaml, results.csv, curves.png, best.onnx and last.onnx here",
			DefaultText: "runs/finetuneN, a new one"},
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
		Flags: flags,
	}
}
