//! Hundreds of conference servers for the price of one socket: each has an address of its own on loopback, and always gives
//! the same answer, made once.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Meetings of each server.
pub(crate) const MEETINGS: usize = 40;
/// People in each meeting.
const ATTENDEES: usize = 12;

/// The servers; they end when dropped.
pub(crate) struct Many {
    urls: Vec<String>,
    answered: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Many {
    pub(crate) async fn start(servers: usize) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.context("listening")?;
        let port = listener.local_addr().context("reading the port")?.port();
        let addresses = (0..servers).map(|n| Ipv4Addr::new(127, 1, (n / 250) as u8, (n % 250) as u8 + 1));
        let addresses: Vec<_> = addresses.collect();
        let answers = addresses.iter().map(|address| (*address, Arc::from(answer(*address)))).collect();
        let answered = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(serve(listener, answers, answered.clone()));
        let urls = addresses.iter().map(|address| format!("http://{address}:{port}/bigbluebutton/api")).collect();
        Ok(Self { urls, answered, task })
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.urls.clone()
    }

    /// Requests that were answered so far.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }
}

impl Drop for Many {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, answers: HashMap<Ipv4Addr, Arc<[u8]>>, answered: Arc<AtomicUsize>) {
    while let Ok((stream, _)) = listener.accept().await {
        let address = stream.local_addr().map(|address| address.ip());
        let Ok(std::net::IpAddr::V4(address)) = address else { continue };
        if let Some(answer) = answers.get(&address).cloned() {
            tokio::spawn(answer_all(stream, answer, answered.clone()));
        }
    }
}

/// Gives the same answer to every request of a connection.
async fn answer_all(mut stream: TcpStream, answer: Arc<[u8]>, answered: Arc<AtomicUsize>) {
    let mut head = Vec::new();
    loop {
        match stream.read_buf(&mut head).await {
            Ok(0) | Err(_) => return,
            Ok(_) if !head.ends_with(b"\r\n\r\n") => continue,
            Ok(_) => head.clear(),
        }
        if stream.write_all(&answer).await.is_err() {
            return;
        }
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

fn answer(address: Ipv4Addr) -> Vec<u8> {
    let attendee = "<attendee><userID>w_abcdefghijkl</userID><fullName>Ada Lovelace</fullName><role>VIEWER</role>\
        <isPresenter>false</isPresenter><isListeningOnly>false</isListeningOnly><hasJoinedVoice>true</hasJoinedVoice>\
        <hasVideo>false</hasVideo><clientType>HTML5</clientType></attendee>";
    let meetings: String = (0..MEETINGS)
        .map(|n| {
            format!(
                "<meeting><meetingName>Class {n}</meetingName><meetingID>{address}-{n}</meetingID>\
                <internalMeetingID>0123456789abcdef0123456789abcdef01234567-1790000000000</internalMeetingID>\
                <createTime>1790000000000</createTime><createDate>Mon Sep 21 12:00:00 UTC 2026</createDate>\
                <dialNumber>613-555-1234</dialNumber><attendeePW>ap</attendeePW><moderatorPW>mp</moderatorPW>\
                <running>true</running><duration>0</duration><hasUserJoined>true</hasUserJoined>\
                <recording>false</recording><hasBeenForciblyEnded>false</hasBeenForciblyEnded><startTime>1790000000000</startTime>\
                <endTime>0</endTime><participantCount>{ATTENDEES}</participantCount><listenerCount>0</listenerCount>\
                <voiceParticipantCount>{ATTENDEES}</voiceParticipantCount><videoCount>2</videoCount><maxUsers>0</maxUsers>\
                <moderatorCount>1</moderatorCount><attendees>{}</attendees><metadata/><isBreakout>false</isBreakout></meeting>",
                attendee.repeat(ATTENDEES)
            )
        })
        .collect();
    let body = format!("<response><returncode>SUCCESS</returncode><meetings>{meetings}</meetings></response>");
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.into_bytes(), body.into_bytes()].concat()
}
