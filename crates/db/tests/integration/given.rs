//! Rows that a statement brings along: each changes its own row, and many at once.

use db::{Database, Given, Kind, Value, Write};

use crate::{amounts, count, insert, schema};

testkit::for_each_engine!(schema(); each_row_gets_its_own, many_rows_are_inserted_and_changed, nothing_given_is_nothing);

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
