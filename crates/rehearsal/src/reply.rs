//! What goes back over HTTP. A refusal is status 200 too, as BigBlueButton has it.

use hyper::StatusCode;

use crate::xml::Xml;

pub(crate) struct Reply {
    pub status: StatusCode,
    pub content_type: &'static str,
    pub location: Option<String>,
    pub allow: Option<&'static str>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn new(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status, content_type, location: None, allow: None, body }
    }

    pub fn xml(xml: &mut Xml) -> Self {
        Self::new(StatusCode::OK, "text/xml;charset=utf-8", xml.finish())
    }

    /// `FAILED` with its key.
    pub fn failed(key: &str, message: &str) -> Self {
        Self::xml(Xml::failed().message(key, message))
    }

    /// What the calls under `getRecordingTextTracks` answer.
    pub fn json(response: serde_json::Value) -> Self {
        let body = serde_json::json!({ "response": response }).to_string().into_bytes();
        Self::new(StatusCode::OK, "application/json;charset=utf-8", body)
    }

    pub fn html(status: StatusCode, page: String) -> Self {
        Self::new(status, "text/html;charset=utf-8", page.into_bytes())
    }

    pub fn redirect(location: String) -> Self {
        Self { location: Some(location), ..Self::new(StatusCode::FOUND, "text/html;charset=utf-8", Vec::new()) }
    }

    pub fn wrong_method(allow: &'static str) -> Self {
        let reply = Self::new(StatusCode::METHOD_NOT_ALLOWED, "text/plain;charset=utf-8", Vec::new());
        Self { allow: Some(allow), ..reply }
    }
}

/// What a call ends in: an answer, or the refusal that ended it early.
pub(crate) type Answered = Result<Reply, Reply>;
