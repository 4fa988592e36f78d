# How a step is run changes no bit of a run: the number of threads, and whether activations are kept
# or computed again where memory_bytes has no room for them.
. tests/e2e/tiny.sh

# train RUN OPTION...
train() {
    run=$folder/$1
    shift
    "$sapwood" train "$recipe" --run "$run" --quiet --set device=cpu "$@" >"$run.said" 2>&1 ||
        bad "$run: $(cat "$run.said")"
}

# plan FILE OPTION...: what a run would take
plan() {
    file=$folder/$1
    shift
    "$sapwood" train "$recipe" --run "$folder/plan" --dry-run --set device=cpu --set threads=2 \
        "$@" >"$file" 2>&1
}

# number FILE PATTERN: the number in the brackets of a pattern
number() { sed -n "s/.*$2.*/\1/p" "$folder/$1"; }

train one --set threads=1
for threads in 2 3 4; do
    train "threads$threads" --set threads=$threads
    same "$threads threads" "$folder/one" "$folder/threads$threads"
done

plan too_little --set memory_bytes=1 && bad "memory_bytes=1: expected a refusal" || good
least=$(number too_little 'expected at least \([0-9]*\),')
plan all
planned=$(number all 'memory *\([0-9]*\)\.[0-9]* MiB planned')
grep -q 'activations *of \([0-9]*\) of \1 slices kept$' "$folder/all" && good ||
    bad "all kept: $(grep activations "$folder/all")"
some=$(((least + planned * 1048576) / 2))
for bytes in "$least" "$some"; do
    plan "plan$bytes" --set memory_bytes="$bytes"
    kept=$(number "plan$bytes" 'activations *of \([0-9]*\) of [0-9]* slices kept.*, the rest')
    if [ "$bytes" = "$least" ]; then
        [ "$kept" = 0 ] && good || bad "least memory: expected 0 slices kept, found $kept"
    else
        [ "${kept:-0}" -gt 0 ] && good || bad "some memory: expected slices kept, found $kept"
    fi
    train "memory$bytes" --set threads=2 --set memory_bytes="$bytes"
    same "$bytes bytes" "$folder/one" "$folder/memory$bytes"
done
report
