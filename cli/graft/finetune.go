package main

import "github.com/urfave/cli/v2"

func finetuneVerb() *cli.Command {
	const byOptimizer = "by --opt"
	flags := []cli.Flag{
		output("write the best model to `FILE`: by validation, without it the last one"),
	}
	flags = append(flags, cutFlags()...)
	flags = append(flags,
		&cli.StringFlag{Name: "head", Usage: "new last layers: `linear|mlp:H1,H2|keep|redraw`", DefaultText: "linear"},
		number("dropout", 0, 0, 1, "drop this share `P` of the head's inputs in training", "0"),
		&cli.StringFlag{Name: "freeze", Usage: "keep fixed all layers up to cut point `N|all`; 0 trains everything", DefaultText: "all"},
		word("bn", "statistics of BatchNorm in layers that are not frozen:", "batch from batch size 8 on", "frozen", "batch"),
		repeated("train", "train the tensor `NAME` too"),

		whole("epochs", 0, 1, "go through the data `N` times", "10"),
		batchSize("32"),
		word("opt", "optimizer:", "adamw", "sgd", "adam", "adamw"),
		number("lr", 0, 0, 1e6, "learning rate `RATE`", byOptimizer),
		number("momentum", 0.9, 0, 1, "momentum `M` of sgd", ""),
		number("weight-decay", 0, 0, 1e6, "weight decay `W`, as in torch.optim", byOptimizer),
		word("schedule", "learning rate over time:", "cosine", "constant", "step", "cosine"),

		&cli.StringFlag{Name: "val", Usage: "validate on a share of the data or on a folder, `FRACTION|DIR`",
			DefaultText: "the data's own val, else 0.2"},
		&cli.BoolFlag{Name: "no-shuffle", Usage: "keep the order of the data in every epoch"},
		word("augment", "vary the images:", "none", "none", "light"),
		word("cache", "keep the frozen part's features in memory:", "auto", "auto", "off"),
		workers(),
	)
	flags = append(flags, preprocessingFlags()...)
	flags = append(flags,
		&cli.StringFlag{Name: "run", Usage: "keep args.yaml, results.csv, curves.png, best.onnx and last.onnx in `DIR`",
			DefaultText: "runs/finetuneN, a new one"},
		&cli.StringFlag{Name: "dot", Usage: "write the training graph that ran to `FILE`, for Graphviz"},
	)
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
