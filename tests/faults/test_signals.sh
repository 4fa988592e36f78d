# Signals at random moments of a chain of runs, while loading and saving too: SIGTERM, SIGINT, SIGHUP
# and SIGUSR1 save and end with 75 in time, a second one ends it at once, SIGUSR2 saves and the run
# goes on. Whatever came, the end has the bytes of a run that was left alone.
#   SIGNALS=n  how many (default 10)    SEED=n  repeats the moments of a failure
. tests/e2e/tiny.sh
seed=${SEED:-$(date +%s)}
wanted=$(count_of SIGNALS 10 300)
echo "seed $seed (repeat with SEED=$seed SIGNALS=$wanted sh tests/faults/test_signals.sh $sapwood)"
options="--quiet --set stages.0.steps=100 --set stages.1.steps=200 --set checkpoint.every=10"
begin=$(date +%s%N)
"$sapwood" train "$recipe" --run "$folder/plain" $options || bad "plain run"
whole=$((($(date +%s%N) - begin) / 1000000))
chain=$folder/chain
# 2 s are promised where the run has a core for itself.
patience=$(awk -v cores="$(nproc)" '{ n = $1 / cores; print int(2000 * (n > 1 ? n + 1 : 1)) }' /proc/loadavg)

name_of() { echo TERM INT HUP USR1 | cut -d ' ' -f $(($1 + 1)); }
size_of() { wc -c 2>/dev/null <"$1" || echo 0; }

n=0 saved=0 doubled=0 ends=0 slowest=0
while [ $n -lt "$wanted" ]; do
    n=$((n + 1))
    before=$(size_of "$chain/log.txt")
    "$sapwood" train "$recipe" --run "$chain" $options >"$chain.said" 2>&1 &
    process=$!
    # Its handlers are there once it has opened its log.
    while [ "$(size_of "$chain/log.txt")" -le "$before" ] && kill -0 $process 2>/dev/null; do sleep 0.005; done
    sleep "$(random_ms "$seed" $((n * 3)) 0 $((whole / 3)))"
    how=$(random_below "$seed" $((5000 + n)) 4)
    first=$(name_of "$(random_below "$seed" $((6000 + n)) 4)")
    second=$(name_of "$(random_below "$seed" $((7000 + n)) 4)")
    begin=$(date +%s%N)
    [ "$how" = 0 ] && kill -USR2 $process 2>/dev/null && sleep 0.02
    kill -"$first" $process 2>/dev/null
    if [ "$how" = 1 ]; then
        sleep "$(random_ms "$seed" $((n * 3 + 1)) 0 8)"
        kill -"$second" $process 2>/dev/null
    fi
    wait $process
    code=$?
    spent=$((($(date +%s%N) - begin) / 1000000))
    case $how,$code in
    *,75)
        saved=$((saved + 1))
        said_why "$chain.said" || bad "$first: 75 without a word: $(cat "$chain.said")"
        [ $spent -gt $slowest ] && slowest=$spent
        [ $spent -le "$patience" ] && good || bad "$first: expected 75 within $patience ms, took $spent"
        ;;
    1,129 | 1,130 | 1,138 | 1,143) doubled=$((doubled + 1)) ;;
    *,0) # the signal came after its last step
        ends=$((ends + 1))
        same "chain of signals" "$folder/plain" "$chain"
        rm -r "$chain"
        ;;
    *) bad "signal $n, $first (kind $how): found code $code: $(cat "$chain.said")" ;;
    esac
done
"$sapwood" train "$recipe" --run "$chain" $options >"$chain.said" 2>&1 || bad "end: $(cat "$chain.said")"
same "chain of signals" "$folder/plain" "$chain"
[ $saved -ge $((wanted / 4)) ] && good || bad "only $saved of $n runs were stopped and saved"
echo "$n signals: $saved saved, slowest $slowest ms; $doubled ended at once by a second one; $ends came to their end"
report
