//! What the control plane answers a session.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Usage;
use crate::model::stripe::Layout;
use crate::stripe::StoreAddress;

/// A session that was opened.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    /// Its id.
    pub id: String,
    /// Number of the name space.
    pub space: i64,
    /// Number of the root directory.
    pub root: i64,
    /// Number of the volume.
    pub volume: i64,
    /// The volume's layout: 0, 1 or 2.
    #[schema(value_type = u8)]
    pub layout: Layout,
    /// Send it with changes; it grows when the name space was taken away by force.
    pub epoch: i64,
    /// Whether the session may keep changes to itself until it is asked for the name space.
    pub is_delegated: bool,
    /// Whether nothing can be changed.
    pub read_only: bool,
    /// What is used and may be.
    pub usage: Usage,
    /// The client certificate for stores, PEM. It holds for half an hour.
    pub certificate_pem: String,
    /// The authority that stores' certificates are from, PEM.
    pub ca_pem: String,
    /// The volume's stores.
    pub stores: Vec<StoreAddress>,
}

/// What a session that was prolonged has to know.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionRenewal {
    /// See the session.
    pub epoch: i64,
    /// See the session.
    pub is_delegated: bool,
    /// What is used and may be.
    pub usage: Usage,
    /// The volume's stores.
    pub stores: Vec<StoreAddress>,
}

/// What stores know a session by.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionCertificate {
    /// The client certificate for stores, PEM. It holds for half an hour.
    pub certificate_pem: String,
    /// The authority that stores' certificates are from, PEM.
    pub ca_pem: String,
}

/// What a session waited for.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct SessionNews {
    /// Somebody else wants the name space: store what was kept and give it back.
    pub is_wanted: bool,
    /// The stores changed: renew the session to see them.
    pub stores_changed: bool,
}
