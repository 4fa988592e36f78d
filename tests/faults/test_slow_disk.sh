# Checkpoints on a disk that takes long for each sync hold up the steps no longer than a copy in
# memory, and nothing else changes: the bytes of a run on a quick disk.
. tests/e2e/tiny.sh
. tests/faults/shim.sh
build_shim fault_shim
options="$small --set stages.0.steps=150 --set stages.1.steps=450 --set checkpoint.every=150"
"$sapwood" train "$recipe" --run "$folder/quick" $options || bad "quick disk"
env LD_PRELOAD="$folder/fault_shim.so" FAULT_SYNC_MS=25 "$sapwood" train "$recipe" \
    --run "$folder/slow" $options || bad "slow disk"
# evaluation.jsonl is empty; the other files are compared
for file in metrics.jsonl quarantine.jsonl weights/adapters.safetensors \
    checkpoints/step_00000600/state.safetensors checkpoints/step_00000600/MANIFEST.json; do
    cmp "$folder/quick/$file" "$folder/slow/$file" && good || bad "$file differs"
done
# A checkpoint syncs three files, a manifest, three logs and two folders: 200 ms at least. What the
# steps wait for is the copy, or the rest of a checkpoint still being written.
value='function value(name,    at) { at = index($0, "\"" name "\": "); return substr($0, at + length(name) + 4) + 0 }'
awk "$value"' value("save_ms") > 0 { n++; if (value("save_ms") < 100) quick++ }
    END { printf "%d of %d checkpoints held up the steps for less than 100 ms\n", quick, n; exit !(n >= 3 && quick >= n - 1) }' \
    "$folder/slow/timing.jsonl" && good || bad "checkpoints hold up steps: $(grep -v '"save_ms": 0}' "$folder/slow/timing.jsonl")"
report
