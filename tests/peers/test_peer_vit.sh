#!/bin/sh
# SigLIP, DINO and DINOv2 against their models in transformers: compare_vit.py says how.
[ -x build-peers/bin/python ] || { echo "no build-peers/; run: sh tests/setup.sh peers"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
build-peers/bin/python tests/peers/compare_vit.py "$1" "$folder"
