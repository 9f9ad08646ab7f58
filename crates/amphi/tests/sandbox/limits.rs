//! What one step may use, and what it is told to have run into.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use agent::sandbox::{Cause, Limits};

use crate::site::{as_everybody, as_root, is_root, python, room, roomy, run, sandbox, sandbox_with, sh, start};

const MEBIBYTE: u64 = 1024 * 1024;

#[test]
fn a_fork_bomb_runs_into_its_limit() {
    as_everybody("limits::a_fork_bomb_runs_into_its_limit", || async {
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        let limits = Limits { processes: Some(20), ..roomy() };
        let code = "import os, sys\nn = 0\ntry:\n  while n < 200:\n    if os.fork() == 0: os.pause() if hasattr(os, 'pause') else __import__('signal').pause()\n    n += 1\nexcept OSError: print(n); sys.exit(1)";
        let ran = run(&mut room, &["python3", "-c", code], limits).await;
        assert_eq!((ran.exit.code, ran.stdout.trim()), (1, "19"), "{ran:?}");
        if is_root() {
            assert_eq!(ran.exit.cause, Some(Cause::Processes), "{ran:?}");
        }
        // The real thing: it may never end by itself, so it is killed, and the room goes on.
        let (mut process, ..) = start(&mut room, &["bash", "-c", "b() { b | b & }; b; sleep 0.2"], limits).await;
        process.kill();
        process.wait().await;
        assert_eq!(sh(&mut room, "echo well").await.ok(), "well");
    });
}

#[test]
fn a_gigabyte_is_more_than_it_gets() {
    as_everybody("limits::a_gigabyte_is_more_than_it_gets", || async {
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        let limits = Limits { memory_bytes: Some(100 * MEBIBYTE), ..roomy() };
        let ran = run(&mut room, &["python3", "-c", "b = bytearray(1 << 30); print(len(b))"], limits).await;
        assert_ne!(ran.exit.code, 0, "{ran:?}");
        if is_root() {
            assert_eq!((ran.exit.signal, ran.exit.cause), (Some(9), Some(Cause::Memory)), "{ran:?}");
            let peak = ran.exit.memory_peak_bytes / MEBIBYTE;
            assert!((80..=100).contains(&peak), "{ran:?}");
            let little = run(&mut room, &["true"], limits).await;
            assert_eq!(little.exit.cause, None);
            assert!(little.exit.memory_peak_bytes < 20 * MEBIBYTE, "the step before is not counted again: {little:?}");
        }
        // Room for this much again, whatever the step before left.
        assert_eq!(run(&mut room, &["python3", "-c", "print(len(bytearray(1 << 25)))"], limits).await.ok(), "33554432");
    });
}

#[test]
fn memory_is_that_of_all_processes() {
    as_everybody("limits::memory_is_that_of_all_processes", || async {
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        let limits = Limits { memory_bytes: Some(150 * MEBIBYTE), ..roomy() };
        // None of the three passes the limit by itself.
        let code = "import os, sys, time\nchildren = [os.fork()]\nif children[0]: children.append(os.fork())\nb = bytearray(os.urandom(1 << 20)) * 90\nif not all(children): time.sleep(30); sys.exit()\nsys.exit(os.wait()[1] != 0)";
        let ran = run(&mut room, &["python3", "-c", code], limits).await;
        assert_eq!(ran.exit.cause, Some(Cause::Memory), "{ran:?}");
    });
}

#[test]
fn files_in_memory_count_as_memory() {
    as_everybody("limits::files_in_memory_count_as_memory", || async {
        if !is_root() {
            return;
        }
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        let limits = Limits { memory_bytes: Some(16 * MEBIBYTE), ..roomy() };
        let ran = run(&mut room, &["sh", "-c", "exec head -c 40M /dev/zero > big"], limits).await;
        assert_eq!(ran.exit.cause, Some(Cause::Memory), "{ran:?}");
    });
}

#[test]
fn cpu_time_is_that_of_all_processes() {
    as_everybody("limits::cpu_time_is_that_of_all_processes", || async {
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        let limits = Limits { cpu: Some(Duration::from_millis(400)), ..roomy() };
        let ran = run(&mut room, &["sh", "-c", "while :; do :; done"], limits).await;
        assert_eq!((ran.exit.code, ran.exit.cause), (137, Some(Cause::CpuTime)), "{ran:?}");
        assert!(ran.exit.cpu >= Duration::from_millis(400), "{ran:?}");
        // None of the three uses what they use together, and no rlimit is below two seconds.
        let since = Instant::now();
        let limits = Limits { cpu: Some(Duration::from_millis(600)), ..roomy() };
        let loops = "for i in 1 2 3; do (while :; do :; done) & done; wait";
        let ran = run(&mut room, &["sh", "-c", loops], limits).await;
        assert_eq!((ran.exit.code, ran.exit.cause), (137, Some(Cause::CpuTime)), "{ran:?}");
        assert!(ran.exit.cpu < Duration::from_secs(3), "{ran:?} after {:?}", since.elapsed());
    });
}

#[test]
fn all_rooms_together_weigh_what_one_session_does() {
    if !is_root() {
        return;
    }
    as_root(async {
        let sandbox = sandbox_with(2, None).await;
        if !sandbox.fences().iter().any(|fence| fence.starts_with("cgroup") && !fence.contains("cpu")) {
            println!("skipped: there is no cgroup that weighs");
            return;
        }
        let (mut one, mut two) = (room(&sandbox).await, room(&sandbox).await);
        let (first, ..) = start(&mut one, &["sleep", "1000"], roomy()).await;
        let (second, ..) = start(&mut two, &["sleep", "1000"], roomy()).await;
        let [first, second] = [first.pid(), second.pid()].map(weighing_group);
        assert_ne!(first, second);
        let all = first.parent().expect("the helper's group");
        assert_eq!(Some(all), second.parent(), "each room weighs by itself");
        assert!(all.file_name().is_some_and(|name| name.to_string_lossy().starts_with("amphi-")), "{all:?}");
        // The kernel's own weights, by which sessions and services go too.
        let weight = [("cpu.shares", "1024"), ("cpu.weight", "100")]
            .map(|(name, usual)| std::fs::read_to_string(all.join(name)).is_ok_and(|text| text.trim() == usual));
        assert!(weight.contains(&true), "{all:?} weighs something else");
    });
}

/// The directory of the cgroup by which a process gets its share of the processors.
fn weighing_group(pid: u32) -> PathBuf {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("it runs");
    let group_of = |wanted: &str| {
        groups.lines().find_map(|line| {
            let (names, path) = line.split_once(':')?.1.split_once(':')?;
            names.split(',').any(|name| name == wanted).then(|| path.trim_start_matches('/').to_owned())
        })
    };
    let mounts = std::fs::read_to_string("/proc/self/mounts").expect("mounts");
    let mount_of = |kind: &str, option: &str| {
        mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).find_map(|fields| {
            let is_it = fields[2] == kind && (option.is_empty() || fields[3].split(',').any(|one| one == option));
            is_it.then(|| PathBuf::from(fields[1]))
        })
    };
    // Version 1 where it has the controller, because version 2 can't have it then.
    let found = [("cgroup", "cpu"), ("cgroup2", "")]
        .into_iter()
        .find_map(|(kind, controller)| Some(mount_of(kind, controller)?.join(group_of(controller)?)));
    found.expect("a cgroup")
}

#[test]
fn sleeping_uses_no_cpu_time() {
    as_everybody("limits::sleeping_uses_no_cpu_time", || async {
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        let limits = Limits { cpu: Some(Duration::from_millis(300)), ..roomy() };
        let ran = run(&mut room, &["sleep", "0.5"], limits).await;
        assert_eq!((ran.exit.code, ran.exit.cause), (0, None), "{ran:?}");
    });
}

#[test]
fn files_end_at_their_size_and_the_room_at_its() {
    as_everybody("limits::files_end_at_their_size_and_the_room_at_its", || async {
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        let limits = Limits { file_bytes: Some(MEBIBYTE), ..roomy() };
        let ran = run(&mut room, &["sh", "-c", "exec head -c 2M /dev/zero > big"], limits).await;
        assert_eq!((ran.exit.signal, ran.exit.cause), (Some(25), Some(Cause::FileSize)), "{ran:?}");
        assert_eq!(sh(&mut room, "stat -c %s big; rm big").await.ok(), "1048576");
        // 64 MiB is the room's size, and none of these files is too large.
        let ran = sh(&mut room, "for i in 1 2 3; do head -c 30M /dev/zero > f$i || exit 1; done").await;
        assert_eq!(ran.exit.code, 1, "{ran:?}");
        assert!(ran.stderr.contains("No space left"), "{ran:?}");
        let ran = sh(&mut room, "rm f?; for i in 1 2 3; do head -c 30M /dev/zero > /tmp/f$i || exit 1; done").await;
        assert!(ran.stderr.contains("No space left"), "{ran:?}");
    });
}

#[test]
fn files_are_counted() {
    as_everybody("limits::files_are_counted", || async {
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        let many = "n = 0\ntry:\n  for n in range(200000): open(f'f{n}', 'w').close()\nexcept OSError as e: print(e.errno, n < 100000)";
        assert_eq!(python(&mut room, many).await.ok(), "28 True");
        let open = "import os\nf = []\ntry:\n  while True: f.append(os.open('/dev/null', 0))\nexcept OSError as e: print(e.errno, len(f) < 32)";
        let limits = Limits { open_files: Some(32), ..roomy() };
        assert_eq!(run(&mut room, &["python3", "-c", open], limits).await.ok(), "24 True");
    });
}

#[test]
fn no_core_is_left() {
    as_everybody("limits::no_core_is_left", || async {
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        let ran = sh(&mut room, "kill -SEGV $$").await;
        assert_eq!((ran.exit.code, ran.exit.signal), (139, Some(11)));
        assert_eq!(sh(&mut room, "ls -A; ulimit -c").await.ok(), "0");
    });
}

#[test]
fn rooms_wait_for_a_free_slot() {
    as_everybody("limits::rooms_wait_for_a_free_slot", || async {
        let sandbox = sandbox_with(2, None).await;
        let (one, two) = (room(&sandbox).await, room(&sandbox).await);
        let third = sandbox.clone();
        let third = tokio::spawn(async move { room(&third).await });
        assert!(!third.is_finished());
        drop(one);
        let mut third = third.await.expect("the third gets a room");
        assert_eq!(sh(&mut third, "echo in").await.ok(), "in");
        drop(two);
    });
}
