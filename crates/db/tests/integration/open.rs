//! What can't be opened is refused with a reason, and what is made is private.

use std::os::unix::fs::PermissionsExt;

use db::{Database, DbError, Query};

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
    for file in ["a.db", "a.db-wal"] {
        let mode = std::fs::metadata(dir.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    db.all(Query::new("DELETE FROM db_lease")).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_unavailable() {
    let error = Database::open("postgres://nobody@127.0.0.1:1/x").await.err().unwrap();
    assert!(error.is_retryable(), "{error:?}");
}
