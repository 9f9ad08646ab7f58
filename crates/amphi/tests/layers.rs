//! The drawing of the crates, kept by a machine: fails on a dependency between them that is not drawn in ARCHITECTURE.md,
//! and on what `deny.toml` bans. Reading `deny.toml` rather than a list of its own keeps the two from differing.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

const PURE: [&str; 3] = ["mojette", "placement", "wire"];
const SERVICES: [&str; 5] = ["classroom", "cloud", "front", "lab", "storage"];

/// What a crate may depend on; `None`: the crate is not in the drawing.
fn allowed(name: &str) -> Option<BTreeSet<&'static str>> {
    let below: &[&[&'static str]] = match name {
        "amphi" => &[&SERVICES, &["agent", "portal", "db", "rehearsal"], &PURE],
        service if SERVICES.contains(&service) => &[&["portal", "db"], &PURE],
        // The tests of everything but the program stand on it.
        "testkit" => &[&SERVICES, &["agent", "portal", "db", "rehearsal"], &PURE],
        "portal" => &[&["db"], &PURE],
        "agent" | "db" => &[&PURE],
        "rehearsal" => &[],
        pure if PURE.contains(&pure) => &[],
        _ => return None,
    };
    Some(below.iter().copied().flatten().copied().collect())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn workspace() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo is there: it runs this test");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} is missing in {value}"))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("{key} is missing in {value}"))
}

#[test]
fn crates_depend_on_each_other_only_as_drawn() {
    let workspace = workspace();
    let packages = list(&workspace, "packages");
    let ours: BTreeSet<&str> = packages.iter().map(|package| text(package, "name")).collect();
    assert!(ours.contains("amphi"), "read another workspace: {ours:?}");
    let mut faults = Vec::new();
    for package in packages {
        let name = text(package, "name");
        let Some(allowed) = allowed(name) else {
            faults.push(format!("{name} is not in the drawing"));
            continue;
        };
        for dependency in list(package, "dependencies") {
            let below = text(dependency, "name");
            let is_dev = dependency["kind"].as_str() == Some("dev");
            // A crate's integration tests reach its own test-only features by a dev-dependency on itself.
            let is_for_tests = is_dev && (below == "testkit" || below == name);
            if ours.contains(below) && !allowed.contains(below) && !is_for_tests {
                faults.push(format!("{name} -> {below}"));
            }
        }
    }
    assert!(faults.is_empty(), "dependencies that are not drawn in ARCHITECTURE.md:\n{}", faults.join("\n"));
}

/// A banned crate, and who may depend on it all the same; nobody: it may not be in the tree at all.
struct Ban {
    name: String,
    wrappers: Vec<String>,
}

fn bans() -> Vec<Ban> {
    let path = root().join("deny.toml");
    let deny: toml::Table = std::fs::read_to_string(path).expect("deny.toml").parse().expect("deny.toml is TOML");
    let entries = deny["bans"]["deny"].as_array().expect("[bans] deny is a list");
    entries.iter().map(ban).collect()
}

fn ban(entry: &toml::Value) -> Ban {
    let entry = entry.as_table().expect("each ban is a table");
    let known = ["crate", "wrappers", "reason"];
    let unknown: Vec<_> = entry.keys().filter(|key| !known.contains(&key.as_str())).collect();
    assert!(unknown.is_empty(), "this test does not understand {unknown:?} of [bans] deny");
    let wrappers = entry.get("wrappers").and_then(toml::Value::as_array);
    Ban {
        name: entry["crate"].as_str().expect("crate is a name").to_owned(),
        wrappers: wrappers.into_iter().flatten().filter_map(|name| Some(name.as_str()?.to_owned())).collect(),
    }
}

/// Every package of Cargo.lock with the names of what it depends on; versions of one package are put together.
fn locked() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock");
    let lock: toml::Table = text.parse().expect("Cargo.lock is TOML");
    let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in lock["package"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a package has a name");
        let dependencies = package.get("dependencies").and_then(toml::Value::as_array).into_iter().flatten();
        // "name", or "name version" where several versions are locked.
        let names = dependencies.filter_map(|dependency| dependency.as_str()?.split(' ').next().map(str::to_owned));
        packages.entry(name.to_owned()).or_default().extend(names);
    }
    packages
}

#[test]
fn nothing_depends_on_what_deny_toml_bans() {
    let (bans, locked) = (bans(), locked());
    assert!(!bans.is_empty() && locked.contains_key("tokio"), "read nothing to check");
    let mut faults = Vec::new();
    for Ban { name, wrappers } in &bans {
        if wrappers.is_empty() && locked.contains_key(name) {
            faults.push(format!("{name} is in Cargo.lock"));
        }
        let above = locked.iter().filter(|(_, below)| below.contains(name)).map(|(above, _)| above);
        faults.extend(above.filter(|above| !wrappers.contains(above)).map(|above| format!("{above} -> {name}")));
    }
    assert!(faults.is_empty(), "banned in deny.toml:\n{}", faults.join("\n"));
}
