//! Work, settings and alerts.

use db::{Database, Write};

use super::{NOW_MS, change};
use crate::model::alert::{Alert, AlertCode, Subject};
use crate::queries::alert::{Noted, alert_forget, alert_list, alert_note};
use crate::queries::work::{Work, WorkKind, setting_get, setting_put, work_end, work_list, work_put};

testkit::for_each_engine!(crate::migrations(); work_is_noted_until_it_ends, settings_are_kept, an_alert_keeps_its_time);

async fn work_is_noted_until_it_ends(db: Database) {
    let work = Work {
        kind: WorkKind::Rebuild,
        volume: 7,
        begun_ms: NOW_MS,
        seen_ms: NOW_MS,
        done_bytes: 0,
        total_bytes: i64::MAX as u64,
    };
    let other = Work { kind: WorkKind::Rebalance, ..work };
    let later = Work { done_bytes: 5, seen_ms: NOW_MS + 9, ..work };
    change(&db, |w| [work, other, later].iter().for_each(|work| work_put(w, work))).await.unwrap();
    assert_eq!(work_list(&db).await.unwrap(), [other, later]);
    change(&db, |w| work_end(w, WorkKind::Rebalance, 7)).await.unwrap();
    assert_eq!(work_list(&db).await.unwrap(), [later]);
}

async fn settings_are_kept(db: Database) {
    assert_eq!(setting_get(&db, "rebuild").await.unwrap(), None);
    for setting in [1, i64::MAX] {
        change(&db, |w: &mut Write| setting_put(w, "rebuild", setting)).await.unwrap();
        assert_eq!(setting_get(&db, "rebuild").await.unwrap(), Some(setting));
    }
}

async fn an_alert_keeps_its_time(db: Database) {
    let alert = |code, count| Alert::new(code, Subject::Volume("films".into()), count);
    let noted = |code, count, since_ms| Noted { code, subject: "films".into(), count, since_ms };
    change(&db, |w| alert_note(w, &alert(AlertCode::AtRisk, 3), NOW_MS)).await.unwrap();
    change(&db, |w| alert_note(w, &alert(AlertCode::Degraded, 1), NOW_MS + 1)).await.unwrap();
    change(&db, |w| alert_note(w, &alert(AlertCode::AtRisk, 4), NOW_MS + 2)).await.unwrap();
    let both = [noted(AlertCode::AtRisk, 4, NOW_MS), noted(AlertCode::Degraded, 1, NOW_MS + 1)];
    assert_eq!(alert_list(&db).await.unwrap(), both);
    change(&db, |w| alert_forget(w, &both[0])).await.unwrap();
    assert_eq!(alert_list(&db).await.unwrap(), both[1..]);
}
