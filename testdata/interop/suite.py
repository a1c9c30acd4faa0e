"""Fine-tune in every way that changes what is written, and check each result in ONNX Runtime.

Run: python suite.py GRAFT [SHARED]
with onnx, onnxruntime, numpy and pillow, at the root of the repository. SHARED is a folder with models/ and datasets/;
without it only the network inside graft is used, and demo.onnx where graft demo has left it. It ends with the line "N passed, N failed".
"""

import pathlib
import sys
import tempfile
import zipfile

import numpy as np
from PIL import Image

import written

BASE = pathlib.Path("models/base.onnx")
DEMO = pathlib.Path("demo.onnx")
DIGITS = pathlib.Path("models/digits.npz")

IMAGENET = ["--channels", "bgr", "--mean", "104,117,123"]
CIFAR = ["--mean", "123.675,116.28,103.53", "--std", "58.395,57.12,57.375"]

# What is fine-tuned: a name, a model of SHARED, a data set, and the flags. Between them the cases have IR versions 3,
# 7 and 10, opsets 7, 13 and 20, a batch fixed to 1, weights that are graph inputs, BatchNormalization on stored and on
# batch statistics, each kind of head, each kind of freezing, a Softmax at the end, and gray input.
CASES = [
    ("a linear head", "squeezenet1_1", "hymenoptera", IMAGENET),
    ("a perceptron far down, opset 7", "squeezenet1_1_opset7", "hymenoptera", [*IMAGENET, "--after", "9", "--head", "mlp:16,8"]),
    ("the upper half, batch statistics", "efficientnet_lite0", "hymenoptera",
     ["--mean", "127", "--std", "128", "--freeze", "30", "--bn", "batch", "-b", "8"]),
    ("all layers", "resnet20_cifar10", "flowers5_32", [*CIFAR, "--freeze", "0", "--opt", "sgd", "--lr", "0.01"]),
    ("stored statistics, flipped", "resnet20_cifar10", "flowers5_32", [*CIFAR, "--freeze", "4", "--bn", "frozen", "--augment", "light"]),
    ("redrawn layers", "resnet20_cifar10_slicepad", "flowers5_32", [*CIFAR, "--after", "6", "--head", "redraw"]),
    ("the newest dialect", "resnet20_cifar10_dynamo", "flowers5_32", [*CIFAR, "--freeze", "8"]),
    ("gray pictures, redrawn", "mnist_cntk", "flowers5_32", ["--channels", "gray", "--mean", "0", "--std", "1", "--head", "redraw", "--freeze", "1"]),
]


def few(archive, folder, each):
    """Unpack the first pictures of each class of a data set."""
    taken = {}
    with zipfile.ZipFile(archive) as z:
        for name in sorted(z.namelist()):
            label = str(pathlib.PurePosixPath(name).parent)
            if not name.endswith("/") and taken.setdefault(label, 0) < each:
                taken[label] += 1
                z.extract(name, folder)
    return folder


def digits(folder):
    """The digits inside graft as PNG files, eight of each class, at the size of the base's input."""
    archive = np.load(DIGITS)
    x, y = archive["x"], archive["y"]
    for label in sorted(set(y.tolist())):
        where = folder / str(label)
        where.mkdir(parents=True)
        for i, picture in enumerate(x[y == label][:8]):
            Image.fromarray((picture.astype(np.uint16) * 255 // 16).astype(np.uint8)).resize((16, 16)).save(where / f"{i}.png")
    return folder


def case(tally, binary, name, source, data, flags):
    """Fine-tune source on data for one epoch and check the best and the last model."""
    with tempfile.TemporaryDirectory() as folder:
        best, run = pathlib.Path(folder, "best.onnx"), pathlib.Path(folder, "run")
        pictures = sorted(p for p in data.rglob("*") if p.is_file())
        before = tally.passed + tally.failed
        try:
            written.graft(binary, "finetune", source, data, "-o", best, "--run", run, "--epochs", "1", "--seed", "5", "-q", *flags)
            written.check(tally, binary, source, best, [pictures[0], pictures[-1]])
            written.check(tally, binary, source, run / "last.onnx", [pictures[len(pictures) // 2]])
        except (RuntimeError, OSError, ValueError, KeyError) as e:
            tally.check(False, f"{name}: {e}")
        print(f"{name}: {source.stem}, {tally.passed + tally.failed - before} checks", flush=True)


def main(binary, shared=None):
    tally = written.Tally()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        pictures = digits(folder / "digits")
        for flags in (["--freeze", "3"], ["--freeze", "0", "--head", "mlp:12"], ["--after", "2", "--head", "redraw", "--freeze", "all"]):
            case(tally, binary, "the network inside, " + " ".join(flags), BASE, pictures, flags)
        if DEMO.exists():
            written.check(tally, binary, BASE, DEMO, sorted(pictures.rglob("*.png"))[::9])
            print("what graft demo has left here")
        sets = {}
        for name, model, data, flags in CASES:
            if shared is None or not pathlib.Path(shared, "models", model).is_dir():
                print(f"{name}: skipped, there is no {model} here")
                continue
            if data not in sets:
                sets[data] = few(pathlib.Path(shared, "datasets", data + ".zip"), folder / data, 6)
            case(tally, binary, name, pathlib.Path(shared, "models", model, model + ".onnx"), sets[data], flags)
    return tally.end()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
