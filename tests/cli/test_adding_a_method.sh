# docs/adding_a_method.md is true: its blocks are a patch of exactly one file of the program, one line in
# plug_list.h, one test and one recipe. A copy with it builds, the new test passes, the new recipe
# trains.
. tests/checks.sh
page=docs/adding_a_method.md
sed -n '/^```diff$/,/^```$/{ /^```/d; p; }' "$page" >"$folder/page.patch"
git ls-files >"$folder/files" 2>/dev/null || { left_out "a git repository"; report; exit; }

# Lines added and taken away, and file, of each file.
git apply --numstat "$folder/page.patch" >"$folder/counts"
[ "$(wc -l <"$folder/counts")" = 4 ] && good || bad "expected 4 files: $(cat "$folder/counts")"
for file in '1	0	pipeline/continual/plug_list.h' '[0-9]*	0	pipeline/continual/[a-z]*/[a-z0-9_]*\.c' \
    '[0-9]*	0	tests/unit/test_[a-z0-9_]*\.c' '[0-9]*	0	recipes/methods/[a-z0-9_]*\.json'; do
    [ "$(grep -c "^$file\$" "$folder/counts")" = 1 ] && good || bad "expected $file: $(cat "$folder/counts")"
done

copy=$folder/copy
mkdir "$copy"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$copy"
cd "$copy" || exit 1
check "the patch" 0 '' git apply "$folder/page.patch"
word=$(sed -n 's|.*recipes/methods/\(.*\)\.json$|\1|p' "$folder/counts")
check "configure" 0 '' cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Debug -DSAPWOOD_WERROR=ON \
    -DSAPWOOD_VULKAN=OFF
check "build" 0 '' cmake --build build -j "$(nproc)" --target sapwood "test_$word"
check "the new test" 0 ' 0 failed' "build/tests/test_$word"
check "the new method is listed" 0 "^penalties: {\"type\": \"$word\"}" build/sapwood recipe methods
check "the new recipe" 0 '' build/sapwood train "recipes/methods/$word.json" --run "$folder/run" --quiet
check "its weights" 0 '' test -s "$folder/run/weights/model.safetensors"
report
