//! System calls that programs may not make: some end them, some are refused.

use agent::sandbox::Cause;
use nix::libc;

use crate::site::{as_everybody, python, room, sandbox, sh};

/// A line of Python that makes one call with small numbers as arguments and prints the error number.
fn call(number: i64, arguments: &str) -> String {
    format!(
        "import ctypes; l = ctypes.CDLL(None, use_errno=True); r = l.syscall({number}, {arguments}); print(r, ctypes.get_errno())"
    )
}

#[test]
fn calls_that_nobody_makes_by_chance_end_the_program() {
    const CALLS: [(&str, i64, &str); 9] = [
        ("ptrace", libc::SYS_ptrace, "0, 0, 0, 0"),
        ("mount", libc::SYS_mount, "0, 0, 0, 0, 0"),
        ("umount", libc::SYS_umount2, "0, 0"),
        ("bpf", libc::SYS_bpf, "0, 0, 0"),
        ("keyctl", libc::SYS_keyctl, "0, -3, 0"),
        ("userfaultfd", libc::SYS_userfaultfd, "0"),
        ("perf_event_open", libc::SYS_perf_event_open, "0, 0, 0, 0, 0"),
        ("process_vm_readv", libc::SYS_process_vm_readv, "1, 0, 0, 0, 0, 0"),
        ("open_by_handle_at", libc::SYS_open_by_handle_at, "0, 0, 0"),
    ];
    as_everybody("calls::calls_that_nobody_makes_by_chance_end_the_program", || async {
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        for (name, number, arguments) in CALLS {
            let ran = python(&mut room, &call(number, arguments)).await;
            assert_eq!(
                (ran.exit.signal, ran.exit.cause),
                (Some(libc::SIGSYS), Some(Cause::BlockedCall)),
                "{name}: {ran:?}"
            );
        }
    });
}

#[test]
fn calls_that_libraries_try_are_refused() {
    let newuser = format!("{}, 0, 0, 0, 0", libc::CLONE_NEWUSER | libc::SIGCHLD);
    let netlink = format!("{}, 3, 0", libc::AF_NETLINK);
    let packet = format!("{}, 3, 0", libc::AF_PACKET);
    let calls = [
        ("io_uring_setup", libc::SYS_io_uring_setup, "1, 0", libc::ENOSYS),
        ("clone3", libc::SYS_clone3, "0, 0", libc::ENOSYS),
        ("unshare", libc::SYS_unshare, "0x10000000", libc::EPERM),
        ("clone", libc::SYS_clone, newuser.as_str(), libc::EPERM),
        ("setns", libc::SYS_setns, "0, 0", libc::EPERM),
        ("personality", libc::SYS_personality, "0x40000", libc::EPERM),
        ("netlink", libc::SYS_socket, netlink.as_str(), libc::EAFNOSUPPORT),
        ("packet", libc::SYS_socket, packet.as_str(), libc::EAFNOSUPPORT),
    ];
    as_everybody("calls::calls_that_libraries_try_are_refused", || async {
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        for (name, number, arguments, errno) in calls {
            assert_eq!(python(&mut room, &call(number, arguments)).await.ok(), format!("-1 {errno}"), "{name}");
        }
    });
}

#[test]
fn programs_have_no_privileges() {
    as_everybody("calls::programs_have_no_privileges", || async {
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        let status =
            sh(&mut room, "grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp):' /proc/self/status").await.ok();
        for line in status.lines() {
            let (key, values) = line.split_once(':').expect("key: value");
            let is = |all: &str| values.split_whitespace().all(|value| value == all);
            let holds = match key {
                "NoNewPrivs" => is("1"),
                "Seccomp" => is("2"),
                "Uid" | "Gid" | "Groups" => is("65534"),
                _ => is("0000000000000000"),
            };
            assert!(holds, "{line}");
        }
        assert_eq!(status.lines().count(), 10, "{status}");
    });
}
