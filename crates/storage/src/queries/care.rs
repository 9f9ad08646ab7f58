//! What the care of data asks: trash, what is on which stores, what has to be there.

use db::{Database, DbError, Given, Kind, Query, Row, Write};

use super::stripe::{STRIPE_COLUMNS, stripe_read};
use super::{number, unreadable};
use crate::model::stripe::{Layout, StoreId, Stripe, StripeId};

/// A volume, as far as care goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CaredVolume {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) layout: Layout,
    /// When an operator asked for it to be rebuilt without waiting; 0: that was done since, or never asked.
    pub(crate) rebuild_asked_ms: i64,
}

/// A list of stores, in the order of units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoreSet {
    pub(crate) id: i64,
    pub(crate) stores: Vec<StoreId>,
}

/// How much of a volume is on one list of stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlacedCount {
    pub(crate) volume: i64,
    pub(crate) set: i64,
    pub(crate) stripes: u64,
    pub(crate) bytes: u64,
}

/// A stripe and the list of stores it is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OnSet {
    pub(crate) stripe: Stripe,
    pub(crate) set: i64,
}

/// Of a stripe `s`, that its units are not being deleted.
const STAYS: &str = "NOT EXISTS (SELECT 1 FROM storage_trash g WHERE g.stripe = s.id AND g.goes = 1)";

/// All volumes.
pub(crate) async fn cared_volumes(db: &Database) -> Result<Vec<CaredVolume>, DbError> {
    let sql = "SELECT v.id, v.name, v.layout, r.asked_ms FROM storage_volume v \
         LEFT JOIN storage_rebuild r ON r.volume = v.id ORDER BY v.id";
    let rows = db.all(Query::new(sql)).await?;
    let read = |row: &Row| {
        let layout = Layout::try_from(number::<u8>(row, "layout")?).map_err(|_| unreadable("layout"))?;
        let rebuild_asked_ms = row.get::<Option<i64>>("asked_ms")?.unwrap_or_default();
        Ok(CaredVolume { id: row.get("id")?, name: row.get("name")?, layout, rebuild_asked_ms })
    };
    rows.iter().map(read).collect()
}

fn stripes_read(rows: &[Row]) -> Result<Vec<Stripe>, DbError> {
    rows.iter().map(|row| stripe_read(row)?.ok_or_else(|| unreadable("stripe"))).collect()
}

/// Stripes in the trash since `before_ms` that nothing refers to, above `after`.
pub(crate) async fn trash_list(
    db: &Database,
    volume: i64,
    before_ms: i64,
    after: StripeId,
    limit: i64,
) -> Result<Vec<Stripe>, DbError> {
    let sql = format!(
        "SELECT {STRIPE_COLUMNS} FROM storage_trash x JOIN storage_stripe s ON s.id = x.stripe \
         JOIN storage_set t ON t.id = s.placed WHERE s.volume = ? AND x.since_ms <= ? AND x.stripe > ? AND NOT EXISTS \
         (SELECT 1 FROM storage_piece p WHERE p.stripe = x.stripe) ORDER BY x.stripe LIMIT ?"
    );
    stripes_read(&db.all(Query::new(sql).bind(volume).bind(before_ms).bind(after).bind(limit)).await?)
}

/// Says of stripes in the trash, where still nothing refers to them, that their units are being deleted.
pub(crate) fn trash_goes(write: &mut Write, stripes: &[StripeId]) {
    let sql = "UPDATE storage_trash SET goes = 1 FROM given WHERE storage_trash.stripe = given.of_stripe \
         AND storage_trash.goes = 0 AND NOT EXISTS (SELECT 1 FROM storage_piece p WHERE p.stripe = storage_trash.stripe)";
    write.push_given(Query::new(sql), given_stripes(stripes));
}

fn given_stripes(stripes: &[StripeId]) -> Given {
    let mut given = Given::new(&[("of_stripe", Kind::Int)]);
    stripes.iter().for_each(|stripe| given.push([(*stripe).into()]));
    given
}

/// Takes out of the trash what something still refers to.
pub(crate) fn trash_spare(write: &mut Write, before_ms: i64) {
    let sql = "DELETE FROM storage_trash WHERE since_ms <= ? AND EXISTS \
         (SELECT 1 FROM storage_piece p WHERE p.stripe = storage_trash.stripe)";
    write.push_step(Query::new(sql).bind(before_ms));
}

/// Forgets stripes whose units are gone.
pub(crate) fn stripes_forget(write: &mut Write, stripes: &[StripeId]) {
    let rows = "DELETE FROM storage_stripe USING given WHERE storage_stripe.id = given.of_stripe";
    write.push_given(Query::new(rows), given_stripes(stripes));
    let trash = "DELETE FROM storage_trash USING given WHERE storage_trash.stripe = given.of_stripe";
    write.push_given(Query::new(trash), given_stripes(stripes));
}

/// All lists of stores.
pub(crate) async fn set_list(db: &Database) -> Result<Vec<StoreSet>, DbError> {
    let rows = db.all(Query::new("SELECT id, stores FROM storage_set ORDER BY id")).await?;
    let read = |row: &Row| {
        let stores = row.get::<String>("stores")?;
        let stores = stores.split(',').map(|store| store.parse().map_err(|_| unreadable("stores")));
        Ok(StoreSet { id: row.get("id")?, stores: stores.collect::<Result<_, _>>()? })
    };
    rows.iter().map(read).collect()
}

/// How much is on each list of stores, without stripes that go.
pub(crate) async fn placed_counts(db: &Database) -> Result<Vec<PlacedCount>, DbError> {
    // Few go of all there are: the index answers for all, and only those are looked up that are taken off.
    let sql = "SELECT volume, placed, SUM(stripes) AS stripes, SUM(bytes) AS bytes FROM \
         (SELECT volume, placed, COUNT(*) AS stripes, SUM(bytes) AS bytes FROM storage_stripe GROUP BY placed, volume \
         UNION ALL SELECT s.volume, s.placed, -1 AS stripes, -s.bytes AS bytes \
         FROM storage_trash x JOIN storage_stripe s ON s.id = x.stripe WHERE x.goes = 1) counted \
         GROUP BY placed, volume HAVING SUM(stripes) > 0";
    let rows = db.all(Query::new(sql)).await?;
    let read = |row: &Row| {
        let (stripes, bytes) = (number(row, "stripes")?, number(row, "bytes")?);
        Ok(PlacedCount { volume: row.get("volume")?, set: row.get("placed")?, stripes, bytes })
    };
    rows.iter().map(read).collect()
}

/// Stripes on one list of stores, above `after`, without those that go.
pub(crate) async fn placed_list(
    db: &Database,
    volume: i64,
    set: i64,
    after: StripeId,
    limit: i64,
) -> Result<Vec<Stripe>, DbError> {
    let sql = format!(
        "SELECT {STRIPE_COLUMNS} FROM storage_stripe s JOIN storage_set t ON t.id = s.placed \
         WHERE s.placed = ? AND s.volume = ? AND s.id > ? AND {STAYS} ORDER BY s.id LIMIT ?"
    );
    stripes_read(&db.all(Query::new(sql).bind(set).bind(volume).bind(after).bind(limit)).await?)
}

/// Stripes of a volume from `first` to `last` in order, at most `limit`, without those that go.
pub(crate) async fn stripe_range(
    db: &Database,
    volume: i64,
    (first, last): (StripeId, StripeId),
    limit: i64,
) -> Result<Vec<OnSet>, DbError> {
    let sql = format!(
        "SELECT {STRIPE_COLUMNS}, s.placed FROM storage_stripe s JOIN storage_set t ON t.id = s.placed \
         WHERE s.id >= ? AND s.id <= ? AND s.volume = ? AND {STAYS} ORDER BY s.id LIMIT ?"
    );
    let rows = db.all(Query::new(sql).bind(first).bind(last).bind(volume).bind(limit)).await?;
    let stripes = stripes_read(&rows)?;
    stripes.into_iter().zip(&rows).map(|(stripe, row)| Ok(OnSet { stripe, set: row.get("placed")? })).collect()
}

/// Says that stripes are on another list of stores now: (stripe, old list, new list). One that is elsewhere already, or gone,
/// is left alone.
pub(crate) fn stripes_move(write: &mut Write, moves: &[(StripeId, i64, i64)]) {
    let mut given = Given::new(&[("of_stripe", Kind::Int), ("old_placed", Kind::Int), ("new_placed", Kind::Int)]);
    moves.iter().for_each(|(stripe, old, new)| given.push([(*stripe).into(), (*old).into(), (*new).into()]));
    let sql = "UPDATE storage_stripe SET placed = given.new_placed FROM given \
         WHERE storage_stripe.id = given.of_stripe AND storage_stripe.placed = given.old_placed";
    write.push_given(Query::new(sql), given);
}

/// Files that no name leads to since `before_ns`, in exports that no mount has open: (space, inode). Snapshots keep theirs.
pub(crate) async fn nameless_list(db: &Database, before_ns: i64, now_ms: i64) -> Result<Vec<(i64, i64)>, DbError> {
    let sql = "SELECT i.space, i.ino FROM storage_inode i JOIN storage_space p ON p.id = i.space WHERE p.parent IS NULL \
         AND p.is_removed = 0 AND i.nlink = 0 AND i.ctime_ns < ? AND NOT EXISTS (SELECT 1 FROM storage_session x WHERE x.space = i.space AND x.until_ms > ?) LIMIT 1000";
    let rows = db.all(Query::new(sql).bind(before_ns).bind(now_ms)).await?;
    rows.iter().map(|row| Ok((row.get("space")?, row.get("ino")?))).collect()
}

/// How far the scrub of a store has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ScrubState {
    pub(crate) store: StoreId,
    /// The last unit that was compared: volume, stripe, index. None: it begins anew.
    pub(crate) at: Option<(i64, i64, i64)>,
    /// When this round began; 0: none has.
    pub(crate) begun_ms: i64,
    /// When the last round ended; 0: none has.
    pub(crate) done_ms: i64,
    /// Bytes compared in this round.
    pub(crate) bytes: i64,
    /// Damaged units found in this round.
    pub(crate) damaged: i64,
}

/// The scrubs of all stores that were scrubbed ever.
pub(crate) async fn scrub_list(db: &Database) -> Result<Vec<ScrubState>, DbError> {
    let sql = "SELECT store, volume, stripe, unit, begun_ms, done_ms, bytes, damaged FROM storage_scrub ORDER BY store";
    let read = |row: &Row| {
        let stripe: Option<i64> = row.get("stripe")?;
        let (volume, unit) = (row.get::<i64>("volume")?, row.get::<i64>("unit")?);
        Ok(ScrubState {
            store: row.get("store")?,
            at: stripe.map(|stripe| (volume, stripe, unit)),
            begun_ms: row.get("begun_ms")?,
            done_ms: row.get("done_ms")?,
            bytes: row.get("bytes")?,
            damaged: row.get("damaged")?,
        })
    };
    db.all(Query::new(sql)).await?.iter().map(read).collect()
}

/// Begins a scrub, or has it begin anew, where `scrub` says.
pub(crate) fn scrub_put(write: &mut Write, scrub: &ScrubState) {
    let sql = "INSERT INTO storage_scrub (store, volume, stripe, unit, begun_ms, done_ms, bytes, damaged) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (store) DO UPDATE SET volume = excluded.volume, \
         stripe = excluded.stripe, unit = excluded.unit, begun_ms = excluded.begun_ms, done_ms = excluded.done_ms, \
         bytes = excluded.bytes, damaged = excluded.damaged";
    let (volume, stripe, unit) = scrub.at.map_or((0, None, 0), |(volume, stripe, unit)| (volume, Some(stripe), unit));
    let query = Query::new(sql).bind(scrub.store).bind(volume).bind(stripe).bind(unit).bind(scrub.begun_ms);
    write.push_step(query.bind(scrub.done_ms).bind(scrub.bytes).bind(scrub.damaged));
}

/// Stores how far a scrub has come, unless it was told meanwhile to begin anew.
pub(crate) fn scrub_progress(write: &mut Write, scrub: &ScrubState) {
    let sql = "UPDATE storage_scrub SET volume = ?, stripe = ?, unit = ?, done_ms = ?, bytes = ?, damaged = ? \
         WHERE store = ? AND begun_ms = ?";
    let (volume, stripe, unit) = scrub.at.map_or((0, None, 0), |(volume, stripe, unit)| (volume, Some(stripe), unit));
    let query = Query::new(sql).bind(volume).bind(stripe).bind(unit).bind(scrub.done_ms);
    write.push_step(query.bind(scrub.bytes).bind(scrub.damaged).bind(scrub.store).bind(scrub.begun_ms));
}

/// Notes when an operator asked for a volume to be rebuilt; 0: it is done.
pub(crate) fn rebuild_ask(write: &mut Write, volume: i64, asked_ms: i64) {
    let sql = "INSERT INTO storage_rebuild (volume, asked_ms) VALUES (?, ?) \
         ON CONFLICT (volume) DO UPDATE SET asked_ms = excluded.asked_ms";
    write.push_step(Query::new(sql).bind(volume).bind(asked_ms));
}
