# A job that starts where the last one ended: its adapters are merged into the weights (model.adapters),
# so it scores at its start what the last one scored at its end, and forgets nothing on the way.
. tests/e2e/tiny.sh

plain="--quiet --set model.uniadapter=null --set stages.0.steps=6 --set stages.1.steps=4"
january=$folder/january february=$folder/february march=$folder/march

check "first month" 0 '' "$sapwood" train "$recipe" --run "$january" $plain
check "second month" 0 '' "$sapwood" train "$recipe" --run "$february" $plain \
    --set model.adapters="[\"$january\"]" --set model.lora.rank=2
check "third month" 0 '' "$sapwood" train "$recipe" --run "$march" $plain \
    --set model.adapters="[\"$january\", \"$february/weights/adapters.safetensors\"]"

scores() { sed 's/.*"set"/"set"/'; }
for pair in "$january $february" "$february $march"; do
    set -- $pair
    tail -n 2 "$1/evaluation.jsonl" | scores >"$folder/end"
    head -n 2 "$2/evaluation.jsonl" | scores >"$folder/start"
    check "$2 starts where $1 ended" 0 '' cmp "$folder/end" "$folder/start"
    head -n 2 "$1/evaluation.jsonl" | scores >"$folder/first"
    check "$1 moved" 1 'differ' cmp "$folder/first" "$folder/end"
done

# The same with the command that measures a recipe; its cache must not mix up the two bases.
"$sapwood" eval "$recipe" --json --set "data.cache=$folder/cache" \
    --set model.adapters="[\"$january\"]" | scores >"$folder/again"
head -n 2 "$february/evaluation.jsonl" | scores >"$folder/start"
check "eval" 0 '' cmp "$folder/again" "$folder/start"

# Teacher features are of the merged weights: the second month has files of its own.
ls "$january/cache" "$february/cache" | grep '^teacher-image' | sort -u >"$folder/teachers"
check "references" 0 '^2$' sh -c 'wc -l <"$0"' "$folder/teachers"

# A file of an early run does not say lora_alpha; the recipe of its run does.
python=$(command -v python3) && cat >"$folder/early.py" <<'END'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + n])
assert header.pop("__metadata__")["lora_alpha"] == "8"
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
open(sys.argv[1], "wb").write(struct.pack("<Q", len(text)) + text + data[8 + n:])
END
if [ -n "$python" ]; then
    check "early file" 0 '' "$python" "$folder/early.py" "$january/weights/adapters.safetensors"
    "$sapwood" eval "$recipe" --json --set "data.cache=$folder/cache" \
        --set model.adapters="[\"$january\"]" | scores >"$folder/again"
    check "early run" 0 '' cmp "$folder/again" "$folder/start"
    cp "$january/weights/adapters.safetensors" "$folder/stray.safetensors"
    check "early file alone" 3 'model.adapters\[0\]: .*stray.safetensors: lora_alpha is neither' \
        "$sapwood" eval "$recipe" --set model.adapters="[\"$folder/stray.safetensors\"]"
fi

# A UniAdapter cannot be merged: the next job goes on with it. Alone it gives the very features that the
# last job ended with; beside LoRA, which is merged, the same scores.
uni="--quiet --set model.lora=null --set stages.0.steps=6 --set stages.1.steps=4"
april=$folder/april may=$folder/may june=$folder/june july=$folder/july
check "UniAdapter" 0 '' "$sapwood" train "$recipe" --run "$april" $uni
check "UniAdapter, next" 0 '' "$sapwood" train "$recipe" --run "$may" $uni \
    --set model.adapters="[\"$april\"]"
both="--quiet --set stages.0.steps=6 --set stages.1.steps=4"
check "LoRA and UniAdapter" 0 '' "$sapwood" train "$recipe" --run "$june" $both \
    --set model.adapters="[\"$april\", \"$may\"]"
check "LoRA and UniAdapter, next" 0 '' "$sapwood" train "$recipe" --run "$july" $both \
    --set model.adapters="[\"$april\", \"$may\", \"$june\"]"
for pair in "$april $may" "$may $june" "$june $july"; do
    set -- $pair
    tail -n 2 "$1/evaluation.jsonl" | scores >"$folder/end"
    head -n 2 "$2/evaluation.jsonl" | scores >"$folder/start"
    check "$2 starts where $1 ended" 0 '' cmp "$folder/end" "$folder/start"
done
pictures="--images $folder/tests/fixtures/emoji-test.tar --out"
check "features at the end" 0 '' "$sapwood" embed "$april" $pictures "$folder/end.npy"
check "features at the start" 0 '' "$sapwood" embed "$recipe" $pictures "$folder/start.npy" \
    --set model.lora=null --set model.adapters="[\"$april\"]"
check "the same features" 0 '' cmp "$folder/end.npy" "$folder/start.npy"
check "other features" 0 '' "$sapwood" embed "$recipe" $pictures "$folder/fresh.npy" --set model.lora=null
check "other than those of a fresh start" 1 'differ' cmp "$folder/end.npy" "$folder/fresh.npy"

# The teacher of the next job is the model that it starts from, UniAdapter included: with nothing but
# distillation its first step has nothing to learn (rounding gives 1e-7; another teacher 8e-3).
distil='losses=[{"type":"zscl","student_texts":true}]'
check "distillation" 0 '' "$sapwood" train "$recipe" --run "$folder/august" --quiet --set "$distil" \
    --set model.lora=null --set model.adapters="[\"$april\"]" --set data.view=null --set evaluation.sets=[] \
    --set stages.0.steps=1 --set stages.1.steps=1
norm=$(head -n 1 "$folder/august/metrics.jsonl" | sed 's/.*"grad_norm": \([0-9.e-]*\).*/\1/')
check "nothing to learn: $norm" 0 '' awk -v norm="$norm" 'BEGIN { exit !(norm < 1e-5) }'

# A run that goes on needs the same start, and says so.
rm -rf "$may/weights" "$may/checkpoints/step_00000010"
check "another start" 4 'base_weights changed' "$sapwood" train "$recipe" --run "$may" $uni \
    --allow-change recipe --set model.adapters="[\"$folder/august\"]"

# The wrong order is said, and so is what cannot be merged.
check "order" 0 'WARNING.*other weights than those they were trained on' "$sapwood" eval "$recipe" \
    --set "data.cache=$folder/cache" --set model.adapters="[\"$february\", \"$january\"]"
"$sapwood" eval "$recipe" --set "data.cache=$folder/cache" \
    --set model.adapters="[\"$january\", \"$february\"]" >"$folder/said" 2>&1
check "the right order" 1 '' grep 'WARNING.*trained on' "$folder/said"
check "bottlenecks" 0 '' "$sapwood" train "$recipe" --run "$folder/bottleneck" --quiet \
    --set stages.0.steps=1 --set stages.1.steps=1
check "bottleneck" 3 'belongs to a UniAdapter' "$sapwood" eval "$recipe" --set model.uniadapter=null \
    --set model.adapters="[\"$folder/bottleneck\"]"
check "width" 3 'expected the model.uniadapter.width' "$sapwood" eval "$recipe" \
    --set model.uniadapter.width=4 --set model.adapters="[\"$folder/bottleneck\"]"
check "scale" 3 'uniadapter.scale is 0.5; expected .*found 0.1' "$sapwood" eval "$recipe" \
    --set model.uniadapter.scale=0.5 --set model.adapters="[\"$folder/bottleneck\"]"
check "all" 0 '' "$sapwood" train "$recipe" --run "$folder/all" --quiet --set model.uniadapter=null \
    --set model.lora=null --set model.train=all --set stages.0.steps=1 --set stages.1.steps=1
check "no adapters" 2 'this run trained all weights' "$sapwood" eval "$recipe" \
    --set model.adapters="[\"$folder/all\"]"
check "no run" 2 'no adapters; expected a folder with' "$sapwood" eval "$recipe" \
    --set model.adapters="[\"$folder\"]"
check "nothing" 3 'nothing: not there' "$sapwood" eval "$recipe" \
    --set model.adapters="[\"nothing\"]"
report
