//! Batches in the browser: asked for in the editor and in the form, watched without a reload, cancelled, deleted.

use testkit::browser::BrowserError;

use crate::site::{Person, Site};

/// Chooses how many times it is run.
async fn choose(person: &Person, way: &str) -> Result<(), BrowserError> {
    person.browser.click(".many summary").await?;
    let script = "const way = document.getElementById('f-many');
        way.value = arguments[0];
        way.dispatchEvent(new Event('input', { bubbles: true }));";
    person.browser.eval(script, &[way.into()]).await.map(drop)
}

#[tokio::test]
async fn a_program_is_run_for_each_number_and_watched() -> Result<(), BrowserError> {
    let site = Site::start().await;
    let admin = site.admin().await?;
    let browser = &admin.browser;
    admin.open("/programs/batches").await?;
    admin.sees("#empty", "amphi run --array 1-100 hello.py {index}").await?;
    admin.open("/programs/new?language=shell").await?;
    browser.until("the editor", "document.querySelector('.cm-line')?.checkVisibility()").await?;
    browser.click("#editor .cm-content").await?;
    let write = "document.execCommand('selectAll'); document.execCommand('insertText', false, arguments[0])";
    browser.eval(write, &["test $1 -ne 13".into()]).await?;
    choose(&admin, "array").await?;
    browser.fill("#f-args", "{index}").await?;
    browser.fill("#f-array", "0").await?;
    browser.click("#run").await?;
    admin.sees("#error-array", "1 to 100,000").await?;
    browser.fill("#f-array", "40").await?;
    admin.sees("#as-cli", "amphi run --array 1-40").await?;
    browser.click("#run").await?;
    // What is told while it runs comes without a reload, down to the end.
    admin.sees("#batch-state", "40 of 40 over").await?;
    admin.sees("#batch-actions", "completed").await?;
    admin.sees("#batch-failures .col-name", "[13]").await?;
    admin.sees("#batch-state", "a second").await?;
    let bar =
        "JSON.stringify([...document.querySelectorAll('#batch-state rect')].map((part) => part.className.baseVal))";
    browser.until("the bar", &format!("{bar} === '[\"bar-done\",\"bar-failed\"]'")).await?;
    browser.click("#batch-failures .col-name a").await?;
    admin.sees("#job-facts", "element 13").await?;
    browser.click("#job-facts a[href^='/lab/batches/']").await?;
    admin.sees("#batch-elements", "All elements").await?;
    // The same again is another batch.
    let first = admin.text("#batch-id").await?;
    browser.click("#batch-actions form[action$='/again'] button").await?;
    admin.sees("#confirm", "all of its 40 elements").await?;
    admin.confirm().await?;
    browser.until("another batch", &format!("document.getElementById('batch-id').textContent !== '{first}'")).await?;
    admin.sees("#batch-state", "40 of 40 over").await?;
    admin.sees("#batch-failures .col-name", "[13]").await?;
    admin.open(&format!("/lab/batches/{first}")).await?;
    browser.click("#batch-actions form[action$='/delete'] button").await?;
    admin.sees("#confirm", "with its 40 elements").await?;
    admin.confirm().await?;
    admin.at("/programs/batches").await?;
    admin.sees("#rows", "40 of 40").await
}

#[tokio::test]
async fn an_experiment_goes_to_many_destinations_and_is_cancelled() -> Result<(), BrowserError> {
    let site = Site::start().await;
    let admin = site.admin().await?;
    let browser = &admin.browser;
    admin.open("/lab/new?tool=ping&option.count=50&option.interval=1.5").await?;
    choose(&admin, "destinations").await?;
    browser.fill("#f-destinations", "127.0.0.1\n127.0.0.2\n10.0.0.0.1\n").await?;
    admin.sees("#error-destinations", "10.0.0.0.1").await?;
    browser.fill("#f-destinations", "127.0.0.1\n127.0.0.2\n127.0.0.3\n").await?;
    admin.sees("#as-cli", "amphi run --each-line destinations.txt ping").await?;
    browser.click("main button.btn-primary.btn-lg").await?;
    admin.sees("#batch-state", "0 of 3 over").await?;
    admin.sees("#batch-elements", "ping -c 50").await?;
    browser.click("#batch-actions form[action$='/cancel'] button").await?;
    // What is said is true of those that run.
    admin.sees("#confirm", "stopped").await?;
    // A refresh meanwhile puts another form in its place; the answer still counts.
    let renew = "const form = document.querySelector('#batch-actions form'); form.replaceWith(form.cloneNode(true));";
    browser.eval(renew, &[]).await?;
    admin.confirm().await?;
    admin.sees("#batch-state", "3 of 3 over").await?;
    admin.sees("#batch-actions", "cancelled").await?;
    admin.sees("#batch-facts", "amphi run --each-line lines.txt ping -c 50").await?;
    // Somebody else deletes it while it is looked at, and asked about.
    browser.click("#batch-actions form[action$='/delete'] button").await?;
    admin.sees("#confirm", "will be deleted").await?;
    let other = site.admin().await?;
    other.open("/lab/batches").await?;
    other.browser.click("#rows form[action$='/delete'] button").await?;
    other.confirm().await?;
    admin.sees(".batch-view", "This batch was deleted").await?;
    browser.until("the question is withdrawn", "!document.getElementById('confirm').open").await?;
    browser.click(".batch-view a.btn").await?;
    admin.at("/lab/batches").await
}
