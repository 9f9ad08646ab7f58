//! A page that stays open while the server dies and comes back.

use testkit::browser::BrowserError;

use crate::site::Site;

#[tokio::test]
async fn pages_resume_after_the_server_restarts() -> Result<(), BrowserError> {
    let mut site = Site::start().await;
    let admin = site.admin().await?;
    let job = site.amphi_line(&["run", "--detach", "ping", "-c", "20", "-i", "0.5", "127.0.0.1"]).await;
    admin.open(&format!("/lab/jobs/{job}")).await?;
    admin.browser.until("output", "document.querySelectorAll('#output .out').length > 3").await?;
    admin.browser.until("the live page", "document.querySelector('#live.is-on')").await?;
    admin.browser.eval("window.isFirstLoad = true", &[]).await?;

    site.up.kill().await.unwrap();
    admin.browser.until("the word that the link is lost", "document.querySelector('#live.is-lost')").await?;
    admin.sees("#live", "Link lost since").await?;
    admin.sees("#output-note", "link is lost").await?;

    site.up.restart().await.unwrap();
    admin.browser.until("the live page again", "document.querySelector('#live.is-on')").await?;
    // The agents of `amphi up` died as well: the run is lost, and ping is tried again.
    admin.sees("#output", "20 packets transmitted, 20 received").await?;
    admin.sees("#job-actions .state", "completed").await?;
    admin.sees("#output-note", "").await?;
    admin.browser.until("the note gone", "document.querySelector('#output-note').textContent === ''").await?;
    admin.browser.until("the first page", "window.isFirstLoad === true").await.map(drop)
}
