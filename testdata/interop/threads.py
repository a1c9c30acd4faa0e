"""Train networks on 1, 2 and 5 threads and compare the bytes of what is written, and of what it answers.

Run: python threads.py GRAFT WORKDIR MODEL...
with numpy and onnx. It ends with the line "N passed, N failed".

Every layer of a MODEL, an .onnx file of an image classifier, learns for 20 steps of 8 random images; the trained model
then answers 8 of them.
"""

import hashlib
import pathlib
import subprocess
import sys

import numpy as np
import onnx

STEPS, BATCH, CLASSES = 20, 8, 5


def images(folder, model):
    """Labelled noise of the model's size for training, and a batch of it for inference."""
    shape = [d.dim_value for d in onnx.load(model, load_external_data=False).graph.input[0].type.tensor_type.shape.dim][1:]
    x = np.random.default_rng(12).standard_normal((STEPS * BATCH, *(d or 224 for d in shape)), np.float32)
    np.savez(folder / "data.npz", x=x, y=np.arange(len(x)) % CLASSES)
    np.save(folder / "x.npy", x[:BATCH])


def graft(*args):
    subprocess.run([str(a) for a in args], check=True, capture_output=True, text=True)


def digest(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def main(binary, work, *models):
    failed = 0
    for model in models:
        folder = pathlib.Path(work) / pathlib.Path(model).stem
        folder.mkdir(parents=True, exist_ok=True)
        images(folder, model)
        seen = set()
        for threads in (1, 2, 5):
            out, answers = folder / f"threads{threads}.onnx", folder / f"threads{threads}"
            graft(binary, "finetune", model, folder / "data.npz", "-o", out, "--run", folder / f"run{threads}", "--freeze", 0, "--epochs", 1,
                  "-b", BATCH, "--val", 0, "--opt", "sgd", "--momentum", 0.9, "--seed", 7, "--threads", threads, "-q")
            name = onnx.load(out).graph.input[0].name
            graft(binary, "run", out, "--input", f"{name}={folder / 'x.npy'}", "--out", answers, "--threads", threads)
            seen.add((digest(out), digest(answers / "0.npy")))
            print(f"{folder.name}: {threads} threads, {STEPS} steps: model {digest(out)}, answers {digest(answers / '0.npy')}", flush=True)
        failed += len(seen) > 1
    print(f"{len(models) - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) > 0)
