//! The handle everything hangs on.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use db::{Database, Migration, Migrations, Write};
use tokio_util::sync::CancellationToken;

use crate::assets::Assets;
use crate::catalog::{Catalog, CatalogError};
use crate::config::PortalConfig;
use crate::error::Problem;
use crate::http::access::RouteAccess;
use crate::model::caller::Caller;
use crate::model::journal::Entry;
use crate::model::locale::Locale;
use crate::queries::journal::entry_insert;
use crate::service::bootstrap::FirstAdmin;
use crate::service::identity::IdentityCache;
use crate::service::password::PasswordHasher;
use crate::service::seen::SeenNotes;
use crate::service::throttle::Throttle;
use crate::shell::context::PageContext;
use crate::shell::page::PageView;

/// Accounts, sessions, pages. A cheap handle.
#[derive(Clone)]
pub struct Portal(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) db: Database,
    pub(crate) config: PortalConfig,
    pub(crate) catalog: Catalog,
    pub(crate) assets: Assets,
    pub(crate) identities: IdentityCache,
    pub(crate) seen: SeenNotes,
    pub(crate) sign_ins: Throttle,
    pub(crate) passwords: PasswordHasher,
    /// Cancelled when the program ends, so that streams end and clients reconnect elsewhere.
    pub(crate) closing: CancellationToken,
}

/// Why a portal can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A catalog is broken.
    #[error("opening the portal's catalogs")]
    Catalog(#[from] CatalogError),
    /// Hashing a password failed, which only a broken machine explains.
    #[error("preparing password hashes")]
    Password(#[source] Problem),
}

/// The portal's tables.
pub fn migrations() -> Migrations {
    const STEPS: &[Migration] = &[Migration { name: "0001_start", sql: include_str!("../migrations/0001_start.sql") }];
    Migrations { service: "portal", steps: STEPS }
}

impl Portal {
    /// Opens the portal over a database that [`migrations`] have been run on.
    pub fn open(db: Database, config: PortalConfig) -> Result<Portal, OpenError> {
        let own = [
            (Locale::En, include_str!("../locales/en/portal.ftl")),
            (Locale::Fr, include_str!("../locales/fr/portal.ftl")),
        ];
        let catalog = Catalog::new(own.into_iter().chain(config.catalogs.iter().copied()))?;
        let assets = Assets::new(config.assets.iter().copied());
        Ok(Portal(Arc::new(Inner {
            db,
            catalog,
            assets,
            config,
            identities: IdentityCache::default(),
            seen: SeenNotes::default(),
            sign_ins: Throttle::default(),
            passwords: PasswordHasher::new().map_err(OpenError::Password)?,
            closing: CancellationToken::new(),
        })))
    }

    /// The sentences of all services.
    pub fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    /// The database, for the services' own queries.
    pub fn db(&self) -> &Database {
        &self.0.db
    }

    /// Cancelled when the program ends: long answers (streams) watch it and end.
    pub fn closing(&self) -> CancellationToken {
        self.0.closing.clone()
    }

    /// The address of a static file, with its content's hash.
    pub fn asset(&self, file: &str) -> String {
        self.0.assets.url(file)
    }

    /// Now, epoch ms.
    pub(crate) fn now_ms(&self) -> i64 {
        self.0.db.clock().now_ms()
    }

    /// Puts everything around the services' routes: request id, access from `table`, CSRF, limits, headers, journal of
    /// requests. The `table` holds the entries of every service, the portal's ([`crate::access`]) among them.
    pub fn layer(&self, router: Router, table: Vec<RouteAccess>) -> Router {
        crate::http::layers::wrap(self.clone(), router, table)
    }

    /// A whole page: the shell around `view`.
    pub fn page(&self, context: &PageContext, view: PageView) -> Response {
        crate::shell::page::render(self, context, view)
    }

    /// Adds a journal entry to the transaction of the deed it tells of. `deed` is `noun.verb`.
    pub fn audit(&self, write: &mut Write, caller: &Caller, deed: &str, target: &str, detail: serde_json::Value) {
        let entry = self.entry(&caller.login, &caller.request_id, deed, target, detail);
        write.push_step(entry_insert(&entry, caller.account.as_str(), caller.tenant.as_str()));
        write.push_event("portal.journal");
    }

    /// The same for what nobody did: what this program saw happen, such as a store that went away.
    pub fn audit_seen(&self, write: &mut Write, deed: &str, target: &str, detail: serde_json::Value) {
        write.push_step(entry_insert(&self.entry("", "", deed, target, detail), "", ""));
        write.push_event("portal.journal");
    }

    fn entry(&self, login: &str, request_id: &str, deed: &str, target: &str, detail: serde_json::Value) -> Entry {
        Entry {
            id: crate::model::new_id(),
            at_ms: self.now_ms(),
            login: login.to_owned(),
            deed: deed.to_owned(),
            target: target.chars().take(200).collect(),
            detail: detail.to_string(),
            request_id: request_id.to_owned(),
        }
    }

    /// The first start: a tenant, an admin with a password for once, and an API token in `DIR/admin.token` (0600).
    /// Later starts change nothing, but write a missing `admin.token` anew. The token is `replica`'s own: making one
    /// ends none of another replica.
    /// Errors: the database's, and `bug` when the file can't be written.
    pub async fn bootstrap(&self, dir: &Path, replica: &str) -> Result<Option<FirstAdmin>, Problem> {
        crate::service::bootstrap::bootstrap(self, dir, replica).await
    }
}
