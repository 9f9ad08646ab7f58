//! Recordings are kept in the folder until there is a volume for them, and are served from wherever they are.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use testkit::amphi::{Scratch, Up};

/// Far more than stores take to be there.
const DEADLINE: Duration = Duration::from_secs(120);

struct Site {
    up: Up,
    token: String,
    http: Client,
    scratch: Scratch,
}

impl Site {
    async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let scratch = Scratch::new().unwrap();
        let up = Up::start(Path::new(env!("CARGO_BIN_EXE_amphi")), &scratch.path().join("up"), 3).await.unwrap();
        let (token, http) = (up.token().unwrap(), Client::new());
        Self { up, token, http, scratch }
    }

    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let request = self.http.post(format!("{}/api/v1/{path}", self.up.url())).bearer_auth(&self.token);
        let answer = request.json(&body).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap_or_default())
    }

    async fn volume_make(&self, name: &str) {
        let made = async {
            loop {
                let (status, answer) = self.post("volumes", json!({ "name": name, "layout": 0 })).await;
                match status {
                    StatusCode::CREATED => return,
                    _ if answer["code"] == "too-few-stores" => tokio::time::sleep(Duration::from_millis(200)).await,
                    _ => panic!("{status}: {answer}"),
                }
            }
        };
        tokio::time::timeout(DEADLINE, made).await.expect("there are stores in time");
    }

    /// Takes a recording in whose one page has this text, and beside it a video of so many bytes.
    async fn import(&self, id: &str, page: &str, video: usize) {
        let root = self.scratch.path().join("packed");
        let folder = root.join("video").join(id);
        std::fs::create_dir_all(folder.join("deskshare")).unwrap();
        let xml = format!(
            "<recording><id>{id}</id><state>published</state><published>true</published><start_time>1530718721124</start_time>\
             <end_time>1530718810456</end_time><participants>3</participants><meeting id=\"{id}\" externalId=\"c-7\" name=\"A\" \
             breakout=\"false\"/><meta><meetingName>A</meetingName></meta><playback><format>video</format>\
             <link>https://bbb1.example.org/video/{id}/</link><duration>84386</duration><size>15</size></playback></recording>"
        );
        std::fs::write(folder.join("metadata.xml"), xml).unwrap();
        std::fs::write(folder.join("index.html"), page).unwrap();
        std::fs::write(folder.join("deskshare/video.webm"), content(video)).unwrap();
        let tar = root.join("a.tar");
        let packed = std::process::Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&tar).arg("video").status();
        assert!(packed.unwrap().success());
        let (status, upload) = self.post("conference/uploads", json!({ "name": "a.tar" })).await;
        assert_eq!(status, StatusCode::CREATED, "{upload}");
        let upload = upload["id"].as_str().unwrap();
        let piece = self.http.patch(format!("{}/api/v1/conference/uploads/{upload}", self.up.url()));
        let piece = piece.bearer_auth(&self.token).header("upload-offset", "0").body(std::fs::read(&tar).unwrap());
        assert!(piece.send().await.unwrap().status().is_success());
        let (status, done) = self.post(&format!("conference/uploads/{upload}/finish"), json!({})).await;
        assert!(status.is_success(), "{done}");
        std::fs::remove_dir_all(root).unwrap();
    }

    async fn get(&self, path: &str, range: Option<&str>) -> Response {
        let request = self.http.get(format!("{}{path}", self.up.url()));
        range.iter().fold(request, |request, range| request.header("range", *range)).send().await.unwrap()
    }

    fn in_folder(&self, id: &str) -> bool {
        self.scratch.path().join("up/classroom/recordings/video").join(id).exists()
    }
}

/// Bytes that tell where they stand.
fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 251) as u8 ^ at as u8).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recordings_go_to_a_volume_once_there_is_one() {
    const LENGTH: usize = 3_000_001;
    let site = Site::start().await;
    site.import("old-1", "first", 1_000).await;
    assert!(site.in_folder("old-1"));
    site.volume_make("recordings").await;
    site.import("new-1", "second", LENGTH).await;
    assert!(!site.in_folder("new-1"));
    for (id, page) in [("old-1", "first"), ("new-1", "second")] {
        assert_eq!(site.get(&format!("/video/{id}/"), None).await.text().await.unwrap(), page);
    }
    let video = "/video/new-1/deskshare/video.webm";
    let part = site.get(video, Some("bytes=1048000-2097999")).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()["content-range"], format!("bytes 1048000-2097999/{LENGTH}").as_str());
    let whole = content(LENGTH);
    assert!(part.bytes().await.unwrap() == whole[1_048_000..2_098_000], "another part was sent");
    assert!(site.get(video, None).await.bytes().await.unwrap() == whole, "it is not what was stored");
    assert_eq!(site.get("/video/new-1/none.webm", None).await.status(), StatusCode::NOT_FOUND);

    // Taken in again, what was in the folder moves, and what was in the volume is replaced: whoever looks meanwhile
    // finds the one or the other.
    site.import("old-1", "third", 10).await;
    let is_over = AtomicBool::new(false);
    let looks = async {
        let mut looks = 0;
        while !is_over.load(Ordering::Relaxed) || looks < 10 {
            let page = site.get("/video/new-1/", None).await;
            assert_eq!(page.status(), StatusCode::OK);
            assert!(["second", "fourth"].contains(&page.text().await.unwrap().as_str()));
            looks += 1;
        }
    };
    let replaced = async {
        for _ in 0..3 {
            site.import("new-1", "fourth", 10).await;
        }
        is_over.store(true, Ordering::Relaxed);
    };
    tokio::join!(looks, replaced);
    assert!(!site.in_folder("old-1"));
    for (id, page) in [("old-1", "third"), ("new-1", "fourth")] {
        assert_eq!(site.get(&format!("/video/{id}/"), None).await.text().await.unwrap(), page);
    }
    let gone =
        site.http.delete(format!("{}/api/v1/conference/recordings/new-1", site.up.url())).bearer_auth(&site.token);
    assert!(gone.send().await.unwrap().status().is_success());
    let list = format!("{}/api/v1/exports/recordings/entries?path=video", site.up.url());
    let left: Value = site.http.get(list).bearer_auth(&site.token).send().await.unwrap().json().await.unwrap();
    assert!(left.to_string().contains("old-1") && !left.to_string().contains("new-1"), "{left}");
}
