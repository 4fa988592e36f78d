#!/bin/sh
# The schema file for editors is the one the program prints; every shipped recipe is well-formed;
# what `explain` prints is a recipe that explains itself in the same words.
# Usage: test_recipe.sh SAPWOOD
set -u
sapwood=$1
passed=0 failed=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

check() { # TEXT COMMAND...
    text=$1
    shift
    if "$@" >"$folder/out" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "failed: $text"
        head -5 "$folder/out"
    fi
}

"$sapwood" recipe schema >"$folder/schema.json"
check "recipes/recipe.schema.json is what 'sapwood recipe schema' prints" \
    cmp recipes/recipe.schema.json "$folder/schema.json"
for recipe in recipes/tiny.json data/demo/base.json data/demo/plain.json data/demo/kept.json; do
    check "$recipe is well-formed" "$sapwood" recipe check "$recipe"
done

# The resolved recipe ends where the plan begins: at the first empty line.
explain() {
    "$sapwood" recipe explain "$1" --set "data.cache=$folder/cache" >"$folder/explained" || return 1
    sed '/^$/,$d' "$folder/explained" >"$2"
}
explain recipes/tiny.json "$folder/first.json"
explain "$folder/first.json" "$folder/second.json"
check "a resolved recipe resolves to itself" cmp "$folder/first.json" "$folder/second.json"
check "explain names the memory" grep -q '^memory .* MiB planned' "$folder/explained"
check "explain names what is trained" grep -q '^parameters .* trained' "$folder/explained"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
