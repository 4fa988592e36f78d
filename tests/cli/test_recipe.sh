# The schema file for editors is the one the program prints; every shipped recipe is well-formed;
# what `explain` prints is a recipe that explains itself in the same words.
. tests/checks.sh

# holds WHAT COMMAND...
holds() {
    what=$1
    shift
    check "$what" 0 '' "$@"
}

"$sapwood" recipe schema >"$folder/schema.json"
holds "recipes/recipe.schema.json is what 'sapwood recipe schema' prints" \
    cmp recipes/recipe.schema.json "$folder/schema.json"
for recipe in recipes/tiny.json data/demo/base.json data/demo/plain.json data/demo/kept.json; do
    holds "$recipe is well-formed" "$sapwood" recipe check "$recipe"
done

# The resolved recipe ends where the plan begins: at the first empty line.
explain() {
    "$sapwood" recipe explain "$1" --set "data.cache=$folder/cache" >"$folder/explained" || return 1
    sed '/^$/,$d' "$folder/explained" >"$2"
}
explain recipes/tiny.json "$folder/first.json"
explain "$folder/first.json" "$folder/second.json"
holds "a resolved recipe resolves to itself" cmp "$folder/first.json" "$folder/second.json"
holds "explain names the memory" grep -q '^memory .* MiB planned' "$folder/explained"
holds "explain names what is trained" grep -q '^parameters .* trained' "$folder/explained"

report
