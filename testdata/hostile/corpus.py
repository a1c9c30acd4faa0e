"""Writes the corpus of hostile and odd files that judge.py runs graft on: a folder a case, with its files and case.json.

    python corpus.py DIR            (onnx 1.23, ONNX Runtime 1.32, numpy 2, Pillow 12)

case.json holds args, the command line without "graft"; expect, one of
    refuse   exit status 1, one line that holds `says`
    accept   exit status 0; `outputs` pairs a file that graft writes with the numbers that ONNX Runtime computes
    either   whatever it does, within the promises that hold for all: no panic, no hang, little memory, no stray file
and leaves, the names that the command may leave behind. The promises are those of SECURITY.md.
"""
import io
import json
import os
import random
import shutil
import struct
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper, numpy_helper
from PIL import Image

root = Path(sys.argv[1])
rng = np.random.default_rng(9)
random.seed(9)
cases = 0


def case(name, files, args, expect="refuse", says="", outputs=None, leaves=(), **more):
    """One case; files are bytes by name, or a function that makes something else of the path."""
    global cases
    folder = root / name
    folder.mkdir(parents=True)
    for path, content in files.items():
        to = folder / path
        to.parent.mkdir(parents=True, exist_ok=True)
        if callable(content):
            content(to)
        else:
            to.write_bytes(content)
    (folder / "case.json").write_text(json.dumps({"args": args, "expect": expect, "says": says, "outputs": outputs or {}, "leaves": list(leaves), **more}))
    cases += 1


def fifo(path):
    os.mkfifo(path)


def folder(path):
    path.mkdir()


def link(to):
    return lambda path: path.symlink_to(to)


def npy(a):
    b = io.BytesIO()
    np.save(b, a)
    return b.getvalue()


def info(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def node(op, inputs, outputs, **attrs):
    return helper.make_node(op, inputs, outputs, name=f"the_{outputs[0]}" if len(outputs[0]) < 99 else "", **attrs)


def model(nodes, inputs=None, outputs=None, inits=(), opset=13, ir=8, raw=False, **more):
    inputs = inputs if inputs is not None else [info("x", T.FLOAT, [1, 3, 8, 8])]
    outputs = outputs if outputs is not None else [info("y", T.FLOAT, None)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [i if isinstance(i, onnx.TensorProto) else numpy_helper.from_array(i[1], i[0]) for i in inits])
    m = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], **more)
    m.ir_version = ir
    return m if raw else m.SerializeToString()


X = rng.normal(size=(1, 3, 8, 8)).astype("float32")
W = rng.normal(size=(4, 3, 3, 3)).astype("float32")
CONV = dict(nodes=[node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])], inits=[("w", W)])
GOOD = model(**CONV)
RUN = ["run", "m.onnx", "--input", "x=x.npy", "--out", "out"]
INSPECT = ["inspect", "m.onnx"]


def runs(name, m, expect="refuse", says="", x=None, **files):
    """A model that is run; where it is to be accepted, ONNX Runtime says what comes out."""
    m = m if isinstance(m, bytes) else m.SerializeToString()
    x = X if x is None else x
    all_files = {"m.onnx": m, "x.npy": npy(x), **files}
    outputs = {}
    if expect == "accept":
        import onnxruntime

        onnxruntime.set_default_logger_severity(4)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        where = Path(tempfile.mkdtemp())
        for f, content in files.items():
            if not callable(content):
                (where / f).parent.mkdir(parents=True, exist_ok=True)
                (where / f).write_bytes(content)
        (where / "m.onnx").write_bytes(m)
        session = onnxruntime.InferenceSession(str(where / "m.onnx"), options, providers=["CPUExecutionProvider"])
        got = session.run(None, {session.get_inputs()[0].name: x})
        shutil.rmtree(where)
        for i, y in enumerate(got):
            if y.dtype.name != "bfloat16":
                all_files[f"want{i}.npy"] = npy(y)
                outputs[f"out/{i}.npy"] = f"want{i}.npy"
    case(name, all_files, RUN, expect, says, outputs, leaves=["out"])


def varint(n):
    b = b""
    while n > 127:
        b, n = b + bytes([n & 127 | 128]), n >> 7
    return b + bytes([n])


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


# --- bytes that are no model -----------------------------------------------------------------------------------------
for name, b in {
    "empty": b"", "one": b"\x08", "zeros": bytes(5000), "ones": b"\xff" * 5000, "newlines": b"\n" * 5000, "text": b"not a model\n" * 50,
    "random": rng.bytes(5000), "png": b"\x89PNG\r\n\x1a\n" + bytes(100), "zip": b"PK\x03\x04" + bytes(100), "gzip": b"\x1f\x8b\x08" + bytes(100),
    "field_zero": b"\x00\x01" + GOOD, "end_group": GOOD + b"\x0c", "start_group": b"\x0b" * 200000, "groups_nested": b"\x0b" * 100000 + b"\x0c" * 100000,
    "long_varint": b"\x08" + b"\xff" * 11 + b"\x01", "huge_length": b"\x3a" + b"\xff" * 8 + b"\x7f", "length_past_end": b"\x3a\xff\x01" + GOOD[:50],
    "wire_type_6": b"\x3e" + GOOD, "wire_type_7": b"\x3f" + GOOD, "tensor_instead": numpy_helper.from_array(W).SerializeToString(),
    "only_ir": b"\x08\x08", "only_unknown": field(999, b"x" * 100),
}.items():
    case(f"bytes_{name}", {"m.onnx": b}, INSPECT)
for i in range(24):
    case(f"cut_{i}", {"m.onnx": GOOD[: len(GOOD) * i // 24]}, INSPECT)
for i in range(24):
    b = bytearray(GOOD)
    for _ in range(1 + i % 3):
        b[random.randrange(min(len(b), 150) if i % 2 else len(b))] ^= 1 << random.randrange(8)
    case(f"flip_{i}", {"m.onnx": bytes(b), "x.npy": npy(X)}, RUN, "either", leaves=["out"])
nested = b""
for _ in range(2000):  # ModelProto.graph.node.attribute.g.node.attribute.g...
    nested = field(1, field(5, field(6, nested)))
case("graph_as_varint", {"m.onnx": b"\x38\x05" + GOOD}, INSPECT, "accept")  # by the rules of protobuf an unknown field
case("nested_graphs", {"m.onnx": field(7, nested)}, INSPECT)
case("many_messages", {"m.onnx": field(7, field(1, b"") * 3_000_000)}, INSPECT)
case("fifo", {"m.onnx": fifo}, INSPECT, says="not a regular file")
case("folder", {"m.onnx": folder}, INSPECT, says="not a regular file")
case("missing", {}, INSPECT, says="no such file")
case("dev_zero", {"m.onnx": link("/dev/zero")}, INSPECT, says="not a regular file")
case("link_loop", {"m.onnx": link("m.onnx")}, INSPECT)
case("link_nowhere", {"m.onnx": link("none")}, INSPECT, says="no such file")

# --- tensors ---------------------------------------------------------------------------------------------------------


def tensor(name="w", kind=T.FLOAT, dims=(4, 3, 3, 3), raw=None, **more):
    t = onnx.TensorProto(name=name, data_type=kind, dims=dims, **more)
    if raw is not None:
        t.raw_data = raw
    return t


for name, t, says in [
    ("negative", tensor(dims=[-4, 3, 3, 3], raw=W.tobytes()), "negative"),
    ("overflow", tensor(dims=[2**32, 2**32, 3, 3], raw=W.tobytes()), "overflows"),
    ("large", tensor(dims=[2**40], raw=b"1234"), ""),
    ("short", tensor(raw=W.tobytes()[:-1]), "raw_data has 431 bytes"),
    ("long", tensor(raw=W.tobytes() + b"\0"), "raw_data has 433 bytes"),
    ("none", tensor(), "0 values in float_data"),
    ("both", tensor(raw=W.tobytes(), float_data=W.ravel().tolist()), "both raw_data and float_data"),
    ("field", tensor(int32_data=[1] * 108), "belongs into float_data"),
    ("type_999", tensor(kind=999, raw=W.tobytes()), "999"),
    ("type_0", tensor(kind=0, raw=W.tobytes()), "unknown"),
    ("complex", tensor(kind=T.COMPLEX64, raw=W.tobytes() * 2), ""),
    ("string_raw", tensor(kind=T.STRING, raw=b"x"), ""),
    ("strings", tensor(kind=T.STRING, dims=[1], string_data=[b"x"]), ""),
    ("bool_2", tensor(kind=T.BOOL, dims=[1], raw=b"\x02"), ""),
    ("int32_range", tensor(kind=T.INT8, dims=[1], int32_data=[300]), ""),
    ("rank_1000", tensor(dims=[1] * 1000, raw=b"1234"), ""),
    ("zero_times_huge", tensor(dims=[0, 2**62, 2**62], raw=b""), ""),
    ("int4_short", tensor(kind=T.INT4, dims=[3], raw=b"\x11"), ""),
    ("no_name", tensor(name="", raw=W.tobytes()), ""),
    ("int64", numpy_helper.from_array(W.astype("int64"), "w"), ""),
    ("rank_3", numpy_helper.from_array(W[0], "w"), ""),
    ("channels", numpy_helper.from_array(W[:, :2], "w"), ""),
]:
    runs(f"tensor_{name}", model(CONV["nodes"], inits=[t]), says=says)
t = tensor(raw=W.tobytes())
t.segment.begin = 0
runs("tensor_segment", model(CONV["nodes"], inits=[t]), says="segment")
runs("tensor_unused_huge", model(CONV["nodes"], inits=[("w", W), tensor("v", dims=[2**40], raw=b"")]), says="raw_data has 0 bytes")
runs("tensor_twice", model(CONV["nodes"], inits=[("w", W), ("w", W)]), says="given twice")
runs("constant_short", model([node("Constant", [], ["w"], value=tensor(raw=b"1234")), CONV["nodes"][0]]), says="raw_data has 4 bytes")

# --- external data ---------------------------------------------------------------------------------------------------
SECRET = {"../secret.bin": W.tobytes()}


def external(*entries, dims=(4, 3, 3, 3), **more):
    t = onnx.TensorProto(name="w", data_type=T.FLOAT, dims=dims, data_location=T.EXTERNAL, **more)
    for k, v in entries:
        t.external_data.add(key=k, value=v)
    return t


w_bin = {"w.bin": W.tobytes()}
for name, t, files, says in [
    ("absolute", external(("location", "/etc/passwd"), dims=[1]), {}, "not a file below the model's folder"),
    ("parent", external(("location", "../secret.bin")), SECRET, "not a file below"),
    ("inner_parent", external(("location", "sub/../../secret.bin")), SECRET, "not a file below"),
    ("dot", external(("location", ".")), {}, "not a file below"),
    ("empty", external(("location", "")), {}, "not a file below"),
    ("none", external(), {}, "no location"),
    ("nul", external(("location", "w.bin\0.txt")), w_bin, "not a file below"),
    ("backslash", external(("location", "..\\secret.bin")), SECRET, "not a file below"),
    ("link_out", external(("location", "link")), {**SECRET, "link": link("../secret.bin")}, ""),
    ("folder_link_out", external(("location", "sub/secret.bin")), {**SECRET, "sub": link("..")}, ""),
    ("proc", external(("location", "fd")), {"fd": link("/proc/self/environ")}, ""),
    ("fifo", external(("location", "w.bin")), {"w.bin": fifo}, "not a regular file"),
    ("folder", external(("location", "w.bin")), {"w.bin": folder}, "not a regular file"),
    ("zero_device", external(("location", "w.bin")), {"w.bin": link("/dev/zero")}, ""),
    ("missing", external(("location", "w.bin")), {}, "no such file"),
    ("short", external(("location", "w.bin")), {"w.bin": W.tobytes()[:-4]}, "432 bytes at offset 0: the file has 428"),
    ("offset_end", external(("location", "w.bin"), ("offset", "4")), w_bin, "at offset 4"),
    ("offset_negative", external(("location", "w.bin"), ("offset", "-4")), w_bin, "want a number"),
    ("offset_overflow", external(("location", "w.bin"), ("offset", str(2**63 - 1))), w_bin, "at offset"),
    ("offset_2_64", external(("location", "w.bin"), ("offset", str(2**64))), w_bin, "want a number"),
    ("offset_text", external(("location", "w.bin"), ("offset", "4k")), w_bin, "want a number"),
    ("length_other", external(("location", "w.bin"), ("length", "4")), w_bin, "need 432"),
    ("length_huge", external(("location", "w.bin"), ("length", str(2**62))), w_bin, "need 432"),
    ("length_negative", external(("location", "w.bin"), ("length", "-1")), w_bin, "want a number"),
    ("unknown_key", external(("location", "w.bin"), ("__class__", "x")), w_bin, "unknown entry"),
    ("two_locations", external(("location", "w.bin"), ("location", "../secret.bin")), {**w_bin, **SECRET}, "two entries"),
    ("and_raw", external(("location", "w.bin"), raw_data=W.tobytes()), w_bin, "raw_data is there too"),
    ("memory_tag", external(("location", "*/_ORT_MEM_ADDR_/*"), ("offset", "4096")), {}, ""),
    ("huge_dims", external(("location", "w.bin"), dims=[2**40]), w_bin, ""),
]:
    files = {k: v for k, v in files.items() if not k.startswith("../")}
    runs(f"external_{name}", model(CONV["nodes"], inits=[t]), says=says, **{k: v for k, v in files.items()})
runs("external_in_constant", model([node("Constant", [], ["w"], value=external(("location", "../secret.bin"))), CONV["nodes"][0]]), says="not a file below")
many = [external(("location", "w.bin")) for _ in range(50)]
for i, t in enumerate(many):
    t.name = f"w{i}"
    t.dims[:] = [4, 3, 3, 3 - i % 2]
runs("external_overlap", model([node("Conv", ["x", "w0"], ["y"], pads=[1, 1, 1, 1])], inits=many), says="overlap", **w_bin)
t = external(("location", "../secret.bin"))
t.name = "x"
case("external_in_pb", {"m.onnx": GOOD, "x.pb": t.SerializeToString()}, ["run", "m.onnx", "--input", "x=x.pb", "--out", "out"], says="not a file below")
case("overwrite_data", {"m.onnx": model(CONV["nodes"], inits=[external(("location", "w.bin"))]), **w_bin}, ["cut", "m.onnx", "--after", "y", "-o", "w.bin"], says="is the input itself")
case("overwrite_input", {"m.onnx": GOOD, "x.npy": npy(X)}, ["cut", "m.onnx", "--after", "y", "-o", "./m.onnx"], says="is the input itself")
case("overwrite_link", {"m.onnx": GOOD, "l": link("m.onnx")}, ["cut", "m.onnx", "--after", "y", "-o", "l"], says="is the input itself")

# --- graphs ----------------------------------------------------------------------------------------------------------
relu = lambda a, b: node("Relu", [a], [b])  # noqa: E731
flat = [info("x", T.FLOAT, [1, 4])]
F = np.ones((1, 4), "float32")
for name, nodes, says in [
    ("cycle", [relu("b", "a"), relu("a", "b"), node("Add", ["x", "a"], ["y"])], "depends on its own output"),
    ("self", [node("Add", ["x", "y"], ["y"])], "depends on its own output"),
    ("undefined", [node("Add", ["x", "z"], ["y"])], "not defined"),
    ("no_output", [relu("x", "z")], "not defined"),
    ("none", [], "not defined"),
    ("twice", [relu("x", "y"), relu("x", "y")], "defined twice"),
    ("over_input", [relu("x", "x")], ""),
    ("unknown_op", [node("Frobnicate", ["x"], ["y"])], "not supported"),
    ("no_op", [onnx.NodeProto(input=["x"], output=["y"])], "no op_type"),
    ("no_inputs", [node("Relu", [], ["y"])], "inputs"),
    ("many_inputs", [node("Relu", ["x"] * 9, ["y"])], "inputs"),
    ("many_outputs", [node("Relu", ["x"], ["y", "z"])], "outputs"),
    ("hostile_op", [node("R\x1b[31mlu\n" + "x" * 100000, ["x"], ["y"])], "not supported"),
    ("hostile_domain", [helper.make_node("Relu", ["x"], ["y"], domain="\x1b]0;title\x07")], "no opset_import"),
    ("bidi", [node("Relu", ["\u202egnp.x"], ["y"])], "\\u202e"),
    ("attribute_twice", [helper.make_node("Softmax", ["x"], ["y"], axis=1)], ""),
]:
    m = model(nodes, inputs=flat, raw=True)
    if name == "attribute_twice":
        m.graph.node[0].attribute.append(helper.make_attribute("axis", 0))
        says = "given twice"
    runs(f"graph_{name}", m, says=says, x=F)
for name, change, says in [
    ("ir_0", lambda m: setattr(m, "ir_version", 0), "IR version 0"),
    ("ir_negative", lambda m: setattr(m, "ir_version", -1), "IR version -1"),
    ("ir_99", lambda m: setattr(m, "ir_version", 99), "IR version 99"),
    ("opset_0", lambda m: setattr(m.opset_import[0], "version", 0), "opset 0"),
    ("opset_999", lambda m: setattr(m.opset_import[0], "version", 999), "opset 999"),
    ("opset_negative", lambda m: setattr(m.opset_import[0], "version", -1), "opset -1"),
    ("opset_twice", lambda m: m.opset_import.add(domain="", version=12), "given twice"),
    ("opset_none", lambda m: m.ClearField("opset_import"), "no opset_import"),
    ("graph_none", lambda m: m.ClearField("graph"), "no graph"),
    ("graph_no_name", lambda m: m.graph.ClearField("name"), "no name"),
    ("input_twice", lambda m: m.graph.input.append(m.graph.input[0]), "defined twice"),
    ("input_no_type", lambda m: m.graph.input[0].ClearField("type"), "no type"),
    ("input_type_99", lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", 99), "unknown"),
    ("input_huge", lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", 2**62), ""),
    ("input_negative", lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", -3), ""),
    ("output_none", lambda m: m.graph.ClearField("output"), "no outputs"),
    ("output_twice", lambda m: m.graph.output.append(m.graph.output[0]), "given twice"),
    ("metadata_twice", lambda m: [m.metadata_props.add(key="k", value="v") for _ in range(2)], "given twice"),
]:
    m = model(raw=True, **CONV)
    change(m)
    runs(f"model_{name}", m, says=says)


def branch(depth):
    nodes = [helper.make_node("Identity", ["c"], ["o"], name="i")] if depth == 0 else [
        helper.make_node("If", ["c"], ["o"], then_branch=branch(depth - 1), else_branch=branch(0))]
    for n in nodes:
        n.output[0] = f"o{depth}"
    return helper.make_graph(nodes, f"b{depth}", [], [info(f"o{depth}", T.BOOL, [1])])


deep = model([helper.make_node("If", ["c"], ["y"], then_branch=branch(10), else_branch=branch(0))], inputs=[info("c", T.BOOL, [1])], outputs=[info("y", T.BOOL, None)])
case("deep_if", {"m.onnx": deep}, INSPECT, says="subgraphs")
for depth in (1, 40):
    inner = field(1, field(4, b"Relu") + field(1, b"x") + field(2, b"y"))
    for _ in range(depth):
        inner = field(1, field(4, b"Loop") + field(5, field(1, b"body") + b"\xa0\x01\x05" + field(6, inner + field(2, b"g"))))
    case(f"nested_loop_{depth}", {"m.onnx": b"\x08\x08" + field(8, b"\x10\x0d") + field(7, inner + field(2, b"g"))}, INSPECT)
laughs = model([helper.make_node("f0", ["x"], ["y"], domain="l")], inputs=flat, raw=True)
laughs.opset_import.add(domain="l", version=1)
for i in range(10):
    body = [helper.make_node(f"f{i + 1}" if i < 9 else "Relu", ["a"], [f"b{k}"], domain="l" if i < 9 else "") for k in range(10)]
    laughs.functions.append(helper.make_function("l", f"f{i}", ["a"], ["b9"], body, [helper.make_opsetid("", 13), helper.make_opsetid("l", 1)]))
runs("billion_laughs", laughs, says="the functions make more than", x=F)
recursive = model([helper.make_node("f", ["x"], ["y"], domain="l")], inputs=flat, raw=True)
recursive.opset_import.add(domain="l", version=1)
recursive.functions.append(helper.make_function("l", "f", ["a"], ["b"], [helper.make_node("f", ["a"], ["b"], domain="l")], [helper.make_opsetid("l", 1)]))
runs("recursive_function", recursive, says="calls itself", x=F)
chain = [node("Relu", ["x" if i == 0 else f"t{i}"], [f"t{i + 1}" if i < 99999 else "y"]) for i in range(100000)]
runs("chain_100000", model(chain, inputs=flat), "accept", x=F)
runs("chain_unsorted", model(chain[:3000][::-1] + [relu("t3000", "y")], inputs=flat), "accept", x=F)
runs("diamond", model([node("Add", ["x" if i == 0 else f"t{i}"] * 2, [f"t{i + 1}" if i < 59 else "y"]) for i in range(60)], inputs=flat), "accept", x=F)
runs("wide", model([node("Concat", ["x"] * 50000, ["y"], axis=1)], inputs=flat), "accept", x=F)
layers = [node("MatMul", ["x" if i == 0 else f"t{i}", "w"], [f"t{i + 1}" if i < 9999 else "y"]) for i in range(10000)]
case("layers_10000", {"m.onnx": model(layers, inputs=flat, inits=[("w", np.eye(4, dtype="float32"))])}, INSPECT, "accept")

# --- attributes and shapes -------------------------------------------------------------------------------------------
conv = lambda **a: ([node("Conv", ["x", "w"], ["y"], **a)], [("w", W)])  # noqa: E731
pool = lambda op="MaxPool", **a: ([node(op, ["x"], ["y"], **a)], [])  # noqa: E731
ints = lambda *v: np.array(v, dtype="int64")  # noqa: E731
one = lambda op, *consts, **a: ([node(op, ["x"] + [f"c{i}" for i in range(len(consts))], ["y"], **a)], [(f"c{i}", c) for i, c in enumerate(consts)])  # noqa: E731
made = lambda op, *consts, **a: ([node(op, [f"c{i}" for i in range(len(consts))], ["z"], **a), node("Add", ["x", "z"], ["y"])], [(f"c{i}", c) for i, c in enumerate(consts)])  # noqa: E731
f32 = lambda *s: np.ones(s, "float32")  # noqa: E731
for name, (nodes, inits) in {
    "conv_stride_0": conv(strides=[0, 0]), "conv_stride_negative": conv(strides=[-1, 1]), "conv_stride_huge": conv(strides=[2**62, 1], pads=[1] * 4),
    "conv_strides_3": conv(strides=[1, 1, 1]), "conv_dilation_0": conv(dilations=[0, 1]), "conv_dilation_huge": conv(dilations=[2**62, 2**62]),
    "conv_group_0": conv(group=0), "conv_group_2": conv(group=2), "conv_group_negative": conv(group=-1), "conv_group_huge": conv(group=2**62),
    "conv_kernel_other": conv(kernel_shape=[5, 5]), "conv_pads_3": conv(pads=[1, 1, 1]), "conv_pads_negative": conv(pads=[-9, -9, -9, -9]),
    "conv_pads_huge": conv(pads=[2**30] * 4), "conv_pads_overflow": conv(pads=[2**62] * 4), "conv_auto_pad": conv(auto_pad="SIDEWAYS"),
    "conv_attribute": conv(flavour=1), "conv_strides_type": conv(strides=1.5), "conv_empty_kernel": ([node("Conv", ["x", "w"], ["y"])], [("w", np.zeros((4, 3, 0, 0), "float32"))]),
    "pool_kernel_0": pool(kernel_shape=[0, 0]), "pool_kernel_huge": pool(kernel_shape=[2**31, 2**31]), "pool_kernel_none": pool(),
    "pool_kernel_negative": pool(kernel_shape=[-1, 2]), "pool_stride_0": pool(kernel_shape=[2, 2], strides=[0, 1]), "pool_pads_huge": pool(kernel_shape=[2, 2], pads=[2**40] * 4),
    "pool_average_pads": pool("AveragePool", kernel_shape=[2, 2], pads=[2**28] * 4), "pool_order": pool(kernel_shape=[2, 2], storage_order=7), "pool_ceil": pool(kernel_shape=[2, 2], ceil_mode=5),
    "reshape_zero": one("Reshape", ints(0, 0, 0, 0, 0)), "reshape_two_open": one("Reshape", ints(-1, -1)), "reshape_overflow": one("Reshape", ints(2**32, 2**32)),
    "reshape_other": one("Reshape", ints(5)), "reshape_negative": one("Reshape", ints(-2, 96)), "reshape_float": one("Reshape", f32(2)), "reshape_2d": one("Reshape", ints(1, 192).reshape(1, 2)),
    "constantofshape_huge": made("ConstantOfShape", ints(2**40)), "constantofshape_overflow": made("ConstantOfShape", ints(2**40, 2**40)), "constantofshape_negative": made("ConstantOfShape", ints(-1)),
    "concat_axis": ([node("Concat", ["x", "x"], ["y"], axis=9)], []), "concat_no_axis": ([node("Concat", ["x", "x"], ["y"])], []), "concat_ranks": ([node("Concat", ["x", "c"], ["y"], axis=1)], [("c", f32(3))]),
    "gather_index": one("Gather", ints(7), axis=0), "gather_negative": one("Gather", ints(-9), axis=0), "gather_axis": one("Gather", ints(0), axis=7), "gather_float": one("Gather", f32(1)),
    "slice_step_0": one("Slice", ints(0), ints(1), ints(0), ints(0)), "slice_axis": one("Slice", ints(0), ints(1), ints(9)), "slice_lengths": one("Slice", ints(0, 1), ints(1)),
    "split_sum": one("Split", ints(1, 1), axis=1), "split_negative": one("Split", ints(-1, 4), axis=1), "split_axis": one("Split", ints(3), axis=9),
    "div_zero": ([node("Div", ["a", "b"], ["q"]), node("Cast", ["q"], ["f"], to=1), node("Add", ["x", "f"], ["y"])], [("a", ints(1)), ("b", ints(0))]),
    "matmul_inner": one("MatMul", f32(7, 7)), "matmul_scalar": one("MatMul", np.array(2, "float32")), "gemm_rank": one("Gemm", f32(4, 4)), "gemm_inner": ([node("Flatten", ["x"], ["f"]), node("Gemm", ["f", "w"], ["y"])], [("w", f32(7, 7))]),
    "batchnorm_sizes": one("BatchNormalization", f32(3), f32(3), f32(3), f32(4)), "batchnorm_rank": one("BatchNormalization", f32(3, 1), f32(3), f32(3), f32(3)), "batchnorm_few": one("BatchNormalization", f32(3)),
    "transpose_perm": one("Transpose", perm=[0, 0, 1, 2]), "transpose_short": one("Transpose", perm=[0]), "transpose_range": one("Transpose", perm=[0, 1, 2, 9]),
    "softmax_axis": one("Softmax", axis=7), "flatten_axis": one("Flatten", axis=9), "squeeze_axes": one("Squeeze", ints(1)), "squeeze_range": one("Squeeze", ints(9)), "unsqueeze_range": one("Unsqueeze", ints(99)), "unsqueeze_twice": one("Unsqueeze", ints(0, 0)),
    "cast_999": one("Cast", to=999), "cast_none": one("Cast"), "cast_string": one("Cast", to=8), "reduce_axis": one("ReduceMean", axes=[9]), "clip_shape": one("Clip", f32(2)), "clip_type": one("Clip", ints(1)),
    "pad_count": one("Pad", ints(1, 1)), "pad_huge": one("Pad", ints(2**40, 0, 0, 0, 0, 0, 0, 0)), "pad_mode": one("Pad", ints(0, 0, 0, 0, 0, 0, 0, 0), mode="sideways"), "pad_negative": one("Pad", ints(0, 0, -9, 0, 0, 0, 0, 0)),
    "add_shapes": one("Add", f32(7)), "add_types": one("Add", ints(1)), "broadcast_huge": ([node("ConstantOfShape", ["s"], ["c"]), node("Add", ["c", "t"], ["d"]), node("Add", ["x", "d"], ["y"])], [("s", ints(20000, 1, 1, 1, 1)), ("t", np.zeros((20000, 1, 1, 1), "float32"))]),
    "fold_slow": ([node("ConstantOfShape", ["s"], ["a"]), node("MatMul", ["a", "a"], ["b"]), node("ReduceMean", ["b"], ["c"], keepdims=0), node("Add", ["x", "c"], ["y"])], [("s", ints(4000, 4000))]),
    "fold_bomb": ([node("ConstantOfShape", ["s"], ["t0"])] + [node("Concat", [f"t{i}"] * 10, [f"t{i + 1}"], axis=0) for i in range(12)] + [node("ReduceMean", ["t12"], ["c"], keepdims=0), node("Add", ["x", "c"], ["y"])], [("s", ints(10))]),
    "run_bomb": ([node("Flatten", ["x"], ["t0"])] + [node("Concat", [f"t{i}"] * 10, [f"t{i + 1}"], axis=1) for i in range(8)] + [node("Relu", ["t8"], ["y"])], []),
    "dropout_ratio": one("Dropout", f32(3)), "expand_reference": ([helper.make_node("Relu", ["x"], ["y"])], [("x2", f32(1))] * 2),
}.items():
    runs(f"shape_{name}", model(nodes, inits=inits))

# --- valid but odd: ONNX Runtime's numbers ---------------------------------------------------------------------------
bias = rng.normal(size=4).astype("float32")
two = [node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1]), node("Relu", ["c"], ["y"])]
both = [("w", W), ("b", bias)]
half = numpy_helper.from_array(W.astype("float16"), "h")
bf16 = helper.make_tensor("h", T.BFLOAT16, W.shape, W.ravel().tolist())
int8 = numpy_helper.from_array((W * 50).astype("int8"), "h")
int4 = helper.make_tensor("h", T.INT4, W.shape, np.clip(np.round(W * 3), -8, 7).astype("int8").ravel().tolist())
uint4 = helper.make_tensor("h", T.UINT4, W.shape, np.clip(np.round(W * 3) + 8, 0, 15).astype("uint8").ravel().tolist())
widened = [node("Cast", ["h"], ["w"], to=1), node("Conv", ["x", "w"], ["y"])]
odd_names = ["", "a/b\\c", "../../etc/passwd", "x" * 70000, "\x1b[31mred", "line\nbreak", "名前", "\u202eevil", "%s%n", "a b\t", "'\"`$(rm -rf)", "\0"]
for name, m in {
    "plain": model(two, inits=both),
    "unsorted": model(two[::-1], inits=both),
    "unused_node": model(two + [relu("c", "z")], inits=both),
    "unused_initializer": model(two, inits=both + [("z", W)]),
    "initializer_inputs": model(two, inputs=[info("x", T.FLOAT, [1, 3, 8, 8]), info("w", T.FLOAT, W.shape), info("b", T.FLOAT, [4])], inits=both, ir=3),
    "constant_weights": model([node("Constant", [], ["w"], value=numpy_helper.from_array(W)), node("Constant", [], ["b"], value_floats=bias.tolist())] + two),
    "identity_weights": model([node("Identity", ["w0"], ["w"]), node("Identity", ["w"], ["w1"]), node("Conv", ["x", "w1", "b"], ["y"])], inits=[("w0", W), ("b", bias)]),
    "output_is_input": model(two, outputs=[info("y", T.FLOAT, None), info("x", T.FLOAT, [1, 3, 8, 8])], inits=both),
    "output_is_initializer": model(two, outputs=[info("y", T.FLOAT, None), info("b", T.FLOAT, [4])], inits=both),
    "output_inside": model(two, outputs=[info("c", T.FLOAT, None), info("y", T.FLOAT, None)], inits=both),
    "empty_node_names": model([helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Sigmoid", ["a"], ["y"])]),
    "optional_left_out": model([node("Clip", ["x", "", "m"], ["y"])], inits=[("m", np.array(0.5, "float32"))]),
    "float16_weight": model(widened, inits=[half]), "bfloat16_weight": model(widened, inits=[bf16]), "int8_weight": model(widened, inits=[int8]),
    "int4_weight": model(widened, inits=[int4], opset=21, ir=10), "uint4_weight": model(widened, inits=[uint4], opset=21, ir=10),
    "float_data": model(two, inits=[helper.make_tensor("w", T.FLOAT, W.shape, W.ravel().tolist()), ("b", bias)]),
    "nan_weight": model([node("Conv", ["x", "w", "b"], ["c"]), node("Relu", ["c"], ["y"])], inits=[("w", np.where(W > 1.5, np.nan, W).astype("float32")), ("b", bias)]),
    "infinite_weight": model([node("Mul", ["x", "m"], ["y"])], inits=[("m", np.array([np.inf, -np.inf, np.nan, 0, -0.0, 1e-45, 3e38, 1], "float32"))]),
    "denormal": model([node("Mul", ["x", "m"], ["y"])], inits=[("m", np.full(8, 1e-40, "float32"))]),
    "declared_open": model(two, outputs=[info("y", T.FLOAT, ["a", "b", None, "d"])], inits=both),
    "domain_ai_onnx": model([helper.make_node("Relu", ["x"], ["y"], domain="ai.onnx")]),
    "value_info": model(two, inits=both),
    "doc_strings": model(two, inits=both, doc_string="\x1b[31m" + "d" * 100000, producer_name="\n"),
    "opset_7": model([node("Relu", ["x"], ["y"])], opset=7, ir=3), "opset_21": model(two, inits=both, opset=21, ir=10),
    "scalar_math": model([node("Add", ["x", "s"], ["y"])], inits=[("s", np.array(2, "float32"))]),
    "batch_of_none": model([node("Relu", ["x"], ["y"])], inputs=[info("x", T.FLOAT, [1, 3, 8, 8])]),
    "broadcast": model([node("Add", ["x", "s"], ["y"])], inits=[("s", rng.normal(size=(3, 1, 8)).astype("float32"))]),
    "int_min_over_minus_1": model([node("Div", ["a", "b"], ["q"]), node("Cast", ["q"], ["f"], to=1), node("Mul", ["x", "f"], ["y"])], inits=[("a", np.array([6], "int32")), ("b", np.array([-1], "int32"))]),
}.items():
    runs(f"odd_{name}", m, "accept")
for i, n in enumerate(odd_names[1:-1]):
    runs(f"odd_name_{i}", model([helper.make_node("Conv", ["x", n + "w"], [n + "y"], name=n)], outputs=[info(n + "y", T.FLOAT, None)], inits=[(n + "w", W)]), "accept")
m = model(two, inits=both)
runs("odd_unknown_fields", m + field(777, b"anything") + field(7, field(901, b"in the graph")) + varint(999 << 3) + varint(5), "accept")
zero = np.zeros((1, 0, 8, 8), "float32")
for name, nodes in {"relu": [relu("x", "y")], "concat": [node("Concat", ["x", "x"], ["y"], axis=1)], "add": [node("Add", ["x", "x"], ["y"])], "transpose": [node("Transpose", ["x"], ["y"])], "sigmoid": [node("Sigmoid", ["x"], ["y"])]}.items():
    runs(f"odd_zero_size_{name}", model(nodes, inputs=[info("x", T.FLOAT, [1, "C", 8, 8])]), "accept", x=zero)
blob = b"\1" * 100 + W.tobytes() + b"\2" * 52 + bias.tobytes()
shared = [external(("location", "data/all.bin"), ("offset", "100"), ("length", "432")), external(("location", "./data/../data/all.bin"), ("offset", "584"), dims=[4])]
shared[1].name = "b"
runs("odd_external_shared", model(two, inits=shared), "either", **{"data/all.bin": blob})
shared[1].external_data[0].value = "data/all.bin"
runs("odd_external_one_file", model(two, inits=shared), "accept", **{"data/all.bin": blob})
runs("odd_external_dots", model(two, inits=[external(("location", "..w..bin")), ("b", bias)]), "accept", **{"..w..bin": W.tobytes()})
t = external(("location", "w.bin"))
t.name = "w"
same = [t, external(("location", "w.bin"))]
same[1].name = "v"
runs("odd_external_same_bytes", model([node("Conv", ["x", "w"], ["a"]), node("Conv", ["x", "v"], ["b2"]), node("Add", ["a", "b2"], ["y"])], inits=same), "accept", **w_bin)

# --- arrays and tensor files -----------------------------------------------------------------------------------------


def header(descr="'<f4'", order="False", shape="(1, 3, 8, 8)", version=1, extra=""):
    d = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, {extra}}}".encode()
    d += b" " * (-(len(d) + 11) % 64) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + (struct.pack("<H", len(d)) if version == 1 else struct.pack("<I", len(d))) + d


data = X.tobytes()
for name, b in {
    "empty": b"", "magic": b"\x93NUMPY", "other": b"PK\3\4" + bytes(60), "cut_header": header()[:40], "cut": header() + data[:-1], "long": header() + data + b"\0",
    "version_9": header(version=1).replace(b"\x93NUMPY\x01", b"\x93NUMPY\x09", 1) + data, "negative": header(shape="(-1, 3, 8, 8)") + data, "overflow": header(shape="(4294967296, 4294967296)") + data,
    "large": header(shape=f"({2**40},)"), "pickle": header(descr="'|O'") + b"cos\nsystem\n(S'touch pwned'\ntR.", "structured": header(descr="[('a', '<f4')]") + data, "complex": header(descr="'<c8'") + data * 2,
    "big_endian": header(descr="'>f4'") + data, "fortran": header(order="True") + data, "unicode": header(descr="'<U4'") + data * 4, "datetime": header(descr="'<M8[s]'") + data * 2,
    "huge_header": b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b"{", "nested": b"\x93NUMPY\x01\x00" + struct.pack("<H", 60000) + b"(" * 60000, "code": header(shape="(__import__('os').system('touch pwned'),)") + data,
    "no_shape": b"\x93NUMPY\x01\x00" + struct.pack("<H", 20) + b"{'descr': '<f4'}   \n", "keys_twice": header(extra="'descr': '<f8', ") + data, "rank_99": header(shape="(" + "1, " * 99 + ")") + b"1234",
}.items():
    case(f"npy_{name}", {"m.onnx": GOOD, "x.npy": b}, RUN)
case("npy_type", {"m.onnx": GOOD, "x.npy": npy(X.astype("int64"))}, RUN, says="got INT64")
case("npy_shape", {"m.onnx": GOOD, "x.npy": npy(X[0])}, RUN)
case("npy_fifo", {"m.onnx": GOOD, "x.npy": fifo}, RUN, says="not a regular file")
case("npy_folder", {"m.onnx": GOOD, "x.npy": folder}, RUN, says="not a regular file")
for name, b in {"empty": b"", "random": rng.bytes(300), "model": GOOD, "huge": tensor(dims=[2**40], raw=b"").SerializeToString(), "cut": numpy_helper.from_array(X).SerializeToString()[:-5]}.items():
    case(f"pb_{name}", {"m.onnx": GOOD, "x.pb": b}, ["run", "m.onnx", "--input", "x=x.pb", "--out", "out"])

# --- data sets -------------------------------------------------------------------------------------------------------


def png(w=20, h=16, mode="RGB"):
    b = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (h, w, 3), dtype=np.uint8)).convert(mode).save(b, "PNG")
    return b.getvalue()


def jpg(**more):
    b = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (16, 20, 3), dtype=np.uint8)).save(b, "JPEG", **more)
    return b.getvalue()


classifier = model([node("Conv", ["x", "w"], ["c"]), node("Relu", ["c"], ["r"]), node("Conv", ["r", "v"], ["d"]), node("GlobalAveragePool", ["d"], ["p"]), node("Flatten", ["p"], ["y"])], inputs=[info("x", T.FLOAT, ["N", 3, 8, 8])],
                   outputs=[info("y", T.FLOAT, ["N", 4])], inits=[("w", W), ("v", rng.normal(size=(4, 4, 3, 3)).astype("float32"))])
PRE = ["--mean", "0", "--std", "255", "-q"]
TUNE = ["finetune", "m.onnx", "d", "-o", "out.onnx", "--epochs", "1"] + PRE
PREDICT = ["predict", "m.onnx", "p"] + PRE
BASE = {"m.onnx": classifier}


def npz(**arrays):
    b = io.BytesIO()
    np.savez(b, **arrays)
    return b.getvalue()


def zipped(files, **more):
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w", **more) as z:
        for k, v in files.items():
            z.writestr(k, v)
    return b.getvalue()


xs, ys = rng.integers(0, 255, (16, 8, 8, 3), dtype=np.uint8), np.arange(16) % 2
images = {f"d/{c}/{i}.png": png() for c in "ab" for i in range(1, 9)}
many = lambda first: {**images, **first}  # noqa: E731
for name, files, says in [
    ("empty", {"d": folder}, ""), ("missing", {}, "no such file"), ("fifo", {"d": fifo}, ""), ("one_class", {"d/a/1.png": png()}, "class"), ("no_images", {"d/a/x.txt": b"x", "d/b/x.txt": b"x"}, ""),
    ("corrupt", {**images, "d/b/2.png": b"\x89PNG\r\n\x1a\n" + bytes(99)}, "2.png"), ("cut", {**images, "d/b/2.png": png()[:-60]}, "2.png"), ("empty_image", {**images, "d/b/2.png": b""}, "2.png"),
    ("fifo_image", {**images, "d/b/2.png": fifo}, ""), ("link_out", {**images, "d/b/2.png": link("/etc/passwd")}, ""), ("hostile_name", {**images, "d/b/\x1b[31m\n.png": b"x"}, ""),
    ("loop", {**images, "d/b/self": link("..")}, None), ("deep", {"d/" + "a/" * 60 + "1.png": png()}, ""),
]:
    case(f"set_{name}", {**BASE, **files}, TUNE, "either" if says is None else "refuse", says or "", leaves=["out.onnx", "runs"])
for name, b in {
    "empty": b"", "random": rng.bytes(300), "no_y": npz(x=xs), "no_x": npz(y=ys), "lengths": npz(x=xs, y=ys[:5]), "types": npz(x=xs.astype("int32"), y=ys), "rank": npz(x=xs[0], y=ys), "one_class": npz(x=xs, y=ys * 0),
    "float_y": npz(x=xs, y=ys.astype("float32")), "nan": npz(x=np.full((16, 3, 8, 8), np.nan, "float32"), y=ys), "cut": npz(x=xs, y=ys)[:-40], "pickle": zipped({"x.npy": header(descr="'|O'"), "y.npy": npy(ys)}), "zip_in_zip": zipped({"a.zip": npz(x=xs, y=ys)}),
    "bomb": zipped({"x.npy": header(descr="'|u1'", shape="(30000, 100, 100, 3)") + bytes(10**8), "y.npy": npy(ys)}, compression=zipfile.ZIP_DEFLATED), "slip": zipped({"../../x.npy": npy(xs), "y.npy": npy(ys)}), "nothing": zipped({}),
}.items():
    case(f"npz_{name}", {**BASE, "d.npz": b}, ["finetune", "m.onnx", "d.npz"] + TUNE[3:], "either" if name in ("nan", "slip") else "refuse", leaves=["out.onnx", "runs"])
for name, text in {
    "empty": "", "no_header": "a/1.png,a\n", "columns": "path,label\na\n", "outside": "path,label\n../../etc/passwd,a\nd/a/1.png,b\n", "absolute": "path,label\n/etc/passwd,a\nd/a/1.png,b\n", "missing": "path,label\nnone.png,a\nd/a/1.png,b\n",
    "quotes": 'path,label\n"d/a/1.png,a\n', "nul": "path,label\nd/a/1.png\0,a\n", "binary": "\x89PNG\x00\x01", "long": "path,label\n" + "x" * 10**6 + ",a\n",
}.items():
    case(f"csv_{name}", {**BASE, **images, "d.csv": text.encode()}, ["finetune", "m.onnx", "d.csv"] + TUNE[3:], leaves=[])
idx_images = b"\0\0\x08\3" + struct.pack(">III", 8, 8, 8) + bytes(512)
idx_labels = b"\0\0\x08\1" + struct.pack(">I", 8) + bytes([0, 1] * 4)
for name, (a, b) in {
    "cut": (idx_images[:-1], idx_labels), "long": (idx_images + b"\0", idx_labels), "huge": (b"\0\0\x08\3" + b"\xff" * 12, idx_labels), "lengths": (idx_images, idx_labels[:-1]), "magic": (b"\1" + idx_images[1:], idx_labels),
    "rank": (b"\0\0\x08\x09" + idx_images[4:], idx_labels), "type": (b"\0\0\x0d\3" + idx_images[4:], idx_labels), "empty": (b"", idx_labels), "no_labels": (idx_images, None), "gzip_cut": (b"\x1f\x8b\x08\0\0\0\0\0\0\3abc", idx_labels),
}.items():
    case(f"idx_{name}", {**BASE, "d/train-images-idx3-ubyte": a, **({} if b is None else {"d/train-labels-idx1-ubyte": b})}, TUNE)
case("zip_slip", {**BASE, "d.zip": zipped(many({"../../pwned/a/1.png": png()}))}, ["finetune", "m.onnx", "d.zip"] + TUNE[3:], "either", leaves=["out.onnx", "runs"])
case("zip_bomb", {**BASE, "d.zip": zipped(many({"d/a/1.png": bytes(5 * 10**8)}), compression=zipfile.ZIP_DEFLATED)}, ["finetune", "m.onnx", "d.zip"] + TUNE[3:])
case("zip_cut", {**BASE, "d.zip": zipped(images)[:-30]}, ["finetune", "m.onnx", "d.zip"] + TUNE[3:])

# --- pictures --------------------------------------------------------------------------------------------------------


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def rawpng(w, h, bits=8, colour=2, body=b"", extra=b""):
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, bits, colour, 0, 0, 0)) + extra + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def riff(*chunks):
    body = b"WEBP" + b"".join(k + struct.pack("<I", len(c)) + c + b"\0" * (len(c) % 2) for k, c in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def vp8l(w, h):
    return b"\x2f" + struct.pack("<I", (w - 1) | (h - 1) << 14) + b"\x88\x88\x08"


pic = jpg()
for name, b, says in [
    ("text", b"hello", "not a"), ("svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a"), ("tiff", b"II*\0" + bytes(60), "not a"), ("heic", b"\0\0\0\x18ftypheic" + bytes(60), "not a"),
    ("png_bomb", rawpng(60000, 60000), "60000x60000"), ("png_wide", rawpng(2**31 - 1, 1), ""), ("png_zero", rawpng(0, 5), ""), ("png_forged", rawpng(9000, 9000), ""), ("png_cut", png()[:60], ""), ("png_crc", png()[:-30] + bytes(30), ""),
    ("png_palette_none", rawpng(4, 4, 8, 3, bytes(20)), ""), ("png_depth", rawpng(4, 4, 7, 2, bytes(60)), ""),
    ("gif_bomb", b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\0\0\0" + b"\x2c\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x4c\x01\0\x3b", "65535x65535"), ("gif_cut", b"GIF89a" + struct.pack("<HH", 5, 5), ""), ("gif_frame_outside", b"GIF89a" + struct.pack("<HH", 2, 2) + b"\x80\0\0" + bytes(6) + b"\x2c\5\0\5\0\2\0\2\0\0\2\2\x4c\1\0\x3b", ""),
    ("bmp_bomb", b"BM" + struct.pack("<IHHI", 60, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 60000, 60000, 1, 24, 0, 0, 0, 0, 0, 0), ""), ("bmp_negative", b"BM" + struct.pack("<IHHI", 60, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, -5, 5, 1, 24, 0, 0, 0, 0, 0, 0), ""), ("bmp_cut", b"BM" + bytes(10), ""),
    ("jpeg_cut", pic[:200], ""), ("jpeg_header", pic[:4], ""), ("jpeg_zero_height", pic.replace(b"\x00\x11\x08\x00\x10", b"\x00\x11\x08\x00\x00", 1), ""), ("jpeg_bomb", pic.replace(b"\x00\x11\x08\x00\x10\x00\x14", b"\x00\x11\x08\xff\xff\xff\xff", 1), "65535x65535"),
    ("jpeg_many_segments", b"\xff\xd8" + b"\xff\xe1\x00\x02" * 100000, ""),
    ("webp_bomb", riff((b"VP8L", vp8l(16384, 16384))), "16384x16384"), ("webp_liar", riff((b"VP8X", bytes([0, 0, 0, 0, 7, 0, 0, 7, 0, 0])), (b"VP8L", vp8l(16384, 16384))), ""), ("webp_cut", riff((b"VP8 ", bytes(5))), ""), ("webp_empty", b"RIFF\4\0\0\0WEBP", ""),
    ("webp_animated", riff((b"VP8X", bytes([2, 0, 0, 0, 7, 0, 0, 7, 0, 0])), (b"ANIM", bytes(6)), (b"ANMF", bytes(20))), "animated"),
]:
    case(f"picture_{name}", {**BASE, "p": b}, PREDICT, says=says)


def exif(*entries, order="<", first=8):
    e = struct.pack(order + "H", len(entries)) + b"".join(struct.pack(order + "HHIHH", tag, kind, count, value, 0) for tag, kind, count, value in entries)
    return b"Exif\0\0" + (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", first) + e


def app1(body):
    return pic[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + pic[2:]


for name, b in {
    "exif_offset": app1(exif((0x112, 3, 1, 6), first=2**32 - 1)), "exif_count": app1(exif((0x112, 3, 2**32 - 1, 6))), "exif_entries": app1(b"Exif\0\0II*\0\x08\0\0\0\xff\xff"), "exif_self": app1(exif((0x8769, 4, 1, 8), (0x112, 3, 1, 3))), "exif_99": app1(exif((0x112, 3, 1, 99))),
    "exif_0": app1(exif((0x112, 3, 1, 0))), "exif_empty": app1(b"Exif\0\0"), "exif_twice": app1(exif((0x112, 3, 1, 3), (0x112, 3, 1, 6))), "wrong_extension": png(), "gray": png(mode="L"), "palette": png(mode="P"), "alpha": png(mode="RGBA"), "one_bit": png(mode="1"),
    "png_text": rawpng(4, 4, 8, 0, bytes(20), chunk(b"tEXt", b"Raw profile type exif\0\nexif\n9\nzz")), "xmp": app1(b"http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation='9'/>"), "animated_png": rawpng(4, 4, 8, 0, bytes(20), chunk(b"acTL", struct.pack(">II", 2**31, 0))),
}.items():
    case(f"picture_{name}", {**BASE, "p.jpg": b}, ["predict", "m.onnx", "p.jpg"] + PRE, "accept")
case("picture_name", {**BASE, "d/\x1b[31m\u202e\n.png": b"x"}, ["predict", "m.onnx", "d"] + PRE)

# --- check files -----------------------------------------------------------------------------------------------------
laugh = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [" + ",".join([f"*{chr(97 + i)}"] * 9) + "]\n" for i in range(9))
for name, text in {
    "empty": "", "binary": "\x89\x00\x01", "tabs": "model:\tm.onnx\n\t- x", "deep": "[" * 100000, "deep_map": "{a: " * 100000, "bomb": laugh + "metadata: *j\n", "self": "model: &m [*m]", "documents": "model: m.onnx\n---\nmodel: m.onnx", "unknown": "modell: m.onnx",
    "tag": "model: !!python/object/apply:os.system ['touch pwned']", "huge_seed": "model: m.onnx\ncases: [{name: a, inputs: {x: {seed: 1, shape: [99999999, 99999999]}}, outputs: {y: {shape: [1]}}}]", "merge": "model: m.onnx\n<<: 5",
}.items():
    case(f"yaml_{name}", {"m.onnx": GOOD, "c.check.yaml": text.encode("utf-8", "surrogateescape")}, ["check", "c.check.yaml"], says="check: 1 of 1 tests failed")
for name, path in {"outside": "../m.onnx", "absolute": "/etc/passwd", "link": "link.onnx", "fifo": "pipe.onnx", "folder": "."}.items():
    case(f"yaml_{name}", {"m.onnx": GOOD, "pipe.onnx": fifo, "link.onnx": link("/etc/passwd"), "c.check.yaml": f"model: {path}\n".encode()}, ["check", "c.check.yaml"], says="check: 1 of 1 tests failed")
case("check_loop", {"d/self": link("."), "d/m.onnx": GOOD}, ["check", "d"], says="holds neither")

print(cases, "cases")
