//! One HTTP request, read whole.

use hyper::Method;
use hyper::body::Bytes;
use hyper::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, HOST};
use hyper::http::request::Parts;

use crate::checksum;

const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) struct Request {
    pub method: Method,
    pub path: String,
    /// What follows the API's root: "create", "hooks/list", nothing; of other paths the path.
    pub call: String,
    /// As sent.
    pub query: String,
    pub body: Bytes,
    /// Of query and form, decoded, without the checksum.
    pub params: Vec<(String, String)>,
    /// As the client sees this server.
    pub host: Option<String>,
    pub is_french: bool,
    content_type: String,
}

impl Request {
    pub fn new(parts: &Parts, body: Bytes) -> Self {
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let content_type = header(CONTENT_TYPE).unwrap_or_default();
        let content_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let path = parts.uri.path().to_owned();
        let call = path.strip_prefix("/bigbluebutton/api").unwrap_or(&path).trim_matches('/').to_owned();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let mut params = pairs(query.as_bytes());
        if content_type == FORM {
            params.extend(pairs(&body));
        }
        Self {
            method: parts.method.clone(),
            path,
            call,
            query,
            body,
            params,
            host: header(HOST).map(str::to_owned),
            is_french: header(ACCEPT_LANGUAGE).is_some_and(|languages| languages.trim_start().starts_with("fr")),
            content_type,
        }
    }

    pub fn is_api(&self) -> bool {
        self.path == "/bigbluebutton/api" || self.path.starts_with("/bigbluebutton/api/")
    }

    /// The first parameter of that name; an empty one counts as absent.
    pub fn param(&self, name: &str) -> Option<&str> {
        let found = self.params.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// A list with commas; absent: empty.
    pub fn list(&self, name: &str) -> Vec<&str> {
        let values = self.param(name).unwrap_or_default().split(',');
        values.map(str::trim).filter(|value| !value.is_empty()).collect()
    }

    pub fn is_xml(&self) -> bool {
        matches!(&*self.content_type, "application/xml" | "text/xml")
    }

    /// Whether its body, if it has one, is of a kind that the API reads.
    pub fn is_readable(&self) -> bool {
        self.body.is_empty() || self.is_xml() || self.content_type == FORM
    }

    /// What is signed, and the checksum: the query, the form, or both with `&` between them. XML is not signed.
    pub fn signed(&self) -> (String, Option<String>) {
        let (mut text, mut sum) = checksum::split(&self.query);
        let form = if self.content_type == FORM { str::from_utf8(&self.body).unwrap_or_default() } else { "" };
        let (form, form_sum) = checksum::split(form);
        if !text.is_empty() && !form.is_empty() {
            text.push('&');
        }
        text.push_str(&form);
        sum = sum.or(form_sum);
        (text, sum.map(str::to_owned))
    }
}

fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(encoded).into_owned().filter(|(key, _)| key != "checksum").collect()
}
