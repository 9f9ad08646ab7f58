//! The rules that strict clients depend on, and what is refused.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::json;

use super::Site;
use crate::model::checksum::{Algorithm, checksum};
use crate::plane::{Reply, signed_by};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checksums_are_taken_in_every_hash_and_place_and_nothing_else() {
    let site = Site::new(1).await;
    let secret = site.plane.first().secrets[0].secret.expose().clone();
    let query = "name=A+B%20c%2fd&meetingID=class";
    for algorithm in Algorithm::ALL {
        let sum = checksum(algorithm, &[b"create", query.as_bytes(), secret.as_bytes()]);
        for query in [
            format!("{query}&checksum={sum}"),
            format!("checksum={sum}&{query}"),
            query.replacen('&', &format!("&checksum={sum}&"), 1),
            format!("{query}&checksum={}", sum.to_uppercase()),
        ] {
            let answer = site.plane.get("", &format!("/bigbluebutton/api/create?{query}")).await.expect_text(200);
            assert!(answer.contains("SUCCESS"), "{query}: {answer}");
        }
    }
    assert_eq!(
        site.conferences[0].meetings()[0].parameters.iter().find(|(name, _)| name == "name").unwrap().1,
        "A B c/d"
    );
    let sum = checksum(Algorithm::Sha256, &[b"create", query.as_bytes(), secret.as_bytes()]);
    for query in [
        query.to_owned(),
        format!("{query}&checksum="),
        format!("{query}&checksum={}", &sum[1..]),
        format!("{query}&checksum={}", "0".repeat(64)),
        format!("{query}&checksum={sum}&checksum={sum}"),
        format!("{query}&x=1&checksum={sum}"),
        format!("{}&checksum={sum}", query.replace("%2f", "%2F")),
    ] {
        let answer = site.plane.get("", &format!("/bigbluebutton/api/create?{query}")).await.expect_text(200);
        assert!(answer.contains("<messageKey>checksumError</messageKey>"), "{query}: {answer}");
    }
    let forged = site.plane.get("", &signed_by("", "create", query)).await.expect_text(200);
    assert!(forged.contains("checksumError"), "{forged}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_xml_with_status_200() {
    let site = Site::new(1).await;
    for (call, query, key) in [
        ("create", "", "missingParamMeetingID"),
        ("create", "meetingID=", "missingParamMeetingID"),
        ("create", &format!("meetingID={}", "x".repeat(257)), "validationError"),
        ("create", "meetingID=a%2Cb", "validationError"),
        ("create", "meetingID=a%00b", "validationError"),
        ("join", "fullName=A", "missingParamMeetingID"),
        ("join", "meetingID=none&fullName=A", "notFound"),
        ("getMeetingInfo", "meetingID=none", "notFound"),
        ("getMeetingInfo", "", "missingParamMeetingID"),
        ("end", "meetingID=none", "notFound"),
        ("isMeetingRunning", "", "missingParamMeetingID"),
        ("insertDocument", "meetingID=none", "unsupportedRequest"),
        ("getJoinUrl", "", "unsupportedRequest"),
    ] {
        let answer = site.plane.api(call, query).await;
        assert!(answer.header("content-type").to_ascii_lowercase().contains("charset=utf-8"), "{call}");
        let text = answer.expect_text(200);
        assert!(text.contains("<returncode>FAILED") && text.contains(key), "{call} {query}: {text}");
    }
    let none = site.call("getMeetings", "").await;
    assert!(none.contains("<meetings></meetings><messageKey>noMeetings</messageKey>"), "{none}");
    assert_eq!(
        site.call("isMeetingRunning", "meetingID=none").await,
        "<response><returncode>SUCCESS</returncode><running>false</running></response>"
    );
    let root = site.plane.get("", "/bigbluebutton/api").await.expect_text(200);
    assert!(root.contains("<version>2.0</version>"), "{root}");
}

async fn post(site: &Site, path: &str, content_type: &str, body: &str) -> String {
    let request = Request::post(path).header(header::CONTENT_TYPE, content_type);
    site.plane.send(request.body(Body::from(body.to_owned())).unwrap()).await.expect_text(200)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_and_slides_come_by_post() {
    let site = Site::new(1).await;
    let form = site.plane.signed("create", "meetingID=by-form&name=Form");
    let (path, form) = form.split_once('?').unwrap();
    assert!(post(&site, path, "application/x-www-form-urlencoded", form).await.contains("SUCCESS"));
    let slides = "<modules><module name=\"presentation\"><document url=\"https://x/y.pdf\"/></module></modules>";
    let path = site.plane.signed("create", "meetingID=by-xml&name=Xml");
    assert!(post(&site, &path, "application/xml; charset=utf-8", slides).await.contains("SUCCESS"));
    let seen = site.conferences[0].calls().into_iter().rfind(|call| call.name == "create").unwrap();
    assert_eq!(seen.body, slides.as_bytes(), "slides go on as they came");
    let insert = site.plane.signed("insertDocument", "meetingID=by-xml&anything=kept");
    assert!(post(&site, &insert, "text/xml", slides).await.contains("SUCCESS"));
    let seen = site.conferences[0].calls().into_iter().rfind(|call| call.name == "insertDocument").unwrap();
    assert!(seen.query.contains("anything=kept"));
    for (content_type, body, key) in [
        ("application/json", "{}", "unsupportedContentType"),
        ("", "x", "unsupportedContentType"),
        ("application/xml", "<modules>", "invalidXml"),
        ("application/xml", "<!DOCTYPE m [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><m>&a;</m>", "invalidXml"),
        ("application/xml", "<!DOCTYPE m [<!ENTITY a \"aaaaaaaaaa\">]><m>&a;</m>", "invalidXml"),
    ] {
        let answer = post(&site, &path, content_type, body).await;
        assert!(answer.contains(key), "{content_type} {body}: {answer}");
    }
    // Who did not sign gets no room for a body.
    let unsigned = "/bigbluebutton/api/create?meetingID=x";
    assert!(post(&site, unsigned, "application/xml", &"x".repeat(1 << 20)).await.contains("checksumError"));
    let form = format!("meetingID=x&pad={}", "x".repeat(300 << 10));
    assert!(
        post(&site, "/bigbluebutton/api/create", "application/x-www-form-urlencoded", &form)
            .await
            .contains("requestTooLarge")
    );
    let info = site.plane.signed("getMeetingInfo", "meetingID=by-xml");
    assert!(post(&site, &info, "application/xml", slides).await.contains("unsupportedContentType"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameters_pass_but_for_the_few_that_are_ours() {
    let site = Site::new(1).await;
    let query = "meetingID=class&name=Class&META_Tenant-ID=other&somethingNew=1&meta_a=b&voiceBridge=5&meetingEndedURL=http%3A%2F%2Fx%2F\
        &meta_bbb-recording-ready-url=http%3A%2F%2Fy%2F&meta_analytics-callback-url=http%3A%2F%2Fz%2F&duration=500";
    site.call("create", query).await;
    let made = site.conferences[0].meetings().remove(0);
    let value = |name: &str| made.parameters.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    assert_eq!((value("somethingNew"), value("meta_a"), value("duration")), (Some("1"), Some("b"), Some("500")));
    assert!(value("meetingEndedURL").unwrap().starts_with("https://amphi.example.org/bigbluebutton/ended/"));
    assert!(
        value("meta_analytics-callback-url").unwrap().starts_with("https://amphi.example.org/bigbluebutton/analytics/")
    );
    assert_eq!(value("meta_bbb-recording-ready-url"), None);
    assert_eq!(value("meta_amphi-recording-ready-url"), Some("http://y/"));
    assert_eq!(value("voiceBridge").unwrap().len(), 9);
    let tenant = site.plane.first().settings.tenant.clone();
    assert_eq!(value("meta_tenant-id"), Some(tenant.as_str()));
    assert_eq!(value("META_Tenant-ID"), None, "the server would take it for the other");
    assert_eq!(site.plane.count("classroom_callback").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_longer_than_an_address_reaches_the_server() {
    let site = Site::new(1).await;
    let long = "x".repeat(20_000);
    let form = site.plane.signed("create", &format!("meetingID=class&name=Class&welcome={long}"));
    let (path, form) = form.split_once('?').unwrap();
    let answer = post(&site, path, "application/x-www-form-urlencoded", form).await;
    assert!(answer.contains("SUCCESS"), "{answer}");
    let made = site.conferences[0].meetings().remove(0);
    assert!(made.parameters.iter().any(|(name, value)| name == "welcome" && *value == long));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_settings_bound_its_meetings_and_nobody_elses() {
    let mut site = Site::new(1).await;
    site.server_add("").await;
    let law = site.plane.tenant("law").await;
    let admin = site.plane.caller(&site.plane.admin).await;
    let settings = json!({ "hosts": ["law.example.org"], "defaults": { "welcome": "Hi", "record": "true" },
        "overrides": { "record": "false" }, "meetings_max": 1, "minutes_max": 60 });
    let settings = serde_json::from_value(settings).unwrap();
    site.plane.classroom.tenant_set(&admin, &law, settings).await.unwrap();
    let owner = crate::model::tenant::SecretOwner::Tenant(law.clone());
    let secret = site.plane.classroom.secret_create(&admin, owner, None, "Moodle").await.unwrap();
    let theirs = |call: &str, query: &str| signed_by(secret.secret.expose(), call, query);
    let answer = site.plane.get("", &theirs("create", "meetingID=class&name=Law&record=true")).await.expect_text(200);
    assert!(answer.contains("SUCCESS"), "{answer}");
    let at_law = site.conferences.iter().find_map(|server| server.meetings().pop()).unwrap();
    let value = |name: &str| at_law.parameters.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    assert_eq!((value("welcome"), value("record"), value("duration")), (Some("Hi"), Some("false"), Some("60")));
    let second = site.plane.get("", &theirs("create", "meetingID=other&name=Law")).await.expect_text(200);
    assert!(second.contains("limitReached"), "{second}");
    // The same name is another meeting for another tenant, on another server.
    site.create("class").await;
    assert_eq!(site.counts(), [1, 1]);
    let list = site.call("getMeetings", "").await;
    assert_eq!(list.matches("<meeting>").count(), 1, "{list}");
    assert!(!site.call("getMeetingInfo", "meetingID=class").await.contains(law.as_str()));
    // What one tenant has is nothing to another: neither its meetings nor its host.
    site.plane.get("", &theirs("end", "meetingID=class")).await.expect_text(200);
    assert!(site.call("getMeetingInfo", "meetingID=class").await.contains("SUCCESS"), "ended was law's own");
    let ours = site.plane.signed("getMeetings", "");
    let request = Request::get(ours).header(header::HOST, "law.example.org").body(Body::empty()).unwrap();
    assert!(site.plane.send(request).await.expect_text(200).contains("checksumError"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_come_between_two_polls_no_more_get_in_than_may() {
    let site = Site::new(2).await;
    let tenant = format!("/api/v1/conference/tenants/{}", site.plane.first().name);
    let limit = async |most: u32| {
        let body = json!({ "attendees_max": most });
        site.plane.call(&site.plane.admin, "PUT", &tenant, body).await.expect(200);
    };
    limit(5).await;
    site.create("class").await;
    site.create("other").await;
    let let_in = async || {
        let joins = (0..20).map(|n| {
            let query = format!("meetingID={}&fullName=Ada{n}&role=VIEWER", ["class", "other"][n % 2]);
            let path = site.plane.signed("join", &query);
            async { site.plane.get("", &{ path }).await }
        });
        let answers = futures::future::join_all(joins).await;
        let is_refused = |answer: &&Reply| answer.status.as_u16() == 200 && answer.text().contains("limitReached");
        assert!(answers.iter().all(|answer| answer.status.is_redirection() || is_refused(&answer)));
        answers.iter().filter(|answer| answer.status.is_redirection()).count()
    };
    assert_eq!(let_in().await, 5);
    let third = site.call("create", "meetingID=third&name=third").await;
    assert!(third.contains("limitReached"), "{third}");

    // Of those five, two came in. The poll knows them, and the others are not waited for.
    let home = site.server_of_placed("class");
    (0..2).for_each(|_| drop(site.conferences[home].attend("class", "Ada", false, false, false)));
    site.pass(5).await;
    assert_eq!(let_in().await, 3);
    limit(0).await;
    assert_eq!(let_in().await, 20, "no limit is none");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_is_known_at_once() {
    let site = Site::new(1).await;
    site.create("class").await;
    let made = site.conferences[0].meetings().remove(0);
    let url = &made.parameters.iter().find(|(name, _)| name == "meetingEndedURL").unwrap().1;
    let path = url.strip_prefix("https://amphi.example.org").unwrap();
    assert!(site.plane.get("", "/bigbluebutton/ended/0123456789").await.expect_text(200).is_empty());
    assert_eq!(site.plane.count("classroom_meeting").await, 1, "somebody guessed");
    site.plane.get("", &format!("{path}?meetingID=class")).await.expect_text(200);
    assert_eq!(site.plane.count("classroom_meeting").await, 1, "an earlier session is over: this one is there");
    site.conferences[0].forget_all();
    site.plane.get("", &format!("{path}?meetingID=class&recordingmarks=false")).await.expect_text(200);
    assert_eq!(site.plane.count("classroom_meeting").await, 0);
    site.create("class").await;
    site.call("end", "meetingID=class&password=mp").await;
    let info = site.call("getMeetingInfo", "meetingID=class").await;
    assert!(info.contains("notFound"), "{info}");
}
