# sapwood run ls | show | verify on a run that is done, running, damaged, or no run at all.
. tests/e2e/tiny.sh
run=$folder/runs/one
"$sapwood" train "$recipe" --run "$run" --quiet || bad "train failed"
check "ls" 0 '^step_00000060 .* 60 .* 30 .*fashion$' "$sapwood" run ls "$run"
[ "$(printf '%s\n' "$output" | grep -c '^step_')" = "$(ls "$run/checkpoints" | grep -c '^step_')" ] &&
    good || bad "ls: expected a line for each checkpoint, found: $output"
check "ls of runs" 0 '^one  *60  *60  done' "$sapwood" run ls "$folder/runs"
check "ls of nothing" 3 'neither a run folder nor' "$sapwood" run ls "$folder/recipes"
check "show" 0 'state  *done' "$sapwood" run show "$run"
printf '%s\n' "$output" | grep -q 'last line  *step 60  loss [0-9]' && good || bad "show: $output"
check "show nothing" 3 'not a run folder' "$sapwood" run show "$folder/recipes"
check "verify" 0 ' 0 damaged$' "$sapwood" run verify "$run"
printf '%s\n' "$output" | grep -q '^step_00000060  good: 4 files, [0-9]* bytes' && good || bad "verify: $output"

# Weights that were taken away check themselves, wherever they are used.
weights=weights/adapters.safetensors
printf '%s\n' "$output" | grep -q "^$weights  good: [0-9]* tensors" && good || bad "verify: $output"
size=$(wc -c <"$run/$weights")
cp "$run/$weights" "$folder/weights"
for at in 300 $((size / 2)) $((size - 1)); do
    flip "$run/$weights" $at
    check "weights, byte $at: verify" 3 "^$weights  damaged: " "$sapwood" run verify "$run"
    check "weights, byte $at: convert" 3 'adapters.safetensors' \
        "$sapwood" convert "$run" "$folder/converted" --to peft
    check "weights, byte $at: eval" 3 'adapters.safetensors' \
        "$sapwood" embed "$run" --texts tests/fixtures/vocabulary.txt --out "$folder/features.npy"
    cp "$folder/weights" "$run/$weights"
done
flip "$run/$weights" $((size / 2))
check "the same command writes them again" 0 '' "$sapwood" train "$recipe" --run "$run" --quiet
cmp "$folder/weights" "$run/$weights" && good || bad "weights are others"

# A flip that no size shows; a file that is cut; a log that is shorter than recorded.
flip "$run/checkpoints/step_00000060/state.safetensors" 100001
check "flip: ls looks at sizes only" 0 '^step_00000060  *60' "$sapwood" run ls "$run"
check "flip: verify" 3 '^step_00000060  damaged: state.safetensors: crc' "$sapwood" run verify "$run"
truncate -s 1000 "$run/checkpoints/step_00000060/model.safetensors"
check "cut: ls" 0 '^step_00000060  damaged: model.safetensors: size 1000' "$sapwood" run ls "$run"
check "cut: show takes the one before" 0 'steps  *50 of 60 saved' "$sapwood" run show "$run"
printf '%s\n' "$output" | grep -q 'not finished; run' && good || bad "cut: show: $output"
cp "$run/metrics.jsonl" "$folder/metrics"
truncate -s 100 "$run/metrics.jsonl"
check "short log" 3 'metrics.jsonl: too short' "$sapwood" run verify "$run"
cp "$folder/metrics" "$run/metrics.jsonl"
rm "$run"/checkpoints/*/MANIFEST.json
check "none valid" 10 'no valid checkpoint' "$sapwood" run verify "$run"
cp -r "$run" "$folder/gone"
rm -r "$folder/gone/checkpoints/"*
check "none left: show" 0 '^state  *cannot go on: .*no checkpoint' "$sapwood" run show "$folder/gone"

# While it runs: it is seen, and looking does not disturb it.
other=$folder/runs/two
"$sapwood" train "$recipe" --run "$other" --quiet --set stages.0.steps=2000 --set checkpoint.every=5 \
    >"$folder/said" 2>&1 &
process=$!
# checkpoints are written behind the steps
until [ -d "$other/checkpoints/step_00000005" ] || ! kill -0 $process; do sleep 0.02; done
for n in 1 2 3 4 5; do "$sapwood" run verify "$other" >"$folder/verified" || bad "$(cat "$folder/verified")"; done
check "running" 0 'state  *running' "$sapwood" run show "$other"
kill -TERM $process
wait $process
code=$?
[ $code = 75 ] && good || bad "looked at: expected 75, found $code: $(cat "$folder/said")"
check "stopped" 0 'state  *not finished' "$sapwood" run show "$other"
report
