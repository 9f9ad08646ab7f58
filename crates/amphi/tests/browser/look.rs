//! Language and theme, chosen in the top bar.

use serde_json::json;
use testkit::browser::{BrowserError, Scheme};

use crate::site::{Person, Site};

#[tokio::test]
async fn french_and_dark() -> Result<(), BrowserError> {
    let site = Site::start().await;
    let visitor = site.visitor().await;
    visitor.open("/sign-in").await?;
    visitor.browser.until("English", "document.documentElement.lang === 'en'").await?;

    // As the system has it, until one chooses.
    visitor.browser.view(1280, 800, Scheme::Dark).await?;
    theme_is(&visitor, "dark").await?;
    visitor.browser.view(1280, 800, Scheme::Light).await?;
    theme_is(&visitor, "light").await?;

    let admin = site.admin().await?;
    admin.open("/lab").await?;
    admin.browser.click("#theme-button").await?;
    admin.browser.click("[data-theme-choice=dark]").await?;
    theme_is(&admin, "dark").await?;
    admin.browser.until("the theme kept", "document.cookie.includes('amphi_theme=dark')").await?;
    admin.browser.click(".locales [lang=fr]").await?;
    french_and_dark_is(&admin, "Expériences").await?;
    admin.open("/nodes").await?;
    french_and_dark_is(&admin, "Nœuds").await?;

    // The language goes with the account, to another browser.
    let elsewhere = site.visitor().await;
    elsewhere.sign_in("admin", site.up.password()).await?;
    elsewhere.open("/lab").await?;
    elsewhere.browser.until("French", "document.documentElement.lang === 'fr'").await.map(drop)
}

async fn theme_is(person: &Person, theme: &str) -> Result<(), BrowserError> {
    let condition = format!("document.documentElement.dataset.bsTheme === {}", json!(theme));
    person.browser.until(&format!("the {theme} theme"), &condition).await.map(drop)
}

async fn french_and_dark_is(person: &Person, title: &str) -> Result<(), BrowserError> {
    person.browser.until("French", "document.documentElement.lang === 'fr'").await?;
    person.sees("h1", title).await?;
    theme_is(person, "dark").await
}
