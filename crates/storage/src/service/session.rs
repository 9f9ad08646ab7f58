//! Sessions: who works in a name space for a while, with its own credentials for the stores.

use std::time::Duration;

use db::{DbError, Write};
use portal::Caller;
use uuid::Uuid;

use super::ServiceError;
use super::export::Right;
use crate::Storage;
use crate::model::session::{SESSION_LIFE, Session};
use crate::model::space::{Space, topic};
use crate::namespace::session::{SessionCertificate, SessionNews, SessionRenewal, SessionView};
use crate::namespace::{Direct, NamespaceError, SessionCall};
use crate::queries::session::{
    delegation_grant, delegation_return, session_delete, session_get, session_insert, session_list, session_renew,
    session_wake, sessions_are_over, sessions_expire,
};
use crate::queries::space::{STALE, space_get, space_list, space_touch};
use crate::stripe::Damage;

/// How long a call waits for something to happen.
const WAIT_LIMIT: Duration = Duration::from_secs(20);
/// Most characters of what a session says of itself.
const WHAT_MAX: usize = 190;
/// Damaged units that one renewal tells of, at most.
const DAMAGE_MAX: usize = 1_000;

impl Storage {
    /// Opens a session and waits until no other one keeps changes to itself.
    pub(crate) async fn session_open(
        &self,
        caller: &Caller,
        export: &str,
        what: &str,
        csr_pem: &str,
        only_reads: bool,
    ) -> Result<SessionView, ServiceError> {
        let (space, right) = self.space_of(caller, export).await?;
        let right = if only_reads { right.min(Right::Read) } else { right };
        let is_read_only = right < Right::Write || space.is_read_only();
        let certificate_pem = self.session_credentials(caller, &space, right, csr_pem).await?;
        let now_ms = self.db().time_ms().await?;
        let session = Session {
            id: Uuid::now_v7().to_string(),
            space: space.id,
            account: caller.account.as_str().to_owned(),
            what: what.chars().filter(|c| !c.is_control()).take(WHAT_MAX).collect(),
            is_read_only,
            is_idle: false,
            until_ms: until(now_ms),
            created_ms: now_ms,
        };
        let mut write = Write::new();
        space_touch(&mut write, space.id);
        session_insert(&mut write, &session);
        self.db().write(write).await.map_err(stale)?;
        self.delegation_take(space.id).await?;
        self.delegation_ask(&session, now_ms).await?;
        let space = self.space_again(&session).await?;
        Ok(SessionView {
            is_delegated: is_delegated(&space, &session.id),
            space: space.id,
            root: space.root,
            volume: space.volume,
            layout: space.layout,
            epoch: space.epoch,
            read_only: session.is_read_only,
            usage: space.usage,
            certificate_pem,
            ca_pem: self.config().authority.certificate_pem().to_owned(),
            stores: self.store_addresses(space.volume).await?,
            id: session.id,
        })
    }

    async fn delegation_ask(&self, session: &Session, now_ms: i64) -> Result<(), ServiceError> {
        let mut write = Write::new();
        space_touch(&mut write, session.space);
        delegation_grant(&mut write, session.space, &session.id, now_ms);
        self.db().write(write).await?;
        Ok(())
    }

    /// Prolongs a session, and gives it the name space when it has something to do and all others have not. What it found
    /// damaged is looked at.
    pub(crate) async fn session_renew(
        &self,
        caller: &Caller,
        export: &str,
        id: &str,
        is_idle: bool,
        damage: &[Damage],
    ) -> Result<SessionRenewal, ServiceError> {
        let session = self.session_of(caller, export, id).await?;
        let now_ms = self.db().time_ms().await?;
        let mut write = Write::new();
        space_touch(&mut write, session.space);
        session_renew(&mut write, id, until(now_ms), is_idle, now_ms);
        delegation_grant(&mut write, session.space, id, now_ms);
        self.db().write(write).await.map_err(stale)?;
        let space = self.space_again(&session).await?;
        damage.iter().take(DAMAGE_MAX).for_each(|damage| self.repair_wanted(space.volume, *damage));
        Ok(SessionRenewal {
            epoch: space.epoch,
            is_delegated: is_delegated(&space, id),
            usage: space.usage,
            stores: self.store_addresses(space.volume).await?,
        })
    }

    /// Certifies the key of a session anew, for as long as when it was opened.
    pub(crate) async fn session_certify(
        &self,
        caller: &Caller,
        export: &str,
        id: &str,
        csr_pem: &str,
    ) -> Result<SessionCertificate, ServiceError> {
        let (space, right) = self.space_of(caller, export).await?;
        let session = self.session_in(caller, &space, id).await?;
        let right = if session.is_read_only { right.min(Right::Read) } else { right };
        let certificate_pem = self.session_credentials(caller, &space, right, csr_pem).await?;
        Ok(SessionCertificate { certificate_pem, ca_pem: self.config().authority.certificate_pem().to_owned() })
    }

    /// A certificate for stores. It opens them to the units of the whole volume: whoever may do less with another of
    /// its exports gets none.
    async fn session_credentials(
        &self,
        caller: &Caller,
        space: &Space,
        right: Right,
        csr_pem: &str,
    ) -> Result<String, ServiceError> {
        let others = space_list(self.db(), None).await?;
        if others.iter().any(|other| other.volume == space.volume && other.right_of(caller) < right) {
            return Err(ServiceError::VolumeShared(space.volume_name.clone()));
        }
        let may_write = right >= Right::Write && !space.is_read_only();
        self.credentials_for(space.volume, may_write, csr_pem).map_err(ServiceError::CertificateRequest)
    }

    /// Waits until somebody wants the name space that the session holds, or stores changed, for 20 s at most.
    pub(crate) async fn session_wait(
        &self,
        caller: &Caller,
        export: &str,
        id: &str,
    ) -> Result<SessionNews, ServiceError> {
        let session = self.session_of(caller, export, id).await?;
        let watch = self.db().events().watch([topic(session.space), STORES.to_owned()]);
        let closing = self.portal().closing();
        let news = async {
            loop {
                let space = self.space_again(&session).await?;
                if space.wanted_ms.is_some() && space.holder.as_deref() == Some(id) {
                    return Ok(SessionNews { is_wanted: true, stores_changed: false });
                }
                tokio::select! {
                    () = closing.cancelled() => return Ok(SessionNews::default()),
                    topic = watch.changed() => if topic == STORES {
                        return Ok(SessionNews { is_wanted: false, stores_changed: true });
                    }
                }
            }
        };
        tokio::time::timeout(WAIT_LIMIT, news).await.unwrap_or_else(|_| Ok(SessionNews::default()))
    }

    /// The session has stored what it kept, and gives the name space back.
    pub(crate) async fn delegation_end(&self, caller: &Caller, export: &str, id: &str) -> Result<(), ServiceError> {
        let session = self.session_of(caller, export, id).await?;
        let mut write = Write::new();
        delegation_return(&mut write, session.space, id);
        self.db().write(write).await?;
        Ok(())
    }

    /// Ends a session. One that is over already is no fault.
    pub(crate) async fn session_close(&self, caller: &Caller, export: &str, id: &str) -> Result<(), ServiceError> {
        let session = match self.session_of(caller, export, id).await {
            Err(ServiceError::Namespace(NamespaceError::Stale)) => return Ok(()),
            other => other?,
        };
        let mut write = Write::new();
        session_delete(&mut write, session.space, id);
        self.db().write(write).await?;
        Ok(())
    }

    /// The name space for one call of a session, once no other session keeps changes to it to itself.
    pub(crate) async fn session_namespace(
        &self,
        caller: &Caller,
        export: &str,
        call: SessionCall,
    ) -> Result<Direct, ServiceError> {
        // The session first: others are given nothing while it is not idle, so what the space says after that holds.
        let session = session_get(self.db(), &call.session).await?;
        let (space, right) = self.space_of(caller, export).await?;
        let session = theirs(session, caller, &space)?;
        if space.holder.as_ref() != Some(&session.id) {
            if session.is_idle {
                let mut write = Write::new();
                space_touch(&mut write, space.id);
                session_wake(&mut write, &session.id);
                self.db().write(write).await.map_err(stale)?;
            }
            if session.is_idle || space.holder.is_some() {
                self.delegation_take(space.id).await?;
            }
        }
        let is_read_only = session.is_read_only || right < Right::Write;
        Ok(Direct::new(self.clone(), space, is_read_only).of_session(call))
    }

    /// The sessions that are open in a name space.
    pub(crate) async fn sessions_open(&self, space: i64) -> Result<Vec<Session>, ServiceError> {
        let now_ms = self.db().time_ms().await?;
        Ok(session_list(self.db(), space, now_ms).await?)
    }

    /// Clears away sessions that were not renewed.
    pub(crate) async fn sessions_sweep(&self) -> Result<(), ServiceError> {
        let now_ms = self.db().time_ms().await?;
        if sessions_are_over(self.db(), now_ms).await? {
            let mut write = Write::new();
            sessions_expire(&mut write, now_ms);
            self.db().write(write).await?;
        }
        Ok(())
    }

    async fn session_of(&self, caller: &Caller, export: &str, id: &str) -> Result<Session, ServiceError> {
        let (space, _) = self.space_of(caller, export).await?;
        self.session_in(caller, &space, id).await
    }

    async fn session_in(&self, caller: &Caller, space: &Space, id: &str) -> Result<Session, ServiceError> {
        theirs(session_get(self.db(), id).await?, caller, space)
    }

    async fn space_again(&self, session: &Session) -> Result<Space, ServiceError> {
        Ok(space_get(self.db(), session.space).await?.ok_or(NamespaceError::Gone)?)
    }
}

/// Told when stores come, go or change.
pub(crate) const STORES: &str = "storage.stores";

fn until(now_ms: i64) -> i64 {
    now_ms + SESSION_LIFE.as_millis() as i64
}

/// The session if it is the caller's, in that space.
fn theirs(session: Option<Session>, caller: &Caller, space: &Space) -> Result<Session, ServiceError> {
    let session = session.filter(|s| s.space == space.id && s.account == caller.account.as_str());
    session.ok_or_else(|| NamespaceError::Stale.into())
}

/// A snapshot never changes, so whoever reads it may keep all of it.
fn is_delegated(space: &Space, session: &str) -> bool {
    space.is_read_only() || space.holder.as_deref() == Some(session)
}

fn stale(error: DbError) -> ServiceError {
    match error {
        DbError::Unmet { guard: STALE } => NamespaceError::Stale.into(),
        error => error.into(),
    }
}
