# The memory of a step, as a plan knows it without making any of it: a job that fits nowhere is answered at
# once in a small process, with a setting that fits; and how memory grows with the batch.
. tests/checks.sh

# plan PAIRS SETTING...: the plan of a ViT-B/32
cat >"$folder/recipe.json" <<END
{"name": "large", "device": "cpu", "threads": 2,
 "model": {"architecture": "ViT-B-32", "vocabulary": "$PWD/tests/fixtures/bpe_simple_vocab_16e6.txt.gz",
           "lora": {"rank": 16}},
 "data": {"cache": "$folder/cache", "slice": 16, "update": {"batch_size": 64}},
 "stages": [{"name": "emoji", "steps": 1,
             "sources": [{"name": "emoji", "shards": "$PWD/tests/fixtures/emoji-train.tar"}]}]}
END
plan() {
    pairs=$1
    shift
    "$sapwood" train "$folder/recipe.json" --run "$folder/run" --dry-run --set data.update.batch_size="$pairs" "$@"
}

# --- 330 GiB: within 2 s of the processor in 1 GiB, where the process is one that can be limited ---

if grep -qE '__[at]san_init' "$sapwood"; then
    limited() { "$@"; } # a sanitizer reserves terabytes
else
    limited() { (ulimit -v 1048576 && ulimit -t 2 && "$@"); }
fi
check "too large" 8 'expected at least 3[0-9]\{5\} MiB, which a step takes with no' \
    limited plan 32768 --set data.slice=32768 --set memory_bytes=0
check "why, of a device" 8 '^does not fit    with nothing kept it takes 3[0-9]\{5\}\.[0-9] MiB, and the device has [0-9.]* MiB$' \
    limited plan 32768 --set data.slice=32768 --set memory_bytes=0
limited plan 32768 --set data.slice=32768 --set memory_bytes=17179869184 >"$folder/said" 2>&1
check "why" 0 '^does not fit    with nothing kept it takes 3[0-9]\{5\}\.[0-9] MiB, and memory_bytes allows 16384.0 MiB$' \
    cat "$folder/said"
remedy=$(sed -n 's/^ *--set \(data.slice=[0-9]*\) would fit: it takes [0-9.]* MiB$/\1/p' "$folder/said")
check "the remedy $remedy" 0 '^activations ' limited plan 32768 --set "${remedy:-none}" --set memory_bytes=17179869184
check "a step larger, it does not fit" 2 'data.slice' \
    limited plan 32768 --set "data.slice=$((${remedy#*=} * 2))" --set memory_bytes=17179869184
check "fewer pairs where slices do not help" 2 '^ *--set data.slice=1 --set data.update.batch_size=[0-9]* would fit' \
    plan 65536 --set memory_bytes=2147483648
check "nothing fits" 2 'no slice or batch fits; allow more with memory_bytes, or take a smaller architecture' plan 64 --set memory_bytes=1048576

# --- Without memory_bytes: three quarters of the machine, or of the control group around it ---

limit=$(cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null | grep -x '[0-9]*' | sort -n | head -n 1)
expected=$(awk -v pages="$(getconf _PHYS_PAGES)" -v page="$(getconf PAGESIZE)" -v limit="${limit:-0}" 'BEGIN {
    bytes = pages * page; if (limit > 0 && limit < bytes) bytes = limit
    printf "%.1f", int(bytes / 4) * 3 / 1048576 }')
check "three quarters of the machine" 0 "; a step may take $expected MiB\$" plan 16 --set memory_bytes=0

# --- A step fits, whatever the batch, in a sum that does not grow, and 0.3 MiB a pair ---

# bounded MIB PAIRS SETTING...
bounded() {
    bytes=$(($1 * 1048576 + $2 * 314572))
    pairs=$2
    shift 2
    check "$pairs pairs in $bytes bytes, $*" 0 '^activations ' plan "$pairs" --set memory_bytes=$bytes "$@"
}
for pairs in 16 64 512 4096; do
    bounded 2662 $pairs # 2.6 GiB
done
for pairs in 16 64 256 4096; do
    bounded 8192 $pairs --set model.train=all --set model.lora=null
done
report
