"""LoRA and DoRA between Sapwood and PEFT, merged models in open_clip and transformers.

    build-peers/bin/python tests/peers/compare_peft.py SAPWOOD FOLDER [ARCHITECTURE]

On one CLIP with random weights (small by default; ARCHITECTURE is a name such as ViT-B-32-quickgelu):
  - a LoRA trained by Sapwood, exported, loaded by PEFT on transformers.CLIPModel, with no tensor
    missing, unexpected or left at its start, and no layer adapted that was not trained
  - the same merged and exported, loaded by open_clip (strict) and transformers; the export's own
    tokenizer and picture processor give our ids, and its zero-shot pipeline our probabilities
  - a LoRA and a DoRA made by PEFT, merged by Sapwood, in a recipe and by `sapwood convert`
Features of ours and theirs may differ by 1e-4 of the largest number.
"""
import json
import os
import subprocess
import sys
import warnings

import numpy as np
import torch
from PIL import Image

warnings.filterwarnings("ignore")
os.environ["HF_HUB_OFFLINE"] = "1"
import open_clip  # noqa: E402
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg  # noqa: E402
from peft import LoraConfig, PeftConfig, PeftModel, get_peft_model, set_peft_model_state_dict  # noqa: E402
from peft.tuners.lora import LoraLayer  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import CLIPModel, CLIPProcessor, CLIPTokenizer, pipeline  # noqa: E402

SAPWOOD, FOLDER = sys.argv[1:3]
TOLERANCE = 1e-4
VOCABULARY = os.path.abspath("tests/fixtures/vocabulary.txt")
SMALL = {
    "embed_dim": 48, "quick_gelu": True,
    "vision_cfg": {"image_size": 64, "patch_size": 16, "width": 64, "layers": 4, "head_width": 32},
    "text_cfg": {"context_length": 32, "vocab_size": 700, "width": 64, "heads": 4, "layers": 3},
}
TEXTS = ["a photo of a cat", "red", "three small houses near the sea", "dog, dog and dog",
         "an emoji of a grinning face", "shoe", "a very long text about nothing at all, which goes on"]

passed = failed = 0


def check(what, fits, detail=""):
    global passed, failed
    passed, failed = passed + bool(fits), failed + (not fits)
    if not fits:
        print(f"{what}: {detail}")


def path(*names):
    return os.path.join(FOLDER, *names)


def sapwood(*arguments):
    result = subprocess.run([SAPWOOD, *arguments], capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"sapwood {' '.join(arguments)}: code {result.returncode}\n{result.stderr}")
    return result.stdout


def clip(config):
    return CLIP(config["embed_dim"], CLIPVisionCfg(**config["vision_cfg"]),
                CLIPTextCfg(**config["text_cfg"]), quick_gelu=config.get("quick_gelu", False)).eval()


def make_inputs(size, context):
    """Pictures of the model's size, so that nothing is resized, and texts with their ids."""
    generator = np.random.Generator(np.random.PCG64(5))
    pictures = generator.integers(0, 256, (6, size, size, 3), dtype=np.uint8)
    with open(path("pictures.txt"), "w") as names:
        for i, picture in enumerate(pictures):
            Image.fromarray(picture).save(path(f"{i}.png"))
            names.write(path(f"{i}.png") + "\n")
    with open(path("texts.txt"), "w") as texts:
        texts.write("".join(t + "\n" for t in TEXTS))
    ids = torch.zeros(len(TEXTS), context, dtype=torch.long)
    for i, text in enumerate(TEXTS):
        words = sapwood("tokenize", text, "--vocab", VOCABULARY, "--context", str(context)).split()
        ids[i, : len(words)] = torch.tensor([int(w) for w in words])
    pixels = torch.tensor(pictures).permute(0, 3, 1, 2).float() / 255
    mean = torch.tensor(open_clip.OPENAI_DATASET_MEAN)[:, None, None]
    deviation = torch.tensor(open_clip.OPENAI_DATASET_STD)[:, None, None]
    return (pixels - mean) / deviation, ids


def ours(*model):
    for what, place in (("images", "pictures.txt"), ("texts", "texts.txt")):
        for name in (path(what + ".npy"), path(what + ".npy.keys.txt")):
            if os.path.exists(name):
                os.remove(name)
        sapwood("embed", *model, "--raw", f"--{what}", path(place), "--out", path(what + ".npy"))
    return np.load(path("images.npy")), np.load(path("texts.npy"))


def theirs(model, pixels, ids):
    with torch.no_grad():
        if isinstance(model, CLIP):
            return model.encode_image(pixels).numpy(), model.encode_text(ids).numpy()
        return (model.get_image_features(pixel_values=pixels).numpy(),
                model.get_text_features(input_ids=ids).numpy())


def compare(what, a, b):
    worst = max(np.abs(x - y).max() / np.abs(y).max() for x, y in zip(a, b))
    print(f"{what}: {worst:.1e}")
    check(what, worst <= TOLERANCE, f"features differ by {worst:g}")


def differ(what, a, b):
    worst = max(np.abs(x - y).max() / np.abs(y).max() for x, y in zip(a, b))
    check(what, worst > 100 * TOLERANCE, f"the adapters change features by {worst:g} only")


def load_transformers(what, folder):
    model, info = CLIPModel.from_pretrained(folder, output_loading_info=True)
    for kind, keys in info.items():
        check(f"{what}: {kind}", not keys, keys)
    return model.float().eval()


def check_processor(what, folder, model, mine):
    """What users of transformers call first: CLIPProcessor and the zero-shot pipeline of the folder."""
    processor = CLIPProcessor.from_pretrained(folder)
    slow = CLIPTokenizer.from_pretrained(folder)
    context = str(slow.model_max_length)
    for text in TEXTS:
        words = [int(w) for w in sapwood("tokenize", text, "--vocab", VOCABULARY, "--context", context).split()]
        check(f"{what}: ids", processor(text=text, truncation=True).input_ids == words, text)
        check(f"{what}: ids of the slow tokenizer", slow(text, truncation=True).input_ids == words, text)
    picture, labels = Image.open(path("0.png")), TEXTS[:4]
    found = {row["label"]: row["score"] for row in pipeline(
        "zero-shot-image-classification", model=folder)(picture, candidate_labels=labels, hypothesis_template="{}")}
    images, texts = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in mine)
    logits = float(model.logit_scale.exp()) * images[0] @ texts[:4].T
    expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    worst = max(abs(found[label] - p) for label, p in zip(labels, expected))
    check(f"{what}: probabilities", worst <= TOLERANCE, f"differ by {worst:g}")


def load_open_clip(what, folder):
    with open(os.path.join(folder, "open_clip_config.json")) as f:
        config = json.load(f)
    model = clip(config["model_cfg"])
    state = load_file(os.path.join(folder, "open_clip_model.safetensors"))
    model.load_state_dict(state, strict=True)
    check(what, len(state) == len(model.state_dict()))
    pixels = config["preprocess_cfg"]
    check(f"{what}: preprocessing", np.allclose(pixels["mean"], open_clip.OPENAI_DATASET_MEAN, 1e-7)
          and np.allclose(pixels["std"], open_clip.OPENAI_DATASET_STD, 1e-7), pixels)
    return model


def load_peft(what, base, folder):
    """PeftModel as from_pretrained makes it, looking at what it found."""
    model = get_peft_model(base, PeftConfig.from_pretrained(folder))
    state = load_file(os.path.join(folder, "adapter_model.safetensors"))
    result = set_peft_model_state_dict(model, state)
    check(f"{what}: unexpected", not result.unexpected_keys, result.unexpected_keys)
    missing = [k for k in result.missing_keys if "lora_" in k]
    check(f"{what}: missing", not missing, missing)
    layers = {n for n, m in model.named_modules() if isinstance(m, LoraLayer)}
    check(f"{what}: layers", layers == {k.split(".lora_")[0] for k in state}, layers)
    return PeftModel.from_pretrained(model.unload(), folder).eval()


def write_recipe(name, architecture, **model):
    shards = os.path.abspath("tests/fixtures/emoji-train.tar")
    recipe = {
        "name": name, "device": "cpu",
        "model": {"architecture": architecture, "vocabulary": VOCABULARY,
                  "weights": path("base", "open_clip_model.safetensors"), **model},
        "data": {"slice": 4, "update": {"batch_size": 8, "sources": [{"name": "emoji", "shards": shards}]}},
        "optimizer": {"lr": 2e-2, "warmup": 0},
        "stages": [{"name": "emoji", "steps": 4}],
    }
    with open(path(name + ".json"), "w") as f:
        json.dump(recipe, f)
    return path(name + ".json")


def check_trained(name, architecture, inputs, base_features, **model):
    recipe = write_recipe(name, architecture, **model)
    sapwood("train", recipe, "--run", path(name), "--quiet")
    mine = ours(path(name))
    differ(name, mine, base_features)
    for to in ("peft", "open_clip", "hugging_face"):
        sapwood("convert", path(name), path(f"{name}-{to}"), "--to", to)
    base = load_transformers("base", path("base-hf"))
    compare(f"{name}, PEFT", mine, theirs(load_peft(name, base, path(name + "-peft")), *inputs))
    merged = load_transformers(f"{name} merged", path(name + "-hugging_face"))
    compare(f"{name}, merged, transformers", mine, theirs(merged, *inputs))
    check_processor(f"{name} merged", path(name + "-hugging_face"), merged, mine)
    merged = load_open_clip(f"{name} merged, open_clip", path(name + "-open_clip"))
    compare(f"{name}, merged, open_clip", mine, theirs(merged, *inputs))


def check_made(name, config, architecture, inputs, base_features, dtype):
    model = get_peft_model(load_transformers("base", path("base-hf")), config).eval()
    torch.manual_seed(3)
    with torch.no_grad():
        for key, value in model.named_parameters():
            if "magnitude" in key:
                value.mul_(1 + 0.1 * torch.randn_like(value))
            elif "lora_" in key:
                value.copy_(torch.randn_like(value) * 0.05)
            if "lora_" in key:
                value.copy_(value.to(dtype).float())
    os.makedirs(path(name))
    open(path(name, "README.md"), "w").write("---\nlibrary_name: peft\n---\n")
    model.save_pretrained(path(name))
    file = path(name, "adapter_model.safetensors")
    save_file({k: v.to(dtype).contiguous() for k, v in load_file(file).items()}, file)
    expected = theirs(model, *inputs)
    differ(name, expected, base_features)
    recipe = write_recipe("with-" + name, architecture, lora={"rank": 2}, adapters=[path(name)])
    compare(f"{name}, in a recipe", ours(recipe), expected)
    sapwood("convert", path("base"), path(name + "-merged"), "--to", "hugging_face",
            "--architecture", architecture, "--adapters", path(name))
    merged = load_transformers(f"{name} merged", path(name + "-merged"))
    compare(f"{name}, merged by sapwood", theirs(merged, *inputs), expected)


def main():
    torch.manual_seed(1)
    if len(sys.argv) > 3:
        architecture, config = sys.argv[3], open_clip.get_model_config(sys.argv[3])
        config = json.loads(json.dumps(config))
        config["text_cfg"]["vocab_size"] = 700  # that of the fixtures' vocabulary
    else:
        config = SMALL
    architecture = path("architecture.json")
    with open(architecture, "w") as f:
        json.dump(config, f)
    base = clip(config)
    os.makedirs(path("base"))
    save_file({k: v.contiguous() for k, v in base.state_dict().items() if k != "attn_mask"},
              path("base", "open_clip_model.safetensors"), {"format": "pt"})
    sapwood("convert", path("base"), path("base-hf"), "--to", "hugging_face",
            "--architecture", architecture)
    inputs = make_inputs(config["vision_cfg"]["image_size"], config["text_cfg"]["context_length"])
    features = theirs(base, *inputs)
    compare("base, open_clip", ours(path("base"), "--architecture", architecture, "--vocabulary", VOCABULARY),
            features)
    check_trained("all", architecture, inputs, features, lora={"rank": 4, "alpha": 8})
    check_trained("some", architecture, inputs, features, towers=["image"], first_layer=1, last_layer=2,
                  train_logit_scale=True, lora={"rank": 3, "alpha": 7, "layers": ["qkv", "fc2"]})
    check_made("lora", LoraConfig(
        r=8, lora_alpha=12, use_rslora=True,
        target_modules=["q_proj", "v_proj", "out_proj", "fc1", "visual_projection"],
        rank_pattern={"q_proj": 4, r"layers\.\d\.mlp\.fc1": 5},
        alpha_pattern={"q_proj": 3, r"layers\.\d\.mlp\.fc1": 20}), architecture, inputs, features,
        torch.float32)
    check_made("dora", LoraConfig(
        r=6, lora_alpha=6, use_dora=True,
        target_modules=r".*\.layers\.[12]\.(self_attn\.(q|k|v|out)_proj|mlp\.fc2)",
        rank_pattern={"k_proj": 2}, alpha_pattern={"k_proj": 5}), architecture, inputs, features,
        torch.bfloat16)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


sys.exit(main())
