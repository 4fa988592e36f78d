# A run over many tiny samples: after the first third its memory does not grow, by 1 MiB per 100,000
# samples at most, and the numbers of its open files and threads stay what they were.
#   SAMPLES=n  default 40000; 1000000 takes some minutes
. tests/e2e/tiny.sh
if grep -qE '__[at]san_init' "$sapwood"; then
    echo "skipped: sanitizers keep freed memory"
    exit 77
fi
samples=$(count_of SAMPLES 40000 1000000)
batch=64
steps=$((samples / batch))
# One small model with checkpoints and logs as in long runs. The second stage is one step: its text
# lengths are new, and their programs stay.
sed 's/"layers": *[0-9]*/"layers": 1/' "$folder/recipes/tiny-architecture.json" >"$folder/recipes/small.json"
"$sapwood" train "$recipe" --run "$folder/run" --quiet --set model.architecture=small.json \
    --set 'losses=[{"type":"clip"}]' --set data.ref_image=null --set data.ref_text=null \
    --set data.view=null --set evaluation.sets=[] --set model.uniadapter=null \
    --set data.update.batch_size=$batch --set stages.0.steps=$((steps - 1)) \
    --set stages.1.steps=1 --set checkpoint.every=$((steps / 20 + 1)) \
    --set log_every=$((steps / 200 + 1)) >"$folder/said" 2>&1 &
process=$!
# A line for each look: samples, KiB of memory that is not of files, descriptors, threads
while kill -0 $process 2>/dev/null; do
    step=$(tail -n 1 "$folder/run/timing.jsonl" 2>/dev/null | sed -n 's/{"step": \([0-9]*\).*/\1/p')
    memory=$(awk '/^RssAnon/ { print $2 }' /proc/$process/status 2>/dev/null)
    threads=$(awk '/^Threads/ { print $2 }' /proc/$process/status 2>/dev/null)
    files=$(ls /proc/$process/fd 2>/dev/null | wc -l)
    [ -n "$step" ] && [ -n "$memory" ] && echo "$((step * batch)) $memory $files $threads" >>"$folder/looks"
    sleep 0.05
done
wait $process
code=$?
[ $code = 0 ] && good || bad "expected 0, found $code: $(tail -n 3 "$folder/said")"
# Slope of the least squares line; the saver's files come and go, so the smallest number counts.
awk -v total=$((steps * batch)) '
    $1 > total / 3 && $1 < total * 0.97 { n++; x += $1; y += $2; xx += $1 * $1; xy += $1 * $2
        if (!least || $3 < least) least = $3
        if ($1 > total * 0.8 && (!late || $3 < late)) late = $3
        if (!threads) threads = $4
        if ($4 != threads) changed++ }
    END {
        slope = n > 1 ? (n * xy - x * y) / (n * xx - x * x) * 100000 / 1024 : 0
        printf "%d samples, %d looks: %.3f MiB per 100,000 samples; %d descriptors, %d threads, %d looks with others\n",
            total, n, slope, late, threads, changed
        exit !(n >= 10 && slope < 1 && late <= least && changed == 0)
    }' "$folder/looks" && good || bad "it grows: $(tail -n 3 "$folder/looks")"
report
