//! Operations of the lab: check the caller, decide, write, tell.

pub(crate) mod batch;
pub(crate) mod batch_change;
pub(crate) mod batch_wait;
pub(crate) mod direct;
pub(crate) mod element;
pub(crate) mod far_end;
pub(crate) mod input;
pub(crate) mod job;
mod keep;
pub(crate) mod language;
pub(crate) mod lease;
pub(crate) mod live;
pub(crate) mod node;
pub(crate) mod order;
pub(crate) mod policy;
mod problem;
pub(crate) mod queue;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod submit;
pub(crate) mod sweep;
mod target;
pub(crate) mod view;
pub(crate) mod window;

use db::DbError;

use crate::model::job::{JobId, NameRefusal};
use crate::model::node::NodeNameRefusal;
use crate::model::policy::PolicyRefusal;
use crate::model::refusal::Refusal;
use crate::model::work::StoredError;

/// What keeps an operation of the lab from being carried out. `Display` is a sentence for people.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The experiment is not acceptable.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The name is not acceptable.
    #[error(transparent)]
    Name(#[from] NameRefusal),
    /// The node's name is not acceptable.
    #[error(transparent)]
    NodeName(#[from] NodeNameRefusal),
    /// The policy is not acceptable.
    #[error(transparent)]
    Policy(#[from] PolicyRefusal),
    /// A request that gives neither or both of two things.
    #[error("{sentence}")]
    Request {
        /// The field concerned.
        field: &'static str,
        /// What is wrong and what would be right.
        sentence: String,
    },
    /// No node of that name or UID.
    #[error("There is no node {0:?}. See the list of nodes for those there are.")]
    NodeUnknown(String),
    /// The wanted node does not answer.
    #[error("{node} is down (last seen {ago} ago). Choose another node, or leave the choice to the lab.")]
    NodeDown {
        /// Its name.
        node: String,
        /// Time since it was last seen.
        ago: String,
    },
    /// An operator took the wanted node out.
    #[error("{node} is {state}: it takes no new runs. Choose another node, or leave the choice to the lab.")]
    NodeOut {
        /// Its name.
        node: String,
        /// Its admin state.
        state: &'static str,
    },
    /// The wanted node lacks the tool.
    #[error("{node} has no {tool}. It has: {tools}.")]
    NodeLacksTool {
        /// Its name.
        node: String,
        /// The tool.
        tool: String,
        /// What it has.
        tools: String,
    },
    /// No enabled node has the tool.
    #[error("No node has {tool}. An operator can install it on a node, or add one that has it.")]
    NoNodeWithTool {
        /// The tool.
        tool: String,
    },
    /// No enabled node has the language.
    #[error("No node has {language}. The languages there are: {languages}. An operator can install it on a node.")]
    NoNodeWithLanguage {
        /// The language.
        language: String,
        /// Those that enabled nodes have.
        languages: String,
    },
    /// No enabled node that has the tool carries the labels.
    #[error("No node that has {tool} carries {labels}. See the list of nodes for their labels.")]
    NoNodeWithLabels {
        /// The tool.
        tool: String,
        /// The labels wanted.
        labels: String,
    },
    /// The account has as many jobs waiting as it may.
    #[error("{waiting} of your experiments and programs wait already; {max} may. Wait for one to end, or cancel one.")]
    TooManyWaiting {
        /// How many wait.
        waiting: u32,
        /// How many may.
        max: u32,
    },
    /// A batch without elements, or with too many.
    #[error("A batch has 1 to 100,000 elements; split what is larger.")]
    BatchSize {
        /// What it is spread over.
        field: &'static str,
    },
    /// A batch by index whose last index comes before its first.
    #[error("An array from {from} to {to} has no element. Write the lesser index first.")]
    BatchReversed {
        /// The first.
        from: i64,
        /// The last.
        to: i64,
    },
    /// A batch of more elements than the account may have waiting at all.
    #[error("The batch has {count} elements; a batch of yours may have {max}. Split it.")]
    BatchTooLarge {
        /// How many it has.
        count: u32,
        /// How many it may have.
        max: u32,
    },
    /// One element of a batch is not acceptable.
    #[error("{error}")]
    Element {
        /// The request's field and the element's place in it, such as `parameters[2]`.
        field: String,
        /// Why.
        error: Box<ServiceError>,
    },
    /// No node that could run it is up.
    #[error("No node that has {tool} is up and takes runs. Ask again once one does.")]
    NoNodeUp {
        /// The tool or the language.
        tool: String,
    },
    /// The account has as many elements of batches waiting as it may.
    #[error("{waiting} elements of your batches wait already; {max} may. Submit fewer, or wait until some have run.")]
    TooManyElements {
        /// How many wait.
        waiting: u32,
        /// How many may.
        max: u32,
    },
    /// The account submitted as many elements of batches as it may within an hour.
    #[error(
        "{max} elements of batches an hour are allowed; {submitted} of yours were submitted. Submit fewer, or come back later."
    )]
    TooManyElementsHourly {
        /// How many were submitted.
        submitted: u32,
        /// How many may be.
        max: u32,
    },
    /// The account submitted as much as it may within an hour.
    #[error("{max} experiments and programs an hour are allowed, and you have submitted as many. Come back later.")]
    TooManyHourly {
        /// How many may be submitted.
        max: u32,
    },
    /// The account watches as much as it may.
    #[error("{max} live streams of one account are served at the same time. Close some of them, then come back.")]
    TooManyStreams {
        /// How many may be open.
        max: usize,
    },
    /// This replica serves as many live streams as it can.
    #[error("As many jobs are being watched as can be served. Try again in a moment.")]
    StreamsFull,
    /// No such job, or none the caller may see.
    #[error("There is no job of that id, or it is not yours.")]
    JobUnknown,
    /// No such batch, or none the caller may see.
    #[error("There is no batch of that id, or it is not yours.")]
    BatchUnknown,
    /// Asked of a batch that is over.
    #[error("The batch is over; there is nothing to cancel.")]
    BatchOver,
    /// Somebody else has changed the policy since it was read.
    #[error("Somebody else has changed the policy since you read it. Read it again.")]
    PolicyChanged,
    /// Asked of a batch that is not over.
    #[error("The batch is not over. Cancel it first.")]
    BatchOpen,
    /// Elements are kept for the class.
    #[error("{pinned} elements of the batch are pinned for the class. Unpin them first.")]
    BatchPinned {
        /// How many.
        pinned: u32,
    },
    /// The job is visible but somebody else's.
    #[error("Only its owner or an operator may do that.")]
    JobOfAnother,
    /// Asked of a job that is not over.
    #[error("The job is not over. Cancel it first.")]
    JobOpen,
    /// No other service keeps files here.
    #[error("There is no place here where files could be kept.")]
    NothingKept,
    /// Asked of a job that is over.
    #[error("The job is over; there is nothing to cancel.")]
    JobOver,
    /// Only what did not complete can be tried again.
    #[error("The job is {status}. Only one that ended as an error or was cancelled can be tried again.")]
    NotRetryable {
        /// Its status.
        status: &'static str,
    },
    /// The same idempotency key came with another request.
    #[error("This Idempotency-Key was used for another request. Use a new key for a new request.")]
    IdempotencyReused,
    /// The request took so long that a repetition of it has taken its place.
    #[error("A repetition of this request is at work. Ask again with the same Idempotency-Key.")]
    KeyTakenOver,
    /// A page cursor that is none.
    #[error("The page cursor is not one that this list gave. Begin again without it.")]
    Cursor,
    /// The join token is unknown, used or expired.
    #[error("The join token is unknown, was used, or has expired. Make a new one with `amphi node token`.")]
    JoinToken,
    /// The agent speaks another version of the protocol.
    #[error(
        "This agent speaks protocol {theirs}; the control plane speaks {ours}. Install the same version of amphi on both."
    )]
    OldProtocol {
        /// The agent's.
        theirs: u32,
        /// Ours.
        ours: u32,
    },
    /// The agent's certificate request can't be used.
    #[error("The certificate request can't be read. Enrol with an unchanged amphi agent.")]
    CertificateRequest(#[source] wire::authority::AuthorityError),
    /// Another node has that name.
    #[error("Another node is called {0:?} already. Choose another name with --name.")]
    NodeNameTaken(String),
    /// The operation needs runs to have left the node.
    #[error("{node} still has {running} runs. Cordon it and wait for them to end, or disable it first.")]
    NodeBusy {
        /// Its name.
        node: String,
        /// Runs on it.
        running: u32,
    },
    /// The database failed.
    #[error("reading or writing the lab's state")]
    Db(#[from] DbError),
    /// A stored experiment that this version can't read.
    #[error("a stored experiment can't be read")]
    Stored(#[source] StoredError),
    /// A stored program in a language whose recipe is gone.
    #[error("there is no recipe for {0} any more")]
    LanguageGone(String),
    /// A stored program whose source is gone.
    #[error("the source of job {0} is gone")]
    SourceGone(JobId),
    /// Input for a job that takes none.
    #[error("The program takes no input: it is not running, or too much input waits for it.")]
    NoInput,
    /// No node of that name or UID at this address.
    #[error("There is no node {0:?}. See the list of nodes for those there are.")]
    NodeMissing(String),
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    #[test]
    fn a_refusal_says_its_sentence_once() {
        let refusals: [ServiceError; 4] = [
            Refusal::ToolUnknown { tool: "pong".into(), tools: "ping".into() }.into(),
            NameRefusal::Control.into(),
            NodeNameRefusal("Lab A".into()).into(),
            PolicyRefusal::Range { field: "in_flight_max", value: 0, max: 9 }.into(),
        ];
        for refusal in refusals {
            assert!(!refusal.to_string().is_empty());
            assert!(refusal.source().is_none(), "{refusal} is told again as its own cause");
        }
    }
}
