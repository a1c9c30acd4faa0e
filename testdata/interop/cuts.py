"""Cuts a model at every cut point with graft and holds the result to ONNX Runtime.

    python cuts.py GRAFT_BINARY MODEL...

A MODEL is a file, or the name of a torchvision model, which dialects.py builds with
random weights and exports; that needs torch and torchvision. Every cut model must pass onnx.checker with full shape inference, and ONNX Runtime
must compute from it what the whole model has at that tensor: within 1e-5 of the
largest value, 2e-2 in float16, whose rounding follows ONNX Runtime's own plan.
Needs onnx, onnxruntime and numpy.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime


def session(model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Fusions would make other sums of the two models.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def inputs(model):
    """Random values for the inputs that no initializer fills; open dimensions are 2."""
    filled = {t.name for t in model.graph.initializer}
    rng = np.random.default_rng(1)
    feed = {}
    for v in model.graph.input:
        if v.name not in filled:
            shape = [d.dim_value or 2 for d in v.type.tensor_type.shape.dim]
            kind = onnx.helper.tensor_dtype_to_np_dtype(v.type.tensor_type.elem_type)
            feed[v.name] = rng.standard_normal(shape).astype(kind)
    return feed


def activations(model, names, feed):
    """What the whole model computes at the named tensors."""
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    have = {o.name for o in whole.graph.output}
    for name in names:
        if name not in have:
            whole.graph.output.append(onnx.ValueInfoProto(name=name))
    return dict(zip(names, session(whole).run(names, feed)))


def compare(graft, path, point, want, feed, folder):
    """One line that says what is wrong with the model cut at a point, or None."""
    out = folder / "cut.onnx"
    run = subprocess.run([graft, "cut", path, "--after", str(point["n"]), "-o", out, "-q"], capture_output=True, text=True)
    if run.returncode:
        return run.stderr.strip()
    try:
        cut = onnx.load(out)
        onnx.checker.check_model(cut, full_check=True)
    except Exception as e:  # the checker's own classes are many
        return f"onnx.checker: {e}"
    finally:
        out.unlink(missing_ok=True)
    if [o.name for o in cut.graph.output] != [point["tensor"]]:
        return f"outputs {[o.name for o in cut.graph.output]}, want {point['tensor']}"
    (got,) = session(cut).run(None, feed)
    if got.shape != want.shape:
        return f"shape {got.shape}, want {want.shape}"
    worst = np.abs(got.astype(np.float64) - want).max() / max(np.abs(want).max(), 1e-30)
    return None if worst <= (2e-2 if want.dtype == np.float16 else 1e-5) else f"differs by {worst:.2g} of the largest value"


def export(name, folder):
    """A torchvision model as a file."""
    import torch

    import dialects

    net, size = dialects.build(name)
    path = folder / f"{name}.onnx"
    onnx.save(dialects.export(net, torch.randn(2, 3, size, size), "kept"), path)
    return path


def main(graft, *models):
    with tempfile.TemporaryDirectory() as folder:
        return check(graft, [m if pathlib.Path(m).exists() else export(m, pathlib.Path(folder)) for m in models])


def check(graft, models):
    passed = failed = 0
    for path in models:
        shown = subprocess.run([graft, "inspect", "--json", path], capture_output=True, text=True)
        if shown.returncode:
            print(f"{path}: {shown.stderr.strip()}")
            failed += 1
            continue
        points = json.loads(shown.stdout)["cut_points"]
        model = onnx.load(path)
        feed = inputs(model)
        want = activations(model, [p["tensor"] for p in points], feed)
        with tempfile.TemporaryDirectory() as folder:
            for p in points:
                wrong = compare(graft, path, p, want[p["tensor"]], feed, pathlib.Path(folder))
                failed += wrong is not None
                passed += wrong is None
                if wrong:
                    print(f"{path}: cut point {p['n']} ({p['tensor']}): {wrong}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
