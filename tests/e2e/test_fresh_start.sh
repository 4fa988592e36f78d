# A run that begins at step 0 writes over nothing: not over the logs of a run whose checkpoints are
# gone, not over other people's files. A start that was killed before its first checkpoint may begin
# again.
. tests/e2e/tiny.sh
short="--set stages.0.steps=4 --set stages.1.steps=4 --set checkpoint.every=2 --quiet"

# train RUN OPTION...
train() {
    run=$1
    shift
    "$sapwood" train "$recipe" --run "$run" $short "$@"
}
# refused WHAT FOUND FOLDER: a start there and a plan end with 10 and change nothing
refused() {
    rm -rf "$folder/before"
    cp -r "$3" "$folder/before"
    check "$1" 10 "$(basename "$3"): has $2 but no checkpoint to resume from" train "$3"
    check "$1, never" 10 "has $2 but no checkpoint" train "$3" --resume never
    check "$1, dry" 10 "has $2 but no checkpoint" train "$3" --dry-run
    diff -r "$folder/before" "$3" >"$folder/differs" && good || bad "$1: changed: $(cat "$folder/differs")"
}

train "$folder/plain" || bad "plain run"
[ -e "$folder/plain/unsaved" ] && bad "it has checkpoints and is marked as unsaved" || good

# --- Checkpoints that are gone: a disk that is not mounted, a purged scratch folder ---

cp -r "$folder/plain" "$folder/gone"
rm -r "$folder"/gone/checkpoints/* "$folder/gone/weights"
refused "no checkpoints" metrics.jsonl "$folder/gone"
rm "$folder"/gone/*.jsonl
refused "no logs either" recipe.resolved.json "$folder/gone"
rm "$folder/gone/recipe.resolved.json"
check "nothing left" 0 '' train "$folder/gone"
same "nothing left" "$folder/plain" "$folder/gone"

# --- Files of somebody else ---

for name in metrics evaluation quarantine skipped timing; do
    mkdir "$folder/mine"
    echo '{"mine": 1}' >"$folder/mine/$name.jsonl"
    refused "own $name" "$name.jsonl" "$folder/mine"
    rm -r "$folder/mine"
done
mkdir "$folder/mine"
mkdir "$folder/mine/weights"
echo precious >"$folder/mine/weights/model.safetensors"
refused "own weights" weights "$folder/mine"
mv "$folder/mine/weights" "$folder/mine/mine"
for n in 1 2 3 4; do echo "$n" >"$folder/mine/notes-$n"; done
: >"$folder/mine/metrics.jsonl"
cp -r "$folder/mine" "$folder/before-mine"
check "own notes" 0 'mine: is not empty (mine, notes-1, notes-2 ...); existing files stay' train "$folder/mine"
same "own notes" "$folder/plain" "$folder/mine"
diff -r --exclude metrics.jsonl "$folder/before-mine" "$folder/mine" | grep -v '^Only in .*/mine: ' && bad "notes were changed" || good
check "said once" 0 '' train "$folder/mine"
printf '%s\n' "$output" | grep -q 'is not empty' && bad "said again: $output" || good

# --- A start that was killed before its first checkpoint ---

mkdir "$folder/killed"
"$sapwood" train "$recipe" --run "$folder/killed" $short --set checkpoint.every=0 >/dev/null 2>&1 &
process=$!
until [ -e "$folder/killed/unsaved" ] || ! kill -0 $process 2>/dev/null; do :; done
kill -9 $process 2>/dev/null
wait $process
code=$?
[ $code = 137 ] && good || bad "killed: expected 137, found $code"
# as if it had come to its first evaluation
echo '{"after": "start", "step": 0, "set": "half' >"$folder/killed/evaluation.jsonl"
rm -rf "$folder"/killed/checkpoints/step_*
[ -e "$folder/killed/unsaved" ] || echo unsaved >"$folder/killed/unsaved"
check "killed at its start" 0 '' train "$folder/killed"
same "killed at its start" "$folder/plain" "$folder/killed"
[ -e "$folder/killed/unsaved" ] && bad "it has checkpoints and is marked as unsaved" || good

# --- A lock that somebody removes ---

# begin RUN: a long run in the background, until its first steps are saved
begin() {
    "$sapwood" train "$recipe" --run "$1" --set stages.0.steps=100000 --set evaluation.sets=[] \
        --set checkpoint.every=5 --quiet >"$1.said" 2>&1 &
    process=$!
    until [ -e "$1/checkpoints/step_00000005" ] || ! kill -0 $process 2>/dev/null; do sleep 0.02; done
}
begin "$folder/locked"
check "in use" 2 "run.lock: in use by process $process on $(uname -n); wait for it" train "$folder/locked"
rm "$folder/locked/run.lock"
n=0 # a run that does not notice would go on for long
while kill -0 $process 2>/dev/null && [ $n -lt 600 ]; do
    n=$((n + 1))
    sleep 0.1
done
kill -9 $process 2>/dev/null
wait $process
code=$?
[ $code = 2 ] && grep -q 'run.lock: is not the lock that this process took' "$folder/locked.said" && good ||
    bad "a removed lock: expected 2, found $code: $(cat "$folder/locked.said")"
# What was committed before is a run that goes on; no step is in the logs twice.
"$sapwood" train "$recipe" --run "$folder/locked" --set stages.0.steps=100000 --set evaluation.sets=[] \
    --set checkpoint.every=5 --quiet >"$folder/locked.said" 2>&1 &
process=$!
sleep 0.5
kill -TERM $process
wait $process
sed 's/.*"step": \([0-9]*\).*/\1/' "$folder/locked/metrics.jsonl" | awk '$1 != NR { exit 1 }' && good ||
    bad "steps are missing or there twice: $(cat "$folder/locked.said")"

# --- Standard descriptors that are closed: no file of the run gets what is meant for the terminal ---

for closed in '2>&-' '<&- 2>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
    rm -rf "$folder/closed"
    eval "\"\$sapwood\" train \"\$recipe\" --run \"\$folder/closed\" ${short% --quiet} $closed"
    code=$?
    [ $code = 0 ] && good || bad "$closed: found $code"
    same "$closed" "$folder/plain" "$folder/closed"
    [ "$(wc -l <"$folder/closed/run.lock")" = 1 ] && good || bad "$closed: $(cat "$folder/closed/run.lock")"
    [ "$(grep -c 'checkpoint 2 committed' "$folder/closed/log.txt")" = 1 ] && good ||
        bad "$closed: log.txt has: $(cat "$folder/closed/log.txt")"
done
check "closed output" 5 'cannot write to the standard output' sh -c '"$0" --version >&-' "$sapwood"

# --- A name is no path ---

cd "$folder" || exit 1
for name in '../../elsewhere' '/tmp/elsewhere' 'a/b' '.' '..' '.hidden' "$(printf 'a\tb')" "$(printf 'a\033[31m')"; do
    printf '"%s"' "$name" | sed 's/\t/\\t/; s/\x1b/\\u001b/' >"$folder/name"
    check "name $name" 2 'name: expected the name of a folder in runs/' \
        "$sapwood" train "$recipe" $short --set "name=$(cat "$folder/name")"
done
[ -e runs ] && bad "made: $(find runs)" || good
check "a plain name" 0 '' "$sapwood" train "$recipe" $short --set 'name=Söhne 2.1'
[ -e "runs/Söhne 2.1/metrics.jsonl" ] && good || bad "no folder of that name: $(ls runs)"
report
