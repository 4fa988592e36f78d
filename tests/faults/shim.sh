# shim: what the tests with preloaded libraries share; `. tests/faults/shim.sh` after tiny.sh.
#   build_shim NAME       tests/faults/NAME.c becomes $folder/NAME.so; skips where that cannot work
#   small                 options of a run of three steps and four checkpoints in a tenth of a second
build_shim() {
    if grep -qE '__[at]san_init' "$sapwood"; then
        echo "skipped: nothing can be loaded before a sanitizer"
        exit 77
    fi
    if ! "${CC:-cc}" -O1 -shared -fPIC -o "$folder/$1.so" "tests/faults/$1.c" -ldl; then
        echo "skipped: no compiler for $1.c"
        exit 77
    fi
}
small='--quiet --set losses=[{"type":"clip"}] --set data.ref_image=null --set data.ref_text=null
    --set data.view=null --set evaluation.sets=[] --set stages.0.steps=2 --set stages.1.steps=1
    --set checkpoint.every=1 --set checkpoint.keep=2 --set threads=1'
