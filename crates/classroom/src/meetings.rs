//! Where meetings are, as this replica last read it: a copy of the table, so that most calls ask no database.
//!
//! Its own changes enter at once. Those of other replicas enter with a wake-up when a meeting was moved, and with the next
//! reading of the whole; what is not found here is looked up in the table, so that a new meeting is known everywhere at once.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use portal::TenantId;

use crate::model::meeting::{Meeting, MeetingId, MeetingKey};
use crate::model::server::ServerId;

/// How long it is known when a meeting ended: far longer than its server goes on to show it.
const ENDED_KEPT_MS: i64 = 10 * 60_000;

/// The copy.
#[derive(Default)]
pub(crate) struct Meetings(RwLock<Known>);

#[derive(Default)]
struct Known {
    /// By name, since hardly ever two tenants use the same one.
    by_id: HashMap<MeetingId, Vec<Arc<Meeting>>>,
    /// Since when each is known here as it is, by its token and epoch; our clock, epoch ms.
    since: HashMap<(String, i64), i64>,
    /// When meetings ended and whose they were, by server and name, as far as this replica saw it; our clock, epoch ms.
    ended: HashMap<(ServerId, MeetingId), (i64, TenantId)>,
    counts: HashMap<TenantId, usize>,
    /// The most people seen in each, by the meeting's token.
    attended: HashMap<String, u32>,
    /// Meetings that began here and are in no table of usage yet.
    begun: HashMap<TenantId, i64>,
}

impl Known {
    fn get(&self, key: &MeetingKey) -> Option<&Arc<Meeting>> {
        self.by_id.get(&key.id)?.iter().find(|meeting| meeting.key.tenant == key.tenant)
    }

    fn put(&mut self, meeting: Arc<Meeting>, now_ms: i64) {
        self.since.entry((meeting.token.clone(), meeting.epoch)).or_insert(now_ms);
        let named = self.by_id.entry(meeting.key.id.clone()).or_default();
        match named.iter_mut().find(|known| known.key.tenant == meeting.key.tenant) {
            Some(known) => *known = meeting,
            None => {
                *self.counts.entry(meeting.key.tenant.clone()).or_default() += 1;
                named.push(meeting);
            }
        }
    }

    fn remove(&mut self, key: &MeetingKey) {
        let Some(named) = self.by_id.get_mut(&key.id) else { return };
        let before = named.len();
        named.retain(|meeting| meeting.key.tenant != key.tenant);
        if named.len() < before
            && let Some(count) = self.counts.get_mut(&key.tenant)
        {
            *count -= 1;
        }
        if named.is_empty() {
            self.by_id.remove(&key.id);
        }
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Meeting>> {
        self.by_id.values().flatten()
    }
}

impl Meetings {
    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_mut(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, key: &MeetingKey) -> Option<Arc<Meeting>> {
        self.known().get(key).cloned()
    }

    /// All of them, in no particular order.
    pub(crate) fn all(&self) -> Vec<Arc<Meeting>> {
        self.known().all().cloned().collect()
    }

    /// A tenant's, in no particular order.
    pub(crate) fn of_tenant(&self, tenant: &TenantId) -> Vec<Arc<Meeting>> {
        self.known().all().filter(|meeting| meeting.key.tenant == *tenant).cloned().collect()
    }

    /// How many a tenant has.
    pub(crate) fn count(&self, tenant: &TenantId) -> usize {
        self.known().counts.get(tenant).copied().unwrap_or_default()
    }

    /// Servers on which another tenant has a meeting of the same name.
    pub(crate) fn named(&self, key: &MeetingKey) -> Vec<ServerId> {
        let known = self.known();
        let named = known.by_id.get(&key.id).into_iter().flatten();
        named.filter(|meeting| meeting.key.tenant != key.tenant).map(|meeting| meeting.server.clone()).collect()
    }

    pub(crate) fn put(&self, meeting: Arc<Meeting>, now_ms: i64) {
        self.known_mut().put(meeting, now_ms);
    }

    /// Since when this replica knows a meeting where it is, epoch ms; now, for one that it does not know so.
    pub(crate) fn known_since(&self, meeting: &Meeting, now_ms: i64) -> i64 {
        self.known().since.get(&(meeting.token.clone(), meeting.epoch)).copied().unwrap_or(now_ms)
    }

    /// When a meeting of that name last ended on a server, epoch ms, and whose it was.
    pub(crate) fn ended(&self, server: &ServerId, id: &MeetingId) -> Option<(i64, TenantId)> {
        self.known().ended.get(&(server.clone(), id.clone())).cloned()
    }

    /// Forgets a meeting that ended, unless another session of it has taken its place.
    pub(crate) fn remove(&self, meeting: &Meeting, now_ms: i64) {
        let mut known = self.known_mut();
        known.attended.remove(&meeting.token);
        let key = meeting.key.clone();
        known.ended.insert((meeting.server.clone(), key.id), (now_ms, key.tenant));
        if known.get(&meeting.key).is_some_and(|now| now.token == meeting.token) {
            known.remove(&meeting.key);
        }
    }

    /// Takes over what is stored.
    pub(crate) fn set(&self, meetings: Vec<Meeting>, now_ms: i64) {
        let mut known = self.known_mut();
        let old = std::mem::take(&mut *known);
        let mut read = Known { begun: old.begun, ..Known::default() };
        for meeting in meetings {
            let since = old.since.get(&(meeting.token.clone(), meeting.epoch)).copied();
            read.put(Arc::new(meeting), since.unwrap_or(now_ms));
        }
        let tokens: HashSet<&str> = read.all().map(|meeting| meeting.token.as_str()).collect();
        let attended = old.attended.into_iter().filter(|(token, _)| tokens.contains(token.as_str())).collect();
        // Another replica forgot those, or has them on another server now.
        let gone = old.by_id.values().flatten().filter(|meeting| {
            read.get(&meeting.key).is_none_or(|now| now.server != meeting.server || now.token != meeting.token)
        });
        let gone = gone.map(|meeting| {
            let key = meeting.key.clone();
            ((meeting.server.clone(), key.id), (now_ms, key.tenant))
        });
        let recent = old.ended.into_iter().filter(|(_, (at_ms, _))| now_ms - at_ms < ENDED_KEPT_MS);
        let ended = recent.chain(gone).collect();
        *known = Known { attended, ended, ..read };
    }

    /// So many people were seen in a meeting.
    pub(crate) fn attended(&self, meeting: &Meeting, users: u32) {
        if users > 0 {
            let mut known = self.known_mut();
            let most = known.attended.entry(meeting.token.clone()).or_default();
            *most = users.max(*most);
        }
    }

    /// The most people that were seen in a meeting.
    pub(crate) fn attended_most(&self, meeting: &Meeting) -> u32 {
        self.known().attended.get(&meeting.token).copied().unwrap_or_default()
    }

    /// A tenant's meeting began.
    pub(crate) fn on_begun(&self, tenant: &TenantId) {
        *self.known_mut().begun.entry(tenant.clone()).or_default() += 1;
    }

    /// How many began since this was last asked.
    pub(crate) fn begun_take(&self) -> HashMap<TenantId, i64> {
        std::mem::take(&mut self.known_mut().begun)
    }

    /// What was taken could not be written.
    pub(crate) fn begun_give_back(&self, taken: HashMap<TenantId, i64>) {
        let mut known = self.known_mut();
        taken.into_iter().for_each(|(tenant, meetings)| *known.begun.entry(tenant).or_default() += meetings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::meeting::Callbacks;

    fn meeting(tenant: u8, id: &str, server: &str, token: &str) -> Meeting {
        let tenant = TenantId::parse(&format!("00000000-0000-7000-8000-0000000000{tenant:02x}")).unwrap();
        Meeting {
            key: MeetingKey { tenant, id: MeetingId::parse(id).unwrap() },
            server: ServerId::parse(server).unwrap(),
            epoch: 1,
            voice_bridge: None,
            token: token.to_owned(),
            name: String::new(),
            callbacks: Callbacks::default(),
            created_ms: 0,
        }
    }

    #[test]
    fn two_tenants_may_use_one_name_and_are_counted_apart() {
        let meetings = Meetings::default();
        let (a, b) = (meeting(1, "algebra", "s-1", "t-1"), meeting(2, "algebra", "s-2", "t-2"));
        for meeting in [&a, &b, &a] {
            meetings.put(Arc::new(meeting.clone()), 5);
        }
        assert_eq!((meetings.count(&a.key.tenant), meetings.all().len()), (1, 2));
        assert_eq!(meetings.named(&a.key), std::slice::from_ref(&b.server));
        meetings.remove(&Meeting { token: "older".into(), ..a.clone() }, 6);
        assert_eq!(meetings.get(&a.key).as_deref(), Some(&a), "an older session does not take the new one along");
        meetings.remove(&a, 6);
        assert_eq!((meetings.get(&a.key), meetings.count(&a.key.tenant)), (None, 0));
        assert_eq!(meetings.get(&b.key).as_deref(), Some(&b));
    }

    #[test]
    fn the_most_that_came_is_kept_over_a_reading_and_goes_with_the_meeting() {
        let meetings = Meetings::default();
        let a = meeting(1, "algebra", "s-1", "t-1");
        meetings.put(Arc::new(a.clone()), 5);
        [3, 9, 0].into_iter().for_each(|users| meetings.attended(&a, users));
        meetings.set(vec![a.clone()], 7);
        assert_eq!(meetings.attended_most(&a), 9);
        meetings.set(Vec::new(), 8);
        assert_eq!(meetings.attended_most(&a), 0);
    }

    #[test]
    fn it_is_known_since_when_a_meeting_is_where_it_is_and_when_it_ended_there() {
        let meetings = Meetings::default();
        let a = meeting(1, "algebra", "s-1", "t-1");
        let moved = Meeting { server: ServerId::parse("s-2").unwrap(), epoch: 2, ..a.clone() };
        meetings.put(Arc::new(a.clone()), 5);
        meetings.set(vec![a.clone()], 9);
        assert_eq!((meetings.known_since(&a, 99), meetings.known_since(&moved, 99)), (5, 99));
        meetings.set(vec![moved.clone()], 10);
        let ended = |server: &ServerId| meetings.ended(server, &a.key.id).map(|(at_ms, _)| at_ms);
        assert_eq!((meetings.known_since(&moved, 99), ended(&a.server)), (10, Some(10)));
        meetings.set(Vec::new(), 11);
        assert_eq!(ended(&moved.server), Some(11));
        meetings.set(Vec::new(), 11 + ENDED_KEPT_MS);
        assert_eq!(ended(&moved.server), None);
    }
}
