//! Every query of storage on SQLite, PostgreSQL and MariaDB.

mod apply;
mod balance;
mod care;
mod damage;
mod entry;
mod lock;
mod node_mount;
mod s3_key;
mod session;
mod store;
mod volume;
mod work;

use std::collections::HashMap;

use db::{Database, DbError, Query, Write};

use super::apply::{Target, plan_apply};
use super::number::number_take;
use super::space::space_insert;
use super::stripe::{set_ids, set_insert, set_text};
use crate::model::effect::Effect;
use crate::model::inode::{Ino, Inode, Kind};
use crate::model::name::Name;
use crate::model::plan::Plan;
use crate::model::space::Space;
use crate::model::stripe::{Layout, Stripe, StripeCode};
use crate::namespace::Usage;

const NOW_MS: i64 = 1_790_000_000_000;
const SPACE: i64 = 10;
const VOLUME: i64 = 11;
const ROOT: Ino = 12;

fn inode(ino: Ino, kind: Kind, version: i64) -> Inode {
    Inode {
        ino,
        kind,
        mode: 0o644,
        uid: u32::MAX,
        gid: 7,
        nlink: 1,
        size: 1 << 40,
        atime_ns: -1,
        mtime_ns: 1_790_000_000_123_456_789,
        ctime_ns: 3,
        target: None,
        device: u32::MAX,
        version,
    }
}

fn name(text: &str) -> Name {
    Name::try_from(text.to_owned()).unwrap()
}

fn layout() -> Layout {
    Layout::try_from(1).unwrap()
}

fn stripe(id: i64, bytes: u32) -> Stripe {
    let code = StripeCode::for_bytes(4, 2, bytes).unwrap();
    Stripe { id, code, stores: (1..=code.units() as i64).rev().collect() }
}

fn space() -> Space {
    Space {
        id: SPACE,
        volume: VOLUME,
        volume_name: "home".into(),
        layout: layout(),
        name: "home".into(),
        parent: None,
        tenant: Some("faculty".into()),
        owner: None,
        root: ROOT,
        usage: Usage { inodes: 1, ..Usage::default() },
        epoch: 1,
        holder: None,
        wanted_ms: None,
        created_ms: NOW_MS,
    }
}

/// One transaction.
async fn change(db: &Database, fill: impl FnOnce(&mut Write)) -> Result<Vec<u64>, DbError> {
    let mut write = Write::new();
    fill(&mut write);
    db.write(write).await
}

/// A volume with one name space that has its root.
async fn prepare(db: &Database) {
    let mut write = Write::new();
    let volume = "INSERT INTO storage_volume (id, name, layout, labels, is_removed, created_ms) VALUES (?, 'home', 1, '{}', 0, ?)";
    write.push_step(Query::new(volume).bind(VOLUME).bind(NOW_MS));
    space_insert(&mut write, &space());
    db.write(write).await.unwrap();
    apply(db, vec![Effect::InodePut(inode(ROOT, Kind::Directory, 0))]).await.unwrap();
    db.write(Write::new().step(Query::new("UPDATE storage_space SET used_inodes = 1"))).await.unwrap();
}

/// Carries the effects out in [`SPACE`].
async fn apply(db: &Database, effects: Vec<Effect>) -> Result<(), DbError> {
    let plan = Plan::of(effects, 0, layout()).unwrap();
    let texts: Vec<String> = plan.stripes.iter().map(|stripe| set_text(&stripe.stores)).collect();
    let first = number_take(db, texts.len() as i64).await.unwrap().unwrap().start;
    let mut write = Write::new();
    (first..).zip(&texts).for_each(|(id, text)| set_insert(&mut write, &[(id, text.clone())]));
    db.write(write).await.unwrap();
    let sets: HashMap<String, i64> = set_ids(db, &texts).await.unwrap();
    let mut write = Write::new();
    plan_apply(&mut write, Target { space: SPACE, volume: VOLUME, now_ms: NOW_MS, sets: &sets }, &plan);
    db.write(write).await.map(|_| ())
}

/// A new file with one stripe of 8,192 bytes, under the root.
fn file(ino: Ino, text: &str) -> Vec<Effect> {
    vec![
        Effect::InodePut(inode(ino, Kind::File, 0)),
        Effect::EntryAdd { parent: ROOT, name: name(text), ino },
        Effect::StripePut { ino, number: 0, stripe: stripe(ino * 10, 8_192) },
    ]
}

async fn count(db: &Database, table: &str) -> i64 {
    db.one(Query::new(format!("SELECT COUNT(*) AS n FROM {table}"))).await.unwrap().get("n").unwrap()
}
