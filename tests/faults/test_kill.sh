# kill -9 at random moments of a run on real shards, one with damaged pictures: whatever is killed,
# the end has the bytes of a run that was left alone, ledger included.
#   KILLS=n  kills (default 20; 1000 takes some minutes)    SEED=n  repeats the moments of a failure
# A kill counts when the process was alive, had taken steps of its own and was before its end; so
# every one hits work in progress. Where they hit is counted: in a checkpoint, or in steps.
. tests/e2e/tiny.sh
seed=${SEED:-$(date +%s)}
wanted=${KILLS:-20}
echo "seed $seed (repeat with SEED=$seed KILLS=$wanted sh tests/faults/test_kill.sh $sapwood)"

# Three pictures of a shard get other bytes in their middle, so that there is something in the ledger.
shard=$folder/tests/fixtures/fashion-train.tar
for at in $(grep -abo IDAT "$shard" | sed -n 's/:.*//; 3p; 20p; 50p'); do
    printf 'damage' | dd of="$shard" bs=1 seek=$((at + 12)) conv=notrunc 2>/dev/null
done

options="--quiet --set stages.0.steps=100 --set stages.1.steps=250 --set checkpoint.every=10"
begin=$(date +%s%N)
"$sapwood" train "$recipe" --run "$folder/plain" $options >"$folder/plain.said" 2>&1 ||
    bad "undisturbed run: $(cat "$folder/plain.said")"
whole=$((($(date +%s%N) - begin) / 1000000))
[ -s "$folder/plain/quarantine.jsonl" ] && good || bad "the ledger is empty; expected damaged pictures"

size_of() { wc -c 2>/dev/null <"$1" || echo 0; }
chain=$folder/chain
kills=0 number=0 in_save=0 advanced=0 ends=0
while [ $kills -lt "$wanted" ] && [ $number -lt $((wanted * 4)) ]; do
    number=$((number + 1))
    before=$(step_of "$chain")
    rm -f "$chain/timing.jsonl" # grows with each step and is cut by nobody
    "$sapwood" train "$recipe" --run "$chain" $options --set data.loader_threads=$((1 << number % 3)) \
        --set threads=$((1 + number % 2)) >"$chain.said" 2>&1 &
    process=$!
    # First steps of its own, then a random time.
    while [ "$(size_of "$chain/timing.jsonl")" = 0 ] && kill -0 $process 2>/dev/null; do sleep 0.01; done
    sleep "$(random_ms "$seed" $number 0 $((whole / 8)))"
    kill -9 $process 2>/dev/null
    wait $process 2>/dev/null
    code=$?
    if [ $code = 137 ] && [ "$(size_of "$chain/timing.jsonl")" -gt 0 ] && [ ! -d "$chain/weights" ]; then
        kills=$((kills + 1))
        ls -A "$chain/checkpoints" | grep -q '^\.tmp' && in_save=$((in_save + 1))
        [ "$(step_of "$chain")" -gt "$before" ] && advanced=$((advanced + 1))
    elif [ $code = 0 ]; then # it came to its end first: compare, and begin the next chain
        ends=$((ends + 1))
        same "chain of kills" "$folder/plain" "$chain"
        rm -r "$chain"
    elif [ $code != 137 ]; then
        bad "kill $number: expected 137 or 0, found $code: $(cat "$chain.said")"
        break
    fi
done
[ $kills = "$wanted" ] && good || bad "expected $wanted kills in work, found $kills of $number"
[ $advanced -ge $((wanted / 8)) ] && good || bad "only $advanced of $kills processes wrote a checkpoint"
"$sapwood" train "$recipe" --run "$chain" $options >"$chain.said" 2>&1 || bad "end: $(cat "$chain.said")"
same "last chain" "$folder/plain" "$chain"
ls -A "$chain/checkpoints" | grep -q '^\.tmp' && bad "temporary folders are left" || good
echo "$kills kills in work ($in_save of them while a checkpoint was written, $advanced after a new one); $ends chains came to their end, $((ends + 1)) compared"
report
