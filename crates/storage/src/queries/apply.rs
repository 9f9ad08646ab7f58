//! A [`Plan`] as statements. Each kind of row is written by one statement for some hundred rows; what has to be so before
//! is said in the same statements, so that nothing is read first.

use std::collections::{HashMap, HashSet};

use db::{Given, Kind, Query, Value, Write};

use super::stripe::set_text;
use crate::model::inode::{Ino, Inode};
use crate::model::name::Name;
use crate::model::plan::Plan;

/// Guards of the transaction.
pub(crate) const CHANGED: &str = "changed";
/// See [`CHANGED`].
pub(crate) const QUOTA: &str = "quota";

/// Where a plan is carried out.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) space: i64,
    pub(crate) volume: i64,
    pub(crate) now_ms: i64,
    /// The id of each list of stores that the plan's stripes are on, by its text.
    pub(crate) sets: &'a HashMap<String, i64>,
}

/// Adds the statements. They answer `Unmet` with [`CHANGED`] or [`QUOTA`], or `Duplicate` when an entry, an inode or a stripe
/// is there already.
pub(crate) fn plan_apply(write: &mut Write, target: Target<'_>, plan: &Plan) {
    needs(write, target, plan);
    pieces_move(write, target, plan);
    removals_count(write, target, plan);
    pieces_remove(write, target, plan);
    xattrs_write(write, target, plan);
    entries_remove(write, target, plan);
    inodes_remove(write, target, plan);
    inodes_change(write, target, plan);
    additions(write, target, plan);
    additions_count(write, target, plan);
}

fn needs(write: &mut Write, target: Target<'_>, plan: &Plan) {
    let mut given = Given::new(&[("of_ino", Kind::Int), ("of_kind", Kind::Text)]);
    for (ino, kind) in &plan.inodes_needed {
        given.push([(*ino).into(), kind.map_or("", |kind| kind.as_str()).into()]);
    }
    let sql = "UPDATE storage_inode SET version = storage_inode.version FROM given WHERE storage_inode.space = ? \
         AND storage_inode.ino = given.of_ino AND (given.of_kind = '' OR storage_inode.kind = given.of_kind)";
    write.push_given_expect(CHANGED, Query::new(sql).bind(target.space), given);
}

/// Answers `Unmet` with [`CHANGED`] unless these names lead there: parent, name, inode.
pub(crate) fn entries_expect(write: &mut Write, space: i64, entries: &[(Ino, Name, Ino)]) {
    let mut given = Given::new(&[("of_parent", Kind::Int), ("of_name", Kind::Text), ("of_ino", Kind::Int)]);
    for (parent, name, ino) in entries {
        given.push([(*parent).into(), name.as_str().into(), (*ino).into()]);
    }
    let sql = "UPDATE storage_entry SET ino = storage_entry.ino FROM given WHERE storage_entry.space = ? \
         AND storage_entry.parent = given.of_parent AND storage_entry.name = given.of_name \
         AND storage_entry.ino = given.of_ino";
    write.push_given_expect(CHANGED, Query::new(sql).bind(space), given);
}

fn pieces_move(write: &mut Write, target: Target<'_>, plan: &Plan) {
    let mut given = Given::new(&[("of_ino", Kind::Int), ("new_ino", Kind::Int), ("further", Kind::Int)]);
    for (from, to, number) in &plan.pieces_moved {
        given.push([(*from).into(), (*to).into(), stored(*number)]);
    }
    let sql = "UPDATE storage_piece SET ino = given.new_ino, number = storage_piece.number + given.further FROM given \
         WHERE storage_piece.space = ? AND storage_piece.ino = given.of_ino";
    write.push_given(Query::new(sql).bind(target.space), given);
}

const SPAN: &[(&str, Kind)] = &[("of_ino", Kind::Int), ("from_number", Kind::Int), ("to_number", Kind::Int)];

fn spans(plan: &Plan) -> Given {
    let mut given = Given::new(SPAN);
    for (ino, (first, end)) in &plan.spans_removed {
        given.push([(*ino).into(), stored(*first), stored(*end)]);
    }
    given
}

/// Numbers of stripes and sizes are bounded far below 2^63.
fn stored(number: u64) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

/// What goes is counted by the database: who sends effects may not know of it. CROSS, as below: SQLite would otherwise go
/// through all pieces of the space for each of the given rows.
fn removals_count(write: &mut Write, target: Target<'_>, plan: &Plan) {
    let bytes = "UPDATE storage_space SET used_bytes = used_bytes - (SELECT COALESCE(SUM(s.bytes), 0) FROM given \
         CROSS JOIN storage_piece p JOIN storage_stripe s ON s.id = p.stripe WHERE p.space = ? AND p.ino = given.of_ino \
         AND p.number >= given.from_number AND p.number < given.to_number) WHERE id = ?";
    write.push_given(Query::new(bytes).bind(target.space).bind(target.space), spans(plan));
    let mut given = Given::new(&[("of_ino", Kind::Int)]);
    plan.inodes_removed.iter().for_each(|(ino, _)| given.push([(*ino).into()]));
    let inodes = "UPDATE storage_space SET used_inodes = used_inodes - (SELECT COUNT(*) FROM given \
         CROSS JOIN storage_inode i WHERE i.space = ? AND i.ino = given.of_ino) WHERE id = ?";
    write.push_given(Query::new(inodes).bind(target.space).bind(target.space), given);
}

fn pieces_remove(write: &mut Write, target: Target<'_>, plan: &Plan) {
    let trash = "INSERT INTO storage_trash (stripe, since_ms) SELECT DISTINCT p.stripe, ? FROM given \
         CROSS JOIN storage_piece p WHERE p.space = ? AND p.ino = given.of_ino AND p.number >= given.from_number \
         AND p.number < given.to_number ON CONFLICT (stripe) DO UPDATE SET since_ms = excluded.since_ms";
    write.push_given(Query::new(trash).bind(target.now_ms).bind(target.space), spans(plan));
    let remove = "DELETE FROM storage_piece USING given WHERE storage_piece.space = ? AND storage_piece.ino = given.of_ino \
         AND storage_piece.number >= given.from_number AND storage_piece.number < given.to_number";
    write.push_given(Query::new(remove).bind(target.space), spans(plan));
    let mut given = Given::new(&[("of_stripe", Kind::Int)]);
    plan.stripes_unused.iter().for_each(|stripe| given.push([(*stripe).into()]));
    let unused = "INSERT INTO storage_trash (stripe, since_ms) SELECT DISTINCT given.of_stripe, ? FROM given WHERE 1 = 1 \
         ON CONFLICT (stripe) DO UPDATE SET since_ms = excluded.since_ms";
    write.push_given(Query::new(unused).bind(target.now_ms), given);
}

fn xattrs_write(write: &mut Write, target: Target<'_>, plan: &Plan) {
    let mut bare = Given::new(&[("of_ino", Kind::Int)]);
    plan.inodes_removed.iter().for_each(|(ino, _)| bare.push([(*ino).into()]));
    let all =
        "DELETE FROM storage_xattr USING given WHERE storage_xattr.space = ? AND storage_xattr.ino = given.of_ino";
    write.push_given(Query::new(all).bind(target.space), bare);
    let mut gone = Given::new(&[("of_ino", Kind::Int), ("of_name", Kind::Text)]);
    let mut put = Given::new(&[("new_ino", Kind::Int), ("new_name", Kind::Text), ("new_value", Kind::Bytes)]);
    for (ino, name, value) in &plan.xattrs {
        match value {
            None => gone.push([(*ino).into(), name.into()]),
            Some(value) => put.push([(*ino).into(), name.into(), value.as_slice().into()]),
        }
    }
    let remove = "DELETE FROM storage_xattr USING given WHERE storage_xattr.space = ? \
         AND storage_xattr.ino = given.of_ino AND storage_xattr.name = given.of_name";
    write.push_given(Query::new(remove).bind(target.space), gone);
    let upsert = "INSERT INTO storage_xattr (space, ino, name, value) \
         SELECT ?, given.new_ino, given.new_name, given.new_value FROM given WHERE 1 = 1 \
         ON CONFLICT (space, ino, name) DO UPDATE SET value = excluded.value";
    write.push_given(Query::new(upsert).bind(target.space), put);
}

fn entries_remove(write: &mut Write, target: Target<'_>, plan: &Plan) {
    let mut given = Given::new(&[("of_parent", Kind::Int), ("of_name", Kind::Text), ("of_ino", Kind::Int)]);
    for (parent, name, ino) in &plan.entries_removed {
        given.push([(*parent).into(), name.as_str().into(), (*ino).into()]);
    }
    let remove = "DELETE FROM storage_entry USING given WHERE storage_entry.space = ? \
         AND storage_entry.parent = given.of_parent AND storage_entry.name = given.of_name \
         AND storage_entry.ino = given.of_ino";
    write.push_given_expect(CHANGED, Query::new(remove).bind(target.space), given);
    let mut given = Given::new(&[("of_ino", Kind::Int)]);
    plan.emptied.iter().for_each(|ino| given.push([(*ino).into()]));
    let empty = "UPDATE storage_inode SET version = storage_inode.version FROM given WHERE storage_inode.space = ? \
         AND storage_inode.ino = given.of_ino AND storage_inode.kind = 'directory' AND NOT EXISTS (SELECT 1 \
         FROM storage_entry e WHERE e.space = storage_inode.space AND e.parent = storage_inode.ino)";
    write.push_given_expect(CHANGED, Query::new(empty).bind(target.space), given);
}

fn inodes_remove(write: &mut Write, target: Target<'_>, plan: &Plan) {
    let mut known = Given::new(&[("of_ino", Kind::Int), ("of_version", Kind::Int)]);
    let mut unknown = Given::new(&[("of_ino", Kind::Int)]);
    for (ino, read) in &plan.inodes_removed {
        match read {
            Some(version) => known.push([(*ino).into(), (*version).into()]),
            None => unknown.push([(*ino).into()]),
        }
    }
    const REMOVE: &str =
        "DELETE FROM storage_inode USING given WHERE storage_inode.space = ? AND storage_inode.ino = given.of_ino";
    let guarded = Query::new(format!("{REMOVE} AND storage_inode.version = given.of_version"));
    write.push_given_expect(CHANGED, guarded.bind(target.space), known);
    write.push_given(Query::new(REMOVE).bind(target.space), unknown);
}

const INODE: &[(&str, Kind)] = &[
    ("new_ino", Kind::Int),
    ("new_kind", Kind::Text),
    ("new_mode", Kind::Int),
    ("new_uid", Kind::Int),
    ("new_gid", Kind::Int),
    ("new_nlink", Kind::Int),
    ("new_size", Kind::Int),
    ("new_atime", Kind::Int),
    ("new_mtime", Kind::Int),
    ("new_ctime", Kind::Int),
    ("new_target", Kind::Text),
    ("new_device", Kind::Int),
    ("new_version", Kind::Int),
    ("of_version", Kind::Int),
];

fn inode_push(given: &mut Given, inode: &Inode, read: i64) {
    given.push([
        inode.ino.into(),
        inode.kind.as_str().into(),
        inode.mode.into(),
        inode.uid.into(),
        inode.gid.into(),
        inode.nlink.into(),
        stored(inode.size),
        inode.atime_ns.into(),
        inode.mtime_ns.into(),
        inode.ctime_ns.into(),
        inode.target.as_deref().into(),
        inode.device.into(),
        inode.version.into(),
        read.into(),
    ]);
}

fn inodes_change(write: &mut Write, target: Target<'_>, plan: &Plan) {
    let mut given = Given::new(INODE);
    plan.inodes_changed.iter().for_each(|(read, inode)| inode_push(&mut given, inode, *read));
    let sql = "UPDATE storage_inode SET mode = given.new_mode, uid = given.new_uid, gid = given.new_gid, \
         nlink = given.new_nlink, size = given.new_size, atime_ns = given.new_atime, mtime_ns = given.new_mtime, \
         ctime_ns = given.new_ctime, target = given.new_target, device = given.new_device, version = given.new_version \
         FROM given WHERE storage_inode.space = ? AND storage_inode.ino = given.new_ino \
         AND storage_inode.version = given.of_version AND storage_inode.kind = given.new_kind";
    write.push_given_expect(CHANGED, Query::new(sql).bind(target.space), given);
}

fn additions(write: &mut Write, target: Target<'_>, plan: &Plan) {
    let space = target.space;
    let mut inodes = Given::new(INODE);
    plan.inodes_new.iter().for_each(|inode| inode_push(&mut inodes, inode, 0));
    let sql = "INSERT INTO storage_inode (space, ino, kind, mode, uid, gid, nlink, size, atime_ns, mtime_ns, ctime_ns, \
         target, device, version) SELECT ?, given.new_ino, given.new_kind, given.new_mode, given.new_uid, given.new_gid, \
         given.new_nlink, given.new_size, given.new_atime, given.new_mtime, given.new_ctime, given.new_target, \
         given.new_device, given.new_version FROM given";
    write.push_given(Query::new(sql).bind(space), inodes);

    let mut entries = Given::new(&[("new_parent", Kind::Int), ("new_name", Kind::Text), ("new_ino", Kind::Int)]);
    for (parent, name, ino) in &plan.entries_added {
        entries.push([(*parent).into(), name.as_str().into(), (*ino).into()]);
    }
    let sql = "INSERT INTO storage_entry (space, parent, name, ino) \
         SELECT ?, given.new_parent, given.new_name, given.new_ino FROM given";
    write.push_given(Query::new(sql).bind(space), entries);

    let mut stripes = Given::new(STRIPE);
    let mut kept = Given::new(&[
        ("of_stripe", Kind::Int),
        ("of_data", Kind::Int),
        ("of_parity", Kind::Int),
        ("of_bytes", Kind::Int),
    ]);
    let mut seen = HashSet::new();
    for stripe in &plan.stripes {
        let placed = target.sets.get(&set_text(&stripe.stores)).copied();
        let code = &stripe.code;
        let [data, parity, element] = [code.data, code.parity, code.element_bytes].map(|n| Value::from(i64::from(n)));
        if seen.insert((stripe.id, code.data, code.parity, code.bytes)) {
            kept.push([stripe.id.into(), data.clone(), parity.clone(), code.bytes.into()]);
        }
        stripes.push([stripe.id.into(), placed.into(), data, parity, element, code.bytes.into()]);
    }
    let sql = "INSERT INTO storage_stripe (id, volume, placed, data, parity, element_bytes, bytes) \
         SELECT given.new_id, ?, given.new_placed, given.new_data, given.new_parity, given.new_element, given.new_bytes \
         FROM given WHERE 1 = 1 ON CONFLICT (id) DO NOTHING";
    write.push_given(Query::new(sql).bind(target.volume), stripes);
    // One that was there already is what was said of it: what is counted below would be wrong else.
    let sql = "UPDATE storage_stripe SET volume = storage_stripe.volume FROM given WHERE storage_stripe.id = given.of_stripe \
         AND storage_stripe.volume = ? AND storage_stripe.data = given.of_data AND storage_stripe.parity = given.of_parity \
         AND storage_stripe.bytes = given.of_bytes";
    write.push_given_expect(CHANGED, Query::new(sql).bind(target.volume), kept);

    let mut pieces = Given::new(&[("new_ino", Kind::Int), ("new_number", Kind::Int), ("new_stripe", Kind::Int)]);
    for (ino, number, stripe) in &plan.pieces {
        pieces.push([(*ino).into(), stored(*number), (*stripe).into()]);
    }
    let sql = "INSERT INTO storage_piece (space, ino, number, stripe) \
         SELECT ?, given.new_ino, given.new_number, given.new_stripe FROM given";
    write.push_given(Query::new(sql).bind(space), pieces);
}

const STRIPE: &[(&str, Kind)] = &[
    ("new_id", Kind::Int),
    ("new_placed", Kind::Int),
    ("new_data", Kind::Int),
    ("new_parity", Kind::Int),
    ("new_element", Kind::Int),
    ("new_bytes", Kind::Int),
];

/// Last, when what goes is taken off already: so a quota that is used up lets the same be written again.
fn additions_count(write: &mut Write, target: Target<'_>, plan: &Plan) {
    let (bytes, inodes) = (stored(plan.bytes_added), stored(plan.inodes_new.len() as u64));
    if plan.bytes_added == 0 && plan.inodes_new.is_empty() {
        return;
    }
    let sql = "UPDATE storage_space SET used_bytes = used_bytes + ?, used_inodes = used_inodes + ? WHERE id = ? \
         AND (? = 0 OR bytes_hard = 0 OR used_bytes + ? <= bytes_hard) \
         AND (? = 0 OR inodes_hard = 0 OR used_inodes + ? <= inodes_hard)";
    let query = Query::new(sql).bind(bytes.clone()).bind(inodes.clone()).bind(target.space);
    let query = query.bind(bytes.clone()).bind(bytes).bind(inodes.clone()).bind(inodes);
    write.push_expect(QUOTA, query);
}
