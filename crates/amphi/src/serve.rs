//! `amphi serve`: one replica of the control plane.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde::Deserialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::control::{Control, ControlConfig};
use crate::listen::key_pair_read;
use crate::log;

/// Arguments of `amphi serve`.
#[derive(clap::Args, Debug)]
pub(crate) struct ServeArgs {
    /// Configuration file (TOML); deploy/amphi.toml is an example with every setting
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// The configuration file. A key that is not known is an error.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServeFile {
    /// Address and port for browsers, the API and agents.
    listen: std::net::SocketAddr,
    /// Certificates, the admin's token and, by default, the database. Replicas share its ca.pem, ca.key and seal.key.
    dir: PathBuf,
    /// `sqlite:PATH`, `postgres://…` or `mysql://…`; left out, `DIR/amphi.db`.
    database: Option<String>,
    /// A file that holds the database's URL, so that its password stays out of this one.
    database_file: Option<PathBuf>,
    /// The address people and agents use.
    public_url: Option<String>,
    /// A certificate for browsers, PEM; without one our own authority's is shown.
    certificate: Option<PathBuf>,
    /// Its key, PEM.
    key: Option<PathBuf>,
    /// This replica's name, unique among the replicas; left out, the host's name.
    replica: Option<String>,
    /// Whether experiments may aim at loopback; only for a lab whose nodes all are on this machine.
    #[serde(default)]
    allow_loopback: bool,
    /// A folder with recipes of languages (TOML) beside the built-in ones; one of the same name takes its place.
    recipes: Option<PathBuf>,
    /// How classrooms go about conference servers and recordings.
    #[serde(default)]
    classroom: classroom::Settings,
}

/// Runs until a signal ends it.
pub(crate) async fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    log::start();
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let control = Control::start(config(&args.config)?).await?;
    if let Some(admin) = &control.first_admin {
        println!("first start: sign in as {} with the password {} (shown once)", admin.login, admin.password.expose());
    }
    println!("ready {}", control.url);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    control.stop().await;
    Ok(ExitCode::SUCCESS)
}

fn config(path: &Path) -> anyhow::Result<ControlConfig> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let file: ServeFile = toml::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
    std::fs::create_dir_all(&file.dir).with_context(|| format!("making {}", file.dir.display()))?;
    let database = match (file.database, file.database_file) {
        (Some(_), Some(_)) => bail!("{}: give either database or database_file, not both", path.display()),
        (Some(url), None) => url,
        (None, Some(secret)) => {
            std::fs::read_to_string(&secret).with_context(|| format!("reading {}", secret.display()))?.trim().to_owned()
        }
        (None, None) => format!("sqlite:{}", file.dir.join("amphi.db").display()),
    };
    let certificate = match (file.certificate, file.key) {
        (Some(certificate), Some(key)) => Some(key_pair_read(&certificate, &key)?),
        (None, None) => None,
        _ => bail!("{}: certificate and key belong together; give both or neither", path.display()),
    };
    let replica = match file.replica {
        Some(replica) => replica,
        None => nix::unistd::gethostname().context("reading the host's name")?.to_string_lossy().into_owned(),
    };
    Ok(ControlConfig {
        dir: file.dir,
        listen: file.listen,
        database,
        public_url: file.public_url,
        certificate,
        replica,
        allow_loopback: file.allow_loopback,
        recipes: file.recipes,
        classroom: file.classroom,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<ControlConfig> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("amphi.toml");
        let text = text.replace("DIR", &dir.path().join("data").display().to_string());
        std::fs::write(&path, text).unwrap();
        config(&path)
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let config = read("listen = \"127.0.0.1:0\"\ndir = \"DIR\"").unwrap();
        assert!(config.database.starts_with("sqlite:") && config.database.ends_with("amphi.db"));
        assert!(!config.allow_loopback && !config.replica.is_empty());
    }

    #[test]
    fn wrong_files_are_refused_by_name() {
        let unknown = format!("{:#}", read("listen = \"127.0.0.1:0\"\ndir = \"DIR\"\ncolour = 1").err().unwrap());
        assert!(unknown.contains("colour"), "{unknown}");
        let half = format!("{:#}", read("listen = \"127.0.0.1:0\"\ndir = \"DIR\"\nkey = \"k\"").err().unwrap());
        assert!(half.contains("certificate and key belong together"), "{half}");
    }
}
