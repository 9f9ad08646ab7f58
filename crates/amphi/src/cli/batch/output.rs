//! `amphi batch output`: what all elements of a batch wrote, one after the other in the order of their index. Elements are
//! asked for a page at a time and one output is in memory at a time, however large the batch is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::failure::Failure;
use super::super::job::print_output;
use super::super::output::{print, print_line};
use super::super::terminal::{plain, say};
use super::unknown;
use crate::cli::decode;
use crate::client::{Client, Element, ElementPage};

/// Elements of one page.
const PAGE: u32 = 100;

/// Prints the stream of every element: for people under a heading each, for programs a line of JSON each.
pub(super) async fn show(client: &Client, id: &str, stream: &str, is_json: bool) -> Result<(), Failure> {
    let mut after = None;
    let mut is_first = true;
    let mut has_silent = false;
    loop {
        let mut query = vec![("limit", PAGE.to_string())];
        query.extend(after.map(|after| ("after", after)));
        let page: ElementPage = client.get(&["batches", id, "elements"], &query).await.map_err(unknown)?;
        for element in page.items {
            if is_json {
                json_line(client, element, stream).await?;
            } else {
                let gap = if is_first { "" } else { "\n" };
                print(&format!("{gap}{}\n", heading(&decode(element.clone())?)))?;
                let is_over = element["completed"].is_string();
                has_silent |= text(client, &decode(element)?, stream).await?.is_none() && is_over;
            }
            is_first = false;
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if has_silent {
        say(&format!("some wrote nothing on {stream}; --stream stdout, stderr or compile chooses another\n"));
    }
    Ok(())
}

fn heading(element: &Element) -> String {
    let value = element.value.as_ref().map(|value| format!(" {}", plain(value))).unwrap_or_default();
    let end = match (&element.reason, element.exit_code) {
        (Some(reason), _) => format!(": {reason}"),
        (None, Some(code)) if code != 0 => format!(", exit status {code}"),
        (None, _) => String::new(),
    };
    format!("==> {}{value} ({}{end}) <==", element.index, element.status)
}

/// Prints what an element wrote. Returns the last byte of it.
async fn text(client: &Client, element: &Element, stream: &str) -> Result<Option<u8>, Failure> {
    let Some(job) = &element.job else { return Ok(None) };
    let last = print_output(client, job, stream.to_owned(), None).await?;
    // The next heading begins a line of its own.
    if last.is_some_and(|last| last != b'\n') {
        print("\n")?;
    }
    Ok(last)
}

async fn json_line(client: &Client, mut element: Value, stream: &str) -> Result<(), Failure> {
    let mut data = Vec::new();
    if let Some(job) = element["job"].as_str() {
        let mut response = client.text(&["jobs", job, "output"], &[("stream", stream.to_owned())]).await?;
        while let Some(chunk) = response.chunk().await.map_err(|source| client.broken(source))? {
            data.extend_from_slice(&chunk);
        }
    }
    match String::from_utf8(data) {
        Ok(text) => element[stream] = json!(text),
        Err(bytes) => element[format!("{stream}_base64")] = json!(STANDARD.encode(bytes.as_bytes())),
    }
    print_line(&element.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_says_which_element_and_how_it_ended() {
        let told = |json: Value| heading(&serde_json::from_value(json).unwrap());
        let element =
            json!({ "index": 3, "value": "192.0.2.1\u{1b}", "job": "j3", "status": "completed", "exit_code": 1 });
        assert_eq!(told(element), "==> 3 192.0.2.1 (completed, exit status 1) <==");
        assert_eq!(told(json!({ "index": 4, "status": "waiting" })), "==> 4 (waiting) <==");
        let failed = json!({ "index": 5, "status": "error", "reason": "wall-time", "exit_code": 137 });
        assert_eq!(told(failed), "==> 5 (error: wall-time) <==");
    }
}
