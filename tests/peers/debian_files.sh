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

# debian_sources PACKAGE...: the sources of Debian packages as their authors published them, unpacked
# into build-peers/debian/source. The mirror is the machine's own, but lists of sources are kept apart
# from the system's, which need not have any; apt checks signatures and hashes as always. Of the
# release itself: what stands in for it (security, updates) is not kept by every mirror.
debian_sources() {
    place=$PWD/build-peers/debian
    set_apart="-o Dir::Etc::SourceList=$place/apt/sources.list -o Dir::Etc::SourceParts=/dev/null
        -o Dir::State::Lists=$place/apt/lists -o Dir::Cache=$place/apt/cache -o APT::Sandbox::User="
    for package in "$@"; do
        [ ! -f "$place/source-$package" ] || continue
        if [ ! -d "$place/apt/lists" ]; then
            mkdir -p "$place/apt/lists/partial" "$place/apt/cache/archives/partial"
            apt-get indextargets --format 'deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' \
                'Created-By: Packages' 'Origin: Debian' | grep ' [a-z]* main$' \
                >"$place/apt/sources.list"
        fi
        rm -rf "$place/source/$package" "$place/fetched"
        mkdir -p "$place/source/$package" "$place/fetched"
        (apt-get $set_apart update -qq && cd "$place/fetched" &&
            apt-get $set_apart source -qq --download-only "$package" >said &&
            tar -xf *.orig.tar.?z -C "$place/source/$package" --strip-components=1) || return 1
        rm -rf "$place/fetched"
        : >"$place/source-$package"
    done
}
