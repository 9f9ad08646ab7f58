//! Volumes and stores at a glance, for operators.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::{Html, Response};
use placement::Health;
use portal::{ApiPath, Caller, Flash, PageContext, PageForm, PageView, Problem, redirect};
use serde::Deserialize;

use super::care::{self, Rates, Sentence, WorkRow};
use super::look::{Badge, Look, fill, fragment, html};
use crate::Storage;
use crate::model::store::{PROVIDER_LABEL, Store, StoreKind, StoreState};
use crate::model::stripe::{Layout, StoreId};
use crate::service::ServiceError;
use crate::service::care::VolumeHealth;
use crate::service::volume::VolumeView;

/// Layouts with the catalog key of what each means.
const LAYOUTS: [(u8, &str); 3] = [(0, "volume-layout-0"), (1, "volume-layout-1"), (2, "volume-layout-2")];
/// The layout that is offered first.
const LAYOUT: u8 = 1;

/// What can be begun with a volume: word, label key and icon.
const CARE_MOVES: [(&str, &str, &str); 3] = [
    ("rebuild", "care-rebuild", "wrench-adjustable"),
    ("scrub", "care-scrub", "patch-check"),
    ("rebalance", "care-rebalance", "shuffle"),
];

struct VolumeRow {
    name: String,
    href: Option<String>,
    layout: String,
    health: Badge,
    used: String,
    works: Vec<WorkRow>,
    /// When all of it was compared with its checksums.
    scrubbed_ms: Option<i64>,
}

struct StoreRow {
    id: StoreId,
    node: String,
    name: String,
    kind: String,
    health: Badge,
    state: Badge,
    fill: u64,
    fill_class: &'static str,
    used: String,
    units: i64,
    /// What it may be put into: word, label key and icon.
    moves: Vec<(&'static str, &'static str, &'static str)>,
}

#[derive(Template)]
#[template(path = "volumes.html")]
struct VolumesPage<'a> {
    l: &'a Look<'a>,
    alerts: Vec<Sentence>,
    volumes: Vec<VolumeRow>,
    stores: Vec<StoreRow>,
    care_moves: &'a [(&'static str, &'static str, &'static str)],
    /// Something goes on: the part is read again soon.
    is_busy: bool,
    layouts: &'a [(u8, &'static str)],
    layout: &'a u8,
    name: &'a str,
    wrong: Option<String>,
    rates: Rates,
}

#[derive(Template)]
#[template(path = "volumes_part.html")]
struct VolumesPart<'a> {
    l: &'a Look<'a>,
    alerts: Vec<Sentence>,
    volumes: Vec<VolumeRow>,
    stores: Vec<StoreRow>,
    care_moves: &'a [(&'static str, &'static str, &'static str)],
    /// Something goes on: the part is read again soon.
    is_busy: bool,
}

/// `GET /volumes`
pub(super) async fn page(State(storage): State<Storage>, caller: Caller, t: PageContext) -> Result<Response, Problem> {
    show(&storage, &caller, &t, "", LAYOUT, None).await
}

async fn show(
    storage: &Storage,
    caller: &Caller,
    t: &PageContext,
    name: &str,
    layout: u8,
    wrong: Option<String>,
) -> Result<Response, Problem> {
    let look = Look::new(storage, t);
    let (alerts, volumes, stores) = tables(storage, caller, &look).await?;
    let is_busy = volumes.iter().any(|row| !row.works.is_empty());
    let rates = storage.care_rates().await?.into();
    let page = VolumesPage {
        l: &look,
        alerts,
        volumes,
        stores,
        care_moves: &CARE_MOVES,
        is_busy,
        layouts: &LAYOUTS,
        layout: &layout,
        name,
        wrong,
        rates,
    };
    let body = html(&page)?;
    let view = PageView { title: t.text("volumes-title"), section: "volumes", body, ..PageView::default() };
    Ok(storage.portal().page(t, view))
}

/// `GET /volumes/part`
pub(super) async fn part(
    State(storage): State<Storage>,
    caller: Caller,
    t: PageContext,
) -> Result<Html<String>, Problem> {
    let look = Look::new(&storage, &t);
    let (alerts, volumes, stores) = tables(&storage, &caller, &look).await?;
    let is_busy = volumes.iter().any(|row| !row.works.is_empty());
    fragment(&VolumesPart { l: &look, alerts, volumes, stores, care_moves: &CARE_MOVES, is_busy })
}

async fn tables(
    storage: &Storage,
    caller: &Caller,
    look: &Look<'_>,
) -> Result<(Vec<Sentence>, Vec<VolumeRow>, Vec<StoreRow>), Problem> {
    let health = storage.health().await?;
    let alerts = storage.alerts().await?.iter().map(|alert| care::sentence(look, alert)).collect();
    let mut rows = Vec::new();
    for volume in storage.volume_views(caller).await? {
        let of_volume = health.iter().find(|health| health.volume == volume.name).cloned().unwrap_or_default();
        rows.push(volume_row(look, volume, &of_volume)?);
    }
    let mut names = BTreeMap::new();
    let mut stores = Vec::new();
    for store in storage.store_list().await? {
        if !names.contains_key(&store.node) {
            let node = storage.config().nodes.node(&store.node).await.map_err(Problem::bug)?;
            names.insert(store.node.clone(), node.map(|node| node.name));
        }
        let name = names.get(&store.node).cloned().flatten();
        stores.push(store_row(look, store, name));
    }
    Ok((alerts, rows, stores))
}

fn volume_row(look: &Look<'_>, volume: VolumeView, health: &VolumeHealth) -> Result<VolumeRow, Problem> {
    let layout = Layout::try_from(volume.layout).map_err(Problem::bug)?;
    let numbers = [
        ("layout", u64::from(volume.layout).into()),
        ("data", u64::from(layout.data()).into()),
        ("units", (layout.units() as u64).into()),
    ];
    Ok(VolumeRow {
        href: volume.exports.contains(&volume.name).then(|| format!("/files/{}", volume.name)),
        layout: look.t.with("volume-layout-short", &numbers),
        health: care::badge(look, health),
        scrubbed_ms: health.scrubbed_ms,
        used: look.size(volume.used_bytes),
        works: care::works(look, health),
        name: volume.name,
    })
}

fn store_row(look: &Look<'_>, store: Store, node: Option<String>) -> StoreRow {
    let (used, capacity) = (store.used_bytes.unsigned_abs(), store.capacity_bytes.unsigned_abs());
    let (fill, fill_class) = fill(used, capacity);
    let health = match store.health {
        Health::Up => look.badge("check-circle-fill", "state-good", "store-health-up"),
        Health::Suspect => look.badge("exclamation-triangle-fill", "state-warn", "store-health-suspect"),
        Health::Down => look.badge("x-circle-fill", "state-bad", "store-health-down"),
    };
    let (icon, class, key) = match store.state {
        StoreState::Enabled => ("play-fill", "state-plain", "store-state-enabled"),
        StoreState::Cordoned => ("pause-fill", "state-warn", "store-state-cordoned"),
        StoreState::Disabled => ("stop-fill", "state-idle", "store-state-disabled"),
        StoreState::Draining => ("arrow-repeat", "state-warn", "store-state-draining"),
        StoreState::Drained => ("stop-fill", "state-idle", "store-state-drained"),
    };
    let all = [
        (StoreState::Enabled, "store-enable", "play-fill"),
        (StoreState::Cordoned, "store-cordon", "pause-fill"),
        (StoreState::Draining, "store-drain", "arrow-down"),
    ];
    let is_leaving = matches!(store.state, StoreState::Draining | StoreState::Drained);
    let moves =
        all.into_iter().filter(|(state, _, _)| *state != store.state && !(is_leaving && *state != StoreState::Enabled));
    let kind = match (store.kind, store.labels.get(PROVIDER_LABEL)) {
        (StoreKind::Node, _) => look.text("store-kind-node"),
        (StoreKind::Bucket, None) => look.text("store-kind-bucket"),
        (StoreKind::Bucket, Some(provider)) => format!("{} · {provider}", look.text("store-kind-bucket")),
    };
    StoreRow {
        id: store.id,
        kind,
        node: node.unwrap_or_else(|| store.node.clone()),
        health: Badge { reason: Some(store.detail).filter(|detail| !detail.is_empty()), ..health },
        state: look.badge(icon, class, key),
        fill,
        fill_class,
        used: look.size_of(used, capacity),
        units: store.units,
        moves: moves.map(|(state, label, icon)| (state.as_str(), label, icon)).collect(),
        name: store.name,
    }
}

/// A volume to be made.
#[derive(Deserialize)]
pub(super) struct NewVolume {
    name: String,
    layout: u8,
}

/// `POST /volumes`
pub(super) async fn create(
    State(storage): State<Storage>,
    caller: Caller,
    t: PageContext,
    PageForm(form): PageForm<NewVolume>,
) -> Result<Response, Problem> {
    match storage.volume_create(&caller, form.name.trim(), form.layout, Default::default(), None).await {
        Ok(_) => Ok(redirect("/volumes", Some(Flash::done("flash-volume-made")))),
        Err(ServiceError::Db(error)) => Err(error.into()),
        Err(error) => {
            let sentence = t.problem_text(&error.into());
            show(&storage, &caller, &t, &form.name, form.layout, Some(sentence)).await
        }
    }
}

#[derive(Deserialize)]
pub(super) struct StateForm {
    state: String,
}

/// `POST /stores/{id}/state`
pub(super) async fn store_state(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath(id): ApiPath<StoreId>,
    PageForm(form): PageForm<StateForm>,
) -> Result<Response, Problem> {
    let state: StoreState = form.state.parse().map_err(|_| {
        Problem::bad_request("state", "state is enabled, cordoned, disabled or draining.").field("state")
    })?;
    storage.store_state_set(&caller, id, state).await?;
    Ok(redirect("/volumes", Some(Flash::done(&format!("flash-store-{}", state.as_str())))))
}
