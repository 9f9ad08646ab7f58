//! Conference servers.

use db::{Database, DbError, Write};
use placement::AdminState;
use portal::Secret;

use super::{NOW_MS, seal, tenant_id};
use crate::model::meeting::{Callbacks, Meeting, MeetingId, MeetingKey};
use crate::model::server::{Server, ServerId};
use crate::queries::meeting::meeting_insert;
use crate::queries::server::{
    server_delete_empty, server_disable_drained, server_insert, server_list, server_seen_ms, server_set_state,
    server_update, servers_seen,
};

testkit::for_each_engine!(crate::migrations();
    servers_are_kept_with_their_secrets, a_server_changes_once, a_server_with_meetings_stays);

pub(super) fn server(id: &str) -> Server {
    Server {
        id: ServerId::parse(id).unwrap(),
        url: format!("https://{id}.example.org/bigbluebutton/api"),
        secret: Secret::new(format!("secret of {id}")),
        tag: String::new(),
        weight: 100,
        state: AdminState::Enabled,
        created_ms: NOW_MS,
    }
}

async fn servers_are_kept_with_their_secrets(db: Database) {
    let seal = seal();
    let (a, b) = (server("a"), Server { tag: "gpu".into(), created_ms: NOW_MS - 1, ..server("b") });
    for server in [&a, &b] {
        db.write(Write::new().step(server_insert(server, &seal))).await.unwrap();
    }
    assert_eq!(server_list(&db, &seal).await.unwrap(), [b, a.clone()]);
    let twin = Server { id: ServerId::parse("c").unwrap(), ..a.clone() };
    let twice = db.write(Write::new().step(server_insert(&twin, &seal))).await;
    assert!(matches!(twice, Err(DbError::Duplicate)), "its address is there: {twice:?}");
    let other = super::seal();
    assert_eq!(server_list(&db, &other).await.unwrap()[1].secret.expose(), "", "sealed by another key");
}

async fn a_server_changes_once(db: Database) {
    let seal = seal();
    let a = server("a");
    db.write(Write::new().step(server_insert(&a, &seal))).await.unwrap();
    let changed = Server { weight: 50, state: AdminState::Cordoned, tag: "law".into(), ..a.clone() };
    let change = || Write::new().expect("server", server_update(&changed, AdminState::Enabled, false, &seal));
    db.write(change()).await.unwrap();
    assert!(matches!(db.write(change()).await, Err(DbError::Unmet { .. })));
    assert_eq!(server_list(&db, &seal).await.unwrap(), [changed]);
    let drained = || Write::new().expect("cordoned", server_disable_drained(&a.id));
    db.write(drained()).await.unwrap();
    assert!(matches!(db.write(drained()).await, Err(DbError::Unmet { .. })));
    db.write(Write::new().step(server_set_state(&a.id, AdminState::Enabled))).await.unwrap();
    assert_eq!(server_list(&db, &seal).await.unwrap()[0].state, AdminState::Enabled);
}

async fn a_server_with_meetings_stays(db: Database) {
    let seal = seal();
    for server in [server("a"), server("b")] {
        db.write(Write::new().step(server_insert(&server, &seal))).await.unwrap();
    }
    let meeting = Meeting {
        key: MeetingKey { tenant: tenant_id(1), id: MeetingId::parse("algebra").unwrap() },
        server: server("a").id,
        epoch: 1,
        voice_bridge: None,
        token: "t".into(),
        name: String::new(),
        callbacks: Callbacks::default(),
        created_ms: NOW_MS,
    };
    db.write(Write::new().step(meeting_insert(&meeting))).await.unwrap();
    let delete = |id: &str| Write::new().expect("server", server_delete_empty(&ServerId::parse(id).unwrap()));
    assert!(matches!(db.write(delete("a")).await, Err(DbError::Unmet { .. })));
    let disabled = Server { state: AdminState::Disabled, ..server("a") };
    let disable =
        |only_empty| Write::new().expect("empty", server_update(&disabled, AdminState::Enabled, only_empty, &seal));
    assert!(matches!(db.write(disable(true)).await, Err(DbError::Unmet { .. })));
    db.write(Write::new().step(server_set_state(&disabled.id, AdminState::Cordoned))).await.unwrap();
    let drained = Write::new().expect("cordoned", server_disable_drained(&disabled.id));
    assert!(matches!(db.write(drained).await, Err(DbError::Unmet { .. })));
    db.write(Write::new().step(server_set_state(&disabled.id, AdminState::Enabled))).await.unwrap();
    let mut seen = Write::new();
    servers_seen(&mut seen, &[server("a").id, server("b").id, server("none").id], NOW_MS + 7);
    db.write(seen).await.unwrap();
    assert_eq!(server_seen_ms(&db, &server("a").id).await.unwrap(), NOW_MS + 7);
    assert_eq!(server_seen_ms(&db, &server("none").id).await.unwrap(), 0);
    db.write(delete("b")).await.unwrap();
    assert_eq!(server_list(&db, &seal).await.unwrap(), [server("a")]);
}
