#!/bin/sh
# Image features, text features and logits of CLIP models with random weights, written by open_clip
# and by transformers, against what those two compute (clip_models.py): within 1e-4, row by row.
# Memory and time of loading too (test_weights.c says the limits).
[ -x build-peers/bin/python ] || { echo "no build-peers/; run: sh tests/setup.sh peers"; exit 77; }
compare=$(dirname "$1")/tests/test_weights
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
passed=0 failed=0 missing=

# model PROGRAM ARCHITECTURE SAMPLES MEBIBYTES: needs that much memory, else it is left out and the test
# counts as skipped
model() {
    available=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
    if [ "$available" -lt $(($4 * 1024)) ]; then
        echo "$1 $2: left out; expected $4 MiB of free memory, found $((available / 1024))"
        missing="$missing${missing:+, }$1 $2"
        return
    fi
    mkdir "$folder/model"
    if build-peers/bin/python tests/peers/clip_models.py "$folder/model" "$1" "$2" "$3" &&
        "$compare" "$folder/model" >"$folder/out"; then
        passed=$((passed + 1))
        echo "$1 $2: $(sed -n '/^loaded in\|^relative errors/p' "$folder/out" | paste -sd ';')"
    else
        failed=$((failed + 1))
        echo "FAILED $1 $2: $(cat "$folder/out")"
    fi
    rm -r "$folder/model"
}

model open_clip ViT-B-32 4 3000
model open_clip ViT-B-32-quickgelu 4 3000
model open_clip ViT-B-16 3 3000
model open_clip ViT-L-14 2 6000
model open_clip ViT-H-14 1 14000
model transformers ViT-B-32 4 3000
model transformers ViT-B-32-quickgelu 4 3000
model transformers ViT-B-16 3 3000
model transformers ViT-L-14 2 6000
model transformers ViT-H-14 1 14000
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] || exit 1
[ -z "$missing" ] || { echo "skipped in part, without the memory for $missing" && exit 77; }
