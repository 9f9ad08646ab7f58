//! A name space over the database itself, for the control plane's own work and behind the REST API of sessions.

use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use db::{DbError, Write};

use super::ancestry::{Named, ancestry};
use super::{Entry, LIST_MAX, Namespace, NamespaceError, ONLY_SESSIONS_LOCK, Placed, Usage};
use crate::Storage;
use crate::model::effect::Effect;
use crate::model::inode::{Ino, Inode};
use crate::model::lock::{FileLocks, Held};
use crate::model::name::Name;
use crate::model::plan::Plan;
use crate::model::space::Space;
use crate::model::stripe::{Layout, Stripe, StripeId};
use crate::queries::apply::{CHANGED, QUOTA, Target, entries_expect, plan_apply};
use crate::queries::inode::{entry_get, entry_list, inode_get, xattr_list};
use crate::queries::session::{applied_insert, applied_is_there, entries_are_there, session_get};
use crate::queries::space::{STALE, space_expect_free, space_expect_session, space_get, usage_get};
use crate::queries::stripe::{piece_list, stripe_find};
use crate::service::ServiceError;

/// How often a delegation is taken away before a writer gives up: another session may be given it in between.
const ATTEMPTS: usize = 3;

/// One name space, for one caller whose rights were checked.
#[derive(Clone)]
pub struct Direct {
    storage: Storage,
    space: Space,
    is_read_only: bool,
    session: Option<SessionCall>,
}

/// One call of a session.
#[derive(Clone, Debug)]
pub(crate) struct SessionCall {
    /// The session's id.
    pub(crate) session: String,
    /// The epoch it knows.
    pub(crate) epoch: i64,
    /// Names the call: one that is repeated because its answer was lost is done once.
    pub(crate) number: Option<i64>,
}

impl Direct {
    /// For the control plane's own work.
    pub(crate) fn new(storage: Storage, space: Space, is_read_only: bool) -> Self {
        let is_read_only = is_read_only || space.is_read_only();
        Self { storage, space, is_read_only, session: None }
    }

    /// For a call of a session.
    pub(crate) fn of_session(self, call: SessionCall) -> Self {
        Self { session: Some(call), ..self }
    }

    /// The volume that its stripes belong to.
    pub fn volume(&self) -> i64 {
        self.space.volume
    }

    /// How its volume codes them.
    pub fn layout(&self) -> Layout {
        self.space.layout
    }

    fn db(&self) -> &db::Database {
        self.storage.db()
    }

    async fn attempt(&self, plan: &Plan, above: &[Named]) -> Result<(), DbError> {
        let mut write = Write::new();
        let space = self.space.id;
        match &self.session {
            None => space_expect_free(&mut write, space),
            Some(call) => {
                space_expect_session(&mut write, space, &call.session, call.epoch);
                if let Some(number) = call.number {
                    applied_insert(&mut write, &call.session, number);
                }
            }
        }
        let sets = self.storage.sets_of(&plan.stripes).await?;
        let now_ms = self.db().clock().now_ms();
        entries_expect(&mut write, space, above);
        plan_apply(&mut write, Target { space, volume: self.space.volume, now_ms, sets: &sets }, plan);
        self.db().write(write).await.map(|_| ())
    }

    /// Whether taking the delegation away would help: a session must be at the present epoch itself.
    async fn is_held_by_another(&self) -> Result<bool, DbError> {
        let Some(space) = space_get(self.db(), self.space.id).await? else { return Ok(false) };
        Ok(match &self.session {
            None => space.holder.is_some(),
            Some(call) => {
                let is_other = space.holder.is_some_and(|holder| holder != call.session);
                is_other && space.epoch == call.epoch && session_get(self.db(), &call.session).await?.is_some()
            }
        })
    }

    /// What a refusal means. A call that was done before is none.
    async fn refusal(&self, error: DbError, plan: &Plan) -> Result<(), NamespaceError> {
        let is_doubtful = matches!(error, DbError::Duplicate | DbError::Unmet { .. });
        if let Some(SessionCall { session, number: Some(number), .. }) = &self.session
            && is_doubtful
            && applied_is_there(self.db(), session, *number).await?
        {
            return Ok(());
        }
        Err(match error {
            DbError::Unmet { guard: QUOTA } => NamespaceError::Quota,
            DbError::Unmet { guard: STALE } if space_get(self.db(), self.space.id).await?.is_none() => {
                NamespaceError::Gone
            }
            DbError::Unmet { guard: STALE } => NamespaceError::Stale,
            DbError::Unmet { guard: CHANGED } => NamespaceError::Changed,
            DbError::Duplicate if entries_are_there(self.db(), self.space.id, &plan.entries_added).await? => {
                NamespaceError::Exists
            }
            DbError::Duplicate => NamespaceError::Changed,
            error => error.into(),
        })
    }
}

impl From<DbError> for NamespaceError {
    fn from(error: DbError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<ServiceError> for NamespaceError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Db(error) => error.into(),
            error => Self::Unavailable(error.into()),
        }
    }
}

fn limited(limit: usize) -> i64 {
    limit.clamp(1, LIST_MAX) as i64
}

#[async_trait]
impl Namespace for Direct {
    fn root(&self) -> Ino {
        self.space.root
    }

    async fn lookup(&self, parent: Ino, name: &Name) -> Result<Option<Entry>, NamespaceError> {
        Ok(entry_get(self.db(), self.space.id, parent, name).await?)
    }

    async fn inode(&self, ino: Ino) -> Result<Option<Inode>, NamespaceError> {
        Ok(inode_get(self.db(), self.space.id, ino).await?)
    }

    async fn entries(&self, parent: Ino, after: Option<&Name>, limit: usize) -> Result<Vec<Entry>, NamespaceError> {
        Ok(entry_list(self.db(), self.space.id, parent, after, limited(limit)).await?)
    }

    async fn stripes(&self, ino: Ino, number: u64, limit: usize) -> Result<Vec<Placed>, NamespaceError> {
        let Ok(first) = i64::try_from(number) else { return Ok(Vec::new()) };
        Ok(piece_list(self.db(), self.space.id, ino, first, limited(limit)).await?)
    }

    async fn stripe(&self, id: StripeId) -> Result<Option<Stripe>, NamespaceError> {
        Ok(stripe_find(self.db(), self.space.id, id).await?)
    }

    async fn xattrs(&self, ino: Ino) -> Result<Vec<(String, Vec<u8>)>, NamespaceError> {
        Ok(xattr_list(self.db(), self.space.id, ino).await?)
    }

    async fn apply(&self, effects: Vec<Effect>) -> Result<Usage, NamespaceError> {
        if self.is_read_only {
            return Err(NamespaceError::ReadOnly);
        }
        let plan = Plan::of(effects, self.space.root, self.space.layout)?;
        for attempt in 1.. {
            let above = ancestry(self.db(), self.space.id, self.space.root, &plan).await?;
            match self.attempt(&plan, &above).await {
                Ok(()) => break,
                Err(DbError::Unmet { guard: STALE }) if attempt < ATTEMPTS && self.is_held_by_another().await? => {
                    self.storage.delegation_take(self.space.id).await?;
                }
                Err(error) => {
                    self.refusal(error, &plan).await?;
                    break;
                }
            }
        }
        self.usage().await
    }

    async fn numbers(&self, count: u32) -> Result<Range<i64>, NamespaceError> {
        Ok(self.storage.numbers(count).await?)
    }

    async fn usage(&self) -> Result<Usage, NamespaceError> {
        usage_get(self.db(), self.space.id).await?.ok_or(NamespaceError::Gone)
    }

    async fn locks_set(&self, locks: Vec<FileLocks>) -> Result<Option<Held>, NamespaceError> {
        let Some(call) = &self.session else { return Err(NamespaceError::Invalid(ONLY_SESSIONS_LOCK.to_owned())) };
        self.storage.locks_set(self.space.id, &call.session, &locks).await
    }

    async fn lock_against(&self, locks: FileLocks, wait: Duration) -> Result<Option<Held>, NamespaceError> {
        let Some(call) = &self.session else { return Err(NamespaceError::Invalid(ONLY_SESSIONS_LOCK.to_owned())) };
        self.storage.lock_against(self.space.id, &call.session, &locks, wait).await
    }
}
