//! `/admin/tenants`: the administration of tenants.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use crate::error::Problem;
use crate::http::extract::{ApiPath, PageForm};
use crate::model::caller::Caller;
use crate::model::tenant::Tenant;
use crate::pages::{Mistake, again};
use crate::portal::Portal;
use crate::shell::context::{Flash, PageContext};
use crate::shell::page::redirect;

/// Tenants shown; a university has tens.
const SHOWN: i64 = 500;

#[derive(Template)]
#[template(path = "tenants.html")]
struct Body<'a> {
    t: &'a PageContext,
    tenants: Vec<Tenant>,
    form: &'a TenantForm,
    mistake: Mistake,
}

#[derive(Default, Deserialize)]
pub(crate) struct TenantForm {
    #[serde(default)]
    name: String,
    title: String,
}

async fn page(portal: &Portal, t: &PageContext, form: &TenantForm, mistake: Mistake) -> Result<Response, Problem> {
    let body = Body { t, tenants: portal.tenant_list("", SHOWN).await?, form, mistake };
    crate::pages::show(portal, t, "nav-tenants", "tenants", &body)
}

/// `GET /admin/tenants`
pub(crate) async fn list(State(portal): State<Portal>, t: PageContext) -> Result<Response, Problem> {
    page(&portal, &t, &TenantForm::default(), Mistake::default()).await
}

/// `POST /admin/tenants`
pub(crate) async fn create(
    State(portal): State<Portal>,
    t: PageContext,
    caller: Caller,
    PageForm(form): PageForm<TenantForm>,
) -> Result<Response, Problem> {
    match portal.tenant_create(&caller, &form.name, &form.title).await {
        Ok(_) => Ok(redirect("/admin/tenants", Some(Flash::done("tenant-saved")))),
        Err(problem) => {
            let response = page(&portal, &t, &form, Mistake::of(&problem, &t)).await;
            again(problem, |_| response)
        }
    }
}

/// `POST /admin/tenants/{id}`
pub(crate) async fn change(
    State(portal): State<Portal>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
    PageForm(form): PageForm<TenantForm>,
) -> Result<Response, Problem> {
    portal.tenant_change(&caller, &id, &form.title).await?;
    Ok(redirect("/admin/tenants", Some(Flash::done("tenant-saved"))))
}

/// `POST /admin/tenants/{id}/delete`
pub(crate) async fn delete(
    State(portal): State<Portal>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    portal.tenant_delete(&caller, &id).await?;
    Ok(redirect("/admin/tenants", Some(Flash::done("tenant-deleted"))))
}
