//! One suite for every engine: the same test bodies run on SQLite, PostgreSQL and MariaDB.

use db::{Database, Engine, Migrations};

use crate::engine::{EngineError, Mariadb, Postgres};

/// Makes three tests of each function, `NAME::sqlite`, `NAME::postgres` and `NAME::mariadb`. A function is
/// `async fn(Database)` and gets a fresh database with the migrations run.
///
/// ```ignore
/// testkit::for_each_engine!(portal::migrations(), lab::migrations(); run_claim_is_exclusive, job_list_is_scoped);
/// ```
#[macro_export]
macro_rules! for_each_engine {
    ($($migrations:expr),* ; $($test:ident),+ $(,)?) => {
        $crate::for_each_engine!(@each [$($migrations),*] $($test)+);
    };
    (@each $migrations:tt $($test:ident)+) => {
        $(mod $test {
            #[allow(unused_imports, clippy::wildcard_imports)]
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                $crate::conformance::run($crate::db::Engine::Sqlite, &$migrations, super::$test).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                $crate::conformance::run($crate::db::Engine::Postgres, &$migrations, super::$test).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn mariadb() {
                $crate::conformance::run($crate::db::Engine::Mariadb, &$migrations, super::$test).await;
            }
        })+
    };
}

/// Runs one test body on one engine.
///
/// # Panics
/// When the engine can't be started; only with `AMPHI_ALLOW_SKIP=1` a package that is missing skips the test.
pub async fn run<F, Fut>(engine: Engine, migrations: &[Migrations], body: F)
where
    F: FnOnce(Database) -> Fut,
    Fut: Future<Output = ()>,
{
    let fresh = match Fresh::new(engine).await {
        Ok(fresh) => fresh,
        Err(error) => {
            assert!(error.may_skip(), "{error}");
            eprintln!("skipped: {error}");
            return;
        }
    };
    let db = Database::open(&fresh.url).await.expect("a fresh database opens");
    db.migrate(migrations).await.expect("a fresh database can be migrated");
    body(db.clone()).await;
    db.close().await;
    fresh.remove().await;
}

/// A database of its own on the engine that all tests share.
pub struct Fresh {
    /// For [`Database::open`].
    pub url: String,
    engine: Engine,
    // Removes the SQLite file.
    _dir: Option<tempfile::TempDir>,
}

impl Fresh {
    /// Starts the shared engine unless it runs, and makes an empty database.
    pub async fn new(engine: Engine) -> Result<Self, EngineError> {
        Ok(match engine {
            Engine::Sqlite => {
                let dir =
                    tempfile::tempdir().map_err(|source| EngineError::Io { doing: "making a directory", source })?;
                Self { url: format!("sqlite:{}/test.db", dir.path().display()), engine, _dir: Some(dir) }
            }
            Engine::Postgres => Self { url: Postgres::shared().await?.database().await?, engine, _dir: None },
            Engine::Mariadb => Self { url: Mariadb::shared().await?.database().await?, engine, _dir: None },
        })
    }

    /// Drops the database, to save room; one left by a failed test goes with its engine.
    pub async fn remove(self) {
        let server = match self.engine {
            Engine::Sqlite => return,
            Engine::Postgres => Postgres::shared().await,
            Engine::Mariadb => Mariadb::shared().await,
        };
        if let Ok(server) = server {
            server.database_drop(&self.url).await;
        }
    }
}
