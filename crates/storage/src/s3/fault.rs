//! What S3's clients are told when something can't be done: the codes of S3's "Error Responses", with our sentences.

use std::error::Error;

use axum::http::StatusCode;
use s3s::{S3Error, S3ErrorCode, s3_error};

use super::SILENT;
use crate::ServiceError;
use crate::file::FileError;
use crate::namespace::NamespaceError;

/// What went wrong with a bucket.
pub(super) fn of_service(error: ServiceError) -> S3Error {
    let sentence = error.to_string();
    match error {
        ServiceError::ExportUnknown(_) => S3Error::with_message(S3ErrorCode::NoSuchBucket, sentence),
        ServiceError::ExportReadOnly(_) => S3Error::with_message(S3ErrorCode::AccessDenied, sentence),
        ServiceError::Namespace(error) => of_names(error),
        error => unavailable(error),
    }
}

/// What went wrong with an object.
pub(super) fn of_file(error: FileError) -> S3Error {
    let sentence = error.to_string();
    match error {
        FileError::NotFound(_) | FileError::NotAFile(_) => s3_error!(NoSuchKey, "There is no such object."),
        FileError::Exists(_) => {
            s3_error!(PreconditionFailed, "There is an object of this name already, or another one.")
        }
        FileError::Namespace(error) => of_names(error),
        FileError::Read(error) => unavailable(error),
        FileError::Write(error) => unavailable(error),
        FileError::Changed => s3_error!(OperationAborted, "The object was changed while it was read; try again."),
        FileError::TooLarge(_) => S3Error::with_message(S3ErrorCode::EntityTooLarge, sentence),
        FileError::NotADirectory(_)
        | FileError::IsADirectory(_)
        | FileError::NotEmpty(_)
        | FileError::IntoItself(_)
        | FileError::Root
        | FileError::Name { .. }
        | FileError::TooDeep(_) => S3Error::with_message(S3ErrorCode::InvalidArgument, sentence),
    }
}

/// What went wrong with metadata.
pub(super) fn of_names(error: NamespaceError) -> S3Error {
    match error {
        NamespaceError::Quota => {
            // The code of Ceph's gateway; clients don't try 403 again.
            let message = "The quota of this bucket is reached. Remove something, or ask for more.";
            let mut error = S3Error::with_message(S3ErrorCode::Custom("QuotaExceeded".into()), message);
            error.set_status_code(StatusCode::FORBIDDEN);
            error
        }
        NamespaceError::ReadOnly => s3_error!(AccessDenied, "You may read in this bucket but change nothing."),
        NamespaceError::Gone => s3_error!(NoSuchBucket, "The bucket is gone."),
        NamespaceError::Exists | NamespaceError::Changed | NamespaceError::Stale => {
            s3_error!(OperationAborted, "Somebody else changed this meanwhile; try again.")
        }
        NamespaceError::Invalid(fault) => s3_error!(InvalidArgument, "The change is not valid: {fault}."),
        NamespaceError::Unavailable(error) => unavailable(AsError(error)),
    }
}

/// What went wrong with a body. s3s keeps the types of its own streams to itself, so their words have to do.
pub(super) fn of_body(error: &(dyn Error + Send + Sync)) -> S3Error {
    let text = error.to_string();
    if text.contains(SILENT) {
        s3_error!(RequestTimeout, "No byte of the body came for a minute.")
    } else if text.contains("Sha256Mismatch") {
        let code = S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into());
        let mut error = S3Error::with_message(code, "The body is not what x-amz-content-sha256 says.");
        error.set_status_code(StatusCode::BAD_REQUEST);
        error
    } else if text.contains("SignatureMismatch") {
        s3_error!(SignatureDoesNotMatch, "A part of the body has a wrong signature.")
    } else if text.contains("FormatError") || text.contains("TooLarge") || text.contains("TooMany") {
        s3_error!(InvalidRequest, "The body is not encoded as aws-chunked should be.")
    } else {
        s3_error!(IncompleteBody, "The body ended before it was whole.")
    }
}

/// What may go well when it is tried again.
fn unavailable(error: impl Error + Send + Sync + 'static) -> S3Error {
    tracing::warn!(error = &error as &dyn Error, "an S3 request could not be done now");
    S3Error::with_message(S3ErrorCode::ServiceUnavailable, "The storage can't do this now; try again.")
}

#[derive(Debug, thiserror::Error)]
#[error("the name space can't be reached")]
struct AsError(#[source] Box<dyn Error + Send + Sync>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_bucket_is_told_so_that_clients_give_up() {
        let error = of_names(NamespaceError::Quota);
        assert_eq!((error.code().as_str(), error.status_code()), ("QuotaExceeded", Some(StatusCode::FORBIDDEN)));
    }

    #[test]
    fn bodies_that_break_off_or_lie_are_told_apart() {
        let code = |text: &str| of_body(&std::io::Error::other(text.to_owned())).code().as_str().to_owned();
        assert_eq!(code(SILENT), "RequestTimeout");
        assert_eq!(code("UploadStreamError: Sha256Mismatch"), "XAmzContentSHA256Mismatch");
        assert_eq!(code("AwsChunkedStreamError: SignatureMismatch"), "SignatureDoesNotMatch");
        assert_eq!(code("connection closed before message completed"), "IncompleteBody");
    }
}
