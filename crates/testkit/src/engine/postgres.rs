//! PostgreSQL from Debian's `postgresql` packages, whatever their version.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tokio::sync::OnceCell;

use super::{EngineError, Recipe, Server};

/// Starts PostgreSQL servers.
pub struct Postgres {
    /// The directory of its programs.
    bin: PathBuf,
}

impl Postgres {
    /// A server of one's own, durable, killed and removed when dropped.
    pub async fn start() -> Result<Server, EngineError> {
        Server::start(recipe()?).await
    }

    /// The server that all tests share.
    pub async fn shared() -> Result<&'static Server, EngineError> {
        static SHARED: OnceCell<Server> = OnceCell::const_new();
        let recipe = recipe()?;
        SHARED.get_or_try_init(|| Server::share(recipe, "postgres")).await
    }
}

fn recipe() -> Result<&'static Postgres, EngineError> {
    static RECIPE: std::sync::OnceLock<Option<Postgres>> = std::sync::OnceLock::new();
    let found = RECIPE.get_or_init(|| {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
        let programs = versions.flatten().map(|version| version.path().join("bin"));
        programs.filter(|bin| bin.join("initdb").exists()).max().map(|bin| Postgres { bin })
    });
    found.as_ref().ok_or(EngineError::Missing { package: "postgresql" })
}

impl Recipe for Postgres {
    fn user(&self) -> &'static str {
        "postgres"
    }

    fn init(&self, server: &Path) -> Command {
        let mut command = Command::new(self.bin.join("initdb"));
        command.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "-D"]);
        command.arg(server.join("data"));
        command
    }

    fn serve(&self, server: &Path, is_durable: bool) -> Command {
        let mut command = Command::new(self.bin.join("postgres"));
        command.arg("-D").arg(server.join("data")).arg("-k").arg(server).args(["-c", "listen_addresses="]);
        command.args(["-c", "max_connections=300", "-c", "shared_buffers=32MB", "-c", "max_wal_size=256MB"]);
        let switch = if is_durable { "on" } else { "off" };
        for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
            command.arg("-c").arg(format!("{setting}={switch}"));
        }
        command
    }

    fn client(&self, server: &Path, sql: &str) -> Command {
        let mut command = Command::new(self.bin.join("psql"));
        command.args(["--no-psqlrc", "--quiet", "--username=postgres", "--dbname=postgres", "--command", sql]);
        command.arg("--host").arg(server);
        command
    }

    fn create(&self, database: &str) -> String {
        format!("CREATE DATABASE {database} TEMPLATE template0")
    }

    fn drop(&self, database: &str) -> String {
        format!("DROP DATABASE {database} WITH (FORCE)")
    }

    fn url(&self, server: &Path, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", server.display())
    }

    fn socket(&self, server: &Path) -> PathBuf {
        server.join(".s.PGSQL.5432")
    }
}
