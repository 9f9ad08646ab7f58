//! `amphi language`: what programs may be written in.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::failure::Failure;
use super::output::{OutputArgs, print_json, print_table};
use super::table::Table;
use super::{connect, decode};
use crate::client::Language;

/// Arguments of `amphi language`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  amphi language list")]
pub(crate) struct LanguageArgs {
    #[command(flatten)]
    format: OutputArgs,
    #[command(subcommand)]
    command: LanguageCommand,
}

#[derive(Subcommand, Debug)]
enum LanguageCommand {
    /// List the languages and the nodes that have each
    #[command(after_help = "Example:\n  amphi language list --output json")]
    List,
}

pub(super) async fn run(args: LanguageArgs) -> Result<(), Failure> {
    let LanguageCommand::List = args.command;
    let languages: Value = connect()?.get(&["languages"], &[]).await?;
    if args.format.is_json() {
        return print_json(&languages);
    }
    let mut table = Table::new(&["LANGUAGE", "TITLE", "FILES", "NODES", "VERSION"]);
    for language in decode::<Vec<Language>>(languages)? {
        let files: Vec<String> = language.extensions.iter().map(|extension| format!(".{extension}")).collect();
        let nodes: Vec<&str> = language.nodes.iter().map(|node| node.node.as_str()).collect();
        let mut versions: Vec<&str> = language.nodes.iter().map(|node| node.version.as_str()).collect();
        versions.dedup();
        table.row([
            language.name.into(),
            language.title.into(),
            files.join(" ").into(),
            nodes.join(" ").into(),
            versions.join(", ").into(),
        ]);
    }
    print_table(&table)
}
