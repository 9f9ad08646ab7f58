//! Who writes and who reads while faults come: programs on the mount, and others that put and get over HTTP.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::api::Api;
use super::book::{BLOCK, Book, Known, Name, Piece};

/// Names that one client uses.
const NAMES: usize = 30;
/// Blocks of a file that is written in place.
const BLOCKS: usize = 48;
const PAUSE_MS: std::ops::Range<u64> = 30..200;

/// They go on until told to end.
pub(super) struct Clients {
    is_over: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

/// One client.
struct Client {
    book: Arc<Book>,
    rng: StdRng,
    who: usize,
    is_over: Arc<AtomicBool>,
}

impl Clients {
    pub(super) fn start(mounted: &Path, api: &Api, book: &Arc<Book>, seed: u64) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let client = |who: usize| Client {
            book: book.clone(),
            rng: StdRng::seed_from_u64(seed.wrapping_add(who as u64)),
            who,
            is_over: is_over.clone(),
        };
        let on_mount = |who: usize| {
            let (client, dir) = (client(who), mounted.to_owned());
            std::thread::spawn(move || if who == 0 { client.check(&dir) } else { client.write(&dir) })
        };
        let threads = (0..4).map(on_mount).collect();
        let tasks = vec![tokio::spawn(client(4).put(api.clone())), tokio::spawn(client(5).get(api.clone()))];
        Self { is_over, threads, tasks }
    }

    /// Lets everybody finish what was begun.
    pub(super) async fn stop(self) {
        self.is_over.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        tokio::task::spawn_blocking(move || self.threads.into_iter().for_each(|thread| thread.join().unwrap()))
            .await
            .unwrap();
    }
}

impl Client {
    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }

    fn piece(&mut self) -> Piece {
        let most = [4_096, 70_000, 300_000, 900_000][self.rng.random_range(0..4)];
        Piece { seed: self.rng.random(), bytes: self.rng.random_range(1..=most) }
    }

    fn name(&mut self, export: &'static str) -> Name {
        (export, format!("{}-{}", self.who, self.rng.random_range(0..NAMES)))
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(self.rng.random_range(PAUSE_MS))
    }

    /// Writes on the mount; what fsync has answered is noted as acknowledged.
    fn write(mut self, dir: &Path) {
        let mut given_up = 0;
        while self.goes_on() {
            let mut name = self.name("films");
            // A name that may still change by itself is left to the end.
            name.1 = format!("{}.{given_up}", name.1);
            let file = self.book.file(&name);
            let mut known = file.blocking_lock();
            if known.is_given_up {
                given_up += 1;
                continue;
            }
            let (changes, done) = self.change(dir, &name.1, &mut known);
            self.book.ended(&name, &mut known, &changes, done.map_err(|error| error.to_string()));
            drop(known);
            std::thread::sleep(self.pause());
        }
    }

    fn change(&mut self, dir: &Path, name: &str, known: &mut Known) -> (Vec<(usize, Option<Piece>)>, io::Result<()>) {
        let path = dir.join(name);
        let draw = self.rng.random_range(0..10);
        if known.is_of_blocks() && known.is_there() && draw < 9 {
            let first = self.rng.random_range(0..BLOCKS);
            let count = self.rng.random_range(1..=BLOCKS - first);
            let step = self.rng.random_range(1..5);
            let at = (first..first + count).step_by(step);
            let changes: Vec<_> = at.map(|block| (block, Some(self.block()))).collect();
            known.begin(&changes);
            let done = blocks_write(&path, &changes);
            return (changes, done);
        }
        if known.is_there() && draw >= 8 {
            let slots = if known.is_of_blocks() { BLOCKS } else { 1 };
            let changes: Vec<_> = (0..slots).map(|slot| (slot, None)).collect();
            known.begin(&changes);
            return (changes, fs::remove_file(&path).and_then(|()| File::open(dir)?.sync_all()));
        }
        if known.is_of_blocks() || (!known.is_there() && draw < 3) {
            let changes: Vec<_> = (0..BLOCKS).map(|block| (block, Some(self.block()))).collect();
            known.begin(&changes);
            let done = blocks_make(&path, &changes);
            return (changes, done.and_then(|()| File::open(dir)?.sync_all()));
        }
        let piece = self.piece();
        let changes = vec![(0, Some(piece))];
        known.begin(&changes);
        (changes, replace(dir, name, piece))
    }

    fn block(&mut self) -> Piece {
        Piece { seed: self.rng.random(), bytes: BLOCK }
    }

    /// Reads on the mount.
    fn check(mut self, dir: &Path) {
        while self.goes_on() {
            if let Some(name) = self.known_name("films") {
                let file = self.book.file(&name);
                let known = file.blocking_lock();
                let read = read(&dir.join(&name.1)).map_err(|error| error.to_string());
                self.book.seen("the mount", &name, &known, read);
            }
            std::thread::sleep(self.pause() / 2);
        }
    }

    /// Some file of an export that somebody wrote.
    fn known_name(&mut self, export: &str) -> Option<Name> {
        let mut names = self.book.names();
        names.retain(|name| name.0 == export);
        if names.is_empty() { None } else { Some(names.swap_remove(self.rng.random_range(0..names.len()))) }
    }

    /// Puts and deletes over HTTP; now and then where the mount works.
    async fn put(mut self, api: Api) {
        let mut given_up = 0;
        while self.goes_on() {
            let mut name = if self.rng.random_bool(0.05) { self.name("films") } else { self.name("shelf") };
            name.1 = format!("{}.{given_up}", name.1);
            let file = self.book.file(&name);
            let mut known = file.lock().await;
            if known.is_given_up {
                given_up += 1;
                continue;
            }
            let is_removed = known.is_there() && self.rng.random_bool(0.2);
            let changes = vec![(0, if is_removed { None } else { Some(self.piece()) })];
            known.begin(&changes);
            let done = match changes[0].1 {
                None => api.file_delete(name.0, &name.1).await,
                Some(piece) => api.file_put(name.0, &name.1, piece.content()).await,
            };
            self.book.ended(&name, &mut known, &changes, done);
            drop(known);
            tokio::time::sleep(self.pause()).await;
        }
    }

    /// Gets over HTTP what others have written.
    async fn get(mut self, api: Api) {
        while self.goes_on() {
            let export = if self.rng.random_bool(0.5) { "films" } else { "shelf" };
            if let Some(name) = self.known_name(export) {
                let file = self.book.file(&name);
                let known = file.lock().await;
                let read = api.file_get(name.0, &name.1).await;
                self.book.seen("HTTP", &name, &known, read);
            }
            tokio::time::sleep(self.pause() / 2).await;
        }
    }
}

/// The bytes of a file, from the stores; `None`: there is none.
pub(super) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// As editors do it: what is there under the name is the old or the new.
fn replace(dir: &Path, name: &str, piece: Piece) -> io::Result<()> {
    let beside: PathBuf = dir.join(format!(".{name}"));
    let mut file = File::create(&beside)?;
    file.write_all(&piece.content())?;
    file.sync_all()?;
    drop(file);
    fs::rename(&beside, dir.join(name))?;
    File::open(dir)?.sync_all()
}

fn blocks_make(path: &Path, blocks: &[(usize, Option<Piece>)]) -> io::Result<()> {
    File::create(path)?.set_len((BLOCKS * BLOCK) as u64)?;
    blocks_write(path, blocks)
}

fn blocks_write(path: &Path, blocks: &[(usize, Option<Piece>)]) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    for (block, piece) in blocks {
        let content = piece.map(Piece::content).unwrap_or_default();
        file.write_all_at(&content, (block * BLOCK) as u64)?;
    }
    file.sync_data()
}
