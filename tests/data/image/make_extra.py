#!/usr/bin/env python3
"""Makes extra/: small images of kinds that are rare, each with what Pillow makes of it (.rgb.png) and
what a viewer shows (.viewer.png). Made with Pillow 13.0.0 and numpy 2.4.6; seed 7."""
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

OUT = pathlib.Path(__file__).resolve().parent / "extra"
RNG = np.random.default_rng(7)


def smooth(height, width, channels):
    y, x = np.mgrid[0:height, 0:width]
    planes = [127 + 120 * np.sin(x / (3 + c) + c) * np.cos(y / (4 + c)) for c in range(channels)]
    return np.stack(planes, -1).round().astype(np.uint8)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(path, samples, color_type, bits, extra=b""):
    height, width = samples.shape[:2]
    rows = samples.astype(">u2" if bits == 16 else "u1").reshape(height, -1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra +
                     chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


def over_white(rgb, alpha):
    rgb, alpha = rgb.astype(np.int64), alpha.astype(np.int64)[..., None]
    return ((rgb * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def viewer_16(samples):
    return ((samples.astype(np.int64) + 128) // 257).astype(np.uint8)


def expect(name, viewer=None):
    with Image.open(OUT / name) as image:
        rgb = image.convert("RGB")
        rgb.save(OUT / f"{name}.rgb.png")
        if viewer is None:
            viewer = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    Image.fromarray(viewer).save(OUT / f"{name}.viewer.png")


OUT.mkdir(exist_ok=True)
wide = RNG.integers(0, 65536, (9, 11, 4), dtype=np.uint16)
png(OUT / "rgb16.png", wide[..., :3], 2, 16)
expect("rgb16.png", viewer_16(wide[..., :3]))
png(OUT / "rgba16.png", wide, 6, 16)
expect("rgba16.png", over_white(viewer_16(wide[..., :3]), viewer_16(wide[..., 3])))
png(OUT / "gray_alpha16.png", wide[..., :2], 4, 16)
expect("gray_alpha16.png",
       over_white(np.repeat(viewer_16(wide[..., :1]), 3, -1), viewer_16(wide[..., 1])))
png(OUT / "gray16.png", wide[..., 0], 0, 16)
expect("gray16.png", np.repeat(viewer_16(wide[..., :1]), 3, -1))
key = smooth(9, 11, 3)
png(OUT / "rgb_colour_key.png", key, 2, 8,
    chunk(b"tRNS", struct.pack(">HHH", *(int(v) for v in key[2, 3]))))
hidden = np.where((key == key[2, 3]).all(-1), 0, 255)
expect("rgb_colour_key.png", over_white(key, hidden))
gray2 = RNG.integers(0, 256, (5, 3), dtype=np.uint8)  # 2 bits, 4 pixels a byte
header = struct.pack(">IIBBBBB", 12, 5, 2, 0, 0, 0, 0)
(OUT / "gray2.png").write_bytes(
    b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"tEXt", b"Comment\0caf\xe9") +
    chunk(b"iCCP", b"broken\0\0no profile") +
    chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in gray2))) +
    chunk(b"IEND", b""))
expect("gray2.png")
photo = Image.fromarray(smooth(37, 53, 3))
photo.save(OUT / "progressive.jpg", quality=80, progressive=True)
expect("progressive.jpg")
photo.save(OUT / "subsampling_422.jpg", quality=70, subsampling=1)
expect("subsampling_422.jpg")
photo.convert("L").save(OUT / "gray.jpg", quality=90)
expect("gray.jpg")
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo.resize((24, 17)).save(OUT / f"orientation{orientation}.jpg", quality=95, exif=exif)
    expect(f"orientation{orientation}.jpg")
for height in (16, 17):  # either side of the turn of the pass order
    photo.resize((43, height), Image.Resampling.BICUBIC).save(OUT / f"resize_43x{height}.png")
photo.save(OUT / "lossy.webp", quality=60)
expect("lossy.webp")
photo.save(OUT / "lossless.webp", lossless=True)
expect("lossless.webp")
rgba = smooth(19, 23, 4)
Image.fromarray(rgba, "RGBA").save(OUT / "alpha.webp", lossless=True, exact=True)
expect("alpha.webp", over_white(rgba[..., :3], rgba[..., 3]))
photo.save(OUT / "animated.webp", save_all=True, append_images=[photo.rotate(90)], lossless=True)
key_cmyk = Image.fromarray(smooth(32, 40, 4), "CMYK")  # with black ink
key_cmyk.save(OUT / "cmyk.jpg", quality=95)
expect("cmyk.jpg")
