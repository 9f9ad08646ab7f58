//! Listings as S3 words them: of the first version, told by keys, and of the second, told by tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::{StreamExt as _, TryStreamExt as _};
use portal::Caller;
use s3s::dto::{
    CommonPrefix, EncodingType, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, Object,
};
use s3s::{S3Error, S3Result, s3_error};

use super::attributes::{Attributes, last_modified};
use super::face::Face;
use super::fault;
use super::walk::{Ask, Item, list};
use crate::file::Files;
use crate::model::inode::Kind;

/// Items of a listing at most.
const KEYS_MAX: i32 = 1_000;
/// Attributes that are read at the same time.
const TOGETHER: usize = 16;

/// A listing, not yet worded.
struct Page {
    objects: Vec<Object>,
    prefixes: Vec<CommonPrefix>,
    /// The last item, where there are more.
    last: Option<String>,
}

impl Face {
    pub(super) async fn objects_v2(&self, caller: &Caller, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
        let token =
            input.continuation_token.as_deref().filter(|token| !token.is_empty()).map(token_read).transpose()?;
        let after = token.or_else(|| input.start_after.clone()).unwrap_or_default();
        let files = self.files(caller, &input.bucket, false).await?;
        let is_encoded = is_encoded(input.encoding_type.as_ref());
        let limit = limit_of(input.max_keys)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let ask = Ask { prefix: &prefix, delimiter: delimiter_of(input.delimiter.as_ref()), after: &after, limit };
        let page = page(&files, &ask, is_encoded).await?;
        let text = |text: String| if is_encoded { encoded(&text) } else { text };
        Ok(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(text(prefix)),
            delimiter: input.delimiter.map(text),
            max_keys: Some(limit as i32),
            key_count: Some((page.objects.len() + page.prefixes.len()) as i32),
            is_truncated: Some(page.last.is_some()),
            next_continuation_token: page.last.map(|last| URL_SAFE_NO_PAD.encode(last)),
            continuation_token: input.continuation_token,
            start_after: input.start_after.map(text),
            contents: Some(page.objects),
            common_prefixes: Some(page.prefixes),
            encoding_type: input.encoding_type,
            request_charged: None,
        })
    }

    pub(super) async fn objects_v1(&self, caller: &Caller, input: ListObjectsInput) -> S3Result<ListObjectsOutput> {
        let files = self.files(caller, &input.bucket, false).await?;
        let is_encoded = is_encoded(input.encoding_type.as_ref());
        let limit = limit_of(input.max_keys)?;
        let (prefix, after) = (input.prefix.clone().unwrap_or_default(), input.marker.clone().unwrap_or_default());
        let ask = Ask { prefix: &prefix, delimiter: delimiter_of(input.delimiter.as_ref()), after: &after, limit };
        let page = page(&files, &ask, is_encoded).await?;
        let text = |text: String| if is_encoded { encoded(&text) } else { text };
        Ok(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: Some(text(prefix)),
            marker: Some(text(after)),
            delimiter: input.delimiter.map(text),
            max_keys: Some(limit as i32),
            is_truncated: Some(page.last.is_some()),
            next_marker: page.last.map(text),
            contents: Some(page.objects),
            common_prefixes: Some(page.prefixes),
            encoding_type: input.encoding_type,
            request_charged: None,
        })
    }
}

async fn page(files: &Files, ask: &Ask<'_>, is_encoded: bool) -> S3Result<Page> {
    let text = |text: String| if is_encoded { encoded(&text) } else { text };
    if ask.limit == 0 {
        return Ok(Page { objects: Vec::new(), prefixes: Vec::new(), last: None });
    }
    let (items, has_more) = list(files.names(), ask).await.map_err(fault::of_names)?;
    let last = items.last().filter(|_| has_more).map(|item| item.text().to_owned());
    let (mut keys, mut prefixes) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Item::Prefix(prefix) => prefixes.push(CommonPrefix { prefix: Some(text(prefix)) }),
            Item::Key(key, inode) => keys.push((text(key), inode)),
        }
    }
    let objects = futures::stream::iter(keys).map(async |(key, inode)| {
        let attributes = Attributes::read(files.names(), &inode).await?;
        Ok::<_, S3Error>(Object {
            key: Some(key),
            e_tag: Some(attributes.e_tag()),
            last_modified: Some(last_modified(&inode)),
            size: Some(if inode.kind == Kind::File { inode.size as i64 } else { 0 }),
            storage_class: Some(s3s::dto::ObjectStorageClass::from_static(s3s::dto::ObjectStorageClass::STANDARD)),
            ..Object::default()
        })
    });
    Ok(Page { objects: objects.buffered(TOGETHER).try_collect().await?, prefixes, last })
}

fn token_read(token: &str) -> S3Result<String> {
    let key = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    key.ok_or_else(|| s3_error!(InvalidArgument, "The continuation token is none of ours."))
}

fn limit_of(max_keys: Option<i32>) -> S3Result<usize> {
    let max = max_keys.unwrap_or(KEYS_MAX).min(KEYS_MAX);
    usize::try_from(max).map_err(|_| s3_error!(InvalidArgument, "max-keys is 0 or more."))
}

pub(super) fn delimiter_of(delimiter: Option<&String>) -> Option<&str> {
    delimiter.map(String::as_str).filter(|delimiter| !delimiter.is_empty())
}

pub(super) fn is_encoded(encoding: Option<&EncodingType>) -> bool {
    encoding.is_some_and(|encoding| encoding.as_str() == EncodingType::URL)
}

/// As clients undo it: percent signs for all but letters, digits, `-_.~` and the slash.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_encoded_as_clients_undo_it() {
        assert_eq!(encoded("a b+é/\u{1}~"), "a%20b%2B%C3%A9/%01~");
    }

    #[test]
    fn tokens_are_ours() {
        assert_eq!(token_read(&URL_SAFE_NO_PAD.encode("a/é")).unwrap(), "a/é");
        assert_eq!(token_read("!").unwrap_err().code().as_str(), "InvalidArgument");
        assert_eq!(limit_of(Some(5_000)).unwrap(), 1_000);
        assert!(limit_of(Some(-1)).is_err());
    }
}
