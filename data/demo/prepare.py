#!/usr/bin/python3
"""Real image-text shards from Debian 12 packages.

    /usr/bin/python3 data/demo/prepare.py FOLDER [--processes N]

Writes FOLDER/shards/{emoji,openclipart,photo,fashion}-{train,val,test}-000000.tar (key.png, key.txt,
key.json; fashion also key.cls), FOLDER/captions.txt with the training captions of the two base
domains, and FOLDER/fashion-{classnames,templates}.txt. A second call with the same script reuses
what is there. The bytes depend on the packages and Pillow only.

Packages: fonts-noto-color-emoji, unicode-cldr-core, openclipart-png, openclipart-svg,
tuxpaint-stamps-default, dataset-fashion-mnist, python3-pil, python3-fonttools, python3-numpy.

Split: by a hash of what the sample is about, so that a concept of the test split is unseen in
every drawing style: 1 in 10 test, 1 in 10 val. Fashion-MNIST keeps its own test split.
"""
import argparse
import collections
import gzip
import hashlib
import html
import io
import json
import multiprocessing
import os
import re
import shutil
import sys
import tarfile
import xml.etree.ElementTree

import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image

FONT = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
ANNOTATIONS = "/usr/share/unicode/cldr/common"
OPENCLIPART = "/usr/share/openclipart"
STAMPS = "/usr/share/tuxpaint/stamps"
FASHION = "/usr/share/datasets/fashion-mnist"
PACKAGE_OF = {
    FONT: "fonts-noto-color-emoji",
    ANNOTATIONS: "unicode-cldr-core",
    OPENCLIPART + "/png": "openclipart-png",
    OPENCLIPART + "/svg": "openclipart-svg",
    STAMPS: "tuxpaint-stamps-default",
    FASHION: "dataset-fashion-mnist",
}
SPLITS = ("train", "val", "test")
SIDE = 64
# A few pictures have hundreds of megapixels; decoding those would take longer than all others.
PIXELS_MAX = 8_000_000
# Two pictures whose difference hashes differ in at most this many of 256 bits count as the same.
SAME_BITS = 4
Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit; ours is above, from the header too

Sample = collections.namedtuple("Sample", "key split image caption about")


def split_of(concept):
    value = int(hashlib.sha256(("vlcp-v1:" + concept).encode()).hexdigest()[:8], 16) % 10
    return {0: "test", 1: "val"}.get(value, "train")


def render(image, side=SIDE):
    """The whole picture, centred on a white square."""
    if image.mode in ("I", "I;16"):  # 16 bits of grey
        image = Image.fromarray((np.asarray(image.convert("I")) >> 8).astype(np.uint8))
    image = image.convert("RGBA")
    ground = Image.new("RGBA", image.size, "white")
    ground.alpha_composite(image)
    scale = side / max(image.size)
    size = [max(1, round(length * scale)) for length in image.size]
    small = ground.convert("RGB").resize(size, Image.BICUBIC)
    square = Image.new("RGB", (side, side), "white")
    square.paste(small, ((side - size[0]) // 2, (side - size[1]) // 2))
    return square


def png(image):
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def folder_tags(path):
    """The folders of a collection as tags; theirs are plural names, the tags of emoji are singular."""
    tags = []
    for folder in path.split("/")[:-1]:
        if folder.endswith("ies"):
            folder = folder[:-3] + "y"
        elif folder.endswith("s") and not folder.endswith("ss"):
            folder = folder[:-1]
        tags.append(folder.replace("_", " "))
    return tags


def captioned(label, tags):
    return f"{label}: {', '.join(tags)}" if tags else label


# --------------------------------------------------------------------------------------- emoji


def ranges(text):
    """"23f0-23f3 2b1b" -> set of code points."""
    points = set()
    for word in text.split():
        low, _, high = word.partition("-")
        points.update(range(int(low, 16), int(high or low, 16) + 1))
    return points


# Left out: what differs by colour, hour, letter or number only, and pictures of several people
# that differ by gender.
COMPONENTS = ranges("1f3fb-1f3ff 1f9b0-1f9b3 23 2a 30-39 20e3")
CLOCKS = ranges("231a-231b 23f0-23f3 1f550-1f567 1f570")
LETTERS = ranges("1f170-1f171 1f17e-1f17f 1f18e 1f191-1f19a 1f201-1f251 24c2 2139 3297 3299 1f51f-1f524")
SHAPES = ranges("1f534-1f53b 1f7e0-1f7eb 26aa-26ab 2b1b-2b1c 25aa-25fe 1f4a0 1f518 1f532-1f533")
FLAGS = ranges("1f1e6-1f1ff 1f3c1 1f6a9 1f38c 1f3f3 1f3f4 e0000-e007f")
COUPLES = ranges("1f46b-1f46d 1f48f 1f491")
LEFT_OUT = COMPONENTS | CLOCKS | LETTERS | SHAPES | FLAGS | COUPLES
# In a sequence these make a variant of a picture that is there without them.
VARIANTS = ranges("1f468-1f469 1f91d 2640 2642 1f3fb-1f3ff")


def annotations():
    """{characters: (short name, keywords)}; the name's own words serve where it is its own keyword."""
    names, keywords = {}, {}
    for folder in ("annotations", "annotationsDerived"):
        for node in xml.etree.ElementTree.parse(f"{ANNOTATIONS}/{folder}/en.xml").iter("annotation"):
            characters = node.get("cp").replace("\ufe0f", "")
            if node.get("type") == "tts":
                names.setdefault(characters, node.text.strip())
            else:
                keywords.setdefault(characters, [word.strip() for word in node.text.split("|")])
    result = {}
    for characters, name in names.items():
        words = set()
        for word in keywords.get(characters, []):
            words.update(word.lower().split() if word == name else [word.lower()])
        words.discard(name.lower())
        result[characters] = (name, sorted(words - {"with", "of", "the", "and", "in"}))
    return result


def glyphs(font):
    """Function from characters to the name of the one glyph that draws them, or None."""
    single = font.getBestCmap()
    ligatures = {}
    for lookup in font["GSUB"].table.LookupList.Lookup:
        for table in lookup.SubTable:
            table = getattr(table, "ExtSubTable", table)
            for first, rows in getattr(table, "ligatures", {}).items():
                for row in rows:
                    ligatures[(first, *row.Component)] = row.LigGlyph

    def glyph_of(characters):
        parts = tuple(single.get(ord(character)) for character in characters)
        return parts[0] if len(parts) == 1 else ligatures.get(parts)

    return glyph_of


def emoji():
    font = TTFont(FONT)
    bitmaps = font["CBDT"].strikeData[0]
    glyph_of = glyphs(font)
    for characters, (name, words) in sorted(annotations().items()):
        points = [ord(character) for character in characters]
        glyph = glyph_of(characters)
        if glyph not in bitmaps or (set(points) & LEFT_OUT):
            continue
        if len(points) > 1 and set(points) & VARIANTS:
            continue
        key = "-".join("%x" % point for point in points)
        picture = render(Image.open(io.BytesIO(bitmaps[glyph].imageData)))
        caption = captioned(name, words)
        yield Sample(key, split_of(key), picture, caption, {"concept": key, "label": name, "style": "noto"})


# --------------------------------------------------------------------------------- openclipart

UNWANTED = ("shapes", "special", "computer/icons")
NAME = re.compile(r"<dc:title[^>]*>(.*?)</dc:title>", re.S)
SUBJECT = re.compile(r"<dc:subject.*?</dc:subject>", re.S)
KEYWORD = re.compile(r"<rdf:li[^>]*>(.*?)</rdf:li>", re.S)


def clipart_paths():
    root = OPENCLIPART + "/png"
    for folder, _, files in os.walk(root):
        inside = os.path.relpath(folder, root)
        if inside.startswith(UNWANTED) or {"cards", "duplicates"} & set(inside.split("/")):
            continue
        yield from (os.path.join(inside, name[:-4]) for name in files if name.endswith(".png"))


def clipart(path):
    """(title, keywords, picture, difference hash), or None for what cannot serve."""
    try:
        with open(f"{OPENCLIPART}/svg/{path}.svg", encoding="utf-8", errors="replace") as f:
            text = f.read()
        metadata = re.search(r"<metadata.*?</metadata>", text, re.S)
        text = metadata.group(0) if metadata else text
        name, subject = NAME.search(text), SUBJECT.search(text)
        title = html.unescape(name.group(1)).replace("_", " ").strip() if name else ""
        words = KEYWORD.findall(subject.group(0)) if subject else []
        words = [html.unescape(word).strip() for word in words]
        words = [word for word in words if word and not word.startswith("hash(")]
        picture = Image.open(f"{OPENCLIPART}/png/{path}.png")
        if not title or min(picture.size) < 8 or picture.size[0] * picture.size[1] > PIXELS_MAX:
            return None
        picture = render(picture)
    except (OSError, SyntaxError, ValueError):  # the last two are Pillow's for a broken PNG
        return None
    grey = np.asarray(picture.convert("L").resize((17, 16), Image.BICUBIC)).astype(int)
    bits = np.packbits(grey[:, 1:] > grey[:, :-1])
    return title, words, picture.tobytes(), bits


def openclipart(pool):
    paths = sorted(clipart_paths())
    seen, keys = np.zeros((0, 32), np.uint8), set()
    ones = np.array([bin(value).count("1") for value in range(256)], np.uint8)
    for path, found in zip(paths, pool.imap(clipart, paths, chunksize=16)):
        if not found:
            continue
        title, words, pixels, bits = found
        key = re.sub(r"[^A-Za-z0-9]+", "_", path)
        if key in keys or len(seen) and ones[seen ^ bits].sum(1).min() <= SAME_BITS:
            continue
        keys.add(key)
        seen = np.vstack([seen, bits[None]])
        tags = words + [folder for folder in folder_tags(path) if folder not in words]
        caption = captioned(title, [tag for tag in tags if tag != "unsorted"])
        picture = Image.frombytes("RGB", (SIDE, SIDE), pixels)
        about = {"category": path.split("/")[0], "keywords": words, "title": title}
        yield Sample(key, split_of("oca:" + title.lower()), picture, caption, about)


# ------------------------------------------------------------------------------- photographs


def photo():
    """Cut-out photographs; letters, symbols and cartoons left out. Captions are an English sentence and
    the folders of the collection as tags, as the emoji have them: "A duck: animal, bird"."""
    paths = []
    for folder, _, files in os.walk(STAMPS):
        inside = os.path.relpath(folder, STAMPS)
        if inside.startswith("symbols") or "cartoon" in inside.split("/"):
            continue
        paths += [os.path.join(inside, name[:-4]) for name in files if name.endswith(".png")]
    for path in sorted(paths):
        if not os.path.exists(f"{STAMPS}/{path}.txt"):
            continue
        with open(f"{STAMPS}/{path}.txt", encoding="utf-8") as f:
            sentence = f.readline().strip()
        picture = render(Image.open(f"{STAMPS}/{path}.png"))
        caption = captioned(sentence.rstrip("."), folder_tags(path))
        about = {"category": path.split("/")[0], "path": path}
        yield Sample(path.replace("/", "_"), split_of("tux:" + sentence.lower()), picture, caption, about)


# ------------------------------------------------------------------------------------ fashion

CLASSES = (
    "t-shirt", "pair of trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
    "ankle boot",
)
TEMPLATES = ("a photo of a {}", "a grey picture of a {}", "a small photo of a {}", "a {}, an item of clothing")


def article(text):
    return re.sub(r"\ba (?=[aeiou])", "an ", text)


def idx(name, header):
    with gzip.open(f"{FASHION}/{name}.gz") as f:
        return np.frombuffer(f.read(), np.uint8, offset=header)


def fashion():
    """Pictures stay 28 x 28, as they are. The training captions vary by template."""
    for part, first, last, split in (
        ("train", 0, 6000, "train"), ("train", 6000, 6500, "val"), ("t10k", 0, 2000, "test"),
    ):
        pictures = idx(part + "-images-idx3-ubyte", 16).reshape(-1, 28, 28)
        labels = idx(part + "-labels-idx1-ubyte", 8)
        for i in range(first, last):
            y = int(labels[i])
            template = TEMPLATES[i % len(TEMPLATES)] if split == "train" else TEMPLATES[0]
            caption = article(template.format(CLASSES[y]))
            picture = Image.fromarray(pictures[i]).convert("RGB")
            yield Sample(f"{part}{i:05d}", split, picture, caption, {"label": CLASSES[y], "y": y})


# ------------------------------------------------------------------------------------- shards


def add(tar, name, content):
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o444
    member.uname = member.gname = "bigdata"
    tar.addfile(member, io.BytesIO(content))


def write_shard(path, samples):
    """A USTAR archive; the same samples give the same bytes."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for sample in samples:
            if "y" in sample.about:
                add(tar, sample.key + ".cls", str(sample.about["y"]).encode())
            about = json.dumps(sample.about, sort_keys=True, ensure_ascii=False)
            add(tar, sample.key + ".json", about.encode())
            add(tar, sample.key + ".png", png(sample.image))
            add(tar, sample.key + ".txt", sample.caption.encode())


def write_text(path, lines):
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(line + "\n" for line in lines)


def require_packages():
    missing = sorted({package for path, package in PACKAGE_OF.items() if not os.path.exists(path)})
    if missing:
        sys.exit(f"prepare: data is missing; run: apt-get install {' '.join(missing)}")


def main():
    parser = argparse.ArgumentParser(description="real image-text shards from Debian packages")
    parser.add_argument("folder")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()

    with open(__file__, "rb") as f:
        stamp = hashlib.sha256(f.read()).hexdigest()
    shards = os.path.join(options.folder, "shards")
    stamp_path = os.path.join(shards, "prepared")
    if os.path.exists(stamp_path) and open(stamp_path, encoding="ascii").read() == stamp:
        print(f"prepare: {shards} is there already")
        return
    require_packages()
    # Complete or not at all: everything is written beside the target, then renamed.
    building = shards + ".building"
    shutil.rmtree(building, ignore_errors=True)
    os.makedirs(building)
    captions = []
    with multiprocessing.Pool(options.processes) as pool:
        for name, samples in (
            ("emoji", emoji()), ("openclipart", openclipart(pool)), ("photo", photo()), ("fashion", fashion()),
        ):
            samples = list(samples)
            counts = []
            for split in SPLITS:
                chosen = [sample for sample in samples if sample.split == split]
                write_shard(f"{building}/{name}-{split}-000000.tar", chosen)
                counts.append(f"{len(chosen)} {split}")
                if split == "train" and name in ("emoji", "openclipart"):
                    captions += [sample.caption for sample in chosen]
            print(f"prepare: {name}: {', '.join(counts)}", flush=True)
    write_text(os.path.join(options.folder, "captions.txt"), [" ".join(c.split()) for c in captions])
    write_text(os.path.join(options.folder, "fashion-classnames.txt"), CLASSES)
    write_text(os.path.join(options.folder, "fashion-templates.txt"), [t.replace("{}", "{c}") for t in TEMPLATES])
    with open(building + "/prepared", "w", encoding="ascii") as f:
        f.write(stamp)
    shutil.rmtree(shards, ignore_errors=True)
    os.rename(building, shards)


if __name__ == "__main__":
    main()
