//! Signing in and out, and the reader's preferences (theme and language), which need no account.

use askama::Template;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use crate::error::Problem;
use crate::http::admit::Peer;
use crate::http::cookies::{LOCALE, PREFERENCE_S, SESSION, THEME, cookie, set_cookie};
use crate::http::extract::{ApiQuery, PageForm};
use crate::http::observe::RequestId;
use crate::model::caller::Caller;
use crate::model::client::SESSION_MAX_MS;
use crate::model::locale::Locale;
use crate::portal::Portal;
use crate::service::sign_in::Origin;
use crate::shell::context::{Flash, PageContext, Theme};
use crate::shell::page::{PageView, redirect};

/// A path of ours, or the start page: never another site.
fn safe_next(next: &str) -> &str {
    let is_local = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\n', '\r', '\t']);
    if is_local { next } else { "/" }
}

#[derive(Deserialize)]
pub(crate) struct NextQuery {
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    t: &'a PageContext,
    next: &'a str,
    login: &'a str,
    error: Option<String>,
}

impl SignInPage<'_> {
    fn show(&self, portal: &Portal) -> Result<Response, Problem> {
        let body = self.render().map_err(Problem::bug)?;
        Ok(portal.page(self.t, PageView { title: self.t.text("sign-in"), body, ..PageView::default() }))
    }
}

/// `GET /sign-in`
pub(crate) async fn form(
    State(portal): State<Portal>,
    t: PageContext,
    ApiQuery(query): ApiQuery<NextQuery>,
) -> Result<Response, Problem> {
    let next = query.next.unwrap_or_default();
    let next = safe_next(&next);
    if t.caller.is_some() {
        return Ok(redirect(next, None));
    }
    SignInPage { t: &t, next, login: "", error: None }.show(&portal)
}

#[derive(Deserialize)]
pub(crate) struct SignInForm {
    login: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// `POST /sign-in`: to where one wanted to go, or the form again with what was wrong.
pub(crate) async fn sign_in(
    State(portal): State<Portal>,
    t: PageContext,
    Extension(peer): Extension<Peer>,
    Extension(request_id): Extension<RequestId>,
    headers: HeaderMap,
    PageForm(form): PageForm<SignInForm>,
) -> Result<Response, Problem> {
    let origin = Origin {
        address: &peer.address,
        agent: &peer.agent,
        request_id: &request_id.0,
        previous: cookie(&headers, SESSION),
    };
    let next = safe_next(&form.next);
    let session = match portal.sign_in(&form.login, &form.password, &origin).await {
        Ok(session) => session,
        Err(problem) if problem.status().is_client_error() => {
            let page = SignInPage { t: &t, next, login: &form.login, error: Some(t.problem_text(&problem)) };
            let mut response = page.show(&portal)?;
            let answer = problem.into_response();
            *response.status_mut() = answer.status();
            if let Some(after) = answer.headers().get(header::RETRY_AFTER) {
                response.headers_mut().insert(header::RETRY_AFTER, after.clone());
            }
            return Ok(response);
        }
        Err(problem) => return Err(problem),
    };
    let to = if session.account.must_change { "/account" } else { next };
    let mut response = redirect(to, None);
    let secure = portal.0.config.secure_cookies;
    let set = set_cookie(SESSION, session.secret.expose(), SESSION_MAX_MS / 1000, secure, false);
    response.headers_mut().append(header::SET_COOKIE, set);
    Ok(response)
}

/// `POST /sign-out`
pub(crate) async fn sign_out(State(portal): State<Portal>, caller: Caller) -> Result<Response, Problem> {
    portal.sign_out(&caller).await?;
    let mut response = redirect("/sign-in", Some(Flash::done("signed-out")));
    let gone = set_cookie(SESSION, "", 0, portal.0.config.secure_cookies, false);
    response.headers_mut().append(header::SET_COOKIE, gone);
    Ok(response)
}

#[derive(Deserialize)]
pub(crate) struct Preferences {
    theme: Option<String>,
    locale: Option<Locale>,
    #[serde(default)]
    next: String,
}

/// `POST /preferences`: keeps theme and language in cookies, the language also in the account.
pub(crate) async fn preferences(
    State(portal): State<Portal>,
    t: PageContext,
    PageForm(form): PageForm<Preferences>,
) -> Result<Response, Problem> {
    let secure = portal.0.config.secure_cookies;
    let mut response = redirect(safe_next(&form.next), None);
    if let Some(theme) = form.theme.as_deref().and_then(Theme::from_word) {
        let set = set_cookie(THEME, theme.word(), PREFERENCE_S, secure, true);
        response.headers_mut().append(header::SET_COOKIE, set);
    }
    if let Some(locale) = form.locale {
        let set = set_cookie(LOCALE, locale.tag(), PREFERENCE_S, secure, false);
        response.headers_mut().append(header::SET_COOKIE, set);
        if let Some(caller) = &t.caller {
            portal.profile_change(caller, None, Some(locale)).await?;
        }
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_are_gone_on_to() {
        assert_eq!(safe_next("/lab?q=1"), "/lab?q=1");
        for bad in ["", "lab", "//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example"] {
            assert_eq!(safe_next(bad), "/", "{bad:?}");
        }
    }
}
