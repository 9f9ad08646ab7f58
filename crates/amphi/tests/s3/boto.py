"""What boto3 does with a bucket, right and wrong. Environment: AWS_ENDPOINT_URL, the keys, BUCKET, OTHER_KEY, OTHER_SECRET."""

import datetime
import hashlib
import http.client
import io
import os
import re
import urllib.parse
import urllib.request

import boto3
import botocore.auth
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

URL = os.environ["AWS_ENDPOINT_URL"]
BUCKET = os.environ["BUCKET"]
MIB = 1 << 20


def client(key=None, secret=None, signature_version=None):
    config = Config(signature_version=signature_version, s3={"addressing_style": "path"}, retries={"max_attempts": 1})
    return boto3.client(
        "s3",
        endpoint_url=URL,
        region_name="us-east-1",
        config=config,
        aws_access_key_id=key or os.environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=secret or os.environ["AWS_SECRET_ACCESS_KEY"],
    )


s3 = client()


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        found = error.response["Error"]["Code"]
        assert found in (code, str(code)), f"{found} instead of {code}: {error}"
        return error.response
    raise AssertionError(f"nothing was refused, {code} was due")


def random(size, seed):
    return hashlib.shake_256(str(seed).encode()).digest(size)


def buckets():
    assert BUCKET in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    s3.head_bucket(Bucket=BUCKET)
    assert s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] is None
    s3.create_bucket(Bucket="made-here")
    refused("BucketAlreadyOwnedByYou", s3.create_bucket, Bucket="made-here")
    s3.put_object(Bucket="made-here", Key="a", Body=b"1")
    refused("BucketNotEmpty", s3.delete_bucket, Bucket="made-here")
    s3.delete_object(Bucket="made-here", Key="a")
    s3.delete_bucket(Bucket="made-here")
    refused("404", s3.head_bucket, Bucket="made-here")


def put_and_get():
    for size in (0, 1, 4096, 4097, 262144, 262145, 3 * MIB + 5):
        body = random(size, size)
        put = s3.put_object(Bucket=BUCKET, Key=f"sizes/{size}", Body=body, Metadata={"who": "ada"}, ContentType="text/x")
        assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"', put
        got = s3.get_object(Bucket=BUCKET, Key=f"sizes/{size}")
        assert got["Body"].read() == body, size
        assert (got["ContentType"], got["Metadata"], got["ETag"]) == ("text/x", {"who": "ada"}, put["ETag"])
    for text in ("bytes=2-5", "bytes=262140-262150", "bytes=-7", "bytes=3145700-"):
        got = s3.get_object(Bucket=BUCKET, Key=f"sizes/{3 * MIB + 5}", Range=text)
        first, last = text[6:].split("-")
        expected = body[-int(last) :] if not first else body[int(first) : int(last) + 1 if last else None]
        assert got["Body"].read() == expected, text
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    refused("InvalidRange", s3.get_object, Bucket=BUCKET, Key="sizes/1", Range="bytes=5-9")
    named = s3.get_object(Bucket=BUCKET, Key="sizes/1", ResponseContentDisposition='attachment; filename="x"')
    assert named["ContentDisposition"] == 'attachment; filename="x"'
    refused("404", s3.head_object, Bucket=BUCKET, Key="none")
    refused("NoSuchKey", s3.get_object, Bucket=BUCKET, Key="sizes/1/below")


def conditions():
    etag = s3.put_object(Bucket=BUCKET, Key="if", Body=b"one")["ETag"]
    refused("304", s3.get_object, Bucket=BUCKET, Key="if", IfNoneMatch=etag)
    refused("PreconditionFailed", s3.get_object, Bucket=BUCKET, Key="if", IfMatch='"0"')
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    refused("304", s3.get_object, Bucket=BUCKET, Key="if", IfModifiedSince=later)
    refused("PreconditionFailed", s3.put_object, Bucket=BUCKET, Key="if", Body=b"two", IfNoneMatch="*")
    refused("PreconditionFailed", s3.put_object, Bucket=BUCKET, Key="if", Body=b"two", IfMatch='"0"')
    s3.put_object(Bucket=BUCKET, Key="if", Body=b"two", IfMatch=etag)
    assert s3.get_object(Bucket=BUCKET, Key="if")["Body"].read() == b"two"


def checksums():
    for algorithm in ("CRC32", "CRC32C", "SHA1", "SHA256"):
        try:
            s3.put_object(Bucket=BUCKET, Key="sum", Body=b"text" * 1000, ChecksumAlgorithm=algorithm)
        except Exception as error:
            if "crt" in str(error).lower():  # CRC-32C needs a compiled library that boto3 has not by itself
                continue
            raise
        got = s3.get_object(Bucket=BUCKET, Key="sum", ChecksumMode="ENABLED")
        assert got[f"Checksum{algorithm}"] and got["Body"].read() == b"text" * 1000
    refused("BadDigest", s3.put_object, Bucket=BUCKET, Key="sum", Body=b"x", ChecksumCRC32="AAAAAA==")
    wrong = "XrY7u+Ae7tCTyyK7j1rNww=="
    refused("BadDigest", s3.put_object, Bucket=BUCKET, Key="sum", Body=b"x", ContentMD5=wrong)
    refused("InvalidDigest", s3.put_object, Bucket=BUCKET, Key="sum", Body=b"x", ContentMD5="short")
    assert s3.get_object(Bucket=BUCKET, Key="sum")["Body"].read() == b"text" * 1000, "what was refused left no trace"


def listing():
    keys = ["l/a.txt", "l/a/x", "l/a/y", "l/a-b/z", "l/a0", "l/é +%&.txt"]
    for key in keys:
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"1")
    ordered = sorted(keys, key=lambda key: key.encode())
    for page in (1, 2, 1000):
        for operation in ("list_objects", "list_objects_v2"):
            pages = s3.get_paginator(operation).paginate(Bucket=BUCKET, Prefix="l/", PaginationConfig={"PageSize": page})
            found = [item["Key"] for answer in pages for item in answer.get("Contents", [])]
            assert found == ordered, (operation, page, found)
    flat = s3.list_objects_v2(Bucket=BUCKET, Prefix="l/", Delimiter="/")
    assert [item["Prefix"] for item in flat["CommonPrefixes"]] == ["l/a-b/", "l/a/"], flat
    assert [item["Key"] for item in flat["Contents"]] == ["l/a.txt", "l/a0", "l/é +%&.txt"]
    after = s3.list_objects_v2(Bucket=BUCKET, Prefix="l/", StartAfter="l/a.txt", MaxKeys=2)
    assert [item["Key"] for item in after["Contents"]] == ["l/a/x", "l/a/y"] and after["IsTruncated"]
    s3.put_object(Bucket=BUCKET, Key="l/empty/", Body=b"")
    assert "l/empty/" in [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET, Prefix="l/")["Contents"]]
    objects = [{"Key": key} for key in [*keys, "l/empty/", "l/never"]]
    deleted = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": objects})
    assert len(deleted["Deleted"]) == len(objects) and "Errors" not in deleted
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="l/")["KeyCount"] == 0, "directories go with their objects"


def copies():
    body = random(MIB, "copy")
    s3.put_object(Bucket=BUCKET, Key="copy/from", Body=body, Metadata={"a": "1"}, ContentType="text/y")
    s3.copy_object(Bucket=BUCKET, Key="copy/to/deep", CopySource={"Bucket": BUCKET, "Key": "copy/from"})
    got = s3.get_object(Bucket=BUCKET, Key="copy/to/deep")
    assert got["Body"].read() == body and got["Metadata"] == {"a": "1"}
    same = {"Bucket": BUCKET, "Key": "copy/from", "CopySource": {"Bucket": BUCKET, "Key": "copy/from"}}
    refused("InvalidRequest", s3.copy_object, **same)
    s3.copy_object(**same, MetadataDirective="REPLACE", Metadata={"b": "2"})
    assert s3.head_object(Bucket=BUCKET, Key="copy/from")["Metadata"] == {"b": "2"}
    refused("NoSuchKey", s3.copy_object, Bucket=BUCKET, Key="x", CopySource={"Bucket": BUCKET, "Key": "copy/none"})


def multipart():
    for size, part in ((13 * MIB + 3, 5 * MIB), (11 * MIB, 5 * MIB + 7)):  # joined by reference, and written anew
        body = random(size, part)
        config = TransferConfig(multipart_threshold=part, multipart_chunksize=part, max_concurrency=4)
        s3.upload_fileobj(io.BytesIO(body), BUCKET, "multi", Config=config, ExtraArgs={"Metadata": {"m": "1"}})
        head = s3.head_object(Bucket=BUCKET, Key="multi")
        assert head["ETag"].endswith('-3"') and head["Metadata"] == {"m": "1"}, head
        got = io.BytesIO()
        s3.download_fileobj(BUCKET, "multi", got, Config=config)
        assert got.getvalue() == body, size


def multipart_wrong():
    names = {"Bucket": BUCKET, "Key": "wrong"}
    upload = s3.create_multipart_upload(**names)["UploadId"]
    names["UploadId"] = upload
    assert upload in [found["UploadId"] for found in s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]]
    body = random(5 * MIB, 1)
    tag = {n: s3.upload_part(**names, PartNumber=n, Body=body)["ETag"] for n in (1, 2)}
    s3.upload_part(**names, PartNumber=2, Body=b"again")  # the later one counts
    two = s3.upload_part(**names, PartNumber=2, Body=b"the end")["ETag"]

    def complete(*parts):
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in parts]
        return s3.complete_multipart_upload(**names, MultipartUpload={"Parts": parts})

    refused("InvalidPart", lambda: complete((1, tag[1]), (2, tag[2])))
    refused("InvalidPart", lambda: complete((1, tag[1]), (2, two), (3, two)))
    refused("InvalidPartOrder", lambda: complete((2, two), (1, tag[1])))
    refused("InvalidPartOrder", lambda: complete((1, tag[1]), (1, tag[1])))
    refused("InvalidArgument", s3.upload_part, **names, PartNumber=10001, Body=b"")
    s3.upload_part(**names, PartNumber=1, Body=b"small")
    small = [(part["PartNumber"], part["ETag"]) for part in s3.list_parts(**names)["Parts"]]
    refused("EntityTooSmall", lambda: complete(*small))
    s3.upload_part(**names, PartNumber=1, Body=body)
    complete((1, tag[1]), (2, two))
    assert s3.get_object(Bucket=BUCKET, Key="wrong")["Body"].read() == body + b"the end"
    refused("NoSuchUpload", lambda: complete((1, tag[1]), (2, two)))
    gone = s3.create_multipart_upload(Bucket=BUCKET, Key="gone")["UploadId"]
    s3.abort_multipart_upload(Bucket=BUCKET, Key="gone", UploadId=gone)
    refused("NoSuchUpload", s3.upload_part, Bucket=BUCKET, Key="gone", UploadId=gone, PartNumber=1, Body=b"x")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)


def presigned():
    for version in ("s3", "s3v4"):  # the older one is what boto3 does by itself
        signer = client(signature_version=version)
        put = signer.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "signed"}, ExpiresIn=60)
        url = urllib.parse.urlsplit(put)
        connection = http.client.HTTPConnection(url.netloc)
        connection.request("PUT", f"{url.path}?{url.query}", body=version.encode())
        assert connection.getresponse().status == 200, version
        presigned_get(signer, version.encode())


def presigned_get(signer, body):
    get = signer.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "signed"}, ExpiresIn=60)
    other = re.sub("(Signature=)(.)", lambda found: found[1] + ("0" if found[2] != "0" else "1"), get)
    with urllib.request.urlopen(get) as answer:
        assert answer.read() == body
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    for broken, status in ((get.replace("signed", "multi"), 403), (other, 403)):
        try:
            urllib.request.urlopen(broken)
            raise AssertionError(f"{broken} was answered")
        except urllib.error.HTTPError as error:
            assert error.code == status, error


def strangers():
    other = client(os.environ["OTHER_KEY"], os.environ["OTHER_SECRET"])
    refused("404", other.head_bucket, Bucket=BUCKET)
    refused("NoSuchBucket", other.get_object, Bucket=BUCKET, Key="signed")
    refused("NoSuchBucket", other.put_object, Bucket=BUCKET, Key="signed", Body=b"mine")
    refused("AccessDenied", other.create_bucket, Bucket="theirs")
    assert BUCKET not in [bucket["Name"] for bucket in other.list_buckets()["Buckets"]]
    refused("InvalidAccessKeyId", client("AMNOBODY", "x").list_buckets)
    refused("SignatureDoesNotMatch", client(None, "x").list_buckets)


def keys_that_are_no_paths():
    for key in ("/a", "a//b", "a/../b", "x" * 256, ".s3-uploads/x"):
        refused("InvalidArgument", s3.put_object, Bucket=BUCKET, Key=key, Body=b"")
    refused("InvalidArgument", s3.put_object, Bucket=BUCKET, Key="dir/", Body=b"content")
    refused("NotImplemented", s3.get_object_tagging, Bucket=BUCKET, Key="signed")


def skew():
    late = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=20)
    kept = botocore.auth.get_current_datetime
    botocore.auth.get_current_datetime = lambda remove_tzinfo=True: late.replace(tzinfo=None)
    try:
        refused("RequestTimeTooSkewed", client().list_buckets)
    finally:
        botocore.auth.get_current_datetime = kept


def refused_before_the_body():
    """A client that waits for "100 Continue" goes on with its next request."""
    for _ in range(200):
        refused("NoSuchUpload", s3.upload_part, Bucket=BUCKET, Key="g", UploadId="a" * 32, PartNumber=1, Body=b"x")
        s3.list_multipart_uploads(Bucket=BUCKET)


def cut_off():
    """An upload that ends early leaves what was there."""
    s3.put_object(Bucket=BUCKET, Key="cut", Body=b"whole")
    url = urllib.parse.urlsplit(s3.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "cut"}))
    connection = http.client.HTTPConnection(url.netloc)
    connection.putrequest("PUT", f"{url.path}?{url.query}")
    connection.putheader("Content-Length", str(MIB))
    connection.endheaders()
    connection.send(b"x" * 300_000)
    connection.close()
    assert s3.get_object(Bucket=BUCKET, Key="cut")["Body"].read() == b"whole"


for test in (
    buckets,
    put_and_get,
    conditions,
    checksums,
    listing,
    copies,
    multipart,
    multipart_wrong,
    presigned,
    strangers,
    keys_that_are_no_paths,
    skew,
    refused_before_the_body,
    cut_off,
):
    test()
    print(f"{test.__name__}: well", flush=True)
