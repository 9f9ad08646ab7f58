//! Machines that offer less than this one: no namespaces at all, as in most containers; no cgroup but an empty v2.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use agent::sandbox::{Cause, Limits, Room, RoomSpec, Sandbox, SandboxConfig};
use nix::libc::{self, sock_filter, sock_fprog};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::ends::{is_alive, parent_of, pid};
use crate::site::{as_everybody, as_root, exe, is_root, python, room, roomy, run, sh, start, until};

const WITHOUT: &str = "AMPHI_TEST_WITHOUT_NAMESPACES";

/// A program that runs `script` in place of the helper, with its arguments.
fn instead(script: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("helper");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
    for path in [dir.path(), &path] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("opened");
    }
    (dir, path)
}

async fn sandbox_of(script: &str) -> Sandbox {
    let (_dir, exe) = instead(script);
    Sandbox::start(SandboxConfig { exe, netns: None, rooms: 1 }).await.expect("the helper starts")
}

/// Not a test by itself: becomes the helper after it has forbidden itself every namespace, as containers do.
#[test]
#[expect(unsafe_code, reason = "prctl has no safe form for this")]
fn helper_without_namespaces() {
    if std::env::var_os(WITHOUT).is_none() {
        return;
    }
    let op = |code: u32, k: u32, jt, jf| sock_filter { code: code as u16, jt, jf, k };
    let program = [
        op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_unshare as u32, 0, 1),
        op(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32, 0, 0),
        op(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let filter = sock_fprog { len: 4, filter: program.as_ptr().cast_mut() };
    nix::sys::prctl::set_no_new_privs().expect("no new privileges");
    // SAFETY: the kernel copies the four instructions, which live through the call.
    let done = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) };
    assert_eq!(done, 0, "the filter is refused");
    panic!("{}", Command::new(exe()).arg("sandbox-helper").exec());
}

fn without_namespaces() -> String {
    let test = std::env::current_exe().expect("this test");
    format!("{WITHOUT}=1 exec {} lesser::helper_without_namespaces --exact --nocapture", test.display())
}

#[test]
fn without_namespaces_programs_run_behind_what_is_left() {
    as_everybody("lesser::without_namespaces_programs_run_behind_what_is_left", || async {
        let secret = tempfile::tempdir().expect("a directory");
        std::fs::write(secret.path().join("node.pem"), "secret").expect("written");
        let sandbox = sandbox_of(&without_namespaces()).await;
        assert!(!sandbox.is_contained() && sandbox.fences().contains(&"seccomp".to_owned()), "{:?}", sandbox.fences());
        let refused = sandbox.room(RoomSpec { bytes: 1 << 20, has_network: true }).await;
        assert!(refused.is_err(), "a network that is the machine's");
        let mut one = room(&sandbox).await;
        one.write("src/a.txt", b"one").expect("written");
        // Whoever the agent is, programs own nothing of root's.
        assert_eq!(sh(&mut one, "id -u; id -G; cat src/a.txt; echo two > b.txt").await.ok(), "65534\n65534\none");
        let dir = sh(&mut one, "pwd").await.ok();
        let key = secret.path().join("node.pem");
        for line in [
            format!("cat {}", key.display()),
            "cat /etc/shadow".to_owned(),
            "ls /".to_owned(),
            "touch /tmp/x".to_owned(),
        ] {
            assert_ne!(sh(&mut one, &line).await.exit.code, 0, "{line}");
        }
        let orphan = "import os, time\npid = os.fork()\nif pid == 0:\n  os.setsid(); os.closerange(0, 10); time.sleep(1000)\nprint(pid)";
        let pid = python(&mut one, orphan).await.ok();
        assert!(!std::path::Path::new("/proc").join(&pid).exists(), "an orphan is left");
        assert!(is_held_to_one_process(&mut one).await, "it got a second process each time");
        drop(one);
        let mut two = room(&sandbox).await;
        assert_eq!(sh(&mut two, "ls -A").await.ok(), "");
        assert!(!std::path::Path::new(&dir).exists(), "{dir} is left");
    });
}

/// Whether a step is refused a second process. Without a pid namespace what else the user runs is counted beforehand, so
/// that a process of another test that ends meanwhile leaves room for one more: it is tried a few times.
async fn is_held_to_one_process(room: &mut Room) -> bool {
    for _ in 0..10 {
        let limits = Limits { processes: Some(1), ..roomy() };
        if run(room, &["sh", "-c", "true | true"], limits).await.exit.code != 0 {
            return true;
        }
    }
    false
}

#[test]
fn without_namespaces_nothing_is_left_of_rooms_whose_keeper_or_helper_died() {
    as_everybody("lesser::without_namespaces_nothing_is_left_of_rooms_whose_keeper_or_helper_died", || async {
        let other = sandbox_of(&without_namespaces()).await;
        let mut others = room(&other).await;
        let mut sandbox = sandbox_of(&without_namespaces()).await;
        for is_helper in [false, true] {
            let mut one = room(&sandbox).await;
            let dir = PathBuf::from(sh(&mut one, "pwd").await.ok());
            one.write("homework.py", b"mine").expect("written");
            let (mut process, ..) = start(&mut one, &["sh", "-c", "sleep 1000 & sleep 1000"], roomy()).await;
            let (init, keeper) = (process.pid(), parent_of(process.pid()));
            let killed = if is_helper { parent_of(keeper) } else { keeper };
            kill(pid(killed), Signal::SIGKILL).expect("it is killed");
            assert_eq!(process.wait().await.signal, Some(9));
            until("keeper and init are gone", || !is_alive(keeper) && !is_alive(init));
            drop((process, one));
            if is_helper {
                // Nobody else does where there is no pid namespace.
                for program in inhabitants(&dir) {
                    let _gone = kill(Pid::from_raw(program), Signal::SIGKILL);
                }
                sandbox = sandbox_of(&without_namespaces()).await;
            } else {
                let mut two = room(&sandbox).await;
                assert_eq!(sh(&mut two, "ls -A").await.ok(), "");
                until("the program is gone", || inhabitants(&dir).is_empty());
            }
            assert!(!dir.exists(), "{} is left", dir.display());
        }
        let mut last = room(&sandbox).await;
        let dir = PathBuf::from(sh(&mut last, "pwd").await.ok());
        let helpers = dir.ancestors().nth(2).expect("the helper's directory").to_owned();
        drop((last, sandbox));
        until("a helper that ends leaves nothing", || !helpers.exists());
        assert_eq!(sh(&mut others, "echo still > here; cat here").await.ok(), "still", "another agent's is swept");
    });
}

/// Processes that have their current directory there, removed or not.
fn inhabitants(dir: &Path) -> Vec<i32> {
    let processes = std::fs::read_dir("/proc").expect("proc").flatten().filter_map(|process| {
        let cwd = std::fs::read_link(process.path().join("cwd")).ok()?;
        cwd.to_string_lossy().starts_with(&*dir.to_string_lossy()).then(|| process.file_name())
    });
    processes.filter_map(|name| name.to_str()?.parse().ok()).collect()
}

#[test]
fn an_empty_cgroup_2_still_counts_processor_time() {
    if !is_root() {
        return;
    }
    as_root(async {
        let script = format!(
            "exec unshare --mount sh -c 'umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup && exec \"$@\"' sh {} \"$@\"",
            exe().display()
        );
        let sandbox = sandbox_of(&script).await;
        let Some(fence) = sandbox.fences().iter().find(|fence| fence.starts_with("cgroup")) else {
            panic!("no cgroup: {:?}", sandbox.fences());
        };
        assert!(fence.starts_with("cgroup v2"), "{fence}");
        let mut room = room(&sandbox).await;
        let limits = Limits { cpu: Some(Duration::from_millis(600)), ..roomy() };
        let loops = "for i in 1 2 3; do (while :; do :; done) & done; wait";
        let ran = run(&mut room, &["sh", "-c", loops], limits).await;
        assert_eq!(ran.exit.cause, Some(Cause::CpuTime), "{ran:?}");
        assert!(ran.exit.cpu >= Duration::from_millis(600), "{ran:?}");
    });
}
