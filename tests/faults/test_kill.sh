# kill -9 at random moments of a run on real shards, one with damaged pictures: whatever is killed,
# the end has the bytes of a run that was left alone, ledger included.
#   KILLS=n  kills (default 20)    SEED=n  repeats the moments of a failure
#   SAPWOOD_TEST_DEVICE=NAME  on that device instead of the CPU, such as llvmpipe
# The moments: at any time from the start of the process on, while it takes steps, and between its
# last step and its end. A kill counts when the process had its folder and had not written its
# weights, so every one hits work in progress; what it hit is told from what is on the disk.
. tests/e2e/tiny.sh
seed=${SEED:-$(date +%s)}
wanted=$(count_of KILLS 20 1000)
device=${SAPWOOD_TEST_DEVICE:-cpu}
if ! "$sapwood" devices | grep -qi -- "$device"; then
    echo "skipped: no device $device"
    exit 77
fi
echo "seed $seed (repeat with SAPWOOD_TEST_DEVICE=$device SEED=$seed KILLS=$wanted sh tests/faults/test_kill.sh $sapwood)"

# Three pictures of a shard get other bytes in their middle, so that there is something in the ledger.
shard=$folder/tests/fixtures/fashion-train.tar
for at in $(grep -abo IDAT "$shard" | sed -n 's/:.*//; 3p; 20p; 50p'); do
    printf 'damage' | dd of="$shard" bs=1 seek=$((at + 12)) conv=notrunc 2>/dev/null
done

# Few small steps and many checkpoints: a kill costs the time of some steps, and each chain has an end.
total=90
options="--quiet --set stages.0.steps=30 --set stages.1.steps=60 --set checkpoint.every=3
    --set data.slice=4 --set data.update.batch_size=4 --set data.ref_image.n=4 --set data.ref_text.n=4
    --set data.view.n=4 --set device=$device"
now_ms() { echo $(($(date +%s%N) / 1000000)); }
# wait_while PROCESS PAUSE COMMAND...: looks until the command fails or the process is gone
wait_while() {
    watched=$1 pause=$2
    shift 2
    while "$@" && kill -0 "$watched" 2>/dev/null; do sleep "$pause"; done
}
has_no_step() { [ ! -s "$1/timing.jsonl" ]; }
lacks_end() { [ ! -e "$1/checkpoints/step_000000$((total - 9))" ]; } # asked often, costs no process
lacks_last_step() { ! grep -q "^{\"step\": $total," "$1/timing.jsonl" 2>/dev/null; }

begin=$(now_ms)
"$sapwood" train "$recipe" --run "$folder/plain" $options >"$folder/plain.said" 2>&1 &
process=$!
wait_while $process 0.02 has_no_step "$folder/plain"
first=$(now_ms)
wait_while $process 0.002 lacks_last_step "$folder/plain"
last=$(now_ms)
wait $process || bad "undisturbed run: $(cat "$folder/plain.said")"
# Milliseconds in which the moments lie: of the start, of some steps, and after the last step. How busy
# the machine is changes, so they follow what the kills hit: longer NAME, shorter NAME.
start_span=$((first - begin)) steps_span=$(((last - first) / 6)) end_span=$(($(now_ms) - last))
longer() { eval "$1_span=\$((\$$1_span * 5 / 4 + 2))"; }
shorter() { eval "$1_span=\$((\$$1_span * 3 / 4 + 1))"; }
[ -s "$folder/plain/quarantine.jsonl" ] && good || bad "the ledger is empty; expected damaged pictures"

chain=$folder/chain
begin_chain() {
    rm -rf "$chain" "$folder"/tests/fixtures/*.index
    killed=0 # times in this chain
    ending=0 # of them after its last step
}
begin_chain
kills=0 number=0 early=0 late=0 ends=0
unsaved=0 loading=0 steps=0 end=0 in_save=0 advanced=0
has_enough() {
    [ $kills -ge "$wanted" ] && [ $advanced -ge $((wanted / 8)) ] && [ $end -ge $((wanted / 20)) ] &&
        [ $((unsaved + loading)) -ge $((wanted / 10)) ]
}
while ! has_enough && [ $number -lt $((wanted * 4)) ]; do
    number=$((number + 1))
    before=$(step_of "$chain")
    # Both grow with each start or step and are cut by nobody: now they are of this process alone.
    rm -f "$chain/timing.jsonl" "$chain/log.txt"
    # A chain begins with kills at any time and among steps, has some after its last step, and is
    # left to come to its end.
    if [ $ending -ge 3 ] || [ -e "$chain/weights/adapters.safetensors" ]; then
        when=never
    elif [ $killed -ge 6 ] || [ "$before" -ge $((total - 3)) ]; then
        when=end
    elif [ $((number % 3)) = 0 ] || [ $killed = 0 ]; then
        when=start
    else
        when=steps
    fi
    "$sapwood" train "$recipe" --run "$chain" $options --set data.loader_threads=$((1 << number % 3)) \
        --set threads=$((1 + number % 2)) >"$chain.said" 2>&1 &
    process=$!
    case $when in
    start) sleep "$(random_ms "$seed" $number 0 $start_span)" ;;
    steps)
        wait_while $process 0.02 has_no_step "$chain"
        sleep "$(random_ms "$seed" $number 0 $steps_span)"
        ;;
    end)
        wait_while $process 0.02 lacks_end "$chain"
        wait_while $process 0.002 lacks_last_step "$chain"
        sleep "$(random_ms "$seed" $number 0 $end_span)"
        ;;
    esac
    [ $when = never ] || kill -9 $process 2>/dev/null
    wait $process 2>/dev/null
    code=$?
    if [ $code = 0 ]; then # it came to its end: compare, and begin the next chain
        ends=$((ends + 1))
        [ $when = never ] || shorter $when
        same "chain of kills" "$folder/plain" "$chain"
        begin_chain
        continue
    elif [ $code != 137 ]; then
        bad "kill $number ($when): expected 137 or 0, found $code: $(cat "$chain.said")"
        break
    fi
    killed=$((killed + 1))
    if [ ! -e "$chain/log.txt" ]; then # not even its folder was there
        early=$((early + 1))
        longer $when
        continue
    elif [ -e "$chain/weights/adapters.safetensors" ]; then # all was written
        late=$((late + 1))
        shorter $when
        continue
    fi
    kills=$((kills + 1))
    [ $((kills % 100)) != 0 ] || echo "$kills kills, $number runs"
    after=$(step_of "$chain")
    if ! lacks_last_step "$chain" || [ "$after" = $total ]; then
        end=$((end + 1)) ending=$((ending + 1))
        [ $when = end ] && longer end || shorter $when
    elif [ -s "$chain/timing.jsonl" ]; then
        steps=$((steps + 1))
        [ $when != start ] || shorter start
        [ $when != steps ] || [ $((after - before)) -gt $((total / 9)) ] || longer steps
    elif [ "$before" = 0 ] && [ ! -e "$chain/checkpoints/step_00000000" ]; then
        unsaved=$((unsaved + 1))
    else
        loading=$((loading + 1))
        longer start
    fi
    ls -A "$chain/checkpoints" 2>/dev/null | grep -q '^\.tmp' && in_save=$((in_save + 1))
    [ "$after" -gt "$before" ] && advanced=$((advanced + 1))
    # No committed checkpoint is lost: it went on from the newest, and what it committed is there.
    if [ -s "$chain/timing.jsonl" ] && [ "$before" -gt 0 ]; then
        grep -q "resumed at step $before of" "$chain/log.txt" ||
            bad "kill $number: step $before was there, but: $(grep -v committed "$chain/log.txt")"
    fi
    committed=$(sed -n 's/.*checkpoint \([0-9]*\) committed/\1/p' "$chain/log.txt" | tail -n 1)
    [ "${committed:-0}" -le "$after" ] || bad "kill $number: $committed was committed, the newest is $after"
done
has_enough && good || bad "expected $wanted kills in work, found $kills of $number; $advanced processes wrote" \
    "a checkpoint, $((unsaved + loading)) kills hit loading, $end came after the last step"
"$sapwood" train "$recipe" --run "$chain" $options >"$chain.said" 2>&1 || bad "end: $(cat "$chain.said")"
same "last chain" "$folder/plain" "$chain"
ls -A "$chain/checkpoints" | grep -q '^\.tmp' && bad "temporary folders are left" || good
echo "$kills kills in work: $unsaved before the first checkpoint, $loading in loading, $steps among steps," \
    "$end after the last step; $in_save of them while a checkpoint was written, $advanced after a new one"
echo "$early more before there was a folder, $late more when all was written;" \
    "$ends chains came to their end, $((ends + 1)) compared"
report
