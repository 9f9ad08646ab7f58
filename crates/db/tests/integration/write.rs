//! A Write is done wholly or not at all, and its neighbours do not notice.

use db::{Database, DbError, Query, Write};

use crate::{amounts, count, insert, schema};

testkit::for_each_engine!(schema();
    a_failing_step_undoes_the_rest, neighbours_of_a_failing_write_are_committed, compare_and_swap_loses_no_update,
    upserts_update, do_nothing_counts_what_it_inserted, do_nothing_hides_no_other_error, a_dropped_call_is_still_done,
    a_closed_handle_is_unavailable);

fn log(entry: &str) -> Query {
    Query::new("INSERT INTO test_log (entry) VALUES (?)").bind(entry)
}

fn add(name: &str, old: i64) -> Query {
    Query::new("UPDATE test_item SET amount = amount + 1 WHERE name = ? AND amount = ?").bind(name).bind(old)
}

async fn a_failing_step_undoes_the_rest(db: Database) {
    assert_eq!(
        db.write(Write::new().step(insert("a", 1)).step(add("a", 1)).step(add("a", 1))).await.unwrap(),
        [1, 1, 0]
    );
    let unmet = db.write(Write::new().step(log("x")).expect("amount-is-one", add("a", 1)).step(log("y"))).await;
    assert!(matches!(unmet, Err(DbError::Unmet { guard: "amount-is-one" })), "{unmet:?}");
    let duplicate = db.write(Write::new().step(log("x")).step(insert("a", 5))).await;
    assert!(matches!(duplicate, Err(DbError::Duplicate)), "{duplicate:?}");
    let wrong = db.write(Write::new().step(log("x")).step(Query::new("UPDATE no_such_table SET a = 1"))).await;
    assert!(matches!(wrong, Err(DbError::Engine { .. })), "{wrong:?}");
    assert_eq!(count(&db, "test_log").await, 0);
    assert_eq!(amounts(&db).await, [("a".to_owned(), 2)]);
    assert_eq!(db.write(Write::new()).await.unwrap(), [0; 0]);
}

async fn neighbours_of_a_failing_write_are_committed(db: Database) {
    db.write(Write::new().step(insert("taken", 0))).await.unwrap();
    let writes = (0..120).map(|index| {
        let db = db.clone();
        tokio::spawn(async move {
            let write = Write::new().step(insert(&format!("n{index:03}"), index));
            let write = match index % 6 {
                0 => write.expect("none", add("absent", 0)),
                1 => write.step(insert("taken", 1)),
                2 => write.step(Query::new("UPDATE no_such_table SET a = 1")),
                _ => write.expect("one", log("x")),
            };
            (index, db.write(write).await)
        })
    });
    for task in writes.collect::<Vec<_>>() {
        let (index, result) = task.await.unwrap();
        match index % 6 {
            0 => assert!(matches!(result, Err(DbError::Unmet { guard: "none" })), "{index}: {result:?}"),
            1 => assert!(matches!(result, Err(DbError::Duplicate)), "{index}: {result:?}"),
            2 => assert!(matches!(result, Err(DbError::Engine { .. })), "{index}: {result:?}"),
            _ => assert_eq!(result.unwrap(), [1, 1], "{index}"),
        }
    }
    assert_eq!(count(&db, "test_log").await, 60);
    let kept: Vec<i64> = amounts(&db).await.into_iter().filter(|(name, _)| name != "taken").map(|(_, n)| n).collect();
    assert_eq!(kept, (0..120).filter(|index| index % 6 > 2).collect::<Vec<i64>>());
}

async fn compare_and_swap_loses_no_update(db: Database) {
    db.write(Write::new().step(insert("counter", 0))).await.unwrap();
    let workers = (0..4).map(|_| {
        let db = db.clone();
        tokio::spawn(async move {
            let mut done = 0;
            while done < 15 {
                let old: i64 = amounts(&db).await[0].1;
                match db.write(Write::new().expect("unchanged", add("counter", old))).await {
                    Ok(_) => done += 1,
                    Err(DbError::Unmet { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    assert_eq!(amounts(&db).await, [("counter".to_owned(), 60)]);
}

async fn upserts_update(db: Database) {
    let upsert = |amount: i64, note: &str| {
        let sql = "INSERT INTO test_item (name, amount, note) VALUES (?, ?, ?) \
            ON CONFLICT (name) DO UPDATE SET amount = excluded.amount + test_item.amount, note = excluded.note";
        Write::new().expect("upserted", Query::new(sql).bind("a").bind(amount).bind(note))
    };
    db.write(upsert(1, "first")).await.unwrap();
    db.write(upsert(2, "second")).await.unwrap();
    let row = db.one(Query::new("SELECT amount, note FROM test_item")).await.unwrap();
    assert_eq!((row.get::<i64>("amount").unwrap(), row.get::<String>("note").unwrap()), (3, "second".to_owned()));
}

async fn do_nothing_counts_what_it_inserted(db: Database) {
    let one = || {
        Query::new("INSERT INTO test_item (name, amount) VALUES (?, ?) ON CONFLICT (name) DO NOTHING").bind("a").bind(1)
    };
    assert_eq!(db.write(Write::new().step(one()).step(one())).await.unwrap(), [1, 0]);
    let unmet = db.write(Write::new().expect("free", one())).await;
    assert!(matches!(unmet, Err(DbError::Unmet { guard: "free" })), "{unmet:?}");
    let two = Query::new("INSERT INTO test_item (name, amount) VALUES (?, ?), (?, ?) ON CONFLICT DO NOTHING");
    let two = two.bind("a").bind(2).bind("b").bind(3);
    assert_eq!(db.write(Write::new().step(two)).await.unwrap(), [1]);
    assert_eq!(amounts(&db).await, [("a".to_owned(), 1), ("b".to_owned(), 3)]);
}

async fn do_nothing_hides_no_other_error(db: Database) {
    let nameless =
        "INSERT INTO test_item (name, amount) SELECT NULL, 1 FROM test_log WHERE entry = 'x' ON CONFLICT DO NOTHING";
    db.write(Write::new().step(log("x"))).await.unwrap();
    let refused = db.write(Write::new().step(Query::new(nameless))).await;
    assert!(matches!(refused, Err(DbError::Engine { .. })), "{refused:?}");
    assert_eq!(count(&db, "test_item").await, 0);
}

async fn a_dropped_call_is_still_done(db: Database) {
    let watch = db.events().watch(["a"]);
    {
        let mut call = Box::pin(db.write(Write::new().step(insert("a", 1)).event("a")));
        assert!(futures::poll!(&mut call).is_pending());
    }
    assert_eq!(watch.changed().await, "a");
    assert_eq!(amounts(&db).await, [("a".to_owned(), 1)]);
}

async fn a_closed_handle_is_unavailable(db: Database) {
    db.ping().await.unwrap();
    let writes = (0..50).map(|index| {
        let db = db.clone();
        tokio::spawn(async move { db.write(Write::new().step(insert(&format!("n{index}"), 0))).await })
    });
    for task in writes.collect::<Vec<_>>() {
        task.await.unwrap().unwrap();
    }
    db.close().await;
    assert!(db.ping().await.unwrap_err().is_retryable());
    assert!(db.write(Write::new().step(insert("late", 0))).await.unwrap_err().is_retryable());
    db.close().await;
}
