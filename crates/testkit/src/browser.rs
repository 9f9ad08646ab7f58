//! Headless Chromium from Debian's packages, driven over WebDriver. Each [`Browser`] has a profile of its own, thus its
//! own cookies: two of them are two people. Nothing here sleeps for a fixed time: [`Browser::until`] asks the page again
//! until it says yes or [`DEADLINE`] has passed.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use fantoccini::error::{CmdError, NewSessionError};
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Far more than anything in a page takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(60);
const ASK_AGAIN: Duration = Duration::from_millis(30);
/// After kill -9 the kernel needs only its own time.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// The keys that have no letter, as WebDriver writes them.
pub mod keys {
    /// The Enter key.
    pub const ENTER: &str = "\u{e007}";
    /// The Escape key.
    pub const ESCAPE: &str = "\u{e00c}";
    /// The Tab key.
    pub const TAB: &str = "\u{e004}";
    /// The End key.
    pub const END: &str = "\u{e010}";
    /// Control and Enter together.
    pub const CONTROL_ENTER: &str = "\u{e009}\u{e007}\u{e000}";
}

/// Why the browser can't be used, or the page is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// The Debian package is not installed.
    #[error("{program} is not installed; run `scripts/setup test`")]
    Missing {
        /// The program that is not there.
        program: &'static str,
    },
    /// ChromeDriver can't be run.
    #[error("starting chromedriver")]
    Start(#[source] io::Error),
    /// ChromeDriver ended, or said nothing of its port.
    #[error("chromedriver said no port: {said}")]
    Silent {
        /// What it said.
        said: String,
    },
    /// Chromium did not start.
    #[error("starting chromium")]
    Session(#[source] Box<NewSessionError>),
    /// A command failed in the page.
    #[error("{doing} on {page}")]
    Command {
        /// What was being done.
        doing: String,
        /// The page's address.
        page: String,
        /// The cause.
        #[source]
        source: Box<CmdError>,
    },
    /// The page did not come to be as expected.
    #[error("{page}: {what} did not come; last seen: {seen}")]
    Late {
        /// What was waited for.
        what: String,
        /// The page's address.
        page: String,
        /// What the condition answered last.
        seen: String,
    },
}

/// A running ChromeDriver, on a free port. Dropping it ends it, but not its browsers, which end when they are dropped.
#[derive(Debug)]
pub struct Driver {
    // Killed when dropped.
    _process: Child,
    url: String,
}

impl Driver {
    /// Starts ChromeDriver and waits until it tells its port.
    ///
    /// Errors: `Missing`, `Start`, `Silent`.
    pub async fn start() -> Result<Self, BrowserError> {
        for program in ["chromedriver", "chromium"] {
            if !is_installed(program) {
                return Err(BrowserError::Missing { program });
            }
        }
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut process = command.spawn().map_err(BrowserError::Start)?;
        let Some(stdout) = process.stdout.take() else { return Err(BrowserError::Silent { said: String::new() }) };
        let mut lines = BufReader::new(stdout).lines();
        let mut said = String::new();
        let reading = async {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(port) = line.split("successfully on port ").nth(1) {
                    return Some(port.trim_end_matches('.').to_owned());
                }
                said.push_str(&line);
            }
            None
        };
        let port = tokio::time::timeout(DEADLINE, reading).await.ok().flatten();
        let port = port.ok_or(BrowserError::Silent { said })?;
        // Nobody reads what else it says; a full pipe must not stop it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { _process: process, url: format!("http://127.0.0.1:{port}") })
    }

    /// Starts a browser with an empty profile, in English, light, 1280 × 800 CSS pixels.
    ///
    /// Errors: `Start`, `Session`.
    pub async fn browser(&self) -> Result<Browser, BrowserError> {
        let home = tempfile::tempdir().map_err(BrowserError::Start)?;
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(home.path()))
            .connect(&self.url)
            .await
            .map_err(|error| BrowserError::Session(Box::new(error)))?;
        let browser = Browser { client, home };
        browser.view(1280, 800, Scheme::Light).await?;
        Ok(browser)
    }
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

fn capabilities(home: &Path) -> Capabilities {
    let profile = profile_option(home);
    let wanted = json!({
        "browserName": "chrome",
        "goog:loggingPrefs": { "browser": "ALL" },
        "goog:chromeOptions": {
            "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--disable-dev-shm-usage", "--disable-breakpad", "--force-prefers-reduced-motion", "--lang=en", profile,
            ],
            "prefs": {
                "intl.accept_languages": "en",
                "download.default_directory": home.join("downloads"),
                "download.prompt_for_download": false,
            },
        },
    });
    match wanted {
        Value::Object(wanted) => wanted,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Capabilities::new(),
    }
}

/// What the system asks pages to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Scheme {
    /// The word of the media feature `prefers-color-scheme`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// One line of the browser's console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// `SEVERE`, `WARNING`, `INFO` or `DEBUG`.
    pub level: String,
    /// What it says, beginning with the address it is about.
    pub message: String,
}

/// A browser with one window. Dropping it ends its processes.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    home: TempDir,
}

impl Browser {
    /// Goes to an address and waits until the page is loaded.
    pub async fn open(&self, url: &str) -> Result<(), BrowserError> {
        let done = self.client.goto(url).await;
        self.done(done, || format!("going to {url}")).await
    }

    /// Runs a function body in the page, out of reach of its content security policy, and answers what it returns.
    pub async fn eval(&self, script: &str, args: &[Value]) -> Result<Value, BrowserError> {
        let done = self.client.execute(script, args.to_vec()).await;
        self.done(done, || format!("running {}", shortened(script))).await
    }

    /// Runs a function body whose last argument is to be called with the answer.
    pub async fn eval_async(&self, script: &str, args: &[Value]) -> Result<Value, BrowserError> {
        let done = self.client.execute_async(script, args.to_vec()).await;
        self.done(done, || format!("running {}", shortened(script))).await
    }

    /// Evaluates `condition`, a JavaScript expression, until it is truthy, and answers its value. An expression that
    /// throws, as in a page that is just being left, counts as not yet.
    ///
    /// Errors: `Late` when [`DEADLINE`] has passed.
    pub async fn until(&self, what: &str, condition: &str) -> Result<Value, BrowserError> {
        let script =
            format!("const value = ({condition}); return [Boolean(value), value === undefined ? null : value];");
        let deadline = Instant::now() + DEADLINE;
        loop {
            let answer = self.client.execute(&script, Vec::new()).await;
            let seen = match answer {
                Ok(Value::Array(pair)) if pair.first() == Some(&Value::Bool(true)) => {
                    return Ok(pair.into_iter().nth(1).unwrap_or(Value::Null));
                }
                Ok(value) => value.get(1).unwrap_or(&value).to_string(),
                Err(error) => error.to_string(),
            };
            if Instant::now() > deadline {
                return Err(BrowserError::Late { what: what.to_owned(), page: self.url().await, seen });
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// Clicks the first element that `selector` (CSS) names, once it is there.
    pub async fn click(&self, selector: &str) -> Result<(), BrowserError> {
        self.until(selector, &shown(selector)).await?;
        let clicking = async { self.client.find(Locator::Css(selector)).await?.click().await };
        let done = clicking.await;
        self.done(done, || format!("clicking {selector}")).await
    }

    /// Replaces what stands in a field, key by key, as a person would.
    pub async fn fill(&self, selector: &str, text: &str) -> Result<(), BrowserError> {
        self.until(selector, &shown(selector)).await?;
        let typing = async {
            let field = self.client.find(Locator::Css(selector)).await?;
            field.clear().await?;
            field.send_keys(text).await
        };
        let done = typing.await;
        self.done(done, || format!("typing into {selector}")).await
    }

    /// Presses keys on whatever has the focus.
    pub async fn press(&self, keys: &str) -> Result<(), BrowserError> {
        let pressing = async { self.client.active_element().await?.send_keys(keys).await };
        let done = pressing.await;
        self.done(done, || format!("pressing {keys:?}")).await
    }

    /// Sets the size of the page in CSS pixels, and what the system prefers.
    pub async fn view(&self, width: u32, height: u32, scheme: Scheme) -> Result<(), BrowserError> {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await?;
        let features = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme.word() },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        self.devtools("Emulation.setEmulatedMedia", features).await.map(|_| ())
    }

    /// A command of the DevTools protocol.
    pub async fn devtools(&self, method: &str, params: Value) -> Result<Value, BrowserError> {
        let command = Extension { path: "goog/cdp/execute", body: json!({ "cmd": method, "params": params }) };
        let done = self.client.issue_cmd(command).await;
        self.done(done, || format!("calling {method}")).await
    }

    /// The console's lines since the last call.
    pub async fn log(&self) -> Result<Vec<LogLine>, BrowserError> {
        let command = Extension { path: "se/log", body: json!({ "type": "browser" }) };
        let done = self.client.issue_cmd(command).await;
        let lines = self.done(done, || "reading the console".to_owned()).await?;
        let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let line = |line: &Value| LogLine { level: text(line, "level"), message: text(line, "message") };
        Ok(lines.as_array().map(|lines| lines.iter().map(line).collect()).unwrap_or_default())
    }

    /// The visible part of the page, as PNG.
    pub async fn screenshot(&self) -> Result<Vec<u8>, BrowserError> {
        let done = self.client.screenshot().await;
        self.done(done, || "taking a picture".to_owned()).await
    }

    /// Where downloads are put. The directory appears with the first one.
    pub fn downloads(&self) -> PathBuf {
        self.home.path().join("downloads")
    }

    /// The address of the page.
    pub async fn url(&self) -> String {
        self.client.current_url().await.map_or_else(|error| format!("a page without address ({error})"), String::from)
    }

    async fn done<T>(&self, done: Result<T, CmdError>, doing: impl FnOnce() -> String) -> Result<T, BrowserError> {
        match done {
            Ok(value) => Ok(value),
            Err(source) => {
                Err(BrowserError::Command { doing: doing(), page: self.url().await, source: Box::new(source) })
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium outlives a ChromeDriver that is killed. All its processes but small ones, which then end by
        // themselves, name the profile, which is nobody else's.
        let profile = profile_option(self.home.path());
        let deadline = Instant::now() + KILL_LIMIT;
        while Instant::now() < deadline {
            let pids = processes_with(&profile);
            if pids.is_empty() {
                return;
            }
            for pid in pids {
                // One that has ended meanwhile is what is wanted.
                let _gone = kill(pid, Signal::SIGKILL);
            }
            std::thread::sleep(ASK_AGAIN);
        }
    }
}

/// The processes that were started with this argument.
fn processes_with(argument: &str) -> Vec<Pid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let has_argument = |pid: &i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        // Chromium rewrites the arguments of its children into one, with spaces between.
        String::from_utf8_lossy(&line).split(['\0', ' ']).any(|word| word == argument)
    };
    pids.filter(has_argument).map(Pid::from_raw).collect()
}

fn profile_option(home: &Path) -> String {
    format!("--user-data-dir={}", home.join("profile").display())
}

/// An expression that is true when the element can be used.
fn shown(selector: &str) -> String {
    format!("document.readyState === 'complete' && document.querySelector({})?.checkVisibility()", json!(selector))
}

fn shortened(script: &str) -> String {
    script.chars().take(120).collect()
}

/// One of ChromeDriver's own commands.
#[derive(Debug)]
struct Extension {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base_url: &url::Url, session_id: Option<&str>) -> Result<url::Url, url::ParseError> {
        base_url.join(&format!("session/{}/{}", session_id.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _request_url: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
