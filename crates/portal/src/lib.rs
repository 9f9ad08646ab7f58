//! Accounts, sessions, page shell, errors to HTTP, journal: what every service stands on.
//!
//! The program opens a [`Portal`] with what the services hand it (catalogs, navigation, assets), joins their routers and
//! wraps them with [`Portal::layer`], which asks the table of [`RouteAccess`] before any handler runs. A route that is
//! in no table is refused, so that forgetting one is safe.

mod api;
mod assets;
pub mod catalog;
mod config;
mod error;
mod http;
mod model;
mod pages;
mod portal;
mod queries;
mod seal;
mod service;
mod shell;
mod task;

pub use api::{api, openapi, openapi_route};
pub use assets::Asset;
pub use catalog::{Arg, Catalog, CatalogError, size_scaled};
pub use config::{NavItem, PortalConfig, Removal, TopicFilter};
pub use error::{Problem, ProblemBody, Problems, with_causes};
pub use http::access::{Access, RouteAccess};
pub use http::extract::{ApiJson, ApiPath, ApiQuery, Listing, PageForm};
pub use http::idempotency::Once;
pub use http::table::access;
pub use model::account::{Account, AccountId};
pub use model::caller::{Caller, Scope, Via};
pub use model::locale::Locale;
pub use model::role::{Role, Roles, UnknownRole};
pub use model::secret::Secret;
pub use model::tenant::{Tenant, TenantId};
pub use model::utc_text;
pub use pages::pages;
pub use portal::{OpenError, Portal, migrations};
pub use seal::{SEAL_FILE, Seal, SealError};
pub use service::bootstrap::FirstAdmin;
pub use shell::context::{Flash, PageContext, Theme};
pub use shell::page::{PageView, redirect};
pub use task::spawn_tasks;
