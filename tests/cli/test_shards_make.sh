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

# --- Lists ---

cp -r "$folder/real" "$folder/pics"
ls "$folder/pics" | sed -n 's/\.png$//p' | head -n 4 >"$folder/stems"
set -- $(cat "$folder/stems")
# names SHARD: its members in one line
names() { tar tf "$1" | tr '\n' ' '; }

# open_clip's CSV: tabs, filepath and title, as pandas writes it
printf 'filepath\ttitle\npics/%s.png\t"a ""fine"" one"\npics/%s.png\tsecond, with a comma\n' $1 $2 >"$folder/oc.csv"
check "open_clip" 0 '^2 samples in 1 shard' "$sapwood" shards make "$folder/oc.csv" "$folder/oc.tar"
check "open_clip, members" 0 "^pics/$1.png pics/$1.txt pics/$2.png pics/$2.txt \$" names "$folder/oc.tar"
check "open_clip, read back" 0 "^pics/$1${tab}a \"fine\" one\$" read_back '"shards": "'"$folder/oc.tar"'"' 2
check "the picture" 0 '' sh -c 'tar xOf "$0" "pics/$2.png" | cmp - "$1"' "$folder/oc.tar" "$folder/pics/$1.png" $1
# commas, quotes around a line end, a mark of the byte order, Windows's line ends, further columns
printf '\357\273\277id,file_name,text,year,note\r\n7,%s.png,"two\nlines, one",1999,\r\n8,%s.png,plain,2001,x\r\n' $1 $2 \
    >"$folder/pics/win.csv"
check "commas" 0 '^2 samples' "$sapwood" shards make "$folder/pics/win.csv" "$folder/win.tar"
check "columns in the json" 0 '^{"id":8,"text":"plain","year":2001,"note":"x"}$' \
    sh -c 'tar xOf "$0" "$1.json" | tr -d " "; echo' "$folder/win.tar" $2
check "two lines, one caption" 0 "^$1${tab}two lines, one\$" read_back '"shards": "'"$folder/win.tar"'"' 2
check "field of the json" 0 "^$2${tab}x\$" sh -c 'printf "id,file,note\n1,%s.png,x\n2,%s.png,x\n" $2 $3 >"$1/pics/note.csv" &&
    "$0" shards make "$1/pics/note.csv" "$1/note.tar" >/dev/null && printf "%s\t%s\n" $3 "$(tar xOf "$1/note.tar" $3.json | sed "s/.*\"note\": *\"\(.*\)\".*/\1/")"' \
    "$sapwood" "$folder" $1 $2
# columns by option, several captions, a key
printf 'k;img;de;en\na1;%s.png;eins;one\na2;%s.png;;two\n' $1 $2 >"$folder/pics/de.csv"
check "no column" 3 'de.csv:1: no column of pictures; expected image, .* or file, found k, img, de, en; .*--picture-field' \
    "$sapwood" shards make "$folder/pics/de.csv" "$folder/de.tar"
check "no captions" 0 '^2 have no caption: of k, img, de, en none is caption, .*; choose one: --caption-field' \
    "$sapwood" shards make "$folder/pics/de.csv" "$folder/uncaptioned.tar" --picture-field img
check "columns" 0 '^1 have several captions' "$sapwood" shards make "$folder/pics/de.csv" "$folder/de.tar" \
    --picture-field img --caption-field de --caption-field en --key-field k
check "columns, members" 0 '^a1.png a1.txt a2.png a2.txt $' names "$folder/de.tar"
check "several captions" 0 '^eins;one$' sh -c 'tar xOf "$0" a1.txt | tr "\n" ";"; echo' "$folder/de.tar"
check "another separator" 3 'de.csv:1: no column of pictures; .*found k;img;de;en' \
    "$sapwood" shards make "$folder/pics/de.csv" "$folder/x.tar" --separator ,
check "no separator" 2 "separator: expected one character or tab, found 'ab'" \
    "$sapwood" shards make "$folder/pics/de.csv" "$folder/x.tar" --separator ab
# several rows of a picture: one sample, wherever they stand
printf 'image,caption\n%s.png,first\n%s.png,other\n%s.png,third\n' $1 $2 $1 >"$folder/pics/rows.csv"
check "rows of a picture" 0 '^1 row of a picture that has one already: its captions are with them' "$sapwood" shards make "$folder/pics/rows.csv" "$folder/rows.tar"
check "rows, members" 0 "^$1.png $1.txt $2.png $2.txt \$" names "$folder/rows.tar"
check "rows, drawn" 0 "^$1${tab}\(first\|third\)\$" read_back '"shards": "'"$folder/rows.tar"'", "captions": "lines"' 2
# keys of paths: dots, the same stem twice, from the root, out of the folder
mkdir "$folder/lists" "$folder/lists/v1.0"
picture 1 "$folder/lists/v1.0/a.b.png"
picture 2 "$folder/lists/v1.0/a_b.png"
printf 'path,title\nv1.0/a.b.png,x\n./v1.0/a_b.png,y\n%s/pics/%s.png,z\n../pics/%s.png,w\n' "$folder" $1 $2 >"$folder/lists/keys.csv"
check "made keys" 0 '^4 samples' "$sapwood" shards make "$folder/lists/keys.csv" "$folder/keys.tar"
check "made keys, members" 0 "^v1.0/a_b.png v1.0/a_b.txt v1.0/a_b-2.png v1.0/a_b-2.txt $1.png $1.txt $2.png $2.txt \$" \
    names "$folder/keys.tar"
check "all usable" 0 '4 usable, 0 not' "$sapwood" shards check "$folder/keys.tar"
check "option of lists" 2 'real: --caption-field is for lists, and this is none' \
    "$sapwood" shards make "$folder/real" "$folder/x.tar" --caption-field text
check "option of folders" 2 'keys.csv: --template is for folders without a list, and this is a list' \
    "$sapwood" shards make "$folder/lists/keys.csv" "$folder/x.tar" --template 'a {}'
# what is wrong with a list
printf 'image,caption\nnone.png,x\n%s.png,y\nno.png,z\n' $1 >"$folder/pics/holes.csv"
check "missing pictures" 3 'holes.csv:2: none.png: no such picture (2 of 3 are missing); .*--root DIR .*--skip-missing' \
    "$sapwood" shards make "$folder/pics/holes.csv" "$folder/holes.tar"
check "left out" 0 '^2 pictures left out, not there; the first: .*holes.csv:2: none.png$' \
    "$sapwood" shards make "$folder/pics/holes.csv" "$folder/holes.tar" --skip-missing
cp "$folder/pics/rows.csv" "$folder/lists/elsewhere.csv"
check "pictures elsewhere" 0 '^2 samples' "$sapwood" shards make "$folder/lists/elsewhere.csv" "$folder/elsewhere.tar" \
    --root "$folder/pics"
# wrong CONTENT PATTERN: a table of pics/ is refused so
wrong() {
    printf "$1" >"$folder/pics/wrong.csv"
    check "wrong: $1" 3 "wrong.csv:$2" "$sapwood" shards make "$folder/pics/wrong.csv" "$folder/wrong.tar"
}
wrong "image,caption\n$1.png,a,b\n" '2: expected 2 fields, found 3; a field with the separator in it stands in quotes'
wrong "image,caption\n$1.png,a\n$2.png,\"b\nand so on\n" '3: a quote that nothing ends'
wrong "image,caption\n$1.png,\"a\" b\n" '2: text behind a closing quote'
wrong "image,image\n$1.png,a\n" "1: two columns are called 'image'"
wrong "image,caption\n$1.png,caf\351\n" '2: not UTF-8; .*iconv'
wrong "image,caption\nhttps://h/1.png,a\n" '2: an address; .*img2dataset'
wrong "image,caption\n,a\n" "2: .*'image' is missing; found caption"
wrong "image,key\n$1.png,a.b\n" "2: key 'a.b': no dots"
printf 'image,caption\n%s.png,x\n' $1 | iconv -t utf-16 >"$folder/pics/wide.csv"
check "UTF-16" 3 'wide.csv: UTF-16; expected UTF-8; run: iconv -f utf-16' \
    "$sapwood" shards make "$folder/pics/wide.csv" "$folder/wide.tar"
touch "$folder/list.parquet" "$folder/list.json"
check "parquet" 2 'parquet is not read; .*pandas.read_parquet' "$sapwood" shards make "$folder/list.parquet" "$folder/x.tar"
check "JSON" 2 'expected an object per line.*jq -c' "$sapwood" shards make "$folder/list.json" "$folder/x.tar"

# Hugging Face's metadata.jsonl, in the folder of the pictures and named itself
mkdir "$folder/hf"
cp "$folder/pics/$1.png" "$folder/pics/$2.png" "$folder/pics/$3.png" "$folder/hf"
printf '{"file_name": "%s.png", "text": "first", "label": 3}\n{"file_name": "%s.png", "text": ["a", "b\\nc"]}\n\n{"file_name": "%s.png", "text": null}\n' \
    $1 $2 $3 >"$folder/hf/metadata.jsonl"
check "metadata.jsonl" 0 '^3 samples' "$sapwood" shards make "$folder/hf" "$folder/hf.tar"
check "the same by its list" 0 '' sh -c '"$0" shards make "$1/hf/metadata.jsonl" "$1/hf2.tar" && cmp "$1/hf.tar" "$1/hf2.tar"' \
    "$sapwood" "$folder"
check "metadata, members" 0 "^$1.json $1.png $1.txt $2.json $2.png $2.txt $3.json $3.png \$" names "$folder/hf.tar"
check "list of captions" 0 '^a;b c$' sh -c 'tar xOf "$0" $1.txt | tr "\n" ";"; echo' "$folder/hf.tar" $2
check "read back by the field" 0 "^$1${tab}first\$" read_back '"shards": "'"$folder/hf.tar"'", "caption_field": "text"' 2
check "another field" 0 '^3 samples' "$sapwood" shards make "$folder/hf" "$folder/hf3.tar" --caption-field label
check "another field, read back" 0 '^3$' sh -c 'tar xOf "$0" $1.txt; echo' "$folder/hf3.tar" $1
printf '{"file_name": "%s.png", "text": "x"}\n{"text": "y"}\n' $1 >"$folder/hf/metadata.jsonl"
check "row without a picture" 3 "metadata.jsonl:2: .*'file_name' is missing; found text" \
    "$sapwood" shards make "$folder/hf" "$folder/hf4.tar"
mkdir "$folder/hub" && mv "$folder/hf" "$folder/hub/train"
check "list of a part" 2 'hub/train/metadata.jsonl: the list of a part .*shards make .*/hub/train ' \
    "$sapwood" shards make "$folder/hub" "$folder/hub.tar"

# --- Archives: what comes out is the same as from the folder ---

mkdir "$folder/plain" && cp "$folder/real"/* "$folder/plain"
"$sapwood" shards make "$folder/plain" "$folder/plain.tar" >"$folder/said"
(cd "$folder/plain" && tar cf ../unsorted.tar $(ls *.txt) $(ls -r | grep -v "txt$") && tar cf ../dotted.tar .)
check "unsorted" 3 'not sorted by name; sort it: sapwood shards make SHARD.tar SHARDS' "$sapwood" shards check "$folder/unsorted.tar"
for kind in unsorted.tar dotted.tar gzip bzip2 xz zstd zip; do
    case $kind in
    *.tar) archive=$folder/$kind ;;
    zip)
        archive=$folder/in.zip
        /usr/bin/python3 -m zipfile -c "$archive" "$folder"/plain/* || left_out zip
        ;;
    *)
        command -v $kind >"$folder/said" || { left_out $kind && continue; }
        archive=$folder/in.$kind # the name does not matter
        $kind -c "$folder/unsorted.tar" >"$archive"
        ;;
    esac
    check "$kind" 0 '^[0-9]* samples in 1 shard' "$sapwood" shards make "$archive" "$folder/of-$kind.tar"
    check "$kind: the same" 0 '' cmp "$folder/plain.tar" "$folder/of-$kind.tar"
done
check "nothing is left" 1 '' sh -c 'ls -A "$0" | grep unpacked' "$folder"
check "several" 0 '^[0-9]* samples in 1 shard' "$sapwood" shards make "$folder/unsorted.tar" "$folder/dotted.tar" "$folder/twice.tar"
check "several: usable" 0 ' 0 not' "$sapwood" shards check "$folder/twice.tar"
# classes and lists in archives
tar czf "$folder/animals.tar.gz" -C "$folder/animals/train" .
check "classes of an archive" 0 '^3 classes' "$sapwood" shards make "$folder/animals.tar.gz" "$folder/of-archive"
check "the same classes" 0 '' cmp "$folder/of-archive/000000.tar" "$folder/shards/train-000.tar"
printf 'file_name,text\npics/1.png,one\n./pics/2.png,two\n' >"$folder/metadata.csv"
mkdir "$folder/boxed" "$folder/boxed/pics"
mv "$folder/metadata.csv" "$folder/boxed"
picture 1 "$folder/boxed/pics/1.png"
picture 2 "$folder/boxed/pics/2.png"
(cd "$folder/boxed" && /usr/bin/python3 -m zipfile -c ../boxed.zip metadata.csv pics)
check "list in a zip" 0 '^2 samples' "$sapwood" shards make "$folder/boxed.zip" "$folder/of-boxed.tar"
check "the same list" 0 '' sh -c '"$0" shards make "$1/boxed" "$1/of-box.tar" && cmp "$1/of-box.tar" "$1/of-boxed.tar"' "$sapwood" "$folder"
# links are followed in the archive, a later file takes the place of an earlier one
mkdir "$folder/linked" "$folder/linked/a" "$folder/linked/b"
picture 1 "$folder/linked/a/1.png"
ln -s ../a/1.png "$folder/linked/b/2.png"
ln "$folder/linked/a/1.png" "$folder/linked/b/3.png"
ln -s ../../plain/x.png "$folder/linked/b/4.png"
echo old >"$folder/linked/a/1.txt"
tar cf "$folder/linked.tar" -C "$folder/linked" a b
echo new >"$folder/linked/a/1.txt"
tar rf "$folder/linked.tar" -C "$folder/linked" a/1.txt
for packed in "$folder/linked.tar" "$folder/linked.tar.gz"; do
    [ -e "$packed" ] || gzip -k "$folder/linked.tar"
    check "links of $packed" 0 '^1 link left out, .*; the first: b/4.png$' \
        "$sapwood" shards make "$packed" "$folder/out-$(basename "$packed").tar" --classes none
    check "links, members" 0 '^a/1.png a/1.txt b/2.png b/3.png $' names "$folder/out-$(basename "$packed").tar"
    check "the later file" 0 '^new$' tar xOf "$folder/out-$(basename "$packed").tar" a/1.txt
done
check "linked picture" 0 '' sh -c 'tar xOf "$0" b/2.png | cmp - "$1"' "$folder/out-linked.tar.tar" "$folder/linked/a/1.png"
# what is wrong with an archive
head -c 3000 "$folder/animals.tar.gz" >"$folder/cut.tar.gz"
check "cut archive" 3 'cut.tar.gz: damaged, cut short .*get or make this archive again' \
    "$sapwood" shards make "$folder/cut.tar.gz" "$folder/cut.tar"
head -c 3000 "$folder/unsorted.tar" >"$folder/short.tar"
check "cut tar" 3 'short.tar: damaged or cut short' "$sapwood" shards make "$folder/short.tar" "$folder/cut.tar"
printf '<!DOCTYPE html><html></html>' >"$folder/page.tar.gz"
check "page" 3 'page.tar.gz: an HTML page' "$sapwood" shards make "$folder/page.tar.gz" "$folder/cut.tar"
check "a picture" 2 'cannot make shards from it; expected a folder, .*a tar, also a compressed one, or a zip' \
    "$sapwood" shards make "$folder/plain/$1.png" "$folder/cut.tar"
tar cPf "$folder/slip.tar" --transform 's|^|../|' -C "$folder/plain" $1.png 2>"$folder/said"
check "path out of the archive" 3 'slip.tar: ../.*: a path that leads out' "$sapwood" shards make "$folder/slip.tar" "$folder/cut.tar"
mkdir "$folder/archives" && cp "$folder/animals.tar.gz" "$folder/archives"
check "folder of archives" 3 'archives: no sample, but 1 archives; name these: sapwood shards make .*/archives/\*' \
    "$sapwood" shards make "$folder/archives" "$folder/cut.tar"
[ ! -e "$folder/cut.tar" ] && good || bad "a failure left its shard"

# --- Pictures that are not read, and those of BMP ---

mkdir "$folder/odd"
for name in b.GIF c.tif d.heic e.avif f.gif; do
    echo "the bytes do not matter here" >"$folder/odd/$name"
    echo "a caption" >"$folder/odd/${name%.*}.txt"
done
cp tests/fixtures/images/color.bmp "$folder/odd/a.BMP"
echo "a bitmap" >"$folder/odd/a.txt"
make_odd() { "$sapwood" shards make "$folder/odd" "$@"; }
check "BMP" 0 '^1 sample in' make_odd "$folder/odd1.tar"
check "GIF" 0 "^2 left out, the first is b: GIF, which is not read, .*: convert 'A.gif\[0\]' A.png\$" make_odd "$folder/odd2.tar"
check "TIFF" 0 '^1 left out, the first is c: TIFF, .*: convert A.tif A.png$' make_odd "$folder/odd3.tar"
check "HEIC" 0 '^1 left out, the first is d: HEIC, .*: heif-convert A.heic A.jpg$' make_odd "$folder/odd4.tar"
check "AVIF" 0 '^1 left out, the first is e: AVIF, .*: heif-convert A.avif A.png$' make_odd "$folder/odd5.tar"
check "BMP, member" 0 '^a.bmp a.txt $' names "$folder/odd1.tar"
check "BMP, usable" 0 '1 usable, 0 not' "$sapwood" shards check "$folder/odd1.tar"
check "BMP, trained" 0 "^a${tab}a bitmap\$" read_back '"shards": "'"$folder/odd1.tar"'"' 1
(cd "$folder/odd" && tar --sort=name -cf ../odd.tar .)
check "in a tar" 3 '^2 x gif: GIF, which is not read.*; the first: odd.tar: ./b; ' "$sapwood" shards check "$folder/odd.tar"
check "in a tar, BMP" 3 '1 usable, 5 not' "$sapwood" shards check "$folder/odd.tar"
(cd "$folder/odd" && tar --sort=name -cf ../gifs.tar ./f.gif ./f.txt)
check "nothing else" 3 'no sample has a picture .*found members gif txt (GIF, .*convert' "$sapwood" shards check "$folder/gifs.tar"
check "nothing else, in training" 0 'no sample has a picture.*found gif txt (GIF, .*convert' \
    read_back '"shards": "'"$folder/gifs.tar"'"' 1
printf 'GIF89a.....................' >"$folder/odd/a.png"
rm "$folder/odd/a.BMP"
make_odd "$folder/disguised.tar" >"$folder/said"
check "under another name" 3 '^1 x png: image: GIF, which is not read' "$sapwood" shards check "$folder/disguised.tar"

report
