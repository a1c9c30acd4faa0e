"""Validate the Kubernetes manifest that graft writes against the API's schema, unknown fields refused.

Run: python manifest.py GRAFT WORKDIR DIGITS.npz
with kubernetes-validate (1.37.0 was used). It ends with the line "N passed, N failed".
"""
import pathlib
import shutil
import subprocess
import sys

import kubernetes_validate
import yaml

graft, work, digits = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
shutil.copy(digits, work / "digits.npz")
plan, manifest = str(work / "plan.json"), work / "job.yaml"
subprocess.run([graft, "sweep", "plan", str(work / "digits.npz"), "--arch", "convnet6", "--size", "8", "-o", plan, "-q"], check=True, stdout=subprocess.DEVNULL)
subprocess.run([graft, "sweep", "kubernetes", plan, "--image", 'registry/gr"aft:1', "-o", manifest], check=True)
jobs = list(yaml.safe_load_all(manifest.read_text()))
passed = failed = 0
for job in jobs:
    spec, container = job["spec"], job["spec"]["template"]["spec"]["containers"][0]
    try:
        kubernetes_validate.validate(job, "1.37", strict=True)
        assert spec["completionMode"] == "Indexed" and container["image"] == 'registry/gr"aft:1', job
        assert f"auto/{spec['completions']}" in container["args"], container["args"]
        passed += 1
    except Exception as e:
        print(f"{job['metadata']['name']}: {e}")
        failed += 1
wrong = dict(jobs[0], spec=dict(jobs[0]["spec"], completionMod="Indexed"))
try:
    kubernetes_validate.validate(wrong, "1.37", strict=True)
    print("a field that does not exist is accepted")
    failed += 1
except kubernetes_validate.ValidationError:
    passed += 1
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
