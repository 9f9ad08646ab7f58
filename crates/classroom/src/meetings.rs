//! Where meetings are, as this replica last read it: a copy of the table, so that most calls ask no database.
//!
//! Its own changes enter at once. Those of other replicas enter with a wake-up when a meeting was moved, and with the next
//! reading of the whole; what is not found here is looked up in the table, so that a new meeting is known everywhere at once.

use std::collections::HashMap;
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
    by_id: HashMap<MeetingId, Vec<Held>>,
    /// When meetings ended and whose they were, by server and name, as far as this replica saw it; our clock, epoch ms.
    ended: HashMap<(ServerId, MeetingId), (i64, TenantId)>,
    of_tenants: HashMap<TenantId, usize>,
    on_servers: HashMap<ServerId, usize>,
    /// Meetings that began here and are in no table of usage yet.
    begun: HashMap<TenantId, i64>,
}

struct Held {
    meeting: Arc<Meeting>,
    /// Since when it is known here as it is; our clock, epoch ms.
    since_ms: i64,
    /// The most people seen in it.
    attended: u32,
}

/// Whether two are one session in one place.
fn is_same(a: &Meeting, b: &Meeting) -> bool {
    a.token == b.token && a.epoch == b.epoch
}

impl Known {
    fn get(&self, key: &MeetingKey) -> Option<&Held> {
        self.by_id.get(&key.id)?.iter().find(|held| held.meeting.key.tenant == key.tenant)
    }

    fn get_mut(&mut self, key: &MeetingKey) -> Option<&mut Held> {
        self.by_id.get_mut(&key.id)?.iter_mut().find(|held| held.meeting.key.tenant == key.tenant)
    }

    fn put(&mut self, meeting: Arc<Meeting>, now_ms: i64) {
        let old = self.take(&meeting.key);
        let since_ms = old.as_ref().filter(|old| is_same(&old.meeting, &meeting)).map_or(now_ms, |old| old.since_ms);
        let attended = old.filter(|old| old.meeting.token == meeting.token).map_or(0, |old| old.attended);
        self.hold(Held { meeting, since_ms, attended });
    }

    fn hold(&mut self, held: Held) {
        let meeting = &held.meeting;
        *self.of_tenants.entry(meeting.key.tenant.clone()).or_default() += 1;
        *self.on_servers.entry(meeting.server.clone()).or_default() += 1;
        self.by_id.entry(meeting.key.id.clone()).or_insert_with(|| Vec::with_capacity(1)).push(held);
    }

    fn take(&mut self, key: &MeetingKey) -> Option<Held> {
        let named = self.by_id.get_mut(&key.id)?;
        let held = named.swap_remove(named.iter().position(|held| held.meeting.key.tenant == key.tenant)?);
        if named.is_empty() {
            self.by_id.remove(&key.id);
        }
        if let Some(count) = self.of_tenants.get_mut(&key.tenant) {
            *count -= 1;
        }
        if let Some(count) = self.on_servers.get_mut(&held.meeting.server) {
            *count -= 1;
        }
        Some(held)
    }

    /// Notes that one is over, or elsewhere.
    fn end(&mut self, meeting: &Meeting, now_ms: i64) {
        let key = meeting.key.clone();
        self.ended.insert((meeting.server.clone(), key.id), (now_ms, key.tenant));
    }

    fn all(&self) -> impl Iterator<Item = &Held> {
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
        self.known().get(key).map(|held| held.meeting.clone())
    }

    /// All of them, in no particular order.
    pub(crate) fn all(&self) -> Vec<Arc<Meeting>> {
        self.known().all().map(|held| held.meeting.clone()).collect()
    }

    /// A tenant's, in no particular order.
    pub(crate) fn of_tenant(&self, tenant: &TenantId) -> Vec<Arc<Meeting>> {
        let known = self.known();
        let own = known.all().filter(|held| held.meeting.key.tenant == *tenant);
        own.map(|held| held.meeting.clone()).collect()
    }

    /// How many a tenant has.
    pub(crate) fn count(&self, tenant: &TenantId) -> usize {
        self.known().of_tenants.get(tenant).copied().unwrap_or_default()
    }

    /// How many are placed on a server.
    pub(crate) fn count_on(&self, server: &ServerId) -> usize {
        self.known().on_servers.get(server).copied().unwrap_or_default()
    }

    /// Servers on which another tenant has a meeting of the same name.
    pub(crate) fn named(&self, key: &MeetingKey) -> Vec<ServerId> {
        let known = self.known();
        let named = known.by_id.get(&key.id).into_iter().flatten().map(|held| &held.meeting);
        named.filter(|meeting| meeting.key.tenant != key.tenant).map(|meeting| meeting.server.clone()).collect()
    }

    pub(crate) fn put(&self, meeting: Arc<Meeting>, now_ms: i64) {
        self.known_mut().put(meeting, now_ms);
    }

    /// The one that is known, where it is the same: what is read again and again takes no memory anew.
    pub(crate) fn shared(&self, meeting: Meeting) -> Arc<Meeting> {
        self.get(&meeting.key).filter(|known| **known == meeting).unwrap_or_else(|| Arc::new(meeting))
    }

    /// Since when this replica knows a meeting where it is, epoch ms; now, for one that it does not know so.
    pub(crate) fn known_since(&self, meeting: &Meeting, now_ms: i64) -> i64 {
        let known = self.known();
        known.get(&meeting.key).filter(|held| is_same(&held.meeting, meeting)).map_or(now_ms, |held| held.since_ms)
    }

    /// When a meeting of that name last ended on a server, epoch ms, and whose it was.
    pub(crate) fn ended(&self, server: &ServerId, id: &MeetingId) -> Option<(i64, TenantId)> {
        self.known().ended.get(&(server.clone(), id.clone())).cloned()
    }

    /// Forgets a meeting that ended, unless another session of it has taken its place.
    pub(crate) fn remove(&self, meeting: &Meeting, now_ms: i64) {
        let mut known = self.known_mut();
        known.end(meeting, now_ms);
        if known.get(&meeting.key).is_some_and(|held| held.meeting.token == meeting.token) {
            known.take(&meeting.key);
        }
    }

    /// Takes over what is stored, read since `read_ms`. What came to be known here since then may not have been read.
    pub(crate) fn set(&self, meetings: Vec<Arc<Meeting>>, read_ms: i64, now_ms: i64) {
        let mut known = self.known_mut();
        let mut old = std::mem::take(&mut *known);
        let recent =
            std::mem::take(&mut old.ended).into_iter().filter(|(_, (at_ms, _))| now_ms - at_ms < ENDED_KEPT_MS);
        let mut read = Known { begun: std::mem::take(&mut old.begun), ended: recent.collect(), ..Known::default() };
        for meeting in meetings {
            match old.take(&meeting.key) {
                Some(held) if held.since_ms > read_ms => read.hold(held),
                Some(held) => {
                    // Another replica has it on another server now.
                    if held.meeting.server != meeting.server || held.meeting.token != meeting.token {
                        read.end(&held.meeting, now_ms);
                    }
                    read.hold(held);
                    read.put(meeting, now_ms);
                }
                None => read.put(meeting, now_ms),
            }
        }
        for held in old.by_id.into_values().flatten() {
            if held.since_ms > read_ms {
                read.hold(held);
            } else {
                read.end(&held.meeting, now_ms);
            }
        }
        *known = read;
    }

    /// So many people were seen in a meeting.
    pub(crate) fn attended(&self, meeting: &Meeting, users: u32) {
        let mut known = self.known_mut();
        if let Some(held) = known.get_mut(&meeting.key).filter(|held| held.meeting.token == meeting.token) {
            held.attended = held.attended.max(users);
        }
    }

    /// The most people that were seen in a meeting.
    pub(crate) fn attended_most(&self, meeting: &Meeting) -> u32 {
        let known = self.known();
        known.get(&meeting.key).filter(|held| held.meeting.token == meeting.token).map_or(0, |held| held.attended)
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
        meetings.set(vec![Arc::new(a.clone())], 7, 7);
        assert_eq!(meetings.attended_most(&a), 9);
        meetings.set(Vec::new(), 8, 8);
        assert_eq!(meetings.attended_most(&a), 0);
    }

    #[test]
    fn what_came_while_it_was_read_stays() {
        let meetings = Meetings::default();
        let (a, b) = (meeting(1, "algebra", "s-1", "t-1"), meeting(1, "botany", "s-1", "t-2"));
        meetings.put(Arc::new(a.clone()), 5);
        meetings.put(Arc::new(b.clone()), 7);
        meetings.set(Vec::new(), 6, 8);
        assert_eq!((meetings.get(&a.key), meetings.get(&b.key).as_deref()), (None, Some(&b)));
        assert_eq!((meetings.count_on(&b.server), meetings.count(&b.key.tenant)), (1, 1));
        let known = meetings.get(&b.key).unwrap();
        assert!(Arc::ptr_eq(&meetings.shared(b.clone()), &known));
        assert!(!Arc::ptr_eq(&meetings.shared(Meeting { name: "B".into(), ..b }), &known));
    }

    #[test]
    fn it_is_known_since_when_a_meeting_is_where_it_is_and_when_it_ended_there() {
        let meetings = Meetings::default();
        let a = meeting(1, "algebra", "s-1", "t-1");
        let moved = Meeting { server: ServerId::parse("s-2").unwrap(), epoch: 2, ..a.clone() };
        meetings.put(Arc::new(a.clone()), 5);
        meetings.set(vec![Arc::new(a.clone())], 9, 9);
        assert_eq!((meetings.known_since(&a, 99), meetings.known_since(&moved, 99)), (5, 99));
        meetings.set(vec![Arc::new(moved.clone())], 10, 10);
        let ended = |server: &ServerId| meetings.ended(server, &a.key.id).map(|(at_ms, _)| at_ms);
        assert_eq!((meetings.known_since(&moved, 99), ended(&a.server)), (10, Some(10)));
        meetings.set(Vec::new(), 11, 11);
        assert_eq!(ended(&moved.server), Some(11));
        meetings.set(Vec::new(), 11, 11 + ENDED_KEPT_MS);
        assert_eq!(ended(&moved.server), None);
    }
}
