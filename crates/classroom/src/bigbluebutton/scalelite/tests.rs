//! Scalelite's calls as scripts make them, over a stand-in conference server.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use testkit::conference::{Conference, ConferencePlan};

use crate::model::checksum::{Algorithm, checksum};
use crate::plane::{Plane, Reply};

const SECRET: &str = "0123456789abcdef-operators";

async fn plane() -> Plane {
    let plane = Plane::new().await;
    let new = json!({ "for_operators": true, "secret": SECRET });
    plane.post(&plane.admin, "/api/v1/conference/secrets", new).await.expect(201);
    plane
}

fn signed(call: &str, query: &str) -> String {
    let sum = checksum(Algorithm::Sha1, &[call.as_bytes(), query.as_bytes(), SECRET.as_bytes()]);
    let join = if query.is_empty() { "" } else { "&" };
    format!("/scalelite/api/{call}?{query}{join}checksum={sum}")
}

async fn get(plane: &Plane, call: &str, query: &str) -> Reply {
    plane.get("", &signed(call, query)).await
}

async fn post(plane: &Plane, call: &str, body: Value) -> Reply {
    plane.post("", &signed(call, ""), body).await
}

#[tokio::test]
async fn a_script_runs_a_server_through_its_life() {
    let plane = plane().await;
    let conference = Conference::start(ConferencePlan::default()).await.unwrap();
    let none = get(&plane, "getServers", "").await.expect(404);
    assert_eq!(none, json!({ "error": "No servers are configured" }));
    let lacking = post(&plane, "addServer", json!({ "server": { "url": conference.url() } })).await;
    assert_eq!(lacking.expect(400)["error"], "Server needs a URL and a secret");
    let new = json!({ "url": conference.url(), "secret": conference.secret(), "load_multiplier": 2.5, "tag": "gpu" });
    let added = post(&plane, "addServer", json!({ "server": new })).await.expect(201);
    let id = added["id"].as_str().unwrap();
    let whole = json!({ "id": id, "url": conference.url(), "secret": conference.secret(), "tag": "gpu",
        "bbb_version": "3.0.4", "state": "disabled", "load": "0.0", "load_multiplier": "2.5", "online": "online" });
    assert_eq!(added, whole);
    assert_eq!(get(&plane, "getServers", "").await.expect(200), json!([whole]));
    assert_eq!(get(&plane, "getServerInfo", &format!("id={id}")).await.expect(200), whole);

    let change = json!({ "id": id, "server": { "state": "enable", "load_multiplier": "1.0", "tag": "" } });
    let changed = post(&plane, "updateServer", change).await.expect(200);
    assert_eq!((&changed["state"], &changed["load_multiplier"]), (&json!("enabled"), &json!("1.0")));
    assert_eq!(changed["tag"], "");
    for (fields, error) in [
        (json!({ "state": "off" }), "Invalid state parameter: off"),
        (json!({ "load_multiplier": 0 }), "Load-multiplier must be a non-zero number"),
    ] {
        let refused = post(&plane, "updateServer", json!({ "id": id, "server": fields })).await.expect(400);
        assert_eq!(refused, json!({ "error": error }));
    }

    assert!(plane.api("create", "meetingID=m-1&name=Algebra").await.expect_text(200).contains("SUCCESS"));
    plane.classroom.servers_poll().await.unwrap();
    let busy = post(&plane, "deleteServer", json!({ "id": id })).await.expect(400);
    assert!(busy["error"].as_str().unwrap().contains("meetings are on this server"), "{busy}");
    let kept = post(&plane, "panicServer", json!({ "id": id, "server": { "keep_state": true } })).await.expect(200);
    let success = format!("Server id={id} has been disabled and the meetings have been destroyed");
    assert_eq!((kept, conference.meetings().len()), (json!({ "success": success }), 0));
    assert_eq!(get(&plane, "getServerInfo", &format!("id={id}")).await.expect(200)["state"], "enabled");
    post(&plane, "panicServer", json!({ "id": id })).await.expect(200);
    assert_eq!(get(&plane, "getServerInfo", &format!("id={id}")).await.expect(200)["state"], "disabled");
    let gone = post(&plane, "deleteServer", json!({ "id": id })).await.expect(200);
    assert_eq!(gone, json!({ "success": format!("Server id={id} was destroyed") }));
    let unknown = post(&plane, "deleteServer", json!({ "id": id })).await.expect(404);
    assert_eq!(unknown, json!({ "error": format!("Couldn't find server with id={id}") }));
    let journal = plane.get(&plane.admin, "/api/v1/audit").await.expect_text(200);
    assert!(journal.contains("\"secret:") && !journal.contains(SECRET), "{journal}");
}

#[tokio::test]
async fn tenants_have_secrets_with_a_colon_between() {
    let plane = plane().await;
    let (one, two, three) = ("first-secret-of-law", "second-secret-of-law", "third-secret-of-law");
    assert!(post(&plane, "addTenant", json!({ "name": "law" })).await.expect(400)["error"].is_string());
    let new = json!({ "name": "law", "secrets": format!("{one}:{two}") });
    let made = post(&plane, "addTenant", new.clone()).await.expect(201);
    let id = made["id"].as_str().unwrap();
    let whole = json!({ "id": id, "name": "law", "secrets": format!("{one}:{two}") });
    assert_eq!(get(&plane, "getTenantInfo", &format!("id={id}")).await.expect(200), whole);
    assert!(get(&plane, "getTenants", "").await.expect(200).as_array().unwrap().contains(&whole));
    post(&plane, "addTenant", new).await.expect(400);
    let change = json!({ "id": id, "secrets": format!("{two}:{three}") });
    let changed = post(&plane, "updateTenant", change).await.expect(200);
    assert_eq!(changed["secrets"], format!("{two}:{three}"));
    assert!(post(&plane, "updateTenant", json!({ "id": id, "name": "other" })).await.expect(400)["error"].is_string());
    assert_eq!(post(&plane, "deleteTenant", json!({ "id": id })).await.expect(200), json!({ "id": id }));
    get(&plane, "getTenantInfo", &format!("id={id}")).await.expect(404);
}

#[tokio::test]
async fn only_operators_secrets_sign_and_only_json_is_taken() {
    let plane = plane().await;
    let of_tenant = plane.signed("getServers", "").replace("/bigbluebutton/", "/scalelite/");
    for path in [of_tenant.as_str(), "/scalelite/api/getServers", &signed("getServers", "").replace("getS", "getT")] {
        let refused = plane.get("", path).await.expect_text(200);
        assert!(refused.contains("<messageKey>checksumError</messageKey>"), "{path}: {refused}");
    }
    let as_tenant = signed("getMeetings", "").replace("/scalelite/", "/bigbluebutton/");
    assert!(plane.get("", &as_tenant).await.expect_text(200).contains("checksumError"), "it signs no tenant's calls");
    let form = Request::post(signed("addServer", "")).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let refused = plane.send(form.body(Body::from("url=x")).unwrap()).await.expect_text(200);
    assert!(refused.contains("unsupportedContentType"), "{refused}");
    for call in ["addServer", "getMeetings", "nothing"] {
        assert!(get(&plane, call, "").await.expect_text(200).contains("unsupportedRequest"), "{call}");
    }
    for body in ["", "[]", "{", &format!("{{\"id\":\"{}\"}}", "x".repeat(70_000))] {
        let request = Request::post(signed("updateServer", "")).header(header::CONTENT_TYPE, "application/json");
        let refused = plane.send(request.body(Body::from(body.to_owned())).unwrap()).await.expect(400);
        assert!(refused["error"].is_string(), "{refused}");
    }
}
