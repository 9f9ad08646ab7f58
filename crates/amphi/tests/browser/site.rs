//! A served Amphi and the people who look at it.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::amphi::{Scratch, Up};
use testkit::browser::{Browser, BrowserError, Driver};
use testkit::conference::{Conference, ConferencePlan};
use tokio::process::Command;

/// For a command that has to do with a name server that does not answer.
const COMMAND_LIMIT: Duration = Duration::from_secs(120);

/// `amphi up` with three nodes and a browser driver; everything ends with it.
pub(crate) struct Site {
    pub(crate) up: Up,
    pub(crate) driver: Driver,
    conferences: Mutex<Vec<Arc<Conference>>>,
    // Dropped last: the processes write in it.
    scratch: Scratch,
}

impl Site {
    pub(crate) async fn start() -> Self {
        let scratch = Scratch::new().unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_amphi"));
        let dir = scratch.path().join("up");
        let (up, driver) = tokio::join!(Up::start(program, &dir, 3), Driver::start());
        Self { up: up.unwrap(), driver: driver.unwrap(), conferences: Mutex::default(), scratch }
    }

    /// Starts a conference server that rehearses, and adds it. It ends with the site.
    pub(crate) async fn conference(&self) -> Arc<Conference> {
        let server = Arc::new(Conference::start(ConferencePlan::default()).await.unwrap());
        self.post("conference/servers", &json!({ "url": server.url(), "secret": server.secret() })).await;
        self.conferences.lock().unwrap().push(server.clone());
        server
    }

    /// A file for the command line; answers its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.scratch.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// What the command line prints when the admin runs it. It has to end well.
    pub(crate) async fn amphi(&self, args: &[&str]) -> Vec<u8> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_amphi"));
        command.args(args).env("AMPHI_URL", self.up.url()).env("AMPHI_TOKEN", self.up.token().unwrap());
        let ending = command.stdin(Stdio::null()).kill_on_drop(true).output();
        let ended = tokio::time::timeout(COMMAND_LIMIT, ending).await.expect("the command did not end").unwrap();
        assert!(ended.status.success(), "amphi {args:?}: {}", String::from_utf8_lossy(&ended.stderr));
        ended.stdout
    }

    /// The same as text, without the line's end.
    pub(crate) async fn amphi_line(&self, args: &[&str]) -> String {
        String::from_utf8(self.amphi(args).await).unwrap().trim().to_owned()
    }

    /// What the API answers when the admin posts this below `/api/v1`. It has to be done.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        // Clients can't be made without it, though nothing here is encrypted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let request = reqwest::Client::new().post(format!("{}/api/v1/{path}", self.up.url())).json(body);
        let answer = request.bearer_auth(self.up.token().unwrap()).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// A new account with a password for one use.
    pub(crate) async fn account(&self, login: &str, role: &str) -> String {
        self.amphi_line(&["user", "add", login, "--role", role]).await
    }

    /// A browser in which nobody is signed in.
    pub(crate) async fn visitor(&self) -> Person {
        Person { browser: self.driver.browser().await.unwrap(), root: self.up.url().to_owned() }
    }

    /// A browser in which the admin is signed in.
    pub(crate) async fn admin(&self) -> Result<Person, BrowserError> {
        let person = self.visitor().await;
        person.sign_in("admin", self.up.password()).await?;
        Ok(person)
    }
}

/// Somebody with a browser of their own.
pub(crate) struct Person {
    pub(crate) browser: Browser,
    root: String,
}

impl Person {
    /// Goes to a path of the site.
    pub(crate) async fn open(&self, path: &str) -> Result<(), BrowserError> {
        self.browser.open(&format!("{}{path}", self.root)).await
    }

    /// Waits until the page of this path is loaded. Forms and links go on by themselves.
    pub(crate) async fn at(&self, path: &str) -> Result<(), BrowserError> {
        let condition = format!("document.readyState === 'complete' && location.pathname === {}", json!(path));
        self.browser.until(&format!("the page {path}"), &condition).await.map(drop)
    }

    /// Signs in on the sign-in page.
    pub(crate) async fn sign_in(&self, login: &str, password: &str) -> Result<(), BrowserError> {
        self.open("/sign-in").await?;
        self.browser.fill("#login", login).await?;
        self.browser.fill("#password", password).await?;
        self.browser.click("main button.btn-primary").await?;
        self.at("/lab").await
    }

    /// Fills the form for a new password, on the page `/account`.
    pub(crate) async fn change_password(&self, current: &str, new: &str) -> Result<(), BrowserError> {
        self.browser.fill("#current", current).await?;
        self.browser.fill("#new", new).await?;
        self.browser.fill("#repeat", new).await?;
        self.browser.click("form[action='/account/password'] button.btn-primary").await?;
        self.browser
            .until("the message that the password is changed", "document.querySelector('.alert-success')")
            .await?;
        Ok(())
    }

    /// The text of an element, once it is there.
    pub(crate) async fn text(&self, selector: &str) -> Result<String, BrowserError> {
        let text = format!("document.querySelector({})?.textContent.trim()", json!(selector));
        Ok(self.browser.until(selector, &text).await?.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until an element holds this text.
    pub(crate) async fn sees(&self, selector: &str, text: &str) -> Result<(), BrowserError> {
        let held = format!("(document.querySelector({})?.textContent ?? '')", json!(selector));
        let condition = format!("{held}.includes({})", json!(text));
        match self.browser.until(&format!("{text:?} in {selector}"), &condition).await {
            Err(BrowserError::Late { what, page, .. }) => {
                let seen = self.browser.eval(&format!("return {held}"), &[]).await?.to_string();
                Err(BrowserError::Late { what, page, seen })
            }
            done => done.map(drop),
        }
    }

    /// Says yes to the page's question before something goes.
    pub(crate) async fn confirm(&self) -> Result<(), BrowserError> {
        self.browser.click("dialog#confirm button[value=yes]").await
    }
}
