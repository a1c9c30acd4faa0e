"""Writes photos.csv: moments of what Pillow makes of the photographs in the shared data (224x224, short side 256).

    python photos.py SHARED_DATA

Each line: file, then for R, G, B the mean, the mean weighted by column/223 and by row/223, in levels. Made with
Pillow 13.0.0. Numbers only: the photographs themselves stay where they are.
"""
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

shared = Path(sys.argv[1])
ramp = np.arange(224) / 223
with open(Path(__file__).parent / "photos.csv", "w") as out:
    for f in sorted((shared / "photos" / "coral_jpg").glob("*.jpg")):
        im = ImageOps.exif_transpose(Image.open(f)).convert("RGB")
        w, h = im.size
        im = im.resize((256, int(256 * h / w)) if w <= h else (int(256 * w / h), 256), Image.BILINEAR)
        left, top = int(round((im.width - 224) / 2.0)), int(round((im.height - 224) / 2.0))
        a = np.asarray(im.crop((left, top, left + 224, top + 224))).astype(float)
        moments = [m for c in range(3) for m in (a[..., c].mean(), (a[..., c] * ramp).mean(), (a[..., c].T * ramp).mean())]
        print(f"photos/coral_jpg/{f.name}", *(f"{m:.4f}" for m in moments), sep=",", file=out)
