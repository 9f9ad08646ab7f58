//! Tenants' settings and secrets.

use std::collections::BTreeMap;

use db::{Database, Write};
use portal::Secret;

use super::{NOW_MS, seal, tenant_id};
use crate::model::tenant::{SecretOwner, SharedSecret, TenantSettings};
use crate::queries::tenant::{secret_delete, secret_insert, secret_list, settings_list, settings_put};

testkit::for_each_engine!(crate::migrations(); settings_are_the_last_that_were_set, secrets_are_kept_sealed);

async fn settings_are_the_last_that_were_set(db: Database) {
    let plain = TenantSettings::new(tenant_id(1));
    let set = TenantSettings {
        hosts: vec!["law.example.org".into()],
        defaults: BTreeMap::from([("welcome".into(), "Grüße, \"all\"".into())]),
        overrides: BTreeMap::from([("record".into(), "false".into())]),
        meetings_max: Some(7),
        attendees_max: Some(u32::MAX),
        minutes_max: None,
        ..plain.clone()
    };
    for settings in [&plain, &set] {
        let mut write = Write::new();
        settings_put(&mut write, settings);
        db.write(write).await.unwrap();
    }
    assert_eq!(settings_list(&db).await.unwrap(), [set]);
}

async fn secrets_are_kept_sealed(db: Database) {
    let seal = seal();
    let secret = |id: &str, owner| SharedSecret {
        id: id.into(),
        owner,
        secret: Secret::new(format!("of {id}")),
        note: "Moodle".into(),
        created_ms: NOW_MS,
    };
    let (a, b) = (secret("a", SecretOwner::Tenant(tenant_id(1))), secret("b", SecretOwner::Operators));
    for secret in [&a, &b] {
        db.write(Write::new().step(secret_insert(secret, &seal))).await.unwrap();
    }
    assert_eq!(secret_list(&db, &seal).await.unwrap(), [a, b.clone()]);
    assert!(secret_list(&db, &super::seal()).await.unwrap().is_empty(), "another key opens none of them");
    db.write(Write::new().step(secret_delete("a"))).await.unwrap();
    assert_eq!(secret_list(&db, &seal).await.unwrap(), [b]);
}
