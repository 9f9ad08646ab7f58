//! Uploads in parts, through the face: their quota, what comes twice, and ends half-way.

use axum::body::Bytes;
use axum::http::{HeaderMap, Method};
use s3s::dto::{
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedMultipartUpload, CompletedPart, ETag,
    GetObjectInput, StreamingBlob,
};
use s3s::{Body, S3ErrorCode};

use super::super::completion::parts_chosen;
use super::*;
use crate::file::Part;
use crate::plane::{Plane, content};

const MIB: usize = 1 << 20;
const BUCKET: &str = "v";
const KEY: &str = "deep/key";

struct Bench {
    plane: Plane,
    face: Face,
    caller: Caller,
}

impl Bench {
    async fn new() -> Self {
        let plane = Plane::new(1, 6).await;
        Self { face: Face::new(plane.storage.clone()), caller: plane.caller().await, plane }
    }

    async fn begin(&self) -> String {
        let input = CreateMultipartUploadInput { bucket: BUCKET.into(), key: KEY.into(), ..Default::default() };
        self.face.upload_create(&self.caller, input).await.unwrap().upload_id.unwrap()
    }

    async fn part(&self, upload: &str, number: i32, data: &Bytes) -> S3Result<ETag> {
        let input = UploadPartInput {
            bucket: BUCKET.into(),
            key: KEY.into(),
            upload_id: upload.into(),
            part_number: number,
            body: Some(StreamingBlob::from(Body::from(data.clone()))),
            ..UploadPartInput::default()
        };
        let request = S3Request {
            input,
            method: Method::PUT,
            uri: "/".parse().unwrap(),
            headers: HeaderMap::new(),
            extensions: axum::http::Extensions::new(),
            credentials: None,
            region: None,
            service: None,
            trailing_headers: None,
        };
        Ok(self.face.part_put(&self.caller, request).await?.e_tag.unwrap())
    }

    async fn complete(&self, upload: &str, parts: &[(i32, &ETag)]) -> S3Result<CompleteMultipartUploadOutput> {
        let output = self.answered(upload, parts).await?;
        match output.future {
            Some(written) => written.await,
            None => Ok(output),
        }
    }

    /// What is answered at once.
    async fn answered(&self, upload: &str, parts: &[(i32, &ETag)]) -> S3Result<CompleteMultipartUploadOutput> {
        let named = |(number, etag): &(i32, &ETag)| CompletedPart {
            part_number: Some(*number),
            e_tag: Some((*etag).clone()),
            ..CompletedPart::default()
        };
        let input = CompleteMultipartUploadInput {
            bucket: BUCKET.into(),
            key: KEY.into(),
            upload_id: upload.into(),
            multipart_upload: Some(CompletedMultipartUpload { parts: Some(parts.iter().map(named).collect()) }),
            ..CompleteMultipartUploadInput::default()
        };
        self.face.upload_complete(&self.caller, input).await
    }

    async fn abort(&self, upload: &str) {
        let (bucket, key, upload_id) = (BUCKET.into(), KEY.into(), upload.into());
        let input = AbortMultipartUploadInput { bucket, key, upload_id, ..Default::default() };
        self.face.upload_abort(&self.caller, input).await.unwrap();
    }

    async fn used(&self) -> u64 {
        self.plane.files.names().usage().await.unwrap().bytes
    }
}

fn code<T>(result: S3Result<T>) -> S3ErrorCode {
    result.err().expect("it is refused").code().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_in_parts_needs_its_size_once() {
    // Parts that fill their stripes, and such as are written anew.
    for part_bytes in [5 * MIB, 5 * MIB + 7] {
        let bench = Bench::new().await;
        let data = [content(part_bytes, 1), content(part_bytes, 2), content(300_000, 3)];
        let whole = data.concat();
        bench.plane.bytes_allow(whole.len() as u64 + 100).await;
        let upload = bench.begin().await;
        let mut etags = Vec::new();
        for (number, data) in (1..).zip(&data) {
            etags.push(bench.part(&upload, number, data).await.unwrap());
        }
        let again = bench.part(&upload, 1, &data[0]).await.unwrap();
        assert_eq!(again, etags[0], "the same part twice is there once");
        assert_eq!(bench.used().await, whole.len() as u64);
        assert_eq!(code(bench.part(&upload, 4, &data[2]).await).as_str(), "QuotaExceeded");
        let named = [(1, &etags[0]), (2, &etags[1]), (3, &etags[2])];
        let (one, other) = tokio::join!(bench.complete(&upload, &named), bench.complete(&upload, &named));
        assert!(one.is_ok() != other.is_ok(), "one of two completions at the same time: {one:?} {other:?}");
        assert_eq!(code(bench.complete(&upload, &named).await), S3ErrorCode::NoSuchUpload);
        assert_eq!((bench.used().await, bench.plane.count("storage_entry").await), (whole.len() as u64, 2));
        bench.plane.later(std::time::Duration::from_secs(600), &[]).await;
        bench.plane.storage.collect().await.unwrap();
        assert_eq!(bench.plane.get(KEY).await.unwrap(), whole, "{part_bytes} bytes a part");
        let input = GetObjectInput { bucket: BUCKET.into(), key: KEY.into(), ..GetObjectInput::default() };
        let head = bench.face.object_get(&bench.caller, input).await.unwrap();
        assert!(head.e_tag.unwrap().value().ends_with("-3"));
    }
}

/// Who waits for what is written anew hears at once that it is being done; who goes can come again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_takes_its_time_begins_before_the_object_is_there() {
    let bench = Bench::new().await;
    let upload = bench.begin().await;
    let data = [content(5 * MIB + 7, 1), content(300_000, 2)];
    let one = bench.part(&upload, 1, &data[0]).await.unwrap();
    let two = bench.part(&upload, 2, &data[1]).await.unwrap();
    let named = [(1, &one), (2, &two)];
    let is_there = async || bench.plane.files.stat(&crate::plane::at(KEY)).await.is_ok();
    drop(bench.answered(&upload, &named).await.unwrap().future.expect("it is still to be written"));
    assert!(!is_there().await);
    let written = bench.answered(&upload, &named).await.unwrap().future.unwrap();
    assert!(!is_there().await);
    assert!(written.await.unwrap().e_tag.unwrap().value().ends_with("-2"));
    assert_eq!(bench.plane.get(KEY).await.unwrap(), data.concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_is_aborted_gives_back_what_it_took() {
    let bench = Bench::new().await;
    bench.plane.bytes_allow(6 * MIB as u64).await;
    let upload = bench.begin().await;
    let data = content(5 * MIB, 1);
    let etag = bench.part(&upload, 1, &data).await.unwrap();
    bench.abort(&upload).await;
    assert_eq!(bench.used().await, 0);
    assert_eq!(code(bench.complete(&upload, &[(1, &etag)]).await), S3ErrorCode::NoSuchUpload);
    assert_eq!(code(bench.part(&upload, 1, &data).await), S3ErrorCode::NoSuchUpload);
    let upload = bench.begin().await;
    bench.part(&upload, 1, &data).await.unwrap();
}

/// The directory of uploads is there while there are some, whoever begins and ends them at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_uploads_need_in_the_bucket_goes_with_the_last_of_them() {
    let bench = Bench::new().await;
    let uploads = async || bench.plane.count("storage_entry").await;
    let (one, other) = (bench.begin().await, bench.begin().await);
    bench.abort(&one).await;
    assert_eq!(uploads().await, 2, "one goes on");
    bench.abort(&other).await;
    assert_eq!(uploads().await, 0);
    let turns = (0..4).map(|_| async {
        for _ in 0..20 {
            let upload = bench.begin().await;
            bench.part(&upload, 1, &Bytes::from_static(b"part")).await.unwrap();
            bench.abort(&upload).await;
        }
    });
    futures::future::join_all(turns).await;
    assert_eq!(uploads().await, 0);
}

/// A completion is one transaction: a crash leaves the parts, or the object and a directory that is no upload any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_completion_that_is_cut_off_is_done_or_not() {
    let bench = Bench::new().await;
    let upload = bench.begin().await;
    let data = [content(5 * MIB, 1), content(10, 2)];
    let one = bench.part(&upload, 1, &data[0]).await.unwrap();
    let two = bench.part(&upload, 2, &data[1]).await.unwrap();
    bench.part(&upload, 3, &data[1]).await.unwrap();
    // A quota that is lower than what is there already ends no completion.
    bench.plane.bytes_allow(1_000).await;
    let files = &bench.plane.files;
    let directory = directory_of(&upload).unwrap();
    let at = files.stat(&directory).await.unwrap().ino;
    let wanted = [(1, &one), (2, &two)].map(|(number, etag)| CompletedPart {
        part_number: Some(number),
        e_tag: Some(etag.clone()),
        ..CompletedPart::default()
    });
    let stale: Vec<Part> =
        parts_chosen(files, (at, &directory), &wanted).await.unwrap().into_iter().map(|(part, _)| part).collect();
    let along: Vec<Effect> = stale.iter().flat_map(|part| part.removal(1)).collect();
    let ending = Ending { along: &along, ..Ending::PLAIN };
    bench.part(&upload, 1, &data[0]).await.unwrap_err();
    bench.plane.bytes_allow(0).await;
    bench.part(&upload, 1, &data[0]).await.unwrap();
    let to = crate::plane::at("other");
    let refused = files.join(&stale, &to, &ending).await;
    assert!(matches!(refused, Err(FileError::Namespace(crate::namespace::NamespaceError::Changed))), "{refused:?}");
    assert!(matches!(files.stat(&to).await, Err(FileError::NotFound(_))));
    assert_eq!(bench.plane.get(&format!("{directory}/00001")).await.unwrap(), data[0], "the parts are as they were");

    // As far as the transaction, and no further: what is left is no upload, and is swept away in time.
    let parts = parts_chosen(files, (at, &directory), &wanted).await.unwrap();
    let parts: Vec<Part> = parts.into_iter().map(|(part, _)| part).collect();
    let mut along: Vec<Effect> = parts.iter().flat_map(|part| part.removal(1)).collect();
    along.push(Effect::XattrRemove { ino: at, name: ATTRIBUTE.to_owned() });
    files.join(&parts, &to, &Ending { along: &along, ..Ending::PLAIN }).await.unwrap();
    assert_eq!(code(bench.complete(&upload, &[(1, &one), (2, &two)]).await), S3ErrorCode::NoSuchUpload);
    assert_eq!(bench.plane.get("other").await.unwrap(), data.concat());
    assert_eq!(bench.used().await, 5 * MIB as u64 + 20);
    let later_ms = db::Clock::now_ms(&bench.plane.clock) + 1;
    assert_eq!(uploads::sweep(files, later_ms).await.unwrap(), 1);
    assert!(
        files.list(&crate::plane::at(""), None, 9).await.unwrap().iter().all(|entry| entry.name.as_str() != UPLOADS)
    );
    assert_eq!(bench.used().await, 5 * MIB as u64 + 10);
    assert_eq!(bench.plane.get("other").await.unwrap(), data.concat());
}

#[tokio::test]
async fn one_account_uploads_so_much_at_once_and_holds_up_no_other() {
    let bench = Bench::new().await;
    let mut other = bench.caller.clone();
    other.account = portal::AccountId::parse(&uuid::Uuid::now_v7().to_string()).unwrap();
    let mut turns = Vec::new();
    while let Some(turn) = futures::FutureExt::now_or_never(bench.face.place(&bench.caller)) {
        turns.push(turn.unwrap());
    }
    assert_eq!(turns.len(), 16);
    drop(bench.face.place(&other).await.unwrap());
    tokio::time::pause();
    assert_eq!(code(bench.face.place(&bench.caller).await), S3ErrorCode::SlowDown, "the clock runs on by itself");
    turns.pop();
    drop(bench.face.place(&bench.caller).await.unwrap());
}

#[test]
fn a_copied_range_is_whole_and_inside() {
    assert_eq!(copied_range(Some("bytes=0-9"), 10).unwrap(), 0..10);
    assert_eq!(copied_range(None, 10).unwrap(), 0..10);
    assert_eq!(copied_range(Some("bytes=0-10"), 10).unwrap_err().code().as_str(), "InvalidRange");
    assert_eq!(copied_range(Some("bytes=5-"), 10).unwrap_err().code().as_str(), "InvalidArgument");
}

#[test]
fn an_id_can_be_no_path_out() {
    assert!(directory_of("../../etc").is_none() && directory_of(&"/".repeat(32)).is_none());
    assert_eq!(directory_of(&"a".repeat(32)).unwrap().to_string(), format!("/{UPLOADS}/{}", "a".repeat(32)));
}
