#!/usr/bin/env bash
# What awscli and s3cmd do with a bucket. Arguments: the folder they are in, the endpoint's host and port, a scratch folder.
# Environment: AWS_ENDPOINT_URL, the keys, BUCKET.
set -euo pipefail
bin=$1 host=$2 scratch=$3
export AWS_EC2_METADATA_DISABLED=true AWS_DEFAULT_REGION=us-east-1 AWS_CONFIG_FILE=$scratch/aws
printf '[default]\ns3 =\n  addressing_style = path\n  multipart_threshold = 6MB\n  multipart_chunksize = 5MB\n' >"$AWS_CONFIG_FILE"
head -c 12000000 /dev/urandom >"$scratch/large"
mkdir -p "$scratch/tree/deep"
echo one >"$scratch/tree/one"
echo two >"$scratch/tree/deep/two words"

aws() { "$bin/aws" "$@"; }
aws s3 ls | grep -F "$BUCKET"
aws s3 cp --no-progress "$scratch/large" "s3://$BUCKET/aws/large"
aws s3 cp --no-progress "s3://$BUCKET/aws/large" "$scratch/large.back"
cmp "$scratch/large" "$scratch/large.back"
aws s3 sync --no-progress "$scratch/tree" "s3://$BUCKET/aws/tree"
aws s3 ls --recursive "s3://$BUCKET/aws/tree/" | grep -F 'deep/two words'
test -z "$(aws s3 sync --no-progress "$scratch/tree" "s3://$BUCKET/aws/tree")"
aws s3 cp --no-progress "s3://$BUCKET/aws/large" "s3://$BUCKET/aws/copy"
aws s3api get-object --bucket "$BUCKET" --key aws/copy --range bytes=100-199 "$scratch/range" >/dev/null
cmp <(tail -c +101 "$scratch/large" | head -c 100) "$scratch/range"
curl --silent --fail "$(aws s3 presign "s3://$BUCKET/aws/tree/one")" | cmp - "$scratch/tree/one"
aws s3 rm --quiet --recursive "s3://$BUCKET/aws/"
if aws s3 ls "s3://$BUCKET/aws/"; then echo "something is left"; exit 1; fi
echo "awscli: well"

cmd() {
  "$bin/s3cmd" --config /dev/null --no-ssl --host "$host" --host-bucket "$host" --access_key "$AWS_ACCESS_KEY_ID" \
    --secret_key "$AWS_SECRET_ACCESS_KEY" --no-progress --multipart-chunk-size-mb 5 --region us-east-1 "$@"
}
cmd ls | grep -F "$BUCKET"
cmd put "$scratch/large" "s3://$BUCKET/cmd/large"
cmd get --force "s3://$BUCKET/cmd/large" "$scratch/large.back"
cmp "$scratch/large" "$scratch/large.back"
cmd sync "$scratch/tree/" "s3://$BUCKET/cmd/tree/"
cmd ls --recursive "s3://$BUCKET/cmd/tree/" | grep -F 'deep/two words'
cmd cp "s3://$BUCKET/cmd/tree/one" "s3://$BUCKET/cmd/tree/three"
cmd get --force "s3://$BUCKET/cmd/tree/three" "$scratch/three"
cmp "$scratch/tree/one" "$scratch/three"
cmd del --recursive --force "s3://$BUCKET/cmd/"
test -z "$(cmd ls "s3://$BUCKET/cmd/")"
echo "s3cmd: well"
