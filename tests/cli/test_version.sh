# The program says which one it is, and a run or a file of features that another one began is not gone
# on with: another optimiser under the same release number would change its numbers silently.
. tests/e2e/tiny.sh

digest() { cmake -DROOT="$1" -P pipeline/base/version.cmake 2>/dev/null | sed 's/^-- //'; }

check "version" 0 '^sapwood [0-9][0-9.]*$' "$sapwood" --version
sources=$(digest "$PWD")
check "code" 0 "^code $sources [A-Za-z]* [0-9.]* flags [0-9a-f]*\$" "$sapwood" --version
full="$(printf '%s\n' "$output" | paste -s -d ' ' | sed 's/^sapwood //')"

# --- What the digest is of ---

cp -r --parents data/*.[ch] data/shards data/images data/texts data/stream models pipeline shaders/params "$folder"
[ "$(digest "$folder")" = "$sources" ] && good || bad "elsewhere: expected $sources, found $(digest "$folder")"
# changed WHAT FILE: another digest after a change of the file
changed() {
    cp "$folder/$2" "$folder/kept"
    sed -i '1s/$/ /' "$folder/$2"
    other=$(digest "$folder")
    cp "$folder/kept" "$folder/$2"
    [ -n "$other" ] && [ "$other" != "$sources" ] && good || bad "$1 changed, and the digest is $other"
}
changed "an operation" models/ops/adamw.c
changed "the model" models/clip/model.c
changed "the device" models/vk/vk_backend.c
changed "an architecture" "$(cd "$folder" && ls models/clip/configs/*.json | head -n 1)"
changed "a loss" pipeline/continual/losses/zscl.c
changed "the step" pipeline/train/trainer.c
changed "embedding" pipeline/features/embed.c
changed "random numbers" pipeline/base/random.h
changed "decoding" data/images/image.c
touch "$folder/models/ops/adamw.c"
echo "/* */" >>"$folder/pipeline/cli/main.c"
[ "$(digest "$folder")" = "$sources" ] && good || bad "a touch and the command line changed the digest"

# --- What it is for ---

short="--set stages.0.steps=2 --set stages.1.steps=2 --set evaluation.sets=[] --quiet"
"$sapwood" train "$recipe" --run "$folder/run" $short --set checkpoint.every=2 || bad "train"
last=$folder/run/checkpoints/step_00000004
grep -q "\"version\": \"$full\"" "$last/MANIFEST.json" && good || bad "no version: $(cat "$last/MANIFEST.json")"
grep -q "$sources" "$sapwood" && good || bad "the program has no such digest"
# The same program but for its digest, as another optimiser would have it.
LC_ALL=C sed "s/$sources/0123456789abcdef/g" "$sapwood" >"$folder/other"
chmod +x "$folder/other"
check "other" 0 '^code 0123456789abcdef ' "$folder/other" --version
check "other goes on" 4 "version changed; expected $full, found .* code 0123456789abcdef .* --allow-change version" \
    "$folder/other" train "$recipe" --run "$folder/run" $short
check "other, allowed" 0 '' "$folder/other" train "$recipe" --run "$folder/run" $short --allow-change version
check "show" 0 "^version  *$full" "$sapwood" run show "$folder/run"
report
