//! Migrations run once, in order, and never on a database they do not fit.

use db::{Database, DbError, Engine, Migration, Migrations, Query, Write};
use testkit::conformance::Fresh;

use crate::{count, schema};

const FIRST: Migration =
    Migration { name: "0001_start", sql: "CREATE TABLE shop_item (\n  id VARCHAR(36) NOT NULL PRIMARY KEY\n);\n" };
const SECOND: Migration = Migration {
    name: "0002_note",
    sql: "ALTER TABLE shop_item ADD COLUMN note TEXT;\nINSERT INTO shop_item (id) VALUES ('x');\n",
};
const OTHER_SECOND: Migration = Migration { name: "0002_note", sql: "ALTER TABLE shop_item ADD COLUMN text TEXT;\n" };
const BROKEN: Migration = Migration {
    name: "0002_note",
    sql: "INSERT INTO shop_item (id) VALUES ('y');\nINSERT INTO absent (id) VALUES ('z');\n",
};

fn shop(steps: &'static [Migration]) -> Migrations {
    Migrations { service: "shop", steps }
}

testkit::for_each_engine!(schema(), shop(&[FIRST]);
    steps_run_once_and_in_order, a_changed_step_is_refused, a_newer_database_is_refused, a_broken_step_is_not_recorded);

async fn steps_run_once_and_in_order(db: Database) {
    for _ in 0..2 {
        db.migrate(&[shop(&[FIRST, SECOND]), schema()]).await.unwrap();
    }
    let row = db.one(Query::new("SELECT id, note FROM shop_item")).await.unwrap();
    assert_eq!(row.get::<Option<String>>("note").unwrap(), None);
}

async fn a_changed_step_is_refused(db: Database) {
    db.migrate(&[shop(&[FIRST, SECOND])]).await.unwrap();
    let error = db.migrate(&[shop(&[FIRST, OTHER_SECOND])]).await.unwrap_err();
    assert!(
        matches!(&error, DbError::MigrationChanged { service, migration } if service == "shop" && migration == "0002_note"),
        "{error}"
    );
    let error = db.migrate(&[shop(&[SECOND])]).await.unwrap_err();
    assert!(matches!(&error, DbError::MigrationChanged { .. }), "{error}");
}

async fn a_newer_database_is_refused(db: Database) {
    db.migrate(&[shop(&[FIRST, SECOND])]).await.unwrap();
    let error = db.migrate(&[shop(&[FIRST])]).await.unwrap_err();
    assert!(
        matches!(&error, DbError::TooNew { service, migration } if service == "shop" && migration == "0002_note"),
        "{error}"
    );
}

async fn a_broken_step_is_not_recorded(db: Database) {
    let error = db.migrate(&[shop(&[FIRST, BROKEN])]).await.unwrap_err();
    assert!(matches!(error, DbError::Engine { .. }), "{error}");
    if db.engine() != Engine::Mariadb {
        // MariaDB keeps what was done and would go on behind it.
        assert_eq!(count(&db, "shop_item").await, 0);
        db.migrate(&[shop(&[FIRST, SECOND])]).await.unwrap();
    }
}

async fn replicas_may_start_at_once(engine: Engine) {
    let fresh = Fresh::new(engine).await.unwrap();
    let starts = (0..4).map(|_| {
        let url = fresh.url.clone();
        tokio::spawn(async move {
            let db = Database::open(&url).await.unwrap();
            db.migrate(&[shop(&[FIRST, SECOND]), schema()]).await.unwrap();
            assert_eq!(count(&db, "shop_item").await, 1);
            db.close().await;
        })
    });
    for start in starts.collect::<Vec<_>>() {
        start.await.unwrap();
    }
    fresh.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_may_start_at_once_on_postgres() {
    replicas_may_start_at_once(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_may_start_at_once_on_mariadb() {
    replicas_may_start_at_once(Engine::Mariadb).await;
}

/// MariaDB commits at each definition, so a crash may leave a step half done, its last statement uncounted.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_cut_short_goes_on_where_it_stopped_on_mariadb() {
    let fresh = Fresh::new(Engine::Mariadb).await.unwrap();
    let db = Database::open(&fresh.url).await.unwrap();
    db.migrate(&[shop(&[FIRST, SECOND])]).await.unwrap();
    let cut = "UPDATE db_migration SET done_ms = NULL, statements = 0 WHERE service = 'shop' AND name = '0002_note'";
    db.write(Write::new().step(Query::new(cut)).step(Query::new("DELETE FROM shop_item"))).await.unwrap();
    db.migrate(&[shop(&[FIRST, SECOND])]).await.unwrap();
    assert_eq!(count(&db, "shop_item").await, 1);
    db.close().await;
    fresh.remove().await;
}
