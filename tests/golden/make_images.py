#!/usr/bin/env python3
"""Makes tests/fixtures/images: small encoded pictures, and what Pillow decodes them to.

NAME.rgb is Image.open(NAME).convert("RGB"); NAME.shown.rgb, for pictures that data/images/image.h reads in two ways, is the
picture on white (Pillow's paste) or the high byte of 16-bit grey.
Usage: /usr/bin/python3 tests/golden/make_images.py     (made with Pillow 9.4.0, libjpeg-turbo 2.1.5)
What Pillow cannot write (16-bit colour, interlacing, a colour key, most bitmaps) is put together here.
The large JPEGs have no NAME.rgb, but NAME.shrunk.rgb: what libjpeg makes of them at 1/2, 1/4 and 1/8 (Pillow's draft).
Also writes resize.rgb: results of Pillow's bicubic resize for the size pairs of test_resize.c, and
augment.rgb: results of its colour functions for test_augment.c, gap.rgb: a JPEG read at 1/4 and 1/2 for test_dataset.c.
"""
import io
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


def write_rgb(name, image):
    rgb = np.asarray(image)
    with open(f"{OUT}/{name}.rgb", "wb") as f:
        f.write(struct.pack("<ii", rgb.shape[1], rgb.shape[0]) + rgb.tobytes())


def on_white(image):
    image = image.convert("RGBA")
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(image, mask=image.split()[3])
    return white


def save(name, data):
    """Writes an encoded picture and what Pillow makes of it."""
    with open(f"{OUT}/{name}", "wb") as f:
        f.write(data)
    back = Image.open(io.BytesIO(data))
    write_rgb(name, back.convert("RGB"))
    if back.mode == "I":
        write_rgb(name + ".shown", Image.fromarray((np.asarray(back) >> 8).astype(np.uint8)).convert("RGB"))
    elif back.format != "BMP" and (back.mode in ("RGBA", "LA") or "transparency" in back.info):
        write_rgb(name + ".shown", on_white(back))


def pillow(name, im, **options):
    data = io.BytesIO()
    im.save(data, Image.registered_extensions()[os.path.splitext(name)[1]], **options)
    save(name, data.getvalue())


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, color, rows, extra=b"", interlace=0):
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace))
            + extra + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def lines(rows):
    """Rows of a PNG, each after its filter byte: none."""
    return b"".join(b"\0" + row.tobytes() for row in rows)


def packed(index, bits):
    """Numbers of 1, 2 or 4 bits, the first in the high bits; a row ends with a whole byte."""
    pad = np.zeros((index.shape[0], -index.shape[1] % (8 // bits)), index.dtype)
    index = np.concatenate((index, pad), axis=1).reshape(index.shape[0], -1, 8 // bits)
    return (index << np.arange(8 - bits, -1, -bits)).sum(axis=2).astype(np.uint8)


def interlaced(a, pack=lambda part: part):
    return b"".join(lines(pack(a[y0::dy, x0::dx])) for x0, y0, dx, dy in
                    [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)])


def bmp(rows, bits, palette=b"", masks=(), top_down=False):
    """A bitmap; rows (H, bytes) from the top."""
    header = 108 if len(masks) == 4 else 40
    coding = 3 if masks else 0
    extra = b"".join(struct.pack("<I", m) for m in masks).ljust(header - 40 if header > 40 else 4 * len(masks), b"\0")
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    data = (rows if top_down else rows[::-1]).tobytes()
    start = 54 + len(extra) + len(palette)
    return (b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start)
            + struct.pack("<IiiHHIIiiII", header, W, -H if top_down else H, 1, bits, coding, len(data), 2835, 2835,
                          len(palette) // 4, 0) + extra + palette + data)


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
    deep = (noise(W, H, 4).astype(np.uint16) << 8) | noise(H, W, 4).transpose(1, 0, 2)
    big = deep.astype(">u2")
    save("deep.png", png(W, H, 16, 2, lines(big[:, :, :3])))
    save("deep_alpha.png", png(W, H, 16, 6, lines(big)))
    save("deep_grey.png", png(W, H, 16, 0, lines(big[:, :, 0])))
    save("dark_grey.png", png(W, H, 16, 0, lines(big[:, :, 0] >> 7)))
    save("deep_grey_alpha.png", png(W, H, 16, 4, lines(big[:, :, :2])))
    save("interlaced.png", png(W, H, 8, 2, interlaced(rgb), interlace=1))
    save("grey_2.png", png(W, H, 2, 0, lines(packed(rgb[:, :, 0] >> 6, 2))))
    save("grey_4_interlaced.png", png(W, H, 4, 0, interlaced(rgb[:, :, 0] >> 4, lambda a: packed(a, 4)), interlace=1))
    save("color_key.png", png(W, H, 8, 2, lines(rgb), chunk(b"tRNS", struct.pack(">3H", *map(int, rgb[5, 5])))))
    save("grey_key.png", png(W, H, 8, 0, lines(rgb[:, :, 0]), chunk(b"tRNS", struct.pack(">H", int(rgb[5, 5, 0])))))
    # A palette of five colours, and pixels that ask for the ninth.
    index = noise(W, H, 1)[:, :, 0] % 9
    colors = np.array([[i * 40 + 10, 250 - i * 50, 90, 0] for i in range(9)]).astype(np.uint8)
    save("palette_short.png", png(W, H, 8, 3, lines(index), chunk(b"PLTE", colors[:5, :3].tobytes())))
    save("palette_2_interlaced.png", png(W, H, 2, 3, interlaced(index % 4, lambda a: packed(a, 2)),
                                         chunk(b"PLTE", colors[:4, :3].tobytes()), interlace=1))
    Image.fromarray(rgba, "CMYK").save(f"{OUT}/cmyk.jpg", quality=90)
    with open(f"{OUT}/cmyk.jpg", "rb") as f:
        cmyk = f.read()
    save("cmyk.jpg", cmyk)
    at = cmyk.index(b"Adobe") + 11  # the transform: 0 none, 2 YCCK
    save("ycck.jpg", cmyk[:at] + b"\2" + cmyk[at + 1:])
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    pillow("turned.jpg", color, quality=85, exif=exif)
    save("palette_8.bmp", bmp(index, 8, colors[:5].tobytes()))
    save("palette_4.bmp", bmp(packed(index, 4), 4, colors.tobytes()))
    save("bit.bmp", bmp(packed(index % 2, 1), 1, colors[:2].tobytes(), top_down=True))
    small = deep[:, :, 0].astype("<u2").view(np.uint8).reshape(H, -1)
    save("rgb_555.bmp", bmp(small, 16))
    save("rgb_565.bmp", bmp(small, 16, masks=(0xF800, 0x7E0, 0x1F)))
    save("alpha.bmp", bmp(rgba.reshape(H, -1), 32, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000)))
    save("plain_32.bmp", bmp(rgba.reshape(H, -1), 32))


def make_large():
    """JPEGs with so many blocks that part of them is worth decoding, and that the scan can skip rows."""
    im = Image.fromarray(noise(203, 149, 3)).resize((203, 149), Image.BICUBIC, box=(0, 0, 101, 74))
    for name, options in (("420", {}), ("422", {"subsampling": 1}), ("444", {"subsampling": 0}),
                          ("progressive", {"progressive": True})):
        path = f"{OUT}/large_{name}.jpg"
        im.save(path, quality=60, **options)
        with open(f"{path}.shrunk.rgb", "wb") as f:
            for n in (2, 4, 8):
                small = Image.open(path)
                small.draft("RGB", (203 // n, 149 // n))
                rgb = np.asarray(small)
                assert rgb.shape == (-(-149 // n), -(-203 // n), 3)
                f.write(rgb.tobytes())
    # The evaluation transform to 32 x 32 from such pictures; the box says where the original ends in the last pixel.
    with open(f"{OUT}/gap.rgb", "wb") as f:
        for n in (4, 2):
            small = Image.open(f"{OUT}/large_420.jpg")
            small.draft("RGB", (203 // n, 149 // n))
            small = small.resize((32 * 203 // 149, 32), Image.BICUBIC, box=(0, 0, 203 / n, 149 / n))
            x = round((small.width - 32) / 2)
            f.write(np.asarray(small.crop((x, 0, x + 32, 32))).tobytes())


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
    make_large()
    make_resizes()
    make_colors()
