//! Rebalancing: the volumes that are evened out, and the units that were moved and are still where they were.

use db::{Database, DbError, Given, Kind, Query, Row, Write};

use super::number;
use crate::model::stripe::{StoreId, StripeId};

/// A unit that was moved from a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MovedUnit {
    pub(crate) stripe: StripeId,
    pub(crate) unit: u32,
    /// Where it was.
    pub(crate) store: StoreId,
    pub(crate) volume: i64,
    pub(crate) since_ms: i64,
}

/// The volumes that are being evened out.
pub(crate) async fn rebalance_list(db: &Database) -> Result<Vec<i64>, DbError> {
    let rows = db.all(Query::new("SELECT volume FROM storage_rebalance ORDER BY volume")).await?;
    rows.iter().map(|row| row.get("volume")).collect()
}

/// Has a volume evened out.
pub(crate) fn rebalance_ask(write: &mut Write, volume: i64, asked_ms: i64) {
    let sql = "INSERT INTO storage_rebalance (volume, asked_ms) VALUES (?, ?) \
         ON CONFLICT (volume) DO UPDATE SET asked_ms = excluded.asked_ms";
    write.push_step(Query::new(sql).bind(volume).bind(asked_ms));
}

/// It is even, or can't be made so.
pub(crate) fn rebalance_end(write: &mut Write, volume: i64) {
    write.push_step(Query::new("DELETE FROM storage_rebalance WHERE volume = ?").bind(volume));
}

/// Notes units that were moved.
pub(crate) fn moved_insert(write: &mut Write, moved: &[MovedUnit]) {
    let mut given = Given::new(&[
        ("of_stripe", Kind::Int),
        ("of_unit", Kind::Int),
        ("of_store", Kind::Int),
        ("of_volume", Kind::Int),
        ("of_time", Kind::Int),
    ]);
    for unit in moved {
        let row = [unit.stripe, unit.unit.into(), unit.store, unit.volume, unit.since_ms];
        given.push(row.map(Into::into));
    }
    write.push_given_insert(
        "INSERT INTO storage_moved (stripe, unit, store, volume, since_ms) SELECT given.of_stripe, given.of_unit, \
         given.of_store, given.of_volume, given.of_time FROM given WHERE 1 = 1 \
         ON CONFLICT (stripe, unit, store) DO UPDATE SET since_ms = excluded.since_ms",
        given,
    );
}

/// Units that were moved from a store up to `before_ms`.
pub(crate) async fn moved_list(
    db: &Database,
    store: StoreId,
    before_ms: i64,
    limit: i64,
) -> Result<Vec<MovedUnit>, DbError> {
    let sql = "SELECT stripe, unit, volume, since_ms FROM storage_moved WHERE store = ? AND since_ms <= ? \
         ORDER BY stripe, unit LIMIT ?";
    let read = |row: &Row| {
        Ok(MovedUnit {
            stripe: row.get("stripe")?,
            unit: number(row, "unit")?,
            store,
            volume: row.get("volume")?,
            since_ms: row.get("since_ms")?,
        })
    };
    db.all(Query::new(sql).bind(store).bind(before_ms).bind(limit)).await?.iter().map(read).collect()
}

/// The stores that units were moved from.
pub(crate) async fn moved_stores(db: &Database) -> Result<Vec<StoreId>, DbError> {
    let rows = db.all(Query::new("SELECT DISTINCT store FROM storage_moved ORDER BY store")).await?;
    rows.iter().map(|row| row.get("store")).collect()
}

/// They are gone from where they were, or belong there again.
pub(crate) fn moved_forget(write: &mut Write, moved: &[MovedUnit]) {
    let mut given = Given::new(&[("of_stripe", Kind::Int), ("of_unit", Kind::Int), ("of_store", Kind::Int)]);
    moved.iter().for_each(|unit| given.push([unit.stripe.into(), i64::from(unit.unit).into(), unit.store.into()]));
    let sql = "DELETE FROM storage_moved USING given WHERE storage_moved.stripe = given.of_stripe \
         AND storage_moved.unit = given.of_unit AND storage_moved.store = given.of_store";
    write.push_given(Query::new(sql), given);
}
