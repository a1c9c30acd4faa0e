"""Three SGD steps of six small networks in PyTorch, the goldens of TestParity.

Each has the blocks of the torchvision model it is named after, few of them and narrow, and comes through the
TorchScript exporter with BatchNorm kept. parity/NAME.onnx.gz is the network after the three steps on batch statistics,
computed in float64 and rounded once; the weights before them, the images and the labels follow from drawn() and need
no file. Its metadata has the losses, on batch statistics and on stored ones, and the draw.

A ReLU's input within rounding of 0 may fall on either side of it, in PyTorch as in graft, and the gradient with it; so
may the second largest element of a window of MaxPool. Of the draws 0, 1, 2, … the first is taken in which no input
comes nearer to such a kink than MARGIN, some ten times what float32 is off by.

    python parity.py FOLDER

writes FOLDER/NAME.onnx.gz, for four of the networks NAME.eval.onnx.gz and NAME.dynamo.onnx.gz too, which are the same
network in the exporter's form for inference, BatchNorm folded, and in the newer exporter's for one image; and prints how far the same steps in float32 are off: ||dw32 - dw64|| / ||dw64||.
Made with PyTorch 2.15.0 and torchvision 0.29.2 on the CPU.
"""
import copy
import gzip
import io
import pathlib
import sys
import warnings

import numpy as np
import onnx
import torch
from torchvision.models import densenet, efficientnet, mobilenetv2, mobilenetv3, resnet, shufflenetv2

CLASSES, BATCH, STEPS, SIZE = 5, 8, 3, 32
RATE, MOMENTUM, DECAY = 0.01, 0.9, 1e-4
MARGIN = 1e-5
KINKS = {torch.nn.ReLU: [0], torch.nn.ReLU6: [0, 6], torch.nn.Hardswish: [-3, 3], torch.nn.Hardsigmoid: [-3, 3]}
DIALECTS = dict.fromkeys(["mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2_x1_0", "efficientnet_b0"], ["train", "eval", "dynamo"])


def drawn(name, n):
    """n numbers of -1 to 1: splitmix64, seeded by the FNV-1a hash of a name. In Go: uniform, parity_test.go."""
    seed = 0xCBF29CE484222325
    for c in name.encode():
        seed = (seed ^ c) * 0x100000001B3 % 2**64
    z = np.uint64(seed) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return (z ^ z >> np.uint64(31)).astype(np.float64) / 2**63 - 1


def initial(draw, name, shape):
    """The value of a tensor before training, in float32."""
    u = drawn(f"{draw} {name}", int(np.prod(shape)))
    if len(shape) > 1:
        u = u * np.sqrt(6 / np.prod(shape[1:]))  # Kaiming's uniform bound, He et al. 2015
    elif name.endswith("running_var"):
        u = 1 + 0.3 * u
    elif name.endswith("weight"):
        u = 1 + 0.2 * u
    else:
        u = 0.1 * u
    return torch.from_numpy(u.astype(np.float32).reshape(shape))


def narrow(net, k):
    """Divide every number of channels by k, but for the image's and the classes'."""
    f = lambda c: c if c in (3, CLASSES) else max(1, c // k)
    for m in list(net.modules()):
        for name, c in list(m.named_children()):
            if isinstance(c, torch.nn.Conv2d):
                new = torch.nn.Conv2d(f(c.in_channels), f(c.out_channels), c.kernel_size, c.stride, c.padding, c.dilation,
                                      1 if c.groups == 1 else f(c.groups), c.bias is not None)
            elif isinstance(c, torch.nn.BatchNorm2d):
                new = torch.nn.BatchNorm2d(f(c.num_features), c.eps, c.momentum)
            elif isinstance(c, torch.nn.Linear):
                new = torch.nn.Linear(f(c.in_features), f(c.out_features))
            else:
                continue
            setattr(m, name, new)
    return net


def networks():
    yield "resnet18", narrow(resnet.ResNet(resnet.BasicBlock, [1, 1, 1, 1], CLASSES), 32)
    yield "mobilenet_v2", narrow(mobilenetv2.MobileNetV2(CLASSES, inverted_residual_setting=[[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 1, 2]], dropout=0), 8)
    block = lambda *a: mobilenetv3.InvertedResidualConfig(*a, 1, 1)
    yield "mobilenet_v3_small", narrow(mobilenetv3.MobileNetV3(
        [block(16, 3, 16, 16, True, "RE", 2), block(16, 3, 72, 24, False, "RE", 2), block(24, 5, 96, 40, True, "HS", 1), block(40, 5, 240, 40, True, "HS", 1)],
        128, CLASSES, dropout=0), 8)
    yield "shufflenet_v2_x1_0", shufflenetv2.ShuffleNetV2([2, 2, 1], [4, 8, 16, 24, 24], CLASSES)
    mb = efficientnet.MBConvConfig
    yield "efficientnet_b0", efficientnet.EfficientNet([mb(1, 3, 1, 8, 8, 1), mb(4, 3, 2, 8, 8, 2), mb(4, 5, 2, 8, 16, 1)], 0, 0, CLASSES, last_channel=32)
    yield "densenet121", densenet.DenseNet(4, (2, 2), 8, 2, 0, CLASSES)


def margin(net):
    """Watch a network run: a list that gets how near inputs come to kinks."""
    near = [1]

    def watch(m, args):
        x = args[0].detach()
        if isinstance(m, torch.nn.MaxPool2d):
            windows = torch.nn.functional.unfold(x.flatten(0, 1)[:, None], m.kernel_size, padding=m.padding, stride=m.stride)
            most = windows.topk(2, dim=1).values
            gap = (most[:, 0] - most[:, 1])[most[:, 0] > 0]  # where all are 0, the ReLU below passes no gradient
            near.append(gap.min().item() if len(gap) else 1)
        for kink in KINKS.get(type(m), []):
            near.append((x - kink).abs().min().item())

    for m in net.modules():
        if isinstance(m, (torch.nn.MaxPool2d, *KINKS)):
            m.register_forward_pre_hook(watch)
    return near


def train(net, draw, batch_statistics, dtype):
    """Three steps from the initial values; returns the net, the losses and the margin."""
    net = copy.deepcopy(net)
    near = margin(net)
    net.load_state_dict({k: initial(draw, k, v.shape) if v.is_floating_point() else v for k, v in net.state_dict().items()})
    net.to(dtype).train(batch_statistics)
    shape = (STEPS * BATCH, 3, SIZE, SIZE)
    x = torch.from_numpy((1.7 * drawn(f"{draw} x", int(np.prod(shape)))).astype(np.float32).reshape(shape)).to(dtype)
    y = torch.tensor([(i * i + i // 3) % CLASSES for i in range(STEPS * BATCH)])
    sgd = torch.optim.SGD(net.parameters(), RATE, momentum=MOMENTUM, weight_decay=DECAY)
    losses = []
    for i in range(0, STEPS * BATCH, BATCH):
        sgd.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x[i:i + BATCH]), y[i:i + BATCH])
        loss.backward()
        sgd.step()
        losses.append(loss.item())
    return net.eval(), losses, min(near)


def changes(draw, net):
    return {k: v.double() - initial(draw, k, v.shape) for k, v in net.state_dict().items() if v.is_floating_point()}


def exported(net, dialect):
    """The network as ONNX, without the traces of the machine it was made on."""
    if dialect == "dynamo":
        model = torch.onnx.export(net, (torch.zeros(1, 3, SIZE, SIZE),), dynamo=True, verbose=False).model_proto
    else:
        buf = io.BytesIO()
        kept = dict(training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False) if dialect == "train" else {}
        torch.onnx.export(net, torch.zeros(2, 3, SIZE, SIZE), buf, dynamo=False, opset_version=17, input_names=["x"], output_names=["y"],
                          dynamic_axes={"x": {0: "N"}, "y": {0: "N"}}, **kept)
        model = onnx.load_from_string(buf.getvalue())
    del model.metadata_props[:], model.graph.metadata_props[:], model.graph.value_info[:]
    for n in model.graph.node:
        n.doc_string = ""
        del n.metadata_props[:]
    return model


def main(folder):
    warnings.filterwarnings("ignore")
    for name, net in networks():
        for draw in range(1000):
            trained, losses, near = train(net, draw, True, torch.float64)
            _, stored, near_stored = train(net, draw, False, torch.float64)
            if min(near, near_stored) > MARGIN:
                break
        want, have = changes(draw, trained), changes(draw, train(net, draw, True, torch.float32)[0])
        off = sum(((have[k] - w) ** 2).sum() for k, w in want.items()) / sum((w**2).sum() for w in want.values())
        buf = io.BytesIO()
        for m in trained.modules():
            m._forward_pre_hooks.clear()
        size = 0
        for dialect in DIALECTS.get(name, ["train"]):
            model = exported(trained.float(), dialect)
            if dialect == "train":
                for key, values in (("draw", [draw]), ("losses.batch", losses), ("losses.stored", stored)):
                    model.metadata_props.add(key=key, value=" ".join(f"{v:.9g}" for v in values))
            file = pathlib.Path(folder, name + ("" if dialect == "train" else "." + dialect) + ".onnx.gz")
            file.write_bytes(gzip.compress(model.SerializeToString(), 9, mtime=0))
            size += file.stat().st_size
        count = sum(v.numel() for v in trained.state_dict().values())
        print(f"{name}: draw {draw}, {count} values, {size} bytes, losses {losses}, float32 is off by {off**0.5:.1e}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
