"""Wall clock of training a new head on a frozen squeezenet1_1: graft beside PyTorch, as ratios.

Run: python headonly.py GRAFT MODEL.onnx DATA.zip [ROUNDS]
with torch, torchvision and onnx. MODEL is a squeezenet1_1 that reads B,G,R less (104,117,123), DATA a zip of
NAME/{train,val}/CLASS/*.jpg. Each side is a fresh process, from its start to its written model: 20 epochs of SGD on
batches of 32, the validation images measured after each, without augmentation. PyTorch runs the frozen part in every
epoch, as most scripts do, or once and then trains on the features; it starts from weights and images that have been
unpacked for it, and writes its own format. The rounds take turns; the medians count. It ends with the line
"N passed, N failed": passed is a script that graft is faster than.
"""

import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile

EPOCHS, BATCH, RATE, THREADS = 20, 32, 0.01, 2


def torch_side(how, weights, images, out):
    import numpy as np
    import torch
    import torchvision
    from torchvision import transforms as t

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    net = torchvision.models.squeezenet1_1(weights=None)
    own = net.features.state_dict()
    net.features.load_state_dict({k: torch.from_numpy(v) for k, v in zip(own, np.load(weights).values())})
    mean = torch.tensor([104.0, 117.0, 123.0]).reshape(3, 1, 1)
    prepare = t.Compose([t.Resize(256), t.CenterCrop(224), t.PILToTensor(), lambda x: x.flip(0).float() - mean])
    sets = {part: torchvision.datasets.ImageFolder(f"{images}/{part}", prepare) for part in ("train", "val")}
    load = {part: torch.utils.data.DataLoader(s, BATCH, shuffle=part == "train", num_workers=THREADS) for part, s in sets.items()}
    head = torch.nn.Linear(512, len(sets["train"].classes))
    solver, loss = torch.optim.SGD(head.parameters(), RATE, momentum=0.9), torch.nn.CrossEntropyLoss()
    body = net.features.eval()

    @torch.no_grad()
    def features(x):
        return body(x).mean((2, 3))

    if how == "cached":
        for part, l in load.items():
            kept = [(features(x), y) for x, y in l]
            s = torch.utils.data.TensorDataset(torch.cat([x for x, _ in kept]), torch.cat([y for _, y in kept]))
            load[part] = torch.utils.data.DataLoader(s, BATCH, shuffle=part == "train")
        features = lambda x: x
    for _ in range(EPOCHS):
        for x, y in load["train"]:
            solver.zero_grad()
            loss(head(features(x)), y).backward()
            solver.step()
        with torch.no_grad():
            right = sum((head(features(x)).argmax(1) == y).sum().item() for x, y in load["val"])
    torch.save((net.state_dict(), head.state_dict()), out)
    print(f"top-1 {100 * right / len(sets['val']):.1f} %")


def unpack(model, data, folder):
    """Weights in the order of torchvision's, and the images' folder."""
    import numpy as np
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(model)).graph
    values = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    layers = [n for n in graph.node if n.op_type == "Conv"][:-1]
    np.savez(folder / "weights.npz", *(values[name] for n in layers for name in n.input[1:3]))
    with zipfile.ZipFile(data) as z:
        z.extractall(folder / "images")
    return folder / "weights.npz", next((folder / "images").iterdir())


def main(graft, model, data, rounds=3):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        weights, images = unpack(model, data, folder)
        sides = {
            "graft": [graft, "finetune", model, data, "-o", folder / "out.onnx", "--run", folder / "run", "--freeze", "all", "--epochs", EPOCHS,
                      "--batch-size", BATCH, "--opt", "sgd", "--lr", RATE, "--schedule", "constant", "--augment", "none", "--threads", THREADS,
                      "--channels", "bgr", "--mean", "104,117,123", "--std", "1,1,1", "-q"],
            "PyTorch, every epoch": [sys.executable, __file__, "--torch", "every", weights, images, folder / "out.pt"],
            "PyTorch, cached": [sys.executable, __file__, "--torch", "cached", weights, images, folder / "out.pt"],
        }
        seconds = {name: [] for name in sides}
        for _ in range(int(rounds)):
            for name, command in sides.items():
                start = time.perf_counter()
                said = subprocess.run([str(a) for a in command], check=True, capture_output=True, text=True).stdout
                seconds[name].append(time.perf_counter() - start)
                print(f"{name}: {seconds[name][-1]:.2f} s", *said.split("\n")[:1], flush=True)
    medians = {name: statistics.median(s) for name, s in seconds.items()}
    ours, failed = medians.pop("graft"), 0
    for name, theirs in medians.items():
        print(f"graft {ours:.2f} s, {name} {theirs:.2f} s: {theirs / ours:.2f} times as fast")
        failed += theirs < ours
    print(f"{len(medians) - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    if sys.argv[1] == "--torch":
        torch_side(*sys.argv[2:])
    else:
        sys.exit(main(*sys.argv[1:]) > 0)
