//! From the first sign-in to a finished experiment, with two people at work side by side.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::browser::{BrowserError, DEADLINE};

use crate::site::{Person, Site};

const PASSWORD: &str = "correct horse battery";

const COUNT_LINES: &str = "document.querySelectorAll('#output .out').length";
const STATUS: &str = "document.querySelector('#job-actions .state')?.textContent.trim()";

#[tokio::test]
async fn a_learner_runs_an_experiment() -> Result<(), BrowserError> {
    let site = Site::start().await;
    let admin = site.admin().await?;
    let one_time = account_made(&admin, "ada").await?;
    let learner = site.visitor().await;
    first_sign_in(&learner, "ada", &one_time).await?;
    let job = form_filled(&learner).await?;
    output_grows(&learner).await?;
    stdout_downloaded(&site, &learner, &job).await?;
    learner.open("/lab").await?;
    learner.sees(&format!("#job-{job} .col-name"), "my first ping").await?;
    learner.sees(&format!("#job-{job} .state"), "completed").await?;
    pin_appears(&site, &admin, &learner, &job).await?;
    deleted(&admin, &learner, &job).await
}

/// The admin makes an account on the page; answers the password for one use.
async fn account_made(admin: &Person, login: &str) -> Result<String, BrowserError> {
    admin.open("/admin/accounts").await?;
    admin.browser.click("[data-new]").await?;
    admin.at("/admin/accounts/new").await?;
    admin.browser.fill("#new-login", login).await?;
    admin.browser.fill("#name", "Ada Lovelace").await?;
    admin.browser.click("main form .btn-primary").await?;
    admin.text("#one-time").await
}

pub(crate) async fn first_sign_in(learner: &Person, login: &str, one_time: &str) -> Result<(), BrowserError> {
    learner.open("/lab").await?;
    learner.at("/sign-in").await?;
    learner.browser.fill("#login", login).await?;
    learner.browser.fill("#password", "not the password").await?;
    learner.browser.click("main .btn-primary").await?;
    learner.sees("#sign-in-error", "wrong").await?;
    learner.browser.fill("#password", one_time).await?;
    learner.browser.click("main .btn-primary").await?;
    learner.at("/account").await?;
    // Nothing else opens before the password is one's own.
    learner.open("/lab").await?;
    learner.at("/account").await?;
    learner.change_password(one_time, PASSWORD).await
}

/// Fills the form, wrongly at first, and submits it; answers the job's id.
async fn form_filled(learner: &Person) -> Result<String, BrowserError> {
    let browser = &learner.browser;
    learner.open("/lab").await?;
    browser.click("#empty a[href='/lab/new']").await?;
    learner.at("/lab/new").await?;
    browser.click("label[for=tool-traceroute]").await?;
    browser.until("the options of traceroute", "document.getElementById('f-method')").await?;
    browser.click("label[for=tool-ping]").await?;
    browser.until("the options of ping", "document.getElementById('f-interval')").await?;
    browser.fill("#f-destination", "127.0.0.1").await?;
    browser.fill("#f-interval", "0.5").await?;
    browser.fill("#f-name", "my first ping").await?;
    browser.fill("#f-count", "100000").await?;
    // While one types …
    learner.sees("#error-count", "out of range").await?;
    browser
        .until("the field marked", "document.querySelector('#f-count[aria-invalid=true]')?.value === '100000'")
        .await?;
    // … and on submit, with everything kept and the cursor where it is wrong.
    browser.eval("window.isOldPage = true", &[]).await?;
    browser.click("#new .btn-primary").await?;
    browser.until("the form again", "!window.isOldPage && document.getElementById('f-count')").await?;
    learner.sees("#error-count", "out of range").await?;
    let kept = "['f-count', 'f-interval', 'f-destination', 'f-name'].map((id) => document.getElementById(id).value)";
    let kept = browser.until("the values", kept).await?;
    assert_eq!(kept, json!(["100000", "0.5", "127.0.0.1", "my first ping"]));
    browser.until("the focus on the field", "document.activeElement.id === 'f-count'").await?;
    browser.fill("#f-count", "5").await?;
    learner.sees("#as-cli", "ping -c 5 -i 0.5 127.0.0.1").await?;
    browser.until("the mark gone", "!document.querySelector('#f-count[aria-invalid]')").await?;
    browser.click("#new .btn-primary").await?;
    let job = "document.readyState === 'complete' && /^\\/lab\\/jobs\\/([0-9a-f-]{36})$/.exec(location.pathname)?.[1]";
    let job = browser.until("the view of the experiment", job).await?;
    browser.eval("window.isFirstLoad = true", &[]).await?;
    Ok(job.as_str().unwrap_or_default().to_owned())
}

/// The output's lines come one by one while the experiment runs, and its end shows, all without loading the page again.
async fn output_grows(learner: &Person) -> Result<(), BrowserError> {
    let mut seen = Vec::new();
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        let state = learner.browser.eval(&format!("return [{STATUS}, {COUNT_LINES}]"), &[]).await?;
        let (status, lines) = (state[0].as_str().unwrap_or_default(), state[1].as_u64().unwrap_or_default());
        if status.contains("completed") {
            break;
        }
        if status.contains("running") && seen.last() != Some(&lines) {
            seen.push(lines);
        }
        assert!(tokio::time::Instant::now() < deadline, "not completed: {state}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(seen.len() > 2 && seen.is_sorted(), "the lines seen while it ran: {seen:?}");
    learner.sees("#output", "5 packets transmitted, 5 received").await?;
    learner.sees("#job-attempts", "lab-").await?;
    let is_first_load = learner.browser.eval("return window.isFirstLoad === true", &[]).await?;
    assert_eq!(is_first_load, Value::Bool(true), "the page was loaded again");
    Ok(())
}

/// A click on Download saves what the API gives, byte by byte.
async fn stdout_downloaded(site: &Site, learner: &Person, job: &str) -> Result<(), BrowserError> {
    learner.browser.click("a[download][href$='stream=stdout']").await?;
    let saved = saved_in(&learner.browser.downloads()).await;
    let output = site.amphi(&["job", "output", job]).await;
    assert!(output.starts_with(b"PING 127.0.0.1"), "{}", String::from_utf8_lossy(&output));
    assert_eq!(saved, output);
    Ok(())
}

/// The one file in the directory, once the browser has finished it.
async fn saved_in(dir: &Path) -> Vec<u8> {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        let entries = std::fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
        let done =
            entries.map(|entry| entry.path()).find(|path| path.extension().is_none_or(|end| end != "crdownload"));
        match done.map(|path| std::fs::read(path).unwrap()) {
            Some(bytes) if !bytes.is_empty() => return bytes,
            Some(_) | None => {}
        }
        assert!(tokio::time::Instant::now() < deadline, "nothing was saved in {}", dir.display());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the admin pins stands first in the learner's open list; what the admin does not pin stays unknown to the learner.
async fn pin_appears(site: &Site, admin: &Person, learner: &Person, own: &str) -> Result<(), BrowserError> {
    let example = site.amphi_line(&["run", "--detach", "--name", "An example", "ping", "-c", "1", "127.0.0.1"]).await;
    let secret = site.amphi_line(&["run", "--detach", "--name", "A secret", "ping", "-c", "1", "127.0.0.1"]).await;
    learner.browser.until("the live list", "document.querySelector('#live.is-on')").await?;
    learner.browser.eval("window.isFirstLoad = true", &[]).await?;
    admin.open(&format!("/lab/jobs/{example}")).await?;
    admin.browser.click("#job-actions form[action$='/pin'] button").await?;
    admin.sees(".alert-success", "pinned").await?;
    let order =
        "[...document.querySelectorAll('#rows tr')].map((row) => row.id + (row.querySelector('.pin') ? '★' : ''))";
    let wanted = json!([format!("job-{example}★"), format!("job-{own}")]);
    let is_so = format!("window.isFirstLoad && JSON.stringify({order}) === JSON.stringify({wanted})");
    learner.browser.until("the pin first in the list", &is_so).await?;
    learner.open(&format!("/lab/jobs/{example}")).await?;
    learner.sees("h1", "An example").await?;
    learner.open(&format!("/lab/jobs/{secret}")).await?;
    learner.sees("h1", "Not found").await?;
    let status =
        learner.browser.eval("return performance.getEntriesByType('navigation')[0].responseStatus", &[]).await?;
    assert_eq!(status, json!(404));
    Ok(())
}

/// The admin deletes the learner's experiment after a question; it leaves the learner's open list.
async fn deleted(admin: &Person, learner: &Person, job: &str) -> Result<(), BrowserError> {
    learner.open("/lab").await?;
    learner.browser.until("the live list", "document.querySelector('#live.is-on')").await?;
    admin.open(&format!("/lab/jobs/{job}")).await?;
    admin.browser.click("#job-actions form[action$='/delete'] button").await?;
    admin.sees("#confirm-text", "my first ping").await?;
    admin.confirm().await?;
    admin.at("/lab").await?;
    admin.sees(".alert-success", "deleted").await?;
    let is_gone = format!("!document.getElementById('job-{job}')");
    admin.browser.until("the row gone from the admin's list", &is_gone).await?;
    learner.browser.until("the row gone from the learner's list", &is_gone).await.map(drop)
}
