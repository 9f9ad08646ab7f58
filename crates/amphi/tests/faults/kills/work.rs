//! What is submitted, and what has to come out of it.

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::site::{ping, ping_fault};

/// Pause of a program that takes its time, in seconds, as the shell's sleep takes it.
const PAUSE: &str = "0.1";
/// What a conversation ends at.
pub(super) const GOODBYE: &str = "goodbye";

/// One kind of job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// A tool that prints over some time.
    Ping { packets: u32 },
    /// A tool that leaves a trace outside.
    Fetch,
    /// A shell program that prints numbered lines, at once or with pauses.
    Lines { count: u32, has_pauses: bool, exit_code: i64 },
    /// The same in C, compiled first.
    Compiled { count: u32 },
    /// A program that says what it hears, until it hears goodbye.
    Conversation,
}

impl Work {
    pub(super) fn draw(rng: &mut StdRng) -> Self {
        let tool = match rng.random_range(0..10) {
            0..4 => Self::Ping { packets: 1 },
            4..7 => Self::Ping { packets: 5 },
            _ => Self::Fetch,
        };
        let count = rng.random_range(1..40);
        let program = match rng.random_range(0..20) {
            0..7 => Self::Lines { count, has_pauses: false, exit_code: rng.random_range(0..4) },
            // More than one chunk.
            7 => Self::Lines { count: 20_000, has_pauses: false, exit_code: 0 },
            8..14 => Self::Lines { count: count.min(15), has_pauses: true, exit_code: 0 },
            14 => Self::Compiled { count },
            _ => Self::Conversation,
        };
        if rng.random_bool(0.6) { program } else { tool }
    }

    /// A submission's body. `url` is where it is seen from outside.
    pub(super) fn body(&self, url: &str) -> Value {
        match self {
            Self::Ping { packets } => ping(*packets),
            Self::Fetch => json!({ "tool": "http", "options": {}, "destination": url }),
            Self::Lines { count, has_pauses, exit_code } => {
                let pause = if *has_pauses { format!("sleep {PAUSE}; ") } else { String::new() };
                let line = format!(
                    "echo begin; n=1; while [ $n -le {count} ]; do echo line $n; {pause}n=$((n+1)); done; exit {exit_code}"
                );
                json!({ "line": line })
            }
            Self::Compiled { count } => {
                let text = format!(
                    "#include <stdio.h>\nint main(void) {{ puts(\"begin\"); \
                     for (int n = 1; n <= {count}; n++) printf(\"line %d\\n\", n); return 0; }}\n"
                );
                json!({ "language": "c", "files": [{ "path": "main.c", "text": text }] })
            }
            Self::Conversation => {
                let line = format!(
                    "echo begin; while read -r word; do echo \"heard $word\"; case $word in {GOODBYE}*) exit 0;; esac; done"
                );
                json!({ "line": line, "interactive": true })
            }
        }
    }

    /// What it exits with.
    pub(super) fn exit_code(&self) -> i64 {
        if let Self::Lines { exit_code, .. } = self { *exit_code } else { 0 }
    }

    /// Says what is missing, repeated or wrong in an output; what was cut off may end anywhere.
    pub(super) fn fault(&self, output: &str, is_whole: bool) -> Option<String> {
        match self {
            Self::Ping { packets } => ping_fault(output, *packets, is_whole),
            Self::Fetch => {
                let count = output.matches("status             200").count();
                (count > 1 || (is_whole && count == 0)).then(|| format!("{count} answers"))
            }
            Self::Lines { count, .. } | Self::Compiled { count } => {
                let lines: String = (1..=*count).map(|n| format!("line {n}\n")).collect();
                let wanted = format!("begin\n{lines}");
                let is_right = if is_whole { output == wanted } else { wanted.starts_with(output) };
                (!is_right).then(|| format!("it is not the beginning and {count} lines"))
            }
            // What it has to hear depends on what was typed: see `verdict`.
            Self::Conversation => {
                let mut lines = output.lines();
                let is_begun = lines.next().is_none_or(|line| line == "begin" || !is_whole);
                let is_said = |line: &str| line.starts_with("heard ");
                let has_ended = output.contains(GOODBYE) && output.ends_with('\n');
                (!(is_begun && (!is_whole || (has_ended && lines.all(is_said)))))
                    .then(|| "it is no conversation".to_owned())
            }
        }
    }
}

/// What a conversation heard, in this order. The last word may be cut off.
pub(super) fn heard(output: &str) -> Vec<&str> {
    output.lines().filter_map(|line| line.strip_prefix("heard ")).collect()
}
