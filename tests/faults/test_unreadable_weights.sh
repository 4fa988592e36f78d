# The disk cannot read a part of base weights (EIO in the n-th read of the file): train, embed, convert
# and a run that goes on from a checkpoint end with 5 and say which file and where, never by a signal.
. tests/e2e/tiny.sh
. tests/faults/shim.sh
build_shim fault_shim
all='--set model.train="all" --set model.lora=null --set model.uniadapter=null'
"$sapwood" train "$recipe" --run "$folder/base" $small $all 2>"$folder/said" ||
    bad "base weights: $(cat "$folder/said")"
mkdir "$folder/disk"
cp "$folder/base/weights/model.safetensors" "$folder/disk/base.safetensors"
weights=$folder/disk/base.safetensors

# reads UNDER COMMAND...: how many reads of files there the command makes
reads() {
    under=$(realpath "$1")
    shift
    env LD_PRELOAD="$folder/fault_shim.so" FAULT_CALL=pread FAULT_AT=0 FAULT_UNDER="$under" \
        FAULT_COUNT="$folder/count" "$@" >"$folder/said" 2>&1 || bad "$*: $(cat "$folder/said")"
    cat "$folder/count"
}

# ends WHAT N UNDER PATTERN COMMAND...: with the N-th read failing for good
ends() {
    case_name="$1, read $2" n=$2 under=$(realpath "$3") place=$4
    shift 4
    rm -f "$folder/fired"
    check "$case_name" 5 "^sapwood: .*$place: cannot read [0-9]* bytes at offset [0-9]*: Input/output error" \
        env LD_PRELOAD="$folder/fault_shim.so" FAULT_CALL=pread FAULT_AT="$n" FAULT_ERROR=EIO \
        FAULT_STICKY=1 FAULT_UNDER="$under" FAULT_FIRED="$folder/fired" "$@"
    [ -e "$folder/fired" ] && good || bad "$case_name: the fault did not fire"
}

# every WHAT UNDER PATTERN OUT COMMAND...: first, second, middle and last read; OUT is made each time
every() {
    command=$1 disk=$2 file=$3 out=$4
    shift 4
    rm -rf "$out"
    all_reads=$(reads "$disk" "$@")
    [ "$all_reads" -gt 20 ] && good || bad "$command: only $all_reads reads"
    for at in 1 2 $((all_reads / 2)) "$all_reads"; do
        rm -rf "$out"
        ends "$command" "$at" "$disk" "$file" "$@"
    done
}

every train "$folder/disk" base.safetensors "$folder/run" "$sapwood" train "$recipe" --run "$folder/run" \
    $small --set "model.weights=\"$weights\""
every convert "$folder/disk" base.safetensors "$folder/out" "$sapwood" convert "$weights" "$folder/out" \
    --to open_clip --architecture "$folder/recipes/tiny-architecture.json"
every embed "$folder/disk" base.safetensors "$folder/out.npy" "$sapwood" embed "$weights" \
    --architecture "$folder/recipes/tiny-architecture.json" \
    --vocabulary "$folder/tests/fixtures/vocabulary.txt" \
    --images "$folder/tests/fixtures/emoji-test.tar" --out "$folder/out.npy"

rm -rf "$folder/run"
# Checkpoints are read twice, for their sums and for their content.
"$sapwood" train "$recipe" --run "$folder/run" $small 2>"$folder/said" || bad "run: $(cat "$folder/said")"
cp -r "$folder/run" "$folder/kept"
again() { rm -rf "$folder/run" && cp -r "$folder/kept" "$folder/run"; }
all_reads=$(reads "$folder/run/checkpoints" "$sapwood" train "$recipe" --run "$folder/run" $small)
for at in 2 $((all_reads / 2)) $((all_reads - 1)); do
    again
    ends "resume" "$at" "$folder/run/checkpoints" 'checkpoints/.*' "$sapwood" train "$recipe" \
        --run "$folder/run" $small
done
report
