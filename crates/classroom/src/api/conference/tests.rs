//! Servers, meetings, tenants and secrets through every layer, over a stand-in conference server.

use serde_json::{Value, json};
use testkit::conference::{Conference, ConferencePlan};

use crate::plane::{Plane, signed_by};

const SERVERS: &str = "/api/v1/conference/servers";
const MEETINGS: &str = "/api/v1/conference/meetings";

async fn conference() -> Conference {
    Conference::start(ConferencePlan::default()).await.unwrap()
}

async fn add(plane: &Plane, conference: &Conference) -> Value {
    let new = json!({ "url": conference.url(), "secret": conference.secret() });
    plane.post(&plane.admin, SERVERS, new).await.expect(201)
}

async fn create(plane: &Plane, meeting_id: &str) {
    let answer = plane.api("create", &format!("meetingID={meeting_id}&name=Algebra")).await.expect_text(200);
    assert!(answer.contains("<returncode>SUCCESS"), "{answer}");
}

#[tokio::test]
async fn a_server_is_added_changed_and_removed_and_its_secret_never_shown() {
    let (plane, conference) = (Plane::new().await, conference().await);
    let operator = plane.account("op", "operator").await;
    let new = json!({ "url": conference.url(), "secret": conference.secret(), "tag": "GPU", "weight": 50 });
    let added = plane.post(&operator, SERVERS, new.clone()).await;
    assert!(!added.text().contains(conference.secret()), "{}", added.text());
    let added = added.expect(201);
    assert_eq!((&added["state"], &added["health"], &added["tag"]), (&json!("enabled"), &json!("up"), &json!("gpu")));
    assert_eq!((&added["weight"], &added["version"]), (&json!(50), &json!("3.0.4")), "polled at once");
    let at = format!("{SERVERS}/{}", added["id"].as_str().unwrap());

    assert_eq!(plane.post(&operator, SERVERS, new).await.problem(409), "conference-server-taken");
    let wrong = plane.post(&operator, SERVERS, json!({ "url": "nowhere", "secret": "s" })).await;
    assert_eq!(wrong.expect(400)["field"], "url");
    let list = plane.get(&operator, SERVERS).await;
    assert!(!list.text().contains(conference.secret()));
    assert_eq!(list.expect(200)["items"][0]["id"], added["id"]);
    let changed = plane.patch(&operator, &at, json!({ "state": "cordoned", "tag": "" })).await.expect(200);
    assert_eq!((&changed["state"], &changed["tag"], &changed["weight"]), (&json!("cordoned"), &json!(""), &json!(50)));
    assert_eq!(plane.patch(&operator, &at, json!({ "weight": 0 })).await.expect(400)["field"], "weight");
    let by_host = format!("{SERVERS}/{}", added["host"].as_str().unwrap());
    assert_eq!(plane.get(&operator, &by_host).await.expect(200)["id"], added["id"]);
    plane.delete(&operator, &at).await.expect_text(204);
    assert_eq!(plane.get(&operator, &at).await.problem(404), "conference-server-unknown");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_added_and_says_why() {
    let (plane, conference) = (Plane::new().await, conference().await);
    let new = json!({ "url": conference.url(), "secret": "not the one it has", "id": "bbb-1" });
    let added = plane.post(&plane.admin, SERVERS, new).await.expect(201);
    assert_eq!((&added["id"], &added["health"]), (&json!("bbb-1"), &json!("suspect")));
    assert_ne!(added["trouble"], "");
}

#[tokio::test]
async fn meetings_come_page_by_page_and_end() {
    let (plane, conference) = (Plane::new().await, conference().await);
    let server = add(&plane, &conference).await;
    let law = plane.tenant("law").await;
    let (tea, stranger) = (plane.account("tea", "teacher").await, plane.account_in(&law, "out", "teacher").await);
    for n in 0..5 {
        create(&plane, &format!("m-{n}")).await;
        plane.clock.advance(std::time::Duration::from_secs(u64::from(n % 2 == 0)));
    }
    let mut seen: Vec<String> = Vec::new();
    let mut path = format!("{MEETINGS}?limit=2");
    loop {
        let page = plane.get(&tea, &path).await.expect(200);
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().map(|item| item["meeting_id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("{MEETINGS}?limit=2&before={next}");
    }
    assert_eq!(seen, ["m-3", "m-4", "m-1", "m-2", "m-0"], "newest first, none twice");
    let of_server = plane.get(&plane.admin, &format!("{MEETINGS}?server={}", server["id"].as_str().unwrap())).await;
    assert_eq!(of_server.expect(200)["items"].as_array().unwrap().len(), 5);
    let of_law = plane.get(&plane.admin, &format!("{MEETINGS}?tenant=law")).await.expect(200);
    assert_eq!(of_law["items"], json!([]));

    let end = format!("{MEETINGS}/end");
    assert_eq!(plane.get(&stranger, MEETINGS).await.expect(200)["items"], json!([]));
    let default = plane.first().name.clone();
    let foreign = json!({ "meeting_id": "m-1", "tenant": default });
    assert_eq!(plane.post(&stranger, &end, foreign.clone()).await.problem(404), "tenant-not-found");
    assert_eq!(plane.get(&stranger, &format!("{MEETINGS}?tenant={default}")).await.problem(404), "tenant-not-found");
    assert_eq!(plane.post(&stranger, &end, json!({ "meeting_id": "m-1" })).await.problem(404), "meeting-unknown");
    assert_eq!(plane.post(&tea, &end, json!({ "meeting_id": "a,b" })).await.expect(400)["field"], "meeting_id");
    plane.post(&tea, &end, json!({ "meeting_id": "m-1" })).await.expect_text(204);
    plane.post(&plane.admin, &end, foreign).await.problem(404);
    assert_eq!(conference.meetings().len(), 4);
}

#[tokio::test]
async fn a_panic_ends_everything_on_a_server() {
    let (plane, conference) = (Plane::new().await, conference().await);
    let id = add(&plane, &conference).await["id"].as_str().unwrap().to_owned();
    for n in 0..3 {
        create(&plane, &format!("m-{n}")).await;
    }
    let at = format!("{SERVERS}/{id}");
    let busy = plane.patch(&plane.admin, &at, json!({ "state": "disabled" })).await;
    assert_eq!(busy.problem(409), "conference-server-busy");
    assert_eq!(plane.delete(&plane.admin, &at).await.problem(409), "conference-server-busy");
    plane.classroom.servers_poll().await.unwrap();
    let ended = plane.post(&plane.admin, &format!("{at}/panic"), Value::Null).await.expect(200);
    assert_eq!((&ended["ended"], conference.meetings().len()), (&json!(3), 0));
    assert_eq!(plane.get(&plane.admin, &at).await.expect(200)["state"], "disabled");
    assert_eq!(plane.count("classroom_meeting").await, 0);
}

#[tokio::test]
async fn an_lms_gets_an_address_and_a_secret_that_work() {
    let (plane, conference) = (Plane::new().await, conference().await);
    add(&plane, &conference).await;
    create(&plane, "m-1").await;
    let view = plane.get(&plane.admin, "/api/v1/conference").await.expect(200);
    assert_eq!(view["url"], "https://amphi.example.org/bigbluebutton/");
    assert_eq!((&view["servers"], &view["meetings"]), (&json!(1), &json!(1)));
    let old = view["secret"].as_str().unwrap().to_owned();

    let law = plane.tenant("law").await;
    let none = plane.get(&plane.admin, "/api/v1/conference?tenant=law").await.expect(200);
    assert_eq!((none.get("secret"), &none["meetings"]), (None, &json!(0)));
    let new = json!({ "tenant": "law", "note": "Moodle of the faculty" });
    let made = plane.post(&plane.admin, "/api/v1/conference/secrets", new).await.expect(201);
    let secret = made["secret"].as_str().unwrap();
    let shown = plane.get(&plane.admin, &format!("/api/v1/conference?tenant={law}")).await.expect(200);
    assert_eq!(shown["secret"], secret);
    let call = signed_by(secret, "isMeetingRunning", "meetingID=m-1");
    assert!(plane.get("", &call).await.expect_text(200).contains("<running>false"), "law has no such meeting");

    let list = plane.get(&plane.admin, "/api/v1/conference/secrets").await;
    assert!(!list.text().contains(secret) && !list.text().contains(&old));
    assert_eq!(list.expect(200)["items"][1]["note"], "Moodle of the faculty");
    let at = format!("/api/v1/conference/secrets/{}", made["id"].as_str().unwrap());
    plane.delete(&plane.admin, &at).await.expect_text(204);
    assert_eq!(plane.delete(&plane.admin, &at).await.problem(404), "conference-secret-unknown");
    assert!(plane.get("", &call).await.expect_text(200).contains("checksumError"));
    let taken = plane.post(&plane.admin, "/api/v1/conference/secrets", json!({ "secret": old })).await;
    assert_eq!(taken.expect(400)["field"], "secret");
}

#[tokio::test]
async fn a_tenants_settings_are_put_and_wrong_ones_named() {
    let plane = Plane::new().await;
    plane.tenant("law").await;
    let at = "/api/v1/conference/tenants/law";
    assert_eq!(plane.get(&plane.admin, at).await.expect(200), json!({ "hosts": [], "defaults": {}, "overrides": {} }));
    let set =
        json!({ "hosts": ["Law.example.org"], "defaults": { "welcome": "Hi" }, "overrides": {}, "meetings_max": 3 });
    let told = plane.call(&plane.admin, "PUT", at, set).await.expect(200);
    assert_eq!((&told["hosts"], &told["meetings_max"]), (&json!(["law.example.org"]), &json!(3)));
    assert_eq!(plane.get(&plane.admin, at).await.expect(200), told);
    for (body, field) in [
        (json!({ "hosts": ["a/b"] }), "hosts"),
        (json!({ "defaults": { "meetingID": "x" } }), "defaults"),
        (json!({ "overrides": { "a b": "x" } }), "overrides"),
        (json!({ "colour": 1 }), "colour"),
    ] {
        let refused = plane.call(&plane.admin, "PUT", at, body.clone()).await.expect(400);
        assert_eq!(refused["field"], field, "{body}");
    }
    assert_eq!(plane.get(&plane.admin, "/api/v1/conference/tenants/none").await.problem(404), "tenant-not-found");
}

#[tokio::test]
async fn usage_counts_meetings_and_hours_by_day() {
    let (plane, conference) = (Plane::new().await, conference().await);
    add(&plane, &conference).await;
    for n in 0..2 {
        create(&plane, &format!("m-{n}")).await;
        create(&plane, &format!("m-{n}")).await;
    }
    for _ in 0..30 {
        conference.attend("m-0", "Ada", false, true, false).unwrap();
    }
    plane.classroom.servers_poll().await.unwrap();
    for _ in 0..4 {
        plane.classroom.tally().await.unwrap();
        plane.classroom.begun_write().await.unwrap();
    }
    let day = &portal::utc_text(crate::plane::NOW_MS)[..10];
    let default = plane.first().name.clone();
    let row = json!({ "day": day, "tenant": default, "meetings": 2, "attendee_hours": 2.0, "meetings_most": 2,
        "attendees_most": 30 });
    let usage = plane.get(&plane.admin, "/api/v1/conference/usage").await.expect(200);
    assert_eq!(usage["items"], json!([row]));
    let csv = plane.get(&plane.admin, "/api/v1/conference/usage?format=csv").await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let line = format!("{day},{default},2,2,2,30");
    assert_eq!(csv.expect_text(200).lines().nth(1), Some(line.as_str()));
    for (query, field) in [("from=2026-13-01", "from"), ("to=x", "to"), ("from=2020-01-01", "from"), ("days=3", "days")]
    {
        let refused = plane.get(&plane.admin, &format!("/api/v1/conference/usage?{query}")).await.expect(400);
        assert_eq!(refused["field"], field, "{query}");
    }
    plane.get(&plane.admin, "/api/v1/conference/usage?tenant=none").await.problem(404);
}

#[tokio::test]
async fn capacity_says_which_servers_may_go() {
    let (plane, first, second) = (Plane::new().await, conference().await, conference().await);
    let kept = add(&plane, &first).await;
    create(&plane, "m-1").await;
    (0..50).for_each(|_| drop(first.attend("m-1", "Ada", false, false, false)));
    let spare = add(&plane, &second).await;
    plane.clock.advance(std::time::Duration::from_secs(1));
    plane.classroom.servers_poll().await.unwrap();
    let told = plane.get(&plane.admin, "/api/v1/conference/capacity").await.expect(200);
    assert_eq!((&told["servers_wanted"], &told["servers_enabled"], &told["spare"]), (&json!(2), &json!(2), &json!(0)));
    assert_eq!((&told["load"], &told["load_per_server"]), (&json!(51.0), &json!(25.5)));
    first.end("m-1");
    plane.classroom.servers_poll().await.unwrap();
    let told = plane.get(&plane.admin, "/api/v1/conference/capacity?target_load=100000").await.expect(200);
    let gone = &told["remove_when_empty"];
    assert!(*gone == json!([spare["id"]]) || *gone == json!([kept["id"]]), "{told}");
    let refused = plane.get(&plane.admin, "/api/v1/conference/capacity?target_load=0").await.expect(400);
    assert_eq!(refused["field"], "target_load");
}

#[tokio::test]
async fn each_role_sees_its_own() {
    let plane = Plane::new().await;
    let [learner, teacher, operator] = ["learner", "teacher", "operator"].map(|role| (role, role.to_owned()));
    let mut tokens = Vec::new();
    for (role, login) in [learner, teacher, operator] {
        tokens.push(plane.account(&login, role).await);
    }
    for (path, least) in [
        (MEETINGS, 1),
        (SERVERS, 2),
        ("/api/v1/conference/capacity", 2),
        ("/api/v1/conference", 3),
        ("/api/v1/conference/secrets", 3),
        ("/api/v1/conference/usage", 3),
        ("/api/v1/conference/tenants/default", 3),
    ] {
        for (rank, token) in tokens.iter().enumerate() {
            let status = plane.get(token, path).await.status.as_u16();
            assert_eq!(status, if rank >= least { 200 } else { 403 }, "{path} as {rank}");
        }
        plane.get("", path).await.expect_text(401);
        plane.get(&plane.admin, path).await.expect_text(200);
    }
}
