"""Memory of a training step: graft beside PyTorch, as a ratio.

Run: python memory.py GRAFT BATCH NAME...
with torch, torchvision and onnx, on Linux. A NAME is a model of torchvision; every layer of it learns, by SGD with
momentum, on batch statistics, from images of 224x224. It ends with the line "N passed, N failed": passed is a network
that takes graft no more memory than PyTorch.

Each side is a fresh process; its memory is the largest resident set (VmHWM) less what it had after start-up. For graft
that is before it reads the model; with --memory low it computes activations and normalisations once more. PyTorch's start-up includes a step of a network of one convolution, so that the
library itself is there and does not count; of its two layouts the smaller one counts.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

SIZE, STEPS, THREADS = 224, 5, 2


def resident(key):
    """A line of proc(5)'s status, in bytes."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return 1024 * int(line.split()[1])
    raise SystemExit(f"no {key} here")


def train(net, batch, size, layout):
    import torch

    net = net.train().to(memory_format=layout)
    x, y = torch.randn(batch, 3, size, size).to(memory_format=layout), torch.arange(batch) % 5
    opt, loss = torch.optim.SGD(net.parameters(), 1e-5, momentum=0.9, weight_decay=1e-4), torch.nn.CrossEntropyLoss()
    for _ in range(STEPS):
        opt.zero_grad()
        loss(net(x), y).backward()
        opt.step()


def torch_side(name, batch, layout):
    import torch
    import torchvision

    torch.set_num_threads(THREADS)
    layout = getattr(torch, layout)
    nn = torch.nn
    train(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)), 2, 16, layout)
    start = resident("VmRSS")
    train(getattr(torchvision.models, name)(weights=None), batch, SIZE, layout)
    print(resident("VmHWM") - start)


def export(name, file):
    import torch
    import torchvision

    net = getattr(torchvision.models, name)(weights=None).eval()
    torch.onnx.export(net, torch.zeros(1, 3, SIZE, SIZE), file, dynamo=False, opset_version=17, input_names=["x"], output_names=["y"],
                      dynamic_axes={"x": {0: "N"}, "y": {0: "N"}}, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)


def step(graft, model, batch, kept):
    """The memory of a step of graft, in bytes."""
    report = json.loads(output(graft, "bench", model, "--train", "--memory", kept, "-b", batch, "--threads", THREADS, "--iterations", STEPS, "--json", "-q"))
    return report["peak_memory_bytes"] - report["start_memory_bytes"]


def output(*args):
    return subprocess.run([str(a) for a in args], check=True, stdout=subprocess.PIPE, text=True).stdout


def main(graft, batch, *names):
    failed = 0
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(folder) / f"{name}.onnx"
            export(name, str(model))
            ours = {kept: step(graft, model, batch, kept) for kept in ("full", "low")}
        theirs = {layout: int(output(sys.executable, __file__, "--torch", name, batch, layout)) for layout in ("contiguous_format", "channels_last")}
        least = min(theirs.values())
        failed += ours["full"] > least
        print(f"{name}, batch {batch}:", ", ".join(f"torch {k} {v / 1e6:.0f} MB" for k, v in theirs.items()), end="")
        for kept, v in ours.items():
            print(f"; graft --memory {kept} {v / 1e6:.0f} MB, {v / least:.2f} of torch", end="")
        print(flush=True)
    print(f"{len(names) - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    if sys.argv[1] == "--torch":
        torch_side(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    else:
        sys.exit(main(*sys.argv[1:]) > 0)
