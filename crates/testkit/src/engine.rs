//! PostgreSQL and MariaDB from Debian's packages, on private Unix sockets, gone when the tests are.
//!
//! Who uses a server holds a shared lock on its `users.lock`, which the kernel lets go of however the process ends.
//! A small shell, the keeper, looks every few seconds whether anybody still does, and if not kills the server by its
//! id. That way all test processes of one run (nextest starts one for each test) share one server, and a test that is
//! killed leaves nothing behind.

mod mariadb;
mod postgres;

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User, chown};
use tempfile::TempDir;

use crate::amphi::family;

pub use mariadb::Mariadb;
pub use postgres::Postgres;

/// A server that does not answer after this long won't.
const START_LIMIT: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// $1: the directory. Under start.lock, so that nobody begins to use a server that is being killed.
const KEEPER: &str = r#"
while sleep 5; do
    [ -d "$1/server" ] || exit 0
    flock "$1/start.lock" flock -n "$1/users.lock" sh -c 'kill -9 "$(head -n 1 "$1/server/pid")"; rm -rf "$1/server"' sh "$1" && exit 0
done
"#;

/// Why an engine can't be used.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The Debian package is not installed.
    #[error("{package} is not installed; run `scripts/setup test`")]
    Missing {
        /// Its name.
        package: &'static str,
    },
    /// A program of the engine failed.
    #[error("{program} failed: {output}")]
    Failed {
        /// The program.
        program: String,
        /// What it said.
        output: String,
    },
    /// The server does not answer.
    #[error("the server does not answer; its log ends: {log}")]
    Silent {
        /// The end of its log.
        log: String,
    },
    /// A file or a process can't be made.
    #[error("{doing} for a test engine: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        source: io::Error,
    },
}

impl EngineError {
    /// True when a package is missing and `AMPHI_ALLOW_SKIP=1` says that this is all right.
    pub fn may_skip(&self) -> bool {
        matches!(self, Self::Missing { .. }) && std::env::var("AMPHI_ALLOW_SKIP").is_ok_and(|value| value == "1")
    }
}

/// What the two engines do differently. Every path is below the `server` directory given.
pub(crate) trait Recipe: Sync {
    /// Debian's user for it; the servers refuse to run as root.
    fn user(&self) -> &'static str;
    /// Makes the empty data directory.
    fn init(&self, server: &Path) -> Command;
    /// The server in the foreground. Durable: what it has acknowledged was flushed to the disk.
    fn serve(&self, server: &Path, is_durable: bool) -> Command;
    /// The client, running one statement.
    fn client(&self, server: &Path, sql: &str) -> Command;
    fn create(&self, database: &str) -> String;
    fn drop(&self, database: &str) -> String;
    fn url(&self, server: &Path, database: &str) -> String;
    fn socket(&self, server: &Path) -> PathBuf;
}

/// A running server.
pub struct Server {
    recipe: &'static dyn Recipe,
    dir: PathBuf,
    child: Option<Child>,
    is_durable: bool,
    // Held for its lock.
    _users: File,
    // A server of one's own ends with this value.
    own: Option<TempDir>,
}

impl Server {
    /// Starts a durable server that nobody else uses.
    pub(crate) async fn start(recipe: &'static dyn Recipe) -> Result<Self, EngineError> {
        blocking(move || {
            let own = tempfile::tempdir().map_err(io_error("making a directory"))?;
            let dir = own.path().to_owned();
            let mut server = Self::join(recipe, dir, true)?;
            server.own = Some(own);
            Ok(server)
        })
        .await
    }

    /// Uses the server of this name, starting it when it does not run. Not durable, and the faster for it.
    pub(crate) async fn share(recipe: &'static dyn Recipe, name: &'static str) -> Result<Self, EngineError> {
        blocking(move || {
            let dir = std::env::temp_dir().join(format!("amphi-testkit-{}", Uid::current())).join(name);
            fs::create_dir_all(&dir).map_err(io_error("making a directory"))?;
            Self::join(recipe, dir, false)
        })
        .await
    }

    fn join(recipe: &'static dyn Recipe, dir: PathBuf, is_durable: bool) -> Result<Self, EngineError> {
        let lock = |name: &str| File::create(dir.join(name)).map_err(io_error("making a lock file"));
        let (starting, users) = (lock("start.lock")?, lock("users.lock")?);
        starting.lock().map_err(io_error("locking"))?;
        users.lock_shared().map_err(io_error("locking"))?;
        let mut server = Self { recipe, dir, child: None, is_durable, _users: users, own: None };
        if !server.answers() {
            server.set_up()?;
            server.serve()?;
            server.keep()?;
        }
        Ok(server)
    }

    fn server(&self) -> PathBuf {
        self.dir.join("server")
    }

    fn set_up(&self) -> Result<(), EngineError> {
        let server = self.server();
        if server.exists() {
            fs::remove_dir_all(&server).map_err(io_error("removing an old server"))?;
        }
        fs::create_dir(&server).map_err(io_error("making a directory"))?;
        if let Some(user) = self.user()? {
            for dir in [&self.dir, &server] {
                chown(dir, Some(user.uid), Some(user.gid))
                    .map_err(|errno| io_error("changing an owner")(errno.into()))?;
            }
        }
        run(self.as_user(self.recipe.init(&server))?).map(|_| ())
    }

    /// The user to run the server as, when this process is root.
    fn user(&self) -> Result<Option<User>, EngineError> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        let name = self.recipe.user();
        match User::from_name(name) {
            Ok(Some(user)) => Ok(Some(user)),
            Ok(None) => {
                Err(EngineError::Failed { program: "looking up a user".into(), output: format!("no user {name}") })
            }
            Err(errno) => Err(io_error("looking up a user")(errno.into())),
        }
    }

    fn as_user(&self, command: Command) -> Result<Command, EngineError> {
        let Some(user) = self.user()? else { return Ok(command) };
        let mut wrapped = Command::new("setpriv");
        wrapped.arg(format!("--reuid={}", user.uid)).arg(format!("--regid={}", user.gid)).arg("--clear-groups");
        wrapped.arg(command.get_program()).args(command.get_args()).current_dir("/");
        Ok(wrapped)
    }

    fn serve(&mut self) -> Result<(), EngineError> {
        let server = self.server();
        let log = File::create(server.join("log")).map_err(io_error("making a log file"))?;
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let output = log.try_clone().map_err(io_error("making a log file"))?;
            let mut command = self.as_user(self.recipe.serve(&server, self.is_durable))?;
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output).process_group(0);
            let mut child = command.spawn().map_err(io_error("starting the server"))?;
            fs::write(server.join("pid"), child.id().to_string()).map_err(io_error("writing the process id"))?;
            while child.try_wait().map_err(io_error("waiting for the server"))?.is_none() {
                if self.answers() {
                    self.child = Some(child);
                    return Ok(());
                }
                if Instant::now() > deadline {
                    kill_and_wait(&mut child);
                    return Err(self.silent());
                }
                std::thread::sleep(LOOK_AGAIN);
            }
            // After a kill the children of the old server may hold its memory for a moment: again until the deadline.
            if Instant::now() > deadline {
                return Err(self.silent());
            }
            std::thread::sleep(LOOK_AGAIN * 8);
        }
    }

    fn silent(&self) -> EngineError {
        let log = fs::read_to_string(self.server().join("log")).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(8).collect();
        EngineError::Silent { log: last.into_iter().rev().collect::<Vec<_>>().join(" | ") }
    }

    fn keep(&self) -> Result<(), EngineError> {
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "sh"]).arg(&self.dir).current_dir("/").process_group(0);
        keeper.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        keeper.spawn().map(|_| ()).map_err(io_error("starting the keeper"))
    }

    fn answers(&self) -> bool {
        self.server().exists() && run(self.recipe.client(&self.server(), "SELECT 1")).is_ok()
    }

    /// Makes an empty database and answers its URL.
    pub async fn database(&self) -> Result<String, EngineError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("t_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let command = self.recipe.client(&self.server(), &self.recipe.create(&name));
        blocking(move || run(command)).await?;
        Ok(self.recipe.url(&self.server(), &name))
    }

    /// The server's Unix socket, whose directory is part of each database's URL.
    pub fn socket(&self) -> PathBuf {
        self.recipe.socket(&self.server())
    }

    /// Drops a database made by [`Server::database`]; what is still connected to it is cut off.
    pub async fn database_drop(&self, url: &str) {
        let name = url.rsplit('/').find_map(|part| part.split('?').next().filter(|name| name.starts_with("t_")));
        if let Some(name) = name {
            let command = self.recipe.client(&self.server(), &self.recipe.drop(name));
            // One that stays only takes room until the server goes.
            let _left = blocking(move || run(command)).await;
        }
    }

    /// Kills the server with all its processes at once, as a power cut would: SIGKILL, no flush.
    pub async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let killed = tokio::task::spawn_blocking(move || kill_and_wait(&mut child)).await;
            killed.expect("killing does not panic");
        }
    }

    /// Starts the server again on its data, after [`Server::kill`]. Needs a runtime of several threads.
    pub async fn restart(&mut self) -> Result<(), EngineError> {
        tokio::task::block_in_place(|| self.serve())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let (Some(child), true) = (&mut self.child, self.own.is_some()) {
            kill_and_wait(child);
        }
    }
}

fn kill_and_wait(child: &mut Child) {
    let children = family(child.id()).unwrap_or_default();
    // The parent first: PostgreSQL's would take a child that was killed for one that crashed, and begin to recover.
    if let Ok(id) = i32::try_from(child.id()) {
        let _gone = kill(Pid::from_raw(id), Signal::SIGKILL);
    }
    for child in children {
        // Those that are left end by themselves when they see that their parent is gone.
        let _gone = child.kill();
    }
    let _status = child.wait();
}

fn run(mut command: Command) -> Result<String, EngineError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(io_error("running a client"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(EngineError::Failed { program, output: String::from_utf8_lossy(&output.stderr).into_owned() })
}

fn io_error(doing: &'static str) -> impl Fn(io::Error) -> EngineError {
    move |source| EngineError::Io { doing, source }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(work).await.expect("starting an engine does not panic")
}
