//! `/admin/accounts`: the administration of accounts.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use crate::api::PAGE;
use crate::error::Problem;
use crate::http::extract::{ApiPath, ApiQuery, PageForm};
use crate::model::account::Account;
use crate::model::caller::Caller;
use crate::model::role::Role;
use crate::model::tenant::{Tenant, TenantId};
use crate::pages::{Mistake, again};
use crate::portal::Portal;
use crate::queries::account::AccountFilter;
use crate::service::account::{AccountChange, NewAccount};
use crate::shell::context::{Flash, PageContext};
use crate::shell::page::{PageView, redirect};

/// Tenants offered in a form.
const TENANTS_SHOWN: i64 = 500;

/// The filter as it stands in the address.
#[derive(Deserialize)]
pub(crate) struct ListQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    tenant: String,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "accounts.html")]
struct ListBody<'a> {
    t: &'a PageContext,
    icons: String,
    accounts: Vec<Account>,
    tenants: Vec<Tenant>,
    roles: [Role; 4],
    query: &'a ListQuery,
    next: Option<String>,
}

#[derive(Template)]
#[template(source = "<a class=\"btn btn-primary\" href=\"/admin/accounts/new\" data-new>{{ text }}</a>", ext = "html")]
struct NewButton {
    text: String,
}

/// `GET /admin/accounts`
pub(crate) async fn list(
    State(portal): State<Portal>,
    t: PageContext,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Response, Problem> {
    let filter = AccountFilter {
        text: Some(query.q.trim().to_owned()).filter(|q| !q.is_empty()),
        role: query.role.parse().ok(),
        tenant: TenantId::parse(&query.tenant),
        after: query.after.as_ref().map(|after| after.replace('\0', "")),
        limit: i64::from(PAGE) + 1,
    };
    let mut accounts = portal.account_list(&filter).await?;
    let more = accounts.len() > PAGE as usize;
    accounts.truncate(PAGE as usize);
    let next = accounts.last().filter(|_| more).map(|last| {
        let pairs = [("q", &query.q), ("role", &query.role), ("tenant", &query.tenant), ("after", &last.login)];
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    });
    let tenants = portal.tenant_list("", TENANTS_SHOWN).await?;
    let icons = portal.asset("icons.svg");
    let body = ListBody { t: &t, icons, accounts, tenants, roles: Role::ALL, query: &query, next };
    let actions = NewButton { text: t.text("account-new") }.render().map_err(Problem::bug)?;
    let body = body.render().map_err(Problem::bug)?;
    let title = t.text("nav-accounts");
    Ok(portal.page(&t, PageView { title, section: "accounts", body, actions, ..PageView::default() }))
}

#[derive(Template)]
#[template(path = "account_new.html")]
struct NewBody<'a> {
    t: &'a PageContext,
    tenants: Vec<Tenant>,
    roles: [Role; 4],
    form: &'a NewForm,
    mistake: Mistake,
}

#[derive(Default, Deserialize)]
pub(crate) struct NewForm {
    login: String,
    name: String,
    role: String,
    tenant: String,
}

async fn new_page(portal: &Portal, t: &PageContext, form: &NewForm, mistake: Mistake) -> Result<Response, Problem> {
    let tenants = portal.tenant_list("", TENANTS_SHOWN).await?;
    let body = NewBody { t, tenants, roles: Role::ALL, form, mistake };
    crate::pages::show(portal, t, "account-new", "accounts", &body)
}

/// `GET /admin/accounts/new`
pub(crate) async fn form(State(portal): State<Portal>, t: PageContext, caller: Caller) -> Result<Response, Problem> {
    let form = NewForm { tenant: caller.tenant.to_string(), ..NewForm::default() };
    new_page(&portal, &t, &form, Mistake::default()).await
}

/// `POST /admin/accounts`: the account's page with its one-time password, which is shown this once.
pub(crate) async fn create(
    State(portal): State<Portal>,
    t: PageContext,
    caller: Caller,
    PageForm(form): PageForm<NewForm>,
) -> Result<Response, Problem> {
    let new = NewAccount {
        login: form.login.clone(),
        name: form.name.clone(),
        role: role_of(&form.role)?,
        tenant: Some(form.tenant.clone()),
        password: None,
    };
    match portal.account_create(&caller, new).await {
        Ok((account, one_time)) => {
            let password = one_time.map(|password| password.expose().clone());
            account_page(&portal, &t, account, password, Mistake::default()).await
        }
        Err(problem) => {
            let response = new_page(&portal, &t, &form, Mistake::of(&problem, &t)).await;
            again(problem, |_| response)
        }
    }
}

fn role_of(word: &str) -> Result<Role, Problem> {
    word.parse().map_err(|_| Problem::bad_request("role-unknown", "There is no such role.").field("role"))
}

#[derive(Template)]
#[template(path = "account_edit.html")]
struct EditBody<'a> {
    t: &'a PageContext,
    icons: String,
    account: Account,
    tenants: Vec<Tenant>,
    roles: [Role; 4],
    one_time: Option<String>,
    mistake: Mistake,
}

async fn account_page(
    portal: &Portal,
    t: &PageContext,
    account: Account,
    one_time: Option<String>,
    mistake: Mistake,
) -> Result<Response, Problem> {
    let tenants = portal.tenant_list("", TENANTS_SHOWN).await?;
    let title = account.login.clone();
    let icons = portal.asset("icons.svg");
    let body = EditBody { t, icons, account, tenants, roles: Role::ALL, one_time, mistake };
    let body = body.render().map_err(Problem::bug)?;
    Ok(portal.page(t, PageView { title, section: "accounts", body, ..PageView::default() }))
}

/// `GET /admin/accounts/{id}`
pub(crate) async fn show(
    State(portal): State<Portal>,
    t: PageContext,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    let account = portal.account_get(&id).await?;
    account_page(&portal, &t, account, None, Mistake::default()).await
}

#[derive(Deserialize)]
pub(crate) struct EditForm {
    name: String,
    role: String,
    tenant: String,
    /// A checkbox: absent when not ticked.
    disabled: Option<String>,
}

/// `POST /admin/accounts/{id}`
pub(crate) async fn change(
    State(portal): State<Portal>,
    t: PageContext,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
    PageForm(form): PageForm<EditForm>,
) -> Result<Response, Problem> {
    let change = AccountChange {
        name: Some(form.name),
        role: Some(role_of(&form.role)?),
        tenant: Some(form.tenant),
        disabled: Some(form.disabled.is_some()),
    };
    match portal.account_change(&caller, &id, change).await {
        Ok(_) => Ok(redirect("/admin/accounts", Some(Flash::done("account-saved")))),
        Err(problem) => {
            let account = portal.account_get(&id).await?;
            let response = account_page(&portal, &t, account, None, Mistake::of(&problem, &t)).await;
            again(problem, |_| response)
        }
    }
}

/// `POST /admin/accounts/{id}/password`: the page with the new one-time password.
pub(crate) async fn reset(
    State(portal): State<Portal>,
    t: PageContext,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    let password = portal.account_reset(&caller, &id).await?;
    let account = portal.account_get(&id).await?;
    account_page(&portal, &t, account, Some(password.expose().clone()), Mistake::default()).await
}

/// `POST /admin/accounts/{id}/delete`
pub(crate) async fn delete(
    State(portal): State<Portal>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    portal.account_delete(&caller, &id).await?;
    Ok(redirect("/admin/accounts", Some(Flash::done("account-deleted"))))
}
