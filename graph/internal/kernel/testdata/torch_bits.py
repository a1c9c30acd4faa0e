"""The bits of PyTorch's convolutions, BatchNorm and activations in float32, the goldens of TestTorchBits.

    python torch_bits.py > torch_bits.json

Each case has the FNV-1a hash of the output's bytes. Made with PyTorch 2.15.0 (oneDNN) on two threads of a processor with AVX-512:
for other processors, and some for other numbers of threads, oneDNN adds up in another order.
"""
import json

import numpy as np
import torch


def drawn(seed, *shape):
    """Numbers of -1 to 1 with 24 bits. In Go: drawn, order_test.go."""
    with np.errstate(over="ignore"):
        h = (np.arange(1, np.prod(shape) + 1, dtype=np.uint64) + np.uint64(seed * 7919)) * np.uint64(0x9E3779B97F4A7C15)
        h = (h ^ h >> np.uint64(29)) * np.uint64(0xBF58476D1CE4E5B9)
    return torch.from_numpy(((h >> np.uint64(40)).astype(np.float64) / 2**23 - 1).astype(np.float32).reshape(shape))


def bits(t):
    h = 0xCBF29CE484222325
    for b in t.detach().numpy().tobytes():
        h = (h ^ b) * 0x100000001B3 % 2**64
    return f"{h:016x}"


def convolutions():
    for n, c, size, m, kernel, stride, group, bias in [
        (2, 3, 17, 16, 7, 2, 1, False), (2, 3, 12, 16, 3, 1, 1, True), (2, 32, 9, 16, 3, 1, 1, False), (2, 48, 8, 32, 3, 2, 1, True), (2, 32, 7, 16, 5, 1, 1, False),
        (2, 16, 6, 16, 1, 1, 1, False), (2, 320, 5, 16, 1, 1, 1, False), (2, 200, 12, 16, 1, 1, 1, False), (2, 128, 12, 16, 1, 2, 1, False), (2, 530, 28, 4, 1, 1, 1, False),
        (2, 32, 9, 32, 3, 1, 32, False), (2, 24, 9, 24, 5, 2, 24, True)]:
        y = torch.nn.functional.conv2d(drawn(1, n, c, size, size), drawn(2, m, c // group, kernel, kernel), drawn(3, m) if bias else None, stride, kernel // 2, 1, group)
        yield {"N": n, "C": c, "Size": size, "M": m, "Kernel": kernel, "Stride": stride, "Group": group, "Bias": bias, "Bits": bits(y)}


def normalisations():
    for n, c, size, batch in [(4, 20, 9, True), (8, 50, 3, True), (2, 30, 7, False)]:
        mean, variance = drawn(5, c), drawn(6, c) + 1.5
        y = torch.nn.functional.batch_norm(drawn(4, n, c, size, size) * 3 + 0.5, mean, variance, drawn(7, c), drawn(8, c), batch, 0.1, 1e-5)
        yield {"N": n, "C": c, "Size": size, "Batch": batch, "Bits": bits(y)}


def activations():
    x, dy = drawn(9, 1000) * 100, drawn(10, 1000)
    x.requires_grad_()
    for name, f in [("Sigmoid", torch.sigmoid), ("Swish", torch.nn.functional.silu)]:
        y = f(x)
        yield {"Name": name, "Bits": bits(y)}
        yield {"Name": name + "Backward", "Bits": bits(torch.autograd.grad(y, x, dy)[0])}


if __name__ == "__main__":
    torch.set_num_threads(2)
    rows = [("Conv", list(convolutions())), ("BatchNorm", list(normalisations())), ("Activation", list(activations()))]
    print("{" + ",\n".join(f'"{k}": [\n' + ",\n".join(json.dumps(v) for v in values) + "\n]" for k, values in rows) + "}")
