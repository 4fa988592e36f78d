# The units that start a run again: systemd and bash can read them, the service is not root and cannot
# write where it has nothing to write, and the codes in them are codes that the program ends with.
. tests/checks.sh

check "sbatch" 0 '' bash -n docs/sapwood.sbatch
"$sapwood" --help | sed -n 's/^ *\([0-9][0-9]*\)  .*/\1/p' >"$folder/codes"
for code in $(sed -n 's/^\(SuccessExitStatus\|Restart[A-Za-z]*ExitStatus\)=//p' 'docs/sapwood@.service') \
    $(sed -n 's/^\([0-9 |]*\)) .*/\1/p' docs/sapwood.sbatch | tr -d '|'); do
    grep -qx "$code" "$folder/codes" && good || bad "code $code is none of: $(paste -s -d ' ' "$folder/codes")"
done
for line in DynamicUser=yes NoNewPrivileges=yes ProtectSystem=strict ProtectHome=yes PrivateTmp=yes CapabilityBoundingSet=; do
    grep -qx "$line" 'docs/sapwood@.service' && good || bad "the service has no $line"
done
grep -q '^User=root' 'docs/sapwood@.service' && bad "the service is root" || good

if ! systemd-analyze --version >/dev/null 2>&1; then
    left_out systemd-analyze
else
    unit=$folder/sapwood@x.service
    sed "s|^ExecStart=[^ ]*|ExecStart=$sapwood|" 'docs/sapwood@.service' >"$unit"
    output=$(systemd-analyze verify "$unit" 2>&1)
    code=$?
    [ $code = 0 ] && [ -z "$output" ] && good || bad "systemd-analyze verify: $code: $output"
    # Of 10, which is root without any limit; version 250 and later can say it.
    if systemd-analyze security --offline=yes --threshold=100 "$unit" >/dev/null 2>&1; then
        check "exposure" 0 'Overall exposure level' \
            systemd-analyze security --offline=yes --threshold=45 --no-pager "$unit"
    fi
fi
report
