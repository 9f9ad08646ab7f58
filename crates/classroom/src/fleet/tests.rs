//! Placement over the pool, and what polls change of it.

use super::*;
use crate::model::cost::expected_cost;
use crate::model::meeting::{MeetingId, Seen};
use placement::AdminState;
use portal::{Secret, TenantId};

const NOW_MS: i64 = 1_790_000_000_000;

fn server(name: &str, tag: &str) -> Server {
    Server {
        id: ServerId::parse(name).unwrap(),
        url: format!("http://{name}/bigbluebutton/api"),
        secret: Secret::new("s".into()),
        tag: tag.into(),
        weight: 100,
        state: AdminState::Enabled,
        created_ms: 0,
    }
}

fn key(meeting: &str) -> MeetingKey {
    let tenant = TenantId::parse("00000000-0000-7000-8000-000000000001").unwrap();
    MeetingKey { tenant, id: MeetingId::parse(meeting).unwrap() }
}

fn poll(begun_ms: i64, meetings: &[&str]) -> Poll {
    let seen = |id: &&str| Seen { meeting_id: (*id).to_owned(), create_ms: begun_ms, ..Seen::default() };
    Poll::new(begun_ms, meetings.iter().map(seen).collect())
}

fn place(fleet: &Fleet, meeting: &str, wish: &str) -> Option<String> {
    let placed = fleet.place(&key(meeting), &TagWish::parse(wish), expected_cost(15), NOW_MS, |_| true);
    placed.map(|server| server.id.to_string())
}

fn fleet(servers: &[(&str, &str)]) -> Fleet {
    let fleet = Fleet::new();
    fleet.servers_set(servers.iter().map(|(name, tag)| server(name, tag)).collect());
    for (name, _) in servers {
        fleet.on_poll(&ServerId::parse(name).unwrap(), poll(NOW_MS, &[]));
    }
    fleet
}

#[test]
fn a_burst_is_spread_evenly_before_any_poll_measures_it() {
    let fleet = fleet(&[("a", ""), ("b", ""), ("c", "")]);
    let mut counts = HashMap::new();
    for n in 0..30 {
        *counts.entry(place(&fleet, &format!("m-{n}"), "").unwrap()).or_insert(0) += 1;
    }
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [10, 10, 10]);
}

#[test]
fn a_poll_that_began_later_takes_over_from_a_reservation_and_an_older_one_does_not() {
    let fleet = fleet(&[("a", "")]);
    let id = ServerId::parse("a").unwrap();
    place(&fleet, "m-1", "").unwrap();
    let reserved = fleet.load(&id);
    fleet.on_poll(&id, poll(NOW_MS, &["m-1"]));
    assert!(fleet.load(&id) > reserved, "both count while it is not known whether the poll saw it");
    fleet.on_poll(&id, poll(NOW_MS + 1, &["m-1"]));
    assert_eq!(fleet.load(&id), expected_cost(15), "what was expected counts once");
    fleet.on_poll(&id, poll(NOW_MS + 2, &[]));
    assert_eq!(fleet.load(&id), 0);
}

#[test]
fn tags_are_wishes_or_demands() {
    let fleet = fleet(&[("a", ""), ("b", "gpu")]);
    assert_eq!(place(&fleet, "m-1", "").as_deref(), Some("a"));
    assert_eq!(place(&fleet, "m-2", "gpu").as_deref(), Some("b"));
    assert_eq!(place(&fleet, "m-3", "law;GPU").as_deref(), Some("b"));
    assert_eq!(place(&fleet, "m-4", "law").as_deref(), Some("a"), "falls back to servers without a tag");
    assert_eq!(place(&fleet, "m-5", "law!"), None);
    assert_eq!(place(&fleet, "m-6", "none!").as_deref(), Some("a"));
}

#[test]
fn who_missed_an_answer_is_passed_over_until_it_answers() {
    let fleet = fleet(&[("a", ""), ("b", "")]);
    let id = ServerId::parse("a").unwrap();
    assert_eq!(fleet.on_failure(&id, "gone".into(), NOW_MS), Health::Suspect);
    for n in 0..4 {
        assert_eq!(place(&fleet, &format!("m-{n}"), "").as_deref(), Some("b"));
    }
    fleet.on_answer(&id);
    assert_eq!(place(&fleet, "m-5", "").as_deref(), Some("a"));
}

#[test]
fn servers_that_are_gone_or_cordoned_take_nothing() {
    let fleet = fleet(&[("a", ""), ("b", "")]);
    fleet.servers_set(vec![Server { state: AdminState::Cordoned, ..server("b", "") }]);
    assert_eq!(place(&fleet, "m-1", ""), None);
    assert!(fleet.entry(&ServerId::parse("a").unwrap()).is_none());
    assert!(fleet.entry(&ServerId::parse("b").unwrap()).unwrap().serves());
}
