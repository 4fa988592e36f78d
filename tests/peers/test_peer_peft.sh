#!/bin/sh
# Adapters and merged weights against PEFT, transformers and open_clip: compare_peft.py says how.
[ -x build-peers/bin/python ] || { echo "no build-peers/; run: sh tests/setup.sh peers"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
build-peers/bin/python tests/peers/compare_peft.py "$1" "$folder"
