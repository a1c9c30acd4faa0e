"""Five steps of each optimizer in PyTorch, the golden of TestSolversEqualTorch.

Weights and gradients are waves, so that the test needs no input file. Made with
PyTorch 2.15.0 on the CPU, in float64.

    python optimizers.py > optimizers.json
"""
import json
import math

import torch
import torch.nn.functional as F


def wave(phase, n):
    return torch.tensor([math.sin(phase + 1.3 * k) for k in range(n)], dtype=torch.float32).double()


CASES = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "sgd decay": lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.05),
    "sgd momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "sgd nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.8, nesterov=True, weight_decay=0.05),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adam decay": lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.99), eps=1e-3, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0),
    "adamw decay": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.2),
}


def steps(make):
    params = [torch.nn.Parameter(wave(1, 7)), torch.nn.Parameter(wave(2, 40))]
    o = make(params)
    for i in range(5):
        if i == 3:  # the rate falls, the memory stays
            for g in o.param_groups:
                g["lr"] /= 10
        for k, p in enumerate(params):
            p.grad = wave(10 + i + 5 * k, p.numel())
        o.step()
    return [float(f"{v:.9g}") for p in params for v in p.detach().tolist()]


y, target = wave(3, 15).reshape(3, 5).requires_grad_(), torch.zeros(3, 5, dtype=torch.float64)
target[0, 1] = 1
target[1] = torch.tensor([0.1, 0.2, 0.3, 0.4, 0])
target[2, 4] = 1
loss = F.cross_entropy(4 * y, target)
loss.backward()
out = {name: steps(make) for name, make in CASES.items()}
out["cross-entropy"] = [loss.item()] + y.grad.flatten().tolist()

half = torch.nn.Parameter(torch.zeros(1))
schedule = {"cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 10), "step": lambda o: torch.optim.lr_scheduler.StepLR(o, 4)}
for name, make in schedule.items():
    o = torch.optim.SGD([half], lr=1)
    s, out[name] = make(o), []
    for _ in range(10):
        out[name].append(o.param_groups[0]["lr"])
        o.step()
        s.step()
print(json.dumps(out))
