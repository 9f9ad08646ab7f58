//! One slot on files that stand for cgroups: what is written where, and what is read back.

use super::*;

fn slot_in(dir: &Path, files: &[(&str, &str)], is_v2: bool) -> Slot {
    for (name, text) in files {
        fs::write(dir.join(name), text).unwrap();
    }
    Slot::open(is_v2, [Some(dir), Some(dir), Some(dir), None]).unwrap()
}

const V2_FILES: [(&str, &str); 10] = [
    ("cgroup.procs", ""),
    ("memory.max", "max\n"),
    ("memory.swap.max", "max\n"),
    ("memory.peak", "0\n"),
    ("memory.current", "4096\n"),
    ("memory.events", "low 0\nhigh 0\nmax 3\noom 1\noom_kill 0\noom_group_kill 0\n"),
    ("pids.max", "max\n"),
    ("pids.current", "2\n"),
    ("pids.events", "max 0\n"),
    ("cpu.stat", "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\n"),
];

#[test]
fn version_2_is_limited_and_read_by_its_own_names() {
    let dir = tempfile::tempdir().unwrap();
    let mut slot = slot_in(dir.path(), &V2_FILES, true);
    let limits = Limits { memory_bytes: Some(1 << 20), processes: Some(10), ..Limits::default() };
    slot.limit(&limits).unwrap();
    let text = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    assert!(text("memory.max").starts_with("1048576"));
    assert!(text("memory.swap.max").starts_with('0'));
    assert!(text("pids.max").starts_with("12"), "its own two processes have their place");
    assert_eq!(slot.cpu(), Some(Duration::from_micros(1500)));
    let before = slot.begin();
    fs::write(dir.path().join("memory.peak"), "70000\n").unwrap();
    fs::write(dir.path().join("memory.events"), "oom 2\noom_kill 1\n").unwrap();
    fs::write(dir.path().join("pids.events"), "max 4\n").unwrap();
    fs::write(dir.path().join("cpu.stat"), "usage_usec 3500\n").unwrap();
    let used = slot.used(&before, 4096);
    assert_eq!(used.cpu, Some(Duration::from_micros(2000)));
    assert_eq!(used.memory_peak_bytes, Some(70000 - 4096));
    assert!(used.was_killed_for_memory && used.was_refused_processes);
}

#[test]
fn what_stands_in_a_file_is_not_guessed() {
    let dir = tempfile::tempdir().unwrap();
    let mut slot = slot_in(dir.path(), &V2_FILES, true);
    let text = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    // Whatever an earlier keeper of the slot left there.
    for name in ["memory.max", "pids.max"] {
        fs::write(dir.path().join(name), "12").unwrap();
    }
    slot.limit(&Limits::default()).unwrap();
    assert_eq!((text("memory.max").as_str(), text("pids.max").as_str()), ("max", "max"));
    fs::write(dir.path().join("memory.max"), "untouched").unwrap();
    slot.limit(&Limits::default()).unwrap();
    assert_eq!(text("memory.max"), "untouched", "written again");
}

#[test]
fn a_peak_of_an_earlier_step_is_not_told_as_this_ones() {
    let dir = tempfile::tempdir().unwrap();
    let slot = slot_in(dir.path(), &V2_FILES, true);
    let before = Reading { peak: 900_000, usage: 4096, ..Reading::default() };
    fs::write(dir.path().join("memory.peak"), "900000\n").unwrap();
    assert_eq!(slot.used(&before, 0).memory_peak_bytes, None);
}

#[test]
fn without_controllers_nothing_is_counted() {
    let mut slot = Slot::default();
    slot.limit(&Limits { memory_bytes: Some(1), processes: Some(1), ..Limits::default() }).unwrap();
    slot.join().unwrap();
    let used = slot.used(&slot.begin(), 0);
    assert!(used.cpu.is_none() && used.memory_peak_bytes.is_none());
    assert!(!used.was_killed_for_memory && !used.was_refused_processes);
}
