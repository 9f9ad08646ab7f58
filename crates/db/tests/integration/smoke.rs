use db::*;
fn migrations() -> Migrations {
    Migrations {
        service: "t",
        steps: &[Migration {
            name: "0001_start",
            sql: "CREATE TABLE t_item (\n id SERIAL_KEY,\n k VARCHAR(36) NOT NULL UNIQUE,\n n BIGINT,\n raw BYTES,\n note TEXT\n);\n",
        }],
    }
}
testkit::for_each_engine!(migrations(); smoke);
async fn smoke(db: Database) {
    db.migrate(&[migrations()]).await.unwrap();
    let w = db.events().watch(["x"]);
    let ins = |k: &str| {
        Query::new("INSERT INTO t_item (k, n, raw, note) VALUES (?, ?, ?, ?)")
            .bind(k)
            .bind(3)
            .bind(vec![1u8])
            .bind(Option::<String>::None)
    };
    assert_eq!(db.write(Write::new().step(ins("a")).event("x")).await.unwrap(), [1]);
    assert_eq!(w.changed().await, "x");
    assert!(matches!(db.write(Write::new().step(ins("a"))).await, Err(DbError::Duplicate)));
    let r = db.one(Query::new("SELECT k, n, raw, note FROM t_item WHERE k = ?").bind("a")).await.unwrap();
    assert_eq!(r.get::<i64>("n").unwrap(), 3);
    let l = db.lease_acquire("d", "me", std::time::Duration::from_secs(5)).await.unwrap().unwrap();
    assert!(db.lease_acquire("d", "you", std::time::Duration::from_secs(5)).await.unwrap().is_none());
    assert!(db.lease_renew(&l, std::time::Duration::from_secs(5)).await.unwrap());
    db.close().await;
    assert!(db.ping().await.unwrap_err().is_retryable());
}
