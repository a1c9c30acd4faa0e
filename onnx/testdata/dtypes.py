"""Write dtypes.onnx and dtypes.json: a tensor of every data type, in raw_data and in the typed field, with its values.

    python dtypes.py            (numpy 2.4.6, onnx 1.23.2, ml_dtypes 0.6.0)

The values hold each type's extremes, so that a wrong sign, width or byte order
shows. "rounding" pairs float32 bits with the float16 and bfloat16 bits numpy and
ml_dtypes round them to.
"""
import json

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

inf, nan = float("inf"), float("nan")
FLOATS = [0.0, -0.0, 1.0, -1.5, inf, -inf, nan]
TYPES = {
    "FLOAT": (np.float32, FLOATS + [3.4028235e38, 1e-45, 1.1754944e-38]),
    "DOUBLE": (np.float64, FLOATS + [1.7976931348623157e308, 5e-324, 0.1]),
    "FLOAT16": (np.float16, FLOATS + [65504.0, 6e-8, 6.104e-05]),
    "BFLOAT16": (ml_dtypes.bfloat16, FLOATS + [3.3895314e38, 9.2e-41, 1.1754944e-38]),
    "BOOL": (np.bool_, [True, False, True, True]),
    **{
        t.__name__.upper(): (t, [0, 1, np.iinfo(t).min, np.iinfo(t).max, 100])
        for t in (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64)
    },
    # several of these share a byte: an odd number of them leaves bits over
    "UINT4": (ml_dtypes.uint4, [0, 15, 1, 8, 9]),
    "INT4": (ml_dtypes.int4, [0, 7, -8, -1, 3]),
    "UINT2": (ml_dtypes.uint2, [0, 3, 1, 2, 3]),
    "INT2": (ml_dtypes.int2, [0, 1, -2, -1, 1]),
}
# Types of the standard that a graft Tensor does not hold; Check accepts them.
OTHERS = ["COMPLEX64", "COMPLEX128", "FLOAT8E4M3FN", "FLOAT8E5M2", "FLOAT4E2M1"]

tensors, values = [], {}


def text(v):
    if isinstance(v, (float, np.floating, ml_dtypes.bfloat16)):
        return float(v).hex()
    return str(int(v))


for name, (dtype, vals) in TYPES.items():
    array = np.array(vals, dtype=dtype)
    kind = getattr(TensorProto, name)
    raw = numpy_helper.from_array(array, f"{name}/raw")
    assert raw.HasField("raw_data") and raw.data_type == kind
    typed = helper.make_tensor(f"{name}/typed", kind, array.shape, array)
    assert not typed.HasField("raw_data")
    tensors += [raw, typed]
    values[name] = [text(v) for v in array]

strings = ["", "plain", "Grüße, 世界"]
tensors.append(helper.make_tensor("STRING/typed", TensorProto.STRING, [3], [s.encode() for s in strings]))
values["STRING"] = strings

for name in OTHERS:
    kind = getattr(TensorProto, name)
    tensors.append(helper.make_tensor(f"{name}/typed", kind, [3], [0, 1, 1]))
    array = numpy_helper.to_array(tensors[-1])
    tensors.append(numpy_helper.from_array(array, f"{name}/raw"))

rng = np.random.default_rng(1)
bits = rng.integers(0, 2**32, 300, dtype=np.uint32)
near_half = rng.uniform(-70000, 70000, 300).astype(np.float32).view(np.uint32)
tiny = (rng.uniform(-1, 1, 300) * 2.0**-13).astype(np.float32).view(np.uint32)
f32 = np.concatenate([bits, near_half, tiny]).view(np.float32)
f32 = f32[~np.isnan(f32)]
with np.errstate(over="ignore"):
    f16 = f32.astype(np.float16).view(np.uint16)
bf16 = f32.astype(ml_dtypes.bfloat16).view(np.uint16)
rounding = [[int(a), int(b), int(c)] for a, b, c in zip(f32.view(np.uint32), f16, bf16)]

x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N"])
y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N"])
graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "dtypes", [x], [y], tensors)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=13)
onnx.checker.check_model(model, full_check=True)
onnx.save(model, "dtypes.onnx")
with open("dtypes.json", "w") as f:
    f.write('{"values": {\n' + ",\n".join(f'"{k}": {json.dumps(v, ensure_ascii=False)}' for k, v in values.items()))
    f.write('},\n"rounding": ' + json.dumps(rounding, separators=(",", ":")) + "}\n")
