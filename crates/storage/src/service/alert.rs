//! Alerts: found from what is stored, told once when they begin and once when they end.

use std::collections::{BTreeMap, HashMap};

use db::Write;
use serde_json::json;

use super::ServiceError;
use super::care::{VolumeHealth, by_node};
use crate::Storage;
use crate::model::alert::{Alert, AlertCode, Subject};
use crate::model::store::{Store, StoreState};
use crate::model::volume::Volume;
use crate::queries::alert::{Noted, alert_forget, alert_list, alert_note};
use crate::queries::care::scrub_list;
use crate::queries::space::space_list;
use crate::queries::store::store_list;
use crate::queries::volume::volume_list;

/// A store with less than this part of its room (one in …) free is nearly full.
const NEARLY_FULL: u64 = 10;
/// A store with less than this free takes nothing, bytes.
const FULL_BYTES: u64 = 1 << 20;

impl Storage {
    /// What an operator should look at, the worst first.
    pub(crate) async fn alerts(&self) -> Result<Vec<Alert>, ServiceError> {
        let (stores, volumes) = (store_list(self.db()).await?, volume_list(self.db()).await?);
        let health = self.health().await?;
        let mut alerts: Vec<Alert> = health.iter().flat_map(of_health).collect();
        alerts.extend(health.iter().filter_map(|health| {
            let volume = volumes.iter().find(|volume| volume.name == health.volume)?;
            exposed(volume, &stores, health.exposed)
        }));
        alerts.extend(volumes.iter().filter_map(|volume| of_volume(volume, &stores)));
        alerts.extend(stores.iter().filter_map(of_store));
        let is_known = |id| stores.iter().any(|store| store.id == id);
        for scrub in scrub_list(self.db()).await?.into_iter().filter(|scrub| scrub.damaged > 0 && is_known(scrub.store))
        {
            let subject = Subject::Store(scrub.store);
            alerts.push(Alert::new(AlertCode::DamageFound, subject, scrub.damaged.unsigned_abs()));
        }
        for space in space_list(self.db(), None).await?.into_iter().filter(|space| space.usage.is_above_soft()) {
            alerts.push(Alert::new(AlertCode::SoftQuota, Subject::Export(space.name), 0));
        }
        alerts.sort_by_key(|alert| alert.code);
        Ok(alerts)
    }

    /// Since when the alerts hold that were told: by code and subject, epoch ms.
    pub(crate) async fn alerts_since(&self) -> Result<HashMap<(AlertCode, String), i64>, ServiceError> {
        let noted = alert_list(self.db()).await?;
        Ok(noted.into_iter().map(|noted| ((noted.code, noted.subject), noted.since_ms)).collect())
    }

    /// Tells what began and what is over, in the log and the journal.
    pub(crate) async fn alerts_tell(&self) -> Result<(), ServiceError> {
        let (alerts, noted) = (self.alerts().await?, alert_list(self.db()).await?);
        let is_same = |alert: &Alert, noted: &Noted| alert.code == noted.code && alert.subject.key() == noted.subject;
        let (mut write, now_ms) = (Write::new(), self.db().clock().now_ms());
        let mut begun = Vec::new();
        for alert in &alerts {
            match noted.iter().find(|noted| is_same(alert, noted)) {
                Some(noted) if noted.count == alert.count => continue,
                Some(_) => {}
                None => begun.push(alert),
            }
            alert_note(&mut write, alert, now_ms);
        }
        let over: Vec<_> = noted.iter().filter(|noted| !alerts.iter().any(|alert| is_same(alert, noted))).collect();
        over.iter().for_each(|noted| alert_forget(&mut write, noted));
        for alert in &begun {
            let detail = json!({ "alert": alert.code.as_str(), "count": alert.count });
            self.portal().audit_seen(&mut write, "storage.alert", &alert.subject.key(), detail);
        }
        for noted in &over {
            let detail = json!({ "alert": noted.code.as_str() });
            self.portal().audit_seen(&mut write, "storage.alert-over", &noted.subject, detail);
        }
        if write.is_empty() {
            return Ok(());
        }
        self.db().write(write).await?;
        begun.into_iter().for_each(log);
        for Noted { code, subject, .. } in over {
            tracing::info!(alert = code.as_str(), "the alert {} about {subject} is over", code.as_str());
        }
        Ok(())
    }

    /// Shows as metrics what was noted: any replica may be asked.
    pub(crate) async fn alerts_measure(&self) -> Result<(), ServiceError> {
        let noted = alert_list(self.db()).await?;
        let mut counts: BTreeMap<AlertCode, u32> = AlertCode::ALL.into_iter().map(|code| (code, 0)).collect();
        for noted in &noted {
            *counts.entry(noted.code).or_default() += 1;
        }
        for (code, count) in counts {
            metrics::gauge!("amphi_storage_alert_count", "alert" => code.as_str()).set(f64::from(count));
        }
        for volume in volume_list(self.db()).await? {
            for code in [AlertCode::Lost, AlertCode::AtRisk, AlertCode::Damage, AlertCode::Exposed, AlertCode::Degraded]
            {
                let of = noted.iter().find(|noted| noted.code == code && noted.subject == volume.name);
                let stripes = of.map_or(0, |noted| noted.count);
                metrics::gauge!("amphi_storage_stripes", "volume" => volume.name.clone(), "state" => code.as_str())
                    .set(stripes as f64);
            }
        }
        Ok(())
    }
}

fn log(alert: &Alert) {
    let (code, message) = (alert.code.as_str(), alert.message());
    if alert.code.is_urgent() {
        tracing::error!(alert = code, "{message}");
    } else {
        tracing::warn!(alert = code, "{message}");
    }
}

fn of_health(health: &VolumeHealth) -> Vec<Alert> {
    // What is gone for good comes first; while there is none, all of it comes back.
    let gone = health.lost - health.away;
    let (lost, stores_away) = if gone > 0 { (gone, 0) } else { (health.away, health.stores_away) };
    let counts = [
        (AlertCode::Lost, lost),
        (AlertCode::AtRisk, health.at_risk),
        (AlertCode::Damage, health.repairs_waiting),
        (AlertCode::Degraded, health.degraded),
    ];
    let told = counts.into_iter().filter(|(_, count)| *count > 0);
    told.map(|(code, count)| {
        let stores_away = if code == AlertCode::Lost { stores_away } else { 0 };
        Alert { stores_away, ..Alert::new(code, Subject::Volume(health.volume.clone()), count) }
    })
    .collect()
}

/// Stripes that would be lost with one node, where the volume has stores on enough others.
fn exposed(volume: &Volume, stores: &[Store], count: u64) -> Option<Alert> {
    let parity = usize::from(volume.layout.parity());
    let room: usize =
        by_node(stores.iter().filter(|store| volume.has(store))).into_iter().map(|stores| stores.min(parity)).sum();
    let subject = Subject::Volume(volume.name.clone());
    (count > 0 && room >= volume.layout.units()).then_some(Alert::new(AlertCode::Exposed, subject, count))
}

/// Whether the volume's next stripe has a store for each of its units.
fn of_volume(volume: &Volume, stores: &[Store]) -> Option<Alert> {
    let takes = |store: &&Store| {
        // One that was never asked yet has told no room.
        let has_room = store.boot_id.is_empty() || store.free_bytes.unsigned_abs() >= FULL_BYTES;
        volume.has(store) && has_room && store.is_up() && store.state == StoreState::Enabled
    };
    let have = stores.iter().filter(takes).count();
    let subject = Subject::Volume(volume.name.clone());
    (have < volume.layout.units()).then_some(Alert::new(AlertCode::CannotPlace, subject, have as u64))
}

fn of_store(store: &Store) -> Option<Alert> {
    let code = match store.free_bytes.unsigned_abs() {
        _ if store.boot_id.is_empty() => return None,
        free if free < FULL_BYTES => AlertCode::Full,
        free if free < store.capacity_bytes.unsigned_abs() / NEARLY_FULL => AlertCode::NearlyFull,
        _ => return None,
    };
    Some(Alert::new(code, Subject::Store(store.id), 0))
}
