#!/bin/sh
# Zero-shot classification, retrieval and multilabel figures, and features, against open_clip's and
# CLIP_benchmark's of the same model on the same folders (eval_peer.py): equal, to the sample.
[ -x build-peers/bin/python ] || { echo "no build-peers/; run: sh tests/setup.sh peers"; exit 77; }
. tests/checks.sh
peer() { build-peers/bin/python tests/peers/eval_peer.py "$@"; }
run() { command=$1 && shift && "$sapwood" "$command" "$folder/model" "$@" \
    --vocabulary tests/fixtures/bpe_simple_vocab_16e6.txt.gz --set device=cpu; }
measure() { run eval "$folder/wds/classes" "$folder/wds/captions" "$folder/wds/tags" --json \
    --results "$folder/results" >"$folder/lines.json"; }

check "sets and a model" 0 'trained' peer make "$folder"
check "figures" 0 '' measure
check "features of pictures" 0 '300 rows' run embed --raw --out "$folder/images.npy" \
    --images "$folder/wds/captions/test/{0..2}.tar"
check "features of texts" 0 '750 rows' run embed --raw --out "$folder/texts.npy" \
    --texts "$folder/texts.txt"
peer compare "$folder" >"$folder/compared" 2>&1
code=$?
grep -E '^(same|FAILED)' "$folder/compared"
[ $code = 0 ] && good || bad "compare: $(tail -n 5 "$folder/compared")"
passed=$((passed + $(grep -c '^same' "$folder/compared")))
report
