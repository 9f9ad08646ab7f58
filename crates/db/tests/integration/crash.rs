//! kill -9 and a full disk: nothing acknowledged is lost, nothing is done twice or by half.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use db::{Database, DbError, Query, Write};
use testkit::engine::{Mariadb, Postgres, Server};
use testkit::link::FlakyLink;

use crate::{amounts, count, insert, schema};

const DEADLINE: Duration = Duration::from_secs(60);

/// Two rows that belong together.
fn pair(entry: &str) -> Write {
    let log = || Query::new("INSERT INTO test_log (entry) VALUES (?)").bind(entry);
    Write::new().step(log()).step(log())
}

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}");
    }
}

/// Each entry that was acknowledged is there as one pair, any other as one pair or not at all.
async fn assert_exact(db: &Database, acknowledged: &[String]) {
    let rows = db.all(Query::new("SELECT entry, COUNT(*) AS n FROM test_log GROUP BY entry")).await.unwrap();
    let found: HashMap<String, i64> =
        rows.iter().map(|row| (row.get("entry").unwrap(), row.get("n").unwrap())).collect();
    let lost: Vec<_> = acknowledged.iter().filter(|entry| !found.contains_key(*entry)).collect();
    assert!(lost.is_empty(), "lost {lost:?} of {}", acknowledged.len());
    let wrong: Vec<_> = found.iter().filter(|(_, n)| **n != 2).collect();
    assert!(wrong.is_empty(), "done twice or by half: {wrong:?}");
}

async fn server_killed_under_writes(mut server: Server) {
    let db = Database::open(&server.database().await.unwrap()).await.unwrap();
    db.migrate(&[schema()]).await.unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let writers = (0..6).map(|writer| {
        let (db, is_over) = (db.clone(), is_over.clone());
        tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for index in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let entry = format!("{writer}-{index}");
                match db.write(pair(&entry)).await {
                    Ok(_) => acknowledged.push(entry),
                    Err(error) => assert!(error.is_retryable(), "{error:?}"),
                }
            }
            acknowledged
        })
    });
    let writers: Vec<_> = writers.collect();
    for round in 1..=3 {
        let before = count(&db, "test_log").await;
        until("writes go on", async || (count(&db, "test_log").await > before + 20).then_some(())).await;
        server.kill().await;
        if round == 1 {
            let error = db.write(pair("away")).await.unwrap_err();
            assert!(matches!(error, DbError::Unavailable { .. }), "{error:?}");
        }
        server.restart().await.unwrap();
        until("the server is found again", async || db.ping().await.ok()).await;
    }
    is_over.store(true, Ordering::Relaxed);
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.append(&mut writer.await.unwrap());
    }
    assert_exact(&db, &acknowledged).await;
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_killed_under_writes() {
    server_killed_under_writes(Postgres::start().await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_killed_under_writes() {
    server_killed_under_writes(Mariadb::start().await.unwrap()).await;
}

/// COMMIT as a message of its own, as PostgreSQL's simple query ends it and as MariaDB's COM_QUERY begins it. The word
/// alone is in what every new connection to MariaDB says ("READ-COMMITTED"), and the pool may open one at any time.
const POSTGRES_COMMIT: &[u8] = b"COMMIT\0";
const MARIADB_COMMIT: &[u8] = b"\x03COMMIT";

/// The server commits, but its answer never arrives.
async fn the_answer_to_commit_is_lost(server: &Server, commit: &'static [u8]) {
    let link = FlakyLink::start(&server.socket()).await.unwrap();
    let url = server.database().await.unwrap();
    let direct = server.socket().parent().unwrap().display().to_string();
    let db = Database::open(&url.replace(&direct, &link.dir().display().to_string())).await.unwrap();
    db.migrate(&[schema()]).await.unwrap();
    for round in 1..=3 {
        link.cut_after(commit);
        let entry = format!("round {round}");
        assert_eq!(db.write(pair(&entry)).await.unwrap(), [1, 1]);
        assert_eq!(link.cuts(), round);
        assert_exact(&db, &[entry]).await;
    }
    db.close().await;
    server.database_drop(&url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_commit_is_lost_on_postgres() {
    the_answer_to_commit_is_lost(Postgres::shared().await.unwrap(), POSTGRES_COMMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_commit_is_lost_on_mariadb() {
    the_answer_to_commit_is_lost(Mariadb::shared().await.unwrap(), MARIADB_COMMIT).await;
}

/// The server commits, and the attempt that would find out breaks too: the third must still know its own id.
async fn the_answer_to_commit_is_lost_and_the_next_attempt_too(server: &Server, commit: &'static [u8]) {
    let link = FlakyLink::start(&server.socket()).await.unwrap();
    let url = server.database().await.unwrap();
    let setup = Database::open(&url).await.unwrap();
    setup.migrate(&[schema()]).await.unwrap();
    setup.close().await;
    let direct = server.socket().parent().unwrap().display().to_string();
    // A handle that has written nothing yet, so that each attempt has to send the text of its first statement.
    let db = Database::open(&url.replace(&direct, &link.dir().display().to_string())).await.unwrap();
    link.cut_after(commit);
    link.cut_after(b"INSERT INTO db_write");
    assert_eq!(db.write(pair("once")).await.unwrap(), [1, 1]);
    assert_eq!(link.cuts(), 2);
    assert_exact(&db, &["once".to_owned()]).await;
    db.close().await;
    server.database_drop(&url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_commit_is_lost_and_the_next_attempt_too_on_postgres() {
    the_answer_to_commit_is_lost_and_the_next_attempt_too(Postgres::shared().await.unwrap(), POSTGRES_COMMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_commit_is_lost_and_the_next_attempt_too_on_mariadb() {
    the_answer_to_commit_is_lost_and_the_next_attempt_too(Mariadb::shared().await.unwrap(), MARIADB_COMMIT).await;
}

const CHILD: &str = "AMPHI_TEST_CHILD_DB";

/// Starts itself again as the process to be killed, which prints every entry that was acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_process_killed_under_writes() {
    if let Ok(url) = std::env::var(CHILD) {
        return write_for_ever(&url).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/test.db", dir.path().display());
    let mut acknowledged = Vec::new();
    for _ in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::sqlite_process_killed_under_writes", "--nocapture"])
            .env(CHILD, &url)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let entries = |line: String| line.strip_prefix("done ").map(str::to_owned);
        acknowledged.extend(lines.by_ref().filter_map(entries).take(200));
        child.kill().unwrap();
        acknowledged.extend(lines.filter_map(entries));
        child.wait().unwrap();
    }
    assert!(acknowledged.len() >= 600, "{}", acknowledged.len());
    let db = Database::open(&url).await.unwrap();
    assert_exact(&db, &acknowledged).await;
    db.close().await;
}

async fn write_for_ever(url: &str) {
    let db = Database::open(url).await.unwrap();
    db.migrate(&[schema()]).await.unwrap();
    let writers = (0..8).map(|writer| {
        let db = db.clone();
        tokio::spawn(async move {
            for index in 0.. {
                let entry = format!("{}-{writer}-{index}", std::process::id());
                db.write(pair(&entry)).await.unwrap();
                println!("done {entry}");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

/// A small file system of its own, unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"]).arg(dir.path()).status();
        assert!(status.unwrap().success(), "mounting a small disk");
        Self(dir)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _left_to_the_machine = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_on_a_full_disk_fails_whole_and_recovers() {
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if !is_root {
        eprintln!("skipped: only root may mount a small disk");
        return;
    }
    let disk = SmallDisk::mount();
    let db = Database::open(&format!("sqlite:{}/test.db", disk.path().display())).await.unwrap();
    db.migrate(&[schema()]).await.unwrap();
    db.write(Write::new().step(insert("before", 1))).await.unwrap();
    let filler = disk.path().join("filler");
    std::fs::write(&filler, vec![1_u8; 4 << 20]).unwrap_err();
    let large = |name: &str| {
        let note = Query::new("INSERT INTO test_item (name, amount, note) VALUES (?, 2, ?)");
        Write::new().step(insert(&format!("{name}-small"), 2)).step(note.bind(name).bind("x".repeat(200_000)))
    };
    let (one, two) = tokio::join!(db.write(large("one")), db.write(large("two")));
    for result in [one, two] {
        assert!(matches!(result, Err(DbError::Unavailable { .. })), "{result:?}");
    }
    assert_eq!(amounts(&db).await, [("before".to_owned(), 1)]);
    std::fs::remove_file(&filler).unwrap();
    db.write(large("after")).await.unwrap();
    assert_eq!(amounts(&db).await.len(), 3);
    db.close().await;
}
