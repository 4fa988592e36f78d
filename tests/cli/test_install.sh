# `cmake --install` into a prefix: the binary, the recipes with what they name, the documents and the
# licence, each as it is in the source; the installed binary checks and trains the installed recipe.
. tests/checks.sh
build=$(dirname "$sapwood")
[ -e "$build/cmake_install.cmake" ] || bad "$build: not a build folder"
prefix=$folder/prefix
check "install" 0 '' cmake --install "$build" --prefix "$prefix"

# lacks PREFIX: which files are not there, differ from their source, or should not be there
lacks() {
    (cd "$1" && find . -type f | sed 's|^\./||' | sort) >"$folder/found"
    {
        echo bin/sapwood
        for file in README.md LICENSE docs/*; do echo "share/doc/sapwood/$file"; done
        for file in recipes/*.json recipes/methods/*.json tests/fixtures/*.tar tests/fixtures/vocabulary.txt \
            tests/fixtures/README.md tests/fixtures/LICENSES; do
            echo "share/sapwood/$file"
        done
    } | sort >"$folder/expected"
    diff "$folder/expected" "$folder/found"
    sed -n 's|^share/doc/sapwood/||p; s|^share/sapwood/||p' "$folder/expected" | while read -r file; do
        for place in "$1/share/doc/sapwood/$file" "$1/share/sapwood/$file"; do
            [ ! -e "$place" ] || cmp "$file" "$place"
        done
    done
}
found=$(lacks "$prefix")
[ -z "$found" ] && good || bad "the installed files: $found"
for file in recipes/recipe.schema.json recipes/tiny.json LICENSE docs/sapwood.sbatch docs/sapwood@.service \
    docs/long_runs.md; do
    grep -qx "share/.*/$file" "$folder/expected" && good || bad "$file is not in the source tree"
done

recipe=$prefix/share/sapwood/recipes/tiny.json
cd "$folder" || exit 1 # so that nothing of the source tree is found
check "recipe check" 0 '' "$prefix/bin/sapwood" recipe check "$recipe"
check "train" 0 '' "$prefix/bin/sapwood" train "$recipe" --run "$folder/run" --quiet \
    --set stages.0.steps=2 --set stages.1.steps=2
check "weights" 0 '' test -s "$folder/run/weights/adapters.safetensors"

# Taken away or changed, each is missed.
cd "$OLDPWD" || exit 1
rm -f "$prefix"/share/sapwood/tests/fixtures/*.index # the run made these
[ -z "$(lacks "$prefix")" ] && good || bad "the run left: $(lacks "$prefix")"
rm "$prefix/share/sapwood/recipes/recipe.schema.json"
[ "$(lacks "$prefix")" ] && good || bad "a missing schema was not noticed"
report
