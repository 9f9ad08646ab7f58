//! What may be typed: the arguments of every command as `clap` reads them.

use clap::{CommandFactory, Parser};

use super::{Cli, Command};

fn parse(line: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("amphi").chain(line.iter().copied()))
}

fn run_args(line: &[&str]) -> String {
    match parse(line).unwrap().command {
        Command::Run(args) => format!("{args:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_description_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn what_stands_behind_the_tool_is_the_tools() {
    for (line, command) in [
        (&["run", "ping", "-c", "2", "--", "-x"][..], r#"["ping", "-c", "2", "--", "-x"]"#),
        (&["run", "ping", "--", "-x"], r#"["ping", "--", "-x"]"#),
        (&["run", "ping", "--node", "x"], r#"["ping", "--node", "x"]"#),
        (&["run", "ping", "--output", "json", "h"], r#"["ping", "--output", "json", "h"]"#),
        (&["run", "ping", "--help"], r#"["ping", "--help"]"#),
        (&["run", "ping", "-h"], r#"["ping", "-h"]"#),
        (&["run", "ping", "--version"], r#"["ping", "--version"]"#),
        (&["run", "--detach", "ping", "--detach"], r#"["ping", "--detach"]"#),
        (&["run", "--node", "a", "ping", "help"], r#"["ping", "help"]"#),
        (&["run", "--", "ping", "-c", "1"], r#"["ping", "-c", "1"]"#),
        (&["run", "--file", "a.c", "-i", "main.c", "-i", "--file", "b"], r#"["main.c", "-i", "--file", "b"]"#),
        (&["run", "-c", "echo $1", "x", "-y", "-c"], r#"["x", "-y", "-c"]"#),
    ] {
        let args = run_args(line);
        assert!(args.contains(&format!("command: {command}")), "{line:?}: {args}");
    }
}

#[test]
fn wrong_usage_of_run_is_refused() {
    for line in [
        &["run", "--nodes", "a", "ping"][..],
        &["run", "-n", "ping"],
        &["run", "-c"],
        &["run", "-c", "ls", "--language", "python"],
        &["run", "-c", "ls", "--file", "a.c"],
        &["run", "-i", "--detach", "a.py"],
        &["run", "--node", "a", "--on", "k=v", "ping"],
        &["run", "--on", "paris", "ping"],
        &["run", "--on", "=v", "ping"],
        &["run", "--output", "xml", "ping"],
    ] {
        assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line:?}");
    }
}

#[test]
fn every_help_has_examples() {
    fn check(command: &clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let own = path.trim_start();
        assert!(help.contains("Example"), "{own} --help has no examples");
        assert!(help.contains(own), "the examples of {own} don't show it");
        command.get_subcommands().filter(|command| command.get_name() != "help").for_each(|c| check(c, &path));
    }
    check(&Cli::command(), "");
}
