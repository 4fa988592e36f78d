#!/bin/sh
# Installs what is missing for building, testing or the demo: sh tests/setup.sh GROUP...
#   build  compiler, libraries, shader compiler
#   test   two software Vulkan devices, the validation layer, SPIR-V tools, a web server
#   fuzz   clang with libFuzzer, coverage
#   demo   real image-text data and the tools that unpack it
#   peers  what we are compared with: PyTorch, and in build-peers/ the packages of
#          tests/peers/requirements.txt
# For Debian 12. Installs as root or through sudo; otherwise prints the one line to run and ends
# with 1. On another system it prints what is needed and ends with 1; there, install the
# equivalents by hand and set SAPWOOD_SETUP=skip.
set -eu

packages_of() {
    case $1 in
    # gcc only recommends libc6-dev, and recommended packages are not installed.
    build) echo "gcc libc6-dev cmake ninja-build pkg-config libopenblas-dev libarchive-dev
        libcjson-dev libstb-dev libjpeg62-turbo-dev libwebp-dev libxxhash-dev zlib1g-dev
        libcurl4-openssl-dev libvulkan-dev glslc g++ libsentencepiece-dev" ;;
    # chromium-common carries SwiftShader, the second Vulkan implementation.
    # python3 and openssl: a web server with faults, and its certificate.
    test) echo "mesa-vulkan-drivers chromium-common vulkan-validationlayers spirv-tools python3
        openssl" ;;
    fuzz) echo "clang libclang-rt-14-dev llvm" ;;
    demo) echo "fonts-noto-color-emoji unicode-cldr-core openclipart-png openclipart-svg
        tuxpaint-stamps-default dataset-fashion-mnist python3-pil python3-fonttools
        python3-numpy" ;;
    peers) echo "python3-torch python3-torchvision python3-pil python3-numpy python3-scipy python3-yaml
        python3-requests python3-tqdm python3-venv python3-pip python3-boto3 python3-flask
        python3-flask-cors python3-xmltodict python3-responses python3-cryptography xz-utils bzip2
        zstd lz4" ;;
    *)
        echo "setup: group '$1'; expected build, test, fuzz, demo or peers" >&2
        exit 2
        ;;
    esac
}

# A virtual environment over Debian's python3-torch. Without --no-deps pip would fetch a second one.
make_peers() {
    peers=$(dirname "$0")/../build-peers
    list=$(dirname "$0")/peers/requirements.txt
    ! cmp -s "$list" "$peers/requirements.txt" || return 0
    echo "setup: installing tests/peers/requirements.txt into build-peers/"
    rm -rf "$peers"
    /usr/bin/python3 -m venv --system-site-packages "$peers"
    if ! "$peers/bin/python" -m pip install --quiet --no-deps -r "$list"; then
        echo "setup: pip failed (its words are above); run 'sh tests/setup.sh peers' again" >&2
        exit 1
    fi
    cp "$list" "$peers/requirements.txt"
}

[ "${SAPWOOD_SETUP:-}" != skip ] || exit 0
wanted=
with_peers=
for group in "$@"; do
    list=$(packages_of "$group")
    wanted="$wanted $list"
    [ "$group" != peers ] || with_peers=yes
done

system=$(. /etc/os-release 2>/dev/null && echo "${ID:-unknown} ${VERSION_ID:-}") || system=unknown
if [ "$system" != "debian 12" ]; then
    echo "setup: this system is '$system'; the package list is for Debian 12. Needed:" >&2
    echo $wanted | tr ' ' '\n' | sed 's/^/  /' >&2
    echo "Install the equivalents, then run again with SAPWOOD_SETUP=skip." >&2
    exit 1
fi

missing=
for package in $wanted; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
    [ "$status" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
    [ -z "$with_peers" ] || make_peers
    exit 0
fi

line="apt-get update && apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ] && sudo -v; }; then
    as_root=sudo
else
    echo "setup: packages are missing and this is neither root nor able to use sudo; run:" >&2
    echo "  su -c '$line'" >&2
    exit 1
fi

echo "setup: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "setup: apt-get failed (its last lines are above); when it can work again, run:" >&2
    echo "  $line" >&2
    exit 1
fi
[ -z "$with_peers" ] || make_peers
