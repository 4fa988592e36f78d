# Every allocation of a short run fails, once or from then on: the run ends with 8 and a message, or
# it can do without and goes on; it never crashes, and afterwards the same command comes to the bytes
# of an undisturbed run.
#   ALLOCATIONS=n  about so many of them (default 80; 0: all, ten minutes)    SEED=n  another part
. tests/e2e/tiny.sh
. tests/faults/shim.sh
seed=${SEED:-$(date +%s)}
wanted=$(count_of ALLOCATIONS 80 0)
echo "seed $seed (repeat with SEED=$seed ALLOCATIONS=$wanted sh tests/faults/test_no_memory.sh $sapwood)"
build_shim fault_shim
run=$folder/run
# All parts of the tiny recipe, for two steps.
options='--quiet --set stages.0.steps=1 --set stages.1.steps=1 --set checkpoint.every=1 --set threads=1'
"$sapwood" train "$recipe" --run "$folder/plain" $options || bad "plain run"
env LD_PRELOAD="$folder/fault_shim.so" FAULT_CALL=memory FAULT_AT=0 FAULT_COUNT="$folder/count" \
    "$sapwood" train "$recipe" --run "$run" $options || bad "counted run"
n_all=$(cat "$folder/count")
[ "$wanted" = 0 ] && wanted=$n_all
awk -v n="$n_all" -v wanted="$wanted" -v seed="$seed" 'BEGIN { srand(seed)
    for (i = 0; i < wanted; i++) print int((i + rand()) * n / wanted) + 1, i % 4 == 3 ? "1" : "" }' >"$folder/cases"
n=0 ended=0 unfired=0
while read -r at sticky; do
    n=$((n + 1))
    what="allocation $at${sticky:+ and all later ones}"
    rm -rf "$run" "$folder/fired"
    env LD_PRELOAD="$folder/fault_shim.so" FAULT_CALL=memory FAULT_AT="$at" ${sticky:+FAULT_STICKY=1} \
        FAULT_FIRED="$folder/fired" timeout 60 "$sapwood" train "$recipe" --run "$run" $options \
        >"$folder/said" 2>&1
    code=$?
    # With 8 another thread may have ended the program before the mark was written. How far the loader
    # gets ahead of the end differs: a run that ends well may have fewer allocations than the counted one.
    if [ ! -e "$folder/fired" ] && [ $code != 8 ]; then
        [ $code = 0 ] && [ "$at" -gt $((n_all * 4 / 5)) ] || bad "$what: the fault did not fire"
        unfired=$((unfired + 1))
    fi
    case $code in
    0) ;;
    8)
        ended=$((ended + 1))
        grep -q '^sapwood: .*memory' "$folder/said" || bad "$what: no message: $(tail -n 3 "$folder/said")"
        ;;
    *) bad "$what: expected 8 or 0, found $code: $(tail -n 3 "$folder/said")" ;;
    esac
    if [ $code != 0 ] && [ $((n % 4)) = 0 ]; then
        "$sapwood" train "$recipe" --run "$run" $options >"$folder/said" 2>&1 ||
            bad "$what: afterwards: $(tail -n 3 "$folder/said")"
        same "$what" "$folder/plain" "$run"
    fi
    good
done <"$folder/cases"
[ $unfired -le $((n / 20 + 1)) ] && good || bad "$unfired of $n faults did not fire"
[ $ended -ge $((n / 2)) ] && good || bad "only $ended of $n ended with 8"
echo "$n of $n_all allocations: $ended ended with 8, $((n - ended - unfired)) were done without, $unfired were not reached"
report
