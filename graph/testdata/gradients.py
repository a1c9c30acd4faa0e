"""PyTorch's outputs and gradients of the operators that convnets are made of, as
gradients.json: python3 gradients.py > gradients.json (torch 2.15)

The gradient is that of sum(dy * y) by each operand that learns.
"""
import json

import torch
import torch.nn.functional as F

torch.manual_seed(8)
torch.set_default_dtype(torch.float64)
cases = []


def t(*shape):
    return torch.round(torch.randn(*shape), decimals=2).requires_grad_()


def flat(x):
    return {"shape": list(x.shape), "data": [float(f"{v:.6g}") for v in x.detach().flatten().tolist()]}


def case(op, name, f, *inputs, opset=18, constants=(), batch=False, **attributes):
    """f computes from the learnt inputs; constants, by their place among the node's inputs, do not learn."""
    y = f(*inputs)
    dy = torch.round(torch.randn_like(y), decimals=2)
    y.backward(dy)
    operands, rest = [], list(inputs)
    for i in range(len(inputs) + len(constants)):
        c = dict(constants).get(i)
        if c is None:
            x = rest.pop(0)
            operands.append(flat(x) | {"grad": flat(x.grad)["data"]})
        elif c == "":
            operands.append(None)
        elif c.dtype == torch.int64:
            operands.append({"shape": list(c.shape), "ints": c.tolist()})
        else:
            operands.append(flat(c))
    cases.append({"op": op, "name": name, "opset": opset, "attributes": attributes, "operands": operands, "batch": batch, "y": flat(y), "dy": flat(dy)["data"]})


conv = dict(kernel_shape=[3, 3], strides=[2, 1], pads=[1, 2, 1, 2], dilations=[1, 2])
case("Conv", "groups", lambda x, w, b: F.conv2d(x, w, b, (2, 1), (1, 2), (1, 2), 2), t(2, 4, 7, 6), t(6, 2, 3, 3), t(6), group=2, **conv)
case("Conv", "depthwise", lambda x, w, b: F.conv2d(x, w, b, padding=1, groups=5), t(1, 5, 6, 6), t(5, 1, 3, 3), t(5), group=5, pads=[1] * 4)
case("Conv", "wide", lambda x, w: F.conv2d(x, w, padding=1), t(1, 20, 6, 6), t(18, 20, 3, 3), pads=[1] * 4)
case("Conv", "one dimension", lambda x, w: F.conv1d(x, w, stride=2), t(2, 3, 9), t(4, 3, 3), strides=[2])
case("Conv", "three dimensions", lambda x, w, b: F.conv3d(x, w, b, 2, 1), t(1, 2, 5, 4, 4), t(3, 2, 3, 3, 3), t(3), strides=[2] * 3, pads=[1] * 6)
case("ConvTranspose", "output padding", lambda x, w, b: F.conv_transpose2d(x, w, b, 2, 1, 1, 2), t(2, 4, 4, 3), t(4, 3, 3, 3), t(6), group=2,
     strides=[2, 2], pads=[1] * 4, output_padding=[1, 1])
case("ConvTranspose", "dilations", lambda x, w: F.conv_transpose2d(x, w, dilation=2), t(1, 3, 4, 4), t(3, 5, 2, 2), dilations=[2, 2])
case("ConvTranspose", "three dimensions", lambda x, w, b: F.conv_transpose3d(x, w, b, 2, 1), t(1, 2, 3, 3, 2), t(2, 3, 3, 3, 3), t(3), strides=[2] * 3, pads=[1] * 6)
case("Gemm", "linear", F.linear, t(5, 7), t(4, 7), t(4), transB=1)
case("MatMul", "stacks", torch.matmul, t(2, 3, 5, 4), t(2, 3, 4, 6))
case("MatMul", "broadcast", torch.matmul, t(2, 1, 5, 4), t(3, 4, 2))
case("Einsum", "attention", lambda a, b: torch.einsum("bhid,bhjd->bhij", a, b), t(2, 2, 3, 4), t(2, 2, 5, 4), equation="bhid,bhjd->bhij")
case("MaxPool", "overlapping", lambda x: F.max_pool2d(x, 3, 2, 1), t(2, 3, 7, 6), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
case("MaxPool", "ceil", lambda x: F.max_pool2d(x, 2, 2, ceil_mode=True), t(1, 3, 5, 7), kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
case("MaxPool", "three dimensions", lambda x: F.max_pool3d(x, 2, 1, 1), t(1, 2, 3, 4, 4), kernel_shape=[2] * 3, pads=[1] * 6)
case("AveragePool", "pads counted", lambda x: F.avg_pool2d(x, 3, 2, 1), t(2, 3, 7, 6), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, count_include_pad=1)
case("AveragePool", "pads not counted", lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), t(1, 3, 6, 6), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
case("AveragePool", "three dimensions", lambda x: F.avg_pool3d(x, 2, 2), t(1, 2, 4, 4, 6), kernel_shape=[2] * 3, strides=[2] * 3)
case("GlobalAveragePool", "images", lambda x: F.adaptive_avg_pool2d(x, 1), t(2, 3, 4, 5))
case("GlobalMaxPool", "images", lambda x: F.adaptive_max_pool2d(x, 1), t(2, 3, 4, 5))
case("LpPool", "norm", lambda x: F.lp_pool2d(x.abs(), 2.0, 2), t(1, 2, 4, 6), kernel_shape=[2, 2], strides=[2, 2], p=2)
mean, var = torch.tensor([0.3, -1.0, 0.2, 0.7]), torch.tensor([0.5, 1.5, 2.0, 0.9])
case("BatchNormalization", "stored", lambda x, s, b: F.batch_norm(x, mean, var, s, b), t(2, 4, 3, 3), t(4), t(4), opset=15, constants=[(3, mean), (4, var)])
case("BatchNormalization", "batch", lambda x, s, b: F.batch_norm(x, mean.clone(), var.clone(), s, b, True), t(3, 4, 3, 3), t(4), t(4), opset=15,
     constants=[(3, mean), (4, var)], batch=True)
case("LayerNormalization", "last", lambda x, s, b: F.layer_norm(x, (6,), s, b), t(2, 3, 6), t(6), t(6))
case("RMSNormalization", "last", lambda x, s: F.rms_norm(x, (6,), s, 1e-5), t(2, 3, 6), t(6), opset=23)
case("InstanceNormalization", "images", lambda x, s, b: F.instance_norm(x, None, None, s, b), t(2, 3, 4, 3), t(3), t(3))
case("GroupNormalization", "groups", lambda x, s, b: F.group_norm(x, 2, s, b), t(2, 4, 3, 3), t(4), t(4), opset=21, num_groups=2)
case("LpNormalization", "euclidean", lambda x: F.normalize(x, dim=1), t(2, 5, 3), axis=1)
for dim in (1, -1):
    case("Softmax", f"axis {dim}", lambda x: F.softmax(x, dim), t(2, 4, 3), axis=dim)
case("LogSoftmax", "last", lambda x: F.log_softmax(x, -1), t(3, 5))
case("Gelu", "exact", F.gelu, t(4, 5), opset=20)
case("Gelu", "tanh", lambda x: F.gelu(x, approximate="tanh"), t(4, 5), opset=20, approximate="tanh")


def resize(name, x, size, attributes, **options):
    sizes = torch.tensor(list(x.shape[:2]) + size)
    case("Resize", name, lambda x: F.interpolate(x, size, **options), x, opset=19, constants=[(1, ""), (2, ""), (3, sizes)], **attributes)


half, corners = "pytorch_half_pixel", "align_corners"
resize("nearest", t(1, 2, 3, 4), [5, 9], dict(coordinate_transformation_mode="asymmetric", nearest_mode="floor"), mode="nearest")
resize("nearest down", t(1, 2, 7, 9), [3, 4], dict(coordinate_transformation_mode="asymmetric", nearest_mode="floor"), mode="nearest")
resize("bilinear", t(2, 2, 4, 3), [7, 8], dict(mode="linear", coordinate_transformation_mode=half), mode="bilinear")
resize("bilinear down", t(1, 2, 8, 7), [3, 5], dict(mode="linear", coordinate_transformation_mode=half), mode="bilinear")
resize("bilinear aligned", t(1, 2, 4, 3), [7, 5], dict(mode="linear", coordinate_transformation_mode=corners), mode="bilinear", align_corners=True)
resize("bicubic", t(1, 1, 5, 4), [7, 9], dict(mode="cubic", coordinate_transformation_mode=half), mode="bicubic")
resize("antialiased", t(1, 1, 9, 8), [4, 3], dict(mode="linear", antialias=1, exclude_outside=1), mode="bilinear", antialias=True)
resize("antialiased bicubic", t(1, 1, 9, 8), [4, 3], dict(mode="cubic", antialias=1, exclude_outside=1, cubic_coeff_a=-0.5), mode="bicubic", antialias=True)
resize("linear", t(1, 2, 5), [8], dict(mode="linear", coordinate_transformation_mode=half), mode="linear")
resize("trilinear", t(1, 1, 3, 4, 3), [5, 3, 6], dict(mode="linear", coordinate_transformation_mode=half), mode="trilinear")
print("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]")
