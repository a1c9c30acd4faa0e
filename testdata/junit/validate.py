"""Holds the JUnit report of a run that passes, fails and skips against junit.xsd.

    python validate.py GRAFT FOLDER...      (xmlschema 4)

FOLDERs are what graft check takes. The last line is "N passed, N failed".
"""
import subprocess
import sys
import tempfile
from pathlib import Path

import xmlschema

schema = xmlschema.XMLSchema(str(Path(__file__).parent / "junit.xsd"))
failed = 0
folders = sys.argv[2:]
with tempfile.TemporaryDirectory() as work:
    runs = [("strict", []), ("lenient", ["--allow-unsupported"])]
    for name, flags in runs:
        report = Path(work) / f"{name}.xml"
        subprocess.run([sys.argv[1], "check", *folders, *flags, "-q", "--junit", str(report), "-o", str(Path(work) / "out")], stderr=subprocess.DEVNULL)
        errors = list(schema.iter_errors(str(report)))
        cases = report.read_text().count("<testcase ")
        print(f"{name}: {cases} cases, {len(errors)} errors")
        for e in errors[:3]:
            print(str(e)[:500])
        failed += bool(errors) or cases == 0
print(f"{len(runs) - failed} passed, {failed} failed")
sys.exit(failed > 0)
