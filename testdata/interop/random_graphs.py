"""Differential fuzz: small random graphs, computed by graft and by ONNX Runtime.

Run: python random_graphs.py GRAFT WORKDIR [COUNT [SEED]]
with numpy, onnx and onnxruntime. It ends with the line "N passed, N failed".

Each graph is a test folder of the standard's layout: 1 to 14 nodes of random operators, attributes, shapes, types and
opset, over values that are drawn or computed; every value may be read again, and some are outputs. Weights come as
initializers, Constant nodes or inputs with a value, in any order, under any name. A node is kept where ONNX Runtime
computes it and its numbers are neither huge nor empty; operators that jump (Floor, ArgMax, Greater) read values that
are free of rounding. One run of graft check compares all of them, at |got-want| <= 1e-4 + 1e-3 |want|. What graft says
that it lacks is counted and listed; a difference is printed with the seed that makes it again: COUNT 1, that SEED.
"""

import collections
import json
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

ort.set_default_logger_severity(4)
OPTIONS = ort.SessionOptions()
OPTIONS.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
OPTIONS.intra_op_num_threads = OPTIONS.inter_op_num_threads = 1
IR = {7: 3, 8: 3, 9: 4, 10: 5, 11: 6, 12: 7, 13: 7, 14: 7, 15: 8, 16: 8, 17: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10}
NAMES = ["v{}", "a/b.{}", "Größe {}", "{}", "x\n{}", "../{}", "c:{}", "'{}'", "{} "]
LARGEST, ELEMENTS = 50, 20000


def compute(nodes, given, want, opset, initializers=()):
    """What ONNX Runtime makes of nodes; None where it refuses them."""
    inputs = [helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for k, v in given.items()]
    graph = helper.make_graph(nodes, "random", inputs, [helper.make_empty_tensor_value_info(w) for w in want], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=IR[opset])
    try:
        return model, ort.InferenceSession(model.SerializeToString(), OPTIONS, providers=["CPUExecutionProvider"]).run(want, given)
    except Exception:  # noqa: BLE001 what it cannot run is no test
        return model, None


class Graph:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.opset = int(self.rng.choice([7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21]))
        self.name = NAMES[self.rng.integers(len(NAMES))] if self.rng.random() < 0.3 else "v{}"
        self.values, self.exact, self.constants, self.nodes, self.inputs = {}, set(), {}, [], {}
        for _ in range(self.below(2) + 1):
            shape = self.shape()
            self.inputs[self.fresh()] = x = self.draw(shape)
            self.values[self.last] = x
            self.exact.add(self.last)

    # What is drawn.

    def below(self, n):
        return int(self.rng.integers(n))

    def maybe(self, p=0.5):
        return self.rng.random() < p

    def pick(self, items):
        return items[self.below(len(items))]

    def fresh(self):
        self.last = self.name.format(len(self.values) + len(self.constants))
        return self.last

    def shape(self):
        rank = self.pick([1, 2, 2, 3, 4, 4, 4, 4, 5])
        return [1 + self.below(3 if i == 0 else 6 if rank < 4 else 9 if i > 1 else 5) for i in range(rank)]

    def draw(self, shape):
        return self.rng.standard_normal(shape).astype(np.float32)

    def value(self, rank=None, kind="f", exact=False, least=0):
        """The name of a value, more often a late one; None where none fits."""
        fit = [n for n, v in self.values.items() if v.dtype.kind == kind and (rank is None or v.ndim in rank) and v.ndim >= least and (not exact or n in self.exact)]
        return fit[max(self.below(len(fit)), self.below(len(fit)))] if fit else None

    def constant(self, x, dtype=np.float32):
        self.constants[self.fresh()] = np.asarray(x, dtype)
        return self.last

    def ints(self, *x):
        return self.constant(x, np.int64)

    def array(self, name):
        return self.values[name] if name in self.values else self.constants[name]

    # Building.

    def add(self, op, inputs, outputs=1, exact=False, **attributes):
        """Appends a node, unless ONNX Runtime refuses it or its numbers are of no use."""
        if any(i is None for i in inputs):
            return
        names = []
        for _ in range(outputs):
            names.append(self.name.format(len(self.values) + len(self.constants) + len(names)))
        node = helper.make_node(op, inputs, names, **attributes)
        given = {i: self.array(i) for i in inputs if i}
        fixed = [numpy_helper.from_array(v, k) for k, v in given.items() if k in self.constants]
        _, got = compute([node], {k: v for k, v in given.items() if k in self.values}, names, self.opset, fixed)
        if got is None or any(not isinstance(g, np.ndarray) or g.size == 0 or g.size > ELEMENTS or g.ndim > 6 or
                              g.dtype.kind == "f" and not (np.abs(g) <= LARGEST).all() for g in got):
            return
        self.nodes.append(node)
        for n, g in zip(names, got):
            self.values[n] = g
            if exact and all(not i or i in self.constants or i in self.exact for i in inputs):
                self.exact.add(n)

    def axes(self, op, x, axes, exact=False, since=13, **attributes):
        """A node whose axes are an attribute before opset since, an input from then on."""
        if self.opset < since:
            self.add(op, [x], exact=exact, axes=axes, **attributes)
        else:
            self.add(op, [x, self.ints(*axes)], exact=exact, **attributes)

    def node(self):
        kind = self.pick([self.pointwise] * 3 + [self.binary] * 3 + [self.conv] * 3 + [self.pool] * 2 +
                         [self.normal] * 2 + [self.product] * 2 + [self.reduce] * 2 + [self.move] * 3 + [self.index] * 2 + [self.jump, self.decide])
        kind()

    def pointwise(self):
        x = self.value()
        a = round(float(self.rng.uniform(0.05, 1.5)), 3)
        self.add(*self.pick([
            ("Relu", [x], 1, True), ("Sigmoid", [x]), ("Tanh", [x]), ("Erf", [x]), ("Softplus", [x]), ("Softsign", [x]), ("Exp", [x]), ("Sin", [x]), ("Cos", [x]),
            ("Abs", [x], 1, True), ("Neg", [x], 1, True), ("Selu", [x]), ("HardSwish", [x]), ("Mish", [x]), ("Reciprocal", [x]), ("Log", [x]), ("Sqrt", [x]), ("Tan", [x]),
            ("Identity", [x], 1, True), ("Dropout", [x], 1, True)]))
        if self.maybe():
            self.add(self.pick(["LeakyRelu", "Elu", "Celu", "ThresholdedRelu"][:4 if self.opset >= 10 else 3]), [x], alpha=a)
        elif self.maybe():
            self.add("HardSigmoid", [x], alpha=a, beta=0.4)
        elif self.maybe():
            self.add("Gelu", [x], approximate=self.pick(["none", "tanh"]))
        elif self.maybe():
            self.add("Shrink", [x], bias=0.1, lambd=a)
        elif self.opset < 11:
            self.add("Clip", [x], exact=True, min=-a, max=1.5 * a)
        else:
            self.add("Clip", [x, self.pick(["", self.constant(-a)]), self.constant(1.5 * a)], exact=True)

    def binary(self):
        x = self.value()
        if x is None:
            return
        v = self.values[x]
        y = self.value() if self.maybe(0.6) else None
        if y is None or self.maybe(0.3):  # one that broadcasts
            shape = [d if self.maybe() else 1 for d in v.shape][self.below(v.ndim + 1):]
            y = self.constant(self.draw(shape))
        op = self.pick(["Add", "Sub", "Mul", "Div", "Max", "Min", "Mean", "Sum", "PRelu", "Pow"])
        slope = self.array(y).shape
        if op == "PRelu" and (len(slope) > v.ndim or any(a not in (1, b) for a, b in zip(slope[::-1], v.shape[::-1]))):
            op = "Add"  # the standard stretches slopes alone, ONNX Runtime both
        both = [x, y] if self.maybe() or op in ("PRelu", "Pow") else [y, x]
        if op == "Pow":
            both[1] = self.constant(self.pick([2, 3, 1, 0.5]))
        self.add(op, both + ([x] if op in ("Max", "Sum") and self.maybe(0.3) else []), exact=op in ("Max", "Min"))

    def conv(self):
        x = self.value(rank=[3, 4, 5])
        if x is None:
            return
        n, c, *size = self.values[x].shape
        group = self.pick([1, 1, c] + [g for g in (2, 3) if c % g == 0])
        kernel = [1 + self.below(min(4, s)) for s in size]
        wide = dict(strides=[1 + self.below(3) for _ in size], dilations=[1 + self.below(2) for _ in size])
        if self.maybe(0.2):
            wide["auto_pad"] = self.pick(["SAME_UPPER", "SAME_LOWER", "VALID"])
            wide["dilations"] = [1 for _ in size]
        elif self.maybe():
            wide["pads"] = [self.below(k + 1) for k in kernel * 2]
        m = group * (1 + self.below(9))
        w = self.constant(self.draw([m, c // group, *kernel]) / np.sqrt(c // group * np.prod(kernel)))
        self.add("Conv", [x, w] + ([self.constant(self.draw([m]))] if self.maybe() else []), group=group, **wide)

    def pool(self):
        x = self.value(rank=[3, 4, 5])
        if x is None:
            return
        size = self.values[x].shape[2:]
        op = self.pick(["MaxPool", "MaxPool", "AveragePool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"])
        if op[0] == "G":
            return self.add(op, [x], exact="Max" in op)
        kernel = [1 + self.below(min(3, s)) for s in size]
        more = dict(kernel_shape=kernel, strides=[1 + self.below(3) for _ in size])
        if self.maybe(0.2):
            more["auto_pad"] = self.pick(["SAME_UPPER", "SAME_LOWER", "VALID"])
        elif self.maybe():
            more["pads"] = [self.below(k) for k in kernel * 2]
        if self.opset >= 10 and self.maybe(0.4) and "auto_pad" not in more:
            more["ceil_mode"] = 1
        if op == "AveragePool":
            more["count_include_pad"] = self.below(2)
        elif self.opset >= 10 and self.maybe(0.3) and "auto_pad" not in more:
            more["dilations"] = [1 + self.below(2) for _ in size]
        pads, reach = more.get("pads", [0] * 2 * len(size)), [(k - 1) * d + 1 for k, d in zip(kernel, more.get("dilations", [1] * len(size)))]
        if not more.get("ceil_mode") and any(s + a + b < r for s, a, b, r in zip(size, pads, pads[len(size):], reach)):
            return None  # the standard rounds down to no window at all, ONNX Runtime towards zero to one
        self.add(op, [x], exact=op == "MaxPool", **more)

    def normal(self):
        x = self.value(least=2)
        if x is None:
            return
        shape = self.values[x].shape
        c = shape[1]
        per = lambda n: self.constant(self.draw(n))  # noqa: E731
        op = self.pick(["BatchNormalization", "InstanceNormalization", "Softmax", "LogSoftmax"] +
                       ["LayerNormalization"] * (self.opset >= 17) + ["GroupNormalization"] * (self.opset >= 18))
        if op == "BatchNormalization":
            self.add(op, [x, per(c), per(c), per(c), self.constant(self.rng.uniform(0.2, 2, c))], epsilon=self.pick([1e-5, 1e-3]))
        elif op == "InstanceNormalization":
            self.add(op, [x, per(c), per(c)], epsilon=1e-3)
        elif op == "LayerNormalization":
            axis = self.below(len(shape))
            self.add(op, [x, per(shape[axis:]), per(shape[axis:])][:self.pick([2, 3])], axis=self.pick([axis, axis - len(shape)]), epsilon=1e-3)
        elif op == "GroupNormalization":
            groups = self.pick([g for g in range(1, c + 1) if c % g == 0])
            n = c if self.opset >= 21 else groups
            self.add(op, [x, per(n), per(n)], num_groups=groups, epsilon=1e-3)
        else:
            self.add(op, [x], axis=self.below(len(shape)) - (len(shape) if self.opset >= 11 and self.maybe() else 0))

    def product(self):
        if self.maybe():
            x = self.value(rank=[2])
            if x is None:
                return
            a, b = self.below(2), self.below(2)
            k, n = self.values[x].shape[0 if a else 1], 1 + self.below(7)
            w = self.constant(self.draw([n, k] if b else [k, n]) / np.sqrt(k))
            bias = [self.constant(self.draw(self.pick([[n], [1, n], [1], []])))] if self.maybe() or self.opset < 11 else []
            return self.add("Gemm", [x, w] + bias, transA=a, transB=b, alpha=self.pick([1.0, 0.5]), beta=self.pick([1.0, 2.0]))
        x = self.value(least=1)
        if x is None:
            return
        k = self.values[x].shape[-1]
        self.add("MatMul", [x, self.constant(self.draw(self.pick([[k, 1 + self.below(9)], [k], [1, k, 3]])) / np.sqrt(k))])

    def reduce(self):
        x = self.value(least=1)
        if x is None:
            return
        rank = self.values[x].ndim
        axes = sorted(self.rng.choice(rank, 1 + self.below(rank), replace=False).tolist())
        if self.opset >= 11 and self.maybe(0.3):
            axes = [a - rank for a in axes]
        op = self.pick(["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp", "ReduceLogSum", "ReduceProd"])
        self.axes(op, x, axes, exact=op in ("ReduceMax", "ReduceMin"), since=13 if op == "ReduceSum" else 18, keepdims=self.below(2))

    def move(self):
        x = self.value(least=1)
        if x is None:
            return
        v = self.values[x]
        rank, axis = v.ndim, self.below(v.ndim)
        what = self.pick(["Transpose", "Reshape", "Flatten", "Concat", "Split", "Slice", "Pad", "Expand", "Tile", "Squeeze", "Unsqueeze", "DepthToSpace", "SpaceToDepth", "Trilu"])
        if what == "Transpose":
            self.add(what, [x], exact=True, perm=self.rng.permutation(rank).tolist())
        elif what == "Reshape":
            parts = [d for d in range(1, v.size + 1) if v.size % d == 0]
            a = self.pick(parts)
            self.add(what, [x, self.ints(*self.pick([[a, -1], [-1], [0] * rank, [0, -1], [1, a, v.size // a]]))], exact=True)
        elif what == "Flatten":
            self.add(what, [x], exact=True, axis=self.below(rank + 1))
        elif what == "Concat":
            y = self.pick([n for n, w in self.values.items() if w.dtype == v.dtype and w.ndim == rank and all(p == q for i, (p, q) in enumerate(zip(w.shape, v.shape)) if i != axis)])
            self.add(what, [x, y] + ([x] if self.maybe(0.3) else []), exact=True, axis=axis)
        elif what == "Split" and v.shape[axis] > 1:
            at = 1 + self.below(v.shape[axis] - 1)
            parts = [at, v.shape[axis] - at]
            if self.opset < 13:
                self.add(what, [x], 2, exact=True, axis=axis, split=parts)
            else:
                self.add(what, [x, self.ints(*parts)], 2, exact=True, axis=axis)
        elif what == "Slice":
            start, end = sorted(self.rng.integers(-1, v.shape[axis] + 1, 2).tolist())
            if self.opset < 10:
                self.add(what, [x], exact=True, starts=[start], ends=[end], axes=[axis])
            elif self.maybe(0.3):
                self.add(what, [x, self.ints(end), self.ints(-100), self.ints(axis - rank), self.ints(-1 - self.below(2))], exact=True)
            else:
                self.add(what, [x, self.ints(start), self.ints(end), self.ints(axis), self.ints(1 + self.below(2))], exact=True)
        elif what == "Pad":
            mode = self.pick(["constant", "reflect", "edge"])
            pads = [self.below(min(3, d)) for d in v.shape] + [self.below(min(3, d)) for d in v.shape]
            if self.opset < 11:
                self.add(what, [x], exact=True, mode=mode, pads=pads)
            else:
                self.add(what, [x, self.ints(*pads)] + ([self.constant(0.5)] if mode == "constant" and self.maybe() else []), exact=True, mode=mode)
        elif what == "Expand":
            self.add(what, [x, self.ints(*([2] + [1] * rank))], exact=True)
        elif what == "Tile":
            self.add(what, [x, self.ints(*[1 + self.below(2) for _ in range(rank)])], exact=True)
        elif what == "Squeeze" and 1 in v.shape:
            self.axes(what, x, [v.shape.index(1)], exact=True)
        elif what == "Unsqueeze":
            self.axes(what, x, [self.below(rank + 1)], exact=True)
        elif what == "Trilu" and rank > 1:
            self.add(what, [x, self.constant(self.below(3) - 1, np.int64)], exact=True, upper=self.below(2))
        elif what == "DepthToSpace":
            self.add(what, [x], exact=True, blocksize=2, **({"mode": self.pick(["DCR", "CRD"])} if self.opset >= 11 else {}))
        elif what == "SpaceToDepth":
            self.add(what, [x], exact=True, blocksize=2)

    def index(self):
        x = self.value(least=1)
        if x is None:
            return
        v = self.values[x]
        axis = self.below(v.ndim)
        n = v.shape[axis]
        some = lambda shape: self.constant(self.rng.integers(-n if self.opset >= 11 else 0, n, shape), self.pick([np.int64, np.int32]))  # noqa: E731
        what = self.pick(["Gather", "GatherElements", "GatherND", "ScatterElements", "ScatterND", "CumSum", "OneHot", "Shape"])
        if what == "Gather":
            self.add(what, [x, some(self.pick([[], [2], [2, 2]]))], exact=True, axis=axis)
        elif what == "GatherElements":
            self.add(what, [x, some([max(1, d - 1) if i != axis else 2 for i, d in enumerate(v.shape)])], exact=True, axis=axis)
        elif what == "GatherND":
            self.add(what, [x, self.constant([[self.below(v.shape[0])] for _ in range(3)], np.int64)], exact=True)
        elif what == "ScatterElements":
            at = np.stack([self.rng.permutation(n)[:1]] * 1).reshape([1] * v.ndim)
            self.add(what, [x, self.constant(at, np.int64), self.constant(self.draw(at.shape))], exact=True, axis=axis)
        elif what == "ScatterND":
            rows = self.rng.permutation(v.shape[0])[:2].reshape(-1, 1)
            self.add(what, [x, self.constant(rows, np.int64), self.constant(self.draw([len(rows), *v.shape[1:]]))], exact=True)
        elif what == "CumSum":
            self.add(what, [x, self.constant(axis, np.int64)], exclusive=self.below(2), reverse=self.below(2))
        elif what == "OneHot":
            self.add(what, [self.constant(self.rng.integers(0, 4, [3]), np.int64), self.constant(4, np.int64), self.constant([0, 2.5])], exact=True, axis=self.pick([-1, 0]))
        else:  # a shape as numbers
            self.add("Shape", [x], exact=True)
            if self.maybe():
                self.add("Cast", [self.value(kind="i")], exact=True, to=TensorProto.FLOAT)

    def jump(self):
        """Operators that tell apart what is near."""
        x = self.value(exact=True, least=1)
        if x is None:
            return
        v = self.values[x]
        axis = self.below(v.ndim)
        what = self.pick(["Floor", "Ceil", "Round", "Sign", "ArgMax", "ArgMin", "TopK", "Hardmax", "Cast", "IsNaN"])
        if what in ("ArgMax", "ArgMin"):
            self.add(what, [x], exact=True, axis=axis, keepdims=self.below(2))
        elif what == "TopK" and self.opset >= 10 and len(set(v.ravel().tolist())) == v.size:
            self.add(what, [x, self.ints(1 + self.below(v.shape[axis]))], 2, exact=True, axis=axis, **({"largest": self.below(2)} if self.opset >= 11 else {}))
        elif what == "Cast":
            self.add(what, [x], exact=True, to=self.pick([TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL, TensorProto.DOUBLE, TensorProto.FLOAT16]))
        elif what == "Hardmax":
            self.add(what, [x], exact=True, axis=axis)
        elif what != "TopK":
            self.add(what, [x], exact=True)

    def decide(self):
        x, y = self.value(exact=True), self.value(exact=True)
        if x is None:
            return
        before = len(self.nodes)
        self.add(self.pick(["Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Equal"]), [x, self.pick([y, self.constant(0.1)])], exact=True)
        if len(self.nodes) > before:
            mask = self.nodes[-1].output[0]
            self.add(self.pick(["Not", "Where", "Where", "And"]), self.pick([[mask, x, self.constant(0.0)], [mask], [mask, mask]]), exact=True)

    # Writing.

    def write(self, folder):
        """Writes the graph with what ONNX Runtime computes; False where there is nothing to compare."""
        made = [o for n in self.nodes for o in n.output if o]
        if not made:
            return False
        want = [made[-1]] + [o for o in made[:-1] if self.maybe(0.15)]
        nodes, initializers, inputs = list(self.nodes), [], dict(self.inputs)
        for name, x in self.constants.items():
            if self.maybe(0.2):
                nodes.insert(0, helper.make_node("Constant", [], [name], value=numpy_helper.from_array(x)))
            else:
                initializers.append(numpy_helper.from_array(x, name))
        model, got = compute(nodes, inputs, want, self.opset, initializers)
        if got is None:
            return False
        if model.ir_version < 4 or self.maybe(0.2):  # an initializer that is an input too
            model.graph.input.extend(helper.make_tensor_value_info(i.name, i.data_type, i.dims) for i in initializers)
        if self.maybe(0.2):  # in any order
            order = self.rng.permutation(len(model.graph.node))
            shuffled = [model.graph.node[i] for i in order]
            del model.graph.node[:]
            model.graph.node.extend(shuffled)
        del model.graph.output[:]
        model.graph.output.extend(helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for n, v in zip(want, got))
        data = folder / "test_data_set_0"
        data.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(model.SerializeToString())
        for kind, items in (("input", inputs.items()), ("output", zip(want, got))):
            for i, (name, v) in enumerate(items):
                (data / f"{kind}_{i}.pb").write_bytes(numpy_helper.from_array(np.asarray(v), name).SerializeToString())
        return True


def main(binary, work, count=200, seed=0):
    work, count, seed = pathlib.Path(work), int(count), int(seed)
    shutil.rmtree(work, ignore_errors=True)
    graphs, used = {}, collections.Counter()
    while len(graphs) < count:
        g = Graph(seed)
        for _ in range(1 + g.below(14)):
            g.node()
        if g.write(work / str(seed)):
            graphs[seed] = g
            used.update(n.op_type for n in g.nodes)
        seed += 1
    r = subprocess.run([binary, "check", str(work), "--json"], capture_output=True, text=True)
    cases = json.loads(r.stdout)["cases"]
    lacking = collections.Counter()
    failed = abs(len(cases) - count)
    for c in cases:
        if c["status"] == "unsupported":
            lacking[re.sub(r".*?node \d+ \S+ ", "", c["reason"])] += 1
        elif c["status"] != "pass":
            failed += 1
            g = graphs[int(pathlib.Path(c["model"]).parent.name)]
            print(f"FAIL seed {pathlib.Path(c['model']).parent.name}, opset {g.opset}: {c['reason']}: {' '.join(n.op_type for n in g.nodes)}")
    print(f"{sum(used.values())} nodes of {len(used)} operators: " + " ".join(f"{o} {n}" for o, n in sorted(used.items())))
    for reason, n in lacking.most_common(12):
        print(f"not supported, {n} times: {reason}")
    print(f"{len(cases) - failed - sum(lacking.values())} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) > 0)
