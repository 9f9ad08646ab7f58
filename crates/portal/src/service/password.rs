//! Password hashes: argon2id with the library's defaults (19 MiB, 2 passes; OWASP Password Storage Cheat Sheet), a few at
//! a time so that a burst of sign-ins takes neither all memory nor all cores.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;

use crate::error::Problem;
use crate::model::secret::random_secret;

/// How many hashes are computed at a time; each takes 19 MiB.
const AT_A_TIME: usize = 2;

/// Makes and checks password hashes off the async threads.
pub(crate) struct PasswordHasher {
    permits: Arc<Semaphore>,
    /// A hash that no password has; checked for unknown logins so that they take as long as known ones.
    nobody: String,
}

impl PasswordHasher {
    pub(crate) fn new() -> Result<Self, Problem> {
        Ok(Self { permits: Arc::new(Semaphore::new(AT_A_TIME)), nobody: hash(&random_secret())? })
    }

    /// The hash of `password` in PHC form.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Problem> {
        self.run(move || hash(&password)).await?
    }

    /// Whether `password` has `stored`; without a stored hash it takes as long and says no.
    pub(crate) async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, Problem> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.nobody.clone());
        let matches = self.run(move || verify(&password, &stored)).await??;
        Ok(known && matches)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(Problem::bug)?;
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permit); // held until the work ends even when the request was dropped
            result
        });
        done.await.map_err(Problem::bug)
    }
}

fn hash(password: &str) -> Result<String, Problem> {
    let hash = Argon2::default().hash_password(password.as_bytes()).map_err(|e| Problem::bug(e.to_string()))?;
    Ok(hash.to_string())
}

fn verify(password: &str, stored: &str) -> Result<bool, Problem> {
    let stored = PasswordHash::new(stored).map_err(|e| Problem::bug(e.to_string()))?;
    Ok(Argon2::default().verify_password(password.as_bytes(), &stored).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_matches_and_nobody_matches_nothing() {
        let hasher = PasswordHasher::new().unwrap();
        let stored = hasher.hash(String::from("correct horse")).await.unwrap();
        assert!(stored.starts_with("$argon2id$"));
        assert!(hasher.verify(String::from("correct horse"), Some(stored.clone())).await.unwrap());
        assert!(!hasher.verify(String::from("correct house"), Some(stored)).await.unwrap());
        assert!(!hasher.verify(String::from("anything"), None).await.unwrap());
    }
}
