//! A group that holds failing Writes, and what it costs in commits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A connection with tables, and the number of its commits from then on.
fn connection() -> (Connection, Arc<AtomicU32>) {
    let connection = Connection::open_in_memory().unwrap();
    connection.pragma_update(None, "foreign_keys", "ON").unwrap();
    let tables = [
        "CREATE TABLE item (name TEXT PRIMARY KEY)",
        "CREATE TABLE part (item TEXT REFERENCES item (name) DEFERRABLE INITIALLY DEFERRED)",
    ];
    for table in tables {
        execute(&connection, &Query::new(table)).unwrap();
    }
    let commits = Arc::new(AtomicU32::new(0));
    let counted = commits.clone();
    let hook = move || {
        counted.fetch_add(1, Ordering::SeqCst);
        false
    };
    connection.commit_hook(Some(hook)).unwrap();
    (connection, commits)
}

fn insert(name: &str) -> Write {
    Write::new().step(Query::new("INSERT INTO item (name) VALUES (?)").bind(name))
}

fn settled(connection: &Connection, writes: Vec<Write>) -> Vec<Answer> {
    let (mut group, mut results) = (Vec::new(), Vec::new());
    for write in writes {
        let (answer, result) = oneshot::channel();
        group.push(Job { write, answer });
        results.push(result);
    }
    settle(connection, &mut group, &Events::default());
    assert!(group.is_empty());
    results.into_iter().map(|mut result| result.try_recv().unwrap()).collect()
}

fn names(connection: &Connection) -> Vec<String> {
    let rows = connection::fetch(connection, &Query::new("SELECT name FROM item ORDER BY name")).unwrap();
    rows.iter().map(|row| row.get("name").unwrap()).collect()
}

#[test]
fn failing_writes_are_undone_alone_in_one_commit() {
    let (connection, commits) = connection();
    let none = Query::new("UPDATE item SET name = 'x' WHERE name = 'absent'");
    let writes = vec![
        insert("a"),
        insert("unmet").expect("none", none),
        insert("b"),
        insert("duplicate").step(Query::new("INSERT INTO item (name) VALUES ('a')")),
        insert("engine").step(Query::new("UPDATE no_such_table SET a = 1")),
        insert("c"),
    ];
    let answers = settled(&connection, writes);
    assert!(
        matches!(
            answers.as_slice(),
            [
                Ok(_),
                Err(DbError::Unmet { guard: "none" }),
                Ok(_),
                Err(DbError::Duplicate),
                Err(DbError::Engine { .. }),
                Ok(_)
            ]
        ),
        "{answers:?}"
    );
    assert_eq!(names(&connection), ["a", "b", "c"]);
    assert_eq!(commits.load(Ordering::SeqCst), 1);
    let answers = settled(&connection, vec![insert("d"), insert("e")]);
    assert!(answers.iter().all(|answer| matches!(answer.as_deref(), Ok([1]))), "{answers:?}");
    assert_eq!(commits.load(Ordering::SeqCst), 2);
}

/// The first is found at COMMIT alone, the second takes the whole transaction and its savepoint with it.
#[test]
fn a_write_that_no_savepoint_holds_still_fails_alone() {
    let orphan = insert("orphan").step(Query::new("INSERT INTO part (item) VALUES ('absent')"));
    let rollback = insert("rollback").step(Query::new("INSERT OR ROLLBACK INTO item (name) VALUES ('a')"));
    for failing in [orphan, rollback] {
        let (connection, _) = connection();
        let answers = settled(&connection, vec![insert("a"), failing, insert("b")]);
        assert!(matches!(answers.as_slice(), [Ok(_), Err(_), Ok(_)]), "{answers:?}");
        assert_eq!(names(&connection), ["a", "b"]);
    }
}
