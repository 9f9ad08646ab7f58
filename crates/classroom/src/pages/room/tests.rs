//! The pages of rooms, as browsers with and without an account get them.

use serde_json::{Value, json};

use crate::plane::{Reply, Session};
use crate::service::room::tests::School;

/// A form of somebody without an account, with the cookies they have.
async fn guest(school: &School, path: &str, cookie: &str, name: &str) -> Reply {
    let session = Session { cookie: cookie.to_owned(), csrf: String::new() };
    school.plane.form(&session, path, &[("name", name)]).await
}

/// The path of a room's invitation.
async fn invitation(school: &School, room: &str) -> String {
    let view = school.get(&school.tea, room).await;
    view["invitation"].as_str().unwrap().strip_prefix("https://amphi.example.org").unwrap().to_owned()
}

fn page_of(room: &str) -> String {
    room.replace("/api/v1/rooms", "/classrooms")
}

/// Where a page leads by itself.
fn leads_to(reply: &Reply) -> String {
    reply.expect_text(200);
    reply.header("refresh").strip_prefix("0; url=").expect("it leads on").to_owned()
}

#[test]
fn english_and_french_have_the_same_sentences() {
    let (en, fr) = (include_str!("../../../locales/en/room.ftl"), include_str!("../../../locales/fr/room.ftl"));
    assert_eq!(portal::catalog::differences(en, fr), Vec::<String>::new());
}

#[tokio::test]
async fn a_room_is_made_by_the_form_which_keeps_what_was_typed() {
    let school = School::new().await;
    let session = school.plane.session("tea").await;
    let empty = school.plane.page(&session.cookie, "/classrooms").await.expect_text(200);
    assert!(empty.contains("No classroom yet") && empty.contains("href=\"/classrooms/new\""), "{empty}");
    assert!(empty.contains("aria-current=\"page\""), "the side bar shows where one is");
    school.plane.page(&session.cookie, "/classrooms/new").await.expect_text(200);

    let typed = [("name", "Alg<script>bra"), ("welcome", "Hi & <b>"), ("record", "allowed"), ("entrance", "account")];
    for (field, value) in [("minutes", "-5"), ("minutes", "soon"), ("people_max", "1"), ("name", " ")] {
        let mut fields: Vec<(&str, &str)> = typed.into_iter().filter(|(name, _)| *name != field).collect();
        fields.push((field, value));
        let page = school.plane.form(&session, "/classrooms", &fields).await.expect_text(400);
        let wrong = page.split("aria-invalid=\"true\" autofocus").next().unwrap();
        let wrong = wrong.rsplit("<input").next().unwrap();
        assert!(wrong.contains(&format!("id=\"{field}\"")), "{field}: {wrong}");
        assert!(page.contains("Hi &#38; &#60;b&#62;</textarea>"), "{page}");
        assert!(page.contains("<option value=\"account\" selected>") && !page.contains("<script>bra"), "{page}");
    }
    assert_eq!(school.plane.count("classroom_room").await, 0);

    let made = school.plane.form(&session, "/classrooms", &[&typed[..], &[("lobby", "on")]].concat()).await;
    made.expect_text(303);
    let page = school.plane.page(&session.cookie, made.header("location")).await.expect_text(200);
    assert!(page.contains("Alg&#60;script&#62;bra") && !page.contains("<script>bra"), "{page}");
    assert!(page.contains("https://amphi.example.org/join/"), "{page}");
    let edit = format!("{}/edit", made.header("location"));
    let form = school.plane.page(&session.cookie, &edit).await.expect_text(200);
    assert!(form.contains("name=\"lobby\" checked") && form.contains("Alg&#60;script&#62;bra"), "{form}");
    let changed = school.plane.form(&session, made.header("location"), &[("name", "Algebra"), ("minutes", "90")]).await;
    changed.expect_text(303);
    let list = school.plane.page(&session.cookie, "/classrooms").await.expect_text(200);
    assert!(list.contains("Algebra") && list.contains("Not open") && !list.contains("No classroom yet"), "{list}");
}

#[tokio::test]
async fn a_guest_waits_gives_a_name_and_comes_in_as_the_same_person_again() {
    let school = School::new().await;
    let room = school.room(json!({})).await;
    let path = invitation(&school, &room).await;
    let waiting = school.plane.page("", &path).await.expect_text(200);
    assert!(waiting.contains("not open yet") && waiting.contains("tea invites you"), "{waiting}");
    assert!(waiting.contains(&format!("hx-get=\"{path}/part\"")) && !waiting.contains("side-head"), "{waiting}");
    let early = guest(&school, &path, "", "Bea <i>").await.expect_text(409);
    assert!(early.contains("value=\"Bea &#60;i&#62;\""), "the name is kept: {early}");

    school.plane.post(&school.tea, &format!("{room}/start"), Value::Null).await.expect(200);
    let part = school.plane.page("", &format!("{path}/part")).await.expect_text(200);
    assert!(part.contains("<button") && !part.contains("hx-get"), "it asks no more: {part}");
    for name in ["", "  ", &"x".repeat(101)] {
        let page = guest(&school, &path, "", name).await.expect_text(400);
        assert!(page.contains("aria-invalid=\"true\""), "{name:?}");
    }
    let first = guest(&school, &path, "", "Bea").await;
    let url = leads_to(&first);
    assert!(url.starts_with(&school.conference.url()), "{url}");
    for part in ["fullName=Bea", "role=VIEWER", "guest=true", "userID=guest-"] {
        assert!(url.contains(part), "{part} is not in {url}");
    }
    let set = first.header("set-cookie");
    assert!(set.contains("; HttpOnly") && set.contains("Path=/join"), "{set}");
    let again = leads_to(&guest(&school, &path, set.split(';').next().unwrap(), "Bea").await);
    assert_eq!(url, again, "the same person at the same address");
    assert_ne!(url, leads_to(&guest(&school, &path, "amphi_guest=x", "Bea").await));
}

#[tokio::test]
async fn an_invitation_says_what_keeps_one_out_and_no_more() {
    let school = School::new().await;
    let law = school.plane.tenant("law").await;
    school.plane.account_in(&law, "eve", "learner").await;
    let room = school.room(json!({ "entrance": "account", "people_max": 2, "anyone_starts": true })).await;
    let path = invitation(&school, &room).await;
    let page = school.plane.page("", &path).await.expect_text(200);
    assert!(page.contains(&format!("/sign-in?next={path}")) && !page.contains("id=\"name\""), "{page}");
    guest(&school, &path, "", "Bea").await.expect_text(403);
    let eve = school.plane.session("eve").await;
    let page = school.plane.page(&eve.cookie, &path).await.expect_text(200);
    assert!(page.contains("account of another tenant"), "{page}");
    school.plane.form(&eve, &path, &[]).await.expect_text(403);

    let ada = school.plane.session("ada").await;
    assert!(school.plane.page(&ada.cookie, &path).await.expect_text(200).contains("You come in as ada"));
    assert!(leads_to(&school.plane.form(&ada, &path, &[]).await).contains("fullName=ada"));
    let meeting = school.conference.meetings()[0].meeting_id.clone();
    for name in ["Bea", "Cid"] {
        school.conference.attend(&meeting, name, false, false, false).unwrap();
    }
    school.plane.classroom.servers_poll().await.unwrap();
    assert!(school.plane.form(&ada, &path, &[]).await.expect_text(409).contains("full: 2 people"));

    for path in ["/join/x".to_owned(), format!("/join/{}", "0".repeat(32)), format!("/join/{}", "é".repeat(16))] {
        let page = school.plane.page("", &path).await.expect_text(404);
        assert!(page.contains("no classroom behind this link") && !page.contains("Algebra"), "{page}");
    }
    school.plane.post(&school.tea, &format!("{room}/renew"), Value::Null).await.expect(200);
    school.plane.page("", &path).await.expect_text(404);
}

#[tokio::test]
async fn the_teacher_enters_sees_people_and_ends() {
    let school = School::new().await;
    let room = school.room(json!({})).await;
    let (page, tea) = (page_of(&room), school.plane.session("tea").await);
    let url = leads_to(&school.plane.form(&tea, &format!("{page}/enter"), &[]).await);
    assert!(url.contains("role=MODERATOR") && url.contains("fullName=tea"), "{url}");
    let meeting = school.conference.meetings()[0].meeting_id.clone();
    school.conference.attend(&meeting, "Bea", false, true, false).unwrap();
    school.plane.classroom.servers_poll().await.unwrap();
    let part = school.plane.page(&tea.cookie, &format!("{page}/part")).await.expect_text(200);
    assert!(part.contains("<dd id=\"users\">1</dd>") && part.contains("Join as moderator"), "{part}");
    let whole = school.plane.page(&tea.cookie, &page).await.expect_text(200);
    assert!(whole.contains(&format!("href=\"/recordings?meeting={meeting}\"")), "{whole}");
    assert!(school.plane.page(&tea.cookie, "/classrooms/part").await.expect_text(200).contains("1 person"));

    assert_eq!(school.plane.form(&tea, &format!("{page}/end"), &[]).await.header("location"), page);
    assert!(school.conference.meetings().is_empty());
    assert_eq!(school.plane.page(&tea.cookie, &format!("{page}/left")).await.header("location"), page);
    let left = school.plane.page("", &format!("{page}/left")).await.expect_text(200);
    assert!(left.contains("You have left") && !left.contains("Algebra"), "{left}");
    school.plane.form(&tea, &format!("{page}/delete"), &[]).await.expect_text(303);
    school.plane.page(&tea.cookie, &page).await.expect_text(404);
}

#[tokio::test]
async fn without_a_server_everybody_is_told_in_their_words() {
    let school = School::new().await;
    let room = school.room(json!({ "entrance": "account", "anyone_starts": true })).await;
    let admin = school.plane.caller(&school.plane.admin).await;
    school.plane.classroom.server_remove(&admin, "bbb").await.unwrap();
    let (tea, ada) = (school.plane.session("tea").await, school.plane.session("ada").await);
    for path in ["/classrooms".to_owned(), page_of(&room)] {
        assert!(school.plane.page(&tea.cookie, &path).await.expect_text(200).contains("under Conference servers"));
        assert!(school.plane.page(&ada.cookie, &path).await.expect_text(200).contains("try again soon"));
    }
    let refused = school.plane.form(&tea, &format!("{}/enter", page_of(&room)), &[]).await.expect_text(409);
    assert!(refused.contains("No conference server") && refused.contains("Algebra"), "{refused}");
}
