//! Every page, and a site on which each has something to show.

use serde_json::{Value, json};
use testkit::browser::BrowserError;

use crate::site::{Person, Site};

/// A page and how to know that it shows what it is for.
pub(crate) struct Page {
    /// As its pictures are called.
    pub(crate) name: &'static str,
    pub(crate) path: String,
    /// A JavaScript expression.
    pub(crate) is_ready: &'static str,
    /// Whether it loads the code editor, which is larger than all the rest.
    pub(crate) has_editor: bool,
}

impl Page {
    fn new(name: &'static str, path: impl Into<String>, is_ready: &'static str) -> Self {
        Self { name, path: path.into(), is_ready, has_editor: false }
    }

    fn with_editor(name: &'static str, path: impl Into<String>, is_ready: &'static str) -> Self {
        Self { has_editor: true, ..Self::new(name, path, is_ready) }
    }

    /// Opens it and waits until it is ready.
    pub(crate) async fn open(&self, person: &Person) -> Result<(), BrowserError> {
        person.open(&self.path).await?;
        person.browser.until(self.name, self.is_ready).await.map(drop)
    }
}

const LIVE: &str = "document.querySelector('#live.is-on')";
const LOADED: &str = "document.readyState === 'complete' && document.querySelector('main h1')";
/// The menu of the folder's first entry is open.
const MENU: &str = "document.readyState === 'complete' && (document.querySelector('#entries .entry-menu').open = true)";

const EDITOR: &str = "document.querySelector('.cm-line')?.checkVisibility()";
const RUN_OVER: &str =
    "document.querySelector('#result .state') && document.querySelectorAll('#output .out').length > 2";

const SQUARES: &str = "\
import sys


def square(number):
    \"\"\"The number times itself.\"\"\"
    return number * number


for number in range(1, 6):
    print(f\"{number} squared is {square(number)}\")
print(\"That was all.\", file=sys.stderr)
";
const BROKEN: &str = "\
#include <stdio.h>

int main(void) {
    int number = 7
    printf(\"%d\\n\", number * number);
    return 0;
}
";

/// The page that greets who is not signed in.
pub(crate) fn sign_in() -> Page {
    Page::new("sign-in", "/sign-in", LOADED)
}

/// The overview before the first experiment.
pub(crate) fn empty_overview() -> Page {
    Page::new(
        "overview-empty",
        "/lab",
        "document.querySelector('#empty')?.checkVisibility() && document.querySelector('#live.is-on')",
    )
}

/// Runs experiments and makes accounts, then lists every page as an admin has it.
pub(crate) async fn filled(site: &Site) -> Vec<Page> {
    let finished = submitted(site, "lab-a", "Round trip on this machine", "ping -c 4 -i 0.2 127.0.0.1").await;
    let pinned = submitted(site, "lab-b", "The path to this machine", "traceroute 127.0.0.1").await;
    let failed = submitted(site, "lab-c", "Somebody at home?", "dns -p 9 @127.0.0.1 example.org").await;
    let error = submitted(site, "lab-c", "A name that nobody has", "ping nowhere.invalid").await;
    for job in [&finished, &pinned, &failed, &error] {
        over(site, "job", job).await;
    }
    site.amphi(&["job", "pin", &pinned]).await;
    let (program, broken) =
        (program_submitted(site, "squares.py", SQUARES).await, program_submitted(site, "square.c", BROKEN).await);
    for job in [&program, &broken] {
        over(site, "job", job).await;
    }
    site.account("ada", "learner").await;
    site.account("tim", "teacher").await;
    let running = submitted(site, "lab-a", "A long look at this machine", "ping -c 50 -i 1.5 127.0.0.1").await;
    let many = site.file("many.sh", "sleep 0.2; exit $((AMPHI_INDEX % 7 == 0))\n");
    let batch = site.amphi_line(&["run", "--detach", "--name", "Every seventh fails", "--array", "1-60", &many]).await;
    over(site, "batch", &batch).await;
    let open =
        ["run", "--detach", "--name", "From three nodes", "--each-node", "ping", "-c", "50", "-i", "1.5", "127.0.0.1"];
    let open = site.amphi_line(&open).await;
    let ada: Value = serde_json::from_slice(&site.amphi(&["user", "show", "ada", "--output", "json"]).await).unwrap();
    let ada = ada["id"].as_str().expect("an account has an id").to_owned();
    let notes = site.file("notes.txt", "Round trips of the first week.\n");
    site.amphi(&["volume", "mkdir", "home-admin:/Lectures à lire"]).await;
    let rates = site.file("Rates between all nodes of the second week.csv", &"lab-a,lab-b,941.2\n".repeat(90_000));
    let path = site.file("path.txt", &"1 gateway 0.3 ms\n".repeat(700));
    for file in [&notes, &rates, &path] {
        site.amphi(&["volume", "put", file, "home-admin:/"]).await;
    }
    site.amphi(&["volume", "snapshot", "create", "home-admin", "before-exam"]).await;
    site.amphi(&["volume", "share", "create", "home-admin:/notes.txt"]).await;
    site.amphi(&["volume", "key", "create", "laptop"]).await;
    site.amphi(&["conference", "server", "add", "http://127.0.0.1:9/bigbluebutton/", "a-secret", "--tag", "gpu"]).await;
    let room = room_open(site).await;
    let job = |id: &str| format!("/lab/jobs/{id}");
    vec![
        Page::new("overview", "/lab", LIVE),
        Page::new("overview-nothing-found", "/lab?q=no-such-thing", LIVE),
        Page::new("new", "/lab/new?tool=ping&destination=127.0.0.1", LOADED),
        Page::new("new-traceroute", "/lab/new?tool=traceroute", LOADED),
        Page::new("view-running", job(&running), "document.querySelectorAll('#output .out').length > 3"),
        Page::new("view", job(&finished), "document.querySelectorAll('#output .out').length > 3"),
        Page::new("view-output", job(&finished) + "#L5", "document.querySelectorAll('#output .out').length > 3"),
        Page::new("view-failed", job(&failed), "document.querySelectorAll('#output .out').length > 1"),
        Page::new("view-error", job(&error), "document.querySelector('#job-facts .alert, #job-actions .state-bad')"),
        Page::new("programs", "/programs", LIVE),
        Page::with_editor("program-new", "/programs/new?language=python", EDITOR),
        Page::with_editor("program", format!("/programs/new?from={program}"), RUN_OVER),
        Page::with_editor("program-error", format!("/programs/new?from={broken}"), RUN_OVER),
        Page::with_editor("program-view", job(&program), EDITOR),
        Page::new("batches-empty", "/programs/batches?before=00000000-0000-7000-8000-000000000000", LIVE),
        Page::new("batches", "/programs/batches", LIVE),
        Page::new("batch", format!("/lab/batches/{batch}"), LIVE),
        Page::new("batch-running", format!("/lab/batches/{open}"), LIVE),
        Page::new("batch-elements", format!("/programs?batch={batch}&status=failed"), LIVE),
        Page::new("new-many", "/lab/new?tool=ping&destination=127.0.0.1&many=destinations&destinations=lab-b", LOADED),
        Page::new("classrooms", "/classrooms", LIVE),
        Page::new(
            "classroom",
            format!("/classrooms/{}", room.id),
            "document.getElementById('users')?.textContent === '3'",
        ),
        Page::new("classroom-new", "/classrooms/new", LOADED),
        Page::new("classroom-edit", format!("/classrooms/{}/edit", room.id), LOADED),
        Page::new("join", room.invitation, LOADED),
        Page::new("files", "/files", LOADED),
        Page::new("folder", "/files/home-admin", LOADED),
        Page::new("folder-menu", "/files/home-admin?sort=size&desc=1", MENU),
        Page::new("folder-none", "/files/home-admin?filter=no-such-name", LOADED),
        Page::new("folder-empty", "/files/home-admin/Lectures%20%C3%A0%20lire", LOADED),
        Page::new("shares", "/shares", LOADED),
        Page::new("s3-keys", "/s3-keys", LOADED),
        Page::new("node-mounts", "/nodes/lab-a/mounts", LOADED),
        Page::new("volumes", "/volumes", LIVE),
        Page::new("conference", "/conference", LIVE),
        Page::new("conference-connect", "/conference/connect", LOADED),
        Page::new("conference-tenant", "/conference/tenants/default", LOADED),
        Page::new("nodes", "/nodes", LIVE),
        Page::new("node", "/nodes/lab-a", LOADED),
        Page::new("node-new", "/nodes/new", LOADED),
        Page::new("status", "/status", LOADED),
        Page::new("account", "/account", LOADED),
        Page::new("accounts", "/admin/accounts", LOADED),
        Page::new("account-new", "/admin/accounts/new", LOADED),
        Page::new("account-edit", format!("/admin/accounts/{ada}"), LOADED),
        Page::new("tenants", "/admin/tenants", LOADED),
        Page::new("clients", "/clients", LIVE),
        Page::new("journal", "/admin/journal", LOADED),
        Page::new("policy", "/admin/policy", LOADED),
        Page::new("not-found", "/lab/jobs/00000000-0000-7000-8000-000000000000", LOADED),
    ]
}

/// Submits an experiment and answers its id.
async fn submitted(site: &Site, node: &str, name: &str, line: &str) -> String {
    let args = ["run", "--detach", "--node", node, "--name", name];
    let args: Vec<&str> = args.into_iter().chain(line.split(' ')).collect();
    site.amphi_line(&args).await
}

/// Submits a program and answers its id.
async fn program_submitted(site: &Site, name: &str, text: &str) -> String {
    let path = site.file(name, text);
    site.amphi_line(&["run", "--detach", "--node", "lab-a", "--name", name, &path]).await
}

/// Waits for the end of a job or batch.
pub(crate) async fn over(site: &Site, what: &str, id: &str) {
    let deadline = tokio::time::Instant::now() + testkit::browser::DEADLINE;
    loop {
        let shown = site.amphi(&[what, "show", id, "--output", "json"]).await;
        let shown: Value = serde_json::from_slice(&shown).unwrap();
        if [json!("completed"), json!("error"), json!("cancelled")].contains(&shown["status"]) {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "it did not end: {shown}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// A room in which a meeting is held.
struct OpenRoom {
    id: String,
    /// The path of its invitation.
    invitation: String,
}

async fn room_open(site: &Site) -> OpenRoom {
    let server = site.conference().await;
    let settings = |entrance: &str| {
        json!({ "entrance": entrance, "record": "allowed", "lobby": true, "people_max": 40, "minutes": 90,
            "welcome": "Bring your slide rules.\nThe recording begins at nine." })
    };
    site.post("rooms", &json!({ "name": "Office hours", "settings": settings("account") })).await;
    let room = site.post("rooms", &json!({ "name": "Algebra 2", "settings": settings("link") })).await;
    let id = room["id"].as_str().expect("a room has an id").to_owned();
    site.post(&format!("rooms/{id}/start"), &json!({})).await;
    let meeting = server.meetings()[0].meeting_id.clone();
    for (name, is_moderator, has_voice, has_video) in
        [("Tim", true, true, true), ("Bea", false, true, false), ("Cid", false, false, false)]
    {
        server.attend(&meeting, name, is_moderator, has_voice, has_video).expect("the meeting is there");
    }
    let invitation = room["invitation"].as_str().expect("whoever made it may invite");
    let invitation = invitation.split_once("/join/").map(|(_, word)| format!("/join/{word}"));
    OpenRoom { id, invitation: invitation.expect("an invitation's address") }
}
