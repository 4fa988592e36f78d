#!/bin/sh
# Tars and pictures of other projects' own tests, malformed and awkward: of Go, Python, libarchive and
# libpng. What must be refused is refused, nothing crashes, hangs or takes more than its memory, and
# all others are read as GNU tar and Pillow read them: compare_members.py, compare_pngs.py.
. tests/checks.sh
. tests/peers/debian_files.sh
debian_files golang-1.19-src libpython3.11-testsuite || exit 77
debian_sources libarchive libpng1.6 || exit 77
export LC_ALL=C
print_data=$(dirname "$sapwood")/tests/print_data
libpng=build-peers/debian/source/libpng1.6
memory_kib=1048576

# A program of its own counts; its last line is "N passed, N failed".
compare() {
    /usr/bin/python3 "$@" >"$folder/said"
    code=$?
    cat "$folder/said"
    passed=$((passed + $(sed -n '$s/ passed.*//p' "$folder/said")))
    [ $code = 0 ] || bad "$1 ended with $code"
}

limited() { (ulimit -v $memory_kib && exec timeout 300 "$@"); }

mkdir "$folder/archives"
compare tests/peers/compare_members.py "$print_data" "$folder/archives" $debian_roots
compare tests/peers/compare_pngs.py "$print_data" $libpng

# The same by the commands: each archive is a shard, which they list or name as unusable: refused, or
# without a member that is named as one of a sample.
mkdir "$folder/shards"
n_refused=0
for archive in "$folder"/archives/*; do
    shard=$folder/shards/$(basename "$archive" .tar).tar
    mv "$archive" "$shard"
    limited "$print_data" members "$shard" >/dev/null 2>&1 || n_refused=$((n_refused + 1))
done
n_shards=$(ls "$folder/shards" | wc -l)
for command in 'ls --keys 10' 'check --pictures none --captions none'; do
    limited "$sapwood" shards $command "$folder/shards" >"$folder/said" 2>&1
    code=$?
    n_bad=$((n_refused + $(grep -c ': no sample; expected members' "$folder/said")))
    [ $code = 3 ] && grep -q "^sapwood: .*$n_bad of $n_shards shards cannot be used" "$folder/said" &&
        good || bad "shards $command: code $code, expected $n_bad of $n_shards to be unusable:
$(tail -n 3 "$folder/said")"
done

# Pictures, good and bad, into a shard and through the check of it.
mkdir "$folder/pictures"
find $libpng/contrib/pngsuite $libpng/contrib/testpngs -name '*.png' \
    -exec cp '{}' "$folder/pictures" ';'
n_pictures=$(ls "$folder/pictures" | wc -l)
check 'shards make of them' 0 "^$n_pictures samples in 1 shard" \
    limited "$sapwood" shards make "$folder/pictures" "$folder/made-%06d.tar"
check 'the 21 bad ones are named' 3 "^sapwood.* 21 of $n_pictures samples and 0 of 1 shard " \
    limited "$sapwood" shards check --captions none "$folder/made-000000.tar"
report
