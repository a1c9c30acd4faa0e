"""Runs graft on every case of corpus.py and judges it.

    python judge.py GRAFT CASES

What holds for every case, whatever it is expected to do: no panic and no goroutine's trace; no "internal error"; an answer in 10 seconds and below 2 GB; messages of one
line each, of at most 4 KiB, without control characters; a refusal is exit status 1, one line "graft: error: ..." and at most a hint; nothing is left behind but what the case
allows, and after a refusal nothing at all; no file of the case is changed. The last line is "N passed, N failed".
"""
import json
import os
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

SECONDS, BYTES = 10, 2_000_000_000


def listing(folder):
    """What lies in a folder: kind, size and content of each file, links not followed."""
    found = {}
    for path in sorted(folder.rglob("*")):
        s = path.lstat()
        kind = stat.S_IFMT(s.st_mode)
        found[str(path.relative_to(folder))] = (kind, path.read_bytes() if stat.S_ISREG(s.st_mode) else os.readlink(path) if stat.S_ISLNK(s.st_mode) else None)
    return found


def run(graft, args, cwd):
    """Exit status, stdout, stderr, seconds and peak bytes of one run, killed after twice the time."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.monotonic()
        p = subprocess.Popen([graft, *args], cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True,
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
        while True:
            pid, status, usage = os.wait4(p.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() - start > 2 * SECONDS:
                os.kill(p.pid, 9)
            time.sleep(0.005)
        p.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return p.returncode, out.read(), err.read(), usage.ru_utime + usage.ru_stime, time.monotonic() - start, usage.ru_maxrss * 1024


def judge(graft, folder):
    """What is wrong with a case, as a list of sentences."""
    case = json.loads((folder / "case.json").read_text())
    wrong = []
    with tempfile.TemporaryDirectory() as work:
        here = Path(work) / "outer" / "case"
        shutil.copytree(folder, here, symlinks=True, ignore=lambda d, names: [n for n in names if stat.S_ISFIFO(os.lstat(os.path.join(d, n)).st_mode)])
        for path in folder.rglob("*"):
            if stat.S_ISFIFO(path.lstat().st_mode):
                os.mkfifo(here / path.relative_to(folder))
        (here.parent / "secret.bin").write_bytes(b"SECRET" * 72)
        before = listing(Path(work))
        status, out, err, cpu, wall, peak = run(graft, case["args"], here)
        after = listing(Path(work))
        text = err.decode("utf-8", "replace")
        lines = text.splitlines()
        if "panic" in text or "goroutine " in text or "internal error" in text or "internal error" in out.decode("utf-8", "replace"):
            wrong.append("panicked")
        if min(cpu, wall) > SECONDS:
            wrong.append(f"took {wall:.1f} s, {cpu:.1f} s of a processor")
        if peak > BYTES:
            wrong.append(f"took {peak / 1e6:.0f} MB")
        if b"SECRET" in out + err or b"root:" in out + err:
            wrong.append("read a file outside")
        for line in lines:
            if len(line.encode()) > 4096:
                wrong.append("a message longer than 4 KiB")
            if any(unicodedata.category(c) in ("Cc", "Cf") for c in line):
                wrong.append("a message with control characters")
        if any(unicodedata.category(c) in ("Cc", "Cf") and c not in "\n\t" for c in out.decode("utf-8", "replace")):
            wrong.append("control characters on stdout")
        errors = [line for line in lines if line.startswith("graft: error: ")]
        if status not in (0, 1):
            wrong.append(f"exit status {status}")
        if status == 0 and errors:
            wrong.append("an error with exit status 0")
        if status != 0 and (len(errors) != 1 or len(lines) > 2 + sum(line.startswith("graft: warning: ") for line in lines) or any(
                not line.startswith(("graft: error: ", "graft: hint: ", "graft: warning: ")) for line in lines)):
            wrong.append(f"not one line: {text[:300]!r}")
        if case["expect"] == "refuse" and status != 1:
            wrong.append("not refused")
        if case["expect"] == "accept" and status != 0:
            wrong.append("refused")
        if case["expect"] == "refuse" and case["says"] and not any(case["says"] in line for line in errors):
            wrong.append(f"does not say {case['says']!r}: {text[:300]!r}")
        top = Path("outer/case")
        allowed = [str(top / name) for name in case["leaves"]] if status == 0 else []
        for name, content in after.items():
            if name not in before and not any(name == a or name.startswith(a + "/") for a in allowed):
                # What a training that was refused half way keeps for its continuation is in its run folder.
                if not (case["args"][0] == "finetune" and name.startswith(str(top / "runs"))):
                    wrong.append(f"left {name}")
            elif name in before and before[name] != content:
                wrong.append(f"changed {name}")
        wrong += [f"removed {name}" for name in before if name not in after]
        if status == 0:
            for got, want in case["outputs"].items():
                a, b = np.load(here / got), np.load(here / want)
                if a.shape != b.shape or a.dtype != b.dtype or not np.allclose(a, b, 1e-4, 1e-5, equal_nan=True):
                    wrong.append(f"other numbers than ONNX Runtime in {got}")
        if wrong:
            wrong.append(f"graft {' '.join(case['args'])}: {text[:200]!r}")
    return wrong, cpu, peak


def main():
    graft, root = os.path.abspath(sys.argv[1]), Path(sys.argv[2])
    folders = sorted(p.parent for p in root.glob("*/case.json"))
    failed, slowest, largest = 0, (0, ""), (0, "")
    with ThreadPoolExecutor(int(os.environ.get("JOBS", os.cpu_count()))) as pool:
        for folder, (wrong, cpu, peak) in zip(folders, pool.map(lambda f: judge(graft, f), folders)):
            slowest, largest = max(slowest, (cpu, folder.name)), max(largest, (peak, folder.name))
            if wrong:
                failed += 1
                print(f"FAIL {folder.name}")
                for w in wrong:
                    print(f"     {w}")
    print(f"slowest {slowest[0]:.1f} s of a processor ({slowest[1]}), largest {largest[0] / 1e6:.0f} MB ({largest[1]})")
    print(f"{len(folders) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
