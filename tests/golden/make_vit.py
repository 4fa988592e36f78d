#!/usr/bin/env python3
"""Golden values of tiny vision transformers beyond CLIP, from transformers' own models.

    build-peers/bin/python tests/golden/make_vit.py [FOLDER]

Needs build-peers (sh tests/setup.sh peers). Weights and inputs are drawn once in 32 bits, then
everything is computed in 64 bits by transformers and autograd and rounded at the end. Every file holds
the weights under the names of its source, `input.*`, `out.*`, and `grad.X` for every weight X.
Architectures: the .json files of the same names.

    siglip_tiny   SiglipModel; gradients are those of SigLIP's loss over all pairs
    dino_tiny     ViTModel, as DINO is published; gradients of sum(out.class_normalised * input.dy)
    dinov2_tiny   facebookresearch's names, with layer scale and two registers; computed by Dinov2Model
                  with the registers put between class token and patches after the positions were added
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path = [p for p in sys.path if os.path.abspath(p or ".") != HERE]  # its safetensors.py is not the package

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import Dinov2Config, Dinov2Model, SiglipConfig, SiglipModel, ViTConfig, ViTModel

IMAGE, PATCH, WIDTH, LAYERS, HEADS, HIDDEN = 16, 8, 16, 2, 2, 32
CONTEXT, VOCABULARY, SAMPLES, REGISTERS = 8, 64, 4, 2
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5,) * 3, (0.5,) * 3)
SIZES = dict(hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS)


class Draw:
    """As in make_golden.py: exact in 32 bits, held in 64."""

    def __init__(self, seed):
        self.generator = np.random.Generator(np.random.PCG64(seed))

    def normal(self, *shape, scale=1.0, centre=0.0):
        values = (centre + scale * self.generator.standard_normal(shape)).astype(np.float32)
        return torch.tensor(values.astype(np.float64))

    def integers(self, low, high, *shape):
        return torch.tensor(self.generator.integers(low, high, shape))


def redraw(draw, model):
    """Values that are neither all alike nor all small, exact in 32 bits."""
    model.double().eval()
    for name, p in model.named_parameters():
        if "norm" in name:
            value = draw.normal(*p.shape, scale=0.1, centre=1.0 if name.endswith("weight") else 0.0)
        elif "lambda" in name:
            value = draw.normal(*p.shape, scale=0.3, centre=0.7)
        elif name.endswith("weight") and p.dim() > 1 and "embedding.weight" not in name:
            value = draw.normal(*p.shape, scale=p[0].numel() ** -0.5)
        elif name.startswith("logit"):
            value = draw.normal(*p.shape, scale=0.1, centre=2.0 if name == "logit_scale" else -2.0)
        else:
            value = draw.normal(*p.shape, scale=0.3)
        p.data.copy_(value)


def picture(draw, norm):
    """Bytes (B, S, S, 3), and what a model sees (B, 3, S, S)."""
    pixels = draw.integers(0, 256, SAMPLES, IMAGE, IMAGE, 3).to(torch.uint8)
    mean, deviation = (torch.tensor(n).double() for n in norm)
    return pixels, ((pixels.double() / 255 - mean) / deviation).permute(0, 3, 1, 2)


def save(folder, name, weights, gradients, others):
    tensors = {**weights, **{"grad." + k: g for k, g in gradients.items()}, **others}
    narrow = {torch.float64: torch.float32, torch.int64: torch.int32}
    tensors = {k: t.detach().to(narrow.get(t.dtype, t.dtype)).contiguous() for k, t in tensors.items()}
    save_file(tensors, f"{folder}/{name}.safetensors")


def trained(model):
    """Weights and their gradients, by name; a mask token, which has none, is left out."""
    weights = {k: p for k, p in model.named_parameters() if p.grad is not None}
    return weights, {k: p.grad for k, p in weights.items()}


def make_siglip(folder):
    draw = Draw(21)
    text = dict(SIZES, intermediate_size=HIDDEN, vocab_size=VOCABULARY, max_position_embeddings=CONTEXT)
    image = dict(SIZES, intermediate_size=HIDDEN, image_size=IMAGE, patch_size=PATCH)
    model = SiglipModel(SiglipConfig(text_config=text, vision_config=image))
    redraw(draw, model)
    pixels, seen = picture(draw, HALF)
    tokens = torch.ones(SAMPLES, CONTEXT, dtype=torch.long)  # </s> ends a text and fills it up
    for row, length in enumerate((3, 8, 5, 2)):
        tokens[row, : length - 1] = draw.integers(3, VOCABULARY, length - 1)
    image, text = model.get_image_features(seen), model.get_text_features(tokens)
    u, v = F.normalize(image, dim=-1), F.normalize(text, dim=-1)
    logits = model.logit_scale.exp() * u @ v.t() + model.logit_bias
    loss = -F.logsigmoid((2 * torch.eye(SAMPLES).double() - 1) * logits).sum() / SAMPLES
    loss.backward()
    logits = model(input_ids=tokens, pixel_values=seen).logits_per_image
    save(folder, "siglip_tiny", *trained(model), {
        "input.pixels": pixels, "input.tokens": tokens, "out.image_normalised": u, "out.text_normalised": v,
        "out.logits": logits, "out.loss": loss,
    })


def class_gradient(draw, pixels, tokens):
    """tokens (B, T, C) after the last norm."""
    u = F.normalize(tokens[:, 0], dim=-1)
    dy = draw.normal(SAMPLES, WIDTH)
    (u * dy).sum().backward()
    return {"input.pixels": pixels, "input.dy": dy, "out.tokens": tokens, "out.class_normalised": u}


def make_dino(folder):
    draw = Draw(22)
    config = ViTConfig(
        **SIZES, intermediate_size=HIDDEN, image_size=IMAGE, patch_size=PATCH, layer_norm_eps=1e-6,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )
    model = ViTModel(config, add_pooling_layer=False)
    redraw(draw, model)
    pixels, seen = picture(draw, IMAGENET)
    others = class_gradient(draw, pixels, model(seen).last_hidden_state)
    save(folder, "dino_tiny", *trained(model), others)


# From Dinov2Model's names to those of facebookresearch; query, key and value become one.
NAMES = (
    ("embeddings.cls_token", "cls_token"), ("embeddings.position_embeddings", "pos_embed"),
    ("embeddings.patch_embeddings.projection", "patch_embed.proj"), ("encoder.layer.", "blocks."),
    ("attention.output.dense", "attn.proj"), ("layer_scale1.lambda1", "ls1.gamma"),
    ("layer_scale2.lambda1", "ls2.gamma"), ("layernorm", "norm"),
)


def facebook_names(tensors):
    renamed = {}
    for name, tensor in tensors.items():
        for old, new in NAMES:
            name = name.replace(old, new)
        renamed[name] = tensor
    for name in [n for n in renamed if "attention.query" in n]:
        parts = [renamed.pop(name.replace("query", part)) for part in ("query", "key", "value")]
        renamed[name.replace("attention.attention.query", "attn.qkv")] = torch.cat(parts)
    return renamed


def make_dinov2(folder):
    draw = Draw(23)
    config = Dinov2Config(
        **SIZES, mlp_ratio=HIDDEN // WIDTH, image_size=IMAGE, patch_size=PATCH, layer_norm_eps=1e-6,
    )
    model = Dinov2Model(config)
    redraw(draw, model)
    registers = torch.nn.Parameter(draw.normal(1, REGISTERS, WIDTH, scale=0.3))
    pixels, seen = picture(draw, IMAGENET)
    x = model.embeddings(seen)
    x = torch.cat([x[:, :1], registers.expand(SAMPLES, -1, -1), x[:, 1:]], 1)
    others = class_gradient(draw, pixels, model.layernorm(model.encoder(x).last_hidden_state))
    weights, gradients = trained(model)
    weights["register_tokens"], gradients["register_tokens"] = registers, registers.grad
    save(folder, "dinov2_tiny", facebook_names(weights), facebook_names(gradients), others)


if __name__ == "__main__":
    target_folder = sys.argv[1] if len(sys.argv) > 1 else HERE
    torch.set_num_threads(1)
    for make in (make_siglip, make_dino, make_dinov2):
        make(target_folder)
