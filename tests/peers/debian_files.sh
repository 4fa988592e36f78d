# debian_files PACKAGE...: real data from Debian packages. What is not installed is downloaded and
# unpacked, not installed, into build-peers/debian; sets $debian_roots to where the files may lie.
debian_files() {
    debian_roots="/ build-peers/debian"
    for package in "$@"; do
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
        [ "$status" != installed ] && [ ! -f "build-peers/debian/$package" ] || continue
        mkdir -p build-peers/debian/archive
        (cd build-peers/debian/archive && apt-get download -qq "$package" &&
            dpkg -x "$package"_*.deb .. && rm "$package"_*.deb) || return 1
        : >"build-peers/debian/$package"
    done
}
