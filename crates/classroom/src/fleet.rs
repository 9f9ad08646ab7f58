//! The conference servers as this replica sees them: what is stored of them, what the last polls said, and which of
//! them takes the next meeting. Every replica polls for itself, so that each serves from what it saw.

mod entry;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use placement::{AdminState, Algorithm, Health, Pool, ReservationId};
use portal::TenantId;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;

pub(crate) use entry::{Entry, Poll};

use crate::model::cost::EXPECTED_FOR_MS;
use crate::model::meeting::{Meeting, MeetingKey};
use crate::model::server::{Server, ServerId};

/// The servers; locked for moments only.
pub(crate) struct Fleet(Mutex<State>);

struct State {
    entries: BTreeMap<ServerId, Entry>,
    pool: Pool<ServerId>,
    /// What was placed since the last poll of its server, and is in no poll yet.
    placed: HashMap<MeetingKey, Placed>,
    /// Who was sent to a meeting of a tenant with a limit of people since the last poll of its server, and is in no
    /// poll yet.
    joined: Vec<Joined>,
    rng: SmallRng,
    /// When it was last noted which servers answer, epoch ms.
    noted_ms: i64,
}

struct Placed {
    server: ServerId,
    reservation: ReservationId,
    at_ms: i64,
    expected: u64,
}

struct Joined {
    server: ServerId,
    tenant: TenantId,
    at_ms: i64,
}

impl State {
    /// People in each of these meetings, as of the last polls.
    fn users(&self, meetings: &[Arc<Meeting>]) -> impl Iterator<Item = u32> {
        meetings.iter().map(|meeting| {
            let seen = self.entries.get(&meeting.server).and_then(|entry| entry.meeting(meeting.key.id.as_str()));
            seen.map_or(0, |seen| seen.attendance.users)
        })
    }

    /// People in all of a tenant's meetings, with those who are on their way.
    fn attendees(&self, tenant: &TenantId, meetings: &[Arc<Meeting>]) -> usize {
        let coming = self.joined.iter().filter(|joined| joined.tenant == *tenant).count();
        self.users(meetings).map(|users| users as usize).sum::<usize>() + coming
    }
}

/// Which servers a meeting asks for: `meta_server-tag`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TagWish {
    /// In the order of preference; empty: servers without a tag.
    pub(crate) tags: Vec<String>,
    /// Whether no other server will do.
    pub(crate) is_required: bool,
}

impl TagWish {
    /// Reads `a;b`, `a;b!`, `none` or nothing.
    pub(crate) fn parse(text: &str) -> Self {
        let text = text.trim().to_ascii_lowercase();
        let (text, is_required) = text.strip_suffix('!').map_or((text.as_str(), false), |text| (text, true));
        let tags = text.split(';').map(str::trim).filter(|tag| !tag.is_empty());
        Self { tags: tags.map(|tag| if tag == "none" { "" } else { tag }.to_owned()).collect(), is_required }
    }
}

impl Fleet {
    pub(crate) fn new() -> Self {
        let pool = Pool::new(Duration::from_millis(EXPECTED_FOR_MS as u64));
        let rng = SmallRng::from_rng(&mut rand::rng());
        let (entries, placed, joined, noted_ms) = Default::default();
        Self(Mutex::new(State { entries, pool, placed, joined, rng, noted_ms }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what is stored.
    pub(crate) fn servers_set(&self, servers: Vec<Server>) {
        let mut state = self.state();
        let State { entries, pool, joined, .. } = &mut *state;
        // No poll of a server that is not asked any more would let go of them.
        let is_asked = |server: &&Server| server.state != AdminState::Disabled;
        joined.retain(|own| servers.iter().filter(is_asked).any(|server| server.id == own.server));
        entries.retain(|id, _| {
            let is_kept = servers.iter().any(|server| server.id == *id);
            if !is_kept {
                pool.remove(id);
            }
            is_kept
        });
        for server in servers {
            let id = server.id.clone();
            pool.insert(id.clone(), server.weight);
            let _ = pool.weight_set(&id, server.weight);
            let _ = pool.state_set(&id, server.state);
            match entries.get_mut(&id) {
                Some(entry) => entry.server_set(server),
                None => {
                    // Nothing is known of it before its first poll: it comes after those that answer.
                    let _ = pool.health_set(&id, Health::Suspect);
                    entries.insert(id, Entry::new(server));
                }
            }
        }
    }

    /// All servers with what is known of them, by id.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.state().entries.values().cloned().collect()
    }

    /// One server.
    pub(crate) fn entry(&self, id: &ServerId) -> Option<Entry> {
        self.state().entries.get(id).cloned()
    }

    /// One server, as it is called.
    pub(crate) fn server(&self, id: &ServerId) -> Option<Arc<Server>> {
        self.state().entries.get(id).map(|entry| entry.server.clone())
    }

    /// People in each of these meetings, as of the last polls.
    pub(crate) fn users(&self, meetings: &[Arc<Meeting>]) -> Vec<u32> {
        self.state().users(meetings).collect()
    }

    /// Whether so many people, or more, are in `meetings`, which are all of a tenant's, or on their way there.
    pub(crate) fn is_full(&self, tenant: &TenantId, meetings: &[Arc<Meeting>], most: u32) -> bool {
        self.state().attendees(tenant, meetings) >= most as usize
    }

    /// Notes that somebody is sent to a meeting, unless [`Fleet::is_full`]: of many who come at once no more get in
    /// than may.
    pub(crate) fn join(&self, meeting: &Meeting, meetings: &[Arc<Meeting>], most: u32, now_ms: i64) -> bool {
        let mut state = self.state();
        let tenant = &meeting.key.tenant;
        let is_let_in = state.attendees(tenant, meetings) < most as usize;
        if is_let_in {
            state.joined.push(Joined { server: meeting.server.clone(), tenant: tenant.clone(), at_ms: now_ms });
        }
        is_let_in
    }

    /// Picks the server for a new meeting among those that `may` take it, and reserves what it is expected to cost
    /// there. `None`: there is none.
    pub(crate) fn place(
        &self,
        key: &MeetingKey,
        wish: &TagWish,
        expected: u64,
        now_ms: i64,
        mut may: impl FnMut(&ServerId) -> bool,
    ) -> Option<Arc<Server>> {
        let mut state = self.state();
        let State { entries, pool, placed, rng, .. } = &mut *state;
        let mut pick = |tag: &str| {
            pool.pick(Algorithm::WeightedLeastLoad, now_ms, rng, |member| {
                entries.get(member.id()).is_some_and(|entry| entry.server.tag == tag) && may(member.id())
            })
        };
        let wished = wish.tags.iter().find_map(|tag| pick(tag));
        let any = || if wish.is_required && !wish.tags.is_empty() { None } else { pick("") };
        let id = wished.or_else(any)?;
        if let Some(before) = placed.remove(key) {
            pool.release(before.reservation);
        }
        if let Ok(reservation) = pool.reserve(&id, expected, now_ms) {
            let server = id.clone();
            placed.insert(key.clone(), Placed { server, reservation, at_ms: now_ms, expected });
        }
        entries.get(&id).map(|entry| entry.server.clone())
    }

    /// A placement that came to nothing.
    pub(crate) fn unplace(&self, key: &MeetingKey) {
        let mut state = self.state();
        if let Some(placed) = state.placed.remove(key) {
            state.pool.release(placed.reservation);
        }
    }

    /// A call to a server was answered, whatever was asked.
    pub(crate) fn on_answer(&self, id: &ServerId) {
        self.observe(id, |entry| entry.observed.on_answer());
    }

    /// A call got no answer: from now on another server is preferred, until this one answers again. Its health then.
    pub(crate) fn on_failure(&self, id: &ServerId, reason: String, now_ms: i64) -> Health {
        self.observe(id, |entry| {
            entry.observed.on_failure(now_ms);
            entry.trouble = reason;
        })
    }

    fn observe(&self, id: &ServerId, change: impl FnOnce(&mut Entry)) -> Health {
        let mut state = self.state();
        let State { entries, pool, .. } = &mut *state;
        let Some(entry) = entries.get_mut(id) else { return Health::Down };
        change(entry);
        let health = entry.observed.health();
        let _ = pool.health_set(id, health);
        health
    }

    /// Takes over what a poll said. What was placed before it began is measured now.
    pub(crate) fn on_poll(&self, id: &ServerId, poll: Poll) {
        let mut state = self.state();
        let State { entries, pool, placed, joined, .. } = &mut *state;
        let Some(entry) = entries.get_mut(id) else { return };
        let begun_ms = poll.begun_ms;
        joined.retain(|own| own.server != *id || own.at_ms >= begun_ms);
        placed.retain(|key, own| {
            let is_measured = own.server == *id && own.at_ms < begun_ms && poll.has(key.id.as_str());
            if is_measured {
                pool.release(own.reservation);
                entry.expect(key.id.as_str(), own.expected);
            }
            // One that failed without a word fades with its reservation; it needs no place here longer than that.
            !is_measured && begun_ms - own.at_ms < EXPECTED_FOR_MS
        });
        entry.on_poll(poll);
        let _ = pool.health_set(id, Health::Up);
        let _ = pool.load_set(id, entry.load());
    }

    /// Whether it is time to note which servers answer; the next time is `every` from now then.
    pub(crate) fn is_note_due(&self, now_ms: i64, every: Duration) -> bool {
        let mut state = self.state();
        let is_due = now_ms - state.noted_ms >= i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
        if is_due {
            state.noted_ms = now_ms;
        }
        is_due
    }

    /// Whether a server is to be asked which version it has; who asks this does.
    pub(crate) fn version_wanted(&self, id: &ServerId, now_ms: i64) -> bool {
        self.state().entries.get_mut(id).is_some_and(|entry| entry.version_wanted(now_ms))
    }

    /// A server said which version it has.
    pub(crate) fn version_set(&self, id: &ServerId, version: &str) {
        if let Some(entry) = self.state().entries.get_mut(id) {
            entry.version = version.into();
        }
    }

    /// A server's load with what is reserved on it, in tenths of a user.
    pub(crate) fn load(&self, id: &ServerId) -> u64 {
        self.state().pool.get(id).map_or(0, |member| member.load() + member.reserved())
    }
}

#[cfg(test)]
mod tests;
