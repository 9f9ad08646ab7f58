//! The pages as a browser gets them, over a stand-in conference server.

use axum::http::StatusCode;
use portal::catalog::differences;
use portal::{Catalog, Locale, Problem};
use testkit::conference::{Conference, ConferencePlan};

use crate::plane::{Plane, Session};

async fn conference() -> Conference {
    Conference::start(ConferencePlan::default()).await.unwrap()
}

async fn person(plane: &Plane, login: &str, role: &str) -> Session {
    plane.account(login, role).await;
    plane.session(login).await
}

async fn add(plane: &Plane, session: &Session, conference: &Conference) -> String {
    let url = conference.url();
    let fields = [("url", url.as_str()), ("secret", conference.secret()), ("tag", ""), ("weight", "")];
    let added = plane.form(session, "/conference", &fields).await;
    assert_eq!(added.status, StatusCode::SEE_OTHER, "{}", added.text());
    plane.classroom.server_views()[0].id.clone()
}

#[test]
fn english_and_french_have_the_same_sentences() {
    let (en, fr) =
        (include_str!("../../../locales/en/conference.ftl"), include_str!("../../../locales/fr/conference.ftl"));
    assert_eq!(differences(en, fr), Vec::<String>::new());
}

#[test]
fn every_refusal_of_servers_and_settings_has_its_sentence_in_both_languages() {
    use crate::model::server::ServerRefusal as R;
    use crate::service::ServiceError as E;
    let settings = |field| E::Settings { field, message: "no".into() };
    let errors = [
        E::Server(R::Url("x".into())),
        E::Server(R::Secret),
        E::Server(R::Tag("x".into())),
        E::Server(R::Weight),
        E::Server(R::Id("x".into())),
        E::ServerUnknown("x".into()),
        E::ServerTaken,
        E::ServerBusy(2),
        E::ServerChanged,
        E::NoServer,
        E::NoServerTagged("gpu".into()),
        E::ServerUnavailable,
        E::CreateFailed,
        E::MeetingUnknown,
        E::MeetingsMost(1),
        E::PeopleMost(1),
        E::SecretUnknown,
        settings("hosts"),
        settings("defaults"),
        settings("overrides"),
        settings("secret"),
    ];
    let catalog = Catalog::new(crate::catalogs()).unwrap();
    for problem in errors.map(Problem::from) {
        for locale in Locale::ALL {
            let key = format!("problem-{}", problem.code());
            let sentence =
                catalog.find(locale, &key, problem.args()).unwrap_or_else(|| panic!("{locale:?} lacks {key}"));
            assert!(!sentence.contains("{$") && sentence.ends_with('.'), "{sentence}");
        }
    }
}

#[tokio::test]
async fn an_operator_adds_drains_and_removes_a_server() {
    let (plane, conference) = (Plane::new().await, conference().await);
    let op = person(&plane, "op", "operator").await;
    let empty = plane.page(&op.cookie, "/conference").await.expect_text(200);
    assert!(empty.contains("No conference server yet") && !empty.contains("/conference/connect"), "{empty}");
    let id = add(&plane, &op, &conference).await;
    let page = plane.page(&op.cookie, "/conference").await.expect_text(200);
    assert!(page.contains("answers") && page.contains("3.0.4"), "{page}");
    assert!(!page.contains(conference.secret()), "no secret of a server is shown");
    let part = plane.page(&op.cookie, "/conference/part").await.expect_text(200);
    assert!(part.contains(&format!("server-{id}")) && !part.contains("<html"), "{part}");

    let state = format!("/conference/servers/{id}/state");
    assert_eq!(plane.form(&op, &state, &[("state", "cordoned")]).await.status, StatusCode::SEE_OTHER);
    plane.form(&op, &state, &[("state", "gone")]).await.expect_text(400);
    assert!(plane.page(&op.cookie, "/conference/part").await.expect_text(200).contains("cordoned"));
    let remove = format!("/conference/servers/{id}/remove");
    let stranger = Session { csrf: "x".to_owned(), cookie: op.cookie.clone() };
    plane.form(&stranger, &remove, &[]).await.expect_text(403);
    assert_eq!(plane.form(&op, &remove, &[]).await.status, StatusCode::SEE_OTHER);
    assert!(plane.classroom.server_views().is_empty());
}

#[tokio::test]
async fn what_is_wrong_stands_under_its_field_and_what_was_typed_is_kept_but_for_the_secret() {
    let plane = Plane::new().await;
    let op = person(&plane, "op", "operator").await;
    for (url, tag, weight, field) in [
        ("ftp://bbb1", "", "", "f-url-wrong"),
        ("https://bbb1.example.org", "a b", "", "f-tag-wrong"),
        ("https://bbb1.example.org", "", "much", "f-weight-wrong"),
    ] {
        let fields = [("url", url), ("secret", "s<3cret"), ("tag", tag), ("weight", weight)];
        let page = plane.form(&op, "/conference", &fields).await.expect_text(200);
        assert!(page.contains(&format!("id=\"{field}\"")), "{field}: {page}");
        assert!(page.contains(&format!("value=\"{url}\"")) && !page.contains("3cret"), "{page}");
    }
    assert!(plane.classroom.server_views().is_empty());
}

#[tokio::test]
async fn meetings_are_shown_ended_and_panicked() {
    let (plane, conference) = (Plane::new().await, conference().await);
    let op = person(&plane, "op", "operator").await;
    let id = add(&plane, &op, &conference).await;
    for name in ["m-1", "m-2"] {
        let answer = plane.api("create", &format!("meetingID={name}&name=%3Cb%3EAlgebra")).await;
        assert!(answer.expect_text(200).contains("SUCCESS"));
    }
    plane.classroom.servers_poll().await.unwrap();
    let part = plane.page(&op.cookie, "/conference/part").await.expect_text(200);
    assert!(part.contains("&#60;b&#62;Algebra") && !part.contains("<b>Algebra"), "{part}");
    assert!(part.contains("data-confirm-name"), "a panic asks for the host's name: {part}");
    let tenant = plane.first().settings.tenant.to_string();
    let end = [("tenant", tenant.as_str()), ("meeting_id", "m-1")];
    assert_eq!(plane.form(&op, "/conference/meetings/end", &end).await.status, StatusCode::SEE_OTHER);
    assert_eq!(conference.meetings().len(), 1);
    plane.form(&op, "/conference/meetings/end", &end).await.expect_text(404);
    let panic = format!("/conference/servers/{id}/panic");
    assert_eq!(plane.form(&op, &panic, &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!((conference.meetings().len(), plane.count("classroom_meeting").await), (0, 0));
}

#[tokio::test]
async fn an_admin_copies_the_secret_and_makes_another() {
    let plane = Plane::new().await;
    let (admin, op) = (person(&plane, "root", "admin").await, person(&plane, "op", "operator").await);
    plane.page(&op.cookie, "/conference/connect").await.expect_text(403);
    let secret = |plane: &Plane| plane.first().secrets.last().unwrap().secret.expose().clone();
    let first = secret(&plane);
    let page = plane.page(&admin.cookie, "/conference/connect").await.expect_text(200);
    assert!(page.contains("https://amphi.example.org/bigbluebutton/") && page.contains(&first), "{page}");
    let name = plane.first().name.clone();
    plane.clock.advance(std::time::Duration::from_secs(1));
    let fields = [("tenant", name.as_str()), ("note", "Moodle <2>")];
    assert_eq!(plane.form(&admin, "/conference/connect", &fields).await.status, StatusCode::SEE_OTHER);
    let page = plane.page(&admin.cookie, "/conference/connect").await.expect_text(200);
    assert!(page.contains(&secret(&plane)) && !page.contains(&first), "the newest alone is shown");
    assert!(page.contains("Moodle &#60;2&#62;"), "{page}");
    let old = plane.first().secrets[0].id.clone();
    let revoke = format!("/conference/secrets/{old}/revoke");
    assert_eq!(plane.form(&admin, &revoke, &[("tenant", &name)]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(plane.first().secrets.len(), 1);
    plane.form(&admin, &revoke, &[("tenant", &name)]).await.expect_text(404);
    plane.tenant("law").await;
    let law = plane.page(&admin.cookie, "/conference/connect?tenant=law").await.expect_text(200);
    assert!(law.contains("There is none; make one below.") && !law.contains(&secret(&plane)), "{law}");
    plane.page(&admin.cookie, "/conference/connect?tenant=none").await.expect_text(404);
}

#[tokio::test]
async fn settings_are_lines_and_what_is_wrong_is_said() {
    let plane = Plane::new().await;
    let admin = person(&plane, "root", "admin").await;
    plane.tenant("law").await;
    let at = "/conference/tenants/law";
    let set = |defaults: &'static str, hosts: &'static str, minutes: &'static str| {
        [
            ("hosts", hosts),
            ("defaults", defaults),
            ("overrides", ""),
            ("meetings_max", "20"),
            ("attendees_max", ""),
            ("minutes_max", minutes),
        ]
    };
    let good = set("welcome=a = b\r\n\r\nlogo = x", "law.example.org\r\n", "0");
    assert_eq!(plane.form(&admin, at, &good).await.status, StatusCode::SEE_OTHER);
    let own = plane.classroom.directory().entries().find("law").unwrap().settings.clone();
    assert_eq!((own.defaults["welcome"].as_str(), own.defaults["logo"].as_str()), ("a = b", "x"));
    assert_eq!((own.hosts.as_slice(), own.meetings_max), (["law.example.org".to_owned()].as_slice(), Some(20)));
    assert_eq!((own.attendees_max, own.minutes_max), (None, None));
    let page = plane.page(&admin.cookie, at).await.expect_text(200);
    assert!(page.contains("logo=x\nwelcome=a = b</textarea>"), "{page}");
    for (fields, wrong) in [
        (set("welcome", "", ""), "f-defaults-wrong"),
        (set("meetingID=x", "", ""), "f-defaults-wrong"),
        (set("", "a/b", ""), "f-hosts-wrong"),
        (set("", "", "many"), "f-minutes_max-wrong"),
    ] {
        let page = plane.form(&admin, at, &fields).await.expect_text(200);
        assert!(page.contains(&format!("id=\"{wrong}\"")), "{wrong}: {page}");
        assert!(page.contains("value=\"20\""), "nothing typed is lost");
    }
    plane.page(&admin.cookie, "/conference/tenants/none").await.expect_text(404);
}
