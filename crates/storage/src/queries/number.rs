//! The counter that inodes, stripes, stores, volumes and name spaces get their numbers from.

use std::ops::Range;

use db::{Database, DbError, Query, Write};

/// Takes the next `count` numbers; `None`: another replica was faster, ask again.
pub(crate) async fn number_take(db: &Database, count: i64) -> Result<Option<Range<i64>>, DbError> {
    let next: i64 = db.one(Query::new("SELECT next FROM storage_counter WHERE name = 'number'")).await?.get("next")?;
    let sql = "UPDATE storage_counter SET next = ? WHERE name = 'number' AND next = ?";
    match db.write(Write::new().expect("counter", Query::new(sql).bind(next + count).bind(next))).await {
        Ok(_) => Ok(Some(next..next + count)),
        Err(DbError::Unmet { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
