"""Write schema.txt: every enum value and field of the ONNX format, as the onnx package (1.23.2) declares them.

    python schema.py > schema.txt
"""
import onnx
from google.protobuf.descriptor import FieldDescriptor as Field

KIND = {getattr(Field, k): k[5:].lower() for k in dir(Field) if k.startswith("TYPE_")}


def enum(e):
    name = e.full_name.removeprefix("onnx.")
    return [f"{name} {v.name} = {v.number}" for v in e.values]


def message(m):
    name = m.full_name.removeprefix("onnx.")
    lines = []
    for f in m.fields:
        target = f.message_type or f.enum_type
        kind = target.full_name.removeprefix("onnx.") if target else KIND[f.type]
        label = "repeated" if f.is_repeated else "optional"
        oneof = f" oneof {f.containing_oneof.name}" if f.containing_oneof else ""
        packed = " packed" if f.is_packed else ""
        lines.append(f"{name} {f.name} = {f.number} {label} {kind}{oneof}{packed}")
    for e in m.enum_types:
        lines += enum(e)
    for n in m.nested_types:
        lines += message(n)
    return lines


file = onnx.ModelProto.DESCRIPTOR.file
lines = []
for e in file.enum_types_by_name.values():
    lines += enum(e)
for m in file.message_types_by_name.values():
    lines += message(m)
print("\n".join(sorted(lines)))
