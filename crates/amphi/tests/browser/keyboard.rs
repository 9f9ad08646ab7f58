//! Without a mouse.

use testkit::browser::{BrowserError, keys};

use crate::site::Site;

#[tokio::test]
async fn the_keyboard_does() -> Result<(), BrowserError> {
    let site = Site::start().await;
    let mut jobs = Vec::new();
    for name in ["one", "two", "three"] {
        let job = ["run", "--detach", "--name", name, "ping", "-c", "1", "127.0.0.1"];
        jobs.push(site.amphi_line(&job).await);
    }
    let admin = site.admin().await?;
    let browser = &admin.browser;
    admin.open("/lab").await?;
    browser.until("three rows", "document.querySelectorAll('#rows tr').length === 3").await?;

    browser.press("/").await?;
    browser.until("the focus on the search", "document.activeElement.id === 'search'").await?;
    // In a field, letters are letters.
    browser.press("n?j").await?;
    browser.until("the letters", "document.getElementById('search').value === 'n?j'").await?;
    browser.press(keys::ESCAPE).await?;
    browser.until("the focus on the page", "document.activeElement === document.body").await?;

    browser.press("?").await?;
    browser.until("the list of keys", "document.getElementById('shortcuts').open").await?;
    browser.press(keys::ESCAPE).await?;
    browser.until("the list closed", "!document.getElementById('shortcuts').open").await?;

    for (key, row) in [("j", 0), ("j", 1), ("j", 2), ("j", 2), ("k", 1)] {
        browser.press(key).await?;
        let is_current = format!("document.querySelectorAll('#rows tr')[{row}].matches('.row-current')");
        browser.until(&format!("row {row} after {key}"), &is_current).await?;
    }
    browser.press(keys::ENTER).await?;
    admin.at(&format!("/lab/jobs/{}", jobs[1])).await?;

    browser.press("gl").await?;
    admin.at("/lab").await?;
    browser.press("n").await?;
    admin.at("/lab/new").await
}
