//! MariaDB from Debian's `mariadb-server` package.

use std::path::{Path, PathBuf};
use std::process::Command;

use tokio::sync::OnceCell;

use super::{EngineError, Recipe, Server};

/// Starts MariaDB servers.
pub struct Mariadb;

const SERVER: &str = "/usr/sbin/mariadbd";

impl Mariadb {
    /// A server of one's own, durable, killed and removed when dropped.
    pub async fn start() -> Result<Server, EngineError> {
        Server::start(recipe()?).await
    }

    /// The server that all tests share.
    pub async fn shared() -> Result<&'static Server, EngineError> {
        static SHARED: OnceCell<Server> = OnceCell::const_new();
        let recipe = recipe()?;
        SHARED.get_or_try_init(|| Server::share(recipe, "mariadb")).await
    }
}

fn recipe() -> Result<&'static Mariadb, EngineError> {
    if Path::new(SERVER).exists() { Ok(&Mariadb) } else { Err(EngineError::Missing { package: "mariadb-server" }) }
}

impl Recipe for Mariadb {
    fn user(&self) -> &'static str {
        "mysql"
    }

    fn init(&self, server: &Path) -> Command {
        let mut command = Command::new("/usr/bin/mariadb-install-db");
        command.arg("--no-defaults").arg(format!("--datadir={}", server.join("data").display()));
        // fsync in the set-up of a throw-away directory would only cost seconds.
        command.args(["--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-flush-method=nosync"]);
        command.arg("--innodb-log-file-size=16M");
        command
    }

    fn serve(&self, server: &Path, is_durable: bool) -> Command {
        let mut command = Command::new(SERVER);
        command.arg("--no-defaults").arg(format!("--datadir={}", server.join("data").display()));
        command.arg(format!("--socket={}", server.join("socket").display()));
        command.arg(format!("--pid-file={}", server.join("data/pid").display()));
        command.args(["--skip-networking", "--max-connections=500", "--innodb-buffer-pool-size=64M"]);
        command.args(["--innodb-log-file-size=16M", "--character-set-server=utf8mb4"]);
        command.arg(if is_durable {
            "--innodb-flush-log-at-trx-commit=1"
        } else {
            "--innodb-flush-log-at-trx-commit=0"
        });
        command
    }

    fn client(&self, server: &Path, sql: &str) -> Command {
        let mut command = Command::new("/usr/bin/mariadb");
        command.arg("--no-defaults").arg("--user=root").arg(format!("--execute={sql}"));
        command.arg(format!("--socket={}", server.join("socket").display()));
        command
    }

    fn create(&self, database: &str) -> String {
        format!("CREATE DATABASE {database} CHARACTER SET utf8mb4")
    }

    fn drop(&self, database: &str) -> String {
        format!("DROP DATABASE {database}")
    }

    fn url(&self, server: &Path, database: &str) -> String {
        format!("mysql://root@localhost/{database}?socket={}", server.join("socket").display())
    }

    fn socket(&self, server: &Path) -> PathBuf {
        server.join("socket")
    }
}
