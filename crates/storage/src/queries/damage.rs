//! Units that are known to be damaged or missing.

use db::{Database, DbError, Given, Kind, Query, Row, Write};

use super::number;
use crate::model::stripe::{StoreId, StripeId};

/// A unit that is to be repaired, and the store that has it damaged or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DamagedUnit {
    pub(crate) volume: i64,
    pub(crate) stripe: StripeId,
    /// Which of the stripe's units.
    pub(crate) index: usize,
    pub(crate) store: StoreId,
}

/// Notes that units are damaged; once, however often it is noted.
pub(crate) fn damage_put(write: &mut Write, units: &[DamagedUnit]) {
    let sql = "INSERT INTO storage_damage (volume, stripe, unit, store, aside_ms) \
         SELECT given.of_volume, given.of_stripe, given.of_unit, given.of_store, 0 FROM given WHERE 1 = 1 \
         ON CONFLICT (stripe, unit, store) DO NOTHING";
    write.push_given(Query::new(sql), given(units));
}

/// Notes at `now_ms` that a damaged unit of a stripe without a row is being deleted.
pub(crate) fn damage_put_aside(write: &mut Write, unit: DamagedUnit, now_ms: i64) {
    let sql = "INSERT INTO storage_damage (volume, stripe, unit, store, aside_ms) VALUES (?, ?, ?, ?, ?) \
         ON CONFLICT (stripe, unit, store) DO UPDATE SET aside_ms = excluded.aside_ms";
    let query = Query::new(sql).bind(unit.volume).bind(unit.stripe).bind(unit.index as i64);
    write.push_step(query.bind(unit.store).bind(now_ms));
}

/// Forgets what is repaired, or was none.
pub(crate) fn damage_forget(write: &mut Write, units: &[DamagedUnit]) {
    let sql = "DELETE FROM storage_damage USING given WHERE storage_damage.stripe = given.of_stripe \
         AND storage_damage.unit = given.of_unit AND storage_damage.store = given.of_store";
    write.push_given(Query::new(sql), given(units));
}

/// Forgets what was none, in stripes that had no row when they were looked at; what is put aside stays.
pub(crate) fn damage_forget_rowless(write: &mut Write, units: &[DamagedUnit]) {
    let sql = "DELETE FROM storage_damage USING given WHERE storage_damage.stripe = given.of_stripe \
         AND storage_damage.unit = given.of_unit AND storage_damage.store = given.of_store AND storage_damage.aside_ms = 0";
    write.push_given(Query::new(sql), given(units));
}

/// Forgets what was put aside before `before_ms`, and whose stripes have no row yet.
pub(crate) fn damage_forget_aside(write: &mut Write, before_ms: i64) {
    let sql = "DELETE FROM storage_damage WHERE aside_ms > 0 AND aside_ms < ? AND NOT EXISTS \
         (SELECT 1 FROM storage_stripe s WHERE s.id = storage_damage.stripe)";
    write.push_step(Query::new(sql).bind(before_ms));
}

fn given(units: &[DamagedUnit]) -> Given {
    let mut given = Given::new(&[
        ("of_volume", Kind::Int),
        ("of_stripe", Kind::Int),
        ("of_unit", Kind::Int),
        ("of_store", Kind::Int),
    ]);
    for unit in units {
        given.push([unit.volume.into(), unit.stripe.into(), (unit.index as i64).into(), unit.store.into()]);
    }
    given
}

/// Units that are damaged, at most `limit`; those that were put aside only once their stripes have rows.
pub(crate) async fn damage_list(db: &Database, limit: i64) -> Result<Vec<DamagedUnit>, DbError> {
    let sql = "SELECT volume, stripe, unit, store FROM storage_damage WHERE aside_ms = 0 OR EXISTS \
         (SELECT 1 FROM storage_stripe s WHERE s.id = storage_damage.stripe) ORDER BY stripe, unit, store LIMIT ?";
    let read = |row: &Row| {
        let (volume, stripe, store) = (row.get("volume")?, row.get("stripe")?, row.get("store")?);
        Ok(DamagedUnit { volume, stripe, index: number(row, "unit")?, store })
    };
    db.all(Query::new(sql).bind(limit)).await?.iter().map(read).collect()
}
