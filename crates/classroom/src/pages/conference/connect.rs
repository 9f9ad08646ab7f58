//! What an LMS needs, to be copied: the one page that shows a secret on purpose.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use portal::{ApiPath, ApiQuery, Caller, Flash, PageContext, PageForm, PageView, Problem, redirect};
use serde::Deserialize;

use crate::Classroom;
use crate::model::tenant::SecretOwner;
use crate::pages::look::{Look, html};

struct SecretRow {
    id: String,
    note: String,
    created_ms: i64,
    /// The one that is shown above.
    is_newest: bool,
}

#[derive(Template)]
#[template(path = "conference_connect.html")]
struct ConnectPage<'a> {
    l: &'a Look<'a>,
    url: String,
    secret: Option<String>,
    tenant: &'a str,
    title: &'a str,
    /// Names and titles of all tenants.
    tenants: Vec<(String, String)>,
    secrets: Vec<SecretRow>,
}

#[derive(Deserialize)]
pub(super) struct ConnectQuery {
    tenant: Option<String>,
}

/// `GET /conference/connect`
pub(super) async fn page(
    State(classroom): State<Classroom>,
    caller: Caller,
    t: PageContext,
    ApiQuery(query): ApiQuery<ConnectQuery>,
) -> Result<Response, Problem> {
    let look = Look::new(&t);
    let tenant = classroom.tenant_for(&caller, query.tenant.as_deref())?;
    let entries = classroom.directory().entries();
    let mut tenants: Vec<_> = entries.tenants().map(|entry| (entry.name.clone(), entry.title.clone())).collect();
    tenants.sort_by(|a, b| a.1.cmp(&b.1));
    let last = tenant.secrets.last().map(|newest| newest.id.as_str());
    let row = |secret: &crate::model::tenant::SharedSecret| SecretRow {
        id: secret.id.clone(),
        note: secret.note.clone(),
        created_ms: secret.created_ms,
        is_newest: Some(secret.id.as_str()) == last,
    };
    let page = ConnectPage {
        l: &look,
        url: classroom.address(),
        secret: tenant.secrets.last().map(|newest| newest.secret.expose().clone()),
        tenant: &tenant.name,
        title: &tenant.title,
        tenants,
        secrets: tenant.secrets.iter().rev().map(row).collect(),
    };
    let body = html(&page)?;
    let (title, sub) = (t.text("connect-title"), Some("conference-connect"));
    let view = PageView { title, section: "conference", sub, body, ..PageView::default() };
    Ok(classroom.portal().page(&t, view))
}

/// A secret to be made.
#[derive(Deserialize)]
pub(super) struct NewSecret {
    tenant: String,
    #[serde(default)]
    note: String,
}

/// `POST /conference/connect`
pub(super) async fn secret_create(
    State(classroom): State<Classroom>,
    caller: Caller,
    PageForm(form): PageForm<NewSecret>,
) -> Result<Response, Problem> {
    let tenant = classroom.tenant_for(&caller, Some(&form.tenant))?;
    let owner = SecretOwner::Tenant(tenant.settings.tenant.clone());
    classroom.secret_create(&caller, owner, None, &form.note).await?;
    Ok(back(&tenant.name, "flash-secret-made"))
}

/// Whose page to go back to.
#[derive(Deserialize)]
pub(super) struct RevokeForm {
    tenant: String,
}

/// `POST /conference/secrets/{id}/revoke`
pub(super) async fn secret_revoke(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
    PageForm(form): PageForm<RevokeForm>,
) -> Result<Response, Problem> {
    let tenant = classroom.tenant_for(&caller, Some(&form.tenant))?;
    classroom.secret_revoke(&caller, &id).await?;
    Ok(back(&tenant.name, "flash-secret-revoked"))
}

/// A tenant's name is letters, digits and hyphens alone.
fn back(tenant: &str, flash: &str) -> Response {
    redirect(&format!("/conference/connect?tenant={tenant}"), Some(Flash::done(flash)))
}
