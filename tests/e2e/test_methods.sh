# Every recipe of recipes/methods trains to its end; a run that goes on from an earlier checkpoint ends
# with the same bytes.
. tests/e2e/tiny.sh
mkdir "$folder/recipes/methods"
cp recipes/methods/*.json "$folder/recipes/methods"
for recipe in "$folder"/recipes/methods/*.json; do
    word=$(basename "$recipe" .json)
    steps=$(sed -n 's/.*"steps": \([0-9]*\).*/\1/p' "$recipe" | awk '{ n += $1 } END { print n }')
    at=$((steps / 4))
    set -- --set checkpoint.every="$at" --set checkpoint.keep=100 --quiet
    check "$word: trains" 0 '' "$sapwood" train "$recipe" --run "$folder/$word" "$@"
    check "$word: has all steps" 0 '' test "$(step_of "$folder/$word")" = "$steps"
    # the checkpoint before the end of the first stage, one at it, one after it
    for from in $at $((2 * at)) $((3 * at)); do
        name=$(printf 'step_%08d' "$from")
        again=$folder/$word-$from
        cp -r "$folder/$word" "$again"
        rm -r "$again/weights"
        check "$word: goes on at step $from" 0 "resumed at step $from" "$sapwood" train "$recipe" \
            --run "$again" --set checkpoint.every="$at" --set checkpoint.keep=100 --resume "$again/checkpoints/$name"
        for file in "weights/model.safetensors" "checkpoints/$(newest "$again")/state.safetensors"; do
            check "$word: $file from step $from" 0 '' cmp "$folder/$word/$file" "$again/$file"
        done
    done
done
report
