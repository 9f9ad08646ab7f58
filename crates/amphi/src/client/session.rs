//! Signing in with a password: a session as browsers have it, kept just long enough to make an API token.

use reqwest::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use serde::Deserialize;
use serde_json::json;

use super::{Client, ClientError, Connection, REQUEST_TIMEOUT};

/// A client that acts in the session.
pub(crate) struct Session {
    pub(crate) client: Client,
    /// The password was set by somebody else; nothing else is allowed before it is changed.
    pub(crate) must_change_password: bool,
}

#[derive(Deserialize)]
struct Created {
    csrf: String,
    must_change_password: bool,
}

/// Opens a session. Errors: 401 for a wrong login or password, 429 after too many tries.
pub(crate) async fn sign_in(connection: &Connection, login: &str, password: &str) -> Result<Session, ClientError> {
    let client = Client::new(connection)?;
    let body = json!({ "login": login, "password": password });
    // Without an idempotency key: the answer is a secret, and a session made twice does no harm.
    let request = client.http.post(client.url(&["sessions"])?).timeout(REQUEST_TIMEOUT).json(&body);
    let response = client.send(request).await?;
    let cookies = response.headers().get_all(SET_COOKIE).into_iter();
    let cookies: Vec<String> = cookies
        .filter_map(|cookie| cookie.to_str().ok()?.split(';').next().map(|pair| pair.trim().to_owned()))
        .collect();
    let created: Created = client.decode(response).await?;
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, secret(&cookies.join("; "))?);
    headers.insert("x-csrf-token", secret(&created.csrf)?);
    let client = Client::with_headers(connection, headers)?;
    Ok(Session { client, must_change_password: created.must_change_password })
}

fn secret(text: &str) -> Result<HeaderValue, ClientError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| ClientError::TokenUnusable)?;
    value.set_sensitive(true);
    Ok(value)
}
