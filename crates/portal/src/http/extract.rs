//! Extractors whose refusals are Problems that say what is wrong and where.

use axum::body::{Bytes, to_bytes};
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, FromRequest, FromRequestParts, Path, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::wrong_value;
use crate::error::Problem;

/// Most bytes of a request's body (4 MiB: a program comes with its source and its input).
pub(crate) const BODY_LIMIT: usize = 4 << 20;

/// One page of a list; `next` names the following page (keyset), and is absent on the last.
#[derive(Debug, Serialize, ToSchema)]
pub struct Listing<T> {
    /// The page's items.
    pub items: Vec<T>,
    /// Pass it as the cursor to get the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A JSON body. Refusals: 415 for another content type, 413 above 4 MiB, 400 for broken JSON or a wrong, missing or
/// unknown field, with the field's path.
pub struct ApiJson<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for ApiJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        if !is_json(&request) {
            return Err(Problem::unsupported_type("application/json"));
        }
        let bytes = body_bytes(request).await?;
        parse_json(&bytes).map(ApiJson)
    }
}

fn is_json(request: &Request) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// The whole body, at most [`BODY_LIMIT`] bytes.
pub(crate) async fn body_bytes(request: Request) -> Result<Bytes, Problem> {
    to_bytes(request.into_body(), BODY_LIMIT).await.map_err(|error| {
        let is_too_large =
            std::error::Error::source(&error).is_some_and(|source| source.is::<http_body_util::LengthLimitError>());
        if is_too_large {
            Problem::too_large(BODY_LIMIT)
        } else {
            Problem::bad_request("body-broken", "The body ended before it was whole.")
        }
    })
}

fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        json_problem(error.into_inner(), &path)
    })?;
    reader.end().map_err(|error| json_problem(error, "."))?;
    Ok(value)
}

fn json_problem(error: serde_json::Error, path: &str) -> Problem {
    let text = error.to_string();
    if !error.is_data() {
        return Problem::bad_request("json-broken", format!("The body is not valid JSON: {text}.")).arg("detail", text);
    }
    if let Some(name) = quoted_after(&text, "unknown field `") {
        return Problem::bad_request("unknown-field", format!("There is no field {name} here."))
            .field(name)
            .arg("name", name);
    }
    if let Some(name) = quoted_after(&text, "missing field `") {
        return Problem::bad_request("missing-field", format!("The field {name} is missing."))
            .field(name)
            .arg("name", name);
    }
    let name = Some(path).filter(|path| *path != ".");
    let sentence = wrong_value::sentence(name, &text);
    let problem =
        Problem::bad_request("invalid-field", format!("A field is not right: {sentence}.")).arg("detail", sentence);
    match name {
        Some(name) => problem.field(name),
        None => problem,
    }
}

fn quoted_after<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    text.split_once(before).and_then(|(_, rest)| rest.split_once('`')).map(|(name, _)| name)
}

/// The query string. Refusals: 400 `invalid-query` with the field.
pub struct ApiQuery<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let pairs = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let reader = serde_urlencoded::Deserializer::new(pairs);
        serde_path_to_error::deserialize(reader).map(ApiQuery).map_err(|error| {
            let path = error.path().to_string();
            let text = error.into_inner().to_string();
            let name = quoted_after(&text, "unknown field `").or_else(|| quoted_after(&text, "missing field `"));
            let name = name.unwrap_or(&path).to_owned();
            let sentence = wrong_value::sentence(Some(&name), &text);
            Problem::bad_request("invalid-query", format!("The query is not right: {sentence}."))
                .field(name)
                .arg("detail", sentence)
        })
    }
}

/// The path's parameters. A parameter that can't be what is asked for names nothing: 404.
pub struct ApiPath<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for ApiPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(ApiPath(value)),
            Err(_) => Err(Problem::not_found("not-found", "There is nothing here by that name.")),
        }
    }
}

/// A page's form. Refusals: 415 for another content type, 413 above 4 MiB, 400 for a missing or wrong field.
pub struct PageForm<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for PageForm<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Form::<T>::from_request(request, state).await {
            Ok(Form(value)) => Ok(PageForm(value)),
            Err(FormRejection::InvalidFormContentType(_)) => {
                Err(Problem::unsupported_type("application/x-www-form-urlencoded"))
            }
            Err(FormRejection::BytesRejection(error))
                if error.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE =>
            {
                Err(Problem::too_large(BODY_LIMIT))
            }
            Err(error) => {
                let text = error.body_text();
                Err(Problem::bad_request("form-invalid", format!("The form can't be read: {text}."))
                    .arg("detail", text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "read by serde alone")]
        count: u32,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "read by serde alone")]
        inner: Inner,
    }

    #[test]
    fn refusals_name_the_field() {
        let problem = |text: &str| parse_json::<Outer>(text.as_bytes()).unwrap_err();
        let named = |text: &str| {
            let problem = problem(text);
            (problem.code().to_owned(), problem.field_name().map(str::to_owned))
        };
        assert_eq!(named("{"), (String::from("json-broken"), None));
        assert_eq!(
            named(r#"{"inner":{"count":"x"}}"#),
            (String::from("invalid-field"), Some(String::from("inner.count")))
        );
        assert_eq!(named(r#"{"x":1}"#), (String::from("unknown-field"), Some(String::from("x"))));
        assert_eq!(named(r#"{"inner":{}}"#), (String::from("missing-field"), Some(String::from("count"))));
        assert_eq!(named(r#"{"inner":{"count":1}} 2"#).0, "json-broken");
    }
}
