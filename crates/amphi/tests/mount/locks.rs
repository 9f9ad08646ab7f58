//! Locks between two mounts of one export.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

use crate::site::{LIMIT, Mount, Site};

/// Does one thing to the file `l` with `fcntl`: `try`, `wait`, `hold` or `test`, `r` or `w`, first byte, length.
const LOCK: &str = r#"
import fcntl, os, struct, sys
what, kind, start, length = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
f = open('l', 'r+b')
kind = fcntl.LOCK_EX if kind == 'w' else fcntl.LOCK_SH
if what == 'test':
    wanted = struct.pack('hhqqi4x', fcntl.F_WRLCK if kind == fcntl.LOCK_EX else fcntl.F_RDLCK, 0, start, length, 0)
    found = struct.unpack('hhqqi4x', fcntl.fcntl(f, fcntl.F_GETLK, wanted))
    print('free' if found[0] == fcntl.F_UNLCK else f'{found[2]}+{found[3]}')
    sys.exit()
try:
    fcntl.lockf(f, kind | (0 if what == 'wait' else fcntl.LOCK_NB), length, start)
    print('had', flush=True)
except BlockingIOError:
    print('refused', flush=True)
if what == 'hold':
    sys.stdin.read()
"#;

async fn pair(site: &Site) -> (Mount, Mount) {
    let one = site.mount("one").await;
    one.shell("head -c 1000 /dev/zero > l; sync l").await;
    std::fs::write(site.scratch.path().join("lock.py"), LOCK).unwrap();
    (one, site.mount("two").await)
}

async fn lock(mount: &Mount, what: &str) -> String {
    mount.shell(&format!("python3 ../lock.py {what}")).await.trim().to_owned()
}

/// A program that holds a lock until it is told to end.
struct Holder(Child);

impl Holder {
    async fn new(mount: &Mount, what: &str) -> Self {
        let mut command = Command::new("python3");
        command.args(["../lock.py", "hold"]).args(what.split(' ')).current_dir(&mount.path).kill_on_drop(true);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut holder = Self(child);
        let mut line = [0; 4];
        let said = holder.0.stdout.as_mut().unwrap().read_exact(&mut line);
        timeout(LIMIT, said).await.expect("it is granted").unwrap();
        assert_eq!(&line, b"had\n");
        holder
    }

    async fn end(mut self) {
        drop(self.0.stdin.take());
        timeout(LIMIT, self.0.wait()).await.expect("it ends").unwrap();
    }
}

#[tokio::test]
async fn what_one_mount_locks_the_other_does_not_get() {
    let Some(site) = Site::start().await else { return };
    let (one, two) = pair(&site).await;
    let exclusive = Holder::new(&one, "w 10 10").await;
    for mount in [&one, &two] {
        assert_eq!(lock(mount, "try r 19 1").await, "refused");
        assert_eq!(lock(mount, "try w 20 5").await, "had");
        assert_eq!(lock(mount, "test r 0 0").await, "10+10");
    }
    exclusive.end().await;
    let shared = Holder::new(&two, "r 0 0").await;
    assert_eq!(lock(&one, "try r 5 1").await, "had");
    assert_eq!(lock(&one, "try w 5 1").await, "refused");
    shared.end().await;
    assert_eq!(lock(&one, "try w 5 1").await, "had");
    two.unmount(&site).await;
    one.unmount(&site).await;
}

#[tokio::test]
async fn what_is_locked_alone_is_locked_for_who_comes_later() {
    let Some(site) = Site::start().await else { return };
    let (one, two) = pair(&site).await;
    two.unmount(&site).await;
    let held = Holder::new(&one, "w 0 0").await;
    let two = site.mount("two").await;
    assert_eq!(lock(&two, "try r 0 1").await, "refused");
    held.end().await;
    assert_eq!(lock(&two, "try r 0 1").await, "had");
    two.unmount(&site).await;
    one.unmount(&site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_gets_it_when_it_is_free_and_can_be_interrupted() {
    let Some(site) = Site::start().await else { return };
    let (one, two) = pair(&site).await;
    for holder in [&one, &two] {
        let held = Holder::new(holder, "w 0 0").await;
        for waiter in [&one, &two] {
            let interrupted = waiter.shell_output("exec timeout -s INT 3 python3 ../lock.py wait r 0 1").await;
            assert_eq!(interrupted.status.code(), Some(124), "{}", String::from_utf8_lossy(&interrupted.stderr));
            let killed = waiter.shell_output("exec timeout -s KILL 1 python3 ../lock.py wait r 0 1").await;
            assert!(!killed.status.success());
        }
        let waiting = async { tokio::join!(lock(&one, "wait r 3 1"), lock(&two, "wait r 4 1")) };
        let (had, ()) = tokio::join!(waiting, held.end());
        assert_eq!(had, ("had".to_owned(), "had".to_owned()));
    }
    two.unmount(&site).await;
    one.unmount(&site).await;
}

#[tokio::test]
async fn what_a_killed_mount_held_is_free_when_its_session_is_over() {
    let Some(site) = Site::start().await else { return };
    let (one, two) = pair(&site).await;
    let held = Holder::new(&two, "w 0 0").await;
    assert_eq!(lock(&one, "try w 0 0").await, "refused");
    let killed = Instant::now();
    two.kill().await;
    drop(held);
    assert_eq!(lock(&one, "wait w 0 0").await, "had");
    assert!(killed.elapsed() < Duration::from_secs(25), "{:?}", killed.elapsed());
    one.unmount(&site).await;
}

#[tokio::test]
async fn flock_excludes_between_mounts() {
    let Some(site) = Site::start().await else { return };
    let (one, two) = pair(&site).await;
    let script = "for n in $(seq 30); do flock c sh -c 'read n < c; echo $((n + 1)) > c'; done";
    one.shell("echo 0 > c; sync c").await;
    tokio::join!(one.shell(script), two.shell(script));
    assert_eq!(one.shell("cat c").await, "60\n");
    assert_eq!(two.shell("flock c flock -n ../one/c true && echo got || echo refused").await, "refused\n");
    assert_eq!(two.shell("flock -s c flock -n -s ../one/c true && echo got || echo refused").await, "got\n");
    two.unmount(&site).await;
    one.unmount(&site).await;
}

/// Reads what is protected by a file that stays open: only the lock makes it see what the other one wrote.
const COUNT: &str = r#"
import fcntl, os
f = os.open('n', os.O_RDWR)
for _ in range(100):
    fcntl.lockf(f, fcntl.LOCK_EX, 8)
    n = int.from_bytes(os.pread(f, 8, 0), 'little')
    os.pwrite(f, (n + 1).to_bytes(8, 'little'), 0)
    fcntl.lockf(f, fcntl.LOCK_UN, 8)
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_locked_a_file_sees_what_the_other_wrote() {
    let Some(site) = Site::start().await else { return };
    let (one, two) = pair(&site).await;
    one.shell("head -c 8 /dev/zero > n; sync n").await;
    std::fs::write(site.scratch.path().join("count.py"), COUNT).unwrap();
    tokio::join!(one.shell("python3 ../count.py"), two.shell("python3 ../count.py"));
    assert_eq!(two.shell("od -An -tu8 n").await.trim(), "200");
    two.unmount(&site).await;
    one.unmount(&site).await;
}

/// Each row waits for the stores and for the other mount.
const ROWS_LIMIT: Duration = Duration::from_secs(240);

const ROWS: &str = r#"
import sqlite3, sys
c = sqlite3.connect('db', timeout=120, isolation_level=None)
for n in range(500):
    c.execute('begin immediate') if n % 25 == 0 else None
    c.execute('insert into t values (?, ?)', (sys.argv[1], n))
    c.execute('commit') if n % 25 == 24 else None
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_two_mounts_write_loses_nothing() {
    let Some(site) = Site::start().await else { return };
    let (one, two) = pair(&site).await;
    one.shell("sqlite3 db 'pragma journal_mode=delete; create table t(who text, n integer)'").await;
    std::fs::write(site.scratch.path().join("rows.py"), ROWS).unwrap();
    let rows = "python3 ../rows.py";
    let (first, second) = (format!("{rows} one"), format!("{rows} two"));
    let (first, second) = tokio::join!(one.shell_within(&first, ROWS_LIMIT), two.shell_within(&second, ROWS_LIMIT));
    assert!(first.status.success() && second.status.success(), "{first:?} {second:?}");
    for mount in [&one, &two] {
        let seen =
            mount.shell("sqlite3 db 'pragma integrity_check; select who, count(distinct n) from t group by who'").await;
        assert_eq!(seen, "ok\none|500\ntwo|500\n");
    }
    two.unmount(&site).await;
    one.unmount(&site).await;
}
