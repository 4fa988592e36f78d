#!/bin/sh
# Every LoRA gradient of one training step of ViT-B-32 against PyTorch's autograd over open_clip's
# model, on the same weights and batch (clip_models.py --lora): within 1e-3, tensor by tensor.
[ -x build-peers/bin/python ] || { echo "no build-peers/; run: sh tests/setup.sh peers"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
build-peers/bin/python tests/peers/clip_models.py "$folder" open_clip ViT-B-32 8 --lora &&
    "$(dirname "$1")/tests/test_weights" "$folder"
