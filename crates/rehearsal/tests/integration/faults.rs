//! Each fault, as a client meets it.

use std::io;
use std::time::{Duration, Instant};

use rehearsal::{Conference, Fault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::*;

const CREATE: &str = "name=Room&meetingID=room";

fn request(call: &str, query: &str) -> String {
    let target = format!("/bigbluebutton/api/{call}?{}", signed(call, query));
    format!("GET {target} HTTP/1.1\r\nhost: rehearsal.test\r\nconnection: close\r\n\r\n")
}

async fn try_get(conference: &Conference, call: &str) -> io::Result<String> {
    exchange(conference, request(call, "").as_bytes()).await
}

/// Waits until `is_so`, for what no event tells.
async fn wait_until(mut is_so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < DEADLINE);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_closed_port_refuses_and_opens_again() {
    let conference = conference().await;
    let url: url::Url = conference.url().parse().unwrap();
    let mut kept = TcpStream::connect(("127.0.0.1", url.port().unwrap())).await.unwrap();
    assert_success(&get(&conference, "getMeetings", "").await);
    conference.set_fault(Fault::Refuse);
    let mut nothing = Vec::new();
    assert!(matches!(tokio::time::timeout(DEADLINE, kept.read_to_end(&mut nothing)).await.unwrap(), Ok(0) | Err(_)));
    wait_until(async || {
        try_get(&conference, "getMeetings").await.is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
    })
    .await;
    conference.set_fault(Fault::None);
    assert_success(&get(&conference, "getMeetings", "").await);
}

#[tokio::test]
async fn a_dropped_call_gets_no_byte() {
    let conference = conference().await;
    for fault in [Fault::Drop, Fault::Refuse] {
        conference.set_fault_for("getMeetings", fault);
        let answer = try_get(&conference, "getMeetings").await;
        assert!(answer.as_ref().is_ok_and(|answer| answer.is_empty()) || answer.is_err(), "{answer:?}");
    }
    assert_eq!(conference.calls().len(), 2);
}

#[tokio::test]
async fn a_fault_for_one_call_leaves_the_others() {
    let conference = conference().await;
    conference.set_fault_for("create", Fault::Status(503));
    assert!(get(&conference, "create", CREATE).await.starts_with("HTTP/1.1 503"));
    assert_success(&get(&conference, "getMeetings", "").await);
    assert!(conference.meetings().is_empty());
    conference.set_fault_for("create", Fault::None);
    assert_success(&get(&conference, "create", CREATE).await);
    conference.set_fault(Fault::Status(500));
    assert!(get(&conference, "getMeetings", "").await.starts_with("HTTP/1.1 500"));
}

#[tokio::test]
async fn wrong_answers_come_as_set() {
    let conference = conference().await;
    conference.set_fault(Fault::Garbage(b"<response><not".to_vec()));
    assert!(get(&conference, "getMeetings", "").await.ends_with("\r\n\r\n<response><not"));
    conference.set_fault(Fault::Redirect("http://elsewhere.test/".to_owned()));
    let answer = get(&conference, "getMeetings", "").await;
    assert!(answer.starts_with("HTTP/1.1 302") && answer.contains("location: http://elsewhere.test/\r\n"), "{answer}");
    for size in [0, 7, 3_000_000] {
        conference.set_fault(Fault::Huge(size));
        let answer = get(&conference, "getMeetings", "").await;
        assert_eq!(answer.split_once("\r\n\r\n").unwrap().1.len(), size);
    }
}

#[tokio::test]
async fn an_endless_answer_is_longer_than_anybody_reads() {
    let conference = conference().await;
    conference.set_fault(Fault::Endless);
    let url: url::Url = conference.url().parse().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", url.port().unwrap())).await.unwrap();
    stream.write_all(request("getMeetings", "").as_bytes()).await.unwrap();
    let mut much = vec![0; 8 << 20];
    tokio::time::timeout(DEADLINE, stream.read_exact(&mut much)).await.unwrap().unwrap();
}

#[tokio::test]
async fn who_hangs_does_nothing_and_who_creates_then_hangs_does() {
    for (fault, meetings) in [(Fault::Hang, 0), (Fault::CreateThenHang, 1)] {
        let conference = conference().await;
        conference.set_fault_for("create", fault);
        let request = request("create", CREATE);
        let asking = exchange(&conference, request.as_bytes());
        tokio::select! {
            answer = asking => panic!("{answer:?}"),
            () = wait_until(async || conference.calls().len() == 1 && conference.meetings().len() == meetings) => {}
        }
    }
}

#[tokio::test]
async fn a_slow_server_has_done_it_before_it_answers() {
    let conference = conference().await;
    let time = Duration::from_millis(300);
    conference.set_fault(Fault::Slow(time));
    let started = Instant::now();
    let asking = get(&conference, "create", CREATE);
    tokio::pin!(asking);
    tokio::select! {
        answer = &mut asking => panic!("{answer}"),
        () = wait_until(async || conference.meetings().len() == 1) => {}
    }
    assert_success(&asking.await);
    assert!(started.elapsed() >= time);
}

#[tokio::test]
async fn a_dropped_server_is_gone() {
    let conference = conference().await;
    let url: url::Url = conference.url().parse().unwrap();
    assert_success(&get(&conference, "getMeetings", "").await);
    drop(conference);
    let address = ("127.0.0.1", url.port().unwrap());
    wait_until(async || TcpStream::connect(address).await.is_err()).await;
}
