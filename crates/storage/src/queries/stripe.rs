//! Stripes of files, and the lists of stores they are on.

use std::collections::HashMap;

use db::{Database, DbError, Given, Kind, Query, Row, Write};

use super::{number, unreadable};
use crate::model::inode::Ino;
use crate::model::stripe::{StoreId, Stripe, StripeCode, StripeId};
use crate::namespace::Placed;

/// Of `storage_stripe s` and `storage_set t`.
pub(super) const STRIPE_COLUMNS: &str = "s.id AS stripe, s.data, s.parity, s.element_bytes, s.bytes, t.stores";

/// Stripes of a file in order, from `first` on.
pub(crate) async fn piece_list(
    db: &Database,
    space: i64,
    ino: Ino,
    first: i64,
    limit: i64,
) -> Result<Vec<Placed>, DbError> {
    let sql = format!(
        "SELECT p.number, {STRIPE_COLUMNS} FROM storage_piece p JOIN storage_stripe s ON s.id = p.stripe \
         JOIN storage_set t ON t.id = s.placed WHERE p.space = ? AND p.ino = ? AND p.number >= ? ORDER BY p.number LIMIT ?"
    );
    let rows = db.all(Query::new(sql).bind(space).bind(ino).bind(first).bind(limit)).await?;
    let placed = |row: &Row| {
        let stripe = stripe_read(row)?.ok_or_else(|| unreadable("stripe"))?;
        Ok(Placed { number: number(row, "number")?, stripe })
    };
    rows.iter().map(placed).collect()
}

/// A stripe by its number, if something in the space refers to it.
pub(crate) async fn stripe_find(db: &Database, space: i64, id: StripeId) -> Result<Option<Stripe>, DbError> {
    let sql = format!(
        "SELECT {STRIPE_COLUMNS} FROM storage_piece p JOIN storage_stripe s ON s.id = p.stripe \
         JOIN storage_set t ON t.id = s.placed WHERE p.stripe = ? AND p.space = ? LIMIT 1"
    );
    let row = db.optional(Query::new(sql).bind(id).bind(space)).await?;
    Ok(row.as_ref().map(stripe_read).transpose()?.flatten())
}

/// The stripe of a row, if it has one.
pub(super) fn stripe_read(row: &Row) -> Result<Option<Stripe>, DbError> {
    let (Some(id), Some(stores)) = (row.get::<Option<i64>>("stripe")?, row.get::<Option<String>>("stores")?) else {
        return Ok(None);
    };
    let code = StripeCode {
        data: number(row, "data")?,
        parity: number(row, "parity")?,
        element_bytes: number(row, "element_bytes")?,
        bytes: row.get("bytes")?,
    };
    Ok(Some(Stripe { id, code, stores: set_stores(&stores).ok_or_else(|| unreadable("stores"))? }))
}

fn set_stores(text: &str) -> Option<Vec<StoreId>> {
    text.split(',').map(|store| store.parse().ok()).collect()
}

/// How a list of stores is stored.
pub(crate) fn set_text(stores: &[StoreId]) -> String {
    stores.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

const SET: &[(&str, Kind)] = &[("new_id", Kind::Int), ("new_stores", Kind::Text)];

/// Stores lists of stores with these ids, unless they are there.
pub(crate) fn set_insert(write: &mut Write, sets: &[(i64, String)]) {
    let mut given = Given::new(SET);
    sets.iter().for_each(|(id, stores)| given.push([(*id).into(), stores.into()]));
    write.push_given_insert(
        "INSERT INTO storage_set (id, stores) SELECT given.new_id, given.new_stores FROM given WHERE 1 = 1 \
         ON CONFLICT (stores) DO NOTHING",
        given,
    );
}

/// The ids of those lists of stores that are there.
pub(crate) async fn set_ids(db: &Database, sets: &[String]) -> Result<HashMap<String, i64>, DbError> {
    let mut given = Given::new(&[("of_stores", Kind::Text)]);
    sets.iter().for_each(|stores| given.push([stores.into()]));
    let sql = "SELECT t.id, t.stores FROM given JOIN storage_set t ON t.stores = given.of_stores";
    let rows = db.all_given(Query::new(sql), given).await?;
    rows.iter().map(|row| Ok((row.get("stores")?, row.get("id")?))).collect()
}
