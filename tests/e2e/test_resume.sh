# Runs that are repeated, killed, stopped, and that meet a full disk, damage or changes: the bytes of
# an undisturbed run are the measure. SEED=n repeats the random moments of a failure.
. tests/e2e/tiny.sh
seed=${SEED:-$(date +%s)}
echo "seed $seed (repeat with SEED=$seed sh tests/e2e/test_resume.sh $sapwood)"

# train RUN OPTION...: trains $recipe into RUN; what it says goes to RUN.said
train() {
    run=$1
    shift
    "$sapwood" train "$recipe" --run "$run" "$@" >"$run.said" 2>&1
}

# --- The same run again; other numbers of threads ---

begin=$(date +%s%N)
train "$folder/plain" || bad "plain run failed: $(cat "$folder/plain.said")"
short_ms=$((($(date +%s%N) - begin) / 1000000))
train "$folder/again" || bad "second run failed: $(cat "$folder/again.said")"
same "again" "$folder/plain" "$folder/again"
[ "$(wc -l <"$folder/plain/metrics.jsonl")" = 60 ] && good || bad "expected 60 lines of metrics"
for n in 1 2 4; do
    train "$folder/threads" --set data.loader_threads=$n --set threads=$n
    same "$n threads" "$folder/plain" "$folder/threads"
    rm -r "$folder/threads"
done

# --- Going on from every step, stage boundaries among them ---

short="--set stages.0.steps=9 --set stages.1.steps=11 --set evaluation.sets=[]"
train "$folder/every" $short --set checkpoint.every=1 --set checkpoint.keep=100
for step in $(ls "$folder/every/checkpoints" | sed 's/^step_//' | sort); do
    from=$folder/from
    rm -rf "$from"
    cp -r "$folder/every" "$from"
    rm -r "$from/weights"
    for later in $(ls "$from/checkpoints" | sed 's/^step_//'); do
        [ "$later" -le "$step" ] || rm -r "$from/checkpoints/step_$later"
    done
    train "$from" $short --set checkpoint.every=1 --set checkpoint.keep=100
    case $step in 00000020) goes_on='complete: step 20' ;; *) goes_on='resumed at step' ;; esac
    grep -q "$goes_on" "$from.said" || bad "step $step: expected '$goes_on' in $(cat "$from.said")"
    same "from step $step" "$folder/every" "$from"
    rm -f "$folder/differs"
    for name in $(ls "$folder/every/checkpoints"); do
        cmp -s "$folder/every/checkpoints/$name/state.safetensors" \
            "$from/checkpoints/$name/state.safetensors" || echo "$name" >>"$folder/differs"
    done
    [ -e "$folder/differs" ] && bad "from step $step: other moments in $(cat "$folder/differs")"
done
[ "$(ls "$folder/every/checkpoints" | wc -l)" = 21 ] && good || bad "expected 21 checkpoints"
rm -r "$folder/every" "$folder/from"

# --- A longer run, for what is stopped in the middle; kills are in tests/faults/test_kill.sh ---

chain=$folder/chain
long="--set stages.0.steps=300 --set stages.1.steps=500 --set checkpoint.every=20 --quiet"
begin=$(date +%s%N)
train "$folder/long" $long || bad "long run failed: $(cat "$folder/long.said")"
whole=$((($(date +%s%N) - begin) / 1000000))

# --- SIGTERM and its kin ---


# start: trains into $chain in the background and waits until it has opened its log, so that its
# signal handler is there.
start() {
    before=$(wc -c 2>/dev/null <"$chain/log.txt" || echo 0)
    "$sapwood" train "$recipe" --run "$chain" $long >"$chain.said" 2>&1 &
    process=$!
    while kill -0 $process 2>/dev/null; do
        now=$(wc -c 2>/dev/null <"$chain/log.txt" || echo 0)
        [ "$now" -gt "$before" ] && break
        sleep 0.01
    done
}
# 2 s are promised on a machine that has a core for the run; a busy one gets as much longer as there
# are processes per core.
patience=$(awk -v cores="$(nproc)" '{ n = $1 / cores; print int(2000 * (n > 1 ? n + 1 : 1)) }' /proc/loadavg)
number=0
for signal in TERM INT HUP USR1; do
    number=$((number + 1))
    start
    sleep "$(random_ms "$seed" $((100 + number)) 0 $((whole / 10 + 20)))"
    begin=$(date +%s%N)
    kill -$signal $process
    wait $process
    code=$?
    spent=$((($(date +%s%N) - begin) / 1000000))
    if [ $code = 75 ] && [ $spent -le "$patience" ] && said_why "$chain.said"; then
        good
    else
        bad "$signal: expected 75 within $patience ms, found $code after $spent: $(cat "$chain.said")"
    fi
done
train "$chain" $long
same "stopped 4 times" "$folder/long" "$chain"
rm -r "$chain"

# Two signals that arrive together: the second one ends it at once.
start
sleep 0.3
kill -STOP $process
kill -TERM $process
kill -USR1 $process
kill -CONT $process
wait $process
code=$?
{ [ $code = 143 ] || [ $code = 138 ]; } && good || bad "two signals: expected 143 or 138, found $code"
train "$chain" $long
same "two signals" "$folder/long" "$chain"
rm -r "$chain"

# --- No space for checkpoints: RLIMIT_FSIZE fails writes beyond a size as a full disk does ---

# back RUN STEP: takes away what came after the checkpoint of a step
back() {
    rm -rf "$1/weights"
    for later in $(ls "$1/checkpoints" | sed 's/^step_0*//'); do
        [ "${later:-0}" -le "$2" ] || rm -r "$1/checkpoints/$(printf 'step_%08d' "$later")"
    done
}
often="--set checkpoint.every=5 --set checkpoint.keep=100"
full=$folder/full
train "$full" $often
back "$full" 20
cp -r "$full/checkpoints" "$folder/intact"
limited() { # 200 blocks of 512 bytes: logs and weights fit, the state does not
    sh -c 'ulimit -f 200; shift; exec "$@"' - "$@"
}
check "three failed saves" 5 'checkpoint 35 failed: .*state.safetensors' \
    limited - "$sapwood" train "$recipe" --run "$full" $often
for count in 'checkpoint 25 failed.*1 of 3 in a row' 'checkpoint 30 failed.*2 of 3 in a row'; do
    printf '%s\n' "$output" | grep -q "$count" && good || bad "expected '$count' in: $output"
done
printf '%s\n' "$output" | grep -q 'committed' && bad "says committed: $output" || good
diff -r "$folder/intact" "$full/checkpoints" && good || bad "older checkpoints were changed"
train "$full" $often
same "after a full disk" "$folder/plain" "$full"

back "$full" 20
check "failed save at the end" 5 'checkpoint 60 failed: .*state.safetensors' \
    limited - "$sapwood" train "$recipe" --run "$full" --set checkpoint.every=0
prlimit --fsize=8000:unlimited "$sapwood" train "$recipe" --run "$chain" $long \
    --set checkpoint.every=250 >"$chain.said" 2>&1 &
process=$!
until grep -q 'metrics.jsonl.*wait in memory' "$chain.said" || ! kill -0 $process; do sleep 0.02; done
prlimit --pid $process --fsize=unlimited:unlimited
wait $process
code=$?
[ $code = 0 ] && good || bad "space in time: expected 0, found $code: $(cat "$chain.said")"
grep -q 'checkpoint 0 failed.*1 of 3 in a row' "$chain.said" && good || bad "first save did not fail"
grep -q '2 of 3 in a row' "$chain.said" && bad "space came too late: $(cat "$chain.said")" || good
same "space in time" "$folder/long" "$chain"
rm -r "$chain" "$folder/long"

# --- Damage ---

damaged=$folder/damaged
cp -r "$folder/plain" "$damaged"
newest=$damaged/checkpoints/step_00000060
# damage HOW FOLDER
damage() {
    case $1 in
    flip) flip "$2/state.safetensors" 100001 ;;
    cut) truncate -s 1000 "$2/model.safetensors" ;;
    gone) rm "$2/model.safetensors" ;;
    unsigned) rm "$2/MANIFEST.json" ;;
    edited) sed -i 's/"updates": "[0-9]*"/"updates": "7"/' "$2/MANIFEST.json" ;;
    esac
}
for how in flip cut gone unsigned edited; do
    damage $how "$newest"
    check "$how" 0 'checkpoint step 60: .*trying step 50' \
        "$sapwood" train "$recipe" --run "$damaged"
    printf '%s\n' "$output" | grep -q 'resumed at step 50' && good || bad "$how: $output"
    same "$how" "$folder/plain" "$damaged"
done
# step 0 is there to go back to
for step in 00 40 50 60; do damage flip "$damaged/checkpoints/step_000000$step"; done
cp -r "$damaged" "$folder/untouched"
check "all damaged" 10 'no valid checkpoint among 4' "$sapwood" train "$recipe" --run "$damaged"
diff -r --exclude log.txt --exclude run.lock "$folder/untouched" "$damaged" && good || bad "a damaged run was changed"

# --- Changes ---

changed=$folder/changed
train "$changed" $often
back "$changed" 40
changes() {
    check "$1, dry" 4 "$2" "$sapwood" train "$recipe" --run "$changed" --dry-run $3
    check "$1" 4 "$2" "$sapwood" train "$recipe" --run "$changed" $3
}
check "dry" 0 '^goes on  *from step 40 of 60' "$sapwood" train "$recipe" --run "$changed" --dry-run
check "dry, never" 2 'has a checkpoint of step 40 but --resume never' "$sapwood" train "$recipe" \
    --run "$changed" --dry-run --resume never
changes "learning rate" 'recipe changed: optimizer.lr; expected 0.001, found 0.002' "--set optimizer.lr=0.002"
changes "losses" 'recipe changed: losses\[1\].weight; expected 0.5, found 0.25' "--set losses.1.weight=0.25"
changes "device" 'numerics changed; expected .*, found ' "--set device=llvmpipe"
cp "$folder/tests/fixtures/fashion-train.tar" "$folder/kept.tar"
cp "$folder/tests/fixtures/fashion-test.tar" "$folder/tests/fixtures/fashion-train.tar"
changes "shard" 'data changed; expected [0-9a-f]*, found ' ""
cp "$folder/kept.tar" "$folder/tests/fixtures/fashion-train.tar"
cp "$folder/tests/fixtures/vocabulary.txt" "$folder/kept.txt"
# the last merge takes other words together
sed -i '$ s/.*/q q/' "$folder/tests/fixtures/vocabulary.txt"
changes "vocabulary" 'tokenizer changed; expected ' ""
cp "$folder/kept.txt" "$folder/tests/fixtures/vocabulary.txt"
# the digest of the base weights covers what computes with them
sed 's/"quick_gelu": true/"quick_gelu": false/' "$folder/recipes/tiny-architecture.json" >"$folder/other.json"
changes "architecture" 'base_weights changed; expected ' "--set model.architecture=$folder/other.json"
changes "JPEG scale" 'recipe changed: data.jpeg_reducing_gap; expected 0, found 2' \
    "--set data.jpeg_reducing_gap=2"
changes "seed" 'recipe changed: seed; expected 1, found 2' "--set seed=2"
check "nothing of that name" 2 'expected recipe, data' \
    "$sapwood" train "$recipe" --run "$changed" --allow-change weather
cp -r "$changed" "$folder/allowed"
check "allowed change" 0 'resumed at step 40' "$sapwood" train "$recipe" --run "$folder/allowed" \
    --set optimizer.lr=0.002 --allow-change recipe
# The run's own copy of the recipe, with every path resolved, is the same recipe.
cp -r "$changed" "$folder/resolved"
"$sapwood" train "$folder/resolved/recipe.resolved.json" --run "$folder/resolved" >"$changed.said" 2>&1 ||
    bad "the resolved recipe: $(cat "$changed.said")"
same "the resolved recipe" "$folder/plain" "$folder/resolved"
# The recipe is the same from another folder.
(cd "$folder/recipes" && "$sapwood" train tiny.json --run "$changed" $often >"$changed.said" 2>&1) ||
    bad "back to the old recipe: $(cat "$changed.said")"
same "back to the old recipe" "$folder/plain" "$changed"

for number in 1 2; do
    train "$folder/base$number" --set model.train=\"all\" --set model.lora=null \
        --set model.uniadapter=null --set 'losses=[{"type":"clip"}]' --set seed=$number ||
        bad "base model: $(cat "$folder/base$number.said")"
done
cp "$folder/base1/weights/model.safetensors" "$folder/base.safetensors"
rm -r "$changed"
train "$changed" --set model.weights=\"$folder/base.safetensors\"
rm -r "$changed/checkpoints/step_00000060"
cp "$folder/base2/weights/model.safetensors" "$folder/base.safetensors"
changes "weights" 'base_weights changed; expected [0-9a-f]*, found ' \
    "--set model.weights=\"$folder/base.safetensors\""

report
