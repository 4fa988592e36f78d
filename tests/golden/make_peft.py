#!/usr/bin/python3
"""Adapters made by PEFT on transformers' CLIPModel, and what PEFT makes of them when it merges them.

    sh tests/setup.sh peers && build-peers/bin/python tests/golden/make_peft.py [FOLDER]

The model is clip_tiny (make_golden.py writes its weights, its pictures and captions) as a CLIPModel in
64 bits. Writes, per case, the folder peft_CASE as save_pretrained leaves it, and in peft_merged the
`CASE.NAME` of every weight that merging changed, under open_clip's names, with `CASE.image` and
`CASE.text`, the features. Numbers of all adapters are random: PEFT starts with B at zero.
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path = [p for p in sys.path if os.path.abspath(p or ".") != HERE]  # its safetensors.py is not the package

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig, CLIPModel

MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)

CASES = {
    # Every linear layer, the projections included; ranks and alphas by patterns; 32 bits.
    "lora": (torch.float32, LoraConfig(
        r=3, lora_alpha=5, use_rslora=True,
        target_modules=["q_proj", "v_proj", "fc1", "fc2", "out_proj", "visual_projection",
                        "text_projection"],
        rank_pattern={"q_proj": 2, r"layers\.\d\.mlp\.(?:fc1|fc3)": 4},
        alpha_pattern={"q_proj": 7, r"layers\.\d\.mlp\.(?:fc1|fc3)": 2.5,
                       "text_model.encoder.layers.1.mlp.fc2": 1})),
    # DoRA of a part of both towers, 16 bits.
    "dora": (torch.float16, LoraConfig(
        r=2, lora_alpha=4, use_dora=True,
        target_modules=r"(vision|text)_model\.encoder\.layers\.1\.(self_attn\.(k|v|out)_proj|mlp\.fc1)",
        rank_pattern={"v_proj": 3}, alpha_pattern={"v_proj": 1})),
}


def clip_model():
    config = CLIPConfig(
        projection_dim=12,
        text_config=dict(hidden_size=16, intermediate_size=64, num_hidden_layers=2,
                         num_attention_heads=2, max_position_embeddings=8, vocab_size=64,
                         hidden_act="quick_gelu", bos_token_id=62, eos_token_id=63, pad_token_id=63,
                         projection_dim=12),
        vision_config=dict(hidden_size=16, intermediate_size=64, num_hidden_layers=2,
                           num_attention_heads=2, image_size=16, patch_size=8,
                           hidden_act="quick_gelu", projection_dim=12))
    return CLIPModel(config).double().eval()


def names(weights):
    """CLIPModel's name of every weight of open_clip, as (name, rows, turned round)."""
    result = {}
    for name in weights:
        if name.startswith("input.") or ".lora_" in name:
            continue
        image = name.startswith("visual.")
        tower = "vision_model." if image else "text_model."
        rest = name[len("visual."):] if image else name
        parts = rest.split(".")
        if rest.startswith("transformer.resblocks."):
            layer = f"{tower}encoder.layers.{parts[2]}."
            tail = ".".join(parts[3:])
            for old, new in (("ln_1", "layer_norm1"), ("ln_2", "layer_norm2"), ("mlp.c_fc", "mlp.fc1"),
                             ("mlp.c_proj", "mlp.fc2"), ("attn.out_proj", "self_attn.out_proj")):
                if tail.startswith(old):
                    result[name] = [(layer + tail.replace(old, new), False)]
            if tail.startswith("attn.in_proj_"):
                end = tail[len("attn.in_proj_"):]
                result[name] = [(f"{layer}self_attn.{x}_proj.{end}", False) for x in "qkv"]
            continue
        single = {
            "logit_scale": ("logit_scale", False),
            "text_projection": ("text_projection.weight", True),
            "token_embedding.weight": ("text_model.embeddings.token_embedding.weight", False),
            "positional_embedding": ("text_model.embeddings.position_embedding.weight", False),
            "ln_final.weight": ("text_model.final_layer_norm.weight", False),
            "ln_final.bias": ("text_model.final_layer_norm.bias", False),
            "visual.proj": ("visual_projection.weight", True),
            "visual.conv1.weight": ("vision_model.embeddings.patch_embedding.weight", False),
            "visual.class_embedding": ("vision_model.embeddings.class_embedding", False),
            "visual.positional_embedding": ("vision_model.embeddings.position_embedding.weight", False),
            "visual.ln_pre.weight": ("vision_model.pre_layrnorm.weight", False),
            "visual.ln_pre.bias": ("vision_model.pre_layrnorm.bias", False),
            "visual.ln_post.weight": ("vision_model.post_layernorm.weight", False),
            "visual.ln_post.bias": ("vision_model.post_layernorm.bias", False),
        }
        result[name] = [single[name]]
    return result


def to_clip_model(weights):
    state = {}
    for name, parts in names(weights).items():
        values = weights[name].double()
        for k, (target, turned) in enumerate(parts):
            rows = values.chunk(len(parts))[k] if len(parts) > 1 else values
            state[target] = rows.t().contiguous() if turned else rows.contiguous()
    return state


def from_clip_model(state, weights):
    result = {}
    for name, parts in names(weights).items():
        pieces = [state[target].t() if turned else state[target] for target, turned in parts]
        result[name] = torch.cat(pieces) if len(pieces) > 1 else pieces[0]
    return result


def features(model, golden):
    pixels = golden["input.pixels"].double() / 255
    pixels = (pixels - torch.tensor(MEAN).double()) / torch.tensor(DEVIATION).double()
    with torch.no_grad():
        image = model.get_image_features(pixel_values=pixels.permute(0, 3, 1, 2))
        text = model.get_text_features(input_ids=golden["input.tokens"].long())
    return image, text


def make_case(case, folder, golden):
    generator = np.random.Generator(np.random.PCG64(7 if case == "lora" else 8))
    dtype, config = CASES[case]
    base = clip_model()
    base.load_state_dict(to_clip_model(golden), strict=True)
    model = get_peft_model(base, config).double().eval()
    for name, parameter in model.named_parameters():
        if "lora_" not in name:
            continue
        noise = torch.tensor(generator.standard_normal(tuple(parameter.shape)))
        with torch.no_grad():
            if "magnitude" in name:
                parameter.mul_(1 + 0.2 * noise)
            else:
                parameter.copy_(0.2 * noise)
            parameter.copy_(parameter.to(dtype).double())  # what the file holds, and no more
    path = os.path.join(folder, "peft_" + case)
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, "README.md"), "w") as card:  # one that is there needs no jinja2
        card.write("---\nlibrary_name: peft\n---\n")
    model.save_pretrained(path)
    tensors = load_file(os.path.join(path, "adapter_model.safetensors"))
    save_file({n: t.to(dtype) for n, t in tensors.items()},
              os.path.join(path, "adapter_model.safetensors"), {"format": "pt"})
    os.remove(os.path.join(path, "README.md"))
    config_path = os.path.join(path, "adapter_config.json")
    with open(config_path) as f:
        written = json.load(f)
    if isinstance(written["target_modules"], list):
        written["target_modules"].sort()  # a set, in another order each time
    with open(config_path, "w") as f:
        f.write(json.dumps(written, indent=2, sort_keys=True))
    image, text = features(model, golden)
    merged = model.merge_and_unload()
    again = features(merged, golden)
    assert torch.allclose(image, again[0], atol=1e-12) and torch.allclose(text, again[1], atol=1e-12)
    state = from_clip_model(merged.state_dict(), golden)
    result = {f"{case}.{n}": t.numpy() for n, t in state.items()
              if not torch.equal(t, golden[n].double())}
    result[f"{case}.image"], result[f"{case}.text"] = image.numpy(), text.numpy()
    print(case, len(result) - 2, "weights changed")
    return result


def main():
    torch.set_default_dtype(torch.float64)  # CLIPModel makes its mask in the default type
    folder = sys.argv[1] if len(sys.argv) > 1 else HERE
    golden = load_file(os.path.join(HERE, "clip_tiny.safetensors"))
    tensors = {}
    for case in CASES:
        tensors.update(make_case(case, folder, golden))
    save_file({n: torch.tensor(t).float().contiguous() for n, t in tensors.items()},
              os.path.join(folder, "peft_merged.safetensors"))


main()
