# A checkpoint that has its name must survive a loss of power, so during a run the calls must come in
# this order: the last write of each of its files, the sync of that file, the sync of the temporary
# folder, the rename, the sync of the folder above. A preloaded library records them.
. tests/e2e/tiny.sh
if grep -qE '__[at]san_init' "$sapwood"; then
    echo "skipped: nothing can be loaded before a sanitizer"
    exit 77
fi
if ! "${CC:-cc}" -shared -fPIC -o "$folder/record.so" tests/faults/record_sync.c -ldl; then
    echo "skipped: no compiler for the recorder"
    exit 77
fi
log=$folder/calls
check "train" 0 '' env LD_PRELOAD="$folder/record.so" RECORD_SYNC="$log" "$sapwood" train "$recipe" \
    --run "$folder/run" --quiet --set checkpoint.every=1 --set stages.0.steps=2 --set stages.1.steps=1
# last CALL PATH: number of the last such line, 0 without one
last() { awk -v line="$1 $2" '$0 == line { n = NR } END { print n + 0 }' "$log"; }
# after WHAT LOW HIGH: both happened, in this order
after() {
    if [ "$2" -gt 0 ] && [ "$3" -gt "$2" ]; then good; else bad "$1: expected call $2 before call $3"; fi
}
above=$(realpath "$folder")/run/checkpoints
temporary=$(sed -n 's/^rename \(.*\/checkpoints\/\.tmp_[^/]*\)$/\1/p' "$log")
[ "$(echo "$temporary" | sort -u | wc -l)" -ge 3 ] && good || bad "expected 3 checkpoints, found: $temporary"
for checkpoint in $temporary; do
    checkpoint=$above/${checkpoint##*/}
    renamed=$(awk -v name="/${checkpoint##*/}" '$1 == "rename" && substr($0, length($0) - length(name) + 1) == name {
        print NR }' "$log")
    folder_synced=$(last fsync "$checkpoint")
    files=$(sed -n "s|^write \($checkpoint/[^/]*\)\$|\1|p" "$log" | sort -u)
    [ "$(echo "$files" | wc -l)" -ge 3 ] && good || bad "expected model, state and manifest, found: $files"
    for file in $files; do
        after "${file##*/}: write, then its sync" "$(last write "$file")" "$(last fsync "$file")"
        after "${file##*/}: sync, then that of its folder" "$(last fsync "$file")" "$folder_synced"
    done
    after "sync of the temporary folder, then rename" "$folder_synced" "$renamed"
    # the next call on the folder above, not that of a later checkpoint
    next_rename=$(awk -v from="$renamed" 'NR > from && $1 == "rename" && /\.tmp_[^\/]*$/ { print NR; exit }' "$log")
    above_synced=$(awk -v from="$renamed" -v line="fsync $above" 'NR > from && $0 == line { print NR; exit }' "$log")
    after "rename, then sync of the folder above" "$renamed" "${above_synced:-0}"
    [ -z "$next_rename" ] || after "sync of the folder above, then the next rename" "${above_synced:-0}" "$next_rename"
done
report
