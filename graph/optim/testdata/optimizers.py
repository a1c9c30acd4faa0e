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
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
    "rmsprop momentum": lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, eps=1e-3, momentum=0.8, weight_decay=0.1),
    "clipped": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "groups": lambda p: torch.optim.SGD([{"params": p[:1], "lr": 0.025, "weight_decay": 0}, {"params": p[1:]}], lr=0.1, momentum=0.9, weight_decay=0.05),
}


def steps(name, make):
    params = [torch.nn.Parameter(wave(1, 7)), torch.nn.Parameter(wave(2, 40))]
    o = make(params)
    for i in range(5):
        if i == 3:  # the rate falls, the memory stays
            for g in o.param_groups:
                g["lr"] /= 10
        for k, p in enumerate(params):
            p.grad = wave(10 + i + 5 * k, p.numel())
        if name == "clipped":
            torch.nn.utils.clip_grad_norm_(params, 2)
        o.step()
    return [float(f"{v:.9g}") for p in params for v in p.detach().tolist()]


y, target = wave(3, 15).reshape(3, 5).requires_grad_(), torch.zeros(3, 5, dtype=torch.float64)
target[0, 1] = 1
target[1] = torch.tensor([0.1, 0.2, 0.3, 0.4, 0])
target[2, 4] = 1
loss = F.cross_entropy(4 * y, target)
loss.backward()
out = {name: steps(name, make) for name, make in CASES.items()}
out["cross-entropy"] = [loss.item()] + y.grad.flatten().tolist()
for name, f in {"bce": F.binary_cross_entropy_with_logits, "mse": F.mse_loss}.items():
    y.grad = None
    loss = f(4 * y, target)
    loss.backward()
    out[name] = [loss.item()] + y.grad.flatten().tolist()
y.grad = None
x = 4 * y
loss = F.cross_entropy(x[:, :2], target[:, :2]) + F.binary_cross_entropy_with_logits(x[:, 2:3], target[:, 2:3]) + F.mse_loss(x[:, 3:], target[:, 3:])
loss.backward()
out["sum"] = [loss.item()] + y.grad.flatten().tolist()

half = torch.nn.Parameter(torch.zeros(1))
schedule = {"cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 10), "step": lambda o: torch.optim.lr_scheduler.StepLR(o, 4),
            "onecycle": lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 1, total_steps=10)}
for name, make in schedule.items():
    o = torch.optim.SGD([half], lr=1, momentum=0.9)
    s, out[name] = make(o), []
    for _ in range(10):
        out[name].append(o.param_groups[0]["lr"])
        o.step()
        if len(out[name]) < 10:
            s.step()
print(json.dumps(out))
