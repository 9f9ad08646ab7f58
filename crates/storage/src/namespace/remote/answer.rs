//! What the control plane answers a session.

use serde::Deserialize;

use crate::model::inode::Ino;
use crate::model::stripe::Layout;
use crate::namespace::Usage;
use crate::stripe::StoreAddress;

/// A session as it was opened.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Opened {
    pub(crate) id: String,
    pub(crate) root: Ino,
    pub(crate) volume: i64,
    pub(crate) layout: Layout,
    pub(crate) epoch: i64,
    pub(crate) is_delegated: bool,
    pub(crate) read_only: bool,
    pub(crate) usage: Usage,
    pub(crate) certificate_pem: String,
    pub(crate) ca_pem: String,
    pub(crate) stores: Vec<StoreAddress>,
}

/// A session as it was prolonged.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Renewed {
    pub(crate) epoch: i64,
    pub(crate) is_delegated: bool,
    pub(crate) usage: Usage,
    pub(crate) stores: Vec<StoreAddress>,
}

/// What stores know the session by.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Certified {
    pub(crate) certificate_pem: String,
    pub(crate) ca_pem: String,
}

/// What a session waited for.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct News {
    pub(crate) is_wanted: bool,
    pub(crate) stores_changed: bool,
}
