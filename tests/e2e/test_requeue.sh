# docs/sapwood.sbatch with a scheduler of three lines: srun sends SIGUSR1 after a while, scontrol
# queues the job again, until the run is done; with the bytes of a run that was left alone. A run that
# cannot go on is not queued again. The exit codes of the unit for systemd are those of the program.
. tests/e2e/tiny.sh
mkdir "$folder/bin"
ln -s "$sapwood" "$folder/bin/sapwood"
cat >"$folder/bin/srun" <<'SRUN'
#!/bin/sh
"$@" --set stages.0.steps=400 --set checkpoint.every=50 --set evaluation.sets=[] &
process=$!
# Not before the process catches SIGUSR1, and each time a second later: so it gets on on a busy machine, too.
while kill -0 $process 2>/dev/null && ! grep -q '^SigCgt:.*[2367abef]..$' /proc/$process/status; do
    sleep 0.1
done
echo >>"$folder/starts"
sleep "$(wc -l <"$folder/starts")"
kill -USR1 $process 2>/dev/null
wait $process
SRUN
printf '#!/bin/sh\necho "$@" >>%s\n' "$folder/requeued" >"$folder/bin/scontrol"
chmod +x "$folder/bin/srun" "$folder/bin/scontrol"
PATH=$folder/bin:$PATH
export PATH folder SLURM_JOB_ID=7

"$sapwood" train "$recipe" --run "$folder/plain" --quiet --set stages.0.steps=400 \
    --set checkpoint.every=50 --set evaluation.sets=[] || bad "plain run"
starts=0
while [ $starts -lt 60 ]; do
    starts=$((starts + 1))
    rm -f "$folder/requeued"
    bash docs/sapwood.sbatch "$recipe" "$folder/run" >>"$folder/said" 2>&1
    code=$?
    [ -e "$folder/requeued" ] || break
    [ $code = 75 ] && good || bad "queued again after code $code"
    [ "$(cat "$folder/requeued")" = "requeue 7" ] && good || bad "found $(cat "$folder/requeued")"
done
[ $code = 0 ] && [ $starts -ge 2 ] && good || bad "expected 0 after some starts, found $code after $starts: $(cat "$folder/said")"
for file in metrics.jsonl weights/adapters.safetensors checkpoints/step_00000430/MANIFEST.json; do
    cmp "$folder/plain/$file" "$folder/run/$file" && good || bad "$file differs"
done
echo "done after $starts starts"

bash docs/sapwood.sbatch "$folder/missing.json" "$folder/other" >"$folder/said" 2>&1
code=$?
[ $code = 2 ] || [ $code = 3 ] && [ ! -e "$folder/requeued" ] && good || bad "a missing recipe: $code, $(cat "$folder/said")"

unit='docs/sapwood@.service'
for code in $(sed -n 's/^RestartPreventExitStatus=//p' "$unit") 75; do
    "$sapwood" --help | grep -q "^ *$code  " && good || bad "$unit: the program has no exit code $code"
done
if command -v systemd-analyze >/dev/null && [ -d /run/systemd/system ]; then
    systemd-analyze verify "$unit" >"$folder/said" 2>&1 || bad "$unit: $(cat "$folder/said")"
fi
report
