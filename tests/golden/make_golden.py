#!/usr/bin/python3
"""Golden values from PyTorch for tests/golden: a whole tiny CLIP, and single operations.

    /usr/bin/python3 tests/golden/make_golden.py [FOLDER]

Needs python3-torch (Debian 12: 1.13). Inputs are drawn once in 32 bits, then everything is computed
in 64 bits by PyTorch's own operations and autograd and rounded to 32 bits at the end, so the files
are right to about 1e-7. The tests only read the files. In every file `grad.X` is the gradient of
the loss with respect to X; other names are said beside the function that writes the file.
"""
import math
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

import safetensors

MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)
IMAGE, PATCH, WIDTH, LAYERS, HEADS, JOINT = 16, 8, 16, 2, 2, 12
CONTEXT, VOCABULARY, START, END = 8, 64, 62, 63
RANK, ALPHA = 2, 4.0


class Draw:
    """Random inputs, exact in 32 bits, held in 64."""

    def __init__(self, seed):
        self.generator = np.random.Generator(np.random.PCG64(seed))

    def normal(self, *shape, scale=1.0, centre=0.0):
        values = (centre + scale * self.generator.standard_normal(shape)).astype(np.float32)
        return torch.tensor(values.astype(np.float64))

    def integers(self, low, high, *shape):
        return torch.tensor(self.generator.integers(low, high, shape))


def leaf(*tensors):
    for tensor in tensors:
        tensor.requires_grad_(True)
    return tensors if len(tensors) > 1 else tensors[0]


def plain(tensors):
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}


def with_gradients(tensors):
    """The gradients that backward left in the leaves, under their names."""
    return {"grad." + name: t.grad.numpy().copy() for name, t in tensors.items() if t.grad is not None}


# ---------------------------------------------------------------------------------------- CLIP


def tower_weights(draw, prefix, width):
    weights = {}
    for i in range(LAYERS):
        block = f"{prefix}transformer.resblocks.{i}."
        for norm in ("ln_1", "ln_2"):
            weights[block + norm + ".weight"] = draw.normal(width, scale=0.1, centre=1.0)
            weights[block + norm + ".bias"] = draw.normal(width, scale=0.1)
        for name, outputs, inputs in (
            ("attn.in_proj", 3 * width, width),
            ("attn.out_proj", width, width),
            ("mlp.c_fc", 4 * width, width),
            ("mlp.c_proj", width, 4 * width),
        ):
            joint = "_" if name == "attn.in_proj" else "."
            weights[block + name + joint + "weight"] = draw.normal(outputs, inputs, scale=inputs**-0.5)
            weights[block + name + joint + "bias"] = draw.normal(outputs, scale=0.1)
    return weights


def clip_weights(draw):
    weights = {
        "visual.conv1.weight": draw.normal(WIDTH, 3, PATCH, PATCH, scale=(3 * PATCH * PATCH) ** -0.5),
        "visual.class_embedding": draw.normal(WIDTH, scale=0.3),
        "visual.positional_embedding": draw.normal((IMAGE // PATCH) ** 2 + 1, WIDTH, scale=0.3),
        "visual.proj": draw.normal(WIDTH, JOINT, scale=WIDTH**-0.5),
        "token_embedding.weight": draw.normal(VOCABULARY, WIDTH, scale=0.3),
        "positional_embedding": draw.normal(CONTEXT, WIDTH, scale=0.3),
        "text_projection": draw.normal(WIDTH, JOINT, scale=WIDTH**-0.5),
        "logit_scale": torch.tensor(float(np.float32(math.log(1 / 0.07)))).double(),
    }
    for norm in ("visual.ln_pre", "visual.ln_post", "ln_final"):
        weights[norm + ".weight"] = draw.normal(WIDTH, scale=0.1, centre=1.0)
        weights[norm + ".bias"] = draw.normal(WIDTH, scale=0.1)
    weights.update(tower_weights(draw, "visual.", WIDTH))
    weights.update(tower_weights(draw, "", WIDTH))
    return weights


def lora_weights(draw, weights):
    """X.lora_a [rank, inputs] and X.lora_b [outputs, rank] for every X of the blocks."""
    lora = {}
    for name, weight in weights.items():
        if "resblocks" in name and weight.dim() == 2:
            module = name[: -len("_weight")]
            lora[module + ".lora_a"] = draw.normal(RANK, weight.shape[1], scale=weight.shape[1] ** -0.5)
            lora[module + ".lora_b"] = draw.normal(weight.shape[0], RANK, scale=0.2)
    return lora


def quickgelu(x):
    return x * torch.sigmoid(1.702 * x)


class Clip:
    """open_clip's structure, written with functions so that a weight may be base + LoRA."""

    def __init__(self, weights, lora, activation):
        self.weights, self.lora, self.activation = weights, lora, activation

    def weight(self, module, joint="."):
        weight = self.weights[module + joint + "weight"]
        if module + ".lora_a" not in self.lora:
            return weight
        a, b = self.lora[module + ".lora_a"], self.lora[module + ".lora_b"]
        return weight + ALPHA / RANK * (b @ a)

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.weights[name + ".weight"], self.weights[name + ".bias"])

    def blocks(self, x, prefix, mask):
        x = x.transpose(0, 1)  # torch's attention takes (T, B, C)
        for i in range(LAYERS):
            block = f"{prefix}transformer.resblocks.{i}."
            y = self.norm(x, block + "ln_1")
            y, _ = F.multi_head_attention_forward(
                y, y, y, x.shape[-1], HEADS,
                self.weight(block + "attn.in_proj", "_"), self.weights[block + "attn.in_proj_bias"],
                None, None, False, 0.0,
                self.weight(block + "attn.out_proj"), self.weights[block + "attn.out_proj.bias"],
                training=False, need_weights=False, attn_mask=mask,
            )
            x = x + y
            y = self.norm(x, block + "ln_2")
            y = F.linear(y, self.weight(block + "mlp.c_fc"), self.weights[block + "mlp.c_fc.bias"])
            y = self.activation(y)
            x = x + F.linear(y, self.weight(block + "mlp.c_proj"), self.weights[block + "mlp.c_proj.bias"])
        return x.transpose(0, 1)

    def image(self, pixels):
        x = pixels.double() / 255
        x = (x - torch.tensor(MEAN).double()) / torch.tensor(DEVIATION).double()
        x = F.conv2d(x.permute(0, 3, 1, 2), self.weights["visual.conv1.weight"], stride=PATCH)
        x = x.flatten(2).transpose(1, 2)
        token = self.weights["visual.class_embedding"].expand(x.shape[0], 1, -1)
        x = torch.cat([token, x], 1) + self.weights["visual.positional_embedding"]
        x = self.blocks(self.norm(x, "visual.ln_pre"), "visual.", None)
        self.image_tokens = self.norm(x, "visual.ln_post")
        return self.image_tokens[:, 0] @ self.weights["visual.proj"]

    def text(self, tokens):
        x = self.weights["token_embedding.weight"][tokens] + self.weights["positional_embedding"]
        mask = torch.full((CONTEXT, CONTEXT), float("-inf")).double().triu(1)
        x = self.norm(self.blocks(x, "", mask), "ln_final")
        return x[torch.arange(len(tokens)), tokens.argmax(-1)] @ self.weights["text_projection"]


def same_caption(caption_id):
    """Targets q: equal captions share the row's weight."""
    same = (caption_id[:, None] == caption_id[None, :]).double()
    return same / same.sum(1, keepdim=True)


def clip_loss(u, v, logit_scale, target):
    logits = logit_scale.exp() * u @ v.t()
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.t(), target.t())) / 2


def make_clip(folder):
    """clip_tiny: the weights under open_clip's names, LoRA pairs, `input.pixels` (B, S, S, 3) bytes,
    `input.tokens` (B, T), `input.caption_id` (B).
    clip_tiny_quickgelu: `out.*` and the gradients of the plain loss, no LoRA, all trained.
    clip_tiny_{quickgelu,gelu}_lora: the same with LoRA, gradients of LoRA and logit_scale only.
    `out.loss_shared` equals `out.loss`: two captions with the same features and scores give the same
    sum whichever of them is the target. contrastive_loss has cases in which sharing matters."""
    draw = Draw(1)
    weights = clip_weights(draw)
    lora = lora_weights(draw, weights)
    pixels = draw.integers(0, 256, 6, IMAGE, IMAGE, 3).to(torch.uint8)
    tokens = torch.zeros(6, CONTEXT, dtype=torch.long)
    for row, length in enumerate((3, 4, 8, 5, 6, 4)):
        tokens[row, 0] = START
        tokens[row, 1 : length - 1] = draw.integers(0, START, length - 2)
        tokens[row, length - 1] = END
    tokens[5] = tokens[1]  # the duplicate caption
    caption_id = torch.tensor([0, 1, 2, 3, 4, 1])
    about = {
        "image_size": IMAGE, "patch_size": PATCH, "width": WIDTH, "layers": LAYERS, "heads": HEADS,
        "embed_dim": JOINT, "context_length": CONTEXT, "vocab_size": VOCABULARY,
        "lora_rank": RANK, "lora_alpha": ALPHA,
    }
    inputs = {"input.pixels": pixels, "input.tokens": tokens, "input.caption_id": caption_id}
    safetensors.write(f"{folder}/clip_tiny.safetensors", plain({**weights, **lora, **inputs}), about)

    for name, activation, adapters in (
        ("quickgelu", quickgelu, {}), ("quickgelu_lora", quickgelu, lora), ("gelu_lora", F.gelu, lora),
    ):
        for tensor in (*weights.values(), *lora.values()):
            tensor.grad = None
            tensor.requires_grad_(False)
        trained = {**adapters, "logit_scale": weights["logit_scale"]} if adapters else weights
        leaf(*trained.values())
        model = Clip(weights, adapters, activation)
        image, text = model.image(pixels), model.text(tokens)
        u, v = F.normalize(image, dim=-1), F.normalize(text, dim=-1)
        out = {
            "out.image_tokens": model.image_tokens, "out.image_features": image, "out.text_features": text,
            "out.image_normalised": u, "out.text_normalised": v,
            "out.loss": clip_loss(u, v, weights["logit_scale"], torch.eye(6).double()),
            "out.loss_shared": clip_loss(u, v, weights["logit_scale"], same_caption(caption_id)),
        }
        out["out.loss"].backward()
        gradients = with_gradients(trained)
        path = f"{folder}/clip_tiny_{name}.safetensors"
        safetensors.write(path, {**plain(out), **gradients}, about)


# ---------------------------------------------------------------------------------- operations


def make_layernorm(folder):
    draw = Draw(2)
    x, weight = draw.normal(5, 24, centre=3.0), draw.normal(24, scale=0.2, centre=1.0)
    bias, dy = draw.normal(24), draw.normal(5, 24)
    leaf(x, weight, bias)
    y = F.layer_norm(x, (24,), weight, bias)
    y.backward(dy)
    leaves = {"x": x, "weight": weight, "bias": bias}
    write(folder, "layernorm", leaves, {"y": y, "grad.y": dy}, {"epsilon": 1e-5})


def make_activation(folder):
    """`x`, `grad.y`; `quickgelu.y`, `quickgelu.grad.x`, and so on for gelu (erf), gelu_tanh and relu."""
    draw = Draw(3)
    x = torch.cat([draw.normal(200, scale=3.0), torch.tensor([0.0, -20.0, 20.0, 1e-4, -1e-4]).float().double()])
    dy = draw.normal(205)
    tensors = {"x": x, "grad.y": dy}
    for name, function in (
        ("quickgelu", quickgelu), ("gelu", F.gelu),
        ("gelu_tanh", lambda x: F.gelu(x, approximate="tanh")), ("relu", F.relu),
    ):
        at = leaf(x.clone())
        y = function(at)
        y.backward(dy)
        tensors.update({name + ".y": y, name + ".grad.x": at.grad})
    safetensors.write(f"{folder}/activation.safetensors", plain(tensors), {})


def make_attention(folder):
    """`qkv` (B, T, 3 C), `grad.y` (B, T, C); `full.y`, `full.grad.qkv`, `causal.y`, `causal.grad.qkv`."""
    draw = Draw(4)
    batch, length, heads, size = 2, 7, 3, 8
    channels = heads * size
    qkv, dy = draw.normal(batch, length, 3 * channels), draw.normal(batch, length, channels)
    tensors = {"qkv": qkv, "grad.y": dy}
    for name, mask in (("full", None), ("causal", torch.full((length, length), float("-inf")).double().triu(1))):
        at = leaf(qkv.clone())
        q, k, v = at.view(batch, length, 3, heads, size).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2) / math.sqrt(size)
        y = (scores if mask is None else scores + mask).softmax(-1) @ v
        y = y.transpose(1, 2).reshape(batch, length, channels)
        y.backward(dy)
        tensors.update({name + ".y": y, name + ".grad.qkv": at.grad})
    safetensors.write(f"{folder}/attention.safetensors", plain(tensors), {"heads": heads})


def make_attention_pool(folder):
    """The query of `latent` (3 C) over keys and values of `qkv` (B, T, 3 C), packed in this order: torch's
    attention with projections that change nothing."""
    draw = Draw(10)
    batch, length, heads, size = 2, 7, 3, 8
    width = heads * size
    leaves = {"latent": draw.normal(3 * width), "qkv": draw.normal(batch, length, 3 * width)}
    leaf(*leaves.values())
    _, key, value = leaves["qkv"].transpose(0, 1).chunk(3, -1)
    same = torch.eye(width).double()
    y, _ = F.multi_head_attention_forward(
        leaves["latent"][:width].expand(1, batch, width), key, value, width, heads, None, torch.zeros(3 * width).double(),
        None, None, False, 0.0, same, torch.zeros(width).double(), training=False, need_weights=False,
        use_separate_proj_weight=True, q_proj_weight=same, k_proj_weight=same, v_proj_weight=same,
    )
    dy = draw.normal(batch, width)
    y[0].backward(dy)
    write(folder, "attention_pool", leaves, {"y": y[0], "grad.y": dy}, {"heads": heads})


def make_uniadapter(folder):
    """y = x + scale Up(ReLU(Down(LN(x)))): the branch that UniAdapter and GLARE add to a block."""
    draw = Draw(5)
    rows, width, rank, scale = 6, 16, 4, 0.5
    leaves = {
        "x": draw.normal(rows, width),
        "ln.weight": draw.normal(width, scale=0.1, centre=1.0), "ln.bias": draw.normal(width, scale=0.1),
        "down.weight": draw.normal(rank, width, scale=width**-0.5), "down.bias": draw.normal(rank, scale=0.1),
        "up.weight": draw.normal(width, rank, scale=0.3), "up.bias": draw.normal(width, scale=0.1),
    }
    leaf(*leaves.values())
    h = F.layer_norm(leaves["x"], (width,), leaves["ln.weight"], leaves["ln.bias"])
    h = F.relu(F.linear(h, leaves["down.weight"], leaves["down.bias"]))
    y = leaves["x"] + scale * F.linear(h, leaves["up.weight"], leaves["up.bias"])
    dy = draw.normal(rows, width)
    y.backward(dy)
    write(folder, "uniadapter", leaves, {"y": y, "grad.y": dy}, {"scale": scale, "rank": rank})


def make_contrastive(folder):
    """Features of length 1 go in; `grad.u`, `grad.v` are gradients with respect to these.
    `plain.*`: every caption its own; `shared.*`: by caption_id; `holes.*`: by caption_id, with the
    samples of usable 0 left out."""
    draw = Draw(6)
    u = F.normalize(draw.normal(7, 10), dim=-1).float().double()
    v = F.normalize(draw.normal(7, 10), dim=-1).float().double()
    scale = torch.tensor(float(np.float32(math.log(20.0)))).double()
    caption_id, usable = torch.tensor([0, 1, 1, 3, 0, 5, 0]), torch.tensor([1, 1, 1, 0, 1, 1, 1])
    tensors = {"u": u, "v": v, "logit_scale": scale, "caption_id": caption_id, "usable": usable.double()}
    for name, ids, keep in (
        ("plain", torch.arange(7), torch.ones(7, dtype=torch.bool)),
        ("shared", caption_id, torch.ones(7, dtype=torch.bool)),
        ("holes", caption_id, usable.bool()),
    ):
        a, b, s = leaf(u.clone(), v.clone(), scale.clone())
        loss = clip_loss(a[keep], b[keep], s, same_caption(ids[keep]))
        loss.backward()
        tensors.update({
            name + ".loss": loss, name + ".grad.u": a.grad, name + ".grad.v": b.grad,
            name + ".grad.logit_scale": s.grad,
        })
    safetensors.write(f"{folder}/contrastive_loss.safetensors", plain(tensors), {})


def make_sigmoid(folder):
    """As make_contrastive, for SigLIP's loss with a bias: open_clip's -logsigmoid(labels * logits), with
    labels -1 and, where captions are equal, 1; the sum over all pairs divided by the samples."""
    draw = Draw(11)
    u = F.normalize(draw.normal(7, 10), dim=-1).float().double()
    v = F.normalize(draw.normal(7, 10), dim=-1).float().double()
    scale = torch.tensor(float(np.float32(math.log(10.0)))).double()
    bias = torch.tensor(-2.71875).double()
    caption_id, usable = torch.tensor([0, 1, 1, 3, 0, 5, 0]), torch.tensor([1, 1, 1, 0, 1, 1, 1])
    tensors = {
        "u": u, "v": v, "logit_scale": scale, "logit_bias": bias, "caption_id": caption_id,
        "usable": usable.double(),
    }
    for name, ids, keep in (
        ("plain", torch.arange(7), torch.ones(7, dtype=torch.bool)),
        ("shared", caption_id, torch.ones(7, dtype=torch.bool)),
        ("holes", caption_id, usable.bool()),
    ):
        a, b, s, z = leaf(u.clone(), v.clone(), scale.clone(), bias.clone())
        loss = sigmoid_loss(a[keep], b[keep], s, z, ids[keep])
        loss.backward()
        tensors.update({
            name + ".loss": loss, name + ".grad.u": a.grad, name + ".grad.v": b.grad,
            name + ".grad.logit_scale": s.grad, name + ".grad.logit_bias": z.grad,
        })
    safetensors.write(f"{folder}/sigmoid_loss.safetensors", plain(tensors), {})


def sigmoid_loss(u, v, logit_scale, logit_bias, caption_id):
    labels = 2 * (caption_id[:, None] == caption_id[None, :]).double() - 1
    return -F.logsigmoid(labels * (logit_scale.exp() * u @ v.t() + logit_bias)).sum() / len(u)


def soft_cross_entropy(student, teacher, dim):
    return -(teacher.softmax(dim) * student.log_softmax(dim)).sum(dim)


def make_zscl(folder):
    """ZSCL distillation: raw features of student and teacher; every gradient is with respect to the
    raw student features. `frozen.*`: the student's logits use the teacher's texts, as in the
    released code; `live.*`: they use the student's own."""
    draw = Draw(7)
    temperature, scale = 2.0, 30.0
    teacher_image, teacher_text = draw.normal(5, 12), draw.normal(8, 12)
    image = (teacher_image + draw.normal(5, 12, scale=0.3)).float().double()
    text = (teacher_text + draw.normal(8, 12, scale=0.3)).float().double()
    tensors = {"teacher_image": teacher_image, "teacher_text": teacher_text, "image": image, "text": text}
    target = scale * F.normalize(teacher_image, dim=-1) @ F.normalize(teacher_text, dim=-1).t() / temperature
    for name in ("frozen", "live"):
        a, b = leaf(image.clone(), text.clone())
        other = teacher_text if name == "frozen" else b
        logits = scale * F.normalize(a, dim=-1) @ F.normalize(other, dim=-1).t() / temperature
        by_image = temperature**2 * soft_cross_entropy(logits, target, 1).mean()
        by_text = temperature**2 * soft_cross_entropy(logits, target, 0).mean()
        (by_image + by_text).backward()
        tensors.update({name + ".loss_image": by_image, name + ".loss_text": by_text, name + ".grad.image": a.grad})
        if name == "live":
            tensors[name + ".grad.text"] = b.grad
    safetensors.write(f"{folder}/zscl.safetensors", plain(tensors), {"temperature": temperature, "logit_scale": scale})


def make_consistency(folder):
    """Self-distillation with a centre: `loss` over rows, `grad.student`; `centre_next` after the
    moving average. The head: `head.x` through three layers with GELU, length 1, linear to logits;
    `head.grad.*` for `head.grad.y` above."""
    draw = Draw(8)
    student, teacher, centre = leaf(draw.normal(6, 20)), draw.normal(6, 20), draw.normal(20, scale=0.2)
    target = ((teacher - centre) / 0.04).softmax(-1)
    loss = -(target * (student / 0.1).log_softmax(-1)).sum(-1).mean()
    loss.backward()
    tensors = {
        "student": student, "teacher": teacher, "centre": centre, "loss": loss, "grad.student": student.grad,
        "centre_next": 0.9 * centre + 0.1 * teacher.mean(0),
    }
    head = {"x": draw.normal(6, 8)}
    for i, (outputs, inputs) in enumerate(((12, 8), (12, 12), (6, 12)), 1):
        head[f"fc{i}.weight"] = draw.normal(outputs, inputs, scale=inputs**-0.5)
        head[f"fc{i}.bias"] = draw.normal(outputs, scale=0.1)
    head["last.weight"] = draw.normal(20, 6, scale=0.4)
    leaf(*head.values())
    y = head["x"]
    for i in (1, 2, 3):
        y = F.linear(y, head[f"fc{i}.weight"], head[f"fc{i}.bias"])
        y = F.gelu(y) if i < 3 else F.normalize(y, dim=-1)
    y = F.linear(y, head["last.weight"])
    dy = draw.normal(6, 20)
    y.backward(dy)
    tensors.update({"head." + name: t for name, t in head.items()})
    tensors.update({"head.grad." + name: t.grad for name, t in head.items()})
    tensors.update({"head.y": y, "head.grad.y": dy})
    about = {"student_temperature": 0.1, "teacher_temperature": 0.04, "centre_momentum": 0.9}
    safetensors.write(f"{folder}/consistency.safetensors", plain(tensors), about)


def make_region(folder):
    """Cross-attention of region queries `z` (R, C) over tokens `tokens` (T, C), with weights stored
    as linear layers [outputs, inputs]."""
    draw = Draw(9)
    width = 8
    leaves = {"z": draw.normal(3, width), "tokens": draw.normal(7, width)}
    for name in ("query", "key", "value"):
        leaves[name + ".weight"] = draw.normal(width, width, scale=width**-0.5)
    leaf(*leaves.values())
    q = F.linear(leaves["z"], leaves["query.weight"])
    k = F.linear(leaves["tokens"], leaves["key.weight"])
    v = F.linear(leaves["tokens"], leaves["value.weight"])
    y = (q @ k.t() / math.sqrt(width)).softmax(-1) @ v
    dy = draw.normal(3, width)
    y.backward(dy)
    write(folder, "region_attention", leaves, {"y": y, "grad.y": dy}, {})


def make_adamw(folder):
    """Three steps of torch.optim.AdamW after torch's clipping by global norm. `weight` decays, `bias`
    does not. `step.N.grad.X` goes in; `step.N.norm`, `step.N.X`, `step.N.first.X`, `step.N.second.X`
    come out. The learning rate of step N is in `step.N.lr`."""
    draw = Draw(10)
    start = {"weight": draw.normal(4, 6), "bias": draw.normal(6)}
    tensors = plain(start)
    at = {name: torch.nn.Parameter(value.clone()) for name, value in start.items()}
    optimiser = torch.optim.AdamW(
        [{"params": [at["weight"]], "weight_decay": 0.2}, {"params": [at["bias"]], "weight_decay": 0.0}],
        betas=(0.9, 0.98), eps=1e-6,
    )
    for n, (rate, size) in enumerate(((0.01, 0.05), (0.02, 3.0), (0.005, 0.5)), 1):
        for name, parameter in at.items():
            parameter.grad = draw.normal(*parameter.shape, scale=size)
            tensors[f"step.{n}.grad.{name}"] = parameter.grad.numpy().copy()
        for group in optimiser.param_groups:
            group["lr"] = rate
        norm = torch.nn.utils.clip_grad_norm_(list(at.values()), 1.0)
        optimiser.step()
        tensors[f"step.{n}.lr"] = np.float64(rate)
        tensors[f"step.{n}.norm"] = norm.numpy()
        for name, parameter in at.items():
            state = optimiser.state[parameter]
            tensors[f"step.{n}.{name}"] = parameter.detach().numpy().copy()
            tensors[f"step.{n}.first.{name}"] = state["exp_avg"].numpy().copy()
            tensors[f"step.{n}.second.{name}"] = state["exp_avg_sq"].numpy().copy()
    about = {"beta1": 0.9, "beta2": 0.98, "epsilon": 1e-6, "weight_decay": 0.2, "clip": 1.0}
    safetensors.write(f"{folder}/adamw.safetensors", tensors, about)


def write(folder, name, leaves, others, about):
    tensors = {**plain(leaves), **plain(others), **with_gradients(leaves)}
    safetensors.write(f"{folder}/{name}.safetensors", tensors, about)


if __name__ == "__main__":
    target_folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    torch.set_num_threads(1)
    for make in (
        make_clip, make_layernorm, make_activation, make_attention, make_attention_pool, make_uniadapter,
        make_contrastive, make_sigmoid, make_zscl, make_consistency, make_region, make_adamw,
    ):
        make(target_folder)
