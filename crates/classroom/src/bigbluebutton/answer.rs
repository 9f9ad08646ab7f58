//! What goes back to a client of the API.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use crate::model::meeting::MeetingIdRefusal;
use crate::service::ServiceError;
use crate::xml::Element;

/// An answer of the API.
#[derive(Debug)]
pub(crate) enum Answer {
    /// XML of ours; whether it says SUCCESS.
    Xml(String, bool),
    /// A server's, as it came.
    Passed(Bytes),
    /// JSON of ours, for the calls that have it.
    Json(serde_json::Value),
    /// 302.
    Redirect(String),
}

impl Answer {
    /// XML that says SUCCESS.
    pub(crate) fn success(element: Element) -> Self {
        Self::Xml(element.end(), true)
    }

    /// XML that says FAILED, with a key for programs and a sentence for people.
    pub(crate) fn failed(key: &str, message: &str) -> Self {
        let xml = Element::failure().with("messageKey", key).with("message", message).end();
        Self::Xml(xml, false)
    }

    pub(super) fn checksum_error() -> Self {
        Self::failed("checksumError", "You did not pass the checksum security check")
    }

    pub(super) fn internal_error() -> Self {
        Self::failed("internalError", "Something went wrong on our side; it has been noted.")
    }

    pub(super) fn unsupported_request() -> Self {
        Self::failed("unsupportedRequest", "This request is not supported.")
    }

    pub(super) fn unsupported_type() -> Self {
        Self::failed("unsupportedContentType", "POST request Content-Type is missing or unsupported")
    }

    pub(super) fn version() -> Self {
        let version = env!("CARGO_PKG_VERSION");
        Self::success(
            Element::success()
                .with("version", "2.0")
                .with("apiVersion", "2.0")
                .with("bbbVersion", "")
                .with("build", version),
        )
    }

    /// The word for counters.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::Xml(_, false) => "failed",
            Self::Xml(_, true) | Self::Json(_) | Self::Redirect(_) => "done",
            Self::Passed(_) => "passed",
        }
    }

    /// 200 without a body, for who calls us back.
    pub(super) fn done() -> Response {
        StatusCode::OK.into_response()
    }
}

impl From<ServiceError> for Answer {
    fn from(error: ServiceError) -> Self {
        use ServiceError as E;
        match &error {
            E::MeetingId(MeetingIdRefusal::Missing) => {
                Self::failed("missingParamMeetingID", "You must specify a meeting ID for the meeting.")
            }
            E::MeetingId(MeetingIdRefusal::Form) => Self::failed("validationError", &format!("{error}")),
            E::MeetingUnknown => Self::failed("notFound", "We could not find a meeting with that meeting ID"),
            E::NoServer => Self::failed("internalError", "Could not find any available servers."),
            E::NoServerTagged(_) => {
                Self::failed("serverTagUnavailable", "There is no available server with the required tag.")
            }
            E::CreateFailed => Self::failed("internalError", "Unable to create meeting on server."),
            E::ServerUnavailable => {
                Self::failed("serverUnavailable", "The server of this meeting does not answer now; try again soon.")
            }
            E::MeetingsMost(_) | E::PeopleMost(_) => Self::failed("limitReached", &error.to_string()),
            E::Refused(outcome) => Self::failed(&outcome.message_key, &outcome.message),
            E::Call(_) | E::Answer(_) => Self::failed("internalError", "Unable to access meeting on server."),
            _ => {
                tracing::error!(error = &error as &dyn std::error::Error, "a call of the conference API failed");
                Self::internal_error()
            }
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        const XML: HeaderValue = HeaderValue::from_static("application/xml; charset=utf-8");
        const NO_STORE: (header::HeaderName, HeaderValue) =
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let xml = |body: Bytes| ([(header::CONTENT_TYPE, XML), NO_STORE], body).into_response();
        match self {
            Self::Xml(text, _) => xml(text.into()),
            Self::Passed(bytes) => xml(bytes),
            Self::Json(value) => ([NO_STORE], axum::Json(value)).into_response(),
            Self::Redirect(to) => match HeaderValue::from_str(&to) {
                Ok(to) => (StatusCode::FOUND, [(header::LOCATION, to), NO_STORE]).into_response(),
                Err(_) => Self::internal_error().into_response(),
            },
        }
    }
}
