//! axe-core on every page, in both themes, on a desk and on a phone.

use serde_json::{Value, json};
use testkit::browser::{BrowserError, Scheme};

use crate::pages::{self, Page};
use crate::site::{Person, Site};

/// See `data/README.md`.
const AXE: &str = include_str!("../data/axe.min.js");
/// Everything that WCAG 2.2 asks for at level AA, and axe's good practice; from the page's start, since what is scrolled half
/// behind the bar above would count as too small.
const CHECK: &str = "
scrollTo({ top: 0, behavior: 'instant' });
const done = arguments[arguments.length - 1];
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
axe.run(document, { runOnly: tags, resultTypes: ['violations'] }).then(
  (found) => done(!found.passes.length ? ['axe-core checked nothing'] : found.violations.flatMap((rule) => rule.nodes.map((node) =>
    `${rule.id}: ${node.target.join(' ')}: ${node.failureSummary.replace(/\\s+/g, ' ')}`))),
  (error) => done([String(error)]),
);";

#[tokio::test]
async fn every_page_is_accessible() -> Result<(), BrowserError> {
    let site = Site::start().await;
    let visitor = site.visitor().await;
    let mut faults = faults(&visitor, &pages::sign_in()).await?;
    let admin = site.admin().await?;
    faults.extend(faults_of(&admin, &[pages::empty_overview()]).await?);
    let filled = pages::filled(&site).await;
    faults.extend(faults_of(&admin, &filled).await?);
    for page in filled.iter().filter(|page| page.name == "join") {
        faults.extend(self::faults(&visitor, page).await?);
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    Ok(())
}

async fn faults_of(person: &Person, pages: &[Page]) -> Result<Vec<String>, BrowserError> {
    let mut all = Vec::new();
    for page in pages {
        all.extend(faults(person, page).await?);
    }
    Ok(all)
}

async fn faults(person: &Person, page: &Page) -> Result<Vec<String>, BrowserError> {
    let browser = &person.browser;
    let mut faults = Vec::new();
    page.open(person).await?;
    browser.eval(AXE, &[]).await?;
    for (width, height) in [(1280, 800), (360, 740)] {
        for scheme in [Scheme::Light, Scheme::Dark] {
            browser.view(width, height, scheme).await?;
            let is_so = json!([width, scheme.word()]);
            let shown = format!("JSON.stringify([innerWidth, document.documentElement.dataset.bsTheme]) === '{is_so}'");
            browser.until("the size and the theme", &shown).await?;
            let found = browser.eval_async(CHECK, &[]).await?;
            let found = found.as_array().map(Vec::as_slice).unwrap_or_default();
            let word = scheme.word();
            faults.extend(
                found.iter().filter_map(Value::as_str).map(|fault| format!("{} {width} {word}: {fault}", page.name)),
            );
        }
    }
    browser.view(1280, 800, Scheme::Light).await?;
    Ok(faults)
}
