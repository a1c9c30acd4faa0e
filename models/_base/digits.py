"""Make digits.npz: the UCI handwritten digits 5 to 9, as scikit-learn ships them.

Run: python digits.py ../digits.npz   (numpy 2.x, scikit-learn 1.9.1)

x [N,8,8] uint8, ink 0..16; y [N] uint8, the digits 5 to 9. Images and labels are unchanged and in the order of
scikit-learn's file; the digits 0 to 4 are left out. The archive has fixed dates, so that the same data are the same
bytes wherever zlib is the same.
"""

import io
import sys
import zipfile

import numpy as np
from sklearn.datasets import load_digits


def entry(archive, name, array):
    raw = io.BytesIO()
    np.lib.format.write_array(raw, np.ascontiguousarray(array), version=(1, 0))
    info = zipfile.ZipInfo(name + ".npy", date_time=(1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, raw.getvalue(), compresslevel=9)


def main(path):
    digits = load_digits()
    keep = digits.target >= 5
    x, y = digits.images[keep], digits.target[keep]
    assert x.min() == 0 and x.max() == 16 and (x == x.round()).all()
    with zipfile.ZipFile(path, "w") as archive:
        entry(archive, "x", x.astype(np.uint8))
        entry(archive, "y", y.astype(np.uint8))


if __name__ == "__main__":
    main(sys.argv[1])
