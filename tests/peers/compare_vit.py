#!/usr/bin/env python3
"""Features of SigLIP B/16, DINO S/16 and DINOv2 S/14 against transformers' models, in 32 bits on the CPU.

Usage: build-peers/bin/python tests/peers/compare_vit.py SAPWOOD FOLDER

Models have random weights and are saved by transformers; `sapwood embed` reads the folders. Pictures are noise
of the models' own size, so nothing is resized. Relative errors are norm-wise per feature; the bound is 1e-4.
SigLIP's vocabulary is a model with the full nmt_nfkc rules, trained here on real captions; its ids are compared
with SiglipTokenizer's over these captions and over awkward texts put together by a fixed seed.
"""
import json
import os
import random
import subprocess
import sys
import tarfile

import numpy as np
import sentencepiece
import torch
from PIL import Image
from transformers import (Dinov2Config, Dinov2Model, SiglipConfig, SiglipModel, SiglipTokenizer, ViTConfig,
                          ViTModel)

BOUND, N_PICTURES, SEED, N_AWKWARD = 1e-4, 2, 5, 300
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5,) * 3, (0.5,) * 3)
PIECES = ["a", "B", "\u00e9", "\u0130", "\u03a3", "\ufb01", "\uff21", "\u2581", " ", "  ", "\t", "\u00a0", "\u200b",
          "\x1c", "!", "'s", "\u2019s", "<unk>", "</s>", "&amp;", "1", "23", "\u65e5\u672c", "\U0001f431", "a\u0301",
          "cat", "Dog", "-", "--", "...", "\u00bd", "\u2167", "\u1100\u1161", "\u0e33", "~", "_", "\\"]

sapwood, folder = sys.argv[1], sys.argv[2]
passed = failed = 0


def check(what, good, found=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"{what}: {found}" if good else f"FAILED {what}: {found}", flush=True)


def near(what, ours, theirs):
    ours, theirs = ours.astype(np.float64), theirs.detach().numpy().astype(np.float64)
    error = max(np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(ours, theirs))
    check(what, ours.shape == theirs.shape and error <= BOUND, f"worst relative error {error:.2g}")


def randomise(model):
    """Far from the values that hide mistakes: no norm of ones, no bias of zeros, no tiny layer scale."""
    generator = torch.Generator().manual_seed(SEED)
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=generator)
        if "norm" in name or "lambda" in name:
            p.data = (1.0 if name.endswith("weight") or "lambda" in name else 0.0) + 0.1 * noise
        elif p.dim() > 1 and "embedding" not in name and "token" not in name:
            p.data = noise * p[0].numel() ** -0.5
        elif name.startswith("logit"):
            p.data = torch.tensor([2.3 if "scale" in name else -4.0])
        else:
            p.data = 0.1 * noise
    return model.eval()


def pictures(size, norm):
    """A folder of PNG files, and the same as the model sees them."""
    place = os.path.join(folder, f"pictures{size}")
    os.makedirs(place, exist_ok=True)
    numbers = np.random.default_rng(SEED).integers(0, 256, (N_PICTURES, size, size, 3)).astype(np.uint8)
    for i, picture in enumerate(numbers):
        Image.fromarray(picture).save(os.path.join(place, f"{i}.png"))
    mean, deviation = (torch.tensor(n) for n in norm)
    return place, ((torch.tensor(numbers) / 255 - mean) / deviation).permute(0, 3, 1, 2)


def embed(model, kind, source, out, *options):
    path = os.path.join(folder, out)
    subprocess.run([sapwood, "embed", model, "--" + kind, source, "--out", path,
                    "--set", "device=cpu", "--set", "data.slice=2", *options], check=True, stdout=subprocess.DEVNULL)
    return np.load(path)


def save(model, name, norm):
    path = os.path.join(folder, name)
    model.save_pretrained(path)
    with open(os.path.join(path, "preprocessor_config.json"), "w") as file:
        json.dump({"image_mean": norm[0], "image_std": norm[1]}, file)
    return path


def captions():
    found = set()
    for name in ("emoji-train", "emoji-test", "openclipart-train", "fashion-train"):
        with tarfile.open(f"tests/fixtures/{name}.tar") as tar:
            found |= {tar.extractfile(m).read().decode().strip() for m in tar if m.name.endswith(".txt")}
    return sorted(found)


def vocabulary():
    prefix = os.path.join(folder, "spiece")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(c.lower() for c in captions()), model_prefix=prefix, vocab_size=300, pad_id=0,
        eos_id=1, unk_id=2, bos_id=-1, num_threads=1, hard_vocab_limit=False, minloglevel=2)
    return SiglipTokenizer(prefix + ".model"), prefix + ".model"


def compare_tokens(tokenizer, path):
    draw = random.Random(SEED)
    awkward = ["".join(draw.choice(PIECES) for _ in range(draw.randint(1, 12))) for _ in range(N_AWKWARD)]
    # Names of special tokens are text to us; words that start with a minus look like options.
    texts = captions() + [t for t in awkward if "<unk>" not in t and "</s>" not in t and t[0] != "-"]
    differ = empty = 0
    for text in texts:
        expected = tokenizer(text, truncation=True, max_length=64)["input_ids"]
        run = subprocess.run([sapwood, "tokenize", "--vocab", path, "--context", "64", text],
                             capture_output=True, text=True)
        if run.returncode != 0:
            empty += 1
            if expected[:-1] and not all(i in (2, tokenizer.sp_model.piece_to_id("\u2581")) for i in expected[:-1]):
                print(f"  {text!r}: {run.stderr.strip()}, expected {expected}")
                differ += 1
            continue
        found = [int(i) for i in run.stdout.split()]
        if found != expected:
            print(f"  {text!r}: {found}, expected {expected}")
            differ += 1
    check("token ids", differ == 0, f"{len(texts)} texts, {differ} differ, {empty} empty after cleaning")


def compare_siglip():
    tokenizer, vocabulary_path = vocabulary()
    compare_tokens(tokenizer, vocabulary_path)
    config = SiglipConfig(text_config={"vocab_size": tokenizer.vocab_size})
    model = randomise(SiglipModel(config))
    weights = save(model, "siglip", HALF)
    texts = captions()[:5] + ["A long caption " * 40]
    with open(os.path.join(folder, "texts.txt"), "w") as file:
        file.write("\n".join(texts) + "\n")
    place, seen = pictures(224, HALF)
    ids = torch.tensor(tokenizer(texts, padding="max_length", truncation=True, max_length=64)["input_ids"])
    with torch.no_grad():
        out = model(input_ids=ids, pixel_values=seen)
        image, text = model.get_image_features(seen), model.get_text_features(ids)
    options = ("--vocabulary", vocabulary_path)
    ours = embed(weights, "images", place, "image.npy", "--raw", *options)
    near("SigLIP B/16 image features", ours, image)
    ours = embed(weights, "texts", os.path.join(folder, "texts.txt"), "text.npy", "--raw", *options)
    near("SigLIP B/16 text features", ours, text)
    u = embed(weights, "images", place, "u.npy", *options)
    v = embed(weights, "texts", os.path.join(folder, "texts.txt"), "v.npy", *options)
    near("SigLIP B/16 logits", np.exp(np.float32(2.3)) * u @ v.T - 4, out.logits_per_image)


def compare_picture_model(what, model, name, size):
    weights = save(randomise(model), name, IMAGENET)
    place, seen = pictures(size, IMAGENET)
    with torch.no_grad():
        tokens = model(seen).last_hidden_state
    near(what, embed(weights, "images", place, name + ".npy", "--raw"), tokens[:, 0])


small = dict(hidden_size=384, num_hidden_layers=12, num_attention_heads=6, layer_norm_eps=1e-6)
compare_picture_model("DINOv2 S/14 class features", Dinov2Model(Dinov2Config(**small, image_size=518, patch_size=14)),
                      "dinov2", 518)
compare_picture_model("DINO S/16 class features", ViTModel(ViTConfig(**small, intermediate_size=1536)),
                      "dino", 224)
compare_siglip()
print(f"{passed} passed, {failed} failed")
sys.exit(failed != 0)
