//! The page of recordings, in both languages and by roles.

use crate::plane::Plane;
use crate::task::spool::tests::{ID, plane_with_recording};

#[test]
fn english_and_french_have_the_same_sentences() {
    let (en, fr) =
        (include_str!("../../../locales/en/recording.ftl"), include_str!("../../../locales/fr/recording.ftl"));
    assert_eq!(portal::catalog::differences(en, fr), Vec::<String>::new());
}

#[tokio::test]
async fn an_empty_page_says_how_recordings_get_here() {
    let plane = Plane::new().await;
    plane.account("tea", "teacher").await;
    plane.account("ops", "operator").await;
    let page = async |login: &str| plane.page(&plane.session(login).await.cookie, "/recordings").await.expect_text(200);
    assert!(page("tea").await.contains("No recording yet"));
    assert!(page("ops").await.contains("amphi conference recording import"));
    plane.account("lea", "learner").await;
    plane.page(&plane.session("lea").await.cookie, "/recordings").await.expect_text(403);
}

#[tokio::test]
async fn recordings_are_listed_and_changed() {
    let plane = plane_with_recording("").await;
    plane.account("tea", "teacher").await;
    let session = plane.session("tea").await;
    let page = async || plane.page(&session.cookie, "/recordings").await.expect_text(200);
    let shown = page().await;
    assert!(shown.contains("Algebra &#38; co") && shown.contains("1 minute"), "{shown}");
    assert!(shown.contains(&format!("href=\"https://amphi.example.org/video/{ID}/index.html\">video</a>")), "{shown}");
    let others = plane.page(&session.cookie, "/recordings?meeting=another").await.expect_text(200);
    assert!(others.contains("No recording yet"), "{others}");
    let act = async |op: &str| plane.form(&session, &format!("/recordings/{ID}"), &[("op", op)]).await.status.as_u16();
    assert_eq!(act("protect").await, 303);
    let shown = page().await;
    let link = shown.split_once(&format!("href=\"https://amphi.example.org/recording/{ID}/video?token=")).unwrap().1;
    let token = link.split_once('"').unwrap().0;
    let opened = plane.page("", &format!("/recording/{ID}/video?token={token}")).await;
    assert_eq!(opened.status.as_u16(), 303, "a teacher watches a protected one without a course");
    for (op, word) in [("protect", "Protected"), ("unprotect", "Published"), ("unpublish", "Not published")] {
        assert_eq!(act(op).await, 303);
        assert!(page().await.contains(word), "{op}");
    }
    assert_eq!(act("x").await, 400);
    assert_eq!(act("delete").await, 303);
    assert!(page().await.contains("No recording yet"));
    assert_eq!(act("publish").await, 404);
}
