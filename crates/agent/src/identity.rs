//! The agent's directory: who this node is, and the lock that keeps two agents from being the same node.
//!
//! `node.json` is written last when enrolling, so that a crash in between leaves a directory that enrols again. Key and
//! certificate share one file, `node.pem`, so that a renewal replaces both in one rename.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use wire::NodeIdentity;
use wire::authority::{AuthorityError, expires_ms};

/// How long a second agent waits for the first to go: long enough for a restart, short enough for a person.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// Written last when enrolling.
const ENROLMENT: &str = "node.json";
const LOCK_POLL: Duration = Duration::from_millis(50);

/// What can go wrong with the directory.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    #[error("reading or writing {path}")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{dir} is in use by the agent with process id {holder}; stop it or give another --dir")]
    InUse { dir: PathBuf, holder: String },
    #[error("{path} is damaged")]
    Damaged {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
}

/// The locked directory. Dropping it gives the lock back.
pub(crate) struct Home {
    dir: PathBuf,
    _lock: File,
}

/// Who this node is. No `Debug`: it holds the private key.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) enrolment: Enrolment,
    /// The certificate, followed by its private key.
    pub(crate) pair_pem: String,
    pub(crate) ca_pem: String,
}

impl Identity {
    /// How long the certificate still holds at `now_ms`, in ms; nothing or less when it has ended.
    pub(crate) fn left_ms(&self, now_ms: i64) -> Result<i64, AuthorityError> {
        Ok(expires_ms(&self.pair_pem)? - now_ms)
    }

    /// What the node's parts are given of it.
    pub(crate) fn shown(&self) -> NodeIdentity {
        let (pair_pem, ca_pem) = (self.pair_pem.clone(), self.ca_pem.clone());
        NodeIdentity { node_id: self.enrolment.node_id.clone(), pair_pem, ca_pem }
    }
}

/// What this node is called, as kept in `node.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Enrolment {
    pub(crate) node_id: String,
    pub(crate) name: String,
}

impl Home {
    /// Makes the directory (mode 0700) when missing and locks it, waiting up to 5 s for another agent to end.
    ///
    /// Errors: `InUse` names the process that holds it.
    pub(crate) async fn open(dir: &Path) -> Result<Self, IdentityError> {
        let at = |path: &Path| {
            let path = path.to_path_buf();
            move |source| IdentityError::File { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(at(dir))?;
        // Runs get their work directory as an absolute path, whatever the agent's own is later.
        let dir = dir.canonicalize().map_err(at(dir))?;
        let path = dir.join("lock");
        let mut options = OpenOptions::new();
        let mut lock =
            options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(at(&path))?;
        let deadline = Instant::now() + LOCK_WAIT;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(at(&path)(source)),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => tokio::time::sleep(LOCK_POLL).await,
                Err(TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    lock.read_to_string(&mut holder).map_err(at(&path))?;
                    return Err(IdentityError::InUse { dir, holder: holder.trim().to_owned() });
                }
            }
        }
        lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).map_err(at(&path))?;
        Ok(Self { dir, _lock: lock })
    }

    /// Whether a node has joined from this directory; nothing is made there.
    pub(crate) fn is_enrolled(dir: &Path) -> bool {
        dir.join(ENROLMENT).exists()
    }

    /// The directory, absolute.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The stored identity; `None` when this directory has not enrolled yet.
    pub(crate) fn identity(&self) -> Result<Option<Identity>, IdentityError> {
        let path = self.dir.join(ENROLMENT);
        if !path.exists() {
            return Ok(None);
        }
        let enrolment =
            serde_json::from_str(&self.read(ENROLMENT)?).map_err(|source| IdentityError::Damaged { path, source })?;
        let mut pair_pem = self.read("node.pem")?;
        // Until its first renewal, a node that joined with the first agents has its key in a file of its own.
        if !pair_pem.contains("PRIVATE KEY-----") {
            pair_pem += &self.read("node.key")?;
        }
        Ok(Some(Identity { enrolment, pair_pem, ca_pem: self.read("ca.pem")? }))
    }

    /// Stores an identity, replacing any other.
    pub(crate) fn identity_write(&self, identity: &Identity) -> Result<(), IdentityError> {
        let path = self.dir.join(ENROLMENT);
        let json =
            serde_json::to_string(&identity.enrolment).map_err(|source| IdentityError::Damaged { path, source })?;
        self.pair_write(&identity.pair_pem)?;
        self.write("ca.pem", &identity.ca_pem)?;
        self.write(ENROLMENT, &json)
    }

    /// Replaces certificate and key together: a crash leaves the old pair or the new one.
    pub(crate) fn pair_write(&self, pair_pem: &str) -> Result<(), IdentityError> {
        self.write("node.pem", pair_pem)?;
        let path = self.dir.join("node.key");
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(IdentityError::File { path, source }),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The highest lease epoch this node has seen; 0 before the first.
    pub(crate) fn epoch(&self) -> Result<u64, IdentityError> {
        let path = self.dir.join("epoch");
        if !path.exists() {
            return Ok(0);
        }
        let invalid = |error| IdentityError::File { path, source: io::Error::new(io::ErrorKind::InvalidData, error) };
        self.read("epoch")?.trim().parse::<u64>().map_err(invalid)
    }

    /// Keeps `epoch` on disk. Blocking, with an fsync: called once for each new lease.
    pub(crate) fn epoch_write(&self, epoch: u64) -> Result<(), IdentityError> {
        self.write("epoch", &epoch.to_string())
    }

    fn read(&self, name: &str) -> Result<String, IdentityError> {
        let path = self.dir.join(name);
        fs::read_to_string(&path).map_err(|source| IdentityError::File { path, source })
    }

    /// Writes beside and renames, mode 0600, so that a crash leaves the old text or the new one.
    fn write(&self, name: &str, text: &str) -> Result<(), IdentityError> {
        let (path, new) = (self.dir.join(name), self.dir.join(format!("{name}.new")));
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        write().map_err(|source| IdentityError::File { path: path.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn an_identity_reads_back_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(&dir.path().join("a/b")).await.unwrap();
        assert!(home.identity().unwrap().is_none());
        let enrolment = Enrolment { node_id: "n1".into(), name: "lab-a".into() };
        let identity = Identity {
            enrolment: enrolment.clone(),
            pair_pem: "certificate\n-----BEGIN PRIVATE KEY-----\n".into(),
            ca_pem: "ca".into(),
        };
        home.identity_write(&identity).unwrap();
        let read = home.identity().unwrap().unwrap();
        assert_eq!((read.enrolment, read.ca_pem.as_str()), (enrolment, "ca"));
        assert_eq!(read.pair_pem, identity.pair_pem);
        for name in ["node.pem", "node.json"] {
            let mode = home.dir().join(name).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[tokio::test]
    async fn a_key_beside_its_certificate_is_read_until_both_are_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).await.unwrap();
        let key = "-----BEGIN PRIVATE KEY-----\n";
        let files = [("node.json", r#"{"node_id":"n1","name":"lab-a"}"#), ("ca.pem", "ca")];
        for (name, text) in files.into_iter().chain([("node.key", key), ("node.pem", "certificate\n")]) {
            fs::write(home.dir().join(name), text).unwrap();
        }
        assert_eq!(home.identity().unwrap().unwrap().pair_pem, format!("certificate\n{key}"));
        home.pair_write(&format!("new\n{key}")).unwrap();
        assert_eq!(home.identity().unwrap().unwrap().pair_pem, format!("new\n{key}"));
        assert!(!home.dir().join("node.key").exists(), "the former key is still there");
    }

    #[tokio::test]
    async fn the_epoch_outlives_the_agent() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).await.unwrap();
        assert_eq!(home.epoch().unwrap(), 0);
        home.epoch_write(41).unwrap();
        drop(home);
        assert_eq!(Home::open(dir.path()).await.unwrap().epoch().unwrap(), 41);
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_agent_waits_and_then_says_who_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let first = Home::open(dir.path()).await.unwrap();
        let Err(error) = Home::open(dir.path()).await else { panic!("two agents share a directory") };
        assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
        let second = tokio::spawn({
            let dir = dir.path().to_path_buf();
            async move { Home::open(&dir).await.map(drop) }
        });
        tokio::task::yield_now().await;
        drop(first);
        second.await.unwrap().unwrap();
    }
}
