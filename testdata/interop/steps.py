"""Train a network in PyTorch and in graft, from the same file and on the same batches, and compare what has changed.

Run: python steps.py GRAFT WORKDIR [NETWORK...]
with torch, torchvision, numpy, onnx and onnxruntime. A NETWORK is a torchvision model; without any it is vit_b_32 and swin_t. It
ends with the line "N passed, N failed".

Three steps of SGD with momentum and weight decay let every tensor learn, with BatchNorm on stored statistics and, where
there is one, on batch statistics. The change of all parameters and statistics, ||dw_graft - dw_torch|| / ||dw_torch||, must be below
2e-3. Exporters rename and transpose weights: each parameter is found in the file by its values, and its name there must
hold what it has become.

Beside the error stands PyTorch's own: the same steps on one thread against those on all, and the largest of three runs in
each of which the last bit of every weight is drawn anew. A network on batch statistics can make so much of that bit,
where it turns one Relu on or off, that the limit says nothing of an implementation.
"""

import io
import pathlib
import re
import shutil
import sys
import warnings

import numpy as np
import onnx
import torch
import torchvision
from onnx import numpy_helper

import written

warnings.filterwarnings("ignore")

IMAGES, BATCH, CLASSES = 24, 8, 5
LR, MOMENTUM, DECAY = 0.01, 0.9, 1e-4
LIMIT = 2e-3
NORMS = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)


def build(name):
    torch.manual_seed(7)
    more = dict(aux_logits=False, init_weights=False) if name in ("googlenet", "inception_v3") else {}
    net = getattr(torchvision.models, name)(weights=None, num_classes=CLASSES, **more)
    for m in net.modules():
        if isinstance(m, (torch.nn.Dropout, torchvision.ops.StochasticDepth)):
            m.p = 0.0
        if isinstance(m, NORMS):
            m.running_mean.normal_(0, 0.05)
            m.running_var.uniform_(0.7, 1.4)
    for p in net.parameters():  # no two alike, which the exporter would merge
        p.data += 0.01 * torch.randn_like(p)
    return net


def export(net, x):
    buf = io.BytesIO()
    torch.onnx.export(net.eval(), x, buf, dynamo=False, opset_version=17, input_names=["x"], output_names=["y"],
                      dynamic_axes={"x": {0: "N"}, "y": {0: "N"}}, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
    return onnx.load_from_string(buf.getvalue())


def state(net):
    """The parameters and statistics by name."""
    return {k: v.detach().numpy().copy() for k, v in net.state_dict().items() if v.is_floating_point() and k not in dict(net.named_buffers())
            or k.endswith(("running_mean", "running_var"))}


def learn(name, x, y, batch_statistics, noise=None):
    """The state after three steps in PyTorch; noise is a seed to draw the weights' last bits from."""
    net = build(name)
    if noise is not None:
        rng = np.random.default_rng(noise)
        for p in net.parameters():
            bits = p.data.numpy().view(np.uint32)
            bits ^= rng.integers(0, 2, bits.shape, np.uint32)
    net.train(batch_statistics)
    optimizer = torch.optim.SGD(net.parameters(), LR, momentum=MOMENTUM, weight_decay=DECAY)
    for i in range(0, IMAGES, BATCH):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(torch.from_numpy(x[i:i + BATCH])), torch.from_numpy(y[i:i + BATCH])).backward()
        optimizer.step()
    return state(net)


def constants(model):
    """The values of all initializers and Constant nodes, by name."""
    values = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    for n in model.graph.node:
        for a in n.attribute:
            if n.op_type == "Constant" and a.name == "value":
                values[n.output[0]] = numpy_helper.to_array(a.t)
    return values


def find(value, among):
    """Where a parameter is in the file: a name, and whether it lies there transposed."""
    for name, v in among.items():
        if v.size == value.size:
            if np.array_equal(v.ravel(), value.ravel()):
                return name, False
            if value.ndim == 2 and np.array_equal(v.ravel(), value.T.ravel()):
                return name, True
    return None, False


def apart(before, want, have):
    """The relative error of a change, over all tensors."""
    num = sum(((have[k].astype("f8") - want[k]) ** 2).sum() for k in want)
    den = sum(((want[k].astype("f8") - before[k]) ** 2).sum() for k in want)
    return float((num / den) ** 0.5)


def trained(binary, folder, model, before, bn):
    """The state after graft's three steps, under PyTorch's names."""
    onnx.save(model, folder / "model.onnx")
    shutil.rmtree(folder / "run", ignore_errors=True)
    written.graft(binary, "finetune", folder / "model.onnx", folder / "data.npz", "--head", "keep", "--freeze", "0", "--opt", "sgd",
                  "--lr", LR, "--momentum", MOMENTUM, "--weight-decay", DECAY, "--schedule", "constant", "--batch-size", BATCH, "--epochs", 1,
                  "--no-shuffle", "--augment", "none", "--val", 0, "--bn", bn, "--run", folder / "run", "-o", folder / "out.onnx")
    was, now = constants(model), constants(onnx.load(folder / "out.onnx"))
    have = {}
    for k, v in before.items():
        name, turned = find(v, was)
        if name not in now:
            raise ValueError(f"{k} is not in the {'file' if name is None else 'written model'}")
        have[k] = (now[name].T if turned else now[name]).reshape(v.shape)
    return have


def network(tally, binary, workdir, name):
    net = build(name)
    size = 299 if name == "inception_v3" else 224 if name.startswith(("alexnet", "vgg", "vit", "swin", "maxvit")) else 96
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((IMAGES, 3, size, size), dtype=np.float32), rng.integers(0, CLASSES, IMAGES)
    np.savez(workdir / "data.npz", x=x, y=y)
    before, model = state(net), export(net, torch.from_numpy(x[:2]))
    for bn in ("frozen", "batch") if any(isinstance(m, NORMS) for m in net.modules()) else ("frozen",):
        try:
            want = learn(name, x, y, bn == "batch")
            threads = torch.get_num_threads()
            torch.set_num_threads(1)
            own = apart(before, want, learn(name, x, y, bn == "batch"))
            torch.set_num_threads(threads)
            bits = max(apart(before, want, learn(name, x, y, bn == "batch", seed)) for seed in range(3))
            error = apart(before, want, trained(binary, workdir, model, before, bn))
            tally.check(error < LIMIT, f"{name}, BatchNorm {bn}: {error:.2g} of the change")
            print(f"{name}, BatchNorm {bn}: {error:.2g} of the change; PyTorch's own: threads {own:.2g}, last bits {bits:.2g}", flush=True)
        except (RuntimeError, OSError, ValueError) as e:
            tally.check(False, f"{name}, BatchNorm {bn}: {e}")


def main(binary, workdir, *networks):
    tally = written.Tally()
    for name in networks or ("vit_b_32", "swin_t"):
        folder = pathlib.Path(workdir) / re.sub(r"\W", "-", name)
        folder.mkdir(parents=True, exist_ok=True)
        network(tally, binary, folder, name)
        shutil.rmtree(folder)
    return tally.end()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
