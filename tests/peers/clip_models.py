#!/usr/bin/env python3
"""CLIP models with random weights as open_clip and transformers write them, and what those two
programs compute with them.

    build-peers/bin/python tests/peers/clip_models.py FOLDER PROGRAM ARCHITECTURE [BATCH]
    build-peers/bin/python tests/peers/clip_models.py --golden            (tests/golden/weights)
    build-peers/bin/python tests/peers/clip_models.py FOLDER --pickles    (of the tiny open_clip model)

PROGRAM is open_clip or transformers; ARCHITECTURE a name of open_clip, or tiny. The folder gets the
weights with their configuration, and expected.safetensors: input.pixels (N, S, S, 3) bytes,
input.tokens (N, T), input.caption_id (N), out.image_normalised and out.text_normalised (N, E),
out.logits (N, N), all in 32 bits on the CPU. With --lora also the LoRA that PyTorch's autograd had
gradients for: X.lora_a, X.lora_b, grad.X.lora_a, grad.X.lora_b, out.loss.
"""
import argparse
import json
import os
import shutil

import open_clip
import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import load_file, save_file
from torch.nn.utils import parametrize

TINY = {  # open_clip's model_cfg
    "embed_dim": 12,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 16, "layers": 2, "width": 16, "head_width": 8, "patch_size": 8},
    "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 2},
}
RANK, ALPHA = 4, 8.0


def model_cfg(name):
    return dict(TINY) if name == "tiny" else open_clip.get_model_config(name)


def spread(model):
    """Makes norms, biases and attention differ from their plain start, so that a swap shows."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dim() == 1:
                p += 0.05 * torch.randn_like(p)
            elif "in_proj_weight" in name:
                p[: 2 * p.shape[1]] *= 2
            elif "q_proj.weight" in name or "k_proj.weight" in name:
                p *= 2


def inputs(size, context, vocabulary, n):
    """Pictures as bytes and token ids: start, words, end, zeros."""
    pixels = torch.randint(0, 256, (n, size, size, 3), dtype=torch.uint8)
    tokens = torch.zeros(n, context, dtype=torch.int32)
    for i in range(n):
        length = min(context, 3 + int(torch.randint(0, context, (1,)) * (i + 1) / n))
        tokens[i, :length] = torch.randint(1, vocabulary - 2, (length,), dtype=torch.int32)
        tokens[i, 0], tokens[i, length - 1] = vocabulary - 2, vocabulary - 1
    return pixels, tokens


def normalised(pixels, mean, std):
    x = (pixels.float() / 255 - torch.tensor(mean)) / torch.tensor(std)
    return x.permute(0, 3, 1, 2).contiguous()


def save_expected(folder, pixels, tokens, results):
    tensors = {
        "input.pixels": pixels,
        "input.tokens": tokens,
        "input.caption_id": torch.arange(len(tokens), dtype=torch.int32),
    }
    tensors.update({name: t.detach().float().contiguous() for name, t in results.items()})
    save_file(tensors, os.path.join(folder, "expected.safetensors"))


# ------------------------------------------------------------------------------------ open_clip


def make_open_clip(folder, name, n, lora):
    cfg = model_cfg(name)
    model = open_clip.model.CLIP(**cfg).eval()
    spread(model)
    state = {k: v.contiguous() for k, v in model.state_dict().items()}
    save_file(state, os.path.join(folder, "open_clip_model.safetensors"))
    mean, std = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD
    if name == "tiny":
        mean, std = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
    preprocess = {"mean": mean, "std": std, "interpolation": "bicubic", "resize_mode": "shortest"}
    with open(os.path.join(folder, "open_clip_config.json"), "w") as file:
        json.dump({"model_cfg": cfg, "preprocess_cfg": preprocess}, file, indent=2)
    pixels, tokens = inputs(cfg["vision_cfg"]["image_size"], cfg["text_cfg"]["context_length"],
                            cfg["text_cfg"]["vocab_size"], n)
    images = normalised(pixels, mean, std)
    if lora:
        save_expected(folder, pixels, tokens, lora_gradients(model, images, tokens))
        return
    with torch.no_grad():
        u = model.encode_image(images, normalize=True)
        v = model.encode_text(tokens.long(), normalize=True)
        logits = model.logit_scale.exp() * u @ v.t()
    save_expected(folder, pixels, tokens,
                  {"out.image_normalised": u, "out.text_normalised": v, "out.logits": logits})


class Lora(torch.nn.Module):
    """weight + alpha / rank B A, as a parametrization of a weight of any module."""

    def __init__(self, weight):
        super().__init__()
        self.a = torch.nn.Parameter(torch.randn(RANK, weight.shape[1]) * weight.shape[1] ** -0.5)
        self.b = torch.nn.Parameter(torch.randn(weight.shape[0], RANK) * 0.02)

    def forward(self, weight):
        return weight + ALPHA / RANK * (self.b @ self.a)


def lora_gradients(model, images, tokens):
    """One training step: LoRA on every linear layer of every block, the loss of ClipLoss."""
    model.train()
    layers = {}
    for p in model.parameters():
        p.requires_grad_(False)
    for name, module in list(model.named_modules()):
        if "resblocks" not in name:
            continue
        if isinstance(module, torch.nn.MultiheadAttention):
            layers[name + ".in_proj"] = (module, "in_proj_weight")
        elif isinstance(module, torch.nn.Linear):
            layers[name] = (module, "weight")
    for name, (module, weight) in layers.items():
        layers[name] = Lora(getattr(module, weight))
        parametrize.register_parametrization(module, weight, layers[name])
    u = model.encode_image(images, normalize=True)
    v = model.encode_text(tokens.long(), normalize=True)
    scale = model.logit_scale.exp()
    loss = open_clip.ClipLoss()(u, v, scale)
    loss.backward()
    results = {"out.image_normalised": u, "out.text_normalised": v, "out.loss": loss,
               "out.logits": scale * u @ v.t()}
    for name, lora in layers.items():
        for part, p in (("lora_a", lora.a), ("lora_b", lora.b)):
            results[f"{name}.{part}"] = p
            results[f"grad.{name}.{part}"] = p.grad
    return results


# --------------------------------------------------------------------------------- transformers


def hugging_face_config(cfg):
    image, text = cfg["vision_cfg"], cfg["text_cfg"]
    common = {"hidden_act": "quick_gelu" if cfg.get("quick_gelu") else "gelu"}
    return transformers.CLIPConfig(
        projection_dim=cfg["embed_dim"],
        vision_config={
            "hidden_size": image["width"], "intermediate_size": 4 * image["width"],
            "num_hidden_layers": image["layers"], "image_size": image["image_size"],
            "num_attention_heads": image["width"] // image.get("head_width", 64),
            "patch_size": image["patch_size"], **common,
        },
        text_config={
            "hidden_size": text["width"], "intermediate_size": 4 * text["width"],
            "num_hidden_layers": text["layers"], "num_attention_heads": text["heads"],
            "vocab_size": text["vocab_size"], "max_position_embeddings": text["context_length"],
            "bos_token_id": text["vocab_size"] - 2, "eos_token_id": text["vocab_size"] - 1, **common,
        },
    )


def make_transformers(folder, name, n):
    cfg = model_cfg(name)
    model = transformers.CLIPModel(hugging_face_config(cfg)).eval()
    spread(model)
    model.save_pretrained(folder, safe_serialization=True)
    size = cfg["vision_cfg"]["image_size"]
    processor = transformers.CLIPImageProcessor(size={"shortest_edge": size}, crop_size=size)
    if name == "tiny":
        processor.image_mean, processor.image_std = [0.5, 0.4, 0.3], [0.2, 0.3, 0.4]
    processor.save_pretrained(folder)
    pixels, tokens = inputs(size, cfg["text_cfg"]["context_length"], cfg["text_cfg"]["vocab_size"],
                            n)
    images = normalised(pixels, processor.image_mean, processor.image_std)
    with torch.no_grad():
        out = model(input_ids=tokens.long(), pixel_values=images)
    save_expected(folder, pixels, tokens, {
        "out.image_normalised": out.image_embeds, "out.text_normalised": out.text_embeds,
        "out.logits": out.logits_per_image,
    })


# -------------------------------------------------------------------------------------- resizing


def make_positions(path):
    """open_clip's own functions, from a grid of 3 to 5 and of 5 to 2, and 8 tokens to 12 and to 5."""
    tensors = {}
    for n_from, n_to in ((3, 5), (5, 2), (7, 24)):
        class Visual:
            grid_size = (n_to, n_to)
        class Model:
            visual = Visual()
        name, old = f"grid.{n_from}.{n_to}", torch.randn(n_from * n_from + 1, 6)
        state = {"visual.positional_embedding": old.clone()}
        open_clip.model.resize_pos_embed(state, Model())
        tensors[name + ".from"], tensors[name + ".to"] = old, state["visual.positional_embedding"]
    for n_from, n_to in ((8, 12), (12, 5)):
        class Model:
            positional_embedding = torch.zeros(n_to, 6)
        name, old = f"line.{n_from}.{n_to}", torch.randn(n_from, 6)
        state = {"positional_embedding": old.clone()}
        open_clip.model.resize_text_pos_embed(state, Model())
        tensors[name + ".from"], tensors[name + ".to"] = old, state["positional_embedding"]
    save_file({k: v.contiguous() for k, v in tensors.items()}, path)


# --------------------------------------------------------------------------------------- pickles


def make_pickles(folder):
    """The golden model of open_clip as its trainer saves it, in the format before 1.6, and scripted."""
    golden = os.path.join(os.path.dirname(__file__), "..", "golden", "weights", "open_clip")
    shutil.copy(os.path.join(golden, "open_clip_config.json"), folder)
    model = open_clip.model.CLIP(**TINY).eval()
    model.load_state_dict(load_file(os.path.join(golden, "open_clip_model.safetensors")))
    state = {"module." + name: t for name, t in model.state_dict().items()}
    torch.save({"epoch": 1, "state_dict": state}, os.path.join(folder, "trainer.pt"))
    torch.save(model.state_dict(), os.path.join(folder, "old.bin"),
               _use_new_zipfile_serialization=False)
    script = torch.jit.trace_module(model, {"encode_image": torch.zeros(1, 3, 16, 16)})
    torch.jit.save(script, os.path.join(folder, "script.pt"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?")
    parser.add_argument("program", nargs="?", choices=["open_clip", "transformers"])
    parser.add_argument("architecture", nargs="?")
    parser.add_argument("batch", nargs="?", type=int, default=4)
    parser.add_argument("--lora", action="store_true")
    parser.add_argument("--golden", action="store_true")
    parser.add_argument("--pickles", action="store_true")
    o = parser.parse_args()
    torch.manual_seed(1)
    if o.golden:
        golden = os.path.join(os.path.dirname(__file__), "..", "golden", "weights")
        for program, make in (("open_clip", lambda f: make_open_clip(f, "tiny", 3, False)),
                              ("transformers", lambda f: make_transformers(f, "tiny", 3))):
            os.makedirs(os.path.join(golden, program), exist_ok=True)
            make(os.path.join(golden, program))
        make_positions(os.path.join(golden, "positions.safetensors"))
    elif o.pickles:
        make_pickles(o.folder)
    elif o.program == "open_clip":
        make_open_clip(o.folder, o.architecture, o.batch, o.lora)
    else:
        make_transformers(o.folder, o.architecture, o.batch)


if __name__ == "__main__":
    main()
