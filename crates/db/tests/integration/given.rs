//! Rows that a statement brings along: each changes its own row, and many at once.

use db::{Database, DbError, Given, Kind, Query, Value, Write};

use crate::{amounts, count, insert, schema};

testkit::for_each_engine!(schema(); each_row_gets_its_own, many_rows_are_inserted_and_changed,
    nothing_given_is_nothing, rows_are_found_summed_and_removed, each_row_has_to_be_met);

const COLUMNS: &[(&str, Kind)] = &[("item", Kind::Text), ("new_amount", Kind::Int), ("new_note", Kind::Text)];
const UPDATE: &str = "UPDATE test_item SET amount = given.new_amount, note = given.new_note FROM given \
     WHERE test_item.name = given.item AND test_item.small = 0";

async fn each_row_gets_its_own(db: Database) {
    let names = ["a", "A", "é ", "é", "other"];
    for name in names {
        db.write(Write::new().step(insert(name, 0))).await.unwrap();
    }
    let mut given = Given::new(COLUMNS);
    for (amount, name) in (1_i64..).zip(&names[..4]) {
        let amount = (*name != "A").then_some(amount);
        given.push([(*name).into(), amount.into(), Value::Null]);
    }
    given.push(["absent".into(), 9.into(), Value::Null]);
    let mut write = Write::new();
    write.push_given_update(UPDATE, given);
    assert_eq!(db.write(write).await.unwrap(), [4]);
    let nothing = db.all(db::Query::new("SELECT name FROM test_item WHERE amount IS NULL")).await.unwrap();
    assert_eq!(nothing[0].get::<String>("name").unwrap(), "A");
    db.write(Write::new().step(db::Query::new("DELETE FROM test_item WHERE amount IS NULL"))).await.unwrap();
    let expected = [("a", 1), ("other", 0), ("é", 4), ("é ", 3)].map(|(name, amount)| (name.to_owned(), amount));
    assert_eq!(amounts(&db).await, expected);
}

async fn many_rows_are_inserted_and_changed(db: Database) {
    let rows = |add: i64| {
        let mut given = Given::new(COLUMNS);
        (0..1_300).for_each(|n| given.push([format!("n{n:05}").into(), (n + add).into(), "note".into()]));
        given
    };
    let mut write = Write::new();
    write.push_given_insert(
        "INSERT INTO test_item (name, amount, note) SELECT given.item, given.new_amount, given.new_note FROM given \
         WHERE given.new_amount < 1299 ON CONFLICT DO NOTHING",
        rows(0),
    );
    let first = db.write(write.clone()).await.unwrap();
    assert_eq!(first.iter().sum::<u64>(), 1_299);
    assert_eq!(db.write(write).await.unwrap().iter().sum::<u64>(), 0, "they are there already");
    let mut write = Write::new();
    write.push_given_update(UPDATE, rows(7));
    assert_eq!(db.write(write).await.unwrap().iter().sum::<u64>(), 1_299);
    assert!(amounts(&db).await.iter().zip(0..).all(|((_, amount), n)| *amount == n + 7));
}

async fn nothing_given_is_nothing(db: Database) {
    let mut write = Write::new();
    write.push_given_update(UPDATE, Given::new(COLUMNS));
    write.push_given_insert("INSERT INTO test_item (name) SELECT given.item FROM given", Given::new(COLUMNS));
    assert!(write.is_empty());
    assert_eq!(count(&db, "test_item").await, 0);
}

const NAMES: &[(&str, Kind)] = &[("item", Kind::Text)];

fn names(numbers: impl Iterator<Item = usize>) -> Given {
    let mut given = Given::new(NAMES);
    numbers.for_each(|n| given.push([format!("n{n:05}").into()]));
    given
}

async fn items(db: &Database, count: usize) {
    let insert = "INSERT INTO test_item (name, amount) SELECT given.item, ? FROM given";
    let mut write = Write::new();
    write.push_given(Query::new(insert).bind(2_i64), names(0..count));
    db.write(write).await.unwrap();
}

async fn rows_are_found_summed_and_removed(db: Database) {
    items(&db, 1_300).await;
    let find = "SELECT t.name FROM given JOIN test_item t ON t.name = given.item WHERE t.amount = ?";
    let found = db.all_given(Query::new(find).bind(2_i64), names(600..2_000)).await.unwrap();
    assert_eq!(found.len(), 700);
    // What is bound stands on both sides of the rows that are brought along.
    let sum = "UPDATE test_item SET amount = ? + (SELECT COALESCE(SUM(t.amount), 0) FROM given \
         JOIN (SELECT name, amount FROM test_item) t ON t.name = given.item) WHERE name = ? AND amount = 2";
    let mut write = Write::new();
    write.push_given(Query::new(sum).bind(1_000_i64).bind("n00000"), names(1..301));
    assert_eq!(db.write(write).await.unwrap()[0], 1);
    assert_eq!(amounts(&db).await[0], ("n00000".to_owned(), 1_000 + 2 * 256));
    let mut write = Write::new();
    let remove = "DELETE FROM test_item USING given WHERE test_item.name = given.item AND test_item.amount = ?";
    write.push_given(Query::new(remove).bind(2_i64), names(0..1_299));
    assert_eq!(db.write(write).await.unwrap().iter().sum::<u64>(), 1_298);
    assert_eq!(amounts(&db).await.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), ["n00000", "n01299"]);
}

async fn each_row_has_to_be_met(db: Database) {
    items(&db, 700).await;
    let update = "UPDATE test_item SET amount = 5 FROM given WHERE test_item.name = given.item";
    for (rows, holds) in [(0..700, true), (1..701, false)] {
        let mut write = Write::new();
        write.push_given_expect("all", Query::new(update), names(rows));
        let done = db.write(write).await;
        assert_eq!(done.is_ok(), holds, "{done:?}");
        assert!(holds || matches!(done, Err(DbError::Unmet { guard: "all" })), "{done:?}");
    }
}
