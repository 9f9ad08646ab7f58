//! What went wrong with a service, in words that say what to do about it.

use std::error::Error;

use object_store::Error as Fault;
use portal::with_causes;

use super::offer::BucketOffer;

/// The code in a service's answer that says that an object is not there.
const NO_OBJECT: &str = "NoSuchKey";

/// Whether the service says that there is no such object, and not that there is no such bucket.
pub(super) fn is_absent(fault: &Fault) -> bool {
    matches!(fault, Fault::NotFound { .. }) && code(&with_causes(fault)).is_some_and(|code| code == NO_OBJECT)
}

/// Whether an object ends before what was asked for of it.
pub(super) fn is_too_short(fault: &Fault) -> bool {
    code(&with_causes(fault)).is_some_and(|code| code == "InvalidRange")
}

/// A sentence for people. It names the bucket and the service, and never a key.
pub(super) fn sentence(offer: &BucketOffer, fault: &Fault) -> String {
    let (host, bucket) = (offer.provider(), &offer.bucket);
    let whole = with_causes(fault);
    match code(&whole) {
        Some("NoSuchBucket") => format!("{host} has no bucket `{bucket}`: make it, or offer another one"),
        Some("AccessDenied" | "AllAccessDisabled" | "AccountProblem") => {
            format!(
                "{host} denies access to the bucket `{bucket}`: its key has to be allowed to list, get, put and delete"
            )
        }
        Some("InvalidAccessKeyId" | "InvalidToken" | "ExpiredToken") => {
            format!("{host} does not know the key that was given for the bucket `{bucket}`")
        }
        Some("SignatureDoesNotMatch") => {
            format!("the secret of the key for the bucket `{bucket}` is not the one that {host} knows")
        }
        Some("RequestTimeTooSkewed") => {
            format!("the clock of this node is not that of {host}, which therefore refuses everything: set the clock")
        }
        Some("SlowDown" | "ServiceUnavailable" | "TooManyRequests" | "InternalError") => {
            format!("{host} is overloaded or out of order: it refuses what is asked of the bucket `{bucket}`")
        }
        Some("QuotaExceeded" | "EntityTooLarge" | "StorageFull" | "XMinioStorageFull") => {
            format!("{host} takes no more into the bucket `{bucket}`")
        }
        Some(other) => format!("{host} refuses what is asked of the bucket `{bucket}`: {other}"),
        None => format!("{}: {}", without_code(offer, fault, &whole), cause(fault)),
    }
}

/// What is known of a fault by its kind alone.
fn without_code(offer: &BucketOffer, fault: &Fault, whole: &str) -> String {
    let (host, bucket) = (offer.provider(), &offer.bucket);
    // The library tells these apart in its text only.
    let has = |word: &str| whole.to_ascii_lowercase().contains(word);
    match fault {
        Fault::PermissionDenied { .. } | Fault::Unauthenticated { .. } => {
            format!("{host} denies access to the bucket `{bucket}`")
        }
        Fault::NotFound { .. } => format!("{host} does not answer as an S3 service does"),
        _ if has("timed out") || has("timeout") => format!("{host} does not answer in time"),
        _ if has("error trying to connect") || has("connecterror") || has("tcp connect") || has("dns error") => {
            format!("{host} can't be reached")
        }
        _ if has("non-2xx status code: 5") || has("429") => format!("{host} is overloaded or out of order"),
        _ => format!("{host} does not answer as an S3 service does"),
    }
}

/// The innermost cause, in so many words.
fn cause(fault: &Fault) -> String {
    const LENGTH_MAX: usize = 200;
    let mut innermost: &dyn Error = fault;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let line = innermost.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(LENGTH_MAX).collect()
}

/// What is between `<Code>` and `</Code>`, if it is a word.
fn code(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    (!code.is_empty() && code.chars().all(|c| c.is_ascii_alphanumeric())).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Fault {
        Fault::Generic { store: "S3", source: text.to_owned().into() }
    }

    #[test]
    fn faults_say_what_to_do() {
        let offer: BucketOffer = "s3://files?endpoint=https://s3.example.org:1G".parse().unwrap();
        let told = |code: &str| sentence(&offer, &fault(&format!("400: <Error><Code>{code}</Code></Error>")));
        assert_eq!(told("NoSuchBucket"), "s3.example.org has no bucket `files`: make it, or offer another one");
        assert!(told("AccessDenied").contains("denies access"));
        assert!(told("RequestTimeTooSkewed").contains("set the clock"));
        assert!(told("SlowDown").contains("overloaded"));
        assert!(told("Strange").ends_with(": Strange"));
        assert!(sentence(&offer, &fault("operation timed out")).starts_with("s3.example.org does not answer in time"));
        assert!(sentence(&offer, &fault("<html>hello")).starts_with("s3.example.org does not answer as an S3"));
        assert!(sentence(&offer, &fault(&"x ".repeat(9_000))).len() < 600);
    }

    #[test]
    fn only_an_object_that_is_said_to_be_absent_is() {
        let not = |text: &str| Fault::NotFound { path: "p".to_owned(), source: text.to_owned().into() };
        assert!(is_absent(&not("<Code>NoSuchKey</Code>")));
        assert!(!is_absent(&not("<Code>NoSuchBucket</Code>")));
        assert!(!is_absent(&not("404 page not found")));
        assert!(!is_absent(&fault("<Code>NoSuchKey</Code>")));
        assert!(is_too_short(&fault("<Code>InvalidRange</Code>")));
    }
}
