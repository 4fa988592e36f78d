# SIGTERM while a run does other things than steps: indexing, features of the teacher, evaluation.
# Each time it ends soon with code 75, and the run that is stopped again and again ends with the bytes
# of one that never was. Also: a plan writes nothing, and a start that fails leaves nothing.
. tests/e2e/tiny.sh

# --- Looking ---

find "$folder" | sort >"$folder/../$$.before"
check "explain" 0 GFLOP "$sapwood" recipe explain "$recipe"
check "dry run" 0 GFLOP "$sapwood" train "$recipe" --run "$folder/dry" --dry-run
find "$folder" | sort >"$folder/../$$.after"
cmp -s "$folder/../$$.before" "$folder/../$$.after" && good ||
    bad "a plan wrote files: $(diff "$folder/../$$.before" "$folder/../$$.after")"
rm -f "$folder/../$$.before" "$folder/../$$.after"

check "missing shard" 3 "none.tar" "$sapwood" train "$recipe" --run "$folder/failed" \
    --set stages.0.sources.0.shards=none.tar
[ ! -e "$folder/failed" ] && good || bad "a failed start left: $(find "$folder/failed")"
mkdir "$folder/mine"
echo mine >"$folder/mine/notes"
check "missing shard, own folder" 3 "none.tar" "$sapwood" train "$recipe" --run "$folder/mine" \
    --set stages.0.sources.0.shards=none.tar
[ -f "$folder/mine/notes" ] && good || bad "a failed start removed a file of the user"

# --- Stopping ---

# 150 shards to index, for the teacher and for the evaluation; three sets of them, so that an evaluation
# takes long enough for one of the stops to fall into it
for i in $(seq 100 249); do
    cp "$folder/tests/fixtures/openclipart-train.tar" "$folder/many-$i.tar"
    cp "$folder/tests/fixtures/emoji-test.tar" "$folder/test-$i.tar"
done
train() {
    "$sapwood" train "$recipe" --run "$folder/$1" --set stages.0.steps=3 --set stages.1.steps=3 \
        --set optimizer.warmup=1 --set evaluation.at_start=false --set threads=1 \
        --set "data.ref_image.sources[0].name=many" \
        --set "data.ref_image.sources[0].shards=$folder/many-{100..249}.tar" \
        --set "evaluation.sets[0].shards=$folder/test-{100..249}.tar" \
        --set "evaluation.sets[2]={\"name\":\"a\",\"shards\":\"$folder/test-{100..249}.tar\"}" \
        --set "evaluation.sets[3]={\"name\":\"b\",\"shards\":\"$folder/test-{100..249}.tar\"}" \
        >"$folder/$1.said" 2>&1
}

n_stops=0
late=0
: >"$folder/all"
wait_ms=10
while [ $n_stops -lt 200 ]; do
    train stopped &
    job=$!
    # a busy machine may take a while until the program is there
    until pgrep -f "^$sapwood train .*$folder/stopped" >/dev/null || ! kill -0 $job 2>/dev/null; do
        sleep 0.01
    done
    sleep "$(awk "BEGIN { print $wait_ms / 1000 }")"
    pkill -TERM -f "^$sapwood train .*$folder/stopped" && n_stops=$((n_stops + 1))
    begin=$(date +%s%N)
    wait $job
    code=$?
    cat "$folder/stopped.said" >>"$folder/all"
    case $code in
    75) ;;
    143) ;; # before it could listen
    *) break ;;
    esac
    [ $((($(date +%s%N) - begin) / 1000000000)) -lt 5 ] || late=$((late + 1))
    wait_ms=$((wait_ms * 9 / 8 + 1))
done
[ $code = 0 ] && good || bad "after $n_stops stops: code $code: $(tail -n 3 "$folder/stopped.said")"
[ $late = 0 ] && good || bad "$late of $n_stops stops took 5 s or more"
for phase in '\.tar: stopped' 'features of pictures: stopped' 'stopped in the evaluation after'; do
    grep -q "$phase" "$folder/all" && good ||
        bad "no stop came during \"$phase\"; found: $(grep 'stopped' "$folder/all")"
done
train whole || bad "undisturbed run: $(tail -n 3 "$folder/whole.said")"
# Not the manifest: after a stop in the last evaluation it says that this is owed.
last=checkpoints/$(newest "$folder/whole")
for file in metrics.jsonl evaluation.jsonl quarantine.jsonl weights/adapters.safetensors \
    "$last/model.safetensors" "$last/state.safetensors"; do
    cmp "$folder/whole/$file" "$folder/stopped/$file" && good || bad "$file differs"
done
train whole && grep -q 'complete: step 6 of 6' "$folder/whole.said" && good ||
    bad "a complete run: $(tail -n 3 "$folder/whole.said")"

# --- A failure in the evaluation, or after it ---

# The set is gone when the last stage ends: its steps are saved, and the run says why it ended.
cp "$folder/tests/fixtures/fashion-test.tar" "$folder/moved.tar"
options="--set stages.0.steps=3 --set stages.1.steps=3 --set checkpoint.every=0
    --set evaluation.at_start=false --set evaluation.sets.1.shards=$folder/gone.tar"
check "no set" 3 'gone.tar' "$sapwood" train "$recipe" --run "$folder/owed" $options
[ "$(newest "$folder/owed")" = step_00000003 ] && good || bad "steps before a failed evaluation are lost"
tail -n 1 "$folder/owed/log.txt" | grep -q 'ERROR | .*gone.tar' && good ||
    bad "the log ends without the reason: $(tail -n 1 "$folder/owed/log.txt")"
cp "$folder/moved.tar" "$folder/gone.tar"
check "the set is back" 0 'resumed at step 3' "$sapwood" train "$recipe" --run "$folder/owed" $options
[ "$(grep -c '"after": "emoji"' "$folder/owed/evaluation.jsonl")" = \
    "$(grep -c '"after": "fashion"' "$folder/owed/evaluation.jsonl")" ] && good ||
    bad "the owed evaluation is missing: $(cat "$folder/owed/evaluation.jsonl")"

# Results without checkpoints are not written over.
rm -r "$folder/owed/checkpoints"
cp -r "$folder/owed" "$folder/results"
check "results only" 10 'owed: has metrics.jsonl but no checkpoint' \
    "$sapwood" train "$recipe" --run "$folder/owed" $options
diff -r "$folder/results" "$folder/owed" && good || bad "results were changed"
echo "$n_stops stops"
report
