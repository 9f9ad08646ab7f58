//! What can't be opened is refused with a reason, and what is made is private.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use db::{Database, DbError, Query, Write};

use crate::{amounts, insert, schema};

async fn refused(url: &str) -> String {
    match Database::open(url).await {
        Ok(_) => panic!("{url} opened"),
        Err(DbError::Open { reason, .. }) => reason,
        Err(error) => panic!("{url}: {error:?}"),
    }
}

#[tokio::test]
async fn bad_urls_are_refused_with_a_reason() {
    assert!(refused("oracle://x").await.contains("must begin with"));
    assert!(refused("nothing").await.contains("must begin with"));
    assert!(refused("postgres://user:secret@host:notaport/x").await.contains("not of the form"));
    assert!(refused("sqlite:/no/such/directory/a.db").await.contains("/no/such/directory/a.db"));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("text.db");
    let text = "not a database ".repeat(100);
    std::fs::write(&path, &text).unwrap();
    assert!(refused(&format!("sqlite:{}", path.display())).await.contains("text.db"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn the_file_is_its_owners_alone_and_reading_cannot_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let db = Database::open(&format!("sqlite:{}", path.display())).await.unwrap();
    for file in ["a.db", "a.db-wal", "a.db.lock"] {
        let mode = std::fs::metadata(dir.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    db.all(Query::new("DELETE FROM db_lease")).await.unwrap_err();
}

const CHILD: &str = "AMPHI_TEST_OWNER_DB";

/// Starts itself again as the process that owns the file, and kills that with SIGKILL.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_another_process_owns_is_refused() {
    if let Ok(url) = std::env::var(CHILD) {
        let _db = Database::open(&url).await.unwrap();
        println!("owned");
        return std::future::pending().await;
    }
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/a.db", dir.path().display());
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "open::a_file_that_another_process_owns_is_refused", "--nocapture"])
        .env(CHILD, &url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let is_owned = lines.any(|line| line.ends_with("owned"));
    std::os::unix::fs::symlink(dir.path().join("a.db"), dir.path().join("link.db")).unwrap();
    let link = format!("sqlite:{}/link.db", dir.path().display());
    let reasons = tokio::join!(refused(&url), refused(&link));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(is_owned);
    for reason in [reasons.0, reasons.1] {
        assert!(reason.contains("a.db is in use by another process"), "{reason}");
    }
    Database::open(&url).await.unwrap().close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_that_was_closed_or_dropped_leaves_the_file_free() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/a.db", dir.path().display());
    let closed = Database::open(&url).await.unwrap();
    closed.migrate(&[schema()]).await.unwrap();
    closed.close().await;
    // `closed` is still there.
    let dropped = Database::open(&url).await.unwrap();
    dropped.write(Write::new().step(insert("a", 1))).await.unwrap();
    drop(dropped);
    let db = Database::open(&url).await.unwrap();
    assert_eq!(amounts(&db).await, [("a".to_owned(), 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_unavailable() {
    let error = Database::open("postgres://nobody@127.0.0.1:1/x").await.err().unwrap();
    assert!(error.is_retryable(), "{error:?}");
}
