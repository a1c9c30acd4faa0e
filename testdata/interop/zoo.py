"""Cut networks in the middle, graft a new head, train it, and check what is written in ONNX Runtime.

Run: python zoo.py GRAFT WORKDIR NETWORK...
with onnx, onnxruntime, numpy and pillow. A NETWORK is a file NAME.onnx or NAME.onnx.gz, or the name of a model of
torchvision, which is then exported with BatchNorm kept and needs torch and torchvision. It ends with the line
"N passed, N failed".

Each network is cut at its middle cut point, gets a head for five classes, and learns from 200 random images for one
epoch: once with the kept part frozen, once with all of it. The written model passes onnx.checker with full_check, has
its source's versions, keeps frozen weights byte for byte and changes others, and computes the same in graft and in ONNX
Runtime.
"""

import gzip
import io
import json
import pathlib
import shutil
import sys

import numpy as np
import onnx
import onnxruntime

import written

IMAGES, CLASSES = 200, 5


def export(name):
    """A torchvision model with random weights, at a small size where the network allows one."""
    import torch
    import torchvision

    torch.manual_seed(7)
    net = getattr(torchvision.models, name)(weights=None).eval()
    size = 224 if name.startswith(("alexnet", "vgg")) else 64
    buf = io.BytesIO()
    torch.onnx.export(net, torch.zeros(2, 3, size, size), buf, dynamo=False, opset_version=17, input_names=["x"], output_names=["y"],
                      dynamic_axes={"x": {0: "N"}, "y": {0: "N"}}, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
    return buf.getvalue()


def load(network):
    """The bytes of a network, and a short name for it."""
    path = pathlib.Path(network)
    if network.endswith(".onnx.gz"):
        return gzip.decompress(path.read_bytes()), path.name.removesuffix(".onnx.gz")
    if network.endswith(".onnx"):
        return path.read_bytes(), path.parent.name + "-" + path.stem
    return export(network), network


def images(file, model):
    """Random images of the model's size, each class with a mean of its own."""
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    rng = np.random.default_rng(11)
    y = np.arange(IMAGES) % CLASSES
    x = rng.standard_normal((IMAGES, *shape[1:]), np.float32) + 0.2 * y[:, None, None, None].astype(np.float32)
    np.savez(file, x=x, y=y)
    return x


def check_form(tally, what, source, result):
    try:
        onnx.checker.check_model(result, full_check=True)
        tally.check(True, "")
    except Exception as e:  # the checker and shape inference raise several kinds
        tally.check(False, f"{what}: onnx.checker: {e}")
    versions = [(m.ir_version, [(o.domain, o.version) for o in m.opset_import]) for m in (source, result)]
    tally.check(versions[0] == versions[1], f"{what}: versions {versions[1]}, the source has {versions[0]}")


def check_numbers(tally, binary, what, path, x, folder):
    """graft run against ONNX Runtime, for eight images at once."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    want = session.run(None, {name: x})[0]
    np.save(folder / "x.npy", x)
    written.graft(binary, "run", path, "--input", f"{name}={folder / 'x.npy'}", "--out", folder / "out")
    got = np.load(folder / "out" / "0.npy")
    tally.check(got.shape == want.shape == (len(x), CLASSES), f"{what}: shapes {got.shape} and {want.shape}")
    difference = np.abs(got - want).max() / np.abs(want).max()
    tally.check(difference <= written.LOGITS, f"{what}: logits differ by {difference:.2g} of the largest")


def check_learnt(tally, what, source, result, frozen, point):
    """Frozen, the weights below the cut are the source's, byte for byte; else some of them have changed."""
    _, below = written.ancestors(source.graph, point["tensor"])
    theirs = {t.name: t.SerializeToString() for t in source.graph.initializer if t.name in below and t.data_type == onnx.TensorProto.FLOAT}
    ours = {t.name: t.SerializeToString() for t in result.graph.initializer}
    changed = [name for name, value in theirs.items() if ours.get(name) != value]
    tally.check(bool(changed) != frozen, f"{what}: of {len(theirs)} tensors below the cut {len(changed)} have changed: {changed[:5]}")


def network(tally, binary, workdir, which):
    data, name = load(which)
    folder = workdir / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    path = folder / "model.onnx"
    path.write_bytes(data)
    source = onnx.load(path)
    x = images(folder / "data.npz", source)
    points = json.loads(written.graft(binary, "inspect", path, "--json"))["cut_points"]
    point = points[(len(points) - 1) // 2]
    for frozen in (True, False):
        what = f"{name}, cut at {point['n']} of {len(points)}, {'frozen' if frozen else 'all learns'}"
        before = tally.passed + tally.failed
        try:
            out = folder / ("frozen.onnx" if frozen else "tuned.onnx")
            written.graft(binary, "finetune", path, folder / "data.npz", "--after", point["n"], "--freeze", "all" if frozen else "0", "--epochs", "1",
                          "-b", "8", "--lr", "0.001", "--seed", "5", "-q", "--run", folder / f"run-{out.stem}", "-o", out)
            result = onnx.load(out)
            check_form(tally, what, source, result)
            check_learnt(tally, what, source, result, frozen, point)
            check_numbers(tally, binary, what, out, x[:8], folder)
        except (RuntimeError, OSError, ValueError) as e:
            tally.check(False, f"{what}: {e}")
        print(f"{what}: {tally.passed + tally.failed - before} checks", flush=True)
    shutil.rmtree(folder)


def main(binary, workdir, *networks):
    tally = written.Tally()
    for which in networks:
        try:
            network(tally, binary, pathlib.Path(workdir), which)
        except (RuntimeError, OSError, ValueError) as e:
            tally.check(False, f"{which}: {e}")
    return tally.end()


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
