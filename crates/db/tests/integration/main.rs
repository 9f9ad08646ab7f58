//! The database crate through its public face, each behaviour on all three engines.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute, and these bodies are called by one")]

mod crash;
mod event;
mod given;
mod lease;
mod migration;
mod open;
mod value;
mod write;

use db::{Database, Migration, Migrations, Query};

/// One table with a column of every kind.
fn schema() -> Migrations {
    Migrations {
        service: "test",
        steps: &[Migration {
            name: "0001_start",
            sql: "CREATE TABLE test_item (\n  id SERIAL_KEY,\n  name VARCHAR(100) NOT NULL,\n  amount BIGINT,\n  \
                  small SMALLINT NOT NULL DEFAULT 0,\n  share DOUBLE PRECISION,\n  note TEXT,\n  raw BYTES\n);\n\
                  CREATE UNIQUE INDEX test_item_by_name ON test_item (name);\n\
                  CREATE TABLE test_log (\n  id SERIAL_KEY,\n  entry VARCHAR(100) NOT NULL\n);\n",
        }],
    }
}

fn insert(name: &str, amount: i64) -> Query {
    Query::new("INSERT INTO test_item (name, amount) VALUES (?, ?)").bind(name).bind(amount)
}

/// The amounts by name order.
async fn amounts(db: &Database) -> Vec<(String, i64)> {
    let rows = db.all(Query::new("SELECT name, amount FROM test_item ORDER BY name")).await.unwrap();
    rows.iter().map(|row| (row.get("name").unwrap(), row.get("amount").unwrap())).collect()
}

async fn count(db: &Database, table: &str) -> i64 {
    db.one(Query::new(format!("SELECT COUNT(*) AS n FROM {table}"))).await.unwrap().get("n").unwrap()
}
