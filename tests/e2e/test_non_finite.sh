# Huge numbers in the base weights overflow: every loss and gradient is NaN. It never reaches a
# trained weight or a moment, and the run ends with 6 at once (stop) or after three left-out steps in
# a row (skip).
. tests/e2e/tiny.sh
. tests/faults/shim.sh
build_shim fault_shim
"$sapwood" train "$recipe" --run "$folder/base" --quiet --set model.train='"all"' \
    --set model.lora=null --set model.uniadapter=null --set 'losses=[{"type":"clip"}]' \
    --set stages.0.steps=2 --set stages.1.steps=2
# as another program leaves them: a run's own weights have a checksum, which would find the change
"$sapwood" convert "$folder/base" "$folder/plain" --to open_clip >"$folder/said" 2>&1 ||
    bad "convert: $(cat "$folder/said")"
weights=$folder/plain/open_clip_model.safetensors
size=$(wc -c <"$weights")
# the last 64 numbers of the file become 0x7f7f0000, about 3e38: finite, but their sum is not
{
    head -c $((size - 256)) "$weights"
    for i in $(seq 64); do printf '\000\000\177\177'; done
} >"$folder/huge.safetensors"

# train WHAT PATTERN RUN POLICY
train() {
    check "$1" 6 "$2" env $slow "$sapwood" train "$recipe" --run "$3" --quiet --set checkpoint.every=1 \
        --set non_finite="\"$4\"" --set model.weights="\"$folder/huge.safetensors\""
}
slow=
train "stop" '^sapwood: step 0: loss -*nan.*lower optimizer.lr.*unchanged since step 0' \
    "$folder/stop" stop
[ "$(newest "$folder/stop")" = step_00000000 ] && good || bad "stop: $(ls "$folder/stop/checkpoints")"
train "stop again" '^sapwood: step 0: loss -*nan' "$folder/stop" stop

# a slow disk: the run ends while its last checkpoint is being written, which needs nothing of it
slow="LD_PRELOAD=$folder/fault_shim.so FAULT_SYNC_MS=25"
train "skip" 'step 2: .*the update is left out; samples in skipped.jsonl' "$folder/skip" skip
[ "$(newest "$folder/skip")" = step_00000003 ] && good || bad "skip: $(ls "$folder/skip/checkpoints")"
[ "$(grep -c '"skipped": true' "$folder/skip/metrics.jsonl")" = 3 ] && good ||
    bad "expected 3 skipped steps: $(cat "$folder/skip/metrics.jsonl")"
check "skip: ledger" 0 '^emoji  *update  *emoji  *32  *1.50  *0  *0  *48  *16$' \
    "$sapwood" run show "$folder/skip"
for file in model state; do
    cmp "$folder/stop/checkpoints/step_00000000/$file.safetensors" \
        "$folder/skip/checkpoints/step_00000003/$file.safetensors" && good ||
        bad "skip: $file.safetensors was changed by steps that were left out"
done
report
