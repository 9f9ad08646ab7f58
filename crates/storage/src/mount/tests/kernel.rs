//! Through the kernel: the same calls on the mount and beside it, and programs that people use.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tokio_util::sync::CancellationToken;

use super::memory::Memory;
use super::model::call;
use super::oracle::{Call, Oracle};
use crate::mount::core::Core;
use crate::mount::fuse::{Kernel, untell};
use crate::mount::{MountConfig, Server, serve, session};
use crate::namespace::{NamespaceError, Usage};

/// A mount of a name space in memory.
struct Mounted {
    memory: Arc<Memory>,
    core: Arc<Core>,
    directory: tempfile::TempDir,
    session: Option<fuser::BackgroundSession>,
    shutdown: CancellationToken,
}

impl Mounted {
    /// `None`: this machine can't mount, and that was said.
    async fn new(memory: Arc<Memory>) -> Option<Self> {
        if !Path::new("/dev/fuse").exists() {
            eprintln!("skipped: there is no /dev/fuse");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let (core, session) = begun(&memory, directory.path()).await;
        let session = session.spawn().unwrap();
        let shutdown = CancellationToken::new();
        let (cycles, ended) = (core.clone(), shutdown.clone());
        tokio::spawn(async move { cycles.run_cycles(&ended).await });
        Some(Self { memory, core, directory, session: Some(session), shutdown })
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Unmounts and stores what is left.
    async fn end(mut self) -> Arc<Memory> {
        let session = self.session.take().unwrap();
        tokio::task::spawn_blocking(move || session.umount_and_join()).await.unwrap().unwrap();
        assert!(self.core.end(Duration::from_secs(10)).await);
        self.shutdown.cancel();
        self.memory.clone()
    }
}

/// A mount that nobody answers yet.
async fn begun(memory: &Arc<Memory>, directory: &Path) -> (Arc<Core>, fuser::Session<Kernel>) {
    let core = Core::new(memory.clone(), memory.clone(), Usage::default(), false);
    core.delegate(Usage::default()).await;
    let kernel = Kernel::new(core.clone(), tokio::runtime::Handle::current(), Arc::new((1 << 40).into()));
    let url = "http://127.0.0.1:1".parse().unwrap();
    let server = Server { url, token: None, ca_pem: None, addresses: Vec::new() };
    let config =
        MountConfig { server, export: "test".to_owned(), directory: directory.to_owned(), is_read_only: false };
    let notify = kernel.notifier();
    let session = session(kernel, &config, false).unwrap();
    notify.get_or_init(|| session.notifier());
    (core, session)
}

/// Runs lines of shell, `$0` being the directory; none of them may fail.
async fn shell(directory: &Path, script: &'static str) -> String {
    let directory = directory.to_owned();
    let run = move || Command::new("bash").args(["-euc", script]).arg(&directory).current_dir(&directory).output();
    let output = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\n{errors}{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_through_the_kernel_answer_as_beside_it() {
    for round in 0..6 {
        let Some(mounted) = Mounted::new(Arc::new(Memory::new())).await else { return };
        let mut runner = TestRunner::deterministic();
        (0..round).for_each(|_| drop(runner.new_rng()));
        let calls = prop::collection::vec(call(), 300..301).new_tree(&mut runner).unwrap().current();
        let (oracle, ours) = (Oracle::new(), Oracle::at(mounted.path()));
        let core = mounted.core.clone();
        let runtime = tokio::runtime::Handle::current();
        let root = core.root();
        let notifier = mounted.session.as_ref().unwrap().notifier();
        let checked = move || {
            for (n, call) in calls.iter().enumerate() {
                let is_odd = matches!(call, Call::Rename(from, to, _) if from != to && (from.starts_with(to) || to.starts_with(from)));
                let (answer, expected) = (ours.call(call), oracle.call(call));
                assert!(
                    answer == expected || is_odd && answer.is_err() && expected.is_err(),
                    "{call:?}: {answer:?}, not {expected:?}"
                );
                if n % 60 == 30 {
                    let told = runtime.block_on(core.recall());
                    untell(&notifier, root, &told);
                }
                if n % 60 == 45 {
                    runtime.block_on(core.delegate(Usage::default()));
                }
            }
            assert_eq!(ours.picture(), oracle.picture());
            oracle
        };
        let oracle = tokio::task::spawn_blocking(checked).await.unwrap();
        let memory = mounted.end().await;
        assert_eq!(memory.faults(), Vec::<String>::new());
        let again = Mounted::new(memory).await.unwrap();
        let ours = Oracle::at(again.path());
        let same = tokio::task::spawn_blocking(move || (ours.picture(), oracle.picture())).await.unwrap();
        assert_eq!(same.0, same.1);
        again.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_was_lost_is_told_by_a_sync_of_its_directory() {
    let Some(mounted) = Mounted::new(Arc::new(Memory::new())).await else { return };
    let (path, memory) = (mounted.path().to_owned(), mounted.memory.clone());
    let removed = move || {
        let sync = || std::fs::File::open(&path).and_then(|directory| directory.sync_all());
        std::fs::write(path.join("a"), "a").unwrap();
        sync().unwrap();
        memory.answers.lock().unwrap().push((false, NamespaceError::Stale));
        std::fs::remove_file(path.join("a")).unwrap();
        let told = sync().unwrap_err().raw_os_error();
        assert_eq!(told, Some(nix::errno::Errno::EIO as i32));
        sync().unwrap();
    };
    tokio::task::spawn_blocking(removed).await.unwrap();
    mounted.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_use_is_stored_and_taken_away() {
    if !Path::new("/dev/fuse").exists() {
        return eprintln!("skipped: there is no /dev/fuse");
    }
    let (memory, directory, shutdown) =
        (Arc::new(Memory::new()), tempfile::tempdir().unwrap(), CancellationToken::new());
    let (core, session) = begun(&memory, directory.path()).await;
    let served = tokio::spawn({
        let (path, shutdown) = (directory.path().to_owned(), shutdown.clone());
        async move { serve(session, &core, &path, shutdown, Duration::from_millis(100)).await }
    });
    let path = directory.path().join("a");
    let written = tokio::task::spawn_blocking(move || {
        let mut file = std::fs::File::create(path).unwrap();
        file.write_all(b"kept").map(|()| file)
    });
    let mut file = written.await.unwrap().unwrap();
    shutdown.cancel();
    let (served, is_stored) = tokio::time::timeout(Duration::from_secs(30), served).await.unwrap().unwrap();
    assert!(served.is_ok() && is_stored, "{served:?}");
    let sizes: Vec<_> = memory.stored.lock().unwrap().inodes.values().map(|inode| inode.size).collect();
    assert!(sizes.contains(&4), "{sizes:?}");
    let told = tokio::task::spawn_blocking(move || file.write_all(b"lost")).await.unwrap();
    assert!(told.is_err(), "who still uses it learns that it is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_work_as_on_any_directory() {
    let Some(mounted) = Mounted::new(Arc::new(Memory::new())).await else { return };
    shell(mounted.path(), PROGRAMS).await;
    let listed = shell(mounted.path(), "find . -type f | sort | xargs sha256sum").await;
    let again = Mounted::new(mounted.end().await).await.unwrap();
    assert_eq!(shell(again.path(), "find . -type f | sort | xargs sha256sum").await, listed);
    assert_eq!(shell(again.path(), "sqlite3 db 'select count(*), sum(n) from t'").await, "2000|1999000\n");
    let memory = shell_end(again).await;
    assert_eq!(memory.faults(), Vec::<String>::new());
    assert_eq!(memory.stored.lock().unwrap().inodes.len(), 1);
}

async fn shell_end(mounted: Mounted) -> Arc<Memory> {
    shell(mounted.path(), "rm -r ./* && test -z \"$(ls -A)\"").await;
    mounted.end().await
}

const PROGRAMS: &str = r#"
mkdir src && cd src
cat > a.c <<'C'
#include <stdio.h>
#include "a.h"
int main(void) { printf("%d\n", answer()); return 0; }
C
echo 'int answer(void);' > a.h
echo '#include "a.h"
int answer(void) { return 42; }' > b.c
printf 'a: a.o b.o\n\tgcc -o a a.o b.o\n%%.o: %%.c a.h\n\tgcc -c $<\n' > Makefile
make -s && test "$(./a)" = 42
make -q
sleep 0.01 && touch a.h && ! make -q && make -s
git init -q . && git -c user.name=n -c user.email=e add . && git -c user.name=n -c user.email=e commit -qm one
cd .. && git clone -q src copy && git -C copy status --porcelain | wc -l | grep -qx 0 && diff -r -x .git src/b.c copy/b.c
git -C copy fsck --strict 2>&1
mkdir -p tree/deep/er && head -c 3000000 /dev/urandom > tree/large && seq 1000 > tree/deep/er/small && ln -s ../large tree/deep/link
ln tree/large tree/hard && chmod 4751 tree/deep/er/small && touch -d '2001-02-03 04:05:06.789' tree/large
tar cf t.tar tree && mkdir un && tar xf t.tar -C un && diff -r tree un/tree && test un/tree/large -ef un/tree/hard
test "$(stat -c '%a %Y' un/tree/deep/er/small)" = "$(stat -c '%a %Y' tree/deep/er/small)"
rsync -aH tree/ synced/ && test -z "$(rsync -aHi tree/ synced/)"
cp -a tree copied && cmp tree/large copied/large
truncate -s 100M sparse && printf x | dd of=sparse bs=1 seek=50000000 conv=notrunc status=none
test "$(du -k sparse | cut -f1)" -lt 1000 && cp --sparse=always sparse sparse2 && cmp sparse sparse2
for n in 1 2 3; do echo line $n >> appended; done && test "$(wc -l < appended)" = 3
exec 5> open && rm open && echo gone >&5 && exec 5>&-
(flock -n 9 && ! flock -n lock true) 9> lock
mkfifo pipe && (echo through > pipe &) && test "$(cat pipe)" = through
python3 - <<'P'
import mmap, os
f = open('mapped', 'w+b'); f.truncate(700000)
m = mmap.mmap(f.fileno(), 700000); m[300000:300005] = b'hello'; m.flush(); m.close(); os.fsync(f.fileno())
assert open('mapped', 'rb').read()[300000:300005] == b'hello'
names = ['n%05d' % n for n in range(5000)]
os.mkdir('many')
for n in names: open('many/' + n, 'w').close()
assert sorted(os.listdir('many')) == names
for n in names[::2]: os.unlink('many/' + n)
assert sorted(os.listdir('many')) == names[1::2]
P
sqlite3 db 'pragma journal_mode=wal; create table t(n integer); begin;' >/dev/null
python3 - <<'P'
import sqlite3
for mode in ('delete', 'wal'):
    c = sqlite3.connect('db'); c.execute('pragma journal_mode=' + mode)
    c.execute('create table if not exists t(n integer)')
    start = c.execute('select count(*) from t').fetchone()[0]
    for n in range(start, start + 1000):
        c.execute('insert into t values (?)', (n,))
        if n % 100 == 0: c.commit()
    c.commit(); c.execute('pragma integrity_check'); c.close()
P
sqlite3 db 'pragma integrity_check' | grep -qx ok
"#;
