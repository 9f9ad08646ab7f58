//! Removal of a network: everything that bears its prefix, found in the system rather than remembered, so that the
//! owner's clean-up and that after a killed owner are the same.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{NETNS_ETC, command, plan};

/// Where `ip netns` keeps its namespaces.
const NAMESPACES: &str = "/run/netns";

/// Ends all processes in the namespaces of this prefix and removes them. A second time it changes nothing.
pub(super) async fn remove(prefix: &str) -> anyhow::Result<()> {
    let namespaces = ours(Path::new(NAMESPACES), prefix);
    kill_inside(&namespaces);
    if !namespaces.is_empty() {
        let batch = namespaces.iter().fold(String::new(), |batch, netns| batch + "netns del " + netns + "\n");
        // -force: what one line can't delete doesn't keep the others.
        command::run(&["ip", "-force", "-batch", "-"], &batch).await?;
    }
    for netns in ours(Path::new(NETNS_ETC), prefix) {
        let dir = Path::new(NETNS_ETC).join(netns);
        fs::remove_dir_all(&dir).with_context(|| format!("removing {}", dir.display()))?;
    }
    let left = ours(Path::new(NAMESPACES), prefix);
    if !left.is_empty() {
        bail!("these network namespaces are still there (ip netns del removes them): {}", left.join(" "));
    }
    Ok(())
}

/// Names in `dir` that a network of this prefix has.
fn ours(dir: &Path, prefix: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let is_ours = |name: &String| {
        let behind = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
        behind.is_some_and(plan::is_ours)
    };
    names.filter(is_ours).collect()
}

/// Kills whatever runs in these namespaces.
fn kill_inside(namespaces: &[String]) {
    let identity = |path: &Path| -> io::Result<(u64, u64)> {
        let meta = path.metadata()?;
        Ok((meta.dev(), meta.ino()))
    };
    let inside: BTreeSet<_> =
        namespaces.iter().filter_map(|netns| identity(&Path::new(NAMESPACES).join(netns)).ok()).collect();
    if inside.is_empty() {
        return;
    }
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        // One that ended meanwhile has no namespace, and needs no signal.
        if identity(&process.path().join("ns/net")).is_ok_and(|netns| inside.contains(&netns)) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_prefix_are_ours() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["amphi-lab-a", "amphi-r2", "amphi-site", "amphi2-lab-a", "amphi-prod", "other", "amphi-test-lab-a"]
        {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let mut found = ours(dir.path(), "amphi");
        found.sort();
        assert_eq!(found, ["amphi-lab-a", "amphi-r2", "amphi-site"]);
        assert!(ours(&dir.path().join("missing"), "amphi").is_empty());
    }
}
