//! What programs see of the node: programs and libraries, and nothing of anybody's.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::site::{as_everybody, exe, python, room, sandbox, sandbox_with, sh};

#[test]
fn nothing_of_the_node_can_be_read() {
    as_everybody("view::nothing_of_the_node_can_be_read", || async {
        // Where an agent would keep it, readable even by everybody.
        let home = tempfile::tempdir().expect("a directory");
        let key = home.path().join("node.pem");
        fs::write(&key, "secret").expect("written");
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).expect("opened");
        let key = key.to_str().expect("a path");
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        for path in [
            "/etc/shadow",
            "/etc/gshadow",
            "/etc/ssl/private",
            "/etc/machine-id",
            key,
            "/run",
            "/sys",
            "/var/lib",
            "/boot",
        ] {
            assert_ne!(sh(&mut room, &format!("ls {path}")).await.exit.code, 0, "{path} is there");
        }
        assert_eq!(
            sh(&mut room, "ls -A /root /home /work /tmp | grep -v : | grep .; cat /etc/passwd").await.ok(),
            "amphi:x:65534:65534:Amphi:/work:/bin/sh"
        );
        let exe = exe();
        let exe = exe.to_str().expect("a path");
        assert_ne!(sh(&mut room, &format!("ls {exe}")).await.exit.code, 0, "the agent's program is there");
    });
}

#[test]
fn the_root_can_be_listed_and_has_nothing_but_what_rooms_are_given() {
    as_everybody("view::the_root_can_be_listed_and_has_nothing_but_what_rooms_are_given", || async {
        const GIVEN: [&str; 16] = [
            "bin", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "opt", "proc", "root", "sbin", "tmp",
            "usr", "var", "work",
        ];
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        let listed = sh(&mut room, "ls -A /").await.ok();
        assert!(listed.lines().any(|name| name == "work"), "{listed}");
        assert_eq!(listed.lines().filter(|name| !GIVEN.contains(name)).collect::<Vec<_>>(), [""; 0]);
        assert_eq!(sh(&mut room, "ls -A /opt /home /root /var | grep -v :").await.stdout.trim(), "tmp");
    });
}

#[test]
fn nothing_outside_can_be_written() {
    as_everybody("view::nothing_outside_can_be_written", || async {
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        let tries = "for d in / /usr /usr/bin /etc /bin/ /lib/ /root /home /opt /var /dev /proc; do touch $d/x 2>/dev/null && echo $d; done; \
            for f in /etc/passwd /usr/bin/env /proc/sys/kernel/hostname /proc/sysrq-trigger /dev/null/x; do printf '' >> $f && echo $f; done; echo tried";
        assert_eq!(sh(&mut room, &format!("({tries}) 2>/dev/null")).await.ok(), "tried");
        assert_eq!(
            sh(&mut room, "echo a > /tmp/a && cat /tmp/a && echo b > b && cat b && echo c > /dev/null").await.ok(),
            "a\nb"
        );
    });
}

#[test]
fn rooms_see_nothing_of_one_another() {
    as_everybody("view::rooms_see_nothing_of_one_another", || async {
        let sandbox = sandbox_with(2, None).await;
        let (mut one, mut two) = (room(&sandbox).await, room(&sandbox).await);
        one.write("mine.txt", b"secret").expect("written");
        let leave = "cp mine.txt /tmp/mine.txt; chmod 777 /tmp/mine.txt; ipcmk -M 1000 -p 0666 > /dev/null; ipcs -m | grep -c 666";
        assert_eq!(sh(&mut one, leave).await.ok(), "1");
        assert_eq!(
            sh(&mut two, "ls -A /work /tmp | grep -v : | grep .; ipcs -m | grep -c 666").await.stdout.trim(),
            "0"
        );
        // The next in the same slot.
        drop(one);
        let mut three = room(&sandbox).await;
        assert_eq!(
            sh(&mut three, "ls -A /work /tmp | grep -v : | grep .; ipcs -m | grep -c 666").await.stdout.trim(),
            "0"
        );
    });
}

#[test]
fn only_ones_own_processes_are_there() {
    as_everybody("view::only_ones_own_processes_are_there", || async {
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        let agent = std::process::id();
        let signals = format!(
            "import os\nfor pid in (1, {agent}, os.getppid()):\n  for s in (0, 2, 9, 19):\n    try: os.kill(pid, s)\n    except OSError: pass\nprint([p for p in os.listdir('/proc') if p.isdigit()])"
        );
        let seen = python(&mut room, &signals).await.ok();
        assert!(!seen.contains(&format!("'{agent}'")), "{seen}");
        assert!(seen.matches('\'').count() <= 4, "more than init and itself: {seen}");
        assert_eq!(sh(&mut room, "echo alive").await.ok(), "alive");
    });
}

#[test]
fn the_programs_of_the_node_cannot_be_replaced() {
    as_everybody("view::the_programs_of_the_node_cannot_be_replaced", || async {
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        let before = fs::read(exe()).expect("the program").len();
        let open = "import os\nfor f in ('/proc/self/exe', '/proc/1/exe', '/proc/1/mem', '/proc/1/root/etc/passwd', '/proc/1/cwd', '/proc/1/environ', '/proc/1/maps'):\n  for how in (os.O_WRONLY, os.O_RDONLY):\n    try: os.open(f, how); print(f, how)\n    except OSError: pass";
        // Reading oneself is all that works.
        assert_eq!(python(&mut room, open).await.ok(), "/proc/self/exe 0");
        assert_eq!(fs::read(exe()).expect("the program").len(), before);
    });
}

#[test]
fn programs_hold_their_three_streams_and_nothing_else() {
    as_everybody("view::programs_hold_their_three_streams_and_nothing_else", || async {
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        let held = "import os\nfor fd in range(256):\n  try: os.fstat(fd); print(fd, end=' ')\n  except OSError: pass";
        assert_eq!(python(&mut room, held).await.ok(), "0 1 2");
        assert_eq!(sh(&mut room, "echo a > /dev/stdout").await.ok(), "a");
    });
}
