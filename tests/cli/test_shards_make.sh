# sapwood shards make of the layouts that people have, with real pictures; what came out is read back
# as a recipe would read it.
. tests/checks.sh

mkdir "$folder/recipes" "$folder/real"
cp recipes/tiny-architecture.json tests/fixtures/vocabulary.txt "$folder/recipes"
tar xf tests/fixtures/emoji-train.tar -C "$folder/real"
tar xf tests/fixtures/openclipart-train.tar -C "$folder/real"
# picture N FILE: the N-th real picture becomes FILE
picture() { cp "$(ls "$folder"/real/*.png | sed -n "$1p")" "$2"; }

# read_back SOURCE BATCH: key and caption of the first steps of a run over a source (fields of JSON)
read_back() {
    printf '{"name": "t", "device": "cpu",
        "model": {"architecture": "tiny-architecture.json", "vocabulary": "vocabulary.txt", "train": "all"},
        "data": {"update": {"batch_size": %d, "sources": [{"name": "s", %s}]}},
        "losses": [{"type": "clip"}], "stages": [{"name": "s", "steps": 2}]}\n' "$2" "$1" \
        >"$folder/recipes/read.json"
    "$sapwood" train "$folder/recipes/read.json" --run "$folder/read-run" --quiet >"$folder/read-said" 2>&1 ||
        cat "$folder/read-said"
    rm -rf "$folder/read-run"
    "$sapwood" shards ls "$folder/recipes/read.json" --steps 1..2 2>&1 | tail -n +2 | cut -f 7,9 | sort -u
}
tab=$(printf '\t')

# --- A folder per class ---

for class in great_owl cat "Zebra fish"; do mkdir -p "$folder/animals/train/$class" "$folder/animals/val/$class"; done
for i in 1 2 3; do
    picture $i "$folder/animals/train/great_owl/$i.png"
    picture $((3 + i)) "$folder/animals/train/cat/$i.v2.png"
done
picture 7 "$folder/animals/train/Zebra fish/IMG 1.png"
picture 8 "$folder/animals/val/great_owl/9.png"
rmdir "$folder/animals/val/cat" "$folder/animals/val/Zebra fish"
make_train() { "$sapwood" shards make "$folder/animals/train" "$folder/shards/train-%03d.tar" "$@"; }
check "parts" 2 'animals: train is a part of the data, not a class; .*shards make .*/animals/train ' \
    "$sapwood" shards make "$folder/animals" "$folder/shards/all-%03d.tar"
check "parts with another wish" 0 '^8 samples' "$sapwood" shards make "$folder/animals" "$folder/all.tar" --classes none
check "no class was made" 1 '' sh -c 'tar tf "$0" | grep cls' "$folder/all.tar"
check "classes" 0 '^3 classes by their folders, named in .*/shards/classnames.txt$' make_train
check "their order" 0 '^Zebra fish cat great owl $' sh -c 'tr "\n" " " <"$0"; echo' "$folder/shards/classnames.txt"
check "their numbers" 0 '^Zebra fish/IMG 1:0 cat/1_v2:1 cat/2_v2:1 cat/3_v2:1 great_owl/1:2 great_owl/2:2 great_owl/3:2 $' \
    sh -c 'tar tf "$0" | grep cls | while read -r m; do printf "%s:%s " "${m%.cls}" "$(tar xOf "$0" "$m")"; done; echo' \
    "$folder/shards/train-000.tar"
check "checked" 0 '7 usable, 0 not' "$sapwood" shards check "$folder/shards/train-000.tar"
check "read back" 0 "^great_owl/1${tab}a photo of a great owl\.$" \
    read_back '"shards": "'"$folder/shards/train-000.tar"'", "templates": ["a photo of a {}."]' 7
# Other shards in the folder have the same numbers, though they lack two of the classes.
check "the numbers of before" 0 '^1 sample' "$sapwood" shards make "$folder/animals/val" "$folder/shards/val-%03d.tar" \
    --classes folders
check "number of before" 0 '^2$' sh -c 'tar xOf "$0" great_owl/9.cls; echo' "$folder/shards/val-000.tar"
check "numbers of a file" 0 '^1 sample' "$sapwood" shards make "$folder/animals/val" "$folder/val" \
    --classnames "$folder/shards/classnames.txt"
check "number of the file" 0 '^2$' sh -c 'tar xOf "$0" great_owl/9.cls; echo' "$folder/val/000000.tar"
check "names of the file" 0 '' cmp "$folder/val/classnames.txt" "$folder/shards/classnames.txt"
printf 'cat\n' >"$folder/names.txt"
check "a class too much" 3 "names.txt: no class 'great_owl'; .*add it at the end" \
    "$sapwood" shards make "$folder/animals/val" "$folder/val2" --classnames "$folder/names.txt"
printf 'great owl\ncat\nZebra fish\n' >"$folder/names.txt"
check "another order" 2 'shards/classnames.txt: other classes than in .*names.txt' \
    "$sapwood" shards make "$folder/animals/val" "$folder/shards/other-%03d.tar" --classnames "$folder/names.txt"
check "captions of classes" 0 '^7 samples' "$sapwood" shards make "$folder/animals/train" "$folder/captioned" \
    --template 'a photo of a {}.' --template 'a {} outside'
check "caption" 0 '^a photo of a cat\.;a cat outside$' sh -c 'tar xOf "$0" cat/1_v2.txt | tr "\n" ";"; echo' \
    "$folder/captioned/000000.tar"
check "template without a place" 2 'no place for the class name' \
    "$sapwood" shards make "$folder/animals/train" "$folder/none.tar" --template 'a photo'
# With captions of their own, or pictures beside them, folders are no classes.
cp -r "$folder/animals/train" "$folder/mixed"
picture 9 "$folder/mixed/9.png"
check "no classes" 0 '^8 have no caption' "$sapwood" shards make "$folder/mixed" "$folder/mixed.tar"
check "must be classes" 3 'mixed: 9.png is in no folder; expected a folder for each class' \
    "$sapwood" shards make "$folder/mixed" "$folder/mixed2.tar" --classes folders
rm "$folder/mixed/9.png"
echo "a cat" >"$folder/mixed/cat/1.v2.txt"
check "captions are there" 0 '^6 have no caption' "$sapwood" shards make "$folder/mixed" "$folder/mixed3.tar"
check "several sources" 2 'mixed: its folders are classes, .*--classnames FILE' \
    sh -c 'rm "$1/mixed/cat/1.v2.txt"; "$0" shards make "$1/mixed" "$1/real" "$1/mixed4.tar"' "$sapwood" "$folder"
[ ! -e "$folder/mixed4.tar" ] && [ ! -e "$folder/classnames.txt" ] && good || bad "something is left of a failure"

report
