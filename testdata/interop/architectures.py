"""Compare the networks that graft makes from scratch with what ONNX Runtime computes from them.

Run: python architectures.py GRAFT WORKDIR
with numpy, onnx and onnxruntime. It ends with the line "N passed, N failed".
"""
import pathlib
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime

graft, work = sys.argv[1], pathlib.Path(sys.argv[2])
passed = failed = 0
for name, size in [("caffenet", 227), ("caffenet-32", 32), ("caffenet-32", 64), ("convnet6", 32), ("resnet14", 32)]:
    model, given, out = str(work / "m.onnx"), work / "x.npy", work / "out"
    subprocess.run([graft, "models", "new", name, "--classes", "5", "--size", str(size), "-o", model, "-q"], check=True, stdout=subprocess.DEVNULL)
    onnx.checker.check_model(model, full_check=True)
    x = np.random.default_rng(0).normal(size=(2, 3, size, size)).astype(np.float32)
    if name == "caffenet":
        x *= 60  # pixels less their mean
    np.save(given, x)
    want = onnxruntime.InferenceSession(model).run(None, {"input": x})[0]
    subprocess.run([graft, "run", model, "--input", f"input={given}", "--out", out, "-q"], check=True, stdout=subprocess.DEVNULL)
    apart = np.abs(np.load(out / "0.npy") - want).max() / np.abs(want).max()
    print(f"{name} of {size}: max|a-b| / max|b| = {apart:.2g}")
    passed, failed = passed + (apart < 1e-4), failed + (not apart < 1e-4)
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
