//! Every query of classrooms on SQLite, PostgreSQL and MariaDB.

mod hook;
mod meeting;
mod outbox;
mod recording;
mod room;
mod server;
mod tenant;
mod upload;
mod usage;

use portal::{Seal, TenantId};

const NOW_MS: i64 = 1_790_000_000_000;

fn tenant_id(n: u8) -> TenantId {
    TenantId::parse(&format!("00000000-0000-7000-8000-0000000000{n:02x}")).unwrap()
}

/// A seal, and the directory of its key, which may go once it is read.
fn seal() -> Seal {
    Seal::open_or_create(tempfile::tempdir().unwrap().path()).unwrap()
}
