#!/usr/bin/env python3
"""Makes tests/fixtures/images: small encoded pictures, and what Pillow decodes them to (NAME.rgb).

Usage: /usr/bin/python3 tests/golden/make_images.py     (made with Pillow 9.4.0, libjpeg-turbo 2.1.5)
Pictures with alpha are pasted on white, as data/image.h says. What Pillow cannot write (16-bit colour,
interlacing, a colour key) is put together here, and its pixels are taken from the source array.
Also writes resize.rgb: results of Pillow's bicubic resize for the size pairs of test_resize.c, and
augment.rgb: results of its colour functions for test_augment.c.
"""
import os
import struct
import zlib

import numpy as np
from PIL import Image, ImageEnhance

OUT = "tests/fixtures/images"
W, H = 29, 22
PAIRS = [(31, 17, 64, 40), (64, 48, 31, 17), (61, 37, 24, 24), (100, 9, 10, 30), (3, 2, 7, 5), (24, 24, 24, 11),
         (24, 24, 11, 24), (200, 150, 16, 16), (1, 1, 4, 3), (33, 71, 5, 64)]


def noise(w, h, channels):
    """The picture that tests/fixture_picture in C makes too: smooth, with hard edges and noise."""
    y, x, c = np.meshgrid(np.arange(h), np.arange(w), np.arange(channels), indexing="ij")
    v = x * 5 + y * 3 + c * 70 + ((x * x + 3 * y * y + 7 * x * y) % 31) * 4 + ((x // 7 + y // 5) % 2) * 90
    return (v % 256).astype(np.uint8)


def save(name, data, rgb):
    with open(f"{OUT}/{name}", "wb") as f:
        f.write(data)
    if rgb is not None:
        with open(f"{OUT}/{name}.rgb", "wb") as f:
            f.write(struct.pack("<ii", rgb.shape[1], rgb.shape[0]) + rgb.astype(np.uint8).tobytes())


def pillow(name, im, **options):
    im.save(f"{OUT}/{name}", **options)
    back = Image.open(f"{OUT}/{name}")
    if back.mode in ("RGBA", "LA") or "transparency" in back.info:
        back = back.convert("RGBA")
        white = Image.new("RGB", back.size, (255, 255, 255))
        white.paste(back, mask=back.split()[3])
        back = white
    with open(f"{OUT}/{name}", "rb") as f:
        save(name, f.read(), np.asarray(back.convert("RGB")))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, color, rows, extra=b"", interlace=0):
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace))
            + extra + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def interlaced(a):
    rows = b""
    for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        for row in a[y0::dy, x0::dx]:
            rows += b"\0" + row.tobytes()
    return rows


def make_pictures():
    rgb = noise(W, H, 3)
    rgba = noise(W, H, 4)
    color = Image.fromarray(rgb)
    grey = Image.fromarray(rgb[:, :, 0])
    pillow("color_420.jpg", color, quality=85)
    pillow("color_444.jpg", color, quality=95, subsampling=0)
    pillow("grey.jpg", grey, quality=85)
    pillow("progressive.jpg", color, quality=80, progressive=True)
    pillow("color.png", color)
    pillow("alpha.png", Image.fromarray(rgba))
    pillow("grey.png", grey)
    pillow("grey_alpha.png", Image.merge("LA", (grey, Image.fromarray(rgb[:, :, 1]))))
    pillow("palette.png", color.quantize(16))
    pillow("palette_key.png", color.quantize(16), transparency=3)
    pillow("palette_alpha.png", color.quantize(8), transparency=bytes([0, 40, 80, 120, 160, 200, 240, 255]))
    pillow("bit.png", grey.convert("1"))
    pillow("lossy.webp", color, quality=70)
    pillow("lossless_alpha.webp", Image.fromarray(rgba), lossless=True)
    pillow("color.bmp", color)
    deep = (noise(W, H, 3).astype(np.uint16) << 8) | noise(H, W, 3).transpose(1, 0, 2)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    save("deep.png", png(W, H, 16, 2, rows), deep >> 8)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep[:, :, 0])
    save("deep_grey.png", png(W, H, 16, 0, rows), np.repeat(deep[:, :, :1] >> 8, 3, axis=2))
    save("interlaced.png", png(W, H, 8, 2, interlaced(rgb), interlace=1), rgb)
    key = rgb[5, 5]
    rows = b"".join(b"\0" + row.tobytes() for row in rgb)
    white = np.where((rgb == key).all(axis=2, keepdims=True), 255, rgb)
    save("color_key.png", png(W, H, 8, 2, rows, chunk(b"tRNS", struct.pack(">3H", *map(int, key)))), white)
    # A palette of five colours, and pixels that ask for the ninth: black.
    index = noise(W, H, 1)[:, :, 0] % 9
    colors = np.array([[i * 40 + 10, 250 - i * 50, 90] for i in range(5)] + [[0, 0, 0]] * 4)
    rows = b"".join(b"\0" + row.tobytes() for row in index)
    extra = chunk(b"PLTE", colors[:5].astype(np.uint8).tobytes())
    save("palette_short.png", png(W, H, 8, 3, rows, extra), colors[index])
    color.convert("CMYK").save(f"{OUT}/cmyk.jpg")


def make_resizes():
    with open(f"{OUT}/resize.rgb", "wb") as f:
        for w, h, w2, h2 in PAIRS:
            f.write(np.asarray(Image.fromarray(noise(w, h, 3)).resize((w2, h2), Image.BICUBIC)).tobytes())
        # A box that is cut out first, and the evaluation transform of a wide and a tall picture.
        im = Image.fromarray(noise(90, 70, 3))
        f.write(np.asarray(im.crop((13, 7, 13 + 41, 7 + 29)).resize((20, 20), Image.BICUBIC)).tobytes())
        for w, h, n in ((61, 40, 24), (40, 63, 24), (24, 24, 24), (51, 50, 25)):
            w2, h2 = (n, int(n * h / w)) if w <= h else (int(n * w / h), n)
            x, y = round((w2 - n) / 2), round((h2 - n) / 2)
            im = Image.fromarray(noise(w, h, 3)).resize((w2, h2), Image.BICUBIC)
            f.write(np.asarray(im.crop((x, y, x + n, y + n))).tobytes())


def make_colors():
    im = Image.fromarray(noise(24, 24, 3))
    with open(f"{OUT}/augment.rgb", "wb") as f:
        for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            for factor in (0.0, 0.25, 0.7, 1.0, 1.3, 1.75):
                f.write(np.asarray(enhance(im).enhance(factor)).tobytes())
        for turn in (-0.5, -0.1, 0.05, 0.25, 0.5):
            # torchvision.transforms.functional_pil.adjust_hue
            h, s, v = im.convert("HSV").split()
            moved = np.asarray(h).astype(np.int64) + int(turn * 255)
            h = Image.fromarray((moved % 256).astype(np.uint8))
            f.write(np.asarray(Image.merge("HSV", (h, s, v)).convert("RGB")).tobytes())
        f.write(np.asarray(im.convert("L").convert("RGB")).tobytes())
        # torchvision.transforms.functional_tensor.gaussian_blur, in double.
        for sigma in (0.1, 0.8, 2.0):
            r = int(np.ceil(np.float32(3) * np.float32(sigma)))
            k = np.exp(-0.5 * (np.arange(-r, r + 1) / sigma) ** 2)
            k /= k.sum()
            a = np.pad(noise(24, 24, 3).astype(np.float64), ((r, r), (r, r), (0, 0)), mode="reflect")
            b = sum(k[i] * k[j] * a[i:i + 24, j:j + 24] for i in range(2 * r + 1) for j in range(2 * r + 1))
            f.write(np.floor(b + 0.5).astype(np.uint8).tobytes())


if __name__ == "__main__":
    os.makedirs(OUT, exist_ok=True)
    make_pictures()
    make_resizes()
    make_colors()
