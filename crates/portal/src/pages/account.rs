//! `/account`: one's own name, language, password, API tokens and sessions.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;
use serde::Deserialize;

use crate::error::Problem;
use crate::http::admit::Peer;
use crate::http::extract::{ApiPath, PageForm};
use crate::model::account::Account;
use crate::model::caller::{Caller, Via};
use crate::model::client::{Client, Token};
use crate::model::locale::Locale;
use crate::pages::{Mistake, again};
use crate::portal::Portal;
use crate::shell::context::{Flash, PageContext};
use crate::shell::page::redirect;

/// Tokens shown; an account has at most as many.
const TOKENS_SHOWN: i64 = 100;

#[derive(Template)]
#[template(path = "account.html")]
struct Body<'a> {
    t: &'a PageContext,
    icons: String,
    account: Account,
    locales: [Locale; 2],
    tokens: Vec<Token>,
    sessions: Vec<Client>,
    /// The session or token that asks.
    own: String,
    /// A token just made, to be copied now.
    fresh: Option<String>,
    mistake: Mistake,
}

async fn page(
    portal: &Portal,
    t: &PageContext,
    caller: &Caller,
    fresh: Option<String>,
    mistake: Mistake,
) -> Result<Response, Problem> {
    let (Via::Session { id } | Via::Token { id }) = &caller.via;
    let body = Body {
        t,
        icons: portal.asset("icons.svg"),
        account: portal.account_get(caller.account.as_str()).await?,
        locales: Locale::ALL,
        tokens: portal.token_list(caller, None, TOKENS_SHOWN).await?,
        sessions: portal.client_list_own(caller).await?,
        own: id.clone(),
        fresh,
        mistake,
    };
    crate::pages::show(portal, t, "account-mine", "account", &body)
}

async fn page_again(portal: &Portal, t: &PageContext, caller: &Caller, problem: Problem) -> Result<Response, Problem> {
    let response = page(portal, t, caller, None, Mistake::of(&problem, t)).await;
    again(problem, |_| response)
}

/// `GET /account`
pub(crate) async fn show(State(portal): State<Portal>, t: PageContext, caller: Caller) -> Result<Response, Problem> {
    page(&portal, &t, &caller, None, Mistake::default()).await
}

#[derive(Deserialize)]
pub(crate) struct Profile {
    name: String,
    locale: Option<Locale>,
}

/// `POST /account/profile`
pub(crate) async fn profile(
    State(portal): State<Portal>,
    t: PageContext,
    caller: Caller,
    PageForm(form): PageForm<Profile>,
) -> Result<Response, Problem> {
    match portal.profile_change(&caller, Some(&form.name), form.locale).await {
        Ok(_) => Ok(redirect("/account", Some(Flash::done("account-saved")))),
        Err(problem) => page_again(&portal, &t, &caller, problem).await,
    }
}

#[derive(Deserialize)]
pub(crate) struct Password {
    current: String,
    new: String,
    repeat: String,
}

/// `POST /account/password`
pub(crate) async fn password(
    State(portal): State<Portal>,
    t: PageContext,
    caller: Caller,
    Extension(peer): Extension<Peer>,
    PageForm(form): PageForm<Password>,
) -> Result<Response, Problem> {
    let changed = if form.new == form.repeat {
        portal.password_change(&caller, &form.current, &form.new, &peer.address).await
    } else {
        Err(Problem::bad_request("password-differs", "The two new passwords differ.").field("repeat"))
    };
    match changed {
        Ok(()) => Ok(redirect("/account", Some(Flash::done("password-changed")))),
        Err(problem) => page_again(&portal, &t, &caller, problem).await,
    }
}

#[derive(Deserialize)]
pub(crate) struct TokenForm {
    name: String,
    /// Empty: it never ends.
    #[serde(default)]
    days: String,
}

/// `POST /account/tokens`: the page with the new token, which is shown this once.
pub(crate) async fn token_create(
    State(portal): State<Portal>,
    t: PageContext,
    caller: Caller,
    PageForm(form): PageForm<TokenForm>,
) -> Result<Response, Problem> {
    let days = match form.days.trim() {
        "" => None,
        text => Some(text.parse().unwrap_or(0)), // refused below, with the sentence that says what would be right
    };
    match portal.token_create(&caller, &form.name, days).await {
        Ok((_, secret)) => page(&portal, &t, &caller, Some(secret.expose().clone()), Mistake::default()).await,
        Err(problem) => {
            let field = problem.field_name().map(|field| format!("token-{field}"));
            let problem = field.map_or(problem.clone(), |field| problem.field(field));
            page_again(&portal, &t, &caller, problem).await
        }
    }
}

/// `POST /account/tokens/{id}/delete`
pub(crate) async fn token_delete(
    State(portal): State<Portal>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    portal.token_delete(&caller, &id).await?;
    Ok(redirect("/account", Some(Flash::done("token-deleted"))))
}

/// `POST /account/sessions/{id}/end`: own ones only, operators too: others' are on `/clients`.
pub(crate) async fn session_end(
    State(portal): State<Portal>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    portal.client_end(&caller, &id).await?;
    Ok(redirect("/account", Some(Flash::done("session-ended"))))
}
