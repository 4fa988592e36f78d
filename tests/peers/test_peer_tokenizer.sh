#!/bin/sh
# Token ids against OpenAI's, open_clip's and transformers' tokenizers: compare_tokens.py says how.
[ -x build-peers/bin/python ] || { echo "no build-peers/; run: sh tests/setup.sh peers"; exit 77; }
. tests/peers/debian_files.sh
debian_files unicode-cldr-core openclipart-svg tuxpaint-stamps-default || exit 1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
build-peers/bin/python tests/peers/compare_tokens.py "$(dirname "$1")/tests/print_data" "$folder" $debian_roots
