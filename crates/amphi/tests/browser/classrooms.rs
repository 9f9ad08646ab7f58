//! A class in the browser: a room is made and opened, somebody without an account comes by the invitation, the room's page
//! shows them, and the meeting is ended.

use testkit::browser::BrowserError;

use crate::site::{Person, Site};

/// Fills the form of a new room and answers the address of its page.
async fn room_made(teacher: &Person) -> Result<String, BrowserError> {
    let browser = &teacher.browser;
    teacher.open("/classrooms").await?;
    teacher.sees("main", "No classroom yet").await?;
    browser.click("[data-new]").await?;
    teacher.at("/classrooms/new").await?;
    // Refused with the cursor where it is wrong, and with all that was typed.
    browser.fill("#welcome", "Bring your slide rules.").await?;
    browser.fill("#minutes", "-5").await?;
    browser.fill("#name", "Algebra").await?;
    browser.click("main form button.btn-primary").await?;
    teacher.sees("#minutes-wrong", "whole number").await?;
    browser
        .until(
            "the bad field in focus",
            "document.activeElement.id === 'minutes' && document.activeElement.value === '-5'",
        )
        .await?;
    browser.eval("document.getElementById('minutes').value = ''", &[]).await?;
    browser.click("main form button.btn-primary").await?;
    teacher.sees("h1", "Algebra").await?;
    teacher.sees(".facts", "Bring your slide rules.").await?;
    let path = browser.eval("return location.pathname", &[]).await?;
    Ok(path.as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_class_is_held() -> Result<(), BrowserError> {
    let site = Site::start().await;
    let teacher = site.admin().await?;
    teacher.open("/classrooms").await?;
    teacher.sees("main", "No conference server takes meetings").await?;
    let servers = [site.conference().await, site.conference().await];
    let page = room_made(&teacher).await?;
    teacher.sees("#room-part", "Not open").await?;
    let invitation = teacher.text("#invitation").await?;

    // Who comes early waits; a button appears without the page being loaded again, and what was typed stays.
    let guest = site.visitor().await;
    guest.browser.open(&invitation).await?;
    guest.sees("#join-part", "not open yet").await?;
    guest.browser.fill("#name", "Bea").await?;
    guest.browser.eval("window.isSamePage = true", &[]).await?;

    // The teacher's browser is led from our page to the conference server, though forms may go to us alone.
    teacher.browser.click("#enter").await?;
    teacher.browser.until("the conference server", "location.pathname.startsWith('/html5client')").await?;
    teacher.sees("h1", "Algebra").await?;
    let url = teacher.browser.url().await;
    let at = servers.iter().position(|server| url.starts_with(server.url().trim_end_matches("/bigbluebutton/api")));
    let server = &servers[at.expect("one of the two servers")];
    assert_eq!(server.meetings().len(), 1);

    guest.browser.until("the button", "window.isSamePage && document.querySelector('#join-part button')").await?;
    guest.browser.click("#join-part button").await?;
    guest.browser.until("the conference server", "location.pathname.startsWith('/html5client')").await?;
    guest.sees("h1", "Bea").await?;
    guest.sees("ul", "(moderator)").await?;
    let host = |url: &str| url.split('/').nth(2).map(str::to_owned);
    assert_eq!(host(&guest.browser.url().await), host(&url), "both are on the server of the meeting");

    teacher.open(&page).await?;
    teacher.sees("#users", "2").await?;
    guest.browser.click("form button").await?;
    teacher.sees("#users", "1").await?;
    teacher.open("/classrooms").await?;
    teacher.sees("#rooms-part", "1 person").await?;

    teacher.open(&page).await?;
    teacher.browser.click("#end").await?;
    teacher.confirm().await?;
    teacher.sees("main", "The meeting was ended").await?;
    teacher.sees("#room-part", "Not open").await?;
    assert!(server.meetings().is_empty());

    teacher.browser.click("form[action$='/renew'] button").await?;
    teacher.confirm().await?;
    teacher.sees("main", "has a new link").await?;
    guest.browser.open(&invitation).await?;
    guest.sees("main", "no classroom behind this link").await
}
