//! Operations of storage: check the caller, decide, write, tell.

mod delegation;
pub(crate) mod export;
mod numbers;

use db::DbError;
use portal::Problem;

use crate::namespace::NamespaceError;

pub(crate) use numbers::Numbers;

/// What keeps an operation of storage from being carried out. `Display` is a sentence for people.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// No such export or snapshot, or none the caller may see.
    #[error("There is no export {0:?}, or it is not open to you.")]
    ExportUnknown(String),
    /// The caller may read there and no more.
    #[error("You may read in {0} but change nothing.")]
    ExportReadOnly(String),
    /// The name space refused.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// The database failed.
    #[error("reading or writing storage's state")]
    Db(#[from] DbError),
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        use ServiceError as E;
        let sentence = error.to_string();
        match error {
            E::ExportUnknown(name) => Problem::not_found("export-unknown", sentence).arg("name", name),
            E::ExportReadOnly(name) => Problem::forbidden("export-read-only", sentence).arg("name", name),
            E::Namespace(error) => error.into(),
            E::Db(error) => error.into(),
        }
    }
}

/// The codes are what a mount goes by.
impl From<NamespaceError> for Problem {
    fn from(error: NamespaceError) -> Self {
        use NamespaceError as E;
        match error {
            E::Exists => Problem::conflict("exists", "The name is taken."),
            E::Changed => Problem::conflict("changed", "It was changed meanwhile; look again."),
            E::Quota => Problem::no_capacity("quota", "The quota is reached. Remove something, or ask for more."),
            E::ReadOnly => Problem::forbidden("read-only", "Nothing can be changed here."),
            E::Stale => Problem::conflict("stale", "The session is over, or somebody else works there now."),
            E::Gone => Problem::not_found("gone", "The export is gone."),
            E::Invalid(fault) => {
                Problem::bad_request("invalid", format!("The change is not valid: {fault}.")).arg("fault", fault)
            }
            E::Unavailable(error) => match error.downcast::<DbError>() {
                Ok(error) => (*error).into(),
                Err(error) => Problem::unavailable("unavailable", "The export can't be reached now.").cause(error),
            },
        }
    }
}
