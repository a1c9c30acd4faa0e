"""Hold graft to ONNX Runtime on whole networks, in each exporter's dialect.

Run: python dialects.py GRAFT WORKDIR [NETWORK...]
with torch, torchvision, onnx, onnxscript and onnxruntime; for timm/NAME also timm, for keras/NAME tensorflow and
tf2onnx, for paddle/NAME paddlepaddle and paddle2onnx. A NETWORK is a torchvision model, or one of those; without any it is forty
torchvision models of all 22 families, six of timm, three of Keras and three of Paddle. It ends with the line "N passed, N failed".

A network has random weights from a fixed seed. Nothing in it is small enough to hide an error: weights that start at zero
and scales of 1e-6 are drawn anew, the statistics of BatchNorm are those of a random batch, moved a little, and the last layer is
scaled until the outputs spread by about 0.3: float32's own rounding, PyTorch's against float64, is then below the
tolerance in all of these networks, whose random layers make more of it than trained ones. A PyTorch network is exported three times: by TorchScript with BatchNorm folded, by TorchScript with
BatchNorm and Dropout kept, and by the newer exporter at a fixed batch. All three must pass graft check within rtol 1e-3
and atol 1e-4 of ONNX Runtime, and have the same number of cut points. Exports are deleted after use.
"""

import gc
import io
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

import written

warnings.filterwarnings("ignore")

TORCHVISION = """
    alexnet convnext_tiny densenet121 densenet169 efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_v2_s
    googlenet inception_v3 maxvit_t mnasnet0_5 mnasnet0_75 mnasnet1_0 mnasnet1_3 mobilenet_v2 mobilenet_v3_large
    mobilenet_v3_small regnet_x_400mf regnet_x_800mf regnet_x_1_6gf regnet_y_400mf regnet_y_800mf resnet18 resnet34 resnet50
    resnext50_32x4d shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5 shufflenet_v2_x2_0 squeezenet1_0
    squeezenet1_1 swin_s swin_t swin_v2_t vgg11 vgg11_bn vit_b_32 wide_resnet50_2
""".split()
TIMM = ["timm/" + n for n in ("cspresnet50", "dla34", "ghostnet_100", "hrnet_w18_small", "nfnet_l0", "repvgg_a0")]
KERAS = ["keras/" + n for n in ("MobileNetV2", "NASNetMobile", "Xception")]
PADDLE = ["paddle/" + n for n in ("mobilenet_v2", "resnet18", "vgg11")]

WHOLE = {"inception_v3": 299}  # sizes that a network is made for; the others take any
WHOLE |= dict.fromkeys(("alexnet", "maxvit_t", "swin_s", "swin_t", "swin_v2_t", "vgg11", "vgg11_bn", "vit_b_32"), 224)
SIZE = 96
BATCH = 2


def build(name):
    """A PyTorch network, evaluating, and the size of its images."""
    import torch

    torch.manual_seed(sum(map(ord, name)))
    size = WHOLE.get(name, SIZE)
    if name.startswith("timm/"):
        import timm

        net = timm.create_model(name[5:], pretrained=False)
    else:
        import torchvision

        more = dict(aux_logits=False, init_weights=False) if name in ("googlenet", "inception_v3") else {}
        net = getattr(torchvision.models, name)(weights=None, **more)
    enliven(net.eval(), torch.randn(8, 3, size, size))
    return net, size


def enliven(net, x):
    """Make every parameter count in the output."""
    import torch

    norms = [m for m in net.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    with torch.no_grad():
        for p in net.parameters():
            if p.numel() == max(p.shape, default=1):  # a bias or a scale
                p += 0.1 * torch.randn_like(p)
            elif p.abs().max() < 1e-3:
                p.normal_(0, 0.02)
        for m in norms:
            m.train()
            m.momentum = 1.0
        net(x)
        for m in norms:
            m.eval()
            m.running_mean += 0.1 * m.running_var.sqrt() * torch.randn_like(m.running_mean)
            m.running_var *= torch.empty_like(m.running_var).uniform_(0.7, 1.4)
        last = [m for m in net.modules() if isinstance(m, (torch.nn.Linear, torch.nn.Conv2d))][-1]
        last.weight *= 0.3 / net(x[:2]).std()


def export(net, x, dialect):
    import torch

    if dialect == "dynamo":
        return torch.onnx.export(net, (x,), dynamo=True, verbose=False).model_proto
    more = dict(training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False) if dialect == "kept" else {}
    buf = io.BytesIO()
    torch.onnx.export(net, x, buf, dynamo=False, opset_version=17, input_names=["x"], output_names=["y"],
                      dynamic_axes={"x": {0: "N"}, "y": {0: "N"}}, **more)
    return onnx.load_from_string(buf.getvalue())


def torch_exports(name):
    """A PyTorch network in each dialect, and its input."""
    import torch

    net, size = build(name)
    x = torch.randn(BATCH, 3, size, size)
    for dialect in ("folded", "kept", "dynamo"):
        try:
            yield dialect, export(net, x, dialect), x.numpy()
        except Exception as e:  # the exporters raise many kinds
            yield dialect, e, x.numpy()


def keras_exports(name):
    """A Keras network through tf2onnx, and its input [N,H,W,C]."""
    import tensorflow as tf
    import tf2onnx

    tf.keras.utils.set_random_seed(sum(map(ord, name)))
    net = getattr(tf.keras.applications, name[6:])(weights=None, input_shape=(SIZE, SIZE, 3), classifier_activation=None)
    rng = np.random.default_rng(5)
    x = rng.standard_normal((8, SIZE, SIZE, 3), np.float32)
    for layer in net.layers:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            layer.momentum = 0.0
            layer.gamma.assign_add(0.1 * rng.standard_normal(layer.gamma.shape))
            layer.beta.assign_add(0.1 * rng.standard_normal(layer.beta.shape))
    net(x, training=True)  # the running statistics are the batch's now
    last = net.layers[-1].kernel
    last.assign(last * 0.3 / np.std(net(x[:2])))
    for opset in (13, 17):
        model, _ = tf2onnx.convert.from_keras(net, [tf.TensorSpec((None, SIZE, SIZE, 3), tf.float32, name="x")], opset=opset)
        yield f"tf2onnx, opset {opset}", model, x[:BATCH]


def paddle_exports(name):
    """A Paddle network through Paddle2ONNX, with BatchNorm kept, and its input."""
    import paddle

    paddle.seed(sum(map(ord, name)))
    net = getattr(paddle.vision.models, name[7:])()
    size = WHOLE.get(name[7:], SIZE)
    x = paddle.randn([8, 3, size, size])
    with paddle.no_grad():
        for p in net.parameters():
            if len(p.shape) == 1:
                p.set_value(p + 0.1 * paddle.randn(p.shape))
        for layer in net.sublayers():
            if isinstance(layer, paddle.nn.BatchNorm2D):
                layer._momentum = 0.0
        net.train()
        net(x)  # the running statistics are the batch's now
        net.eval()
        last = [layer for layer in net.sublayers() if isinstance(layer, paddle.nn.Linear)][-1]
        last.weight.set_value(last.weight * (0.3 / net(x[:BATCH]).std()))
    for opset in (11, 13):
        with tempfile.TemporaryDirectory() as folder:
            spec = [paddle.static.InputSpec([None, 3, size, size], "float32", "x")]
            paddle.onnx.export(net, folder + "/model", input_spec=spec, opset_version=opset)
            model = onnx.load(folder + "/model.onnx")
        yield f"paddle2onnx, opset {opset}", model, x[:BATCH].numpy()


def folder_of(workdir, model, x):
    """An ONNX test folder: the model, and what ONNX Runtime makes of x."""
    shutil.rmtree(workdir, ignore_errors=True)
    data = workdir / "test_data_set_0"
    data.mkdir(parents=True)
    onnx.save(model, workdir / "model.onnx")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(workdir / "model.onnx"), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    outputs = session.run(None, {name: x})
    (data / "input_0.pb").write_bytes(numpy_helper.from_array(x, name).SerializeToString())
    for i, (o, y) in enumerate(zip(session.get_outputs(), outputs)):
        (data / f"output_{i}.pb").write_bytes(numpy_helper.from_array(y, o.name).SerializeToString())
    return outputs[0]


def compare(binary, workdir, model, x):
    """What is wrong with graft's outputs, or None, and a note on their size."""
    if isinstance(model, Exception):
        return f"export: {model}"[:300], ""
    y = folder_of(workdir, model, x)
    if not np.isfinite(y).all() or y.std() < 0.1:
        return f"the outputs spread by {y.std():.2g}: they prove nothing", ""
    r = subprocess.run([binary, "check", workdir, "--rtol", "1e-3", "--atol", "1e-4", "--json"], capture_output=True, text=True)
    if not r.stdout:
        return r.stderr.strip(), ""
    (case,) = json.loads(r.stdout)["cases"]
    return (None if case["status"] == "pass" else f"{case['status']}: {case.get('reason')}"), f"max_abs {case.get('max_abs', 0):.1g}"


def network(tally, binary, workdir, name):
    points = set()
    exports = {"keras": keras_exports, "paddle": paddle_exports}.get(name.split("/")[0], torch_exports)(name)
    for dialect, model, x in exports:
        start = time.time()
        wrong, note = compare(binary, workdir, model, x)
        tally.check(wrong is None, f"{name}, {dialect}: {wrong}")
        if wrong is None:
            shown = json.loads(written.graft(binary, "inspect", workdir / "model.onnx", "--json"))
            points.add(len(shown["cut_points"]))
            print(f"{name}, {dialect}: {note}, {len(shown['layers'])} layers, {len(shown['cut_points'])} cut points, {time.time() - start:.0f} s", flush=True)
        del model
        gc.collect()
    if len(points) > 1:
        tally.check(False, f"{name}: the dialects have {sorted(points)} cut points")
    shutil.rmtree(workdir, ignore_errors=True)


def main(binary, workdir, *networks):
    tally = written.Tally()
    for name in networks or TORCHVISION + TIMM + KERAS + PADDLE:
        try:
            network(tally, binary, pathlib.Path(workdir) / re.sub(r"\W", "-", name), name)
        except Exception as e:  # one network must not end the others
            tally.check(False, f"{name}: {type(e).__name__}: {e}"[:500])
        sys.stdout.flush()
    return tally.end()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
