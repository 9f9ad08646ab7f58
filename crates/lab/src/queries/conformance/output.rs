//! Output of runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use db::{Database, Engine, Query};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::{NOW_MS, change, job, output_insert, submit};
use crate::link::Intake;
use crate::model::run::RunId;
use crate::queries::output::{Chunk, output_end, output_list, outputs_insert};

testkit::for_each_engine!(crate::migrations();
    output_is_kept_byte_for_byte, the_first_of_two_stays, output_is_read_in_parts,
    output_of_a_deleted_run_is_dropped, what_is_refused_of_one_node_fails_no_other);

fn chunk(seq: i64, data: &[u8]) -> Chunk {
    Chunk { seq, channel: seq % 2, at_ms: NOW_MS + seq, data: data.to_vec() }
}

async fn output_is_kept_byte_for_byte(db: Database) {
    let run = submit(&db, &job("ada")).await.id;
    let every_byte: Vec<u8> = (0..=255).cycle().take(32 * 1024).collect();
    let chunks = [chunk(0, &every_byte), chunk(1, b""), chunk(2, "😀".as_bytes()), chunk(3, b"\xff\0'")];
    for chunk in chunks.iter().rev() {
        change(&db, |w| output_insert(w, run, chunk)).await.unwrap();
    }
    assert_eq!(output_list(&db, run, 0, u32::MAX).await.unwrap(), chunks);
    assert!(output_list(&db, RunId::generate(), 0, u32::MAX).await.unwrap().is_empty());
}

async fn the_first_of_two_stays(db: Database) {
    let (run, other) = (submit(&db, &job("ada")).await.id, submit(&db, &job("ada")).await.id);
    change(&db, |w| {
        output_insert(w, run, &chunk(0, b"first"));
        output_insert(w, run, &chunk(0, b"second, in one transaction"));
    })
    .await
    .unwrap();
    change(&db, |w| output_insert(w, run, &chunk(0, b"third"))).await.unwrap();
    change(&db, |w| output_insert(w, other, &chunk(0, b"of another run"))).await.unwrap();
    assert_eq!(output_list(&db, run, 0, 9).await.unwrap(), [chunk(0, b"first")]);
    let both = [b"first".as_slice(), b"second, in one statement"].map(|data| (run, Arc::new(chunk(1, data))));
    change(&db, |w| outputs_insert(w, &both)).await.unwrap();
    assert_eq!(output_list(&db, run, 1, 9).await.unwrap(), [chunk(1, b"first")]);
}

async fn output_is_read_in_parts(db: Database) {
    let run = submit(&db, &job("ada")).await.id;
    let chunks: Vec<_> = (0..7).map(|seq| chunk(seq, b"a")).collect();
    change(&db, |w| chunks.iter().for_each(|chunk| output_insert(w, run, chunk))).await.unwrap();
    assert_eq!(output_list(&db, run, 0, 3).await.unwrap(), chunks[..3]);
    assert_eq!(output_list(&db, run, 3, 3).await.unwrap(), chunks[3..6]);
    assert_eq!(output_list(&db, run, 6, 3).await.unwrap(), chunks[6..]);
    assert!(output_list(&db, run, 7, 3).await.unwrap().is_empty());
    assert_eq!(output_end(&db, run).await.unwrap(), 7);
    assert_eq!(output_end(&db, RunId::generate()).await.unwrap(), 0);
}

async fn output_of_a_deleted_run_is_dropped(db: Database) {
    let gone = RunId::generate();
    assert_eq!(change(&db, |w| output_insert(w, gone, &chunk(0, b"x"))).await.unwrap(), [0]);
    assert!(output_list(&db, gone, 0, 9).await.unwrap().is_empty());
}

async fn what_is_refused_of_one_node_fails_no_other(db: Database) {
    const CHANNEL: i64 = 70_000;
    if db.engine() == Engine::Sqlite {
        // It alone has no column of two bytes.
        let refuse = "CREATE TRIGGER lab_output_channel BEFORE INSERT ON lab_output WHEN NEW.channel = 70000 \
             BEGIN SELECT RAISE(ABORT, 'out of range'); END";
        change(&db, |w| w.push_step(Query::new(refuse))).await.unwrap();
    }
    let (first, good) = (submit(&db, &job("ada")).await.id, submit(&db, &job("ada")).await.id);
    let bad = submit(&db, &job("eve")).await.id;
    let (begun, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (intake, tracker) = (Intake::default(), TaskTracker::new());
    let store = |run, chunk: Chunk| {
        let (intake, tracker, db) = (intake.clone(), tracker.clone(), db.clone());
        let (begun, gate) = (begun.clone(), gate.clone());
        let write = move |write| {
            let (db, begun, gate) = (db.clone(), begun.clone(), gate.clone());
            async move {
                begun.add_permits(1);
                gate.acquire().await.unwrap().forget();
                db.write(write).await
            }
        };
        async move { intake.store(&tracker, vec![(run, Arc::new(chunk))], BTreeSet::new(), write).await }
    };
    let under_way = tokio::spawn(store(first, chunk(0, b"first")));
    begun.acquire().await.unwrap().forget();
    let refused = store(bad, Chunk { channel: CHANNEL, ..chunk(0, b"bad") });
    let open = async { gate.add_permits(9) };
    let (refused, kept, ()) = futures::join!(refused, store(good, chunk(0, b"good")), open);
    assert!(under_way.await.unwrap().is_ok() && refused.is_err() && kept.is_ok());
    assert_eq!(begun.available_permits(), 3, "both together, then each alone");
    assert_eq!(output_list(&db, good, 0, 9).await.unwrap(), [chunk(0, b"good")]);
    assert!(output_list(&db, bad, 0, 9).await.unwrap().is_empty());
}
