"""Makes the .npy files beside it, as numpy 2 writes them.

    python make.py

TYPE.npy is [2,3] with the elements -2 to 3, 0 to 5 for unsigned types, and every second one true for bool1. The others
are one case each: what is read (scalar, empty, row, version2) and what is refused (big_endian, fortran, complex, object).
"""
from pathlib import Path

import numpy as np

here = Path(__file__).parent
for f in here.glob("*.npy"):
    f.unlink()

for t in "float16 float32 float64 int8 int16 int32 int64".split():
    np.save(here / t, np.arange(-2, 4).reshape(2, 3).astype(t))
for t in "uint8 uint16 uint32 uint64".split():
    np.save(here / t, np.arange(6).reshape(2, 3).astype(t))
np.save(here / "bool1", (np.arange(6) % 2 == 1).reshape(2, 3))

np.save(here / "scalar", np.float32(7))
np.save(here / "empty", np.zeros((0, 3), "float32"))
np.save(here / "row", np.arange(3, dtype="int64"))
for v in (2, 3):
    with open(here / f"version{v}.npy", "wb") as f:
        np.lib.format.write_array(f, np.arange(3, dtype="float32"), version=(v, 0))

np.save(here / "big_endian", np.arange(3, dtype=">f4"))
np.save(here / "fortran", np.asfortranarray(np.arange(6, dtype="float32").reshape(2, 3)))
np.save(here / "complex", np.zeros(2, "complex64"))
np.save(here / "object", np.array([{}, None]), allow_pickle=True)
