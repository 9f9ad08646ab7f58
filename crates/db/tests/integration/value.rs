//! What is bound comes back, and compares, sorts and sums alike.

use db::{Database, DbError, Query, Value, Write};

use crate::{insert, schema};

testkit::for_each_engine!(schema();
    every_kind_comes_back, a_wrong_column_is_a_decode_error, one_statement_takes_values_of_every_kind,
    text_compares_by_bytes, sums_are_integers);

async fn every_kind_comes_back(db: Database) {
    let text = "O'Neil \\ ? \u{1F600} \"x\" %_";
    let full = Query::new("INSERT INTO test_item (name, amount, small, share, note, raw) VALUES (?, ?, ?, ?, ?, ?)");
    let full = full.bind("full").bind(i64::MIN).bind(true).bind(0.1).bind(text).bind(vec![0_u8, 255, 39]);
    let empty = Query::new("INSERT INTO test_item (name, amount, share, note, raw) VALUES (?, ?, ?, ?, ?)");
    let empty =
        empty.bind("empty").bind(Value::Null).bind(Option::<f64>::None).bind(Option::<&str>::None).bind(Value::Null);
    assert_eq!(db.write(Write::new().step(full).step(empty)).await.unwrap(), [1, 1]);
    let rows = db.all(Query::new("SELECT * FROM test_item ORDER BY name")).await.unwrap();
    let [empty, full] = rows.as_slice() else { panic!("two rows, not {rows:?}") };
    assert_eq!(full.get::<i64>("amount").unwrap(), i64::MIN);
    assert!(full.get::<bool>("small").unwrap());
    assert_eq!(full.get::<f64>("share").unwrap(), 0.1);
    assert_eq!(full.get::<String>("note").unwrap(), text);
    assert_eq!(full.get::<Vec<u8>>("raw").unwrap(), [0, 255, 39]);
    assert_eq!(empty.get::<Option<i64>>("amount").unwrap(), None);
    assert_eq!(empty.get::<Option<f64>>("share").unwrap(), None);
    assert_eq!(empty.get::<Option<String>>("note").unwrap(), None);
    assert_eq!(empty.get::<Option<Vec<u8>>>("raw").unwrap(), None);
    assert!(!empty.get::<bool>("small").unwrap());
}

async fn a_wrong_column_is_a_decode_error(db: Database) {
    db.write(Write::new().step(insert("a", -1))).await.unwrap();
    let row = db.one(Query::new("SELECT name, amount, note FROM test_item")).await.unwrap();
    for error in [
        row.get::<i64>("absent").unwrap_err(),
        row.get::<i64>("name").unwrap_err(),
        row.get::<u32>("amount").unwrap_err(),
        row.get::<bool>("amount").unwrap_err(),
        row.get::<String>("note").unwrap_err(),
    ] {
        assert!(matches!(error, DbError::Decode { .. }), "{error}");
    }
    let none = Query::new("SELECT name FROM test_item WHERE name = ?").bind("b");
    assert!(matches!(db.one(none.clone()).await, Err(DbError::NotFound)));
    assert!(db.optional(none).await.unwrap().is_none());
}

/// A prepared statement must not keep the kinds it was first used with.
async fn one_statement_takes_values_of_every_kind(db: Database) {
    for (index, amount) in [Value::Null, Value::Int(7), Value::Null, Value::Int(8)].into_iter().enumerate() {
        let insert = Query::new("INSERT INTO test_item (name, amount, small) VALUES (?, ?, ?)");
        let insert = insert.bind(format!("n{index}")).bind(amount).bind(i64::try_from(index).unwrap());
        db.write(Write::new().step(insert)).await.unwrap();
    }
    let rows = db.all(Query::new("SELECT amount, small FROM test_item ORDER BY name")).await.unwrap();
    let amounts: Vec<Option<i64>> = rows.iter().map(|row| row.get("amount").unwrap()).collect();
    assert_eq!(amounts, [None, Some(7), None, Some(8)]);
    assert_eq!(rows[3].get::<i64>("small").unwrap(), 3);
    let eight_bytes = "12345678";
    let found = async |value: Value| {
        let select = Query::new("SELECT COUNT(*) AS n FROM test_item WHERE name = 'n1' AND ? = ?").bind(value.clone());
        db.one(select.bind(value)).await.unwrap().get::<i64>("n").unwrap()
    };
    for value in [Value::Int(1), eight_bytes.into(), Value::Float(2.0), eight_bytes.as_bytes().into(), Value::Int(3)] {
        assert_eq!(found(value.clone()).await, 1, "{value:?}");
    }
    let echo = async |value: Value| db.one(Query::new("SELECT MAX(?) AS v FROM test_item").bind(value)).await.unwrap();
    // Often enough to meet each connection again, which keeps the statement prepared.
    for _ in 0..40 {
        assert_eq!(echo(Value::Int(1)).await.get::<i64>("v").unwrap(), 1);
        assert_eq!(echo(eight_bytes.into()).await.get::<String>("v").unwrap(), eight_bytes);
    }
}

async fn text_compares_by_bytes(db: Database) {
    let mut write = Write::new();
    for name in ["a", "A", "é", "a ", "b_c", "bxc"] {
        write.push_step(insert(name, 0));
    }
    db.write(write).await.unwrap();
    let names = async |query: Query| -> Vec<String> {
        db.all(query).await.unwrap().iter().map(|row| row.get("name").unwrap()).collect()
    };
    assert_eq!(
        names(Query::new("SELECT name FROM test_item ORDER BY name")).await,
        ["A", "a", "a ", "b_c", "bxc", "é"]
    );
    assert_eq!(names(Query::new("SELECT name FROM test_item WHERE name = ?").bind("a")).await, ["a"]);
    let like = |pattern: &str| Query::new("SELECT name FROM test_item WHERE name LIKE ? ESCAPE '!'").bind(pattern);
    assert_eq!(names(like("A%")).await, ["A"]);
    assert_eq!(names(like("b!_%")).await, ["b_c"]);
    let joined =
        Query::new("SELECT name || '-' AS name FROM test_item WHERE name > ? ORDER BY name LIMIT ?").bind("b").bind(1);
    assert_eq!(names(joined).await, ["b_c-"]);
}

async fn sums_are_integers(db: Database) {
    let none = db.one(Query::new("SELECT SUM(amount) AS total, COUNT(*) AS n FROM test_item")).await.unwrap();
    assert_eq!(none.get::<Option<i64>>("total").unwrap(), None);
    assert_eq!(none.get::<i64>("n").unwrap(), 0);
    let large = 4_000_000_000_000_000_000;
    db.write(Write::new().step(insert("a", large)).step(insert("b", large + 1)).step(insert("c", -20_000)))
        .await
        .unwrap();
    let sums =
        "SELECT SUM(amount) AS total, SUM(small) AS small, MAX(amount) AS most, AVG(amount) AS mean FROM test_item";
    let row = db.one(Query::new(sums)).await.unwrap();
    assert_eq!(row.get::<i64>("total").unwrap(), 2 * large - 19_999);
    assert_eq!(row.get::<i64>("small").unwrap(), 0);
    assert_eq!(row.get::<i64>("most").unwrap(), large + 1);
    assert!((row.get::<f64>("mean").unwrap() / 2.666e18 - 1.0).abs() < 0.01);
}
