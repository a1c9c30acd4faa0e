"""Validate the Kubernetes manifest that graft writes against the API's schema, unknown fields refused; then run what its
containers would run, index by index, and want the table of a run without it.

Run: python manifest.py GRAFT WORKDIR DIGITS.npz
with kubernetes-validate (1.37.0 was used). It ends with the line "N passed, N failed".
"""
import os
import pathlib
import shutil
import subprocess
import sys

import kubernetes_validate
import yaml

graft, work, digits = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
passed = failed = 0


def judge(what, ok):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print("wrong:", what)


def valid(job):
    try:
        kubernetes_validate.validate(job, "1.37", strict=True)
        return True
    except kubernetes_validate.ValidationError as e:
        print(e.message)
        return False


def run(*args, **environment):
    subprocess.run([graft, *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **environment})


def plan(name):
    (work / name).mkdir(exist_ok=True)
    shutil.copy(digits, work / name / "digits.npz")
    run("sweep", "plan", str(work / name / "digits.npz"), "--arch", "convnet6", "--size", "8", "--layers", "3", "--treatments", "base,AnB,AnB+",
        "--epochs", "1", "-b", "64", "-o", str(work / name / "plan.json"))


plan("cluster")
run("sweep", "kubernetes", str(work / "cluster" / "plan.json"), "--jobs", "3", "--image", 'registry/gr"aft:1', "-o", str(work / "job.yaml"))
jobs = list(yaml.safe_load_all((work / "job.yaml").read_text()))
judge("two jobs", len(jobs) == 2)
for job in jobs:
    spec, container = job["spec"], job["spec"]["template"]["spec"]["containers"][0]
    judge(f"{job['metadata']['name']} by the schema", valid(job))
    judge("indexed, from the image", spec["completionMode"] == "Indexed" and container["image"] == 'registry/gr"aft:1')
    judge("at the study", container["volumeMounts"][0]["mountPath"] == "/study")
    for i in range(spec["completions"]):
        run(*[a.replace("/study/", f"{work}/cluster/") for a in container["args"]], JOB_COMPLETION_INDEX=str(i))
print("the next error is wanted:")
judge("a field that does not exist is refused", not valid(dict(jobs[0], spec=dict(jobs[0]["spec"], completionMod="Indexed"))))
plan("local")
run("sweep", "run", str(work / "local" / "plan.json"))
for name in ["cluster", "local"]:
    run("sweep", "gather", str(work / name / "plan.json"), "-o", str(work / name / "table.csv"))
judge("the tables are the same", (work / "cluster" / "table.csv").read_bytes() == (work / "local" / "table.csv").read_bytes())
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
