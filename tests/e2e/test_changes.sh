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

report
