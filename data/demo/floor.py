#!/usr/bin/python3
"""What pixels and words alone give: a floor under the demo's retrieval scores.

    /usr/bin/python3 data/demo/floor.py FOLDER

Kernel ridge regression from 24-pixel pictures to the words of their captions, trained on the base
domains as the demo's base model is; a test picture then asks for the caption whose words are nearest,
and a caption for the nearest picture. A model below this has learnt nothing beyond pixels and words.
Writes FOLDER/floor.json: {domain: {"R@1": share, "R@5": share}}.
"""
import io
import json
import re
import sys
import tarfile

import numpy as np
from PIL import Image

SIDE, RIDGE = 24, 1.0


def pairs(folder, domain, *splits):
    """(pictures (n, pixels) from 0 to 1, captions)"""
    pictures, captions = [], []
    for split in splits:
        with tarfile.open(f"{folder}/shards/{domain}-{split}-000000.tar", "r:") as tar:
            for member in tar:
                content = tar.extractfile(member).read()
                if member.name.endswith(".png"):
                    picture = Image.open(io.BytesIO(content)).resize((SIDE, SIDE), Image.BICUBIC)
                    pictures.append(np.asarray(picture, np.float64).ravel() / 255)
                elif member.name.endswith(".txt"):
                    captions.append(content.decode())
    return np.array(pictures), captions


def words_of(caption):
    return set(re.findall(r"[^\W\d_]+", caption.lower()))


def normalised(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def recall(scores, same, k):
    """Share of rows whose best right column has fewer than k wrong ones at or above it."""
    best = np.where(same, scores, -np.inf).max(1, keepdims=True)
    return float((((scores >= best) & ~same).sum(1) < k).mean())


def main():
    folder = sys.argv[1]
    train = [pairs(folder, domain, "train", "val") for domain in ("emoji", "openclipart")]
    pictures = np.concatenate([p for p, _ in train])
    captions = [caption for _, c in train for caption in c]
    counts = {}
    for caption in captions:
        for word in words_of(caption):
            counts[word] = counts.get(word, 0) + 1
    number = {word: i for i, word in enumerate(sorted(counts))}
    weight = np.log(len(captions) / np.array([counts[word] for word in sorted(counts)]))

    def vectors(texts):
        rows = np.zeros((len(texts), len(number)))
        for row, text in zip(rows, texts):
            for word in words_of(text) & number.keys():
                row[number[word]] = weight[number[word]]
        return normalised(rows)

    mean = pictures.mean(0)
    squares = ((pictures - mean) ** 2).sum(1)
    width = 2 * squares.mean() * 0.25

    def kernel(a, b):
        a, b = a - mean, b - mean
        distance = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
        return np.exp(-np.maximum(distance, 0) / width)

    system = kernel(pictures, pictures) + RIDGE * np.eye(len(pictures))
    solution = np.linalg.solve(system, vectors(captions))
    result = {}
    # Photographs are few, so both splits that nothing trains on are tested, as in the recipes.
    for domain, splits in (("emoji", ["test"]), ("openclipart", ["test"]), ("photo", ["test", "val"])):
        test, texts = pairs(folder, domain, *splits)
        scores = normalised(kernel(test, pictures) @ solution) @ vectors(texts).T
        same = np.array([[a == b for b in texts] for a in texts])
        result[domain] = {
            f"R@{k}": (recall(scores, same, k) + recall(scores.T, same, k)) / 2 for k in (1, 5)
        }
    with open(f"{folder}/floor.json", "w", encoding="ascii") as f:
        json.dump(result, f, indent=1, sort_keys=True)


if __name__ == "__main__":
    main()
