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

/// Notes that units were found damaged, once, however often it is noted.
pub(crate) fn damage_put(write: &mut Write, units: &[DamagedUnit], found_ms: i64) {
    let mut given = Given::new(&[
        ("new_volume", Kind::Int),
        ("new_stripe", Kind::Int),
        ("new_unit", Kind::Int),
        ("new_store", Kind::Int),
        ("new_found", Kind::Int),
    ]);
    for unit in units {
        let (volume, index) = (unit.volume.into(), (unit.index as i64).into());
        given.push([volume, unit.stripe.into(), index, unit.store.into(), found_ms.into()]);
    }
    let sql = "INSERT INTO storage_damage (volume, stripe, unit, store, found_ms) \
         SELECT given.new_volume, given.new_stripe, given.new_unit, given.new_store, given.new_found FROM given WHERE 1 = 1 \
         ON CONFLICT (stripe, unit, store) DO NOTHING";
    write.push_given(Query::new(sql), given);
}

/// Forgets what is repaired.
pub(crate) fn damage_forget(write: &mut Write, stripes: &[StripeId]) {
    let mut given = Given::new(&[("of_stripe", Kind::Int)]);
    stripes.iter().for_each(|stripe| given.push([(*stripe).into()]));
    let sql = "DELETE FROM storage_damage USING given WHERE storage_damage.stripe = given.of_stripe";
    write.push_given(Query::new(sql), given);
}

/// Forgets what was found before `before_ms` in stripes that there is no row of.
pub(crate) fn damage_forget_unknown(write: &mut Write, before_ms: i64) {
    let sql = "DELETE FROM storage_damage WHERE found_ms < ? AND NOT EXISTS \
         (SELECT 1 FROM storage_stripe s WHERE s.id = storage_damage.stripe)";
    write.push_step(Query::new(sql).bind(before_ms));
}

/// Units that are damaged, at most `limit`.
pub(crate) async fn damage_list(db: &Database, limit: i64) -> Result<Vec<DamagedUnit>, DbError> {
    let sql = "SELECT volume, stripe, unit, store FROM storage_damage ORDER BY stripe, unit, store LIMIT ?";
    let read = |row: &Row| {
        let (volume, stripe, store) = (row.get("volume")?, row.get("stripe")?, row.get("store")?);
        Ok(DamagedUnit { volume, stripe, index: number(row, "unit")?, store })
    };
    db.all(Query::new(sql).bind(limit)).await?.iter().map(read).collect()
}
