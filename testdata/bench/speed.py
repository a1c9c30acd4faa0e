"""Images per second of graft beside ONNX Runtime (inference) and PyTorch (training steps), as tables in Markdown.

Run: python speed.py GRAFT [ROUNDS [NETWORK...]]
with torch, torchvision, onnx and onnxruntime, on a machine that does nothing else. The networks are torchvision's, with
random weights, on noise of 224x224, on two threads each. Inference runs the file that most people have, with BatchNorm
folded by the exporter; a training step lets every layer learn, by SGD with momentum on batch statistics. In each round
each side runs for some seconds, in turn; a figure is the median over the rounds of the median run, a ratio the median of
the rounds' ratios, with the least and the greatest.
"""

import io
import json
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

warnings.filterwarnings("ignore")

SIZE, THREADS, SECONDS = 224, 2, 4.0
INFERENCE = [("resnet18", 16), ("resnet18", 1), ("resnet50", 8), ("vgg11", 4), ("mobilenet_v2", 16), ("mobilenet_v2", 1), ("squeezenet1_1", 16),
             ("squeezenet1_1", 1), ("densenet121", 8), ("efficientnet_b0", 8), ("shufflenet_v2_x1_0", 8), ("alexnet", 8)]
TRAINING = [("resnet18", 16), ("squeezenet1_1", 16), ("mobilenet_v2", 16), ("efficientnet_b0", 8), ("densenet121", 8), ("resnet50", 8), ("alexnet", 8)]


def build(name):
    import torch
    import torchvision

    torch.manual_seed(sum(map(ord, name)))
    return getattr(torchvision.models, name)(weights=None)


def export(net, file, training):
    import torch

    keep = dict(training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False) if training else {}
    buffer = io.BytesIO()
    torch.onnx.export(net.eval(), torch.zeros(1, 3, SIZE, SIZE), buffer, dynamo=False, opset_version=17, input_names=["x"], output_names=["y"],
                      dynamic_axes={"x": {0: "N"}, "y": {0: "N"}}, **keep)
    file.write_bytes(buffer.getvalue())


def rate(f, batch):
    """Images per second of the median call."""
    f(), f()
    times, end = [], time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        f()
        times.append(time.perf_counter() - start)
    return batch / statistics.median(times)


def runtime(file, batch):
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).standard_normal((batch, 3, SIZE, SIZE), dtype=np.float32)
    return lambda: session.run(None, {"x": x})


def step(name, batch, layout):
    import torch

    layout = getattr(torch, layout)
    net, loss = build(name).train().to(memory_format=layout), torch.nn.CrossEntropyLoss()
    x, y = torch.randn(batch, 3, SIZE, SIZE).to(memory_format=layout), torch.randint(0, 1000, (batch,))
    solver = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9)

    def once():
        solver.zero_grad()
        loss(net(x), y).backward()
        solver.step()
    return once


def row(graft, folder, name, batch, rounds, training):
    """A line of the table: ours, and for each peer its rate and the ratio."""
    file = folder / f"{name}-{training}.onnx"
    if not file.exists():
        export(build(name), file, training)
    command = [graft, "bench", file, "-b", batch, "--threads", THREADS, "--json", "-q"] + (["--train"] if training else [])

    def own(iterations):
        line = [str(c) for c in command + ["--iterations", iterations]]
        return json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout)["images_per_second"]

    iterations = max(3, int(SECONDS * own(3) / batch))
    peers = [step(name, batch, layout) for layout in ("contiguous_format", "channels_last")] if training else [runtime(file, batch)]
    ours, theirs = [], [[] for _ in peers]
    for _ in range(rounds):
        ours.append(own(iterations))
        for rates, f in zip(theirs, peers):
            rates.append(rate(f, batch))
    cells = [f"{name}, batch {batch}", f"{statistics.median(ours):.1f}"]
    for rates in theirs:
        ratios = [a / b for a, b in zip(ours, rates)]
        cells += [f"{statistics.median(rates):.1f}", f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})"]
    print("| " + " | ".join(cells) + " |", flush=True)


def processor():
    info = pathlib.Path("/proc/cpuinfo").read_text()
    name = next((line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")), platform.processor())
    return f"{name}, {'AVX-512' if 'avx512f' in info else 'AVX2' if 'avx2' in info else platform.machine()}"


def main(graft, rounds=3, *names):
    import onnxruntime
    import torch

    torch.set_num_threads(THREADS)
    version = subprocess.run([graft, "--version"], check=True, capture_output=True, text=True).stdout.split("\n")[0]
    print(f"{processor()}, {THREADS} threads, {time.strftime('%Y-%m-%d')}; {version}, ONNX Runtime {onnxruntime.__version__}, PyTorch {torch.__version__}\n")
    with tempfile.TemporaryDirectory() as folder:
        for training, nets, peers in ((False, INFERENCE, ["ONNX Runtime"]), (True, TRAINING, ["PyTorch", "PyTorch channels_last"])):
            nets = [(n, b) for n, b in nets if not names or n in names]
            print(f"| {'training step' if training else 'inference'}, images/s | graft | " + " | ".join(f"{p} | graft over it" for p in peers) + " |")
            print("|---" * (2 + 2 * len(peers)) + "|")
            for name, batch in nets:
                row(graft, pathlib.Path(folder), name, batch, int(rounds), training)
            print()


if __name__ == "__main__":
    main(*sys.argv[1:])
