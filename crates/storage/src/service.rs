//! Operations of storage: check the caller, decide, write, tell.

pub(crate) mod alert;
pub(crate) mod care;
mod credentials;
mod delegation;
pub(crate) mod export;
mod file;
mod keep;
mod lock;
pub(crate) mod node_mount;
mod numbers;
pub(crate) mod pace;
pub(crate) mod repair;
pub(crate) mod session;
pub(crate) mod share;
mod snapshot;
pub(crate) mod store;
pub(crate) mod volume;

use db::DbError;
use portal::Problem;

use crate::model::node_mount::DirectoryRefusal;
use crate::model::stripe::UnknownLayout;
use crate::model::volume::NameRefusal;
use crate::namespace::NamespaceError;

pub(crate) use credentials::ControlPair;
pub(crate) use file::Volumes;
pub use keep::KeptIn;
pub(crate) use numbers::Numbers;

/// What keeps an operation of storage from being carried out. `Display` is a sentence for people.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A link to a file that is over, was never made, or whose file is gone.
    #[error("This link leads to no file any more.")]
    ShareUnknown,
    /// A link is to hold for no time, or for too long.
    #[error("A link holds for 1 to {max} days, not {0}.", max = share::DAYS_MAX)]
    ShareDays(u32),
    /// No such export or snapshot, or none the caller may see.
    #[error("There is no export {0:?}, or it is not open to you.")]
    ExportUnknown(String),
    /// The caller may read there and no more.
    #[error("You may read in {0} but change nothing.")]
    ExportReadOnly(String),
    /// The name is not acceptable.
    #[error(transparent)]
    Name(#[from] NameRefusal),
    /// A volume or an export of that name exists.
    #[error("{0} exists already. Choose another name.")]
    NameTaken(String),
    /// No such layout.
    #[error("Layout {} is unknown. 0 loses one store of 3 without harm, 1 two of 6, 2 four of 12.", .0.0)]
    Layout(#[from] UnknownLayout),
    /// Fewer stores than a stripe has units.
    #[error(
        "Layout {layout} needs {need} stores; {have} with these labels take data now. Start more agents with --store."
    )]
    TooFewStores {
        /// The layout.
        layout: u8,
        /// Stores there are.
        have: usize,
        /// Stores needed.
        need: usize,
    },
    /// No volume of that name.
    #[error("There is no volume {0:?}. See the list of volumes for those there are.")]
    VolumeUnknown(String),
    /// A volume with exports besides the one of its name.
    #[error("{volume} still has the exports {exports}. Remove them first.")]
    VolumeHasExports {
        /// The volume.
        volume: String,
        /// Their names.
        exports: String,
    },
    /// Somebody works in the export.
    #[error("Somebody works in {export}: {sessions} sessions are open. Unmount it first.")]
    ExportBusy {
        /// The export.
        export: String,
        /// Open sessions.
        sessions: usize,
    },
    /// An export with snapshots.
    #[error("{export} still has {snapshots} snapshots. Remove them first.")]
    ExportHasSnapshots {
        /// The export.
        export: String,
        /// How many.
        snapshots: usize,
    },
    /// No such snapshot.
    #[error("There is no snapshot {0:?} of that export.")]
    SnapshotUnknown(String),
    /// An export has as many snapshots as it may.
    #[error("An export has at most {0} snapshots; remove one first.")]
    SnapshotsTooMany(i64),
    /// Only an operator makes exports.
    #[error("Only an operator may make an export. Restore in place, or ask one.")]
    OperatorNeeded,
    /// The soft limit is above the hard one.
    #[error(
        "The soft limit would be above the hard one, so nobody would ever be warned. Give a lower soft limit as well, or 0 for none."
    )]
    Limits,
    /// No tenant has this name or id.
    #[error("There is no tenant {0}. Give its name, or \"mine\" for your own.")]
    Tenant(String),
    /// The certificate request can't be used.
    #[error("The certificate request can't be read.")]
    CertificateRequest(#[source] wire::authority::AuthorityError),
    /// The data could not be made safe.
    #[error(transparent)]
    File(#[from] crate::file::FileError),
    /// Who mounts an export can read the whole volume at its stores, and others have exports there.
    #[error(
        "Others have exports on the volume {0}, so it can be mounted only by those who may use all of it. Use the files page, S3, or amphi volume put -r and get -r."
    )]
    VolumeShared(String),
    /// The name space refused.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// No store of that number.
    #[error("There is no store {0}. See the list of stores for those there are.")]
    StoreUnknown(i64),
    /// Units of stripes are on the store.
    #[error("Store {0} still holds parts of files. Drain it first.")]
    StoreUsed(i64),
    /// The store's agent would announce it again.
    #[error(
        "Store {0} is still offered by its node, and would come back. Take it out of the agent's --store, or disable it first."
    )]
    StoreOffered(i64),
    /// A node offers more than anybody has disks.
    #[error("A node offers at most {0} stores.")]
    StoresTooMany(usize),
    /// No port of TCP.
    #[error("{0} is no port.")]
    StorePort(u32),
    /// A store is named by no UUID.
    #[error("A store's UUID can't be read.")]
    StoreUuid,
    /// There is no volume for personal exports.
    #[error("Nobody has files of their own here yet: there is no volume \"home\". Ask an operator for one.")]
    HomeLacking,
    /// No such node.
    #[error("There is no node {0:?}. See the list of nodes for those there are.")]
    NodeUnknown(String),
    /// The directory is not acceptable.
    #[error(transparent)]
    Directory(#[from] DirectoryRefusal),
    /// Something is mounted there already, or is to be.
    #[error("Something is mounted on {0} of that node already.")]
    DirectoryTaken(String),
    /// More than anybody needs.
    #[error("A node has at most {0} mounts.")]
    MountsTooMany(usize),
    /// No such mount.
    #[error("There is no such mount on that node.")]
    MountUnknown,
    /// A certificate could not be made.
    #[error("making a certificate for stores")]
    Certificate(#[from] wire::authority::AuthorityError),
    /// The database failed.
    #[error("reading or writing storage's state")]
    Db(#[from] DbError),
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        use ServiceError as E;
        let sentence = error.to_string();
        match error {
            E::VolumeShared(name) => Problem::forbidden("volume-shared", sentence).arg("volume", name),
            E::ShareUnknown => Problem::not_found("share-unknown", sentence),
            E::ShareDays(days) => {
                Problem::bad_request("share-days", sentence).field("days").arg("days", days).arg("max", share::DAYS_MAX)
            }
            E::ExportUnknown(name) => Problem::not_found("export-unknown", sentence).arg("name", name),
            E::ExportReadOnly(name) => Problem::forbidden("export-read-only", sentence).arg("name", name),
            E::Name(NameRefusal(name)) => {
                Problem::bad_request("storage-name", sentence).field("name").arg("name", name)
            }
            E::NameTaken(name) => Problem::conflict("storage-name-taken", sentence).field("name").arg("name", name),
            E::Layout(_) => Problem::bad_request("layout-unknown", sentence).field("layout"),
            E::TooFewStores { layout, have, need } => Problem::conflict("too-few-stores", sentence)
                .arg("layout", u32::from(layout))
                .arg("have", have)
                .arg("need", need),
            E::VolumeUnknown(name) => Problem::not_found("volume-unknown", sentence).arg("name", name),
            E::VolumeHasExports { volume, exports } => {
                Problem::conflict("volume-has-exports", sentence).arg("volume", volume).arg("exports", exports)
            }
            E::ExportBusy { export, sessions } => {
                Problem::conflict("export-busy", sentence).arg("export", export).arg("sessions", sessions)
            }
            E::ExportHasSnapshots { export, snapshots } => {
                Problem::conflict("export-has-snapshots", sentence).arg("export", export).arg("snapshots", snapshots)
            }
            E::SnapshotUnknown(name) => Problem::not_found("snapshot-unknown", sentence).arg("name", name),
            E::SnapshotsTooMany(most) => Problem::conflict("snapshots-too-many", sentence).arg("most", most),
            E::OperatorNeeded => Problem::forbidden("operator-needed", sentence),
            E::Limits => Problem::bad_request("limits", sentence).field("bytes_soft"),
            E::Tenant(name) => Problem::bad_request("tenant", sentence).field("tenant").arg("name", name),
            E::CertificateRequest(_) => Problem::bad_request("certificate-request", sentence).field("csr_pem"),
            E::StoreUnknown(id) => Problem::not_found("store-unknown", sentence).arg("store", id.to_string()),
            E::StoreUsed(id) => Problem::conflict("store-used", sentence).arg("store", id.to_string()),
            E::StoreOffered(id) => Problem::conflict("store-offered", sentence).arg("store", id.to_string()),
            E::StoresTooMany(_) | E::StorePort(_) | E::StoreUuid => Problem::bad_request("store-offer", sentence),
            E::HomeLacking => Problem::conflict("home-lacking", sentence),
            E::NodeUnknown(node) => Problem::not_found("node-unknown", sentence).arg("node", node),
            E::Directory(DirectoryRefusal(directory)) => {
                Problem::bad_request("mount-directory", sentence + ".").field("directory").arg("directory", directory)
            }
            E::DirectoryTaken(directory) => {
                Problem::conflict("directory-taken", sentence).field("directory").arg("directory", directory)
            }
            E::MountsTooMany(most) => Problem::conflict("mounts-too-many", sentence).arg("most", most),
            E::MountUnknown => Problem::not_found("mount-unknown", sentence),
            E::File(error) => error.into(),
            E::Namespace(error) => error.into(),
            E::Certificate(error) => Problem::bug(error),
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
