"""Makes the test folders beside it: small models that the scripts of the command line use, in ONNX's own layout,
with the outputs of ONNX Runtime. Synthetic, so free of licences. Made with onnx 1.23 and ONNX Runtime 1.32, numpy 2.

    python make.py

residual          conv, BatchNormalization, Relu; a residual block; a global average and a Gemm: 4 layers, 3 cut points, [N,3,8,8] -> [N,4]
shared            one weight in two convolutions, and one bias in three
two_inputs        two inputs of different types and two outputs, with a batch of any size
fixed             a convolution and a Reshape to [1,8], for one image: the batch can be opened
wrong             residual, but an element of the expected output is off by 1
unknown_operator  an operator that no standard has, Frobnicate; its expected output is made up
"""
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

here = Path(__file__).parent
rng = np.random.default_rng(3)


def conv(x, y, w, bias=None, **attributes):
    return helper.make_node("Conv", [x, w] + ([bias] if bias else []), [y], name=y, **attributes)


def model(name, nodes, inputs, outputs, weights):
    graph = helper.make_graph(nodes, name, inputs, outputs, [numpy_helper.from_array(v, k) for k, v in weights.items()])
    m = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="graft testdata")
    m.ir_version = 7
    return m


def floats(*shape):
    return rng.normal(0, 0.5, shape).astype("float32")


def info(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def save(name, m, feed, expected=None):
    folder = here / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "test_data_set_0").mkdir(parents=True)
    onnx.save(m, folder / f"{name}.onnx")
    if expected is None:
        onnx.checker.check_model(m, full_check=True)
        session = onnxruntime.InferenceSession(m.SerializeToString(), providers=["CPUExecutionProvider"])
        expected = session.run(None, feed)
    for kind, values in (("input", feed.values()), ("output", expected)):
        for i, v in enumerate(values):
            path = folder / "test_data_set_0" / f"{kind}_{i}.pb"
            path.write_bytes(numpy_helper.from_array(v).SerializeToString())
    return expected


def norm(x, y, weights):
    for part, value in zip(("scale", "bias", "mean", "var"), (1 + floats(6) / 4, floats(6), floats(6), 1 + floats(6) ** 2)):
        weights[f"{y}.{part}"] = value.astype("float32")
    return helper.make_node("BatchNormalization", [x] + [f"{y}.{p}" for p in ("scale", "bias", "mean", "var")], [y], name=y)


weights = {"conv1.weight": floats(6, 3, 3, 3), "conv2.weight": floats(6, 6, 3, 3), "conv3.weight": floats(6, 6, 3, 3),
           "fc.weight": floats(4, 6), "fc.bias": floats(4)}
nodes = [
    conv("image", "conv1", "conv1.weight", pads=[1, 1, 1, 1]),
    norm("conv1", "bn1", weights),
    helper.make_node("Relu", ["bn1"], ["relu1"], name="relu1"),
    conv("relu1", "conv2", "conv2.weight", pads=[1, 1, 1, 1]),
    norm("conv2", "bn2", weights),
    helper.make_node("Relu", ["bn2"], ["relu2"], name="relu2"),
    conv("relu2", "conv3", "conv3.weight", pads=[1, 1, 1, 1]),
    norm("conv3", "bn3", weights),
    helper.make_node("Add", ["bn3", "relu1"], ["sum"], name="sum"),
    helper.make_node("Relu", ["sum"], ["relu3"], name="relu3"),
    helper.make_node("GlobalAveragePool", ["relu3"], ["pool"], name="pool"),
    helper.make_node("Flatten", ["pool"], ["flat"], name="flat"),
    helper.make_node("Gemm", ["flat", "fc.weight", "fc.bias"], ["logits"], name="fc", transB=1),
]
residual = model("residual", nodes, [info("image", ["N", 3, 8, 8])], [info("logits", ["N", 4])], weights)
image = {"image": floats(2, 3, 8, 8)}
expected = save("residual", residual, image)
off = [v.copy() for v in expected]
off[0][1, 2] += 1
save("wrong", residual, image, off)

save("shared", model("shared", [
    conv("x", "a", "w", "b", pads=[1, 1, 1, 1]),
    helper.make_node("Relu", ["a"], ["relu"], name="relu"),
    conv("relu", "c", "w", "b", pads=[1, 1, 1, 1]),
    conv("c", "y", "v", "b"),
], [info("x", ["N", 3, 5, 5])], [info("y", ["N", 3, 5, 5])], {"w": floats(3, 3, 3, 3), "v": floats(3, 3, 1, 1), "b": floats(3)}),
    {"x": floats(1, 3, 5, 5)})

save("two_inputs", model("two_inputs", [
    helper.make_node("Cast", ["count"], ["scale"], name="cast", to=TensorProto.FLOAT),
    helper.make_node("Mul", ["x", "scale"], ["scaled"], name="mul"),
    helper.make_node("Transpose", ["count"], ["turned"], name="turn", perm=[1, 0]),
], [info("x", ["N", 3]), info("count", ["N", 3], TensorProto.INT64)],
    [info("scaled", ["N", 3]), info("turned", [3, "N"], TensorProto.INT64)], {}),
    {"x": floats(2, 3), "count": np.arange(6, dtype="int64").reshape(2, 3)})

save("fixed", model("fixed", [
    conv("x", "conv", "w"),
    helper.make_node("Reshape", ["conv", "shape"], ["y"], name="reshape"),
], [info("x", [1, 3, 2, 2])], [info("y", [1, 8])], {"w": floats(2, 3, 1, 1), "shape": np.array([1, 8])}),
    {"x": floats(1, 3, 2, 2)})

save("unknown_operator", model("unknown_operator", [
    conv("x", "conv", "w"),
    helper.make_node("Frobnicate", ["conv"], ["y"], name="middle"),
], [info("x", [1, 3, 4, 4])], [info("y", [1, 2, 4, 4])], {"w": floats(2, 3, 1, 1)}),
    {"x": floats(1, 3, 4, 4)}, [floats(1, 2, 4, 4)])
