//! The body of a put on its way into a file, hashed as it passes: at no time more of it is in memory than a few stripes.

use axum::body::Bytes;
use axum::http::HeaderMap;
use futures::StreamExt as _;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::dto::{Checksum, StreamingBlob};
use s3s::{S3Result, TrailingHeaders, s3_error};

use super::fault;
use crate::file::Upload;

/// The checksums that S3 knows, by the headers that bring them.
const CHECKSUMS: [&str; 5] = ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"];
const HEADER: &str = "x-amz-checksum-";

/// What a body has to be.
pub(super) struct Claims {
    content_length: Option<u64>,
    content_md5: Option<String>,
    /// By header or trailer, with the value where the header is there already.
    checksums: Vec<(&'static str, Option<String>)>,
    trailers: Option<TrailingHeaders>,
}

/// What it was.
pub(super) struct Digest {
    /// MD5, hexadecimal.
    pub(super) md5: String,
    /// What was claimed and holds.
    pub(super) checksum: Checksum,
}

impl Claims {
    /// What the request's headers say.
    pub(super) fn of(
        headers: &HeaderMap,
        content_length: Option<i64>,
        content_md5: Option<&String>,
        trailers: Option<&TrailingHeaders>,
    ) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let announced = text("x-amz-trailer").unwrap_or_default().to_ascii_lowercase();
        let claimed = CHECKSUMS.into_iter().filter_map(|name| {
            let header = format!("{HEADER}{name}");
            let value = text(&header);
            let is_trailer = announced.split(',').any(|trailer| trailer.trim() == header);
            (value.is_some() || is_trailer).then_some((name, value))
        });
        Self {
            content_length: content_length.and_then(|length| u64::try_from(length).ok()),
            content_md5: content_md5.cloned(),
            checksums: claimed.collect(),
            trailers: trailers.cloned(),
        }
    }

    /// Moves the body into `upload`. Errors: a body that breaks off, is silent, or is not what was claimed.
    pub(super) async fn pass(self, body: Option<StreamingBlob>, upload: &mut Upload) -> S3Result<Digest> {
        let (mut md5, mut hasher) = (Md5::new(), self.hasher());
        let mut length = 0;
        if let Some(mut body) = body {
            while let Some(bytes) = body.next().await {
                let bytes: Bytes = bytes.map_err(|error| fault::of_body(error.as_ref()))?;
                length += bytes.len() as u64;
                md5.update(&bytes);
                hasher.update(&bytes);
                upload.push(bytes).await.map_err(fault::of_file)?;
            }
        }
        if self.content_length.is_some_and(|expected| expected != length) {
            return Err(s3_error!(IncompleteBody, "The body has {length} bytes, not as many as Content-Length says."));
        }
        self.verify(md5.finalize(), hasher.finalize())
    }

    fn hasher(&self) -> ChecksumHasher {
        let mut hasher = ChecksumHasher::default();
        for (name, _) in &self.checksums {
            match *name {
                "crc32" => hasher.crc32 = Some(Crc32::new()),
                "crc32c" => hasher.crc32c = Some(Crc32c::new()),
                "crc64nvme" => hasher.crc64nvme = Some(Crc64Nvme::new()),
                "sha1" => hasher.sha1 = Some(Sha1::new()),
                _ => hasher.sha256 = Some(Sha256::new()),
            }
        }
        hasher
    }

    fn verify(self, md5: [u8; 16], checksum: Checksum) -> S3Result<Digest> {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        if let Some(claimed) = &self.content_md5 {
            let claimed = STANDARD.decode(claimed).ok().filter(|bytes| bytes.len() == 16);
            let claimed = claimed.ok_or_else(|| s3_error!(InvalidDigest, "Content-MD5 is no MD5 in base64."))?;
            if claimed != md5 {
                return Err(s3_error!(BadDigest, "The body is not what Content-MD5 says."));
            }
        }
        for (name, value) in &self.checksums {
            let header = format!("{HEADER}{name}");
            let trailer =
                || self.trailers.as_ref()?.read(|headers| Some(headers.get(&header)?.to_str().ok()?.to_owned()))?;
            let claimed = value.clone().or_else(trailer);
            let claimed = claimed.ok_or_else(|| s3_error!(InvalidRequest, "The trailer {header} is missing."))?;
            if Some(&claimed) != computed(&checksum, name) {
                return Err(s3_error!(BadDigest, "The body is not what {header} says."));
            }
        }
        Ok(Digest { md5: hex(&md5), checksum })
    }
}

fn computed<'a>(checksum: &'a Checksum, name: &str) -> Option<&'a String> {
    match name {
        "crc32" => checksum.checksum_crc32.as_ref(),
        "crc32c" => checksum.checksum_crc32c.as_ref(),
        "crc64nvme" => checksum.checksum_crc64nvme.as_ref(),
        "sha1" => checksum.checksum_sha1.as_ref(),
        _ => checksum.checksum_sha256.as_ref(),
    }
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
