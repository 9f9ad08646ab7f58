//! Batches: their elements are taken once, and counted once when they end.

use db::{Database, DbError};

use super::{NOW_MS, ODD_TEXT, change, connect, connected, force, stored};
use crate::model::batch::{Batch, BatchId, BatchStatus, Tally};
use crate::model::job::{JobId, JobKind, JobStatus};
use crate::model::run::{Outcome, Role, RunId, RunState};
use crate::queries::batch::{
    ElementQuota, batch_counts, batch_get, batch_get_by_idempotency, batch_insert, batch_list, batch_list_open,
    batch_parameters, batch_parameters_insert, batch_waiting_all,
};
use crate::queries::batch_change::batch_cancel;
use crate::queries::element::{Placed, Taken, batch_count_reopened, batch_take, elements_place};
use crate::queries::job::Quota;
use crate::queries::leaver::account_leave;
use crate::queries::list::{JobFilter, Visible, job_list};
use crate::queries::queue::run_list_queue;
use crate::queries::run::{Holder, RunEnd, batch_cancel_idle, run_list_of_job};
use crate::queries::told::{Attempt, Told};

testkit::for_each_engine!(crate::migrations();
    a_batch_is_read_back_whole, elements_are_taken_once, an_element_is_fenced_by_its_node, ends_are_counted_once,
    a_cancelled_batch_gives_nothing_away, an_account_has_so_many_elements,
    an_hour_has_so_many_elements_and_batches, parameters_are_read_by_block,
    open_batches_are_listed_by_turns, batches_are_listed_by_who_may_see_them, an_element_waits_for_its_node);

pub(super) fn batch(account: &str, count: u32) -> Batch {
    Batch {
        id: BatchId::generate(),
        tenant: "faculty".into(),
        account: account.into(),
        owner: format!("{account}-login"),
        name: ODD_TEXT.into(),
        kind: JobKind::Experiment,
        tool: "ping".into(),
        spec: "{}".into(),
        args: Some(vec!["{index}".into(), ODD_TEXT.into()]),
        source: None,
        command: "ping {index}".into(),
        wanted_node: None,
        wanted_labels: [("site".to_owned(), ODD_TEXT.to_owned())].into(),
        first: -3,
        count,
        has_parameters: false,
        has_inputs: true,
        is_each_node: true,
        taken: 0,
        tally: Tally::default(),
        is_cancelled: false,
        is_stranded: false,
        created_ms: NOW_MS,
    }
}

pub(super) async fn insert(db: &Database, batch: &Batch) {
    change(db, |w| batch_insert(w, batch, "digest", None, None)).await.unwrap();
}

pub(super) fn elements(batch: &Batch, holder: &Holder, count: u32) -> Vec<Taken> {
    let element = |number: u32| Taken {
        job: JobId::generate(),
        run: RunId::generate(),
        index: batch.first + i64::from(batch.taken + number),
        name: format!("{ODD_TEXT} [{number}]"),
        spec: (number == 1).then(|| "{\"own\":1}".to_owned()),
        command: None,
        far: None,
        role: Role::Near,
        port: None,
        holder: holder.clone(),
    };
    (0..count).map(element).collect()
}

async fn read(db: &Database, id: BatchId) -> Batch {
    batch_get(db, id).await.unwrap().expect("the batch is there")
}

fn is_unmet(result: Result<Vec<u64>, DbError>) -> bool {
    matches!(result, Err(DbError::Unmet { guard: "batch-next" | "batch-open" | "batch-quota" }))
}

async fn a_batch_is_read_back_whole(db: Database) {
    let wanted = batch("ada", 7);
    change(&db, |w| batch_insert(w, &wanted, "digest", Some("key-1"), None)).await.unwrap();
    assert_eq!(format!("{:?}", read(&db, wanted.id).await), format!("{wanted:?}"));
    let found = batch_get_by_idempotency(&db, "ada", "key-1").await.unwrap();
    assert_eq!(found, Some((wanted.id, "digest".to_owned())));
    assert_eq!(batch_get_by_idempotency(&db, "bob", "key-1").await.unwrap(), None);
    let twice = change(&db, |w| batch_insert(w, &batch("ada", 1), "other", Some("key-1"), None)).await;
    assert!(matches!(twice, Err(DbError::Duplicate)), "{twice:?}");
    assert!(batch_get(&db, BatchId::generate()).await.unwrap().is_none());
}

async fn elements_are_taken_once(db: Database) {
    let holder = connected(&db, "lab-a", "replica-1").await;
    let wanted = batch("ada", 5);
    insert(&db, &wanted).await;
    let first = elements(&wanted, &holder, 3);
    change(&db, |w| batch_take(w, &wanted, &first, NOW_MS)).await.unwrap();
    assert!(is_unmet(change(&db, |w| batch_take(w, &wanted, &elements(&wanted, &holder, 1), NOW_MS)).await));
    let now = read(&db, wanted.id).await;
    assert_eq!((now.taken, now.running(), now.waiting(), now.status()), (3, 3, 2, BatchStatus::Running));
    let job = stored(&db, first[1].job).await;
    assert_eq!(
        (job.status, job.node.as_deref(), job.spec.as_str()),
        (JobStatus::Running, Some("lab-a"), "{\"own\":1}")
    );
    assert_eq!((job.batch, job.batch_index, job.account.as_str()), (Some(wanted.id), Some(-2), "ada"));
    assert_eq!(
        (job.name, job.command, job.wanted_labels),
        (first[1].name.clone(), now.command.clone(), now.wanted_labels.clone())
    );
    let run = run_list_of_job(&db, first[1].job).await.unwrap().remove(0);
    assert_eq!((run.id, run.state), (first[1].run, RunState::Leased { node: holder.node, epoch: holder.epoch }));
    change(&db, |w| batch_take(w, &now, &elements(&now, &holder, 2), NOW_MS)).await.unwrap();
    assert!(batch_list_open(&db, 9).await.unwrap().is_empty());
    let jobs = |batch| {
        let filter = JobFilter { batch, ..JobFilter::default() };
        async { job_list(&db, &Visible::All, &{ filter }, None, 9).await.unwrap().len() }
    };
    assert_eq!((jobs(Some(wanted.id)).await, jobs(None).await), (5, 0));
}

async fn open_batches_are_listed_by_turns(db: Database) {
    let mut ids = Vec::new();
    for account in ["ada", "ada", "ada", "bob", "bob", "cyd"] {
        let wanted = batch(account, 1);
        insert(&db, &wanted).await;
        ids.push(wanted.id);
    }
    let list = async |limit| {
        let open = batch_list_open(&db, limit).await.unwrap();
        open.into_iter().map(|batch| batch.id).collect::<Vec<_>>()
    };
    assert_eq!(list(9).await, [0, 3, 5, 1, 4, 2].map(|place| ids[place]));
    assert_eq!(list(3).await, [0, 3, 5].map(|place| ids[place]), "nobody's many keep others out");
}

async fn an_element_is_fenced_by_its_node(db: Database) {
    let (a, b) = (connected(&db, "lab-a", "replica-1").await, connected(&db, "lab-b", "replica-1").await);
    let wanted = batch("ada", 9);
    insert(&db, &wanted).await;
    let both = |other: &Holder| {
        let mut both = elements(&wanted, &a, 1);
        both.extend(elements(&wanted, other, 1));
        both
    };
    let renewed = connect(&db, b.node, "replica-2").await;
    assert!(is_unmet(change(&db, |w| batch_take(w, &wanted, &both(&b), NOW_MS)).await));
    assert_eq!(read(&db, wanted.id).await.taken, 0);
    change(&db, |w| batch_take(w, &wanted, &both(&renewed), NOW_MS)).await.unwrap();
    assert_eq!(read(&db, wanted.id).await.taken, 2);
}

pub(super) fn end(told: &mut Told, element: &Taken, outcome: Outcome) {
    let exit_code = if let Outcome::Exited(code) = outcome { Some(code) } else { None };
    let end = RunEnd { exit_code, ..RunEnd::untold(outcome, NOW_MS + 5) };
    told.run_ended(element.run, &end, None);
    told.job_ended(Attempt::new(element.job, 1), &end, None);
}

async fn ends_are_counted_once(db: Database) {
    let holder = connected(&db, "lab-a", "replica-1").await;
    let wanted = batch("ada", 5);
    insert(&db, &wanted).await;
    let taken = elements(&wanted, &holder, 5);
    change(&db, |w| batch_take(w, &wanted, &taken, NOW_MS)).await.unwrap();
    let outcomes = [Outcome::Exited(0), Outcome::Exited(3), Outcome::Lost, Outcome::Cancelled];
    for _ in 0..2 {
        let mut told = Told::new();
        taken.iter().zip(&outcomes).for_each(|(element, outcome)| end(&mut told, element, outcome.clone()));
        change(&db, |w| told.push(w)).await.unwrap();
        let tally = read(&db, wanted.id).await.tally;
        assert_eq!(tally, Tally { done: 1, failed: 2, cancelled: 1, last_ms: Some(NOW_MS + 5) });
    }
    change(&db, |w| batch_count_reopened(w, wanted.id, false)).await.unwrap();
    let now = read(&db, wanted.id).await;
    assert_eq!((now.tally.failed, now.running(), now.status()), (1, 2, BatchStatus::Running));
    let ends = (0..8).map(|_| {
        let (db, mut told) = (db.clone(), Told::new());
        end(&mut told, &taken[4], Outcome::Exited(0));
        tokio::spawn(async move { change(&db, |w| told.push(w)).await.unwrap() })
    });
    for done in ends.collect::<Vec<_>>() {
        done.await.unwrap();
    }
    assert_eq!(read(&db, wanted.id).await.tally.done, 2, "ended by one of eight");
}

async fn a_cancelled_batch_gives_nothing_away(db: Database) {
    let holder = connected(&db, "lab-a", "replica-1").await;
    let wanted = batch("ada", 5);
    insert(&db, &wanted).await;
    let taken = elements(&wanted, &holder, 2);
    change(&db, |w| batch_take(w, &wanted, &taken, NOW_MS)).await.unwrap();
    // One went back to the queue for another attempt.
    force(&db, taken[0].job, JobStatus::Waiting).await;
    let back = "UPDATE lab_run SET state = 'waiting' WHERE id = ?";
    change(&db, |w| w.push_step(db::Query::new(back).bind(taken[0].run.to_string()))).await.unwrap();
    let cancel = |w: &mut db::Write| {
        batch_cancel(w, &wanted);
        batch_cancel_idle(w, wanted.id, NOW_MS);
    };
    change(&db, cancel).await.unwrap();
    let now = read(&db, wanted.id).await;
    assert_eq!((now.cancelled(), now.running(), now.waiting()), (4, 1, 0));
    assert_eq!(stored(&db, taken[0].job).await.status, JobStatus::Cancelled);
    assert!(stored(&db, taken[1].job).await.is_cancelled);
    assert!(is_unmet(change(&db, |w| batch_take(w, &now, &elements(&now, &holder, 1), NOW_MS)).await));
    assert!(is_unmet(change(&db, cancel).await), "twice");
    let mut told = Told::new();
    end(&mut told, &taken[1], Outcome::Cancelled);
    change(&db, |w| told.push(w)).await.unwrap();
    let now = read(&db, wanted.id).await;
    assert_eq!((now.cancelled(), now.status()), (5, BatchStatus::Cancelled));
}

async fn an_account_has_so_many_elements(db: Database) {
    let quota = ElementQuota { elements_max: 10, hourly_max: 100 };
    let accepted = |account: &'static str, count| {
        let (db, batch) = (&db, batch(account, count));
        let quota = &quota;
        async move { change(db, |w| batch_insert(w, &batch, "digest", None, Some(quota))).await.is_ok() }
    };
    assert!(!accepted("ada", 11).await);
    assert!(accepted("ada", 6).await);
    assert!(!accepted("ada", 5).await);
    assert!(accepted("ada", 4).await && accepted("bob", 10).await);
    assert_eq!(batch_counts(&db, "ada", NOW_MS).await.unwrap(), (10, 10));
    assert_eq!(batch_waiting_all(&db).await.unwrap(), 20);
    change(&db, |w| account_leave(w, "ada")).await.unwrap();
    assert_eq!(batch_counts(&db, "ada", NOW_MS).await.unwrap(), (0, 0), "nothing of a removed account counts");
    assert_eq!(batch_waiting_all(&db).await.unwrap(), 10);
}

/// What ran within the hour counts on, but for what was cancelled before it ran; and a batch is one submission.
async fn an_hour_has_so_many_elements_and_batches(db: Database) {
    let quota = |elements_max, hourly_max| ElementQuota { elements_max, hourly_max };
    let accepted = |batch: Batch, quota: ElementQuota| {
        let db = &db;
        async move { change(db, |w| batch_insert(w, &batch, "digest", None, Some(&quota))).await.is_ok() }
    };
    let over = Batch { taken: 6, ..batch("ada", 6) };
    assert!(accepted(over, quota(10, 9)).await);
    assert_eq!(batch_counts(&db, "ada", NOW_MS).await.unwrap(), (0, 6));
    assert!(!accepted(batch("ada", 5), quota(10, 9)).await);
    let stopped = batch("ada", 4);
    assert!(accepted(stopped.clone(), quota(10, 9)).await);
    change(&db, |w| batch_cancel(w, &stopped)).await.unwrap();
    assert_eq!(batch_counts(&db, "ada", NOW_MS).await.unwrap(), (0, 6));
    assert!(!accepted(batch("ada", 1), quota(10, 2)).await, "two batches are two submissions");
    assert!(accepted(batch("ada", 1), quota(10, 3)).await);
    let job = super::job("ada");
    let single = |hourly_max| Quota { waiting_max: 9, hourly_max };
    let insert = |quota: Quota| {
        let (db, job) = (&db, &job);
        async move { change(db, |w| crate::queries::job::job_insert(w, job, None, Some(&quota))).await.is_ok() }
    };
    assert!(!insert(single(3)).await && insert(single(4)).await, "a job is counted with the batches");
}

async fn parameters_are_read_by_block(db: Database) {
    let wanted = Batch { has_parameters: true, ..batch("ada", 1_201) };
    let parameters: Vec<_> = (0..1_201).map(|number| vec![number.to_string(), ODD_TEXT.to_owned()]).collect();
    change(&db, |w| {
        batch_insert(w, &wanted, "digest", None, None);
        batch_parameters_insert(w, wanted.id, &parameters);
    })
    .await
    .unwrap();
    for (first, length) in [(0, 500), (500, 500), (1_000, 201)] {
        let block = batch_parameters(&db, wanted.id, first).await.unwrap();
        assert_eq!(block, parameters[first as usize..first as usize + length]);
    }
}

async fn batches_are_listed_by_who_may_see_them(db: Database) {
    let mut all = Vec::new();
    for account in ["ada", "bob", "ada"] {
        let batch = batch(account, 1);
        insert(&db, &batch).await;
        all.insert(0, batch.id);
    }
    let list = |visible: Visible, before, limit| {
        let db = &db;
        async move {
            let batches = batch_list(db, &visible, None, before, limit).await.unwrap();
            batches.into_iter().map(|batch| batch.id).collect::<Vec<_>>()
        }
    };
    let ada = || Visible::Account { tenant: "faculty".into(), account: "ada".into() };
    assert_eq!(list(Visible::All, None, 9).await, all);
    assert_eq!(list(Visible::Tenant("faculty".into()), Some(all[0]), 1).await, all[1..2]);
    assert_eq!(list(ada(), None, 9).await, [all[0], all[2]]);
    assert!(list(Visible::Tenant("other".into()), None, 9).await.is_empty());
    let of = |kind| batch_list(&db, &Visible::All, Some(kind), None, 9);
    assert_eq!(of(JobKind::Experiment).await.unwrap().len(), 3);
    assert!(of(JobKind::Program).await.unwrap().is_empty());
}

async fn an_element_waits_for_its_node(db: Database) {
    let holder = connected(&db, "lab-a", "replica-1").await;
    let wanted = Batch { taken: 1, ..batch("ada", 1) };
    let (job, run) = (JobId::generate(), RunId::generate());
    let spec = Some("{\"own\":1}".to_owned());
    let element = Placed {
        job,
        run,
        index: 1,
        name: "lab-a".into(),
        spec,
        command: None,
        node: holder.node,
        far: None,
        role: Role::Near,
    };
    change(&db, |w| {
        batch_insert(w, &wanted, "digest", None, None);
        elements_place(w, wanted.id, &[element], NOW_MS);
    })
    .await
    .unwrap();
    let waiting = run_list_queue(&db, None, &[], 9).await.unwrap().remove(0);
    assert_eq!((waiting.run, waiting.wanted_node, waiting.is_element), (run, Some(holder.node), true));
    let job = stored(&db, job).await;
    assert_eq!((job.status, job.wanted_node, job.batch_index), (JobStatus::Waiting, Some(holder.node), Some(1)));
    assert_eq!((job.batch, job.command, job.spec.as_str()), (Some(wanted.id), wanted.command, "{\"own\":1}"));
    assert_eq!(batch_counts(&db, "ada", NOW_MS).await.unwrap().0, 1);
    let quota = ElementQuota { elements_max: 1, hourly_max: 9 };
    assert!(is_unmet(change(&db, |w| batch_insert(w, &batch("ada", 1), "digest", None, Some(&quota))).await));
}
