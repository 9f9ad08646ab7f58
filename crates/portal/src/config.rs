//! What the program gives the portal at start.

use db::Write;

use crate::assets::Asset;
use crate::model::account::AccountId;
use crate::model::caller::Caller;
use crate::model::locale::Locale;
use crate::model::role::Role;

/// Maps a topic that a page asks `/events` for to the topic on the bus, or refuses it with `None`.
pub type TopicFilter = fn(&Caller, &str) -> Option<String>;

/// Adds the steps that remove what is an account's own to the transaction that deletes the account.
pub type Removal = fn(&mut Write, &AccountId);

/// One entry of the side bar, or of a service's second level.
#[derive(Clone, Debug)]
pub struct NavItem {
    /// The section's word; [`crate::PageView`] names the one that is open.
    pub id: &'static str,
    /// Where it leads.
    pub href: &'static str,
    /// Name of an icon in the sprite, `bi-…`.
    pub icon: &'static str,
    /// Catalog key of its label.
    pub label: &'static str,
    /// Who sees it; `None`: everybody who is signed in.
    pub role: Option<Role>,
}

/// What the services add, and how the portal is reached.
#[derive(Clone)]
pub struct PortalConfig {
    /// The address people use, `https://lab.example.org`; `None`: what the request's Host says.
    pub public_url: Option<String>,
    /// Marks cookies `Secure`; off for plain HTTP on loopback only.
    pub secure_cookies: bool,
    /// Lets `/metrics` be read without signing in; for loopback only.
    pub public_metrics: bool,
    /// The services' catalogs; the portal's own are always there.
    pub catalogs: Vec<(Locale, &'static str)>,
    /// The side bar above the portal's own entries.
    pub nav: Vec<NavItem>,
    /// The second level: `(section, item)`, shown while that section is open.
    pub sub_nav: Vec<(&'static str, NavItem)>,
    /// Files of the services to serve under `/static`.
    pub assets: Vec<Asset>,
    /// Which topics pages may listen to; the portal's own are always allowed to those who may.
    pub topics: TopicFilter,
    /// What else goes when an account is deleted.
    pub removals: Vec<Removal>,
}

impl Default for PortalConfig {
    fn default() -> Self {
        Self {
            public_url: None,
            secure_cookies: false,
            public_metrics: false,
            catalogs: Vec::new(),
            nav: Vec::new(),
            sub_nav: Vec::new(),
            assets: Vec::new(),
            topics: |_, _| None,
            removals: Vec::new(),
        }
    }
}
