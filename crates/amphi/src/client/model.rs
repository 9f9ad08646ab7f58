//! The API's nouns as far as this program shows them. Unknown fields are ignored: the server may be newer.
//! Programs that read `--output json` get the server's own JSON, not these.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// What a learner asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Job {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
    pub(crate) tool: String,
    #[serde(default)]
    pub(crate) command: String,
    #[serde(default)]
    pub(crate) node: Option<String>,
    /// Labels that its node has to carry.
    #[serde(default)]
    pub(crate) on: BTreeMap<String, String>,
    pub(crate) status: String,
    /// Why it ended as an error: a code.
    #[serde(default)]
    pub(crate) reason: Option<String>,
    /// The same in a sentence.
    #[serde(default)]
    pub(crate) reason_text: Option<String>,
    #[serde(default)]
    pub(crate) place: Option<u64>,
    #[serde(default)]
    pub(crate) pinned: bool,
    #[serde(default)]
    pub(crate) owner: Option<String>,
    pub(crate) created: Timestamp,
    #[serde(default)]
    pub(crate) started: Option<Timestamp>,
    #[serde(default)]
    pub(crate) completed: Option<Timestamp>,
    #[serde(default)]
    pub(crate) exit_code: Option<i64>,
    /// CPU time of a program.
    #[serde(default)]
    pub(crate) cpu_ms: Option<u64>,
    /// The most memory that a program had.
    #[serde(default)]
    pub(crate) memory_peak_bytes: Option<u64>,
    #[serde(default)]
    pub(crate) attempts: Vec<Attempt>,
}

/// The same work many times over.
#[derive(Debug, Deserialize)]
pub(crate) struct Batch {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) command: String,
    pub(crate) status: String,
    pub(crate) count: u32,
    pub(crate) waiting: u32,
    pub(crate) running: u32,
    pub(crate) done: u32,
    pub(crate) failed: u32,
    pub(crate) cancelled: u32,
    #[serde(default)]
    pub(crate) owner: String,
    pub(crate) created: Timestamp,
    /// Why elements failed that never started: a code.
    #[serde(default)]
    pub(crate) reason: Option<String>,
    /// Why nothing of it is started.
    #[serde(default)]
    pub(crate) waiting_reason: Option<String>,
    /// Elements carried out, a second.
    #[serde(default)]
    pub(crate) rate: Option<f64>,
    /// How long the rest takes at this rate, seconds.
    #[serde(default)]
    pub(crate) left_s: Option<f64>,
    /// What asks for the same batch again.
    #[serde(default)]
    pub(crate) asked_by: Option<String>,
}

impl Batch {
    /// Whether nothing more will happen to it.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "cancelled")
    }
}

/// A page of a batch's elements in the order of their index; each is an [`Element`].
#[derive(Debug, Deserialize)]
pub(crate) struct ElementPage {
    pub(crate) items: Vec<Value>,
    #[serde(default)]
    pub(crate) next: Option<String>,
}

/// An element of a batch.
#[derive(Debug, Deserialize)]
pub(crate) struct Element {
    pub(crate) index: i64,
    /// What sets it apart.
    #[serde(default)]
    pub(crate) value: Option<String>,
    /// Once a node took it.
    #[serde(default)]
    pub(crate) job: Option<String>,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    #[serde(default)]
    pub(crate) exit_code: Option<i64>,
}

/// One attempt of a job.
#[derive(Debug, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) attempt: u64,
    /// `near` gave the job its output, `far` served it from another node.
    #[serde(default)]
    pub(crate) role: String,
    #[serde(default)]
    pub(crate) node: Option<String>,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    #[serde(default)]
    pub(crate) started: Option<Timestamp>,
    #[serde(default)]
    pub(crate) ended: Option<Timestamp>,
    #[serde(default)]
    pub(crate) exit_code: Option<i64>,
    /// What held a program in on its node.
    #[serde(default)]
    pub(crate) fences: Vec<String>,
}

/// A machine that runs an agent.
#[derive(Debug, Deserialize)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) health: String,
    pub(crate) slots: u64,
    /// Runs at the same time that the agent itself allows.
    #[serde(default)]
    pub(crate) agent_slots: Option<u64>,
    #[serde(default)]
    pub(crate) running: u64,
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) tools: Vec<InstalledTool>,
    #[serde(default)]
    pub(crate) addresses: Vec<String>,
    #[serde(default)]
    pub(crate) cores: Option<u64>,
    #[serde(default)]
    pub(crate) memory_bytes: Option<u64>,
    #[serde(default)]
    pub(crate) os: Option<String>,
    #[serde(default)]
    pub(crate) takes_programs: Option<bool>,
    #[serde(default)]
    pub(crate) fences: Vec<String>,
    #[serde(default)]
    pub(crate) last_seen: Option<Timestamp>,
}

/// A store of parts of files.
#[derive(Debug, Deserialize)]
pub(crate) struct Store {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) node: String,
    pub(crate) kind: String,
    pub(crate) state: String,
    pub(crate) health: String,
    #[serde(default)]
    pub(crate) detail: String,
    pub(crate) capacity_bytes: u64,
    pub(crate) used_bytes: u64,
    pub(crate) free_bytes: u64,
    pub(crate) units: u64,
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) addresses: Vec<String>,
    pub(crate) created: Timestamp,
    pub(crate) seen: Timestamp,
}

/// A tool as a node has it.
#[derive(Debug, Deserialize)]
pub(crate) struct InstalledTool {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) version: String,
}

/// A language of programs.
#[derive(Debug, Deserialize)]
pub(crate) struct Language {
    pub(crate) name: String,
    pub(crate) title: String,
    /// Ends of its files' names, without the dot.
    pub(crate) extensions: Vec<String>,
    /// Nodes that have it.
    #[serde(default)]
    pub(crate) nodes: Vec<LanguageNode>,
}

/// A node that has a language.
#[derive(Debug, Deserialize)]
pub(crate) struct LanguageNode {
    pub(crate) node: String,
    #[serde(default)]
    pub(crate) version: String,
}

/// What a program was submitted with.
#[derive(Debug, Deserialize)]
pub(crate) struct Source {
    /// The main file first.
    pub(crate) files: Vec<SourceFile>,
}

/// A file of a program: its text, or its bytes in base64 where they are no text.
#[derive(Debug, Deserialize)]
pub(crate) struct SourceFile {
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) text: Option<String>,
    #[serde(default)]
    pub(crate) base64: Option<String>,
}

/// The lab's state, for anybody.
#[derive(Debug, Deserialize)]
pub(crate) struct Status {
    pub(crate) status: String,
    /// Runs that wait.
    #[serde(default)]
    pub(crate) waiting: u64,
    /// Runs on nodes.
    #[serde(default)]
    pub(crate) running: u64,
    /// Runs at the same time.
    #[serde(default)]
    pub(crate) slots: u64,
    #[serde(default)]
    pub(crate) nodes: Vec<NodeStatus>,
}

/// A node's state, for anybody.
#[derive(Debug, Deserialize)]
pub(crate) struct NodeStatus {
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) health: String,
    #[serde(default)]
    pub(crate) slots: u64,
    #[serde(default)]
    pub(crate) running: u64,
    #[serde(default)]
    pub(crate) last_seen: Option<Timestamp>,
}

/// What a new machine joins with.
#[derive(Debug, Deserialize)]
pub(crate) struct NodeToken {
    /// The one command to paste on the machine.
    pub(crate) command: String,
    /// Why the command may not do, a sentence.
    #[serde(default)]
    pub(crate) warning: Option<String>,
    pub(crate) expires: Timestamp,
}

/// A tool of the server's catalogue.
#[derive(Debug, Deserialize)]
pub(crate) struct Tool {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) summary: String,
    /// What may stand as the destination, in the server's form.
    #[serde(default)]
    pub(crate) destination: Value,
    #[serde(default)]
    pub(crate) options: Vec<ToolOption>,
    /// The program that runs on the node.
    #[serde(default)]
    pub(crate) program: Option<String>,
    /// Nodes that have it.
    #[serde(default)]
    pub(crate) nodes: u64,
}

/// One option of a tool.
#[derive(Debug, Deserialize)]
pub(crate) struct ToolOption {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) flags: Vec<String>,
    #[serde(default)]
    pub(crate) summary: String,
    /// Its kind with bounds and default, in the server's form.
    #[serde(default)]
    pub(crate) kind: Value,
}

/// One who can sign in.
#[derive(Deserialize)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) login: String,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) role: String,
    #[serde(default)]
    pub(crate) tenant_title: String,
    #[serde(default)]
    pub(crate) disabled: bool,
    pub(crate) created: Timestamp,
}

/// The caller's own account.
#[derive(Debug, Deserialize)]
pub(crate) struct Me {
    pub(crate) login: String,
    #[serde(default)]
    pub(crate) role: String,
}

/// A faculty, a course team.
#[derive(Debug, Deserialize)]
pub(crate) struct Tenant {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) accounts: u64,
    pub(crate) created: Timestamp,
}

/// An API token without its secret.
#[derive(Debug, Deserialize)]
pub(crate) struct Token {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    #[serde(default)]
    pub(crate) expires: Option<Timestamp>,
    #[serde(default)]
    pub(crate) last_used: Option<Timestamp>,
}

/// A token just made; its secret is shown this once.
#[derive(Deserialize)]
pub(crate) struct NewToken {
    pub(crate) id: String,
    pub(crate) token: String,
}

/// A key for S3 without its secret.
#[derive(Debug, Deserialize)]
pub(crate) struct S3Key {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) created: Timestamp,
}

/// A key for S3 just made; its secret is shown this once.
#[derive(Deserialize)]
pub(crate) struct NewS3Key {
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// One deed in the journal.
#[derive(Debug, Deserialize)]
pub(crate) struct AuditEntry {
    pub(crate) at: Timestamp,
    #[serde(default)]
    pub(crate) login: String,
    #[serde(default)]
    pub(crate) action: String,
    #[serde(default)]
    pub(crate) target: String,
}
