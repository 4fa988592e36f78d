#!/usr/bin/env python3
"""Our pixels against Pillow, webdataset, torchvision and open_clip, byte for byte, over real pictures.

Usage: build-peers/bin/python tests/peers/compare_pixels.py PRINT_DATA FOLDER ROOT...
FOLDER is empty and takes the pictures that are made; ROOTs are where Debian packages lie. The originals are clip
art, photographs and the test pictures of Go; from them come further formats, modes and sizes by a fixed seed.
For each picture: decoding by webdataset's "pilrgb" (what open_clip trains on) and on white; open_clip's evaluation
transform at two sizes; torchvision's resized_crop of a random box, as random resized crops do.
"""
import collections
import glob
import io
import os
import random
import struct
import subprocess
import sys
import warnings

import numpy as np
import torch
from open_clip.transform import image_transform
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F
from webdataset.autodecode import imagehandler

sys.path.insert(0, "tests/golden")
import make_images

SEED = 5
SIZES = (32, 48, 64, 96, 160, 224, 256, 288, 336, 384, 448)
PIXELS_MAX = 6_000_000  # of an original, so that the whole takes minutes
N_CLIPART, N_PHOTOS, N_MADE = 200, 120, 500
PILLOW, SHOWN = 0, 1
BROKEN = ("invalid-crc32.png", "invalid-noend.png", "invalid-trunc.png")
UNCHECKED = ("invalid-zlib.png",)  # a wrong Adler-32, which Pillow refuses and data/images/image.h does not look at

warnings.simplefilter("ignore")
rng = random.Random(SEED)


class Ours:
    def __init__(self, program):
        self.process = subprocess.Popen([program, "pixels"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, request):
        """Pixels (H, W, 3), or the text of a refusal."""
        self.process.stdin.write(request.encode() + b"\n")
        self.process.stdin.flush()
        width, n = struct.unpack("<ii", self.process.stdout.read(8))
        if not width:
            return self.process.stdout.read(n).decode()
        return np.frombuffer(self.process.stdout.read(3 * width * n), np.uint8).reshape(n, width, 3)


def originals(roots):
    """Clip art, photographs and drawings, Go's test pictures."""
    def files(pattern):
        return sorted(f for root in roots for f in glob.glob(os.path.join(root, pattern), recursive=True))

    def few(paths, n):
        out = []
        for path in rng.sample(paths, len(paths)):
            with Image.open(path) as image:
                if image.width * image.height <= PIXELS_MAX and min(image.size) >= 2:
                    out.append(path)
            if len(out) == n:
                return out
        return out

    Image.MAX_IMAGE_PIXELS = None
    clipart = few(files("usr/share/openclipart/png/**/*.png"), N_CLIPART)
    photos = few(files("usr/share/tuxpaint/stamps/**/*.png"), N_PHOTOS)
    go = files("usr/share/go-1.19/src/image/**/testdata/**/*.png") + \
        files("usr/share/go-1.19/src/image/testdata/*.jpeg")
    return clipart, photos, sorted(set(go))


def sixteen(image, color, kind):
    """A PNG of 16 bits, which Pillow cannot write: the low byte is noise."""
    high = np.asarray(image.convert(kind)).astype(np.uint16)
    noise = np.random.RandomState(rng.randrange(1 << 30)).randint(0, 256, high.shape)
    deep = ((high << 8) | noise).astype(">u2")
    return make_images.png(image.width, image.height, 16, color, make_images.lines(deep))


def encode(image, kind):
    """Bytes of the picture in a format and mode."""
    rgb, out = image.convert("RGB"), io.BytesIO()
    quality = rng.randint(20, 98)
    jpeg = dict(format="JPEG", quality=quality, subsampling=rng.randrange(3), progressive=rng.random() < 0.4,
                optimize=rng.random() < 0.5)
    if kind == "jpeg":
        rgb.save(out, **jpeg)
    elif kind == "jpeg grey":
        rgb.convert("L").save(out, **jpeg)
    elif kind in ("jpeg cmyk", "jpeg ycck"):
        inks = rgb.convert("CMYK").split()[:3] + (rgb.convert("L").point(lambda v: (255 - v) // 2),)
        Image.merge("CMYK", inks).save(out, format="JPEG", quality=quality)
        data = out.getvalue()
        if kind == "jpeg cmyk":
            return data
        at = data.index(b"Adobe") + 11
        return data[:at] + b"\2" + data[at + 1:]
    elif kind == "jpeg turned":
        exif = Image.Exif()
        exif[0x0112] = rng.randint(2, 8)
        rgb.save(out, exif=exif, **jpeg)
    elif kind == "webp":
        rgb.save(out, "WEBP", quality=quality, method=rng.randrange(4))
    elif kind == "webp alpha":
        image.convert("RGBA").save(out, "WEBP", quality=quality, exact=rng.random() < 0.5)
    elif kind == "webp lossless":
        image.convert(rng.choice(("RGB", "RGBA"))).save(out, "WEBP", lossless=True, exact=rng.random() < 0.5)
    elif kind == "png palette":
        rgb.quantize(rng.choice((2, 3, 4, 7, 16, 100, 256))).save(out, "PNG")
    elif kind == "png palette, key":
        n = rng.choice((2, 4, 16, 256))
        rgb.quantize(n).save(out, "PNG", transparency=rng.randrange(n))
    elif kind == "png palette, alpha":
        n = rng.choice((2, 4, 16, 200))
        rgb.quantize(n).save(out, "PNG", transparency=bytes(rng.randrange(256) for _ in range(n)))
    elif kind == "png key":
        key = rgb.getpixel((rng.randrange(rgb.width), rng.randrange(rgb.height)))
        rgb.save(out, "PNG", transparency=key)
    elif kind == "png grey key":
        grey = rgb.convert("L")
        grey.save(out, "PNG", transparency=grey.getpixel((rng.randrange(rgb.width), rng.randrange(rgb.height))))
    elif kind == "png 16-bit grey":
        return sixteen(image, 0, "L")
    elif kind == "png 16-bit":
        return sixteen(image, 2, "RGB")
    elif kind == "png 16-bit grey alpha":
        return sixteen(image, 4, "LA")
    elif kind == "png 16-bit alpha":
        return sixteen(image, 6, "RGBA")
    elif kind == "png interlaced":
        mode, color = rng.choice((("L", 0), ("RGB", 2), ("LA", 4), ("RGBA", 6)))
        pixels = np.asarray(image.convert(mode))
        return make_images.png(image.width, image.height, 8, color, make_images.interlaced(pixels), interlace=1)
    elif kind.startswith("png "):
        image.convert(kind[4:]).save(out, "PNG")
    elif kind == "bmp palette":
        rgb.quantize(rng.choice((2, 5, 16, 256))).save(out, "BMP")
    else:
        image.convert(kind[4:]).save(out, "BMP")
    return out.getvalue()


KINDS = ("jpeg", "jpeg", "jpeg", "jpeg", "jpeg grey", "jpeg cmyk", "jpeg ycck", "jpeg turned", "webp", "webp",
         "webp alpha", "webp lossless", "png 1", "png L", "png LA", "png RGB", "png RGBA", "png palette",
         "png palette, key", "png palette, alpha", "png key", "png grey key", "png 16-bit grey", "png 16-bit",
         "png 16-bit grey alpha", "png 16-bit alpha", "png interlaced", "bmp 1", "bmp L", "bmp RGB", "bmp RGBA",
         "bmp palette")


def make(folder, sources):
    """Pictures of every kind, each a random part of an original at a random scale."""
    out = []
    for i in range(N_MADE):
        kind = KINDS[i % len(KINDS)]
        with Image.open(rng.choice(sources)) as image:
            image = image.convert("RGBA")
        w, h = (max(1, int(side * rng.uniform(0.4, 1))) for side in image.size)
        x, y = rng.randint(0, image.width - w), rng.randint(0, image.height - h)
        long_side = int(2 ** rng.uniform(3, 10.7))
        scale = long_side / max(w, h)
        image = image.crop((x, y, x + w, y + h))
        image = image.resize((max(1, round(w * scale)), max(1, round(h * scale))), Image.BILINEAR)
        path = f"{folder}/{i}"
        with open(path, "wb") as f:
            f.write(encode(image, kind))
        out.append((path, kind))
    return out


def kind_of(path):
    with Image.open(path) as image:
        extra = " transparency" if "transparency" in image.info else ""
        return f"{image.format} {image.mode}{extra}"


def shown(path):
    """On white, or the high byte of 16-bit grey; None where Pillow's own reading of a key is not the standard's."""
    image = Image.open(path)
    if image.mode == "I":
        return (np.asarray(image) >> 8).astype(np.uint8)[:, :, None].repeat(3, axis=2)
    with open(path, "rb") as f:
        depth, color = f.read(26)[24:26]
    if "transparency" in image.info and image.mode != "P" and depth != 8:
        return None
    alpha = image.format != "BMP" and (image.mode in ("RGBA", "LA") or "transparency" in image.info)
    return np.asarray(make_images.on_white(image) if alpha else image.convert("RGB"))


def transformed(image, n):
    """open_clip's evaluation transform as bytes."""
    out = image_transform(n, is_train=False, mean=(0, 0, 0), std=(1, 1, 1))(image)
    return torch.round(out * 255).to(torch.uint8).permute(1, 2, 0).numpy()


class Counts:
    def __init__(self):
        self.kind = collections.Counter()
        self.up = self.down = self.bytes = self.differ = self.failed = 0

    def compare(self, path, what, found, expected):
        if isinstance(found, str):
            print(f"{path}: {what}: refused: {found}")
            self.failed += 1
        elif found.shape != expected.shape:
            print(f"{path}: {what}: shape {found.shape}; expected {expected.shape}")
            self.failed += 1
        else:
            n = int((found != expected).sum())
            self.bytes += expected.size
            self.differ += n
            self.failed += n > 0
            if n:
                print(f"{path} ({kind_of(path)}): {what}: {n} of {expected.size} bytes differ, at most by "
                      f"{int(np.abs(found.astype(int) - expected.astype(int)).max())}")


def compare_picture(counts, ours, path, number):
    with open(path, "rb") as f:
        rgb = imagehandler("pilrgb")("x." + Image.open(path).format.lower().replace("bmp", "png"), f.read())
    rgb = rgb if isinstance(rgb, Image.Image) else Image.fromarray(rgb)
    counts.compare(path, "decode", ours.ask(f"decode {PILLOW} {path}"), np.asarray(rgb))
    for n in (224, SIZES[number % len(SIZES)]):
        counts.compare(path, f"evaluation {n}", ours.ask(f"center {PILLOW} {n} {path}"), transformed(rgb, n))
        counts.up += min(rgb.size) < n
        counts.down += min(rgb.size) > n
    w, h = rng.randint(1, rgb.width), rng.randint(1, rgb.height)
    x, y = rng.randint(0, rgb.width - w), rng.randint(0, rgb.height - h)
    n = rng.choice(SIZES)
    crop = F.resized_crop(rgb, y, x, h, w, [n, n], InterpolationMode.BICUBIC)
    counts.compare(path, f"box {x} {y} {w} {h} to {n}", ours.ask(f"box {PILLOW} {x} {y} {w} {h} {n} {path}"),
                   np.asarray(crop))
    white = shown(path)
    if white is not None:
        counts.compare(path, "shown", ours.ask(f"decode {SHOWN} {path}"), white)


def main():
    program, folder, roots = sys.argv[1], sys.argv[2], sys.argv[3:]
    ours, counts = Ours(program), Counts()
    clipart, photos, go = originals(roots)
    broken = [p for p in go if os.path.basename(p) in BROKEN]
    pictures = clipart + photos + [p for p in go if os.path.basename(p) not in BROKEN + UNCHECKED]
    made = make(folder, clipart + photos)
    for number, path in enumerate(pictures + [path for path, _ in made]):
        counts.kind[kind_of(path)] += 1
        compare_picture(counts, ours, path, number)
    for path in broken:
        if not isinstance(ours.ask(f"decode {PILLOW} {path}"), str):
            print(f"{path}: a damaged picture was read")
            counts.failed += 1
    n = sum(counts.kind.values())
    for kind, count in sorted(counts.kind.items()):
        print(f"  {count:4d} {kind}")
    print(f"{len(pictures)} originals and {len(made)} made from them; {counts.up} transforms scale up, {counts.down} "
          f"down; {counts.bytes} bytes compared, {counts.differ} differ; {len(broken)} damaged ones")
    if n < 500 or len(clipart) < N_CLIPART or len(photos) < N_PHOTOS or len(go) < 50:
        print(f"expected more pictures, found {n}: {len(clipart)} clip art, {len(photos)} photographs, {len(go)} of Go")
        counts.failed += 1
    print(f"{n - counts.failed} passed, {counts.failed} failed")
    return counts.failed > 0


if __name__ == "__main__":
    sys.exit(main())
