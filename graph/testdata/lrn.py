"""Local response normalisation and its gradient in PyTorch, the goldens of TestLRNEqualsTorch.

x and dy follow from drawn() of parity.py and need no file. Sizes are odd: of an even window PyTorch has the larger half
before the channel, ONNX behind it.

    python lrn.py > lrn.json

Made with PyTorch 2.15.0 on the CPU, in float64.
"""
import json

import torch

from parity import drawn

CASES = [((2, 7, 3, 2), 5, 1e-4, 0.75, 1.0), ((1, 20, 2, 2), 5, 2.0, 0.75, 2.0), ((2, 5, 3, 1), 3, 1.0, 0.5, 1.0), ((1, 4, 2, 2), 9, 0.7, 1.3, 0.5)]

out = []
for i, (shape, size, alpha, beta, k) in enumerate(CASES):
    n = 1
    for d in shape:
        n *= d
    x = torch.from_numpy(3 * drawn(f"lrn x {i}", n).reshape(shape)).requires_grad_()
    dy = torch.from_numpy(drawn(f"lrn dy {i}", n).reshape(shape))
    y = torch.nn.LocalResponseNorm(size, alpha, beta, k)(x)
    y.backward(dy)
    flat = lambda t: [float(f"{v:.9g}") for v in t.detach().flatten().tolist()]
    out.append(dict(shape=shape, size=size, alpha=alpha, beta=beta, k=k, y=flat(y), dx=flat(x.grad)))
print("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in out) + "\n]")
