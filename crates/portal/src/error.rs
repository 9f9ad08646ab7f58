//! Errors to HTTP: the one place where what went wrong becomes a status. A [`Problem`] becomes JSON here; for a page the
//! outer layer (`http/render.rs`) puts it in the page shell, in the reader's language.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use db::DbError;
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use crate::catalog::Arg;

/// What kind of thing went wrong; decides the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    BadRequest,
    NotSignedIn,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Conflict,
    PreconditionFailed,
    TooLarge,
    UnsupportedType,
    TooMany,
    Bug,
    Unavailable,
    NoCapacity,
}

/// Something that keeps a request from being answered as asked. `code` is for programs, the English sentence for
/// people; a page in French looks up `problem-CODE` with the arguments and falls back to the sentence.
#[derive(Clone)]
pub struct Problem(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: Kind,
    code: Cow<'static, str>,
    message: Cow<'static, str>,
    field: Option<String>,
    args: Vec<(&'static str, Arg)>,
    retry_after: Option<Duration>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

type Text = Cow<'static, str>;

impl Problem {
    fn new(kind: Kind, code: impl Into<Text>, message: impl Into<Text>) -> Self {
        Self(Box::new(Inner {
            kind,
            code: code.into(),
            message: message.into(),
            field: None,
            args: Vec::new(),
            retry_after: None,
            cause: None,
        }))
    }

    /// 400: the request itself is wrong.
    pub fn bad_request(code: impl Into<Text>, message: impl Into<Text>) -> Self {
        Self::new(Kind::BadRequest, code, message)
    }

    /// 401: nobody is signed in, or with something that doesn't hold.
    pub fn not_signed_in(code: impl Into<Text>, message: impl Into<Text>) -> Self {
        Self::new(Kind::NotSignedIn, code, message)
    }

    /// 401 with the usual sentence.
    pub fn sign_in_needed() -> Self {
        Self::not_signed_in("not-signed-in", "Sign in first, or send an API token.")
    }

    /// 403: known, but not allowed.
    pub fn forbidden(code: impl Into<Text>, message: impl Into<Text>) -> Self {
        Self::new(Kind::Forbidden, code, message)
    }

    /// 404: not there, or not for the caller to know.
    pub fn not_found(code: impl Into<Text>, message: impl Into<Text>) -> Self {
        Self::new(Kind::NotFound, code, message)
    }

    /// 409: at odds with how things are.
    pub fn conflict(code: impl Into<Text>, message: impl Into<Text>) -> Self {
        Self::new(Kind::Conflict, code, message)
    }

    /// 412: a condition of the request does not hold.
    pub fn precondition(code: impl Into<Text>, message: impl Into<Text>) -> Self {
        Self::new(Kind::PreconditionFailed, code, message)
    }

    /// 429: too often; `retry_after` goes into the header of that name, rounded up to seconds.
    pub fn too_many(code: impl Into<Text>, message: impl Into<Text>, retry_after: Duration) -> Self {
        let mut problem = Self::new(Kind::TooMany, code, message);
        problem.0.retry_after = Some(retry_after);
        problem
    }

    /// 500: our fault. What happened is logged with its causes and never leaves the server.
    pub fn bug(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Kind::Bug, "bug", "Something went wrong on our side; it has been noted.").cause(cause)
    }

    /// 503: can't be done now, and may be tried again.
    pub fn unavailable(code: impl Into<Text>, message: impl Into<Text>) -> Self {
        let mut problem = Self::new(Kind::Unavailable, code, message);
        problem.0.retry_after = Some(Duration::from_secs(2));
        problem
    }

    /// 507: there is no room for it.
    pub fn no_capacity(code: impl Into<Text>, message: impl Into<Text>) -> Self {
        Self::new(Kind::NoCapacity, code, message)
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(Kind::MethodNotAllowed, "method-not-allowed", "This address does not take that method.")
    }

    pub(crate) fn too_large(limit_bytes: usize) -> Self {
        let message = format!("The body is too large; at most {limit_bytes} bytes are taken here.");
        Self::new(Kind::TooLarge, "body-too-large", message).arg("limit", limit_bytes)
    }

    pub(crate) fn unsupported_type(wanted: &'static str) -> Self {
        let message = format!("Send the body with the header Content-Type: {wanted}.");
        Self::new(Kind::UnsupportedType, "unsupported-type", message).arg("wanted", wanted)
    }

    /// Names the field the problem is about.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Gives the catalog's sentence an argument.
    #[must_use]
    pub fn arg(mut self, name: &'static str, value: impl Into<Arg>) -> Self {
        self.0.args.push((name, value.into()));
        self
    }

    /// Keeps what caused it, for the log alone.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.cause = Some(Arc::from(cause.into()));
        self
    }

    /// The status this becomes.
    pub fn status(&self) -> StatusCode {
        match self.0.kind {
            Kind::BadRequest => StatusCode::BAD_REQUEST,
            Kind::NotSignedIn => StatusCode::UNAUTHORIZED,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::UnsupportedType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Kind::Bug => StatusCode::INTERNAL_SERVER_ERROR,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::NoCapacity => StatusCode::INSUFFICIENT_STORAGE,
        }
    }

    /// The word for programs.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The English sentence.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The field it is about.
    pub fn field_name(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// The arguments for the catalog's sentence.
    pub fn args(&self) -> &[(&'static str, Arg)] {
        &self.0.args
    }

    /// Logs what the caller is not told: a bug as an error, a failed dependency as a warning.
    pub(crate) fn log(&self, request_id: &str) {
        let Some(cause) = &self.0.cause else { return };
        let chain = with_causes(cause.as_ref());
        match self.0.kind {
            Kind::Bug => tracing::error!(request.id = request_id, "request failed by a bug: {chain}"),
            _ => tracing::warn!(request.id = request_id, "request refused with {}: {chain}", self.0.code),
        }
    }

    pub(crate) fn body(&self, message: String, request_id: Option<String>) -> ProblemBody {
        ProblemBody { code: self.0.code.to_string(), message, field: self.0.field.clone(), request_id }
    }
}

/// An error and its causes on one line.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Problem({:?} {}: {})", self.0.kind, self.0.code, self.0.message)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.body(self.0.message.to_string(), None);
        let mut response = (self.status(), Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(after) = self.0.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs_f64().ceil() as u64));
        }
        if self.0.kind == Kind::NotSignedIn {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"amphi\""));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        match error {
            DbError::NotFound => Problem::not_found("not-found", "There is nothing here by that name."),
            DbError::Duplicate => Problem::conflict("exists-already", "Something by that name exists already."),
            DbError::Unmet { .. } => {
                Problem::conflict("changed-meanwhile", "It was changed by somebody else meanwhile; look again.")
            }
            error if error.is_retryable() => Problem::unavailable(
                "database-unavailable",
                "The database can't be reached just now; nothing was changed, try again in a moment.",
            )
            .cause(error),
            error => Problem::bug(error),
        }
    }
}

/// What an error looks like in JSON.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// A stable word for programs.
    #[schema(example = "not-signed-in")]
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// The field it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The id to quote when asking for help; the log has it too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// The error answers any API operation may give; list it in `responses(…)` after the good ones.
#[derive(IntoResponses)]
pub enum Problems {
    /// The request is wrong.
    #[response(status = 400)]
    BadRequest(ProblemBody),
    /// Not signed in.
    #[response(status = 401)]
    NotSignedIn(ProblemBody),
    /// Not allowed.
    #[response(status = 403)]
    Forbidden(ProblemBody),
    /// Not there, or not for the caller to know.
    #[response(status = 404)]
    NotFound(ProblemBody),
    /// At odds with how things are.
    #[response(status = 409)]
    Conflict(ProblemBody),
    /// A condition of the request does not hold.
    #[response(status = 412)]
    PreconditionFailed(ProblemBody),
    /// The body is too large.
    #[response(status = 413)]
    TooLarge(ProblemBody),
    /// The body has another content type than taken.
    #[response(status = 415)]
    UnsupportedType(ProblemBody),
    /// Too often; see `Retry-After`.
    #[response(status = 429)]
    TooMany(ProblemBody),
    /// Our fault.
    #[response(status = 500)]
    Bug(ProblemBody),
    /// Not now; try again.
    #[response(status = 503)]
    Unavailable(ProblemBody),
}
