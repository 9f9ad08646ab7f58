//! Operations of classrooms: check the caller, decide, write, tell.

pub(crate) mod caption;
pub(crate) mod create;
pub(crate) mod dial_in;
pub(crate) mod hook;
pub(crate) mod import;
pub(crate) mod join;
pub(crate) mod meeting;
pub(crate) mod outbox;
pub(crate) mod overview;
pub(crate) mod recording;
pub(crate) mod room;
pub(crate) mod server;
mod stand_in;
pub(crate) mod tenant;
pub(crate) mod upload;
pub(crate) mod usage;
pub(crate) mod view;

use db::DbError;
use portal::Problem;

use crate::client::CallError;
use crate::model::meeting::MeetingIdRefusal;
use crate::model::room::{ROOMS_MAX, RoomRefusal};
use crate::model::server::ServerRefusal;
use crate::xml::{Outcome, XmlError};

/// Told when servers were added, changed or removed.
pub(crate) const SERVERS: &str = "classroom.servers";
/// Told when tenants' settings or secrets were changed.
pub(crate) const TENANTS: &str = "classroom.tenants";
/// Told when meetings were put on other servers, or given up.
pub(crate) const MOVED: &str = "classroom.moved";
/// Told when a meeting began or ended.
pub(crate) const MEETINGS: &str = "classroom.meetings";

/// What keeps an operation of classrooms from being carried out. `Display` is a sentence for people.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServiceError {
    /// A server can't be added or changed as asked.
    #[error(transparent)]
    Server(#[from] ServerRefusal),
    /// No such server.
    #[error("There is no conference server {0:?}. See the list of servers for those there are.")]
    ServerUnknown(String),
    /// One of that id or address is there.
    #[error("A conference server with this id or address is there already.")]
    ServerTaken,
    /// Meetings are on it.
    #[error(
        "{0} meetings are on this server. Cordon it: it takes no new ones and is disabled once they have ended; or panic it, which ends them."
    )]
    ServerBusy(usize),
    /// Somebody else changed it at the same moment.
    #[error("The server was changed meanwhile; look again.")]
    ServerChanged,
    /// No server can take the meeting.
    #[error("No conference server can take a meeting now.")]
    NoServer,
    /// None that has the tag.
    #[error("No conference server with the tag {0:?} can take a meeting now.")]
    NoServerTagged(String),
    /// The meeting's server can't be reached.
    #[error("The meeting's server does not answer now.")]
    ServerUnavailable,
    /// Every server that was tried failed.
    #[error("No conference server took the meeting.")]
    CreateFailed,
    /// A server refused.
    #[error("The conference server refused: {}", .0.message)]
    Refused(Outcome),
    /// No such meeting.
    #[error("There is no such meeting, or it has ended.")]
    MeetingUnknown,
    /// The name of a meeting is not acceptable.
    #[error("{0}.")]
    MeetingId(#[from] MeetingIdRefusal),
    /// A tenant has as many meetings as it may.
    #[error("{0} meetings are running, as many as may at the same time.")]
    MeetingsMost(u32),
    /// A tenant has as many people in meetings as it may.
    #[error("{0} people are in meetings, as many as may at the same time.")]
    PeopleMost(u32),
    /// No such tenant.
    #[error("There is no such tenant.")]
    TenantUnknown,
    /// No such secret.
    #[error("There is no such shared secret.")]
    SecretUnknown,
    /// What is asked for a tenant is not acceptable.
    #[error("{message}")]
    Settings {
        /// The field.
        field: &'static str,
        /// What would be right.
        message: String,
    },
    /// A room can't be made or changed as asked, or somebody's name is none.
    #[error(transparent)]
    Room(#[from] RoomRefusal),
    /// No such room, or none that the caller may know of.
    #[error("There is no such classroom.")]
    RoomUnknown,
    /// The caller may come, and no more.
    #[error("This classroom is somebody else's; you may come to it, and not change it.")]
    RoomOthers,
    /// The owner has as many rooms as one may have.
    #[error("You have {ROOMS_MAX} classrooms, as many as one may have; delete one first.")]
    RoomsMany,
    /// An invitation that leads nowhere: mistyped, renewed since, or of a room that is gone.
    #[error("There is no classroom behind this link. It may have been renewed; ask who gave it to you.")]
    InvitationUnknown,
    /// No meeting is held, and the caller may not begin one.
    #[error("The classroom is not open yet.")]
    RoomClosed,
    /// As many are in it as may be.
    #[error("The classroom is full: {0} people are in it.")]
    RoomFull(u32),
    /// The room is for accounts of its tenant.
    #[error("This classroom is for people with an account of {0}.")]
    RoomNeedsAccount(String),
    /// No such recording.
    #[error("There is no such recording.")]
    RecordingUnknown,
    /// What is asked for a recording is not acceptable.
    #[error("{message}")]
    Recording {
        /// The field.
        field: &'static str,
        /// What would be right.
        message: String,
    },
    /// No such upload.
    #[error("There is no such upload; it may have been finished, or given up after a week.")]
    UploadUnknown,
    /// A piece of an upload does not follow on what is there.
    #[error("The upload has {0} bytes; go on from there.")]
    UploadOffset(u64),
    /// Another piece is being written.
    #[error("Another piece of this upload is being written.")]
    UploadBusy,
    /// An upload is longer than is taken.
    #[error("A recording has at most {0} bytes.")]
    UploadTooLong(u64),
    /// An archive was set aside.
    #[error("{0}")]
    ArchiveRejected(String),
    /// The folder of recordings can't be read or written.
    #[error("reading or writing the files of recordings")]
    Files(#[source] std::io::Error),
    /// What is asked for is not acceptable.
    #[error("{message}")]
    Asked {
        /// The field.
        field: &'static str,
        /// What would be right.
        message: String,
    },
    /// A server's answer can't be read.
    #[error("reading a conference server's answer")]
    Answer(#[from] XmlError),
    /// A call to a server failed.
    #[error("calling a conference server")]
    Call(#[from] CallError),
    /// The portal refused, or failed.
    #[error("{0}")]
    Portal(Problem),
    /// The database failed.
    #[error("reading or writing the state of classrooms")]
    Db(#[from] DbError),
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        use ServiceError as E;
        let sentence = error.to_string();
        match error {
            E::Server(refusal) => {
                let field = refusal.field();
                Problem::bad_request(format!("conference-server-{field}"), sentence).field(field)
            }
            E::ServerUnknown(server) => Problem::not_found("conference-server-unknown", sentence).arg("server", server),
            E::ServerTaken => Problem::conflict("conference-server-taken", sentence).field("url"),
            E::ServerBusy(meetings) => Problem::conflict("conference-server-busy", sentence).arg("meetings", meetings),
            E::ServerChanged => Problem::conflict("conference-server-changed", sentence),
            E::NoServer => Problem::conflict("conference-server-lacking", sentence),
            E::NoServerTagged(tag) => Problem::conflict("conference-tag-lacking", sentence).arg("tag", tag),
            E::ServerUnavailable => Problem::unavailable("conference-server-away", sentence),
            E::CreateFailed => Problem::unavailable("meeting-not-created", sentence),
            E::Refused(outcome) => Problem::conflict("conference-refused", sentence).arg("detail", outcome.message),
            E::MeetingUnknown => Problem::not_found("meeting-unknown", sentence),
            E::MeetingId(_) => Problem::bad_request("meeting-id", sentence).field("meeting_id"),
            E::MeetingsMost(most) => Problem::conflict("conference-meetings-most", sentence).arg("most", most),
            E::PeopleMost(most) => Problem::conflict("conference-people-most", sentence).arg("most", most),
            E::TenantUnknown => Problem::not_found("tenant-not-found", sentence),
            E::SecretUnknown => Problem::not_found("conference-secret-unknown", sentence),
            E::Settings { field, .. } => {
                Problem::bad_request(format!("conference-settings-{field}"), sentence).field(field)
            }
            E::Room(refusal) => Problem::bad_request(refusal.code(), sentence).field(refusal.field()),
            E::RoomUnknown => Problem::not_found("room-unknown", sentence),
            E::RoomOthers => Problem::forbidden("room-others", sentence),
            E::RoomsMany => Problem::conflict("rooms-many", sentence),
            E::InvitationUnknown => Problem::not_found("room-invitation-unknown", sentence),
            E::RoomClosed => Problem::conflict("room-closed", sentence),
            E::RoomFull(people) => Problem::conflict("room-full", sentence).arg("people", people),
            E::RoomNeedsAccount(tenant) => Problem::forbidden("room-needs-account", sentence).arg("tenant", tenant),
            E::RecordingUnknown => Problem::not_found("recording-unknown", sentence),
            E::Recording { field, .. } => Problem::bad_request("recording", sentence).field(field),
            E::UploadUnknown => Problem::not_found("upload-unknown", sentence),
            E::UploadOffset(offset) => Problem::conflict("upload-offset", sentence).arg("offset", offset),
            E::UploadBusy => Problem::conflict("upload-busy", sentence),
            E::UploadTooLong(most) => Problem::bad_request("upload-too-long", sentence).arg("most", most),
            E::ArchiveRejected(detail) => Problem::conflict("recording-rejected", sentence).arg("detail", detail),
            E::Files(error) => {
                let sentence = "The folder of recordings can't be read or written just now.";
                Problem::unavailable("recordings-away", sentence).cause(error)
            }
            E::Asked { field, .. } => Problem::bad_request("conference-query", sentence).field(field),
            E::Answer(error) => Problem::unavailable("conference-server-away", sentence).cause(error),
            E::Call(error) => Problem::unavailable("conference-server-away", sentence).cause(error),
            E::Portal(problem) => problem,
            E::Db(error) => error.into(),
        }
    }
}
