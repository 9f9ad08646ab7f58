//! What pages load: from nowhere else, nothing that their policy forbids, and not much; and that they fit a phone.

use serde_json::Value;
use testkit::browser::{BrowserError, Scheme};

use crate::pages::{self, Page};
use crate::site::{Person, Site};

/// Bytes that a page and all it loads may have on the wire, without the heads.
const MOST_BYTES: u64 = 150_000;
/// The same with the code editor.
const MOST_BYTES_EDITOR: u64 = 500_000;
/// Address and size on the wire, from the cache or not, of the page and of all it loaded.
const LOADED: &str =
    "return [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    .map((entry) => [entry.name, entry.encodedBodySize])";

#[tokio::test]
async fn no_page_loads_from_elsewhere_or_breaks_csp() -> Result<(), BrowserError> {
    let site = Site::start().await;
    let visitor = site.visitor().await;
    let mut faults = faults(&site, &visitor, &pages::sign_in()).await?;
    let admin = site.admin().await?;
    admin.browser.log().await?;
    faults.extend(self::faults(&site, &admin, &pages::empty_overview()).await?);
    for page in pages::filled(&site).await {
        faults.extend(self::faults(&site, &admin, &page).await?);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

async fn faults(site: &Site, person: &Person, page: &Page) -> Result<Vec<String>, BrowserError> {
    let browser = &person.browser;
    let mut faults = Vec::new();
    browser.view(1280, 800, Scheme::Light).await?;
    page.open(person).await?;
    let loaded = browser.eval(LOADED, &[]).await?;
    let loaded = loaded.as_array().map(Vec::as_slice).unwrap_or_default();
    assert!(loaded.len() > 5, "{}: measured too little: {loaded:?}", page.name);
    let own = format!("{}/", site.up.url());
    let names = loaded.iter().filter_map(|entry| entry[0].as_str());
    faults.extend(names.filter(|name| !name.starts_with(&own)).map(|name| format!("{}: loads {name}", page.name)));
    let bytes: u64 = loaded.iter().filter_map(|entry| entry[1].as_u64()).sum();
    if bytes > if page.has_editor { MOST_BYTES_EDITOR } else { MOST_BYTES } {
        faults.push(format!("{}: {bytes} bytes: {}", page.name, Value::from(loaded)));
    }
    browser.view(360, 740, Scheme::Light).await?;
    browser.until("the narrow page", "innerWidth === 360").await?;
    let width = browser.eval("return document.scrollingElement.scrollWidth", &[]).await?;
    if width.as_u64().is_none_or(|width| width > 360) {
        faults.push(format!("{}: {width} wide on a screen of 360; {}", page.name, wide(person).await?));
    }
    for line in browser.log().await? {
        let is_fault = line.level == "SEVERE" || line.message.contains("Content Security Policy");
        // The browser notes every answer of 4xx; here it is what was asked for.
        let is_asked_for =
            page.name == "not-found" && line.message.contains(&page.path) && line.message.contains("404");
        if is_fault && !is_asked_for {
            faults.push(format!("{}: {}", page.name, line.message));
        }
    }
    Ok(faults)
}

/// What sticks out.
async fn wide(person: &Person) -> Result<Value, BrowserError> {
    let script = "return [...document.querySelectorAll('body *')]
        .filter((element) => element.getBoundingClientRect().right > 360 && element.checkVisibility())
        .map((element) => element.tagName + '.' + element.className).slice(0, 8)";
    person.browser.eval(script, &[]).await
}
