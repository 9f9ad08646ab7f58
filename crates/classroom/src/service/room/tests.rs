//! Rooms over the REST API and a conference server that rehearses.

use serde_json::{Value, json};
use testkit::conference::{Conference, ConferencePlan};

use crate::model::room::ROOMS_MAX;
use crate::plane::Plane;
use crate::service::server::ServerNew;

const ROOMS: &str = "/api/v1/rooms";

/// A control plane with teachers, learners and a conference server.
pub(crate) struct School {
    pub(crate) plane: Plane,
    pub(crate) conference: Conference,
    pub(crate) tea: String,
    pub(crate) ada: String,
}

impl School {
    pub(crate) async fn new() -> Self {
        let plane = Plane::new().await;
        let conference = Conference::start(ConferencePlan::default()).await.unwrap();
        let (url, secret) = (conference.url(), conference.secret().to_owned());
        let new = ServerNew { id: Some("bbb".into()), url, secret, ..ServerNew::default() };
        let admin = plane.caller(&plane.admin).await;
        plane.classroom.server_add(&admin, new).await.unwrap();
        let (tea, ada) = (plane.account("tea", "teacher").await, plane.account("ada", "learner").await);
        Self { plane, conference, tea, ada }
    }

    /// Makes a room of the teacher's; its path.
    pub(crate) async fn room(&self, settings: Value) -> String {
        let new = json!({ "name": "Algebra", "settings": settings });
        let made = self.plane.post(&self.tea, ROOMS, new).await.expect(201);
        format!("{ROOMS}/{}", made["id"].as_str().unwrap())
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Value {
        self.plane.get(token, path).await.expect(200)
    }

    /// Where somebody is sent; checked by a conference server's own eyes.
    pub(crate) async fn join(&self, token: &str, room: &str) -> String {
        let entry = self.plane.post(token, &format!("{room}/join"), Value::Null).await.expect(200);
        let url = entry["url"].as_str().unwrap().to_owned();
        assert!(url.starts_with(&self.conference.url()), "{url}");
        url
    }

    pub(crate) async fn refused(&self, token: &str, method: &str, path: &str, status: u16) -> String {
        self.plane.call(token, method, path, Value::Null).await.problem(status)
    }
}

#[tokio::test]
async fn a_teacher_makes_changes_and_deletes_a_room() {
    let school = School::new().await;
    let room = school.room(json!({ "welcome": "Hello", "people_max": 30 })).await;
    let made = school.get(&school.tea, &room).await;
    assert_eq!((made["name"].as_str(), made["is_yours"].as_bool()), (Some("Algebra"), Some(true)));
    assert_eq!(made["settings"]["record"], "off");
    let invitation = made["invitation"].as_str().unwrap();
    assert!(invitation.starts_with("https://amphi.example.org/join/") && invitation.len() == 63, "{invitation}");

    let changed = school.plane.patch(&school.tea, &room, json!({ "name": "Geometry" })).await.expect(200);
    assert_eq!((&changed["name"], &changed["settings"]["people_max"]), (&json!("Geometry"), &json!(30)));
    let settings = json!({ "record": "automatic", "entrance": "account" });
    let changed = school.plane.patch(&school.tea, &room, json!({ "settings": settings })).await.expect(200);
    assert_eq!((&changed["name"], &changed["settings"]["record"]), (&json!("Geometry"), &json!("automatic")));
    assert_eq!((&changed["settings"]["people_max"], &changed["settings"]["welcome"]), (&json!(30), &json!("Hello")));
    let unlimited = json!({ "settings": { "people_max": 0 } });
    let changed = school.plane.patch(&school.tea, &room, unlimited).await.expect(200);
    assert!(changed["settings"]["people_max"].is_null() && changed["settings"]["entrance"] == "account");
    let renewed = school.plane.post(&school.tea, &format!("{room}/renew"), Value::Null).await.expect(200);
    assert_ne!(renewed["invitation"].as_str(), Some(invitation));

    school.plane.delete(&school.tea, &room).await.expect(204);
    assert_eq!(school.refused(&school.tea, "GET", &room, 404).await, "room-unknown");
    assert_eq!(school.plane.count("classroom_room").await, 0);
}

#[tokio::test]
async fn what_can_be_no_room_is_refused_with_its_field() {
    let school = School::new().await;
    let refused = async |body: Value| {
        let body = school.plane.post(&school.tea, ROOMS, body).await.expect(400);
        body["field"].as_str().unwrap_or_default().to_owned()
    };
    for name in ["", "   ", "a\nb", &"x".repeat(101)] {
        assert_eq!(refused(json!({ "name": name })).await, "name", "{name:?}");
    }
    for (field, settings) in [
        ("welcome", json!({ "welcome": "x".repeat(1_001) })),
        ("people_max", json!({ "people_max": 1 })),
        ("people_max", json!({ "people_max": 1_001 })),
        ("minutes", json!({ "minutes": 1_441 })),
        ("settings.minutes", json!({ "minutes": -5 })),
        ("settings.record", json!({ "record": "always" })),
        ("settings.entrance", json!({ "entrance": "all" })),
    ] {
        assert_eq!(refused(json!({ "name": "A", "settings": settings })).await, field, "{settings}");
    }
    for path in ["/api/v1/rooms/x", "/api/v1/rooms/00000000-0000-7000-8000-000000000009"] {
        assert_eq!(school.refused(&school.tea, "GET", path, 404).await, "room-unknown");
    }
    assert_eq!(school.refused(&school.tea, "GET", "/api/v1/rooms?limit=0", 400).await, "limit-invalid");
    assert_eq!(school.plane.count("classroom_room").await, 0);
}

#[tokio::test]
async fn roles_and_tenants_are_kept_apart() {
    let school = School::new().await;
    let plane = &school.plane;
    let law = plane.tenant("law").await;
    let (bea, eve) = (plane.account("bea", "teacher").await, plane.account_in(&law, "eve", "teacher").await);
    let link = school.room(json!({})).await;
    let account = school.room(json!({ "entrance": "account" })).await;

    assert_eq!(plane.post(&school.ada, ROOMS, json!({ "name": "Mine" })).await.problem(403), "role-needed");
    assert_eq!(plane.get("", ROOMS).await.problem(401), "not-signed-in");
    let names = async |token: &str, query: &str| {
        school.get(token, &format!("{ROOMS}{query}")).await["items"].as_array().unwrap().len()
    };
    assert_eq!(names(&school.tea, "?mine=true").await, 2);
    assert_eq!(names(&bea, "").await, 2);
    assert_eq!(names(&bea, "?mine=true").await, 0);
    assert_eq!(names(&school.ada, "").await, 1, "a learner comes by a link to one, and by account to the other");
    assert_eq!(names(&eve, "").await, 0);
    assert_eq!(names(&plane.admin, "").await, 2);

    // Another tenant's room is not there, a colleague's is seen and not touched.
    for (method, tail) in [("GET", ""), ("DELETE", ""), ("POST", "/start"), ("POST", "/end"), ("POST", "/join")] {
        assert_eq!(
            school.refused(&eve, method, &format!("{link}{tail}"), 404).await,
            "room-unknown",
            "{method} {tail}"
        );
    }
    let seen = school.get(&bea, &link).await;
    assert!(seen["is_yours"] == false && seen["invitation"].is_null() && seen["meeting_id"].is_null(), "{seen}");
    for (method, tail) in [("DELETE", ""), ("POST", "/end"), ("POST", "/renew")] {
        assert_eq!(school.refused(&bea, method, &format!("{link}{tail}"), 403).await, "room-others", "{method} {tail}");
    }
    assert_eq!(plane.patch(&bea, &link, json!({ "name": "B" })).await.problem(403), "room-others");
    assert_eq!(school.refused(&bea, "POST", &format!("{link}/start"), 409).await, "room-closed");
    assert_eq!(school.refused(&school.ada, "GET", &link, 404).await, "room-unknown");
    assert_eq!(school.refused(&school.ada, "POST", &format!("{account}/join"), 409).await, "room-closed");
    assert_eq!(plane.patch(&plane.admin, &link, json!({ "name": "By the admin" })).await.expect(200)["is_yours"], true);
}

#[tokio::test]
async fn a_meeting_is_begun_once_joined_by_role_and_ended() {
    let school = School::new().await;
    let room =
        school.room(json!({ "entrance": "account", "lobby": true, "minutes": 45, "welcome": "<b>Hi</b>" })).await;
    for _ in 0..2 {
        let live =
            school.plane.post(&school.tea, &format!("{room}/start"), Value::Null).await.expect(200)["live"].clone();
        assert_eq!(live["is_open"], true, "{live}");
    }
    let meetings = school.conference.meetings();
    assert_eq!(meetings.len(), 1, "twice started is started once");
    let create = school.conference.calls().into_iter().find(|call| call.name == "create").unwrap().query;
    for part in
        ["guestPolicy=ASK_MODERATOR", "duration=45", "welcome=%26lt%3Bb%26gt%3B", "meta_amphi-room=", "%2Fleft&"]
    {
        assert!(create.contains(part), "{part} is not in {create}");
    }

    let (host, guest) = (school.join(&school.tea, &room).await, school.join(&school.ada, &room).await);
    assert!(host.contains("role=MODERATOR") && guest.contains("role=VIEWER"), "{host} {guest}");
    assert!(!guest.contains("guest=true"), "who has an account does not wait in the lobby");
    let me = school.get(&school.ada, "/api/v1/me").await;
    assert!(guest.contains(&format!("userID={}", me["id"].as_str().unwrap())), "{guest}");

    let meeting = meetings[0].meeting_id.clone();
    school.conference.attend(&meeting, "Ada", false, true, true).unwrap();
    school.plane.classroom.servers_poll().await.unwrap();
    let live = school.get(&school.ada, &room).await["live"].clone();
    assert_eq!((&live["users"], &live["voices"], &live["videos"]), (&json!(1), &json!(1), &json!(1)), "{live}");

    assert_eq!(school.refused(&school.ada, "POST", &format!("{room}/end"), 403).await, "role-needed");
    for _ in 0..2 {
        let ended = school.plane.post(&school.tea, &format!("{room}/end"), Value::Null).await.expect(200);
        assert_eq!(ended["live"]["is_open"], false);
    }
    assert!(school.conference.meetings().is_empty());
}

#[tokio::test]
async fn learners_begin_where_they_may_and_a_full_room_says_so() {
    let school = School::new().await;
    let room = school.room(json!({ "entrance": "account", "anyone_starts": true, "people_max": 2 })).await;
    let url = school.join(&school.ada, &room).await;
    assert!(url.contains("role=VIEWER"));
    let meeting = school.conference.meetings()[0].meeting_id.clone();
    for name in ["Bea", "Cid"] {
        school.conference.attend(&meeting, name, false, false, false).unwrap();
    }
    school.plane.classroom.servers_poll().await.unwrap();
    assert_eq!(school.refused(&school.ada, "POST", &format!("{room}/join"), 409).await, "room-full");
    school.join(&school.tea, &room).await;
}

#[tokio::test]
async fn without_a_server_nothing_begins_and_a_deleted_room_ends_its_meeting() {
    let school = School::new().await;
    let room = school.room(json!({})).await;
    school.plane.post(&school.tea, &format!("{room}/start"), Value::Null).await.expect(200);
    school.plane.delete(&school.tea, &room).await.expect(204);
    assert!(school.conference.meetings().is_empty(), "its meeting was ended");

    let room = school.room(json!({})).await;
    let admin = school.plane.caller(&school.plane.admin).await;
    school.plane.classroom.server_remove(&admin, "bbb").await.unwrap();
    let refused = school.refused(&school.tea, "POST", &format!("{room}/join"), 409).await;
    assert_eq!(refused, "conference-server-lacking");
    assert!(!school.plane.classroom.has_servers());
}

#[tokio::test]
async fn rooms_go_with_their_owner_and_are_bounded() {
    let school = School::new().await;
    for _ in 0..ROOMS_MAX {
        school.room(json!({})).await;
    }
    let one_more = school.plane.post(&school.tea, ROOMS, json!({ "name": "One more" })).await;
    assert_eq!(one_more.problem(409), "rooms-many");
    let first = school.get(&school.tea, &format!("{ROOMS}?limit=150")).await;
    let next = first["next"].as_str().unwrap();
    let second = school.get(&school.tea, &format!("{ROOMS}?limit=150&after={next}")).await;
    assert_eq!((second["items"].as_array().unwrap().len(), second["next"].as_str()), (50, None));

    let me = school.get(&school.tea, "/api/v1/me").await;
    school
        .plane
        .delete(&school.plane.admin, &format!("/api/v1/accounts/{}", me["id"].as_str().unwrap()))
        .await
        .expect(204);
    assert_eq!(school.plane.count("classroom_room").await, 0);
}
