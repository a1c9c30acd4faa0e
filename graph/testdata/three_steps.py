"""Three SGD steps of a small network in PyTorch, the golden of TestThreeSteps.

conv 3x3 - batch norm - relu - max pool - linear on x [4,3,8,8], cross-entropy,
momentum 0.9, weight decay 0.01, rate 0.05. Values come from wave(), so that the
test needs no input file. Made with PyTorch 2.15.0 on the CPU, in float64.

    python three_steps.py > three_steps.json
"""
import json
import math

import torch
import torch.nn.functional as F


def wave(phase, *shape):
    n = math.prod(shape)
    return torch.tensor([math.sin(phase + 1.3 * k) for k in range(n)], dtype=torch.float32).double().reshape(shape)


names = ["w", "b", "scale", "shift", "fc", "fcb"]
values = [wave(1, 5, 3, 3, 3), wave(2, 5), wave(3, 5), wave(4, 5), wave(5, 4, 5 * 4 * 4), wave(6, 4)]
params = [torch.nn.Parameter(v) for v in values]
w, b, scale, shift, fc, fcb = params
mean, var = wave(7, 5), wave(8, 5) ** 2 + 0.5
x, label = wave(9, 4, 3, 8, 8), torch.tensor([0, 3, 1, 2])
sgd = torch.optim.SGD(params, lr=0.05, momentum=0.9, weight_decay=0.01)
losses = []
for _ in range(3):
    y = F.conv2d(x, w, b, padding=1)
    y = F.batch_norm(y, mean, var, scale, shift, training=True, momentum=0.1, eps=1e-5)
    y = F.linear(F.max_pool2d(F.relu(y), 2).flatten(1), fc, fcb)
    loss = F.cross_entropy(y, label)
    sgd.zero_grad()
    loss.backward()
    sgd.step()
    losses.append(loss.item())
out = {n: p.detach().flatten().tolist() for n, p in zip(names, params)}
out |= {"mean": mean.tolist(), "var": var.tolist(), "losses": losses}
print(json.dumps({k: [float(f"{v:.9g}") for v in vs] for k, vs in out.items()}))
