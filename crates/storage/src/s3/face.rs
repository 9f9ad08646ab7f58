//! S3's operations, each handed to the file it is about. What is not here answers `NotImplemented`.

use s3s::S3;

/// See the module's head.
pub(super) struct Face;

impl S3 for Face {}
