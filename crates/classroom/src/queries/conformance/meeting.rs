//! Meetings and how many came.

use db::{Database, DbError, Write};

use super::{NOW_MS, tenant_id};
use crate::model::meeting::{Callbacks, Meeting, MeetingId, MeetingKey};
use crate::model::server::ServerId;
use crate::model::tenant::TenantSettings;
use crate::queries::meeting::{
    history_get, history_prune, history_put, meeting_by_token, meeting_by_voice_bridge, meeting_delete, meeting_get,
    meeting_holders, meeting_insert, meeting_insert_below, meeting_move, meeting_page, meeting_set_callbacks,
    meetings_delete_on,
};
use crate::queries::tenant::settings_put;

testkit::for_each_engine!(crate::migrations();
    a_name_is_taken_once_in_a_tenant, a_meeting_moves_once, as_many_as_may_are_made_however_many_at_once, meetings_go_with_their_server, history_is_the_last_time);

fn meeting(tenant: u8, id: &str, server: &str) -> Meeting {
    Meeting {
        key: MeetingKey { tenant: tenant_id(tenant), id: MeetingId::parse(id).unwrap() },
        server: ServerId::parse(server).unwrap(),
        epoch: 1,
        voice_bridge: None,
        token: format!("{tenant}-{id}"),
        name: "Algèbre ∑".into(),
        callbacks: Callbacks { ended: Some("https://lms/?a=1&b='2'".into()), analytics: None },
        created_ms: NOW_MS,
    }
}

async fn put(db: &Database, meeting: &Meeting) -> Result<Vec<u64>, DbError> {
    db.write(Write::new().step(meeting_insert(meeting))).await
}

async fn a_name_is_taken_once_in_a_tenant(db: Database) {
    // Case and accents tell names apart; so do all 256 characters.
    let long = "é".repeat(256);
    let names = ["algebra", "Algebra", "algèbra", &long, &long[2..]];
    for (n, name) in (1i64..).zip(names) {
        put(&db, &Meeting { voice_bridge: Some(n), token: n.to_string(), ..meeting(1, name, "a") }).await.unwrap();
    }
    assert!(matches!(
        put(&db, &Meeting { token: "x".into(), ..meeting(1, "algebra", "b") }).await,
        Err(DbError::Duplicate)
    ));
    let other = Meeting { voice_bridge: Some(1), ..meeting(2, "algebra", "b") };
    assert!(matches!(put(&db, &other).await, Err(DbError::Duplicate)), "the number is another meeting's");
    let other = Meeting { voice_bridge: None, ..other };
    put(&db, &other).await.unwrap();
    let twin = meeting(3, "algebra", "b");
    assert!(matches!(put(&db, &twin).await, Err(DbError::Duplicate)), "the server knows one meeting of a name");
    put(&db, &Meeting { server: ServerId::parse("c").unwrap(), ..twin }).await.unwrap();
    let mut holders = meeting_holders(&db, &other.key.id).await.unwrap();
    holders.sort();
    assert_eq!(holders, ["a", "b", "c"].map(|id| ServerId::parse(id).unwrap()));
    assert_eq!(meeting_get(&db, &other.key).await.unwrap(), Some(other.clone()));
    assert_eq!(meeting_by_token(&db, "2-algebra").await.unwrap(), Some(other));
    assert_eq!(meeting_by_token(&db, "2-Algebra").await.unwrap(), None);
    let dialled = meeting_by_voice_bridge(&db, 2).await.unwrap().unwrap();
    assert_eq!(dialled.key.id.as_str(), "Algebra");
    assert_eq!(meeting_by_voice_bridge(&db, 999).await.unwrap(), None);
    let all = meeting_page(&db, None, 100).await.unwrap();
    assert_eq!(all.len(), names.len() + 2);
    for (n, meeting) in all.iter().enumerate() {
        assert_eq!(
            meeting_page(&db, Some(&meeting.key), 2).await.unwrap(),
            all[n + 1..].iter().take(2).cloned().collect::<Vec<_>>()
        );
    }
}

async fn a_meeting_moves_once(db: Database) {
    let old = meeting(1, "algebra", "a");
    put(&db, &old).await.unwrap();
    let to = |server: &str| {
        let server = ServerId::parse(server).unwrap();
        Write::new().expect("moved", meeting_move(&old, &server, NOW_MS + 5))
    };
    db.write(to("b")).await.unwrap();
    assert!(
        matches!(db.write(to("c")).await, Err(DbError::Unmet { .. })),
        "by whom it was moved, it is where they say"
    );
    let moved = Meeting { server: ServerId::parse("b").unwrap(), epoch: 2, created_ms: NOW_MS + 5, ..old.clone() };
    assert_eq!(meeting_get(&db, &old.key).await.unwrap(), Some(moved.clone()));
    let told = Meeting { name: "B".into(), callbacks: Callbacks::default(), ..moved.clone() };
    db.write(Write::new().step(meeting_set_callbacks(&told))).await.unwrap();
    assert_eq!(meeting_get(&db, &old.key).await.unwrap(), Some(told));
    assert_eq!(
        db.write(Write::new().step(meeting_delete(&old))).await.unwrap(),
        [0],
        "the moved one is not the old one"
    );
    assert_eq!(db.write(Write::new().step(meeting_delete(&moved))).await.unwrap(), [1]);
}

async fn as_many_as_may_are_made_however_many_at_once(db: Database) {
    const MOST: u32 = 3;
    let settings = TenantSettings { meetings_max: Some(MOST), ..TenantSettings::new(tenant_id(1)) };
    let mut write = Write::new();
    settings_put(&mut write, &settings);
    db.write(write).await.unwrap();
    let below = |tenant: u8, name: String| {
        let db = db.clone();
        async move {
            let mut write = Write::new();
            meeting_insert_below(&mut write, &Meeting { voice_bridge: None, ..meeting(tenant, &name, "a") });
            db.write(write).await
        }
    };
    let made = futures::future::join_all((0..10).map(|n| below(1, format!("m-{n}")))).await;
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), MOST as usize, "{made:?}");
    assert!(
        made.iter().flat_map(|made| made.as_ref().err()).all(|error| matches!(error, DbError::Unmet { .. })),
        "{made:?}"
    );
    let mut write = Write::new();
    settings_put(&mut write, &TenantSettings::new(tenant_id(2)));
    db.write(write).await.unwrap();
    below(2, "no limit".into()).await.unwrap();
    assert!(matches!(below(2, "no limit".into()).await, Err(DbError::Duplicate)));
    assert_eq!(meeting_page(&db, None, 9).await.unwrap().len(), MOST as usize + 1);
}

async fn meetings_go_with_their_server(db: Database) {
    for (id, server) in [("one", "a"), ("two", "a"), ("three", "b")] {
        put(&db, &meeting(1, id, server)).await.unwrap();
    }
    db.write(Write::new().step(meetings_delete_on(&ServerId::parse("a").unwrap()))).await.unwrap();
    assert_eq!(meeting_page(&db, None, 9).await.unwrap(), [meeting(1, "three", "b")]);
}

async fn history_is_the_last_time(db: Database) {
    let key = meeting(1, "algebra", "a").key;
    assert_eq!(history_get(&db, &key).await.unwrap(), None);
    for (attendees, at_ms) in [(30, NOW_MS), (12, NOW_MS + 1)] {
        let mut write = Write::new();
        history_put(&mut write, &key, attendees, at_ms);
        db.write(write).await.unwrap();
    }
    assert_eq!(history_get(&db, &key).await.unwrap(), Some(12));
    db.write(Write::new().step(history_prune(NOW_MS + 1))).await.unwrap();
    assert_eq!(history_get(&db, &key).await.unwrap(), Some(12));
    db.write(Write::new().step(history_prune(NOW_MS + 2))).await.unwrap();
    assert_eq!(history_get(&db, &key).await.unwrap(), None);
}
