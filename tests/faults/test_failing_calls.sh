# Every file call of a short run fails: with ENOSPC, EIO or EINTR, or it is cut short; once, or from
# then on. A run may go on (0) or end with 5 and a message, never otherwise; what it called committed
# is there and good; no checkpoint is ever damaged; and the same command without the fault comes to
# the bytes of an undisturbed run. Interrupted and short calls are no failures at all.
#   CALLS=n  about so many of all cases (default 30; 0: all, an hour)    SEED=n  another part
. tests/e2e/tiny.sh
. tests/faults/shim.sh
seed=${SEED:-$(date +%s)}
wanted=$(count_of CALLS 30 0)
echo "seed $seed (repeat with SEED=$seed CALLS=$wanted sh tests/faults/test_failing_calls.sh $sapwood)"
build_shim fault_shim
small=$(echo "$small" | sed 's/--quiet//')
under=$(realpath "$folder")
said=$(mktemp) # elsewhere: what is said must not fail
trap 'rm -rf "$folder" "$said"' EXIT
run=$folder/run
"$sapwood" train "$recipe" --run "$folder/plain" $small 2>"$said" || bad "plain: $(cat "$said")"

# fresh: nothing of the run is there, the indices of shards neither
fresh() { rm -rf "$run" "$folder"/tests/fixtures/*.index; }

# The cases, a line each: CALL NUMBER ERROR STICKY
: >"$folder/all"
for call in open write fsync close rename mkdir unlink pread reserve; do
    fresh
    env LD_PRELOAD="$folder/fault_shim.so" FAULT_CALL=$call FAULT_AT=0 FAULT_UNDER="$under" \
        FAULT_COUNT="$folder/count" "$sapwood" train "$recipe" --run "$run" $small 2>/dev/null
    case $call in
    write) errors='ENOSPC EIO EINTR SHORT' ;;
    pread) errors='EIO EINTR SHORT' ;;
    open | fsync) errors='ENOSPC EIO EINTR' ;;
    *) errors='ENOSPC EIO' ;;
    esac
    for error in $errors; do
        for sticky in '' 1; do
            seq "$(cat "$folder/count")" | sed "s/.*/$call & $error $sticky/" >>"$folder/all"
        done
    done
done
n_all=$(wc -l <"$folder/all")
[ "$wanted" = 0 ] && wanted=$n_all
# evenly through the list, from a start by the seed
awk -v n="$n_all" -v wanted="$wanted" -v seed="$seed" 'BEGIN { srand(seed); stride = n / wanted; next_one = rand() * stride }
    NR - 1 >= next_one { print; next_one += stride }' "$folder/all" >"$folder/cases"

n=0 went_on=0 ended=0 unfired=0
while read -r call at error sticky; do
    n=$((n + 1))
    what="$call $at $error${sticky:+ sticky}"
    fresh
    rm -f "$folder/fired"
    env LD_PRELOAD="$folder/fault_shim.so" FAULT_CALL="$call" FAULT_AT="$at" FAULT_ERROR="$error" \
        ${sticky:+FAULT_STICKY=1} FAULT_UNDER="$under" FAULT_FIRED="$folder/fired" \
        timeout 60 "$sapwood" train "$recipe" --run "$run" $small >"$said" 2>&1
    code=$?
    if [ ! -e "$folder/fired" ]; then
        # Loader threads read ahead, not equally far in every run: the last reads may not come.
        [ $call = pread ] && [ $code = 0 ] && unfired=$((unfired + 1)) || bad "$what: the fault did not fire"
    fi
    case $code,$error in
    0,*) went_on=$((went_on + 1)) ;;
    5,ENOSPC | 5,EIO) ended=$((ended + 1)) ;;
    *) bad "$what: found code $code: $(tail -n 3 "$said")" ;;
    esac
    [ $code = 0 ] || grep -q '^sapwood: .' "$said" || bad "$what: no message"
    # 10: none yet; 3 with "not a run folder": it did not come that far
    "$sapwood" run verify "$run" >"$folder/verified" 2>&1
    grep -q 'damaged:' "$folder/verified" && bad "$what: $(cat "$folder/verified")"
    committed=$(sed -n 's/.*checkpoint \([0-9]*\) committed/\1/p' "$said" | tail -n 1)
    if [ -n "$committed" ] && ! grep -q "^step_0*$committed  good" "$folder/verified"; then
        bad "$what: step $committed was called committed: $(cat "$folder/verified")"
    fi
    "$sapwood" train "$recipe" --run "$run" $small >"$said" 2>&1 ||
        bad "$what: afterwards: $(tail -n 3 "$said")"
    for file in metrics.jsonl quarantine.jsonl weights/adapters.safetensors \
        checkpoints/step_00000003/model.safetensors checkpoints/step_00000003/state.safetensors \
        checkpoints/step_00000003/MANIFEST.json; do
        cmp -s "$folder/plain/$file" "$run/$file" || bad "$what: afterwards $file differs"
    done
    good
done <"$folder/cases"
[ "$n" -ge $((wanted / 2)) ] && good || bad "only $n cases, expected about $wanted"
[ $unfired -le $((n / 10)) ] && good || bad "$unfired of $n faults did not fire"
[ $ended -ge $((n / 20)) ] && [ $went_on -ge $((n / 20)) ] && good ||
    bad "too much alike: $went_on went on, $ended ended"
echo "$n of $n_all cases: $went_on went on, $ended ended with 5"
report
