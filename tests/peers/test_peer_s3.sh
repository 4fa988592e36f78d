#!/bin/sh
# Shards in a bucket of an S3-compatible server that checks signatures: right keys give the bytes of a
# run over local files, wrong ones end with 3, and no key shows anywhere.
[ -x build-peers/bin/python ] || { echo "no build-peers/; run: sh tests/setup.sh peers"; exit 77; }
. tests/e2e/tiny.sh
export no_proxy=127.0.0.1 HOME="$folder"
unset http_proxy https_proxy all_proxy AWS_PROFILE AWS_SESSION_TOKEN

mkdir "$folder/bucket"
cp tests/fixtures/*.tar "$folder/bucket"
cp tests/fixtures/emoji-train.tar "$folder/bucket/a b.tar"
mkfifo "$folder/open"
build-peers/bin/python tests/peers/s3_server.py "$folder/bucket" <"$folder/open" >"$folder/server" \
    2>"$folder/server.said" &
exec 9>"$folder/open" # the server ends when this script does
for _ in $(seq 600); do
    grep -q '^[0-9]' "$folder/server" && break
    sleep 0.1
done
line=$(grep '^[0-9]' "$folder/server") || { tail "$folder/server.said"; exit 1; }
set -- $line
export AWS_ENDPOINT_URL="http://127.0.0.1:$1"
key=$2 secret=$3 lent_key=$4 lent_secret=$5 token=$6

train() {
    run=$1
    shift
    "$sapwood" train "$recipe" --run "$folder/$run" --set stages.0.steps=4 --set stages.1.steps=4 \
        --set optimizer.warmup=1 --set threads=1 "$@" >"$folder/$run.said" 2>&1
}
remote="--set stages.0.sources[0].shards=s3://shards/data/emoji-train.tar
    --set stages.1.sources[0].shards=s3://shards/data/fashion-train.tar"

train plain || bad "local: $(tail -n 3 "$folder/plain.said")"
AWS_ACCESS_KEY_ID=$key AWS_SECRET_ACCESS_KEY=$secret train right $remote && good ||
    bad "right keys: $(tail -n 3 "$folder/right.said")"
same "right keys" "$folder/plain" "$folder/right"

mkdir "$folder/.aws"
printf '[other]\naws_access_key_id = x\n\n[mine]\naws_access_key_id = %s\naws_secret_access_key=%s\n' \
    "$key" "$secret" >"$folder/.aws/credentials"
AWS_PROFILE=mine train file $remote && good || bad "keys of a file: $(tail -n 3 "$folder/file.said")"
same "keys of a file" "$folder/plain" "$folder/file"

AWS_ACCESS_KEY_ID=$lent_key AWS_SECRET_ACCESS_KEY=$lent_secret AWS_SESSION_TOKEN=$token \
    train lent $remote && good || bad "temporary keys: $(tail -n 3 "$folder/lent.said")"
same "temporary keys" "$folder/plain" "$folder/lent"

# wrong RUN PATTERN [NAME=VALUE...]: a run that ends with 3 and says the pattern
wrong() {
    run=$1 pattern=$2
    shift 2
    (
        for setting in "$@"; do export "$setting"; done
        train "$run" $remote
    )
    code=$?
    [ $code = 3 ] && grep -q "$pattern" "$folder/$run.said" && good ||
        bad "$run: expected code 3 and \"$pattern\", found $code and: $(tail -n 2 "$folder/$run.said")"
}
wrong wrong-secret 'emoji-train.tar: refused (HTTP 403, SignatureDoesNotMatch)' \
    "AWS_ACCESS_KEY_ID=$key" "AWS_SECRET_ACCESS_KEY=x$secret"
wrong wrong-key 'refused (HTTP 403, InvalidAccessKeyId)' \
    AWS_ACCESS_KEY_ID=AKIAUNKNOWNUNKNOWN00 "AWS_SECRET_ACCESS_KEY=$secret"
wrong no-token 'emoji-train.tar: refused (HTTP 403, ' \
    "AWS_ACCESS_KEY_ID=$lent_key" "AWS_SECRET_ACCESS_KEY=$lent_secret"
wrong wrong-token 'emoji-train.tar: refused (HTTP 400, InvalidToken)' \
    "AWS_ACCESS_KEY_ID=$lent_key" "AWS_SECRET_ACCESS_KEY=$lent_secret" "AWS_SESSION_TOKEN=x$token"
wrong no-key "s3://shards/data/emoji-train.tar"

export AWS_ACCESS_KEY_ID="$key" AWS_SECRET_ACCESS_KEY="$secret"
check "name to encode" 0 '32 samples' "$sapwood" shards index "s3://shards/data/a b.tar" --cache "$folder/c"
check "missing" 3 'none.tar: not there (HTTP 404, NoSuchKey)' "$sapwood" shards index s3://shards/data/none.tar --cache "$folder/c"
check "no key name" 2 'expected s3://bucket/key' "$sapwood" shards index s3://shards --cache "$folder/c"

# The signature itself, the token in it.
build-peers/bin/python tests/peers/s3_signature.py "$sapwood" "$folder/c" && good || bad "signature"

rm "$folder/server" "$folder/.aws/credentials"
found=$(grep -rlF -e "$key" -e "$secret" -e "$lent_key" -e "$lent_secret" -e "$token" "$folder")
[ -z "$found" ] && good || bad "a key shows in $found"
exec 9>&-
report
