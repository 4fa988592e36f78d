# sapwood shards: make, index, check and ls as a user types them, and what goes wrong first.
. tests/checks.sh

# 1 x 1 pictures: PNG written by hand.
png() {
    printf '\211PNG\r\n\032\n\000\000\000\rIHDR\000\000\000\001\000\000\000\001\010\002\000\000\000'
    printf '\220wS\336\000\000\000\014IDATx\234c\370\317\300\000\000\003\001\001\000\311\376\222\357'
    printf '\000\000\000\000IEND\256B`\202'
}
mkdir -p "$folder/in/deep"
for i in 1 2 3 4 5; do
    png >"$folder/in/$i.png"
    echo "caption $i" >"$folder/in/$i.txt"
done
png >"$folder/in/deep/6.png"
echo '{"y": "six"}' >"$folder/in/deep/6.json"
echo "no picture" >"$folder/in/7.txt"
echo "notes" >"$folder/in/README"

# make
check "make" 0 '^6 samples in 2 shards' "$sapwood" shards make "$folder/in" "$folder/out/s-%03d.tar" --max-count 4
check "names in the shard" 0 '^1.png 1.txt 2.png 2.txt 3.png 3.txt 4.png 4.txt $' \
    sh -c 'tar tf "$0" | tr "\n" " "; echo' "$folder/out/s-000.tar"
check "mode and owner" 0 '^-r--r--r-- bigdata/bigdata .*1970.* 1.png$' \
    env TZ=UTC tar tvf "$folder/out/s-000.tar"
check "content" 0 'caption 2' tar xOf "$folder/out/s-000.tar" 2.txt
check "what was left out" 0 '^1 left out: no picture' "$sapwood" shards make "$folder/in" "$folder/again"
check "without captions" 0 '^1 have no caption' "$sapwood" shards make "$folder/in" "$folder/third"
check "the same bytes" 0 '' cmp "$folder/again/000000.tar" "$folder/third/000000.tar"
check "no overwriting" 2 'exists already' "$sapwood" shards make "$folder/in" "$folder/again"
check "one tar" 0 '^6 samples in 1 shard from .*/one.tar$' "$sapwood" shards make "$folder/in" "$folder/one.tar" --max-count 2
check "the same content" 0 '' cmp "$folder/one.tar" "$folder/again/000000.tar"
check "one tar that is there" 2 'one.tar: exists already' "$sapwood" shards make "$folder/in" "$folder/one.tar"
check "pattern" 2 'not a pattern' "$sapwood" shards make "$folder/in" "$folder/s-%s.tar"
check "nothing there" 3 'nothing: not there; expected a folder, a list or an archive' "$sapwood" shards make "$folder/nothing" "$folder/x"
mkdir "$folder/empty"
check "empty folder" 3 'no sample' "$sapwood" shards make "$folder/empty" "$folder/x"

printf 'a\tin/1.png\tfirst\tsecond\nb\tin/2.png\n' >"$folder/list.tsv"
check "tsv" 0 '^2 samples in 1 shard from' "$sapwood" shards make "$folder/list.tsv" "$folder/tsv"
check "two captions" 0 '^first second $' sh -c 'tar xOf "$0" a.txt | tr "\n" " "; echo " "' "$folder/tsv/000000.tar"
printf 'a\tin/1.png\nno picture here\n' >"$folder/bad.tsv"
check "bad line" 3 'bad.tsv:2: expected key' "$sapwood" shards make "$folder/bad.tsv" "$folder/x1"
printf 'a.b\tin/1.png\n' >"$folder/dot.tsv"
check "dot in a key" 3 'dot.tsv:1: .*no dots' "$sapwood" shards make "$folder/dot.tsv" "$folder/x2"
printf 'a\tin/none.png\tx\n' >"$folder/none.tsv"
for key in ../../etc/cron.d/x /abs/key a/../b a//b . ./a; do
    printf '%s\t%s\t%s\n' "$key" "$folder/in/1.png" text >"$folder/slip.tsv"
    check "key $key" 3 "slip.tsv:1: key '$key': no path inside a shard" \
        "$sapwood" shards make "$folder/slip.tsv" "$folder/x2"
done
# Several sources, each with a name of its own in the keys
mkdir "$folder/cats" "$folder/dogs" "$folder/old"
for i in 1 2; do
    png >"$folder/cats/$i.png"
    png >"$folder/dogs/$i.png"
done
check "several folders" 0 '^4 samples in 1 shard' "$sapwood" shards make "$folder/cats" "$folder/dogs/" "$folder/pets"
check "their keys" 0 '^cats/1.png cats/2.png dogs/1.png dogs/2.png $' sh -c 'tar tf "$0" | tr "\n" " "; echo' \
    "$folder/pets/000000.tar"
check "folder and list" 0 '^4 samples' "$sapwood" shards make "$folder/cats" "$folder/list.tsv" "$folder/mixed.tar"
check "their keys" 0 '^list/a.png$' tar tf "$folder/mixed.tar"
cp -r "$folder/cats" "$folder/old"
check "of one name" 2 '/cats and .*/old/cats: keys of both would begin with cats/' \
    "$sapwood" shards make "$folder/cats" "$folder/old/cats" "$folder/both.tar"
check "of no name" 2 '^sapwood: \.: has no name' "$sapwood" shards make . "$folder/cats" "$folder/both.tar"
check "no target" 2 'TO is missing' "$sapwood" shards make "$folder/cats"
# Links lead out of the folder, in a circle, to another folder, or to a file beside them.
mkdir -p "$folder/links/below" "$folder/linked"
cp "$folder/in/1.png" "$folder/links/1.png"
echo text >"$folder/links/1.txt"
echo secret >"$folder/secret.txt"
ln -s ../secret.txt "$folder/links/2.txt"
ln -s 1.png "$folder/links/2.png"
ln -s / "$folder/links/root"
ln -s .. "$folder/links/below/up"
check "links" 0 '^3 links left out, .*; the first: 2.txt' "$sapwood" shards make "$folder/links" "$folder/linked"
check "linked file in the folder" 0 '^2.png$' tar -tf "$folder/linked/000000.tar"
tar -xOf "$folder/linked/000000.tar" | grep -q secret && bad "a secret was packed" || good
# What a key has for the terminal is written out.
mkdir "$folder/steer"
name=$(printf 'x\033]0;owned\007\nfaked')
cp "$folder/in/1.png" "$folder/steer/$name.png"
tar -cf "$folder/steer.tar" -C "$folder/steer" .
check "escapes in a key" 0 'x\\x1B\]0;owned\\x07\\nfaked' "$sapwood" shards ls "$folder/steer.tar" --keys 3
head -c 700 "$folder/steer.tar" >"$folder/steered.tar"
"$sapwood" shards check "$folder/steered.tar" 2>&1 | grep -q "$(printf '\033')" && bad "an escape is printed" || good
check "missing picture" 3 'none.tsv:1: .*none.png' "$sapwood" shards make "$folder/none.tsv" "$folder/x3"
printf '%s\n' '{"key": "k", "image": "in/3.png", "captions": ["p", "q"], "y": 4}' >"$folder/list.jsonl"
printf '%s\n' '{"key": 3,' >"$folder/broken.jsonl"
check "jsonl that is cut" 3 'broken.jsonl:1: JSON:1:1[0-9]: not JSON' "$sapwood" shards make "$folder/broken.jsonl" \
    "$folder/nothing"
check "jsonl" 0 '^1 sample in 1 shard from' "$sapwood" shards make "$folder/list.jsonl" "$folder/jsonl"
check "json member" 0 '^{"key":"k","captions":\["p","q"\],"y":4}$' \
    sh -c 'tar xOf "$0" k.json | tr -d " "; echo' "$folder/jsonl/000000.tar"

# stems with dots: a key ends at the first one
mkdir "$folder/dots"
for name in IMG.1 IMG.2 v1.0 v1.0.r b b.3; do
    png >"$folder/dots/$name.png"
    echo "caption of $name" >"$folder/dots/$name.txt"
done
png >"$folder/dots/b.seg.png"
check "dots in stems" 0 '^5 have a key with _ for the dots' "$sapwood" shards make "$folder/dots" "$folder/dotted"
check "their keys" 0 '^IMG_1.png IMG_1.txt IMG_2.png IMG_2.txt b.png b.seg.png b.txt b_3.png b_3.txt v1_0.png v1_0.txt v1_0_r.png v1_0_r.txt $' \
    sh -c 'tar tf "$0" | tr "\n" " "; echo' "$folder/dotted/000000.tar"
check "all usable" 0 '6 usable, 0 not' "$sapwood" shards check "$folder/dotted"
png >"$folder/dots/IMG_1.png"
check "one key for two" 3 'IMG.1.txt and IMG_1.png: both would be sample IMG_1' "$sapwood" shards make "$folder/dots" "$folder/both"
rm "$folder/dots/IMG_1.png"
png >"$folder/dots/b.PNG"
check "two of one kind" 3 'b: two files with extension png; remove one' "$sapwood" shards make "$folder/dots" "$folder/both"
check "first left out" 0 'bmp); the first: 7$' "$sapwood" shards make "$folder/in" "$folder/named"

# twice the same key, and failures and signals that leave nothing
printf 'a\tin/1.png\tx\nb\tin/2.png\ty\na\tin/3.png\tz\n' >"$folder/twice.tsv"
check "key twice" 3 "twice.tsv:3: key 'a' is in line 1 already" \
    "$sapwood" shards make "$folder/twice.tsv" "$folder/late" --max-count 1
check "nothing is left" 1 '' test -e "$folder/late"
mkdir "$folder/late"
cp "$folder/again/000000.tar" "$folder/late/000001.tar"
check "which place" 2 '^sapwood: .*late/000001.tar: exists already' \
    "$sapwood" shards make "$folder/list.tsv" "$folder/late" --max-count 1
check "what was there stays" 0 '^000001.tar$' ls -A "$folder/late"
mkdir "$folder/slow"
# In the foreground: else timeout sends the signal twice, and the second one ends at once.
seq 200000 | sed 's/.*/k&\tin\/1.png\tcaption/' >"$folder/long.tsv"
for signal in INT:130 TERM:143; do
    timeout --foreground --preserve-status -s "${signal%:*}" 0.3 \
        "$sapwood" shards make "$folder/long.tsv" "$folder/slow" --max-count 20 >"$folder/said" 2>&1
    code=$?
    [ $code = "${signal#*:}" ] && good || bad "$signal: code $code, $(cat "$folder/said")"
    check "nothing after $signal" 0 '^$' ls -A "$folder/slow"
done

# index and ls
check "index" 0 '^2 shards: 2 indexed, 0 up to date, 0 unusable; 6 samples' "$sapwood" shards index "$folder/out/s-{000..001}.tar"
check "index again" 0 '^2 shards: 0 indexed, 2 up to date' "$sapwood" shards index "$folder/out"
check "index by force" 0 '^2 shards: 2 indexed' "$sapwood" shards index --force "$folder/out"
check "ls" 0 '^s-001.tar  *2 .* png txt json$' "$sapwood" shards ls "$folder/out"
check "ls keys" 0 '^    5: png [0-9]* txt 10$' "$sapwood" shards ls --keys 2 "$folder/out"
check "missing shard" 3 's-002.tar' "$sapwood" shards index "$folder/out/s-{000..002}.tar"
gzip -k "$folder/out/s-000.tar"
check "compressed" 2 'gzip -dk .*s-000.tar.gz' "$sapwood" shards ls "$folder/out/s-000.tar.gz"
check "pipe" 2 'zcat x > shard.tar' "$sapwood" shards ls "pipe:zcat x"

check "glob" 2 'globs are not taken.* name the folder' "$sapwood" shards ls "$folder/out/*.tar"
# An index that cannot be written: a folder stands in its place.
mkdir -p "$folder/locked/s.tar.index/full"
cp "$folder/out/s-001.tar" "$folder/locked/s.tar"
check "index nowhere" 5 '1 of 1 indices could be written nowhere; give --cache DIR' "$sapwood" shards index "$folder/locked"
check "index elsewhere" 0 '^1 shard: 1 indexed, 0 up to date, 0 unusable; 2 samples' \
    "$sapwood" shards index "$folder/locked" --cache "$folder/kept"
head -c 3000 "$folder/out/s-001.tar" >"$folder/locked/s.tar"
check "what the index elsewhere knows" 3 'of 2 samples lost or changed since it was indexed' \
    "$sapwood" shards check "$folder/locked" --cache "$folder/kept"

# check
check "good shard" 0 '^1 shard, 4 samples: 4 usable, 0 not' "$sapwood" shards check "$folder/out/s-000.tar"
check "caption missing" 3 '^1 x txt: missing; the first: s-001.tar: deep/6; put a .txt .*--caption-field NAME' \
    "$sapwood" shards check "$folder/out"
check "each by name" 3 '^s-001.tar: deep/6: txt: missing$' "$sapwood" shards check --all "$folder/out"
check "captions of a field" 0 '^1 sample in 1 shard' "$sapwood" shards make "$folder/in/deep" "$folder/field.tar"
check "field" 0 '1 usable, 0 not' "$sapwood" shards check --caption-field y "$folder/field.tar"
check "other field" 3 "^1 x json:1:1: 'z' is missing; found y; the first: field.tar: 6; choose a field" \
    "$sapwood" shards check --caption-field z "$folder/field.tar"
check "hint to a field" 3 '^1 x no sample has a caption (txt); .*--caption-field NAME; the first: .*field.tar$' \
    "$sapwood" shards check "$folder/field.tar"
check "what is missing" 3 '5 usable, 1 not (0 without a good picture, 1 without a good caption); 0 shards unusable' \
    "$sapwood" shards check "$folder/out"
check "pictures only" 0 '6 usable' "$sapwood" shards check --captions none "$folder/out"
mkdir "$folder/uncaptioned"
cp "$folder/in/1.png" "$folder/uncaptioned"
"$sapwood" shards make "$folder/uncaptioned" "$folder/plain" >"$folder/said"
check "no captions at all" 3 'no sample has a caption (txt); found members png; if that is meant: --captions none' "$sapwood" shards check "$folder/plain"
mkdir "$folder/spoilt"
png | head -c 60 >"$folder/spoilt/9.png"
echo text >"$folder/spoilt/9.txt"
"$sapwood" shards make "$folder/spoilt" "$folder/cut" >"$folder/said"
check "corrupt picture" 3 '^1 x png: .*; the first: 000000.tar: 9; get or make these pictures again$' "$sapwood" shards check "$folder/cut"
# One kind whatever numbers are in it, the most frequent first
for i in 1 2 3; do
    printf '%0*d' $((i * 20)) 0 >"$folder/spoilt/1$i.png"
    echo text >"$folder/spoilt/1$i.txt"
done
"$sapwood" shards make "$folder/spoilt" "$folder/kinds.tar" >"$folder/said"
check "kinds" 3 '^3 x png: image: unknown format in 20 bytes.*; the first: kinds.tar: 11; ' "$sapwood" shards check "$folder/kinds.tar"
printf '%s\n' "$output" | head -n 1 | grep -q '^3 x ' && good || bad "the most frequent kind is not first: $output"
(cd "$folder/in" && tar cf "$folder/texts.tar" --format=ustar 7.txt)
head -c 3000 "$folder/out/s-000.tar" >"$folder/short.tar"
check "cut shard" 3 'short.tar: .*cut short' "$sapwood" shards check "$folder/short.tar"
check "counts" 3 '1 of 1 shard cannot be used' "$sapwood" shards check "$folder/short.tar"
check "without an index" 3 'short.tar: 1 sample before the damage, the last is 1' "$sapwood" shards check "$folder/short.tar"
cp "$folder/out/s-000.tar" "$folder/lost.tar"
"$sapwood" shards index "$folder/lost.tar" >"$folder/said"
truncate -s 4000 "$folder/lost.tar"
check "what is lost" 3 '^2 x cut off; the first: lost.tar: 3; get or make this shard again$' "$sapwood" shards check "$folder/lost.tar"
check "how much is lost" 3 '^lost.tar: 2 of 4 samples lost' "$sapwood" shards check "$folder/lost.tar"
check "texts have no picture" 3 'no sample has a picture' "$sapwood" shards check "$folder/texts.tar"
check "texts" 0 '1 usable, 0 not' "$sapwood" shards check --pictures none "$folder/texts.tar"

# What people have: a glob of the shell, GNU tar's order, packed tars, folders of pictures, dots, pages
check "several shards" 0 '^2 shards, 6 samples: 6 usable' "$sapwood" shards check --captions none "$folder"/out/s-00?.tar
check "several indices" 0 '^2 shards: 0 indexed, 2 up to date' "$sapwood" shards index "$folder"/out/s-00?.tar
check "several listed" 0 '^all  *6 ' "$sapwood" shards ls "$folder"/out/s-00?.tar
check "two recipes" 2 "unexpected word 'recipes/tiny.json'; expected one recipe" \
    "$sapwood" shards ls recipes/tiny.json recipes/tiny.json
mkdir "$folder/unsorted" "$folder/packed" "$folder/versions"
for i in 10 11 12 13 14 15; do
    png >"$folder/unsorted/$i.png"
    echo "a picture" >"$folder/unsorted/$i.txt"
done
(cd "$folder/unsorted" && tar cf ../unsorted.tar *.png *.txt && tar --sort=name -cf ../sorted.tar .)
check "unsorted" 3 '^12 x its key is in the shard twice; .*; the first: unsorted.tar: 10; this tar is not sorted .*sapwood shards make .*tar --sort=name -cf' \
    "$sapwood" shards check "$folder/unsorted.tar"
[ "$(printf '%s\n' "$output" | wc -l)" = 3 ] && good || bad "unsorted: expected 3 lines, found: $output"
check "the remedy" 0 '^1 shard, 6 samples: 6 usable' "$sapwood" shards check "$folder/sorted.tar"
(cd "$folder/unsorted" && tar cf ../torn.tar 10.png 11.png 11.txt 10.txt)
check "some torn" 3 '^2 x its key is in .*; the first: torn.tar: 10; ' "$sapwood" shards check "$folder/torn.tar"
cp "$folder/sorted.tar" "$folder/packed/a.tar"
tar czf "$folder/packed/b.tar.gz" -C "$folder/unsorted" .
tar czf "$folder/packed/c.tgz" -C "$folder/unsorted" .
for command in ls check index; do
    check "packed: $command" 2 'packed: 2 compressed shards in this folder; .*gzip -dk .*packed/b.tar.gz; .*shards make .*packed/b.tar.gz' \
        "$sapwood" shards $command "$folder/packed"
done
gzip -dk "$folder/packed/b.tar.gz" "$folder/packed/c.tgz"
check "unpacked beside" 0 '^c.tar ' "$sapwood" shards ls "$folder/packed"
check "pictures" 3 'no shard in this folder, but pictures; .*sapwood shards make .*/unsorted shards$' \
    "$sapwood" shards ls "$folder/unsorted"
mkdir "$folder/deep" && mv "$folder/unsorted" "$folder/deep/00000"
check "pictures in a folder" 3 'but pictures' "$sapwood" shards check "$folder/deep"
for version in v0.0 v0.1 v1.0; do
    png >"$folder/versions/$version.png"
    echo "a picture" >"$folder/versions/$version.txt"
done
tar --sort=name -cf "$folder/versions.tar" -C "$folder/versions" .
check "dots" 3 'no sample has a picture .*found members 0.png .*the key ends at the first dot' \
    "$sapwood" shards check "$folder/versions.tar"
printf '\n<!DOCTYPE html>\n<html><head></head></html>\n' >"$folder/page.tar"
check "page" 3 'page.tar: an HTML page, not the file itself' "$sapwood" shards check "$folder/page.tar"
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n' >"$folder/lfs.tar"
check "pointer" 3 'lfs.tar: a pointer of git-lfs' "$sapwood" shards index "$folder/lfs.tar"
check "no page" 3 'png.tar: damaged or cut short' sh -c 'cp "$1" "$2" && "$0" shards check "$2"' \
    "$sapwood" "$folder/in/1.png" "$folder/png.tar"

check "bench loader" 0 '"samples":6,"holes":0,"size":8' \
    sh -c '"$0" bench loader "$1" --size 8 --batch 2 --json | tr -d " "' "$sapwood" "$folder/out"
check "bench loader, JPEG scale" 0 '"samples":6,"holes":0,"size":8' sh -c \
    '"$0" bench loader "$1" --size 8 --batch 2 --jpeg-reducing-gap 2 --json | tr -d " "' "$sapwood" "$folder/out"
check "bench loader, a gap below 1" 2 'jpeg-reducing-gap is 0.9; expected 0 or at least 1' \
    "$sapwood" bench loader "$folder/out" --jpeg-reducing-gap 0.9
check "bench loader, random boxes" 0 '"samples":6,"holes":0,"size":8' sh -c \
    '"$0" bench loader "$1" --size 8 --batch 2 --crop 0.5 --json | tr -d " "' "$sapwood" "$folder/out"
touch -r "$folder/out/s-000.tar" "$folder/stamp"
flip "$folder/out/s-000.tar" 520
touch -r "$folder/stamp" "$folder/out/s-000.tar"
check "changed bytes" 3 'changed since it was indexed; get it' "$sapwood" shards check "$folder/out/s-000.tar"
check "which sample" 3 '^1 x changed; the first: s-000.tar: 1; ' "$sapwood" shards check "$folder/out/s-000.tar"
check "no other sample" 3 '^s-000.tar: 1 of 4 samples' "$sapwood" shards check "$folder/out/s-000.tar"

report
