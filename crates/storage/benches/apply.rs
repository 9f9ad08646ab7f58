//! Files made, found and removed a second on SQLite, by transactions of 2,000 files as a mount stores them: each file is
//! an inode, a name and a stripe. Prints the median of five rounds, since the disk's speed wanders.

use std::sync::Arc;
use std::time::Instant;

use db::Database;
use portal::{AccountId, Caller, Locale, Portal, PortalConfig, Role, Roles, Seal, TenantId, Via};
use storage::model::effect::Effect;
use storage::model::inode::{Ino, Inode, Kind};
use storage::model::name::Name;
use storage::model::stripe::{Stripe, StripeCode};
use storage::namespace::{Direct, Namespace};
use storage::{NodeFacts, Nodes, Storage, StorageConfig};
use wire::authority::Authority;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const FILES: usize = 2_000;
const ROUNDS: usize = 5;

struct NoNodes;

#[async_trait::async_trait]
impl Nodes for NoNodes {
    async fn find(&self, _node: &str) -> Result<Option<(String, String)>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(None)
    }

    async fn node(&self, _id: &str) -> Result<Option<NodeFacts>, Failure> {
        Ok(None)
    }
}

fn main() -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let dir = tempfile::tempdir()?;
        let db = Database::open(&format!("sqlite:{}/bench.db", dir.path().display())).await?;
        db.migrate(&[portal::migrations(), storage::migrations()]).await?;
        let names = name_space(&db, dir.path()).await?;
        let mut seconds = [const { Vec::new() }; 3];
        for round in 0..ROUNDS {
            let (inos, made) = creates(&names, round).await?;
            for (which, effects) in [(0, made), (2, removes(&names, &inos, round)?)] {
                let start = Instant::now();
                names.apply(effects).await?;
                seconds[which].push(start.elapsed().as_secs_f64());
                if which == 0 {
                    let start = Instant::now();
                    let found = names.entries(names.root(), None, FILES).await?;
                    assert_eq!(found.len(), FILES);
                    seconds[1].push(start.elapsed().as_secs_f64());
                }
            }
        }
        for (what, seconds) in ["made", "listed", "removed"].iter().zip(&mut seconds) {
            seconds.sort_by(f64::total_cmp);
            let median = seconds[ROUNDS / 2];
            println!("{what:<8} {:>9.0} files/s ({:.1} ms for {FILES})", FILES as f64 / median, median * 1_000.0);
        }
        db.close().await;
        Ok(())
    })
}

/// A volume of layout 1 over stores that nobody asks anything.
async fn name_space(db: &Database, dir: &std::path::Path) -> Result<Direct, Failure> {
    let portal = Portal::open(db.clone(), PortalConfig::default())?;
    let authority = Authority::open_or_create(dir)?;
    let seal = Seal::open_or_create(dir)?;
    let config = StorageConfig { replica: "bench".into(), authority, seal, nodes: Arc::new(NoNodes) };
    let storage = Storage::open(db.clone(), portal, config);
    for sql in [
        "UPDATE storage_counter SET next = 2",
        "INSERT INTO storage_volume (id, name, layout, labels, is_removed, created_ms) VALUES (1, 'v', 1, '{}', 0, 0)",
        "INSERT INTO storage_space (id, volume, name, root, used_bytes, used_inodes, bytes_soft, bytes_hard, inodes_hard, \
         epoch, is_removed, created_ms) VALUES (1, 1, 'v', 1, 0, 1, 0, 0, 0, 1, 0, 0)",
        "INSERT INTO storage_inode (space, ino, kind, mode, uid, gid, nlink, size, atime_ns, mtime_ns, ctime_ns, device, \
         version) VALUES (1, 1, 'directory', 493, 0, 0, 2, 0, 0, 0, 0, 0, 1)",
    ] {
        db.write(db::Write::new().step(db::Query::new(sql))).await?;
    }
    Ok(storage.namespace(&caller().ok_or("an id")?, "v", true).await?)
}

fn caller() -> Option<Caller> {
    let id = "01990000-0000-7000-8000-000000000000";
    Some(Caller {
        account: AccountId::parse(id)?,
        login: "bench".into(),
        name: "bench".into(),
        tenant: TenantId::parse(id)?,
        tenant_title: String::new(),
        roles: Roles::up_to(Role::Admin),
        via: Via::Token { id: String::new() },
        request_id: String::new(),
        locale: Locale::En,
        csrf: None,
        must_change: false,
    })
}

fn name(round: usize, ino: Ino) -> Result<Name, Failure> {
    Ok(Name::try_from(format!("file-{round}-{ino}.txt"))?)
}

async fn creates(names: &Direct, round: usize) -> Result<(Vec<Ino>, Vec<Effect>), Failure> {
    let mut numbers = Vec::new();
    while numbers.len() < 2 * FILES {
        numbers.extend(names.numbers((2 * FILES - numbers.len()) as u32).await?);
    }
    let stripes = numbers.split_off(FILES);
    let mut effects = Vec::new();
    for (place, (ino, id)) in numbers.iter().zip(stripes).enumerate() {
        let ino = *ino;
        let code = StripeCode::for_bytes(4, 2, 4_096)?;
        let stores = (0..3).map(|unit| 1 + ((place + unit) % 8) as i64).collect();
        effects.push(Effect::InodePut(inode(ino)));
        effects.push(Effect::EntryAdd { parent: names.root(), name: name(round, ino)?, ino });
        effects.push(Effect::StripePut { ino, number: 0, stripe: Stripe { id, code, stores } });
    }
    Ok((numbers, effects))
}

fn removes(names: &Direct, inos: &[Ino], round: usize) -> Result<Vec<Effect>, Failure> {
    let mut effects = Vec::new();
    for ino in inos {
        effects.push(Effect::EntryRemove { parent: names.root(), name: name(round, *ino)?, ino: *ino });
        effects.push(Effect::InodeRemove { ino: *ino });
    }
    Ok(effects)
}

fn inode(ino: Ino) -> Inode {
    Inode {
        ino,
        kind: Kind::File,
        mode: 0o644,
        uid: 1_000,
        gid: 1_000,
        nlink: 1,
        size: 4_096,
        atime_ns: 1_790_000_000_000_000_000,
        mtime_ns: 1_790_000_000_000_000_000,
        ctime_ns: 1_790_000_000_000_000_000,
        target: None,
        device: 0,
        version: 0,
    }
}
