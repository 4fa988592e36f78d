# Runs that go on after something changed: what is refused, and what goes on with --allow-change.
. tests/e2e/tiny.sh

# train RUN OPTION...: trains $recipe into RUN
train() {
    run=$1
    shift
    "$sapwood" train "$recipe" --run "$run" --quiet --set evaluation.sets=[] "$@"
}

# back RUN STEP: takes away what came after the checkpoint of a step
back() {
    rm -rf "$1/weights"
    for later in $(ls "$1/checkpoints" | sed 's/^step_0*//'); do
        [ "${later:-0}" -le "$2" ] || rm -r "$1/checkpoints/$(printf 'step_%08d' "$later")"
    done
}

# --- A list of classes: its content counts, not its place ---

classes='"classnames": ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]'
sed 's|{"name": "fashion", "steps": 30,|{"name": "task", "steps": 5, "ordering": {"list": "order.json", "chunks": 5, "reversed": false},|
    s|fashion-train.tar"}|fashion-train.tar", '"$classes"'}|' "$recipe" >"$folder/recipes/ordered.json"
plain=$recipe
recipe=$folder/recipes/ordered.json
# list LETTER...: writes the list with the classes in this order
list() {
    printf '"fashion+++%s"\n' "$@" | paste -s -d , | sed 's/.*/[&]/' >"$folder/recipes/order.json"
}
list a b c d e f g h i j
ordered=$folder/ordered
train "$ordered" --set stages.0.steps=10 || bad "ordered: train failed"
cp -r "$ordered" "$folder/list"
back "$folder/list" 10
list j i h g f e d c b a
check "reversed list, dry" 4 'data changed; expected [0-9a-f]*, found ' \
    train "$folder/list" --set stages.0.steps=10 --dry-run
check "reversed list" 4 'data changed; expected [0-9a-f]*, found ' \
    train "$folder/list" --set stages.0.steps=10
list a b c d e f g h i j
cp "$folder/recipes/order.json" "$folder/moved.json"
rm "$folder/recipes/order.json"
check "no list" 3 'stage task-001.*order.json' train "$folder/list" --set stages.0.steps=10
check "list elsewhere" 0 '' train "$folder/list" --set stages.0.steps=10 \
    --set 'stages.1.ordering.list="../moved.json"'
same "list elsewhere" "$ordered" "$folder/list"
recipe=$plain

# --- The architecture file: how a text is read shows in no weight ---

cp -r "$ordered" "$folder/reading"
back "$folder/reading" 10
architecture=$folder/recipes/tiny-architecture.json
cp "$architecture" "$folder/clip.json"
for change in '"pool_type": "last"' '"pool_type": "last", "no_causal_mask": true'; do
    sed "s/\"text_cfg\": *{/&$change, /" "$folder/clip.json" >"$architecture"
    check "$change" 4 'base_weights changed; expected' train "$folder/reading" --set stages.0.steps=30 \
        --set stages.1.steps=30 --allow-change recipe --allow-change data
done
cp "$folder/clip.json" "$architecture"

# --- Other lengths of stages: steps that were made in one stage count for another ---

train "$folder/lengths" --set checkpoint.keep=100 || bad "lengths: train failed"
sed 's|{"name": "fashion", "steps": 30,|{"name": "between", "steps": 7, "sources": [{"name": "fashion", "shards": "../tests/fixtures/fashion-train.tar"}]},\
    &|' "$recipe" >"$folder/recipes/inserted.json"
# goes_on STEP STAGE COMPARED OPTION...: from the checkpoint of a step to the end; the checkpoint at
# the end says of which stages the counts can still be compared with the order
goes_on() {
    step=$1 case="from step $1: $(basename "$recipe") $4" compared=$2
    shift 2
    cp -r "$folder/lengths" "$folder/lengthened"
    back "$folder/lengthened" "$step"
    check "$case, not allowed" 4 'recipe changed: ' train "$folder/lengthened" "$@"
    check "$case" 0 '' train "$folder/lengthened" --allow-change recipe --allow-change data "$@"
    found=$(grep -o '"number": [0-9]*\|"changed": [a-z]*' \
        "$folder/lengthened/checkpoints/$(newest "$folder/lengthened")/ledger.json" |
        sed 's/.*: //' | paste -d ' ' - - | uniq | paste -s -d ,)
    [ "$found" = "$compared" ] && good || bad "$case: expected changed stages $compared, found $found"
    rm -r "$folder/lengthened"
}

goes_on 30 "0 false,1 true" --set stages.0.steps=20
goes_on 30 "0 false,1 true" --set stages.0.steps=25
goes_on 40 "0 false,1 true" --set stages.0.steps=25
goes_on 40 "0 true,1 true" --set stages.0.steps=50
recipe=$folder/recipes/inserted.json
goes_on 30 "0 false,1 false,2 false" --set stages.1.steps=8
goes_on 40 "0 false,1 false,2 true" --set stages.1.steps=8
goes_on 30 "0 false,2 true" --set stages.0.steps=20
recipe=$plain

# --- What is read of the samples is part of the recipe, where they are is not ---

check "label field" 4 'recipe changed: stages\[0\].sources\[0\].label_field; expected "", found "y"' \
    train "$folder/lengths" --set 'stages.0.sources.0.label_field="y"'
cp "$folder/tests/fixtures/emoji-train.tar" "$folder"
check "shards elsewhere" 0 '' \
    train "$folder/lengths" --set 'stages.0.sources.0.shards="../emoji-train.tar"'

report
