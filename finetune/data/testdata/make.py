"""Makes the pictures under images/ and what Pillow reads from them (NAME.ppm beside NAME), and the resized
pictures under resize/. Synthetic, so free of licences. Made with Pillow 13.0.0 (libjpeg-turbo 3.2.0), numpy 2.

    python make.py

images/: one picture for each rule of decoding; the .ppm is ImageOps.exif_transpose(im).convert("RGB"), but for 16-bit
pictures, where it is the high byte. resize/: W_H_S_C.ppm is source.png, resized and cropped by torchvision's rules:
short side S, centre crop C. arrays/: .npz files as numpy writes them; element k of x is k (modulo 256 for pixels).
"""
import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin

here = Path(__file__).parent
images, resize, arrays = here / "images", here / "resize", here / "arrays"
for d in (images, resize, arrays):
    d.mkdir(exist_ok=True)
    for f in d.iterdir():
        f.unlink()


def picture(w, h, seed=1):
    """Slopes, edges and saturated spots: what chroma filters and inverse DCTs differ on."""
    r = np.random.default_rng(seed)
    y, x = np.mgrid[0:h, 0:w]
    a = np.stack([x * 255 / max(w - 1, 1), y * 255 / max(h - 1, 1), (x + y) * 255 / max(w + h - 2, 1)], -1)
    a[h // 3 : h // 2 + 1, w // 4 : w // 2 + 1] = (255, 0, 0)
    a[h // 2 :, 2 * w // 3 :] = (0, 0, 255)
    return Image.fromarray(np.clip(a + r.normal(0, 8, a.shape), 0, 255).astype("uint8"))


def write_ppm(path, im):
    path.write_bytes(b"P6\n%d %d\n255\n" % im.size + im.tobytes())


def add(name, data, expect=None):
    (images / name).write_bytes(data)
    if expect is None:
        expect = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    write_ppm(images / (name + ".ppm"), expect)


def save(name, im, **how):
    b = io.BytesIO()
    im.save(b, {"jpg": "JPEG", "webp": "WEBP"}.get(name.split(".")[-1]) or name.split(".")[-1].upper(), **how)
    add(name, b.getvalue())


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(w, h, depth, colour, rows, extra=b""):
    """A PNG that Pillow cannot write itself; rows are the packed samples of each row."""
    raw = b"".join(b"\0" + r for r in rows)
    head = struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


p = picture(23, 17)
alpha = Image.fromarray((np.mgrid[0:17, 0:23].sum(0) * 6 % 256).astype("uint8"))
rgba = p.copy()
rgba.putalpha(alpha)

# JPEG: chroma subsampling, narrow pictures, colour models
for name, sub in (("444", "4:4:4"), ("422", "4:2:2"), ("420", "4:2:0")):
    save(f"jpeg_{name}.jpg", p, quality=90, subsampling=sub)


def resampled(im, sub, old, new):
    """A JPEG whose luma sampling factors are changed in its header: as many blocks, in another arrangement."""
    b = io.BytesIO()
    im.save(b, "JPEG", quality=90, subsampling=sub)
    j = bytearray(b.getvalue())
    at = j.index(b"\xff\xc0") + 11
    assert j[at] == old
    j[at] = new
    return bytes(j)


add("jpeg_440.jpg", resampled(p, "4:2:2", 0x21, 0x12))
add("jpeg_411.jpg", resampled(picture(32, 16), "4:2:0", 0x22, 0x41))
save("jpeg_progressive.jpg", p, quality=85, progressive=True)
save("jpeg_gray.jpg", p.convert("L"), quality=90)
save("jpeg_rgb.jpg", p, quality=95, keep_rgb=True)
save("jpeg_cmyk.jpg", p.convert("CMYK"), quality=95)
cmyk = (images / "jpeg_cmyk.jpg").read_bytes()
at = cmyk.index(b"Adobe") + 11
assert cmyk[at] == 0
add("jpeg_ycck.jpg", cmyk[:at] + b"\x02" + cmyk[at + 1 :])
for w, h in ((1, 1), (2, 3), (3, 2), (4, 4), (5, 1), (33, 18)):
    save(f"jpeg_420_{w}x{h}.jpg", picture(w, h), quality=90, subsampling="4:2:0")

# PNG
save("png_rgb.png", p)
save("png_rgba.png", rgba)
save("png_gray.png", p.convert("L"))
save("png_gray_alpha.png", rgba.convert("LA"))
save("png_1bit.png", p.convert("1"))
save("png_palette.png", p.quantize(40))
save("png_palette_4bit.png", p.quantize(11))
save("png_palette_alpha.png", p.quantize(40), transparency=bytes(range(0, 240, 6)))
save("png_gray_key.png", p.convert("L"), transparency=100)
a = np.asarray(p)
for depth in (2, 4):
    levels = np.asarray(p.convert("L")) >> 8 - depth
    per = 8 // depth
    padded = np.pad(levels, ((0, 0), (0, -23 % per))).reshape(17, -1, per)
    packed = sum(padded[:, :, i].astype(int) << depth * (per - 1 - i) for i in range(per)).astype("uint8")
    add(f"png_gray_{depth}bit.png", png(23, 17, depth, 0, [r.tobytes() for r in packed]))
r16 = np.random.default_rng(2).integers(0, 65536, (17, 23, 4)).astype(">u2")
high = (r16.astype(int) >> 8).astype("uint8")
add("png_rgb16.png", png(23, 17, 16, 2, [r[:, :3].tobytes() for r in r16]), Image.fromarray(high[:, :, :3].copy()))
add("png_rgba16.png", png(23, 17, 16, 6, [r.tobytes() for r in r16]), Image.fromarray(high[:, :, :3].copy()))
add("png_gray16.png", png(23, 17, 16, 0, [r[:, 0].tobytes() for r in r16]), Image.fromarray(high[:, :, 0].copy()).convert("RGB"))

# GIF: transparent colours, frames smaller than the screen, animation
save("gif_plain.gif", p.quantize(60))
save("gif_interlaced.gif", p.quantize(60), interlace=1)
save("gif_transparent.gif", p.quantize(16), transparency=3)
save("gif_animated.gif", p.quantize(16), save_all=True, append_images=[picture(23, 17, 5).quantize(16)])


def gif_on_screen(transparent):
    """A frame of 9x7 at (5, 4) on a screen of 23x17, by moving the descriptor of a plain GIF."""
    b = io.BytesIO()
    picture(9, 7, 3).quantize(8).save(b, "GIF", **({"transparency": 2} if transparent else {}))
    g = bytearray(b.getvalue())
    g[6:10] = struct.pack("<HH", 23, 17)
    at = 13 + 3 * (2 << (g[10] & 7))
    while g[at] == 0x21:
        at += 2
        while g[at]:
            at += 1 + g[at]
        at += 1
    assert g[at] == 0x2C
    g[at + 1 : at + 5] = struct.pack("<HH", 5, 4)
    return bytes(g)


add("gif_offset.gif", gif_on_screen(False))
add("gif_offset_transparent.gif", gif_on_screen(True))

# WebP
save("webp_lossy.webp", p, quality=80)
save("webp_lossy_even.webp", picture(24, 18), quality=60)
save("webp_lossy_1x1.webp", picture(1, 1), quality=90)
save("webp_lossy_3x2.webp", picture(3, 2), quality=90)
save("webp_lossy_alpha.webp", rgba, quality=80)
save("webp_lossless.webp", p, lossless=True)
save("webp_lossless_alpha.webp", rgba, lossless=True, exact=True)

# BMP
save("bmp_rgb.bmp", p)
save("bmp_palette.bmp", p.quantize(40))
save("bmp_gray.bmp", p.convert("L"))
save("bmp_1bit.bmp", p.convert("1"))

# Orientation: EXIF in all eight values, both byte orders, in PNG and WebP; XMP; ImageMagick's text
for o in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = o
    save(f"exif_{o}.jpg", p, quality=90, exif=exif)
big = b"Exif\0\0MM\0*\0\0\0\x08\0\x02\x01\x0f\0\x02\0\0\0\x04abc\0\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
save("exif_big_endian.jpg", p, quality=90, exif=big)
save("exif_out_of_range.jpg", p, quality=90, exif=big.replace(b"\x01\0\x06\0\0", b"\x01\0\x09\0\0"))
exif = Image.Exif()
exif[0x0112] = 8
save("exif.png", p, exif=exif)
save("exif.webp", p, quality=80, exif=exif)
xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
save("xmp.jpg", p, quality=90, xmp=xmp)
save("xmp.webp", p, quality=80, xmp=xmp)
info = PngImagePlugin.PngInfo()
info.add_itxt("XML:com.adobe.xmp", xmp.decode())
save("xmp.png", p, pnginfo=info)
profile = big[:6] + big[6:]
for zipped in (False, True):
    info = PngImagePlugin.PngInfo()
    info.add_text("Raw profile type exif", f"\nexif\n{len(profile):8}\n{profile.hex()}\n", zip=zipped)
    save(f"exif_raw_profile{'_zip' if zipped else ''}.png", p, pnginfo=info)

# Resizing
for w, h in ((61, 43), (43, 61), (40, 40)):
    src = picture(w, h, 7)
    src.save(resize / f"source_{w}_{h}.png")
    for short, crop in ((20, 16), (37, 32), (43, 38), (59, 50), (9, 8), (40, 33)):
        if w <= h:
            size = (short, int(short * h / w))
        else:
            size = (int(short * w / h), short)
        im = src if size == src.size else src.resize(size, Image.BILINEAR)
        left, top = int(round((im.width - crop) / 2.0)), int(round((im.height - crop) / 2.0))
        write_ppm(resize / f"{w}_{h}_{short}_{crop}.ppm", im.crop((left, top, left + crop, top + crop)))
        if (w, h) == (61, 43):
            gray = src.convert("L").resize(size, Image.BILINEAR).crop((left, top, left + crop, top + crop))
            (resize / f"{w}_{h}_{short}_{crop}.pgm").write_bytes(b"P5\n%d %d\n255\n" % gray.size + gray.tobytes())

# Arrays
x = np.arange(5 * 2 * 3 * 4)
y = np.array([7, 5, 7, 9, 5])
np.savez(arrays / "float.npz", x=x.reshape(5, 2, 3, 4).astype("f4"), y=y)
np.savez_compressed(
    arrays / "float_big_endian.npz",
    x=x.reshape(5, 2, 3, 4).astype(">f4"),
    y=y.astype(">i2"),
    x_val=x[:24].reshape(1, 2, 3, 4).astype("f4"),
    y_val=np.array([9], "u1"),
)
np.savez_compressed(arrays / "pixels.npz", x=(x[:60] % 256).reshape(5, 2, 2, 3).astype("u1"), y=y)
np.savez(
    arrays / "named.npz",
    x_train=(x[:20] % 256).reshape(5, 2, 2).astype("u1"),
    y_train=np.array([0, 2, 1, 0, 2]).reshape(5, 1),
    x_test=(x[:8] % 256).reshape(2, 2, 2).astype("u1"),
    y_test=np.array([2, 2]),
    classes=np.array(["cat", "dog", "\u00e9l\u00e9phant"]),
)
