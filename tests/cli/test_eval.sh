# sapwood eval: a short run, its table, and its weights measured again.
. tests/checks.sh

recipe=recipes/tiny.json run=$folder/run
check "run" 0 '' "$sapwood" train $recipe --run "$run" --quiet --set "data.cache=$folder/cache" \
    --set stages.0.steps=3 --set stages.1.steps=2
printf '%s\n' "$output" | grep -v ' | WARNING | ' >"$folder/said"
check "quiet" 1 '' test -s "$folder/said"

# Results are told when they are made, in the log too, and the table at the end of the run.
log=$run/log.txt
acc1=$(tail -n 1 "$run/evaluation.jsonl" | sed 's/.*"acc1": \([0-9.e-]*\).*/\1/')
percent=$(awk "BEGIN { printf \"%.1f\", 100 * $acc1 }")
check "told at the start" 0 'INFO | start: emoji: image_to_text_R@1 [0-9.]* %, text_to_image_R@1 [0-9.]* %, n 8$' \
    cat "$log"
check "told after a stage" 0 'INFO | after emoji: fashion: acc1 [0-9.]* %, n 10$' cat "$log"
check "told as it is" 0 "INFO | after fashion: fashion: acc1 $percent %, n 10\$" cat "$log"
check "chance beside the loss" 0 'clip [0-9.]* (chance 2.77)  zscl_kl_image [0-9]' cat "$log" # ln 16
check "told when made: a later set fails" 3 'INFO | start: emoji: image_to_text_R@1 ' "$sapwood" train $recipe \
    --run "$folder/half" --set "data.cache=$folder/cache" --set 'evaluation.sets[1].shards="none.tar"'
"$sapwood" eval "$run" >"$folder/table"
"$sapwood" train $recipe --run "$run" --set "data.cache=$folder/cache" --set stages.0.steps=3 \
    --set stages.1.steps=2 >"$folder/said" 2>&1
sed -n "/^score/,/^next:/p" "$folder/said" | grep -v '^next:' | sed '$d' >"$folder/shown"
check "table at the end" 0 '' cmp "$folder/table" "$folder/shown"
for command in "eval $run" "run show $run"; do
    check "next: $command" 0 "^  sapwood $command" cat "$folder/said"
    check "$command" 0 '' "$sapwood" $command
done
# The live line never wraps: it could not be overwritten then.
if script -qec true "$folder/typed" >"$folder/said" 2>&1 </dev/null; then # a terminal can be had
    script -qec "stty cols 60; '$sapwood' train $recipe --run '$folder/live' --set evaluation.sets=[] \
        --set stages.0.steps=3 --set stages.1.steps=2" "$folder/typed" >"$folder/said" </dev/null
    tr '\r' '\n' <"$folder/said" | sed 's/\x1b\[K.*//' | grep '^emoji step ' >"$folder/lines"
    check "live lines" 0 '' grep -q '^emoji step 3/5  .*clip' "$folder/lines"
    check "live lines fit" 1 '' grep '.\{60\}' "$folder/lines"
else
    left_out "a terminal from script"
fi

check "moments" 0 '^after fashion' "$sapwood" eval "$run"
check "gains" 0 '^gained' "$sapwood" eval "$run"
check "losses" 0 '^retained' "$sapwood" eval "$run"
check "metric" 0 '^acc5, percent  *fashion  *mean$' "$sapwood" eval "$run" --metric acc5
check "unknown metric" 2 'expected one of: image_to_text_R@1, ' "$sapwood" eval "$run" --metric acc6
check "weights beside a run" 2 'of a run alone only --metric is taken' "$sapwood" eval "$run" --weights x
check "task of a run" 2 'of a run alone only --metric' "$sapwood" eval "$run" --task retrieval
check "metric of sets" 2 '--metric chooses a column of a run' "$sapwood" eval $recipe --metric acc5
check "option of a recipe" 2 'recipe.resolved.json --weights .*weights/adapters.safetensors' "$sapwood" eval "$run" --json
check "no run" 3 'expected a run folder' "$sapwood" eval "$folder"
for model in nothing nothing.json; do
    check "no model" 3 "$model: not there; expected a recipe, a run folder, or weights" "$sapwood" eval \
        "$folder/$model" "$folder/neither"
done
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

# A stream cut from one list of classes, whose stages have no set's name: sets go by its sources. KA is
# that of fashion, here acc1; ZS that of emoji, the mean of both recalls at 5.
stream=$folder/stream
mkdir "$folder/recipes"
sed "s|\.\./tests|$PWD/tests|g; s|\"tiny-architecture|\"$PWD/recipes/tiny-architecture|
    s|{\"name\": \"emoji\", \"steps\": 30,|{\"name\": \"task\", \"steps\": 2, \"ordering\": {\"list\": \"list.json\", \"chunks\": 2, \"reversed\": false},|
    s|{\"name\": \"emoji\", \"shards\": \"[^\"]*emoji-train.tar\"}\]},|{\"name\": \"fashion\", \"classnames\": [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\", \"j\"], \"shards\": \"$PWD/tests/fixtures/fashion-train.tar\"}]}|
    /\"name\": \"fashion\", \"steps\"/d" recipes/tiny.json >"$folder/recipes/stream.json"
echo '["fashion+++a", "fashion+++b", "fashion+++c", "fashion+++d", "fashion+++e", "fashion+++f"]' \
    >"$folder/recipes/list.json"
check "stream" 0 '' "$sapwood" train "$folder/recipes/stream.json" --run "$stream" --quiet \
    --set 'losses=[{"type":"clip"}]'
value() { tail -n 2 "$stream/evaluation.jsonl" | sed -n "s/.*\"set\": \"$1\".*\"$2\": \([0-9.e-]*\).*/\1/p"; }
expected=$(awk -v ka="$(value fashion acc1)" -v a="$(value emoji image_to_text_R@5)" \
    -v b="$(value emoji text_to_image_R@5)" 'BEGIN {
        zs = (a + b) / 2
        printf "FoMo-in-Flux  *KA *%.1f  *ZS *%.1f  *GM *%.1f  *(start: KA", 100 * ka, 100 * zs, 100 * sqrt(ka * zs)
    }')
check "measures of a stream" 0 "^$expected" "$sapwood" eval "$stream"
check "gained by a stream" 0 '^after task-002' "$sapwood" eval "$stream"

# A folder in CLIP_benchmark's layout: measured as its files say, results in its form.
wds=$folder/wds/fashion
mkdir -p "$wds/test" "$wds/train"
cp tests/fixtures/fashion-test.tar "$wds/test/0.tar"
cp tests/fixtures/fashion-train.tar "$wds/train/0.tar"
echo 1 >"$wds/test/nshards.txt"
echo 1 >"$wds/train/nshards.txt"
for name in T-shirt trouser pullover dress coat sandal shirt sneaker bag 'ankle boot'; do
    echo "$name"
done >"$wds/classnames.txt"
results=$folder/results
acc1() { sed 's/.*"acc1": \([0-9.]*\).*/\1/' "$1"; }
check "a benchmark folder" 0 '^fashion: 10 samples$' "$sapwood" eval $recipe "$wds" --results "$results"
file=$results/fashion_random\ weights_tiny-architecture_en_zeroshot_classification.json
check "its result" 0 '^{"dataset": "fashion", "model": "tiny-architecture", "pretrained": "random weights", "task": "zeroshot_classification", "metrics": {"acc1": [0-9.]*, "acc5": [0-9.]*, "mean_per_class_recall": [0-9.]*}, "language": "en"}$' \
    cat "$file"
check "equal to a set of a recipe" 0 "\"acc1\": $(acc1 "$file")," tail -n 1 "$folder/start"
printf '{c}\nno class here\n' >"$wds/zeroshot_classification_templates.txt"
check "its templates are read" 2 'template "no class here"' "$sapwood" eval $recipe "$wds"
printf 'a photo of a {c}.\n\n{c}\n' >"$wds/zeroshot_classification_templates.txt"
check "two templates" 0 acc1 "$sapwood" eval $recipe "$wds"
check "a run on a folder" 0 '^  acc1 ' "$sapwood" eval "$run" "$wds" --results "$results"
check "named by the run" 0 '' test -f "$results/fashion_tiny_tiny-architecture_en_zeroshot_classification.json"
check "linear probe" 0 '^  l2 ' "$sapwood" eval $recipe "$wds" --task linear_probe --results "$results"
check "its names" 0 '"lp_acc1": [0-9.]*, "lp_acc5": [0-9.]*, "lp_mean_per_class_recall": [0-9.]*, "l2": ' \
    cat "$results/fashion_random weights_tiny-architecture_en_linear_probe.json"
check "nearest mean" 0 '^  acc1 ' "$sapwood" eval $recipe "$wds" --task nearest_mean
# A class that nobody could learn: its pictures count, as wrong.
mkdir "$folder/few"
tar xf "$wds/train/0.tar" -C "$folder/few"
for label in $(grep -l '^9' "$folder/few"/*.cls); do rm "${label%cls}"*; done
(cd "$folder/few" && tar cf "$wds/train/0.tar" --format=ustar *)
for task in linear_probe nearest_mean; do
    check "a class not learnt: $task" 0 '^fashion: 10 samples$' "$sapwood" eval $recipe "$wds" --task $task
done
rm -r "$wds/train"
check "nothing to learn from" 2 'nothing to learn from' "$sapwood" eval $recipe "$wds" \
    --task nearest_mean
echo other >"$wds/dataset_type.txt"
check "an unknown kind" 3 'dataset_type.txt: expected retrieval' "$sapwood" eval $recipe "$wds"
rm "$wds/dataset_type.txt"
echo x >"$wds/test/nshards.txt"
check "no number" 3 'nshards.txt: expected a number of shards, found x' "$sapwood" eval $recipe "$wds"
check "no benchmark folder" 2 'not a folder in CLIP_benchmark' "$sapwood" eval $recipe "$folder"

report
