# A run whose shards come from a web server with faults ends with the bytes of a run over local files,
# or with 3 in bounded time; it is stopped while it waits for a shard and goes on with local ones; what
# signs an address shows nowhere.
. tests/e2e/tiny.sh
export no_proxy=127.0.0.1
umask 022
unset http_proxy https_proxy all_proxy

if ! python3 -c 'import http.server' 2>/dev/null; then
    echo "skipped: no python3 for the server"
    exit 77
fi
served=$folder/served
mkdir "$served"
cp tests/fixtures/*.tar "$served"
mkfifo "$folder/open"
python3 tests/http_server.py "$served" "$folder/requests" <"$folder/open" >"$folder/port" &
exec 9>"$folder/open" # the server ends when this script does
server_job=$!
while [ ! -s "$folder/port" ] && kill -0 $server_job 2>/dev/null; do sleep 0.05; done
[ -s "$folder/port" ] || { echo "the server did not start" && exit 1; }
server=http://127.0.0.1:$(cat "$folder/port")

# train RUN FAULT_EMOJI FAULT_FASHION [OPTION...]: FAULT is local or one of the server
place() { [ "$1" = local ] && echo "$folder/tests/fixtures" || echo "$server/$1"; }
train() {
    run=$1 first=$(place "$2") second=$(place "$3")
    shift 3
    timeout 120 "$sapwood" train "$recipe" --run "$folder/$run" --set stages.0.steps=4 \
        --set stages.1.steps=4 --set optimizer.warmup=1 --set threads=1 \
        --set "stages.0.sources[0].shards=$first/emoji-train.tar" \
        --set "stages.1.sources[0].shards=$second/fashion-train.tar" \
        --set "evaluation.sets[0].shards=$first/emoji-test.tar" "$@" >"$folder/$run.said" 2>&1
}
requests() { grep -c "^$1 $2 " "$folder/requests"; }

# --- The same bytes ---

train plain local local && good || bad "local run: $(tail -n 3 "$folder/plain.said")"
n=0
for faults in "plain nolength" "once-cut redirect" "once-busy once-norange" "once-early once-html"; do
    set -- $faults
    n=$((n + 1))
    train "remote$n" "$1" "$2" && good || bad "$faults: $(tail -n 3 "$folder/remote$n.said")"
    same "$faults" "$folder/plain" "$folder/remote$n"
    [ "$(requests "$1" emoji-train.tar)" -ge 1 ] && good || bad "$faults: no request"
done
[ "$(requests once-cut emoji-train.tar)" = 2 ] && good || bad "a cut download was not taken up"

# A second run with the same cache asks for nothing.
before=$(wc -l <"$folder/requests")
train shared1 plain plain --set "data.cache=$folder/cache" || bad "shared1"
between=$(wc -l <"$folder/requests")
train shared2 plain plain --set "data.cache=$folder/cache" || bad "shared2"
[ "$between" -gt "$before" ] && [ "$(wc -l <"$folder/requests")" = "$between" ] && good ||
    bad "a filled cache: $((between - before)), then $(($(wc -l <"$folder/requests") - between)) requests"
same "shared cache" "$folder/plain" "$folder/shared2"

# --- Exit code 3, in bounded time ---

begin=$(date +%s)
faults="html early norange forbidden many loop elsewhere garbage empty"
for fault in $faults; do
    train "failed-$fault" plain $fault &
    eval "job_$fault=$!"
done
for fault in $faults; do
    eval "wait \$job_$fault"
    code=$?
    [ $code = 3 ] && grep -q "/$fault/fashion-train.tar" "$folder/failed-$fault.said" && good ||
        bad "$fault: expected code 3 and the address, found $code and: $(tail -n 2 "$folder/failed-$fault.said")"
    [ -z "$(newest "$folder/failed-$fault")" ] && good || bad "$fault: the run had begun"
done
[ $(($(date +%s) - begin)) -le 90 ] && good || bad "failing took $(($(date +%s) - begin)) s"
check "missing shard" 3 'plain/none.tar: not there (HTTP 404)' "$sapwood" shards ls "$server/plain/none.tar" --cache "$folder/c"
check "refused kinds" 2 'gzip -dk a.tar.gz' "$sapwood" shards ls "$server/plain/a.tar.gz" --cache "$folder/c"
(ulimit -f 100 && train full plain plain) # 50 KiB in a file are too few for a shard
[ $? = 5 ] && grep -q 'shard.part: cannot' "$folder/full.said" && good ||
    bad "full disk: $(tail -n 2 "$folder/full.said")"

# --- Stopped while a shard stalls; then with local shards ---

"$sapwood" shards index "$server/then-stall/fashion-train.tar" --cache "$folder/stall" >"$folder/said" ||
    bad "index: $(cat "$folder/said")"
rm "$folder"/stall/remote/fashion-train.tar-*.shard
train stalled plain then-stall --set "data.cache=$folder/stall" &
job=$!
for _ in $(seq 600); do # until it asks for the shard of the second stage
    [ "$(requests then-stall fashion-train.tar)" -ge 2 ] && break
    sleep 0.1
done
while ! grep -q 'committed' "$folder/stalled/log.txt" 2>/dev/null; do sleep 0.1; done
sleep 2
begin=$(date +%s%N)
pkill -TERM -f "^$sapwood train .*$folder/stalled"
wait $job
code=$?
spent=$((($(date +%s%N) - begin) / 1000000))
[ $code = 75 ] && grep -q 'stopped while shards are fetched for step 4 and saved' "$folder/stalled.said" &&
    good || bad "stop: code $code: $(tail -n 3 "$folder/stalled.said")"
[ $spent -lt 10000 ] && good || bad "stop took $spent ms"
train stalled local local && good || bad "going on: $(tail -n 3 "$folder/stalled.said")"
same "stopped, then local shards" "$folder/plain" "$folder/stalled"

# --- Secrets ---

train signed plain plain --set "stages.0.sources[0].shards=$server/key/emoji-train.tar?signature=open-sesame" &&
    good || bad "signed: $(tail -n 3 "$folder/signed.said")"
same "signed address" "$folder/plain" "$folder/signed"
# What must stay usable is for its owner alone; without a secret others may read the run.
for run in signed:600 plain:644; do
    [ "$(stat -c %a "$folder/${run%:*}/recipe.resolved.json")" = "${run#*:}" ] && good ||
        bad "recipe.resolved.json: $(ls -l "$folder/${run%:*}/recipe.resolved.json"), expected $run"
done
train wrong plain plain --set "stages.0.sources[0].shards=$server/key/emoji-train.tar?signature=open-says-me"
[ $? = 3 ] && grep -q 'key/emoji-train.tar?\.\.\.: refused (HTTP 403)' "$folder/wrong.said" && good ||
    bad "wrong signature: $(tail -n 3 "$folder/wrong.said")"
found=$(grep -rlE 'open-sesame|open-says-me' "$folder/signed" "$folder/wrong" "$folder"/*.said |
    grep -v recipe.resolved.json)
[ -z "$found" ] && good || bad "a secret shows in $found"
exec 9>&-
report
