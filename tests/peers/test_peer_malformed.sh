#!/bin/sh
# Tars of Go's and Python's own tests, malformed and awkward: what must be refused is refused, nothing
# crashes, hangs or takes more than its memory, and all others give the names and sizes that GNU tar
# lists. A tar without its two zero blocks is refused here, since its end may be lost; such a one is
# compared with the blocks added.
. tests/checks.sh
. tests/peers/debian_files.sh
debian_files golang-1.19-src libpython3.11-testsuite || exit 77
export LC_ALL=C
print_data=$(dirname "$sapwood")/tests/print_data
must_refuse=' issue10968 issue11169 issue12435 neg-size pax-bad-hdr-file writer-big writer-big-long recursion '
# Where libarchive differs: a size left over in a field of another format (read as damaged), a path
# for all members in a global header (not used), a long name before a link (refused).
differs=' nil-uid pax-global-records pax-path-hdr '
memory_kib=524288
n_tars=0 n_compared=0

# members FILE: our reading in $folder/ours, what was said in $folder/said; returns the exit code
members() {
    (ulimit -v $memory_kib && exec timeout 20 "$print_data" members "$1") \
        >"$folder/ours" 2>"$folder/said"
}

# The same list from GNU tar: regular members, contiguous ones too.
gnu_members() {
    tar -tvf "$1" --numeric-owner --quoting-style=literal --full-time 2>"$folder/gnu_said" \
        >"$folder/listing" || return 1
    sed -nE 's/^[-C][^ ]* +[^ ]+ +([0-9]+) [0-9-]+ [0-9:.]+ (.*)$/\1 \2/p' "$folder/listing" \
        >"$folder/theirs"
}

for root in $debian_roots; do
    for tar in "$root"/usr/share/go-1.19/src/archive/tar/testdata/*.tar \
        "$root"/usr/lib/python3.11/test/*.tar; do
        [ -f "$tar" ] || continue
        name=$(basename "$tar" .tar)
        n_tars=$((n_tars + 1))
        members "$tar"
        code=$?
        case $code in 0 | 3) good ;; *) bad "$name: ended with $code: $(cat "$folder/said")" ;; esac
        case $must_refuse in
        *" $name "*)
            [ $code = 3 ] && good || bad "$name: must be refused, found code $code"
            continue
            ;;
        esac
        if grep -q 'zero bytes at the end' "$folder/said"; then
            cp "$tar" "$folder/ended.tar"
            size=$(stat -c %s "$tar")
            truncate -s $(((size + 511) / 512 * 512 + 1024)) "$folder/ended.tar"
            members "$folder/ended.tar"
            code=$?
        fi
        case $differs in *" $name "*) continue ;; esac
        if ! gnu_members "$tar"; then
            case $code in 0 | 3) good ;; *) bad "$name: ended with $code" ;; esac
            continue
        fi
        n_compared=$((n_compared + 1))
        sed 's/^damaged //' "$folder/ours" | cmp -s - "$folder/theirs" && [ $code = 0 ] && good ||
            bad "$name: code $code, expected the members of GNU tar:
$(diff "$folder/ours" "$folder/theirs" | head -5; cat "$folder/said")"
    done
done
[ $n_tars -ge 44 ] && [ $n_compared -ge 30 ] && good || bad "$n_tars tars, $n_compared compared"
report
