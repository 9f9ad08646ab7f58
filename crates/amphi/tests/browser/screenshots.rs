//! Pictures of every page, for people who want to see them: `AMPHI_SCREENSHOTS=DIR cargo test --test browser screenshots`
//! writes DIR/PAGE-desktop|phone-en|fr-light|dark.png, with `AMPHI_SCREENSHOTS_OF=folder,volumes` of these pages alone.
//! What `docs/screenshots` shows was chosen from these.

use std::path::Path;

use testkit::browser::{BrowserError, Scheme};

use crate::pages::{self, Page};
use crate::site::{Person, Site};

#[tokio::test]
async fn screenshots() -> Result<(), BrowserError> {
    // Without the variable there is nothing to do; the pages are tested elsewhere.
    let Some(dir) = std::env::var_os("AMPHI_SCREENSHOTS") else { return Ok(()) };
    let dir = Path::new(&dir);
    std::fs::create_dir_all(dir).unwrap();
    let site = Site::start().await;
    let (visitor, admin) = (site.visitor().await, site.admin().await?);
    visitor.open("/sign-in").await?;
    every_look(&visitor, vec![pages::sign_in()], dir).await?;
    every_look(&admin, vec![pages::empty_overview()], dir).await?;
    every_look(&admin, pages::filled(&site).await, dir).await
}

async fn every_look(person: &Person, mut pages: Vec<Page>, dir: &Path) -> Result<(), BrowserError> {
    if let Ok(wanted) = std::env::var("AMPHI_SCREENSHOTS_OF") {
        pages.retain(|page| wanted.split(',').any(|name| name == page.name));
    }
    for language in ["en", "fr"] {
        person.browser.click(&format!(".locales [lang={language}]")).await?;
        let is_so = format!("document.readyState === 'complete' && document.documentElement.lang === '{language}'");
        person.browser.until("the language", &is_so).await?;
        for page in &pages {
            page.open(person).await?;
            every_size(person, page.name, language, dir).await?;
        }
    }
    Ok(())
}

async fn every_size(person: &Person, page: &str, language: &str, dir: &Path) -> Result<(), BrowserError> {
    for (device, width, height) in [("desktop", 1280, 800), ("phone", 360, 740)] {
        for scheme in [Scheme::Light, Scheme::Dark] {
            person.browser.view(width, height, scheme).await?;
            let is_so = format!("document.documentElement.dataset.bsTheme === '{}'", scheme.word());
            person.browser.until("the theme", &is_so).await?;
            // The new size has moved what the address points at.
            let script = "if (location.hash) document.querySelector(location.hash).scrollIntoView({ block: 'center' })";
            person.browser.eval(script, &[]).await?;
            let name = format!("{page}-{device}-{language}-{}.png", scheme.word());
            std::fs::write(dir.join(name), person.browser.screenshot().await?).unwrap();
        }
    }
    person.browser.view(1280, 800, Scheme::Light).await
}
