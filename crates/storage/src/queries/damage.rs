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
    let mut given = Given::new(&[
        ("new_volume", Kind::Int),
        ("new_stripe", Kind::Int),
        ("new_unit", Kind::Int),
        ("new_store", Kind::Int),
    ]);
    for unit in units {
        given.push([unit.volume.into(), unit.stripe.into(), (unit.index as i64).into(), unit.store.into()]);
    }
    let sql = "INSERT INTO storage_damage (volume, stripe, unit, store) \
         SELECT given.new_volume, given.new_stripe, given.new_unit, given.new_store FROM given WHERE 1 = 1 \
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

/// Units that are damaged, at most `limit`.
pub(crate) async fn damage_list(db: &Database, limit: i64) -> Result<Vec<DamagedUnit>, DbError> {
    let sql = "SELECT volume, stripe, unit, store FROM storage_damage ORDER BY stripe, unit, store LIMIT ?";
    let read = |row: &Row| {
        let (volume, stripe, store) = (row.get("volume")?, row.get("stripe")?, row.get("store")?);
        Ok(DamagedUnit { volume, stripe, index: number(row, "unit")?, store })
    };
    db.all(Query::new(sql).bind(limit)).await?.iter().map(read).collect()
}
