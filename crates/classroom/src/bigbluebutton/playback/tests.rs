//! Recordings as a browser gets them.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;

use crate::plane::{Plane, Reply};
use crate::task::spool::tests::{ID, plane_with_recording};

async fn ask(plane: &Plane, path: &str, headers: &[(&str, &str)]) -> Reply {
    let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
    plane.send(request.body(Body::empty()).unwrap()).await
}

async fn update(plane: &Plane, call: &str, more: &str) {
    let answer = plane.api(call, &format!("recordID={ID}&{more}")).await.expect_text(200);
    assert!(answer.contains("SUCCESS"), "{answer}");
}

#[tokio::test]
async fn files_of_published_recordings_are_served_in_a_sandbox() {
    let plane = plane_with_recording("").await;
    let page = ask(&plane, &format!("/video/{ID}/index.html"), &[]).await;
    assert_eq!(page.expect_text(200), "<p>Hello</p>");
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("content-security-policy"), "sandbox allow-scripts allow-popups allow-downloads");
    assert_eq!((page.header("x-content-type-options"), page.header("access-control-allow-origin")), ("nosniff", "*"));
    for path in [format!("/video/{ID}"), format!("/video/{ID}/")] {
        assert_eq!(ask(&plane, &path, &[]).await.expect_text(200), "<p>Hello</p>", "{path}");
    }
    let part = ask(&plane, &format!("/video/{ID}/index.html"), &[("range", "bytes=3-7")]).await;
    assert_eq!((part.expect_text(206), part.header("content-range")), ("Hello".into(), "bytes 3-7/12"));
    let known = [("if-none-match", page.header("etag"))];
    ask(&plane, &format!("/video/{ID}/index.html"), &known).await.expect_text(304);
    let beyond = ask(&plane, &format!("/video/{ID}/index.html"), &[("range", "bytes=99-")]).await;
    assert_eq!(beyond.status.as_u16(), 416);
    update(&plane, "publishRecordings", "publish=false").await;
    let gone = ask(&plane, &format!("/video/{ID}/index.html"), &[("accept-language", "fr")]).await;
    assert!(gone.expect_text(404).contains("lang=\"fr\""));
}

#[tokio::test]
async fn no_path_leads_out() {
    let plane = plane_with_recording("").await;
    std::fs::write(plane.recordings_dir().join("secret"), "x").unwrap();
    std::fs::write(plane.recordings_dir().join("video").join(ID).join(".hidden"), "x").unwrap();
    for path in [
        format!("/video/{ID}/../../secret"),
        format!("/video/{ID}/%2e%2e/%2e%2e/secret"),
        format!("/video/{ID}/..%2f..%2fsecret"),
        format!("/video/{ID}//secret/../../x"),
        format!("/video/{ID}/%2fetc/passwd"),
        format!("/video/{ID}/.hidden"),
        format!("/video/{ID}/none"),
        format!("/video/{ID}/index.html/x"),
        format!("/video/{ID}/a%00b"),
        "/video/../secret".into(),
        "/video/%2e%2e/secret".into(),
        format!("/textTrack/{ID}/..%2f..%2fsecret"),
        "/playback/..%2f..%2famphi.db".into(),
    ] {
        assert_eq!(ask(&plane, &path, &[]).await.status.as_u16(), 404, "{path}");
    }
}

#[tokio::test]
async fn a_protected_recording_opens_with_a_token_once() {
    let plane = plane_with_recording("").await;
    update(&plane, "updateRecordings", "protect=true").await;
    let page = format!("/video/{ID}/index.html");
    let closed = ask(&plane, &page, &[]).await;
    assert!(closed.expect_text(403).contains("<h1>"));
    let told = plane.api("getRecordings", "").await.expect_text(200);
    let url = told.split("<url>").nth(1).unwrap().split('<').next().unwrap();
    let path = url.strip_prefix("https://amphi.example.org").unwrap();
    assert_eq!(ask(&plane, &format!("/recording/{ID}/video?token=x"), &[]).await.status.as_u16(), 403);
    assert_eq!(ask(&plane, &format!("/recording/{ID}/video"), &[]).await.status.as_u16(), 403);
    let redeemed = ask(&plane, path, &[]).await;
    redeemed.expect_text(303);
    assert_eq!(redeemed.header("location"), format!("https://amphi.example.org/video/{ID}/index.html"));
    let cookie = redeemed.header("set-cookie");
    let rest = format!("; Path=/video/{ID}; Max-Age=21600; HttpOnly; SameSite=None; Secure");
    let own = cookie.strip_suffix(&rest).expect(cookie);
    let shown = ask(&plane, &page, &[("cookie", &format!("a=b; {own}"))]).await;
    assert_eq!((shown.expect_text(200).as_str(), shown.header("access-control-allow-origin")), ("<p>Hello</p>", ""));
    assert_eq!(ask(&plane, path, &[]).await.status.as_u16(), 403, "it was used");
    assert_eq!(ask(&plane, &page, &[("cookie", "amphi_recording=x")]).await.status.as_u16(), 403);
    plane.clock.advance(Duration::from_secs(361 * 60));
    assert_eq!(ask(&plane, &page, &[("cookie", own)]).await.status.as_u16(), 403, "it is over");

    let told = plane.api("getRecordings", "").await.expect_text(200);
    let path = told.split("<url>https://amphi.example.org").nth(1).unwrap().split('<').next().unwrap();
    plane.clock.advance(Duration::from_secs(60 * 60));
    assert_eq!(ask(&plane, path, &[]).await.status.as_u16(), 403, "a token that nobody used in time");
}

#[tokio::test]
async fn players_are_what_an_operator_put_there() {
    let plane = plane_with_recording("").await;
    let none = ask(&plane, &format!("/playback/presentation/2.3/{ID}"), &[]).await;
    assert!(none.expect_text(404).contains("<h1>"));
    let folder = plane.classroom.config().dir.join("playback/presentation/2.3");
    std::fs::create_dir_all(folder.join("static")).unwrap();
    std::fs::write(folder.join("index.html"), "player").unwrap();
    std::fs::write(folder.join("static/a.js"), "js").unwrap();
    let page = ask(&plane, &format!("/playback/presentation/2.3/{ID}"), &[]).await;
    assert_eq!(page.expect_text(200), "player");
    let policy = page.header("content-security-policy");
    let rules: std::collections::HashMap<&str, &str> =
        policy.split(';').filter_map(|rule| rule.trim().split_once(' ')).collect();
    // Whatever script comes into a player with what people wrote in a meeting: it calls, frames and starts nothing of
    // ours but recordings, and a page that it opens is in a group of its own, since this has no policy of openers.
    let ours: Vec<&str> =
        rules["connect-src"].split(' ').map(|url| url.strip_prefix("https://amphi.example.org/").unwrap()).collect();
    assert_eq!(
        ours,
        ["presentation/", "video/", "podcast/", "notes/", "screenshare/", "capture/", "playback/", "textTrack/"]
    );
    assert_eq!(rules["frame-src"], rules["connect-src"]);
    assert_eq!(rules["worker-src"], "https://amphi.example.org/playback/ blob:");
    assert_eq!([rules["form-action"], rules["object-src"], rules["base-uri"]], ["'none'"; 3]);
    assert_eq!(page.header("cross-origin-opener-policy"), "");
    let shell = ask(&plane, "/sign-in", &[]).await;
    assert_eq!(shell.header("cross-origin-opener-policy"), "same-origin");
    assert!(shell.header("content-security-policy").contains("frame-ancestors 'none'"));
    let script = ask(&plane, "/playback/presentation/2.3/static/a.js", &[]).await;
    assert_eq!(
        (script.expect_text(200).as_str(), script.header("content-type")),
        ("js", "text/javascript; charset=utf-8")
    );
}
