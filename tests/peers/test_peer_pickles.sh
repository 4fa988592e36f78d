#!/bin/sh
# The command that a refused pickle is answered with makes safetensors that hold the same numbers.
[ -x build-peers/bin/python ] || { echo "no build-peers/; run: sh tests/setup.sh peers"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
PATH=$PWD/build-peers/bin:$PATH
passed=0 failed=0
python tests/peers/clip_models.py "$folder" --pickles || exit 1
for file in trainer.pt old.bin script.pt; do
    "$1" convert "$folder/$file" "$folder/out" --to open_clip >"$folder/error" 2>&1
    if sh -c "$(sed -n 's/.*convert it: //p' "$folder/error")" &&
        "$(dirname "$1")/tests/test_weights" tests/golden/weights/open_clip \
            "$folder/$file.safetensors" >>"$folder/error" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $file: $(cat "$folder/error")"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
