"""Ask graft serve by Triton's stock client, compare with ONNX Runtime, and see that bad requests harm nobody.

Run: python serving.py GRAFT MODEL.onnx...
with numpy, onnxruntime and tritonclient[http]. It ends with the line "N passed, N failed".

The first model answers the crowd: 2,000 requests over 50 connections, each answer compared, while others send nonsense,
too much, or next to nothing. The client speaks the Open Inference Protocol, its tensors in binary unless told otherwise.
"""

import contextlib
import json
import pathlib
import re
import socket
import subprocess
import sys
import threading
import time
from concurrent import futures

import numpy as np
import onnxruntime
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from written import Tally

RTOL, ATOL = 1e-3, 1e-5
REQUESTS, CONNECTIONS, SLOW = 2000, 50, 200
HEADER = 10  # seconds that a request's header may take


@contextlib.contextmanager
def served(binary, *args):
    """graft serve on a port of its own; gives "127.0.0.1:PORT" and the process, and ends it."""
    command = [binary, "serve", *map(str, args), "--addr", "127.0.0.1:0", "--json", "-q"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    told = ""
    try:
        while not told.endswith("}\n"):
            line = server.stdout.readline()
            if not line:
                raise RuntimeError(f"graft serve ended in {server.wait()}")
            told += line
        yield json.loads(told)["url"].removeprefix("http://").rstrip("/"), server
    finally:
        server.terminate()
        server.wait(timeout=30)


class Model:
    """A model, its random inputs, and what ONNX Runtime makes of them."""

    def __init__(self, path):
        self.name = pathlib.Path(path).stem
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0]
        self.output = self.session.get_outputs()[0]
        self.shape = [d if isinstance(d, int) else -1 for d in self.input.shape]

    def batch(self, n, seed):
        shape = [n if i == 0 and d < 0 else d for i, d in enumerate(self.shape)]
        kind = np.float16 if "float16" in self.input.type else np.float32
        return np.random.default_rng(seed).standard_normal(shape).astype(kind)

    def wants(self, x):
        return self.session.run([self.output.name], {self.input.name: x})[0]

    def given(self, x, binary=True):
        """x as the client sends it."""
        t = triton.InferInput(self.input.name, list(x.shape), "FP16" if x.dtype == np.float16 else "FP32")
        t.set_data_from_numpy(x, binary_data=binary)
        return [t]

    def close(self, got, want):
        # in half precision ONNX Runtime itself rounds after each layer
        rtol, atol = (2e-2, 2e-2) if want.dtype == np.float16 else (RTOL, ATOL)
        return got is not None and got.shape == want.shape and np.allclose(got.astype(np.float64), want.astype(np.float64), rtol, atol)


def check_protocol(tally, address, models):
    """Server and model as they describe themselves, and each form of a request."""
    client = triton.InferenceServerClient(address)
    tally.check(client.is_server_live() and client.is_server_ready(), "the server is live and ready")
    about = client.get_server_metadata()
    tally.check(about["name"] == "graft" and about["extensions"] == ["binary_tensor_data"], f"the server says {about}")
    tally.check(not client.is_model_ready("other"), "a model that is not there is ready")
    for m in models:
        tally.check(client.is_model_ready(m.name) and client.is_model_ready(m.name, "1"), f"{m.name} is not ready")
        about = client.get_model_metadata(m.name)
        tally.check(about["inputs"][0]["shape"] == m.shape and about["outputs"][0]["name"] == m.output.name, f"{m.name} says {about}")
        for n in (1, 3):
            x = m.batch(n, n)
            want = m.wants(x)
            for form, arguments in {
                "binary": {"inputs": m.given(x)},
                "JSON": {"inputs": m.given(x, False), "outputs": [triton.InferRequestedOutput(m.output.name, binary_data=False)]},
                "binary in, JSON out": {"inputs": m.given(x), "outputs": [triton.InferRequestedOutput(m.output.name, binary_data=False)]},
                "JSON in, binary out": {"inputs": m.given(x, False), "outputs": [triton.InferRequestedOutput(m.output.name)]},
                "gzip": {"inputs": m.given(x), "request_compression_algorithm": "gzip", "response_compression_algorithm": "gzip"},
                "deflate": {"inputs": m.given(x), "request_compression_algorithm": "deflate", "model_version": "1"},
            }.items():
                r = client.infer(m.name, request_id=form, **arguments)
                got = r.as_numpy(m.output.name)
                tally.check(m.close(got, want) and r.get_response()["id"] == form, f"{m.name}, {form}, batch {n}: {got} want {want}")
    given = models[0].given(models[0].batch(1, 1))
    refused(tally, "another model", lambda: client.infer("other", given), "there is no model")
    refused(tally, "another type", lambda: client.infer(models[0].name, [triton.InferInput(models[0].input.name, [1], "INT8")]), "want FP32")
    other = [triton.InferRequestedOutput("other")]
    refused(tally, "another output", lambda: client.infer(models[0].name, given, outputs=other), "no output")
    client.close()


def refused(tally, what, ask, says):
    try:
        ask()
    except InferenceServerException as e:
        tally.check(says in str(e), f"{what}: refused with {e}")
    else:
        tally.check(False, f"{what} is not refused")


def send(address, *parts, pause=0, patience=30):
    """Send parts on a connection of its own, so many seconds apart; gives the status, 0 where there is none."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=patience) as s:
        with contextlib.suppress(OSError):
            for part in parts:
                s.sendall(part)
                if pause:
                    time.sleep(pause)
        answer = b""
        with contextlib.suppress(OSError):
            while more := s.recv(1 << 16):
                answer += more
    status = re.match(rb"HTTP/1\.1 (\d+) ", answer)
    return int(status[1]) if status else 0


def hostile(address, name):
    """Requests that are wrong: what, the status each has to get, and what sends it."""
    line = f"POST /v2/models/{name}/infer HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n".encode()

    def body(b, *headers):
        return line + "".join(h + "\r\n" for h in headers).encode() + b"Content-Length: %d\r\n\r\n" % len(b) + b

    slow = [line, *(b"X: %d\r\n" % i for i in range(HEADER))]
    return [
        ("no JSON", 400, lambda: send(address, body(b"{"))),
        ("nothing", 400, lambda: send(address, body(b""))),
        ("deep JSON", 400, lambda: send(address, body(b"[" * 100_000))),
        ("a tensor longer than the body", 400, lambda: send(address, body(b'{"inputs":[{"name":"x","shape":[9999999999],"datatype":"FP32","data":[1]}]}'))),
        ("a JSON part longer than the body", 400, lambda: send(address, body(b"{}", "Inference-Header-Content-Length: 99"))),
        ("no HTTP", 400, lambda: send(address, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")),
        ("two lengths", 400, lambda: send(address, line + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{")),
        ("another host's name", 403, lambda: send(address, b"GET /v2 HTTP/1.1\r\nHost: evil.example\r\n\r\n")),
        ("no such model", 404, lambda: send(address, b"GET /v2/models/other HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")),
        ("another method", 405, lambda: send(address, b"PUT" + line[4:] + b"\r\n")),
        ("a terabyte announced", 413, lambda: send(address, line + b"Content-Length: 1099511627776\r\n\r\n{")),
        ("an unknown encoding", 415, lambda: send(address, body(b"{}", "Content-Encoding: br"))),
        ("a long header", 431, lambda: send(address, line + b"X: " + b"x" * 100_000 + b"\r\n\r\n")),
        *[("a slow header", 408, lambda: send(address, *slow, pause=1.2))] * SLOW,
        *[("a body that does not come", 0, lambda: send(address, line + b"Content-Length: 1000\r\n\r\n{", patience=HEADER))] * (SLOW // 10),
    ]


def check_crowd(tally, address, m):
    """Many requests over many connections, and meanwhile all that is hostile."""
    statuses = []
    cases = hostile(address, m.name)

    def attack(what, status, ask):
        try:
            statuses.append((what, status, ask()))
        except OSError as e:
            statuses.append((what, status, e))

    attackers = [threading.Thread(target=attack, args=c) for c in cases]
    for a in attackers:
        a.start()
    asked = [(x, m.wants(x)) for x in (m.batch(1 + i % 4, i) for i in range(40))]

    def ask(k):
        """A client of its own, which has one connection, and its share of the requests."""
        client, right = triton.InferenceServerClient(address, network_timeout=60), 0
        for i in range(k, REQUESTS, CONNECTIONS):
            x, want = asked[i % len(asked)]
            try:
                r = client.infer(m.name, m.given(x), request_id=str(i))
                right += m.close(r.as_numpy(m.output.name), want) and r.get_response()["id"] == str(i)
            except (InferenceServerException, OSError) as e:
                print("request", i, e)
        client.close()
        return right

    begun = time.monotonic()
    with futures.ThreadPoolExecutor(CONNECTIONS) as crowd:
        right = sum(crowd.map(ask, range(CONNECTIONS)))
    took = time.monotonic() - begun
    tally.check(right == REQUESTS, f"{right} of {REQUESTS} answers are right")
    print(f"{m.name}: {right} of {REQUESTS} requests over {CONNECTIONS} connections answered rightly in {took:.1f} s beside {len(cases)} hostile ones")
    for a in attackers:
        a.join()
    for what, want, got in statuses:
        tally.check(got == want, f"{what}: status {got}, want {want}")


def main(binary, *paths):
    tally = Tally()
    models = [Model(p) for p in paths]
    with served(binary, *paths, "--threads", 1) as (address, server):
        check_protocol(tally, address, models)
        check_crowd(tally, address, models[0])
        check_protocol(tally, address, models[:1])  # as if nothing had been
        most = re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{server.pid}/status").read_text())
        print(f"the server's memory: at most {int(most[1]) >> 10} MiB")
    tally.check(server.returncode == 0, f"graft serve ended in {server.returncode}")
    return tally.end()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
