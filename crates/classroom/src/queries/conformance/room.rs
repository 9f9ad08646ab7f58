//! Rooms.

use db::{Database, DbError, Query, Write};
use portal::{AccountId, Secret};

use super::{NOW_MS, tenant_id};
use crate::model::meeting::MeetingId;
use crate::model::room::{Entrance, Passwords, ROOMS_MAX, Record, Room, RoomId, RoomSettings};
use crate::queries::room::{
    RoomFilter, Whose, room_by_invitation, room_delete, room_get, room_insert, room_list, room_set_invitation,
    room_update, rooms_delete,
};

testkit::for_each_engine!(crate::migrations();
    a_room_is_kept_and_changed, rooms_are_listed_newest_first, nobody_has_more_rooms_than_one_may_have);

fn account(n: u8) -> AccountId {
    AccountId::parse(&format!("00000000-0000-7000-8000-0000000001{n:02x}")).unwrap()
}

fn room(n: u32, owner: u8) -> Room {
    Room {
        id: RoomId::parse(&format!("00000000-0000-7000-8000-{n:012x}")).unwrap(),
        tenant: tenant_id(1),
        owner: account(owner),
        owner_name: "Ada".into(),
        name: format!("Algèbre \"{n}\" 📐"),
        meeting_id: MeetingId::parse(&format!("meeting-{n}")).unwrap(),
        invitation: Secret::new(format!("{n:032x}")),
        passwords: Passwords { moderator: Secret::new("mp".into()), viewer: Secret::new("vp".into()) },
        settings: RoomSettings { welcome: "Hello\n\\ 'all'".into(), people_max: Some(30), ..RoomSettings::default() },
        created_ms: NOW_MS,
    }
}

async fn insert(db: &Database, room: &Room) -> Result<(), DbError> {
    db.write(Write::new().expect("few", room_insert(room))).await.map(|_| ())
}

async fn a_room_is_kept_and_changed(db: Database) {
    let a = room(1, 1);
    insert(&db, &a).await.unwrap();
    assert_eq!(room_get(&db, &a.id).await.unwrap(), Some(a.clone()));
    assert_eq!(room_get(&db, &RoomId::new()).await.unwrap(), None);
    let settings = RoomSettings { record: Record::Automatic, entrance: Entrance::Account, ..RoomSettings::default() };
    let changed = Room { name: "B".into(), settings, ..a.clone() };
    db.write(Write::new().expect("room", room_update(&changed))).await.unwrap();
    let renewed = Room { invitation: Secret::new("f".repeat(32)), ..changed };
    db.write(Write::new().expect("room", room_set_invitation(&a.id, &renewed.invitation))).await.unwrap();
    assert_eq!(room_by_invitation(&db, a.invitation.expose()).await.unwrap(), None, "the old link is dead");
    assert_eq!(room_by_invitation(&db, renewed.invitation.expose()).await.unwrap(), Some(renewed));
    let delete = || Write::new().expect("room", room_delete(&a.id));
    db.write(delete()).await.unwrap();
    assert!(matches!(db.write(delete()).await, Err(DbError::Unmet { .. })));
}

async fn rooms_are_listed_newest_first(db: Database) {
    let mut rooms: Vec<Room> = (0..6).map(|n| room(n, (n % 2) as u8)).collect();
    rooms[3].settings.entrance = Entrance::Account;
    rooms[4].tenant = tenant_id(2);
    for room in &rooms {
        insert(&db, room).await.unwrap();
    }
    let all = RoomFilter { tenant: None, whose: Whose::Everybodys, entrance: None, after: None, limit: 100 };
    let listed = async |filter: RoomFilter| -> Vec<usize> {
        let found = room_list(&db, &filter).await.unwrap();
        found.iter().map(|found| rooms.iter().position(|room| room == found).unwrap()).collect()
    };
    assert_eq!(listed(all.clone()).await, [5, 4, 3, 2, 1, 0]);
    assert_eq!(listed(RoomFilter { limit: 2, ..all.clone() }).await, [5, 4]);
    assert_eq!(listed(RoomFilter { after: Some(rooms[4].id.clone()), limit: 2, ..all.clone() }).await, [3, 2]);
    let of_one = RoomFilter { tenant: Some(tenant_id(1)), ..all.clone() };
    assert_eq!(listed(RoomFilter { whose: Whose::Of(account(0)), ..of_one.clone() }).await, [2, 0]);
    assert_eq!(listed(RoomFilter { whose: Whose::NotOf(account(0)), ..of_one.clone() }).await, [5, 3, 1]);
    assert_eq!(listed(RoomFilter { entrance: Some(Entrance::Account), ..of_one }).await, [3]);
    let mut write = Write::new();
    rooms_delete(&mut write, &account(1));
    db.write(write).await.unwrap();
    assert_eq!(listed(all).await, [4, 2, 0]);
}

async fn nobody_has_more_rooms_than_one_may_have(db: Database) {
    let mut write = Write::new();
    for n in 0..u32::try_from(ROOMS_MAX).unwrap() {
        write = write.expect("few", room_insert(&room(n, 1)));
    }
    db.write(write).await.unwrap();
    assert!(matches!(insert(&db, &room(1_000, 1)).await, Err(DbError::Unmet { .. })));
    insert(&db, &room(1_000, 2)).await.unwrap();
    let twin = Room { id: RoomId::new(), ..room(1_000, 2) };
    assert!(matches!(insert(&db, &twin).await, Err(DbError::Duplicate)), "its meeting and its link are another's");
    let rows = db.one(Query::new("SELECT COUNT(*) AS n FROM classroom_room")).await.unwrap();
    assert_eq!(rows.get::<i64>("n").unwrap(), ROOMS_MAX + 1);
}
