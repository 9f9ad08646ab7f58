//! Where meetings are, as this replica last read it: a copy of the table, so that most calls ask no database.
//!
//! Its own changes enter at once. Those of other replicas enter with a wake-up when a meeting was moved, and with the next
//! reading of the whole; what is not found here is looked up in the table, so that a new meeting is known everywhere at once.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use portal::TenantId;

use crate::model::meeting::{Meeting, MeetingKey};
use crate::model::server::ServerId;

/// The copy.
#[derive(Default)]
pub(crate) struct Meetings {
    known: RwLock<HashMap<MeetingKey, Arc<Meeting>>>,
    /// The most people seen in each, by the meeting's token.
    most: RwLock<HashMap<String, u32>>,
}

impl Meetings {
    fn known(&self) -> RwLockReadGuard<'_, HashMap<MeetingKey, Arc<Meeting>>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_mut(&self) -> RwLockWriteGuard<'_, HashMap<MeetingKey, Arc<Meeting>>> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, key: &MeetingKey) -> Option<Arc<Meeting>> {
        self.known().get(key).cloned()
    }

    /// All of them, in no particular order.
    pub(crate) fn all(&self) -> Vec<Arc<Meeting>> {
        self.known().values().cloned().collect()
    }

    /// A tenant's, in no particular order.
    pub(crate) fn of_tenant(&self, tenant: &TenantId) -> Vec<Arc<Meeting>> {
        self.known().values().filter(|meeting| meeting.key.tenant == *tenant).cloned().collect()
    }

    /// Servers on which another tenant has a meeting of the same name.
    pub(crate) fn named(&self, key: &MeetingKey) -> Vec<ServerId> {
        let is_other = |other: &&Arc<Meeting>| other.key.id == key.id && other.key.tenant != key.tenant;
        self.known().values().filter(is_other).map(|meeting| meeting.server.clone()).collect()
    }

    /// So many people were seen in a meeting.
    pub(crate) fn attended(&self, meeting: &Meeting, users: u32) {
        let mut most = self.most.write().unwrap_or_else(PoisonError::into_inner);
        let known = most.entry(meeting.token.clone()).or_default();
        *known = users.max(*known);
    }

    /// The most people that were seen in a meeting.
    pub(crate) fn most(&self, meeting: &Meeting) -> u32 {
        let most = self.most.read().unwrap_or_else(PoisonError::into_inner);
        most.get(&meeting.token).copied().unwrap_or_default()
    }

    pub(crate) fn put(&self, meeting: Arc<Meeting>) {
        self.known_mut().insert(meeting.key.clone(), meeting);
    }

    /// Forgets a meeting, unless another session of it has taken its place.
    pub(crate) fn remove(&self, meeting: &Meeting) {
        let mut known = self.known_mut();
        if known.get(&meeting.key).is_some_and(|now| now.token == meeting.token) {
            known.remove(&meeting.key);
        }
    }

    pub(crate) fn set(&self, meetings: Vec<Meeting>) {
        let meetings = meetings.into_iter().map(|meeting| (meeting.key.clone(), Arc::new(meeting))).collect();
        *self.known_mut() = meetings;
    }
}
