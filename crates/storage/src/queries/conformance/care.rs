//! The care of data.

use db::{Database, DbError};

use super::{NOW_MS, SPACE, VOLUME, apply, change, file, name, prepare, stripe};
use crate::model::effect::Effect;
use crate::queries::care::{
    ScrubState, cared_volumes, placed_counts, placed_list, rebuild_ask, scrub_list, scrub_progress, scrub_put,
    set_list, stripe_range, stripes_forget, stripes_move, trash_goes, trash_list, trash_spare,
};
use crate::queries::snapshot::{SNAPSHOTS, snapshots_expect_fewer, space_copy};
use crate::queries::stripe::{set_insert, stripe_find};

testkit::for_each_engine!(crate::migrations(); stripes_that_go_are_cared_for_no_more, stripes_move_where_they_still_are,
    scrubs_go_on_where_they_were, a_rebuild_is_asked_for, snapshots_are_counted);

async fn stripes_that_go_are_cared_for_no_more(db: Database) {
    prepare(&db).await;
    let remove = |text, ino| {
        let parent = super::ROOT;
        [Effect::EntryRemove { parent, name: name(text), ino }, Effect::InodeRemove { ino }]
    };
    apply(&db, [file(100, "a"), file(101, "b"), file(102, "c")].concat()).await.unwrap();
    let kept = Effect::StripePut { ino: 100, number: 1, stripe: stripe(1_020, 8_192) };
    apply(&db, [vec![kept], remove("b", 101).to_vec(), remove("c", 102).to_vec()].concat()).await.unwrap();
    let counted = async || {
        let counts = placed_counts(&db).await.unwrap();
        counts.iter().map(|count| (count.stripes, count.bytes)).collect::<Vec<_>>()
    };
    assert_eq!(counted().await, [(3, 24_576)]);

    change(&db, |w| trash_goes(w, &[1_000, 1_010, 1_020])).await.unwrap();
    assert_eq!(counted().await, [(2, 16_384)], "what is in no trash stays, and what something refers to");
    let set = placed_counts(&db).await.unwrap()[0].set;
    let listed = placed_list(&db, VOLUME, set, 0, 9).await.unwrap();
    assert_eq!(listed.iter().map(|stripe| stripe.id).collect::<Vec<_>>(), [1_000, 1_020]);
    let range = stripe_range(&db, VOLUME, (0, 9_999), 9).await.unwrap();
    assert_eq!(range.iter().map(|on| on.stripe.id).collect::<Vec<_>>(), [1_000, 1_020]);
    assert_eq!(trash_list(&db, VOLUME, NOW_MS, 0, 9).await.unwrap(), [stripe(1_010, 8_192)]);

    apply(&db, remove("a", 100).to_vec()).await.unwrap();
    change(&db, |w| trash_goes(w, &[1_000, 1_020])).await.unwrap();
    assert_eq!(counted().await, []);
    change(&db, |w| stripes_forget(w, &[1_000, 1_010, 1_020])).await.unwrap();
    assert_eq!(super::count(&db, "storage_trash").await + super::count(&db, "storage_stripe").await, 0);
}

async fn stripes_move_where_they_still_are(db: Database) {
    prepare(&db).await;
    apply(&db, [file(100, "a"), file(101, "b")].concat()).await.unwrap();
    let sets = set_list(&db).await.unwrap();
    assert_eq!(sets.iter().map(|set| set.stores.clone()).collect::<Vec<_>>(), [[6, 5, 4, 3, 2, 1]]);
    let (old, new) = (sets[0].id, sets[0].id + 1);
    change(&db, |w| set_insert(w, &[(new, "6,5,4,3,2,7".to_owned())])).await.unwrap();
    change(&db, |w| stripes_move(w, &[(1_000, old, new), (1_010, new, old), (7, old, new)])).await.unwrap();
    let found = async |id| stripe_find(&db, SPACE, id).await.unwrap().map(|stripe| stripe.stores[5]);
    assert_eq!((found(1_000).await, found(1_010).await, found(7).await), (Some(7), Some(1), None));
    assert_eq!(stripe_find(&db, SPACE + 1, 1_000).await.unwrap(), None);

    let spared = "INSERT INTO storage_trash (stripe, since_ms) VALUES (1000, 5), (1010, 7), (7, 5)";
    change(&db, |w| w.push_step(db::Query::new(spared))).await.unwrap();
    change(&db, |w| trash_spare(w, 5)).await.unwrap();
    assert_eq!(super::count(&db, "storage_trash WHERE stripe <> 1000").await, 2);
}

async fn scrubs_go_on_where_they_were(db: Database) {
    let fresh = ScrubState { store: 3, begun_ms: NOW_MS, ..ScrubState::default() };
    change(&db, |w| scrub_put(w, &fresh)).await.unwrap();
    let on = ScrubState { at: Some((VOLUME, 1 << 40, 5)), bytes: 1 << 40, damaged: 1, ..fresh.clone() };
    change(&db, |w| scrub_progress(w, &on)).await.unwrap();
    change(&db, |w| scrub_progress(w, &ScrubState { begun_ms: 1, damaged: 9, ..on.clone() })).await.unwrap();
    assert_eq!(scrub_list(&db).await.unwrap(), [on]);
    change(&db, |w| scrub_put(w, &fresh)).await.unwrap();
    assert_eq!(scrub_list(&db).await.unwrap(), [fresh]);
}

async fn a_rebuild_is_asked_for(db: Database) {
    prepare(&db).await;
    for asked_ms in [NOW_MS, 0] {
        change(&db, |w| rebuild_ask(w, VOLUME, asked_ms)).await.unwrap();
        let volumes = cared_volumes(&db).await.unwrap();
        assert_eq!(volumes.iter().map(|volume| volume.rebuild_asked_ms).collect::<Vec<_>>(), [asked_ms]);
    }
}

async fn snapshots_are_counted(db: Database) {
    prepare(&db).await;
    change(&db, |w| snapshots_expect_fewer(w, SPACE, 1)).await.unwrap();
    let taken = crate::model::space::Space { id: 20, name: "home@a".into(), parent: Some(SPACE), ..super::space() };
    change(&db, |w| space_copy(w, SPACE, &taken)).await.unwrap();
    let refused = change(&db, |w| snapshots_expect_fewer(w, SPACE, 1)).await;
    assert!(matches!(refused, Err(DbError::Unmet { guard: SNAPSHOTS })), "{refused:?}");
    change(&db, |w| snapshots_expect_fewer(w, SPACE, 2)).await.unwrap();
}
