//! What a command prints: a table for people or JSON for programs, and nothing else on standard output.

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::failure::Failure;
use super::table::Table;
use super::terminal::{stdout_width, wants_colours};

/// For whom the output is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Aligned text for people
    #[default]
    Text,
    /// JSON for programs, stable within a version
    Json,
}

/// `--output`, the same everywhere.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct OutputArgs {
    /// Form of what is printed
    #[arg(long, value_enum, value_name = "FORM", default_value = "text", global = true)]
    pub(super) output: Format,
}

impl OutputArgs {
    pub(super) fn is_json(self) -> bool {
        self.output == Format::Json
    }
}

/// Writes `text` as it is.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

/// Writes one line.
pub(super) fn print_line(line: &str) -> Result<(), Failure> {
    print(&format!("{line}\n"))
}

/// Writes `value`, indented.
pub(super) fn print_json(value: &Value) -> Result<(), Failure> {
    print_line(&format!("{value:#}"))
}

/// Writes `table`, cut to the terminal's width.
pub(super) fn print_table(table: &Table) -> Result<(), Failure> {
    print(&table.render(stdout_width(), wants_colours(&io::stdout())))
}

/// Writes facts, one a line, their names aligned. Those without a value are left out.
pub(super) fn print_facts(facts: &[(&str, Option<String>)]) -> Result<(), Failure> {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 1;
    let lines: String = facts
        .iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| (name, value)))
        .map(|(name, value)| format!("{:width$} {}\n", format!("{name}:"), super::terminal::plain(value)))
        .collect();
    print(&lines)
}
