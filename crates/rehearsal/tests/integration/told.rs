//! What the server says by itself.

use serde_json::json;
use sha1::Sha1;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::client::*;

/// Takes one request, answers it, and gives it back.
async fn listener(answer: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/told?of=it", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = String::new();
        let mut buffer = [0; 4096];
        loop {
            let length = stream.read(&mut buffer).await.unwrap();
            request.push_str(str::from_utf8(&buffer[..length]).unwrap());
            let (head, body) = request.split_once("\r\n\r\n").unwrap_or((&request, ""));
            let wanted = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length == 0 || head.len() < request.len() && body.len() >= wanted.map_or(0, |w| w.parse().unwrap()) {
                break;
            }
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        request
    });
    (url, task)
}

const OK: &str = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";

async fn heard(task: JoinHandle<String>) -> String {
    tokio::time::timeout(DEADLINE, task).await.unwrap().unwrap()
}

#[tokio::test]
async fn the_end_of_a_meeting_is_told_to_both_urls() {
    let conference = conference().await;
    for by_call in [true, false] {
        let ((ended, first), (back, second)) = (listener(OK).await, listener(OK).await);
        let encode = |url: &str| form_urlencoded::byte_serialize(url.as_bytes()).collect::<String>();
        let (ended, back) = (encode(&ended), encode(&back));
        let query = format!("name=Room&meetingID=my+room&meetingEndedURL={ended}&meta_endCallbackUrl={back}");
        assert_success(&get(&conference, "create", &query).await);
        if by_call {
            assert_success(&get(&conference, "end", "meetingID=my+room").await);
        } else {
            assert!(conference.end("my room") && !conference.end("my room"));
        }
        for request in [heard(first).await, heard(second).await] {
            assert!(
                request.starts_with("GET /told?of=it&recordingmarks=false&meetingID=my+room HTTP/1.1"),
                "{request}"
            );
        }
    }
}

#[tokio::test]
async fn events_go_to_the_hooks_that_want_them() {
    let conference = conference().await;
    let (url, task) = listener(OK).await;
    let encoded: String = form_urlencoded::byte_serialize(url.as_bytes()).collect();
    let made = get(&conference, "hooks/create", &format!("callbackURL={encoded}&meetingID=room")).await;
    assert_success(&made);
    let id = text(&made, "hookID");
    let again = get(&conference, "hooks/create", &format!("callbackURL={encoded}")).await;
    assert_eq!((text(&again, "hookID"), text(&again, "messageKey")), (id.clone(), "duplicateWarning".to_owned()));
    assert_failed(&get(&conference, "hooks/create", "").await, "missingParamCallbackURL");
    let event =
        |room| json!({"data": {"id": "meeting-ended", "attributes": {"meeting": {"external-meeting-id": room}}}});
    assert_eq!(conference.deliver(&event("other")).await, 0);
    assert_eq!(tokio::time::timeout(DEADLINE, conference.deliver(&event("room"))).await.unwrap(), 1);

    let request = heard(task).await;
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let sum = hex::<Sha1>(&format!("{url}{body}s3cret"));
    assert!(head.starts_with(&format!("POST /told?of=it&checksum={sum} HTTP/1.1")), "{head}");
    let form: Vec<_> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    assert_eq!(form.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["domain", "event", "timestamp"]);
    assert_eq!(form[1].1, format!("[{}]", event("room")));

    assert_eq!(text(&get(&conference, "hooks/list", "meetingID=room").await, "hookID"), id);
    assert!(!get(&conference, "hooks/list", "meetingID=other").await.contains("<hookID>"));
    assert_eq!(text(&get(&conference, "hooks/destroy", &format!("hookID={id}")).await, "removed"), "true");
    assert_failed(&get(&conference, "hooks/destroy", &format!("hookID={id}")).await, "destroyMissingHook");
    assert_failed(&get(&conference, "hooks/destroy", "").await, "missingParamHookID");
}
