//! What was used: added up by day and tenant, the most of each day kept.

use db::{Database, Write};

use super::tenant_id;
use crate::model::usage::{DayUsage, Sample};
use crate::queries::usage::{usage_add, usage_add_begun, usage_list};

testkit::for_each_engine!(crate::migrations(); usage_adds_up_by_day_and_tenant);

async fn usage_adds_up_by_day_and_tenant(db: Database) {
    let (a, b) = (tenant_id(1), tenant_id(2));
    for (meetings, attendees) in [(2, 30), (3, 20), (1, 10)] {
        let mut write = Write::new();
        usage_add(&mut write, &a, "2026-03-01", Sample { meetings, attendees, seconds: 60 });
        db.write(write).await.unwrap();
    }
    let mut write = Write::new();
    usage_add_begun(&mut write, &a, "2026-03-01", 4);
    usage_add_begun(&mut write, &a, "2026-03-01", 1);
    usage_add_begun(&mut write, &b, "2026-03-02", 7);
    usage_add(&mut write, &a, "2026-02-28", Sample { meetings: 1, attendees: 1, seconds: 60 });
    db.write(write).await.unwrap();
    let first = DayUsage {
        tenant: a.clone(),
        day: "2026-03-01".into(),
        meetings: 5,
        attendee_seconds: 3_600,
        meetings_most: 3,
        attendees_most: 30,
    };
    let second = DayUsage {
        tenant: b.clone(),
        day: "2026-03-02".into(),
        meetings: 7,
        attendee_seconds: 0,
        meetings_most: 0,
        attendees_most: 0,
    };
    let all = usage_list(&db, "2026-03-01", "2026-03-31", None).await.unwrap();
    assert_eq!(all, [first.clone(), second.clone()]);
    assert_eq!(usage_list(&db, "2026-03-01", "2026-03-01", None).await.unwrap(), [first]);
    assert_eq!(usage_list(&db, "2026-01-01", "2026-12-31", Some(&b)).await.unwrap(), [second]);
    assert!(usage_list(&db, "2027-01-01", "2027-12-31", None).await.unwrap().is_empty());
}
