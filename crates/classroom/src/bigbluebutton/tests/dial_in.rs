//! A telephone gateway asks what to do with calls, in the words of FreeSWITCH.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tempfile::TempDir;
use testkit::conference::Fault;

use super::Site;
use super::balance::made_elsewhere;
use crate::bigbluebutton::DialInPassword;
use crate::bigbluebutton::dial_in::FORM_BYTES_MAX;
use crate::model::voice_bridge::voice_bridge;
use crate::plane::Reply;
use crate::xml::{Met, attributes, walk};
use crate::{OpenError, Settings};

const PASSWORD: &str = "a password of gateways";

/// Settings of an operator who set a password, and the folder that has it.
fn settings(password: &str) -> (Settings, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dial-in");
    std::fs::write(&path, format!("{password}\n")).unwrap();
    (Settings { dial_in_password_file: Some(path), ..Settings::default() }, dir)
}

async fn site(servers: usize) -> (Site, TempDir) {
    let (settings, dir) = settings(PASSWORD);
    (Site::with(servers, settings).await, dir)
}

fn basic(credentials: &str) -> String {
    format!("Basic {}", STANDARD.encode(credentials))
}

async fn sent(site: &Site, method: &str, authorization: &str, body: impl Into<Body>) -> Reply {
    let request = Request::builder()
        .method(method)
        .uri("/fsapi")
        .header(header::AUTHORIZATION, authorization)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    site.plane.send(request.body(body.into()).unwrap()).await
}

/// What is to be done with a call of which FreeSWITCH says this: applications with their data.
async fn plan(site: &Site, form: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.append_pair("hostname", "gateway").append_pair("section", "dialplan").extend_pairs(form);
    let reply = sent(site, "POST", &basic(&format!("fsapi:{PASSWORD}")), body.finish()).await;
    assert_eq!(reply.header("content-type"), "text/xml; charset=utf-8");
    let xml = reply.expect_text(200);
    let mut actions = Vec::new();
    walk(xml.as_bytes(), |path, met| {
        if let Met::End { span, .. } = met
            && path == "document/section/context/extension/condition/action"
        {
            let [application, data] = attributes(&xml.as_bytes()[span]).try_into().unwrap();
            actions.push((application.1, data.1));
        }
    })
    .unwrap();
    actions
}

fn pin(site: &Site, meeting: &str) -> String {
    voice_bridge(site.plane.first().settings.tenant.as_str(), meeting, 0).to_string()
}

fn applications(plan: &[(String, String)]) -> Vec<&str> {
    plan.iter().map(|(application, _)| application.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_is_asked_for_the_pin_and_led_to_the_server_of_the_meeting() {
    let (site, _dir) = site(2).await;
    site.create("algebra").await;
    let asked = plan(&site, &[("Caller-Destination-Number", "+4935012345")]).await;
    let steps = ["answer", "sleep", "playback", "sleep", "play_and_get_digits", "transfer"];
    assert_eq!(applications(&asked), steps);
    assert_eq!(asked[5].1, "pin-1 XML public");

    let pin = pin(&site, "algebra");
    let mut call = vec![("Caller-Destination-Number", "pin-1"), ("variable_pin", pin.as_str())];
    call.push(("Caller-Caller-ID-Name", "33612345678"));
    // The stand-ins share a host.
    let host = "127.0.0.1";
    let bridged = plan(&site, &call).await;
    let wanted =
        [("set", "effective_caller_id_name=3361234XXXX".into()), ("bridge", format!("sofia/external/{pin}@{host}"))];
    assert_eq!(bridged, wanted.map(|(application, data)| (application.to_owned(), data)));
    call.push(("Caller-Privacy-Hide-Number", "true"));
    assert_eq!(plan(&site, &call).await[0].1, "effective_caller_id_name=Unavailable");

    // A breakout room has a digit more, whether its server has told of it yet or not.
    let room = format!("{pin}7");
    let bridged = plan(&site, &[("Caller-Destination-Number", "pin-2"), ("variable_pin", &room)]).await;
    assert_eq!(bridged[1].1, format!("sofia/external/{room}@{host}"));

    // One with two digits more is known once its server was polled.
    let room = format!("{pin}12");
    let own = format!("room&isBreakout=true&sequence=12&parentMeetingID=algebra&voiceBridge={room}");
    assert!(made_elsewhere(&site.conferences[1], &own).await.contains("SUCCESS"));
    let call = [("Caller-Destination-Number", "pin-1"), ("variable_pin", room.as_str())];
    assert_eq!(applications(&plan(&site, &call).await).last(), Some(&"transfer"));
    site.plane.classroom.servers_poll().await.unwrap();
    assert_eq!(plan(&site, &call).await[1].1, format!("sofia/external/{room}@{host}"));

    // A meeting that nobody made through us has the number of its server.
    let own = "own&voiceBridge=71234";
    assert!(made_elsewhere(&site.conferences[1], own).await.contains("SUCCESS"));
    site.pass(5).await;
    let bridged = plan(&site, &[("Caller-Destination-Number", "pin-1"), ("variable_pin", "71234")]).await;
    assert_eq!(bridged.last().unwrap().1, format!("sofia/external/71234@{host}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_pins_end_the_call_after_three_and_silence_at_once() {
    let (site, _dir) = site(1).await;
    site.create("algebra").await;
    for wrong in ["999999999", "1234", "12345678901234567890", "12345@evil", "${pin}", "0123456789", "-123456"] {
        for (round, next) in
            [("pin-1", "pin-2 XML public"), ("pin-2", "pin-3 XML public"), ("4935", "pin-2 XML public")]
        {
            let again = plan(&site, &[("Caller-Destination-Number", round), ("variable_pin", wrong)]).await;
            assert_eq!(again.last().unwrap(), &("transfer".to_owned(), next.to_owned()), "{wrong} in {round}");
        }
        let ended = plan(&site, &[("Caller-Destination-Number", "pin-3"), ("variable_pin", wrong)]).await;
        assert_eq!(applications(&ended), ["playback", "hangup"], "{wrong}");
    }
    let silent = plan(&site, &[("Caller-Destination-Number", "pin-1"), ("variable_pin", "")]).await;
    assert_eq!(applications(&silent), ["hangup"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_caller_says_of_itself_does_nothing() {
    let (site, _dir) = site(1).await;
    site.create("algebra").await;
    let pin = pin(&site, "algebra");
    let evil = "\"/></condition></extension><action application=\"system\" data=\"id\"/>${system(id)}\u{0}\n";
    for destination in ["+49350", evil, "^.*$"] {
        let asked = plan(&site, &[("Caller-Destination-Number", destination), ("Caller-Caller-ID-Name", evil)]).await;
        assert_eq!(asked.len(), 6, "{destination}: {asked:?}");
        assert!(asked.iter().all(|(_, data)| !data.contains("system")), "{asked:?}");
    }
    let call = [("Caller-Destination-Number", evil), ("variable_pin", &pin), ("Caller-Caller-ID-Name", evil)];
    let bridged = plan(&site, &call).await;
    assert_eq!(applications(&bridged), ["set", "bridge"]);
    assert!(!bridged[0].1.contains(['$', '{', '"', '<', '\\', '\n']), "{bridged:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_of_a_tenant_and_servers_that_are_away_end_a_call() {
    let (site, _dir) = site(1).await;
    let tenant = format!("/api/v1/conference/tenants/{}", site.plane.first().name);
    let body = json!({ "attendees_max": 1, "minutes_max": 45 });
    site.plane.call(&site.plane.admin, "PUT", &tenant, body).await.expect(200);
    site.create("algebra").await;
    let pin = pin(&site, "algebra");
    let call = [("Caller-Destination-Number", "pin-1"), ("variable_pin", pin.as_str())];
    let bridged = plan(&site, &call).await;
    assert_eq!(bridged[0], ("sched_hangup".to_owned(), "+2700 normal_clearing".to_owned()));
    assert_eq!(applications(&bridged), ["sched_hangup", "set", "bridge"]);

    site.conferences[0].attend("algebra", "Ada", false, false, false).unwrap();
    site.pass(5).await;
    assert_eq!(plan(&site, &call).await, [("hangup".to_owned(), "USER_BUSY".to_owned())]);

    site.plane.call(&site.plane.admin, "PUT", &tenant, json!({})).await.expect(200);
    site.conferences[0].set_fault(Fault::Drop);
    site.pass(15).await;
    assert_eq!(plan(&site, &call).await, [("hangup".to_owned(), "NORMAL_TEMPORARY_FAILURE".to_owned())]);
}

#[tokio::test]
async fn only_who_has_the_password_is_answered_and_only_about_calls() {
    let (site, _dir) = site(0).await;
    let form = "section=dialplan&Caller-Destination-Number=4935";
    let bearer = format!("Bearer {}", site.plane.admin);
    for authorization in [
        "",
        "Basic",
        "Basic ???",
        &bearer,
        &basic("fsapi"),
        &basic("fsapi:"),
        &basic("fsapi:a password of gateway"),
        &basic(&format!("fsapi:{PASSWORD}s")),
        &basic(&format!("admin:{PASSWORD}")),
        &basic(&format!("fsapi:{PASSWORD}")).replace("Basic", "Digest"),
    ] {
        let refused = sent(&site, "POST", authorization, form).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{authorization}");
        assert_eq!((refused.header("www-authenticate"), refused.text()), ("Basic realm=\"amphi\"", String::new()));
    }
    let known = basic(&format!("fsapi:{PASSWORD}"));
    assert_eq!(sent(&site, "GET", &known, "").await.status, StatusCode::METHOD_NOT_ALLOWED);
    let huge = format!("{form}&variable_x={}", "x".repeat(FORM_BYTES_MAX));
    assert_eq!(sent(&site, "POST", &known, huge).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    for form in ["", "section=directory&user=1000", "Caller-Destination-Number=4935", "section=dialplan", "%ff=%00&="] {
        let answer = sent(&site, "POST", &known, form).await.expect_text(200);
        assert!(answer.contains("<result status=\"not found\"/>"), "{form}: {answer}");
    }
}

#[tokio::test]
async fn without_a_password_there_is_nothing_and_a_short_one_is_refused() {
    let site = Site::new(0).await;
    for method in ["POST", "GET"] {
        assert_eq!(sent(&site, method, &basic("fsapi:"), "section=dialplan").await.status, StatusCode::NOT_FOUND);
    }
    let (short, dir) = settings("fifteen letters");
    let path = short.dial_in_password_file.unwrap();
    assert!(matches!(DialInPassword::read(&path), Err(OpenError::DialInShort { least: 16, .. })));
    assert!(matches!(DialInPassword::read(&dir.path().join("none")), Err(OpenError::DialInRead { .. })));
}
