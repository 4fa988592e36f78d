# sapwood eval: a short run, its table, and its weights measured again.
. tests/checks.sh

recipe=recipes/tiny.json run=$folder/run
check "run" 0 '' "$sapwood" train $recipe --run "$run" --quiet --set "data.cache=$folder/cache" \
    --set stages.0.steps=3 --set stages.1.steps=2
check "moments" 0 '^after fashion' "$sapwood" eval "$run"
check "gains" 0 '^gained' "$sapwood" eval "$run"
check "losses" 0 '^retained' "$sapwood" eval "$run"
check "metric" 0 '^acc5, percent  *fashion  *mean$' "$sapwood" eval "$run" --metric acc5
check "unknown metric" 2 'expected one of: image_to_text_R@1, ' "$sapwood" eval "$run" --metric acc6
check "option of a recipe" 2 'go with a recipe' "$sapwood" eval "$run" --json
check "no run" 3 'expected a run folder' "$sapwood" eval "$folder"
check "no recipe" 2 'nothing' "$sapwood" eval "$folder/nothing"
check "no sets" 2 'evaluation.sets is empty' "$sapwood" eval $recipe --set 'evaluation.sets=[]'

# What the last weights score is what the log says of the end.
scores() {
    sed 's/.*"set"/"set"/'
}
"$sapwood" eval $recipe --json --set "data.cache=$folder/cache" \
    --weights "$run/weights/adapters.safetensors" | scores >"$folder/again"
tail -n 2 "$run/evaluation.jsonl" | scores >"$folder/logged"
check "weights of a run" 0 '' cmp "$folder/again" "$folder/logged"
check "number of sets" 0 '^2$' sh -c 'wc -l <"$0"' "$folder/again"
"$sapwood" eval $recipe --json --set "data.cache=$folder/cache" | scores >"$folder/start"
head -n 2 "$run/evaluation.jsonl" | scores >"$folder/logged"
check "weights of the start" 0 '' cmp "$folder/start" "$folder/logged"
check "other adapters" 3 'wrong shape; expected' "$sapwood" eval $recipe --set model.lora.rank=3 \
    --set "data.cache=$folder/cache" --weights "$run/weights/adapters.safetensors"
check "no adapters" 3 'is no part of this model' "$sapwood" eval $recipe --set model.lora=null \
    --set "data.cache=$folder/cache" --weights "$run/weights/adapters.safetensors"

report
