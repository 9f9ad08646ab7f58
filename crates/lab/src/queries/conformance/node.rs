//! Nodes and join tokens.

use db::{Database, DbError};

use super::{NOW_MS, change, connect, connected, hello, job, lease, node, submit};
use crate::model::node::{AdminState, InstalledTool, Node, NodeId};
use crate::queries::node::{
    node_connect, node_delete, node_disconnect, node_find, node_get, node_insert, node_list, node_list_expired,
    node_must_be_silent, node_names, node_seen, node_token_insert, node_token_prune, node_token_use, node_tools_set,
    node_update,
};

testkit::for_each_engine!(crate::migrations();
    a_node_is_read_back_whole, a_name_is_taken_once, an_operator_changes_a_node, one_connection_takes_the_lease,
    only_the_present_lease_is_heard, a_token_is_used_once, old_tokens_are_pruned, a_silent_node_with_runs_is_found);

async fn a_node_is_read_back_whole(db: Database) {
    let (zoe, amy) = (node("zoe"), node("amy"));
    for wanted in [&zoe, &amy] {
        change(&db, |w| node_insert(w, wanted)).await.unwrap();
    }
    let by_id = node_get(&db, zoe.id).await.unwrap().unwrap();
    assert_eq!(format!("{by_id:?}"), format!("{zoe:?}"));
    assert_eq!(node_find(&db, "zoe").await.unwrap().unwrap().id, zoe.id);
    assert_eq!(node_find(&db, &zoe.id.to_string()).await.unwrap().unwrap().name, "zoe");
    assert!(node_find(&db, "ZOE").await.unwrap().is_none());
    assert!(node_get(&db, NodeId::generate()).await.unwrap().is_none());
    let names: Vec<_> = node_list(&db).await.unwrap().into_iter().map(|node| node.name).collect();
    assert_eq!(names, ["amy", "zoe"]);
    let named = |n: &crate::model::node::Node| (n.id, n.name.clone(), AdminState::Enabled);
    assert_eq!(node_names(&db).await.unwrap(), [named(&amy), named(&zoe)]);
}

async fn a_name_is_taken_once(db: Database) {
    let enrolments = (0..8).map(|_| {
        let db = db.clone();
        tokio::spawn(async move { change(&db, |w| node_insert(w, &node("lab-a"))).await })
    });
    let mut entered = 0;
    for enrolment in enrolments.collect::<Vec<_>>() {
        match enrolment.await.unwrap() {
            Ok(_) => entered += 1,
            Err(error) => assert!(matches!(error, DbError::Duplicate), "{error:?}"),
        }
    }
    assert_eq!(entered, 1);
    let read = node("lab-b");
    change(&db, |w| node_insert(w, &read)).await.unwrap();
    let other = Node { name: "lab-a".into(), ..read.clone() };
    assert!(matches!(change(&db, |w| node_update(w, &read, &other)).await, Err(DbError::Duplicate)));
}

async fn an_operator_changes_a_node(db: Database) {
    let holder = connected(&db, "lab-a", "replica-1").await;
    let read = node_get(&db, holder.node).await.unwrap().unwrap();
    let mut wanted = read.clone();
    wanted.name = "lab-b".into();
    wanted.state = AdminState::Disabled;
    wanted.slots = 9;
    wanted.labels.clear();
    change(&db, |w| node_update(w, &read, &wanted)).await.unwrap();
    change(&db, |w| node_update(w, &wanted, &wanted)).await.unwrap();
    let late = change(&db, |w| node_update(w, &read, &Node { slots: 1, ..read.clone() })).await;
    assert!(matches!(late, Err(DbError::Unmet { guard: "node" })), "it has changed since it was read: {late:?}");
    assert_eq!(format!("{:?}", node_get(&db, holder.node).await.unwrap().unwrap()), format!("{wanted:?}"));
    let busy = connected(&db, "lab-c", "replica-1").await;
    let run = submit(&db, &job("ada")).await;
    assert!(lease(&db, run.id, &busy).await);
    let refused = change(&db, |w| node_delete(w, busy.node)).await;
    assert!(matches!(refused, Err(DbError::Unmet { guard: "node" })), "it has a run: {refused:?}");
    change(&db, |w| node_delete(w, holder.node)).await.unwrap();
    assert_eq!(node_list(&db).await.unwrap().len(), 1);
    let changed = change(&db, |w| node_update(w, &wanted, &wanted)).await;
    for gone in [change(&db, |w| node_delete(w, holder.node)).await, changed] {
        assert!(matches!(gone, Err(DbError::Unmet { guard: "node" })), "{gone:?}");
    }
}

async fn one_connection_takes_the_lease(db: Database) {
    let wanted = node("lab-a");
    change(&db, |w| node_insert(w, &wanted)).await.unwrap();
    let replicas = (0..8).map(|index| {
        let (db, wanted) = (db.clone(), wanted.clone());
        tokio::spawn(async move {
            let replica = format!("replica-{index}");
            let taken = change(&db, |w| node_connect(w, &wanted, 1, &replica, &hello(), NOW_MS)).await;
            taken.map(|_| replica)
        })
    });
    let mut holders = Vec::new();
    for replica in replicas.collect::<Vec<_>>() {
        match replica.await.unwrap() {
            Ok(replica) => holders.push(replica),
            Err(error) => assert!(matches!(error, DbError::Unmet { guard: "node-epoch" }), "{error:?}"),
        }
    }
    let stored = node_get(&db, wanted.id).await.unwrap().unwrap();
    assert_eq!(holders, std::slice::from_ref(&stored.replica));
    assert_eq!((stored.epoch, stored.connected, stored.last_seen_ms), (1, true, NOW_MS));
    assert_eq!((stored.boot_id.as_str(), stored.inventory), ("boot-1", hello().inventory));
}

async fn only_the_present_lease_is_heard(db: Database) {
    let old = connected(&db, "lab-a", "replica-1").await;
    let new = connect(&db, old.node, "replica-2").await;
    change(&db, |w| {
        node_disconnect(w, old.node, old.epoch);
        node_seen(w, old.node, old.epoch, NOW_MS + 1_000);
    })
    .await
    .unwrap();
    let stored = node_get(&db, old.node).await.unwrap().unwrap();
    assert_eq!((stored.connected, stored.last_seen_ms, stored.replica.as_str()), (true, NOW_MS, "replica-2"));
    let tools = vec![InstalledTool { name: "mtr".into(), version: "0.95".into() }];
    change(&db, |w| {
        node_seen(w, new.node, new.epoch, NOW_MS + 2_000);
        node_tools_set(w, new.node, &tools);
        node_disconnect(w, new.node, new.epoch);
    })
    .await
    .unwrap();
    let stored = node_get(&db, old.node).await.unwrap().unwrap();
    assert_eq!((stored.connected, stored.last_seen_ms, stored.tools), (false, NOW_MS + 2_000, tools));
}

async fn a_token_is_used_once(db: Database) {
    change(&db, |w| node_token_insert(w, "hash", "ada", NOW_MS, NOW_MS + 1_000)).await.unwrap();
    for (hash, at_ms) in [("other", NOW_MS), ("hash", NOW_MS + 1_000)] {
        let refused = change(&db, |w| node_token_use(w, hash, at_ms)).await;
        assert!(matches!(refused, Err(DbError::Unmet { guard: "node-token" })), "{hash} at {at_ms}");
    }
    let uses = (0..8).map(|_| {
        let db = db.clone();
        tokio::spawn(async move { change(&db, |w| node_token_use(w, "hash", NOW_MS)).await.is_ok() })
    });
    let mut used = 0;
    for task in uses.collect::<Vec<_>>() {
        used += usize::from(task.await.unwrap());
    }
    assert_eq!(used, 1);
}

async fn old_tokens_are_pruned(db: Database) {
    change(&db, |w| node_token_insert(w, "old", "", NOW_MS, NOW_MS + 1)).await.unwrap();
    change(&db, |w| node_token_insert(w, "new", "", NOW_MS, NOW_MS + 2)).await.unwrap();
    assert_eq!(change(&db, |w| node_token_prune(w, NOW_MS + 2)).await.unwrap(), [1]);
    assert!(change(&db, |w| node_token_use(w, "old", NOW_MS)).await.is_err());
    change(&db, |w| node_token_use(w, "new", NOW_MS)).await.unwrap();
}

async fn a_silent_node_with_runs_is_found(db: Database) {
    let busy = connected(&db, "busy", "replica-1").await;
    let idle = connected(&db, "idle", "replica-1").await;
    let run = submit(&db, &job("ada")).await;
    assert!(lease(&db, run.id, &busy).await);
    assert!(node_list_expired(&db, NOW_MS).await.unwrap().is_empty());
    let silent = |before_ms| change(&db, move |w| node_must_be_silent(w, busy.node, before_ms));
    silent(NOW_MS + 1).await.unwrap();
    let heard = silent(NOW_MS).await;
    assert!(matches!(heard, Err(DbError::Unmet { guard: "node-silent" })), "{heard:?}");
    let expired = node_list_expired(&db, NOW_MS + 1).await.unwrap();
    assert_eq!(expired.iter().map(|node| (node.id, node.running)).collect::<Vec<_>>(), [(busy.node, 1)]);
    assert_eq!(node_get(&db, idle.node).await.unwrap().unwrap().running, 0);
}
