#!/usr/bin/env python3
"""Our pixels against Pillow on the PNGs of libpng's own tests: every colour type, depth and filter, and files that once
crashed a decoder, which are refused.

Usage: compare_pngs.py PRINT_DATA LIBPNG
LIBPNG is the unpacked source. Nothing may take more than its memory.
"""
import glob
import os
import resource
import struct
import subprocess
import sys
import warnings

import numpy as np
from PIL import Image

warnings.simplefilter("ignore")
MEMORY_BYTES = 512 << 20
PILLOW, SHOWN = 0, 1
N_GOOD, N_CRASHERS = 164, 23
# Crashers that are read, and why. Pillow reads neither.
READ = {
    "badadler.png": "a wrong Adler-32 in the pixels, which data/images/image.h does not look at",
    "empty_ancillary_chunks.png": "chunks without bytes that a picture does not need",
}


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def ask(process, rule, path):
    """Pixels (H, W, 3), or the text of a refusal."""
    process.stdin.write(f"decode {rule} {path}\n".encode())
    process.stdin.flush()
    width, n = struct.unpack("<ii", process.stdout.read(8))
    if not width:
        return process.stdout.read(n).decode()
    return np.frombuffer(process.stdout.read(3 * width * n), np.uint8).reshape(n, width, 3)


def on_white(path):
    """Composed by Pillow, or None where its own reading of alpha is not the standard's: keys other than of 8 bits."""
    with Image.open(path) as image:
        with open(path, "rb") as f:
            depth = f.read(25)[24]
        if image.mode == "I" or ("transparency" in image.info and image.mode != "P" and depth != 8):
            return None
        if image.mode in ("RGBA", "LA") or "transparency" in image.info:
            rgba = image.convert("RGBA")
            paper = Image.new("RGB", image.size, "white")
            paper.paste(rgba, mask=rgba.getchannel("A"))
            return np.asarray(paper)
        return np.asarray(image.convert("RGB"))


def main():
    program, libpng = sys.argv[1:3]
    process = subprocess.Popen([program, "pixels"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=limit)
    pngs = sorted(glob.glob(f"{libpng}/contrib/pngsuite/**/*.png", recursive=True) +
                  glob.glob(f"{libpng}/contrib/testpngs/**/*.png", recursive=True))
    crashers = [path for path in pngs if "/crashers/" in path]
    good = [path for path in pngs if path not in crashers]
    passed = failed = n_shown = 0

    def note(is_good, *words):
        nonlocal passed, failed
        passed += bool(is_good)
        failed += not is_good
        if not is_good:
            print(*words)

    for path in good:
        with Image.open(path) as image:
            expected = np.asarray(image.convert("RGB"))
        for rule, pixels in ((PILLOW, expected), (SHOWN, on_white(path))):
            if pixels is None:
                continue
            n_shown += rule == SHOWN
            found = ask(process, rule, path)
            if isinstance(found, str):
                note(False, f"{path}: refused: {found}")
            else:
                note(np.array_equal(found, pixels), f"{path}: rule {rule}: other pixels than Pillow's")
    for path in crashers:
        found = ask(process, PILLOW, path)
        note(isinstance(found, str) == (os.path.basename(path) not in READ), f"{path}: {found}")
    note(len(good) == N_GOOD and len(crashers) == N_CRASHERS, f"{len(good)} PNGs and {len(crashers)} crashers")
    process.stdin.close()
    note(process.wait() == 0, f"print_data ended with {process.returncode}")
    print(f"{len(good)} PNGs, {n_shown} of them on white too; {len(crashers)} crashers, {len(READ)} of them read")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
