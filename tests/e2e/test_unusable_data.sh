# Half of the pictures of a shard are damaged: the run ends with 3 at the eleventh. A run that is
# started again from any of its checkpoints, or again and again, ends at the same one: no start
# forgets what was unusable before it.
. tests/e2e/tiny.sh
shard=$folder/tests/fixtures/emoji-train.tar
mkdir "$folder/members"
tar xf "$shard" -C "$folder/members"
n=0
for file in "$folder"/members/*.png; do
    n=$((n + 1))
    [ $((n % 2)) = 0 ] || { head -c 100 "$file" >"$folder/cut" && mv "$folder/cut" "$file"; }
done
tar --format=ustar --sort=name -cf "$shard" -C "$folder/members" .

train() {
    check "$1" 3 'too much unusable data: 11 of 32 samples' "$sapwood" train "$recipe" --run "$2" \
        --quiet --set checkpoint.every=1 --set checkpoint.keep=50 --set 'losses=[{"type":"clip"}]' \
        --set data.ref_image=null --set data.ref_text=null --set data.view=null \
        --set evaluation.sets=[] --set data.buffer=null --set data.slice=4 \
        --set data.update.batch_size=4
}
train "undisturbed" "$folder/run"
last=$(step_of "$folder/run")
[ "$last" -ge 3 ] && good || bad "expected checkpoints, found step $last"
for step in $(seq 0 "$last"); do
    again=$folder/again
    rm -rf "$again"
    cp -r "$folder/run" "$again"
    for later in $(seq $((step + 1)) "$last"); do
        rm -r "$again/checkpoints/$(printf 'step_%08d' "$later")"
    done
    train "from step $step" "$again"
    [ "$(step_of "$again")" = "$last" ] && good ||
        bad "from step $step: ended at $(step_of "$again"), undisturbed at $last"
    # the step that ends the run is not saved, so only whole steps are compared
    for run in run again; do
        grep -v "\"stage_step\": $last," "$folder/$run/quarantine.jsonl" >"$folder/$run.holes"
    done
    cmp "$folder/run.holes" "$folder/again.holes" && good || bad "from step $step: other holes"
done
report
