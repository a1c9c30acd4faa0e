"""Grad-CAM in PyTorch, the goldens of TestExplainEqualsTorch.

    python gradcam.py SHARED

writes gradcam.json and, as gradcam/NAME.onnx.gz, a narrow resnet18 and squeezenet1_1 of torchvision with random
weights. The pretrained squeezenet1_1 of the folder SHARED is loaded into torchvision's, which has the same layers, and
looks at photographs from there. Each case has the place as the file names it, the class, its score before a softmax, and
the map at every STEP-th pixel: ReLU of the activations' sum, weighted by their mean gradients (Selvaraju et al. 2017,
equations 1 and 2), enlarged by interpolate(bilinear, align_corners=False) to the input's size, over its maximum.
Made with PyTorch 2.15.0 and torchvision 0.29.2 on the CPU.
"""
import gzip
import io
import json
import pathlib
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
import torchvision
from PIL import Image
from torch.nn.functional import interpolate

HERE, STEP, CLASSES, SIZE = pathlib.Path(__file__).parent, 14, 5, 96
PHOTOS = ["285_n02124075", "009_n01518878", "084_n01806143"]
BGR_MEAN = [104, 117, 123]


def narrow(net, k):
    """Divide every number of channels by k, but for the image's and the classes'."""
    f = lambda c: c if c in (3, CLASSES) else max(2, c // k)
    for m in list(net.modules()):
        for name, c in list(m.named_children()):
            if isinstance(c, torch.nn.Conv2d):
                setattr(m, name, torch.nn.Conv2d(f(c.in_channels), f(c.out_channels), c.kernel_size, c.stride, c.padding, bias=c.bias is not None))
            elif isinstance(c, torch.nn.BatchNorm2d):
                setattr(m, name, torch.nn.BatchNorm2d(f(c.num_features)))
                getattr(m, name).running_mean.uniform_(-0.1, 0.1)
                getattr(m, name).running_var.uniform_(0.7, 1.3)
            elif isinstance(c, torch.nn.Linear):
                setattr(m, name, torch.nn.Linear(f(c.in_features), f(c.out_features)))
    for m in net.modules():
        if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear)):
            torch.nn.init.kaiming_normal_(m.weight)  # as large as a trained one's, so that the image shows in the maps
    return net.eval()


def exported(net):
    buf = io.BytesIO()
    torch.onnx.export(net, torch.zeros(2, 3, SIZE, SIZE), buf, dynamo=False, opset_version=17, input_names=["x"], output_names=["y"],
                      dynamic_axes={"x": {0: "N"}, "y": {0: "N"}}, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
    model = onnx.load_from_string(buf.getvalue())
    del model.metadata_props[:], model.graph.value_info[:]
    for n in model.graph.node:
        n.doc_string = ""
    return model


def pretrained(file):
    """torchvision's squeezenet1_1 with the weights of the ONNX file, whose layers have other names."""
    net, model = torchvision.models.squeezenet1_1(), onnx.load(file)
    have = {t.name: torch.from_numpy(onnx.numpy_helper.to_array(t).copy()) for t in model.graph.initializer}
    fires = dict(zip([3, 4, 6, 7, 9, 10, 11, 12], range(2, 10)))
    state = {}
    for key, old in net.state_dict().items():
        part = key.split(".")
        layer = {"features.0": "conv1", "classifier.1": "conv10"}.get(".".join(part[:2])) or f"fire{fires[int(part[1])]}/{part[2].replace('squeeze', 'squeeze1x1')}"
        state[key] = have[f"{layer}_{part[-1][0]}_0"]
        assert state[key].shape == old.shape, key
    net.load_state_dict(state)
    return net.eval(), model


def explain(net, place, x, label):
    """The map [H,W], the class, its score and the activations at a module."""
    kept = []

    def keep(m, args, out):
        out.retain_grad()
        kept.append(out)
        return out.clone()  # what follows may be in place

    hook = place.register_forward_hook(keep)
    y = net(x)
    hook.remove()
    label = int(y.argmax()) if label is None else label
    y[0, label].backward()
    a, da = kept[0][0], kept[0].grad[0]
    cam = (da.mean((1, 2))[:, None, None] * a).sum(0).clamp(min=0)
    cam = interpolate(cam[None, None], x.shape[2:], mode="bilinear", align_corners=False)[0, 0]
    return (cam / cam.max().clamp(min=1e-30)).detach().numpy(), label, float(y[0, label].detach()), a.detach().numpy()


def named(model, x, a):
    """The last tensor of the file that has the activations a."""
    model = onnx.shape_inference.infer_shapes(model)
    names = [o for n in model.graph.node for o in n.output if n.op_type not in ("Constant", "Shape")]
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for name, v in reversed(list(zip(names, session.run(None, {session.get_inputs()[0].name: x.numpy()})))):
        if v.shape[1:] == a.shape and np.allclose(v[0], a, rtol=1e-3, atol=1e-3 * np.abs(a).max()):
            return name
    raise SystemExit("no tensor has these activations")


def case(model_name, net, model, image, x, at, label=None):
    cam, label, score, a = explain(net, net.get_submodule(at), x, label)
    name = named(model, x, a)
    print(f"{model_name} {image} {name} ({at}): class {label}, score {score:.4f}, {(cam > 0.5).mean():.0%} above a half", flush=True)
    return dict(model=model_name, image=image, at=name, label=label, score=score, map=[round(float(v), 6) for v in cam[::STEP, ::STEP].ravel()])


def main(shared):
    warnings.filterwarnings("ignore")
    cases = []
    i = np.arange(3 * SIZE * SIZE, dtype=np.int64)
    x = torch.from_numpy(((i * i * 31 + 7 * i + i // 97 * 5) % 251 / 125 - 1).astype(np.float32).reshape(1, 3, SIZE, SIZE))
    (HERE / "gradcam").mkdir(exist_ok=True)
    for name, k, places in (("resnet18", 32, ["layer4", "layer3", "layer3.1.conv1"]), ("squeezenet1_1", 8, ["classifier.2", "features.12", "features.12.expand3x3", "features.5"])):
        torch.manual_seed(11)
        net = narrow(getattr(torchvision.models, name)(num_classes=CLASSES), k)
        model = exported(net)
        (HERE / "gradcam" / f"{name}.onnx.gz").write_bytes(gzip.compress(model.SerializeToString(), 9, mtime=0))
        cases += [case(name, net, model, "", x, at, label) for at in places for label in (None, 1, 3)]
    net, model = pretrained(pathlib.Path(shared, "models/squeezenet1_1/squeezenet1_1.onnx"))
    for photo in PHOTOS:
        file = f"photos/imagenet_png224/{photo}.png"
        bgr = np.asarray(Image.open(pathlib.Path(shared, file)).convert("RGB"), np.float32)[:, :, ::-1] - BGR_MEAN
        x = torch.from_numpy(bgr.transpose(2, 0, 1)[None].astype(np.float32).copy())
        cases += [case("", net, model, file, x, at, label) for at in ("classifier.2", "features.12", "features.9") for label in (None, 281)]
    (HERE / "gradcam.json").write_text("[" + ",\n".join(json.dumps(c) for c in cases) + "]\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
