#!/bin/sh
# Pixels against Pillow, webdataset, torchvision and open_clip: compare_pixels.py says which.
[ -x build-peers/bin/python ] || { echo "no build-peers/; run: sh tests/setup.sh peers"; exit 77; }
. tests/peers/debian_files.sh
debian_files openclipart-png tuxpaint-stamps-default golang-1.19-src || exit 1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
build-peers/bin/python tests/peers/compare_pixels.py "$(dirname "$1")/tests/print_data" "$folder" $debian_roots
