//! `Idempotency-Key` on API POSTs: the first answer is kept a day and given again; the same key with another request is a
//! conflict, and so is the same request with another session or token. A request that failed by our fault is forgotten, so
//! that it can be made again.
//!
//! The answer is kept once the work is done, so a replica that dies in between does the work again when it is asked
//! again. Where that would do harm the handler takes [`Once`] and keeps the answer in the transaction of its work.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use db::{DbError, Write};
use sha2::{Digest as _, Sha256};

use crate::error::Problem;
use crate::http::access::{Repeat, RouteAccess};
use crate::http::cookies::{SESSION, cookie};
use crate::http::extract::body_bytes;
use crate::model::account::AccountId;
use crate::model::caller::Caller;
use crate::model::secret::hex;
use crate::portal::Portal;
use crate::queries::idempotency::{KeptAnswer, kept_answer, kept_claim, kept_get, kept_release, kept_take_over};

const HEADER: &str = "idempotency-key";
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Answers above this are not kept, bytes; their requests are not protected from repetition.
const ANSWER_LIMIT: usize = 256 << 10;
/// A claim without an answer after this long belongs to a replica that died, ms; twice the time a handler has.
const ABANDONED_MS: i64 = 60_000;

/// A key that this request has taken.
#[derive(Clone, Debug)]
struct Claim {
    account: AccountId,
    key: String,
    claimed_ms: i64,
}

/// Lets a handler make its work and the answer under the request's `Idempotency-Key` one transaction.
#[derive(Clone, Debug, Default)]
pub struct Once(Option<Claim>);

impl Once {
    /// What a Write is refused with (`DbError::Unmet`) when another request has taken the key over meanwhile.
    pub const GUARD: &str = "idempotency-claim";

    /// Keeps 202 and no body as the answer, in the transaction that does what is asked. Nothing where the request has no
    /// key.
    pub fn push_accepted(&self, write: &mut Write) {
        let Some(Claim { account, key, claimed_ms }) = &self.0 else { return };
        let status = u32::from(StatusCode::ACCEPTED.as_u16());
        let answer = KeptAnswer { status, content_type: None, location: None, body: Some(Vec::new()) };
        write.push_expect(Self::GUARD, kept_answer(account, key, *claimed_ms, &answer));
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Once {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// The layer.
pub(crate) async fn repeat(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    let rule = request.extensions().get::<RouteAccess>().map(|rule| rule.repeat);
    let caller = request.extensions().get::<Caller>().map(|caller| caller.account.clone());
    let (Some(rule), Some(account)) = (rule, caller) else { return next.run(request).await };
    let is_kept = *request.method() == Method::POST && request.uri().path().starts_with("/api/") && rule != Repeat::Own;
    if !is_kept || !request.headers().contains_key(HEADER) {
        return next.run(request).await;
    }
    match repeat_kept(&portal, &account, rule, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

/// Errors: `idempotency-key-invalid`.
fn key_of(headers: &HeaderMap) -> Result<String, Problem> {
    let key = headers.get(HEADER).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if key.is_empty() || key.len() > 200 {
        return Err(Problem::bad_request(
            "idempotency-key-invalid",
            "An Idempotency-Key has 1 to 200 printable ASCII characters.",
        ));
    }
    Ok(key.to_owned())
}

async fn repeat_kept(
    portal: &Portal,
    account: &AccountId,
    rule: Repeat,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let key = key_of(request.headers())?;
    let (mut parts, body) = request.into_parts();
    let body = body_bytes(Request::new(body)).await?;
    let fingerprint = fingerprint(&parts, &body);
    let claimed_ms = portal.now_ms();
    if let Some(answer) = claim(portal, account, &key, &fingerprint, claimed_ms).await? {
        return Ok(answer);
    }
    let claim = Claim { account: account.clone(), key, claimed_ms };
    parts.extensions.insert(Once(Some(claim.clone())));
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    keep(portal, &claim, rule, response).await
}

/// Tells one request from another. Bodies hold passwords, and whoever reads the database must not be able to try them
/// out on what is kept: the caller's own secret, which is stored nowhere, goes in first.
fn fingerprint(parts: &Parts, body: &[u8]) -> String {
    let token = parts.headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let secret = token.or_else(|| cookie(&parts.headers, SESSION).map(str::as_bytes)).unwrap_or_default();
    let mut hash = Sha256::new();
    for part in [secret, parts.uri.to_string().as_bytes()] {
        hash.update(part);
        hash.update([0]);
    }
    hash.update(body);
    hex(&hash.finalize())
}

/// Takes the key, or says what to answer instead.
async fn claim(
    portal: &Portal,
    account: &AccountId,
    key: &str,
    fingerprint: &str,
    now_ms: i64,
) -> Result<Option<Response>, Problem> {
    let db = &portal.0.db;
    match db.write(Write::new().expect("claim", kept_claim(account, key, fingerprint, now_ms))).await {
        Ok(_) => return Ok(None),
        Err(DbError::Unmet { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let in_progress = || Problem::conflict("request-in-progress", "The first request with this key is still at work.");
    let Some(kept) = kept_get(db, account, key).await? else { return Err(in_progress()) };
    if kept.fingerprint != fingerprint {
        return Err(Problem::conflict(
            "idempotency-key-reused",
            "This Idempotency-Key was used for another request; take a new one.",
        ));
    }
    match kept.answer {
        Some(answer) => replay(answer).map(Some),
        None if now_ms - kept.created_ms < ABANDONED_MS => Err(in_progress()),
        None => {
            match db.write(Write::new().expect("claim", kept_take_over(account, key, kept.created_ms, now_ms))).await {
                Ok(_) => Ok(None),
                Err(DbError::Unmet { .. }) => Err(in_progress()),
                Err(error) => Err(error.into()),
            }
        }
    }
}

fn replay(answer: KeptAnswer) -> Result<Response, Problem> {
    let Some(body) = answer.body else {
        return Err(Problem::conflict(
            "secret-shown-once",
            "This was done already; its secret was shown once and is not kept. Delete it and make a new one.",
        ));
    };
    let mut response = Response::new(Body::from(body));
    let status = u16::try_from(answer.status).ok().and_then(|s| StatusCode::from_u16(s).ok());
    *response.status_mut() = status.ok_or_else(|| Problem::bug("a kept answer has no status"))?;
    let headers = response.headers_mut();
    for (name, value) in [(header::CONTENT_TYPE, answer.content_type), (header::LOCATION, answer.location)] {
        if let Some(value) = value.and_then(|v| HeaderValue::from_str(&v).ok()) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// Keeps the answer, or gives the key back when there is nothing worth repeating. What the handler kept stays.
async fn keep(portal: &Portal, claim: &Claim, rule: Repeat, response: Response) -> Result<Response, Problem> {
    let Claim { account, key, claimed_ms } = claim;
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.map_err(Problem::bug)?; // ours, and in memory already
    let text = |name| parts.headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok()).map(str::to_owned);
    let step = if parts.status.is_success() && bytes.len() <= ANSWER_LIMIT {
        let answer = KeptAnswer {
            status: u32::from(parts.status.as_u16()),
            content_type: text(header::CONTENT_TYPE),
            location: text(header::LOCATION),
            body: (rule == Repeat::Kept).then(|| bytes.to_vec()),
        };
        kept_answer(account, key, *claimed_ms, &answer)
    } else {
        kept_release(account, key, *claimed_ms)
    };
    if let Err(error) = portal.0.db.write(Write::new().step(step)).await {
        // The work is done and its answer stands; a repetition will be told that it is in progress until the claim ages.
        tracing::warn!(error = &error as &dyn std::error::Error, "an answer could not be kept for its idempotency key");
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}
