#!/usr/bin/env python3
"""What open_clip and CLIP_benchmark measure of a small CLIP, and whether sapwood says the same.

    build-peers/bin/python tests/peers/eval_peer.py make FOLDER
    build-peers/bin/python tests/peers/eval_peer.py compare FOLDER

make: crops of the pictures in tests/fixtures as three sets in CLIP_benchmark's layout (FOLDER/wds:
classes, tags, captions) and lists of them; a small open_clip model trained for a few steps on those
captions (FOLDER/model), so that features differ. compare: FOLDER/results (sapwood eval --results)
against clip_benchmark's own functions on the same folders and model; FOLDER/images.npy and
texts.npy (sapwood embed --raw) against encode_image and encode_text.

A share must be equal. Where two scores are nearer than the two programs' rounding, either order is
right: then it must lie between what both orders give, and such queries must be few.
"""
import argparse
import io
import json
import math
import os
import tarfile

import numpy as np
import open_clip
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file

CONFIG = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": 48, "layers": 2, "width": 128, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 128, "heads": 2, "layers": 2},
}
SAMPLES, CLASSES, STEPS = 300, 12, 20
NAMES = ["sun", "fruit", "ant", "bat", "shirt", "train", "flower", "hand", "ship", "star", "tree", "ankle boot"]
TEMPLATES = ["a photo of a {c}.", "itap of the {c}.", "{c}", "a drawing of many {c}s, {c} by {c}"]
ROUNDING = 2e-6  # of scores of features of length 1, in 32 bits, added in another order
NEAR = 0.05  # the share of queries whose scores may be that near: with more, nothing would be compared


def pictures():
    """The fixtures' pictures with their captions, in the order of their keys."""
    found = []
    for name in ("emoji-train", "emoji-test", "openclipart-train", "fashion-train", "fashion-test"):
        with tarfile.open(f"tests/fixtures/{name}.tar") as tar:
            members = {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}
        for key in sorted(members):
            stem, end = os.path.splitext(key)
            if end in (".png", ".jpg"):
                caption = members[stem + ".txt"].decode().splitlines()[0]
                found.append((Image.open(io.BytesIO(members[key])).convert("RGB"), caption))
    return found


def crops(seed):
    """SAMPLES crops of random place and size: (bytes, extension, source, where)."""
    rng = np.random.default_rng(seed)
    sources = pictures()
    for i in range(SAMPLES):
        source = int(rng.integers(len(sources)))
        picture, caption = sources[source]
        w, h = picture.size
        cw, ch = int(w * rng.uniform(0.4, 1)), int(h * rng.uniform(0.4, 1))
        x, y = int(rng.integers(0, w - cw + 1)), int(rng.integers(0, h - ch + 1))
        crop = picture.crop((x, y, x + cw, y + ch))
        out, kind = io.BytesIO(), ("png", "jpg", "webp")[i % 3]
        crop.save(out, {"jpg": "JPEG"}.get(kind, kind.upper()), **({"lossless": True} if kind == "webp" else {}))
        yield out.getvalue(), kind, source, f"{caption} {i % 7} at {x} {y} of {i}"


def write_set(folder, samples, extra, shard=128):
    """samples: (members of a sample); extra: {file: text}."""
    os.makedirs(f"{folder}/test")
    n = math.ceil(len(samples) / shard)
    for s in range(n):
        with tarfile.open(f"{folder}/test/{s}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            for i, members in enumerate(samples[s * shard:(s + 1) * shard]):
                for end, data in sorted(members.items()):
                    info = tarfile.TarInfo("s%07d.%s" % (s * shard + i, end))
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
    for name, text in {"test/nshards.txt": f"{n}\n", **extra}.items():
        with open(f"{folder}/{name}", "w", encoding="utf-8") as f:
            f.write(text)


def npy(array):
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def make_sets(folder):
    classes, tags, captions = [], [], []
    words = {"classnames.txt": "\n".join(NAMES) + "\n",
             "zeroshot_classification_templates.txt": "\n".join(TEMPLATES) + "\n"}
    for i, (data, kind, source, text) in enumerate(crops(1)):
        classes.append({kind: data, "cls": str(source % CLASSES).encode()})
        vector = np.array([(source + c) % 5 == 0 or c == source % CLASSES for c in range(CLASSES)], dtype=np.int64)
        tags.append({kind: data, "npy": npy(vector)})
        lines = [f"{text} line {k}" for k in range(1 + i % 4)]
        captions.append({kind: data, "txt": "\n".join(lines).encode()})
    write_set(f"{folder}/wds/classes", classes, words)
    write_set(f"{folder}/wds/tags", tags, {**words, "dataset_type.txt": "multilabel\n"})
    write_set(f"{folder}/wds/captions", captions, {"dataset_type.txt": "retrieval\n"})
    with open(f"{folder}/texts.txt", "w", encoding="utf-8") as f:
        for sample in captions:
            f.write(sample["txt"].decode() + "\n")


def open_model(folder):
    model = open_clip.model.CLIP(**CONFIG)
    if os.path.exists(f"{folder}/model/open_clip_model.safetensors"):
        model.load_state_dict(load_file(f"{folder}/model/open_clip_model.safetensors"))
    return model.eval()


def transform():
    return open_clip.transform.image_transform(CONFIG["vision_cfg"]["image_size"], is_train=False)


def sets_of(folder, name):
    from clip_benchmark.datasets.builder import build_wds_dataset

    return build_wds_dataset(f"wds/{name}", transform(), split="test", data_dir=f"{folder}/wds/{name}")


def make_model(folder):
    torch.manual_seed(3)
    model = open_clip.model.CLIP(**CONFIG)
    images, texts = zip(*((image, text[0]) for image, text in sets_of(folder, "captions")))
    images, texts = torch.stack(images), open_clip.tokenize(list(texts))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in range(STEPS):
        chosen = torch.randperm(len(images))[:64]
        a, b, scale = model(images[chosen], texts[chosen])
        logits = scale * a @ b.T
        target = torch.arange(len(chosen))
        loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"trained {STEPS} steps, loss {loss.item():.3f}")
    os.makedirs(f"{folder}/model")
    save_file(model.state_dict(), f"{folder}/model/open_clip_model.safetensors")
    with open(f"{folder}/model/open_clip_config.json", "w", encoding="utf-8") as f:
        json.dump({"model_cfg": CONFIG, "preprocess_cfg": {
            "mean": open_clip.OPENAI_DATASET_MEAN, "std": open_clip.OPENAI_DATASET_STD}}, f)


# ---------------------------------------------------------------------------------------- compare

failed = 0


def check(what, good, said):
    global failed
    failed += not good
    print(f"{'same' if good else 'FAILED'}: {what}: {said}")


def relative(ours, theirs):
    """The largest error of a row, relative to its length."""
    return float((np.linalg.norm(ours - theirs, axis=1) / np.linalg.norm(theirs, axis=1)).max())


def ranks(scores, right):
    """Of each query: the rank of its best right item from 0 with near ones behind it, before it, and
    as open_clip's sort puts them."""
    own = scores.masked_fill(~right, -math.inf).max(dim=1, keepdim=True)[0]
    wrong = scores.masked_fill(right, -math.inf)
    order = torch.argsort(scores, dim=1, descending=True)
    place = torch.gather(right, 1, order).int().argmax(dim=1)
    return (wrong > own + ROUNDING).sum(1), (wrong >= own - ROUNDING).sum(1), place


def few_near(what, low, high):
    """Queries whose ranks rounding decides are few."""
    n = int((low != high).sum())
    check(what, n <= NEAR * len(low), f"{n} of {len(low)} have scores within rounding")


def between(what, ours, theirs, low, high):
    """ours equals theirs, or lies where rounding may put it."""
    good = abs(ours - theirs) < 1e-6 or min(low, high) - 1e-9 <= ours <= max(low, high) + 1e-9
    check(what, good, f"{ours:.6f}, expected {theirs:.6f}"
          + ("" if abs(ours - theirs) < 1e-6 else f" or between {low:.6f} and {high:.6f}"))


def compare_retrieval(folder, model, result, images, texts):
    from clip_benchmark.metrics import zeroshot_retrieval

    loader = torch.utils.data.DataLoader(sets_of(folder, "captions").batched(64), batch_size=None)
    theirs = zeroshot_retrieval.evaluate(model, loader, open_clip.tokenize, "cpu", amp=False, recall_k_list=[1, 5, 10])
    counts = [len(t) for _, t in sets_of(folder, "captions")]
    image_of = np.repeat(np.arange(len(counts)), counts)
    scores = F.normalize(texts, dim=-1) @ F.normalize(images, dim=-1).T
    right = torch.zeros_like(scores, dtype=torch.bool)
    right[torch.arange(len(image_of)), torch.tensor(image_of)] = True
    with open(f"{folder}/lines.json", encoding="utf-8") as f:
        ours = {line["set"]: line for line in map(json.loads, f)}["captions"]
    for name, query, s, r in (("image", "text_to_image", scores, right), ("text", "image_to_text", scores.T, right.T)):
        low, high, place = ranks(s, r)
        few_near(f"{query} queries", low, high)
        for k in (1, 5, 10):
            key = f"{name}_retrieval_recall@{k}"
            between(key, result["metrics"][key], theirs[key], (high < k).float().mean().item(), (low < k).float().mean().item())
            check(f"{query}_R@{k}", ours[f"{query}_R@{k}"] == result["metrics"][key], ours[f"{query}_R@{k}"])
        rank = lambda p: float(p.double().mean()) + 1
        between(f"{query}_mean_rank", ours[f"{query}_mean_rank"], rank(place), rank(low), rank(high))
        median = lambda p: float(np.floor(np.median(p.numpy())) + 1)
        between(f"{query}_median_rank", ours[f"{query}_median_rank"], median(place), median(low), median(high))


def compare_classes(folder, model, result, images):
    from clip_benchmark.metrics import zeroshot_classification

    data = sets_of(folder, "classes")
    loader = torch.utils.data.DataLoader(data.batched(64), batch_size=None)
    loader.dataset.classes = data.classes
    theirs = zeroshot_classification.evaluate(
        model, loader, open_clip.tokenize, data.classes, data.templates, "cpu", amp=False)
    labels = torch.tensor([label for _, label in data])
    # the same by open_clip's own classifier, which only takes {}
    classifier = open_clip.build_zero_shot_classifier(
        model, open_clip.tokenize, data.classes, [lambda c, t=t: t.format(c=c) for t in data.templates])
    scores = F.normalize(images, dim=-1) @ classifier
    low, high, _ = ranks(scores, F.one_hot(labels, CLASSES).bool())
    few_near("pictures of classes", low, high)
    for k in (1, 5):
        top = (scores.topk(k)[1] == labels[:, None]).any(1).float().mean().item()
        limits = (high < k).float().mean().item(), (low < k).float().mean().item()
        between(f"acc{k} of CLIP_benchmark", result["metrics"][f"acc{k}"], theirs[f"acc{k}"], *limits)
        between(f"acc{k} of open_clip", result["metrics"][f"acc{k}"], top, *limits)
    per_class = lambda hit: float(np.mean([hit[labels == c].float().mean() for c in labels.unique()]))
    between("mean_per_class_recall", result["metrics"]["mean_per_class_recall"], theirs["mean_per_class_recall"],
            per_class(high < 1), per_class(low < 1))


def compare_tags(folder, model, result):
    from clip_benchmark.metrics import zeroshot_classification

    data = sets_of(folder, "tags")
    loader = torch.utils.data.DataLoader(data.batched(64), batch_size=None)
    theirs = zeroshot_classification.evaluate(
        model, loader, open_clip.tokenize, data.classes, data.templates, "cpu", amp=False)
    ours = result["metrics"]["mean_average_precision"]
    # added in 32 bits there; a pair of near scores that is exchanged moves it by less than 1e-3
    check("mean_average_precision", abs(ours - theirs["mean_average_precision"]) < 1e-4,
          f"{ours:.6f}, expected {theirs['mean_average_precision']:.6f}")


def compare(folder):
    model = open_model(folder)
    with torch.no_grad():
        images = torch.cat([model.encode_image(torch.stack([x for x, _ in sets_of(folder, "captions")])[i:i + 64])
                            for i in range(0, SAMPLES, 64)])
        with open(f"{folder}/texts.txt", encoding="utf-8") as f:
            lines = f.read().splitlines()
        texts = torch.cat([model.encode_text(open_clip.tokenize(lines[i:i + 64])) for i in range(0, len(lines), 64)])
        for name, theirs in (("images", images), ("texts", texts)):
            error = relative(np.load(f"{folder}/{name}.npy"), theirs.numpy())
            check(f"{len(theirs)} features of {name}", error < 1e-4, f"relative error {error:.2g}")
        results = {}
        for name in os.listdir(f"{folder}/results"):
            with open(f"{folder}/results/{name}", encoding="utf-8") as f:
                result = json.load(f)
            expected = "{dataset}_{pretrained}_{model}_{language}_{task}.json".format(**result)
            check("name of a result", name == expected, name)
            check("its fields", list(result) == ["dataset", "model", "pretrained", "task", "metrics", "language"], list(result))
            results[result["dataset"]] = result
        compare_classes(folder, model, results["classes"], images)
        compare_retrieval(folder, model, results["captions"], images, texts)
        compare_tags(folder, model, results["tags"])
    raise SystemExit(failed > 0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["make", "compare"])
    parser.add_argument("folder")
    options = parser.parse_args()
    torch.set_num_threads(2)
    if options.what == "make":
        make_sets(options.folder)
        make_model(options.folder)
    else:
        compare(options.folder)


if __name__ == "__main__":
    main()
