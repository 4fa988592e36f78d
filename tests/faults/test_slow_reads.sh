# A disk that does not answer while a run is loaded: indices are made, weights read. It ends with 9
# after stall_seconds as in a step; one that is slow, but moves, does not.
. tests/e2e/tiny.sh
. tests/faults/shim.sh
build_shim fault_shim
under=$(realpath "$folder")

# slow MS UNDER OPTION...: train with reads of files there delayed
slow() {
    ms=$1 place=$under/$2
    shift 2
    env LD_PRELOAD="$folder/fault_shim.so" FAULT_CALL=pread FAULT_READ_MS="$ms" FAULT_UNDER="$place" \
        timeout 60 "$sapwood" train "$recipe" --run "$folder/run" $small "$@"
}
hangs() {
    what=$1
    shift
    began=$(date +%s)
    check "$what" 9 'loading before step 0: nothing moved for 2 s; a disk or a device' "$@" \
        --set stall_seconds=2
    [ $(($(date +%s) - began)) -lt 30 ] && good || bad "$what: it took $(($(date +%s) - began)) s"
    rm -rf "$folder/run"
}
hangs "shards" slow 50000 tests/fixtures/emoji-train.tar
"$sapwood" train "$recipe" --run "$folder/base" $small --set model.train=all --set model.lora=null \
    --set model.uniadapter=null 2>"$folder/said" || bad "base weights: $(cat "$folder/said")"
hangs "weights" slow 50000 base/weights --set "model.weights=\"$under/base/weights/model.safetensors\""
check "slow reads" 0 '' slow 700 tests/fixtures/emoji-train.tar --set stall_seconds=4
report
