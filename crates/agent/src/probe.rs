//! Which tools and languages this node has: each is started once, and its first line is its version.

use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use wire::proto::{Probe, Tool};

use crate::launcher::Launcher;
use crate::program::Programs;

const TOOL_TIMEOUT: Duration = Duration::from_secs(2);
/// For a language: some start a whole virtual machine to tell their version.
const LANGUAGE_TIMEOUT: Duration = Duration::from_secs(5);
/// Few, because some are heavy.
pub(crate) const LANGUAGES_AT_ONCE: u8 = 2;
/// Longest version line that is reported, in bytes.
const MAX_VERSION_BYTES: usize = 200;

/// Runs every probe at once, 2 s each, and reports the tools that started.
pub(crate) async fn tools(launcher: &Launcher, probes: Vec<Probe>) -> Vec<Tool> {
    let found = join_all(probes.into_iter().map(|probe| async move {
        let output = launcher.capture(&probe.argv, TOOL_TIMEOUT).await.ok()?;
        Some(tool(probe.name, &output.stdout, &output.stderr))
    }));
    found.await.into_iter().flatten().collect()
}

/// Runs every probe as a program, two at a time, 5 s each, and reports the languages that work there: a
/// compiler that a room leaves no way to is of no use.
pub(crate) async fn languages(programs: &Programs, probes: Vec<Probe>) -> Vec<Tool> {
    let found = futures::stream::iter(probes).map(async |probe| {
        let (stdout, stderr) = programs.capture(probe.argv, LANGUAGE_TIMEOUT).await?;
        Some(tool(probe.name, &stdout, &stderr))
    });
    found.buffered(LANGUAGES_AT_ONCE.into()).filter_map(std::future::ready).collect().await
}

fn tool(name: String, stdout: &[u8], stderr: &[u8]) -> Tool {
    Tool { name, version: first_line(stdout).or_else(|| first_line(stderr)).unwrap_or_default() }
}

fn first_line(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line[..line.floor_char_boundary(MAX_VERSION_BYTES)].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_one_short_line() {
        assert_eq!(first_line(b"\n  ping 20221126 \nmore"), Some("ping 20221126".to_owned()));
        assert_eq!(first_line(b" \n"), None);
        let long = "é".repeat(300);
        assert_eq!(first_line(long.as_bytes()).unwrap().len(), 200);
    }

    #[tokio::test]
    async fn tools_that_start_are_reported_even_when_they_fail() {
        let probe = |name: &str, argv: &[&str]| Probe {
            name: name.to_owned(),
            argv: argv.iter().map(|&word| word.to_owned()).collect(),
            is_contained: false,
        };
        let probes = vec![
            probe("echo", &["echo", "echo 1.0"]),
            probe("failing", &["sh", "-c", "echo on stderr >&2; exit 3"]),
            probe("missing", &["no-such-tool", "--version"]),
        ];
        let tools = tools(&Launcher::new(None), probes).await;
        let found: Vec<_> = tools.iter().map(|tool| (tool.name.as_str(), tool.version.as_str())).collect();
        assert_eq!(found, [("echo", "echo 1.0"), ("failing", "on stderr")]);
    }
}
