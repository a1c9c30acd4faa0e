"""Check a model that graft finetune has written, against the model it was made from.

Run: python written.py GRAFT SOURCE.onnx WRITTEN.onnx IMAGE...
with onnx, onnxruntime, numpy and pillow. It ends with the line "N passed, N failed".

The written model passes onnx.checker with full_check; its opset, IR version and foreign metadata are the source's;
it carries class names, preprocessing and lineage; everything below the tensor that the lineage calls frozen is byte
for byte the source's; and for each image graft and ONNX Runtime give the same logits and the same class. The images
are decoded and resized by Pillow here and by graft there, so that the stored preprocessing is compared too.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from PIL import Image, ImageOps

LOGITS = 1e-4  # largest difference, as a share of the largest logit
PIXELS = 2e-2  # of a probability, where JPEG decoders may differ by a unit in a pixel


class Tally:
    """Counts checks, and prints those that fail."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, ok, what):
        if ok:
            self.passed += 1
        else:
            self.failed += 1
            print("FAIL", what)

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0


def graft(binary, *args):
    """Run graft and return what it prints."""
    r = subprocess.run([binary, *map(str, args)], capture_output=True, text=True)
    if r.returncode:
        raise RuntimeError(f"graft {args[0]} ended in {r.returncode}: {r.stderr.strip()}")
    return r.stdout


def metadata(model):
    return {p.key: p.value for p in model.metadata_props}


def ancestors(graph, tensor):
    """The nodes that a tensor depends on, and the names of all tensors among them."""
    needed, nodes = {tensor}, []
    for n in reversed(graph.node):
        if needed & set(n.output):
            nodes.append(n)
            needed.update(n.input)
    return nodes, needed


def check_frozen(tally, source, written, frozen):
    """All that the frozen tensor depends on is the source's, byte for byte."""
    nodes, needed = ancestors(written.graph, frozen)
    theirs = {t.name: t.SerializeToString() for t in source.graph.initializer}
    ours = {t.name: t.SerializeToString() for t in written.graph.initializer if t.name in needed}
    constants = {n.SerializeToString() for n in source.graph.node}
    changed = [name for name, value in ours.items() if theirs.get(name) != value]
    changed += [n.name or n.output[0] for n in nodes if n.SerializeToString() not in constants]
    tally.check(nodes, f"nothing lies below the frozen tensor {frozen}")
    tally.check(not changed, f"below the frozen tensor {frozen} these differ from the source's: {changed[:10]}")


def check_form(tally, source, written):
    """The written file as a file: valid, of the source's versions, complete. Returns its metadata, decoded."""
    try:
        onnx.checker.check_model(written, full_check=True)
        tally.check(True, "")
    except Exception as e:  # the checker and shape inference raise several kinds
        tally.check(False, f"onnx.checker: {e}")
    opsets = [{o.domain: o.version for o in m.opset_import} for m in (source, written)]
    tally.check(opsets[0] == opsets[1], f"opset {opsets[1]}, the source has {opsets[0]}")
    tally.check(source.ir_version == written.ir_version, f"IR version {written.ir_version}, the source has {source.ir_version}")
    kept = metadata(written)
    for key, value in metadata(source).items():
        tally.check(key.startswith("graft.") or kept.get(key) == value, f"metadata {key} of the source is lost")
    for key in ("graft.labels", "graft.input", "graft.lineage"):
        tally.check(key in kept, f"metadata {key} is missing")
    return {key: json.loads(value) for key, value in kept.items() if key.startswith("graft.")}


def pixels(path, p):
    """An image as the network's input [1,C,H,W] or [1,H,W,C], by Pillow and torchvision's rules for resizing."""
    im = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    if p["channels"] == "gray":
        im = im.convert("L")
    (h, w), (width, height) = p["size"], im.size
    if (height, width) != (h, w):
        short = p["resize"]
        if width <= height:
            width, height = short, int(short * height / width)
        else:
            width, height = int(short * width / height), short
        im = im.resize((width, height), Image.Resampling.BILINEAR)
        left, top = round((width - w) / 2), round((height - h) / 2)
        im = im.crop((left, top, left + w, top + h))
    x = np.asarray(im, np.float32).reshape(h, w, -1)
    if p["channels"] == "bgr":
        x = x[:, :, ::-1]
    x = (x - np.array(p["mean"], np.float32)) / np.array(p["std"], np.float32)
    if p["layout"] == "nchw":
        x = x.transpose(2, 0, 1)
    return np.ascontiguousarray(x[None], np.float32)


def softmax(y):
    e = np.exp(y - y.max())
    return e / e.sum()


def check_numbers(tally, binary, path, stored, images):
    """graft run and graft predict against ONNX Runtime."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name, labels = session.get_inputs()[0].name, stored["graft.labels"]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for image in images:
            x = pixels(image, stored["graft.input"])
            want = session.run(None, {name: x})[0].reshape(-1)
            tally.check(len(want) == len(labels), f"{len(want)} outputs for {len(labels)} class names")

            np.save(folder / "x.npy", x)
            graft(binary, "run", path, "--input", f"{name}={folder / 'x.npy'}", "--out", folder / "out")
            got = np.load(folder / "out" / "0.npy").reshape(-1)
            difference = np.abs(got - want).max() / np.abs(want).max()
            tally.check(difference <= LOGITS, f"{image}: logits differ by {difference:.2g} of the largest")

            top = json.loads(graft(binary, "predict", path, image, "--json", "--top", "1"))[0]["classes"][0]
            share = softmax(want)
            tally.check(abs(top["probability"] - share[labels.index(top["class"])]) <= PIXELS,
                        f"{image}: predicts {top}, ONNX Runtime {dict(zip(labels, share.round(4).tolist()))}")
            tally.check(share.max() - share[labels.index(top["class"])] <= PIXELS,
                        f"{image}: predicts {top['class']}, ONNX Runtime {labels[share.argmax()]}")


def check(tally, binary, source_path, path, images):
    source, written = onnx.load(source_path), onnx.load(path)
    stored = check_form(tally, source, written)
    frozen = stored["graft.lineage"][-1].get("frozen")
    if frozen:
        check_frozen(tally, source, written, frozen)
    try:
        check_numbers(tally, binary, path, stored, images)
    except RuntimeError as e:
        tally.check(False, e)


def main(binary, source, written, *images):
    tally = Tally()
    check(tally, binary, source, written, images)
    return tally.end()


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
