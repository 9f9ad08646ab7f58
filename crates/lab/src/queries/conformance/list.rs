//! Lists of jobs: order, pages, filters, and who sees what.

use db::{Database, Query, Write};

use super::{ODD_TEXT, change, force, job, submit};
use crate::model::batch::BatchId;
use crate::model::job::{Job, JobId, JobStatus};
use crate::queries::job::job_pinned_set;
use crate::queries::list::{Cursor, JobFilter, Visible, job_list};

testkit::for_each_engine!(crate::migrations();
    pages_cover_the_list_in_order, a_page_is_not_moved_by_new_jobs, filters_narrow, what_failed_is_listed,
    text_is_taken_literally,
    everybody_sees_their_part, a_pinned_element_is_listed);

/// Ids on all pages of `limit`.
async fn pages(db: &Database, visible: &Visible, filter: &JobFilter, limit: u32) -> Vec<JobId> {
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let page = job_list(db, visible, filter, cursor, limit).await.unwrap();
        assert!(page.len() <= limit as usize);
        ids.extend(page.iter().map(|job| job.id));
        match page.last() {
            Some(last) => cursor = Some(Cursor { pinned: last.pinned, id: last.id }),
            None => return ids,
        }
    }
}

async fn listed(db: &Database, filter: JobFilter) -> Vec<JobId> {
    pages(db, &Visible::All, &filter, 200).await
}

/// Ten jobs, oldest first, of which the second, the fifth and the tenth are pinned.
async fn ten(db: &Database) -> Vec<JobId> {
    let mut ids = Vec::new();
    for _ in 0..10 {
        let wanted = job("ada");
        submit(db, &wanted).await;
        ids.push(wanted.id);
    }
    for index in [1, 4, 9] {
        change(db, |w| job_pinned_set(w, ids[index], true)).await.unwrap();
    }
    ids
}

async fn pages_cover_the_list_in_order(db: Database) {
    let ids = ten(&db).await;
    let wanted = [9, 4, 1, 8, 7, 6, 5, 3, 2, 0].map(|index| ids[index]);
    for limit in [1, 2, 3, 4, 7, 10, 11] {
        assert_eq!(pages(&db, &Visible::All, &JobFilter::default(), limit).await, wanted, "pages of {limit}");
    }
    let pinned = JobFilter { pinned: Some(true), ..JobFilter::default() };
    assert_eq!(pages(&db, &Visible::All, &pinned, 2).await, wanted[..3]);
    let others = JobFilter { pinned: Some(false), ..JobFilter::default() };
    assert_eq!(pages(&db, &Visible::All, &others, 2).await, wanted[3..]);
}

async fn a_page_is_not_moved_by_new_jobs(db: Database) {
    let ids = ten(&db).await;
    let first = job_list(&db, &Visible::All, &JobFilter::default(), None, 5).await.unwrap();
    let last = first.last().unwrap();
    submit(&db, &job("ada")).await;
    change(&db, |w| job_pinned_set(w, ids[7], true)).await.unwrap();
    let cursor = Some(Cursor { pinned: last.pinned, id: last.id });
    let second = job_list(&db, &Visible::All, &JobFilter::default(), cursor, 5).await.unwrap();
    assert_eq!(second.iter().map(|job| job.id).collect::<Vec<_>>(), [6, 5, 3, 2, 0].map(|index| ids[index]));
}

async fn filters_narrow(db: Database) {
    let one = Job { tool: "dns".into(), ..job("ada") };
    let two = job("bob");
    for wanted in [&one, &two] {
        submit(&db, wanted).await;
    }
    force(&db, two.id, JobStatus::Completed).await;
    let node = db::Query::new("UPDATE lab_job SET node = 'lab-a' WHERE id = ?").bind(one.id.to_string());
    db.write(db::Write::new().step(node)).await.unwrap();
    let none = JobFilter::default;
    for (filter, wanted) in [
        (none(), vec![two.id, one.id]),
        (JobFilter { account: Some("ada".into()), ..none() }, vec![one.id]),
        (JobFilter { tool: Some("dns".into()), ..none() }, vec![one.id]),
        (JobFilter { tool: Some("dn".into()), ..none() }, vec![]),
        (JobFilter { node: Some("lab-a".into()), ..none() }, vec![one.id]),
        (JobFilter { status: Some(JobStatus::Completed), ..none() }, vec![two.id]),
        (JobFilter { status: Some(JobStatus::Waiting), tool: Some("ping".into()), ..none() }, vec![]),
        (JobFilter { text: Some("bob-log".into()), ..none() }, vec![two.id]),
        (JobFilter { text: Some("192.0.2".into()), ..none() }, vec![two.id, one.id]),
        (JobFilter { text: Some("x' OR '1'='1".into()), ..none() }, vec![]),
    ] {
        assert_eq!(listed(&db, filter.clone()).await, wanted, "{filter:?}");
    }
}

/// Whatever ended otherwise than with exit status 0, in lists without a batch too.
async fn what_failed_is_listed(db: Database) {
    let ends = [(JobStatus::Completed, Some(0)), (JobStatus::Completed, Some(3)), (JobStatus::Error, None)];
    let others = [(JobStatus::Cancelled, None), (JobStatus::Running, None)];
    let mut ids = Vec::new();
    for (status, code) in ends.into_iter().chain(others) {
        let wanted = job("ada");
        submit(&db, &wanted).await;
        force(&db, wanted.id, status).await;
        let query = Query::new("UPDATE lab_job SET exit_code = ? WHERE id = ?").bind(code);
        change(&db, |w| w.push_step(query.bind(wanted.id.to_string()))).await.unwrap();
        ids.push(wanted.id);
    }
    let failed = JobFilter { is_failed: true, ..JobFilter::default() };
    assert_eq!(listed(&db, failed).await, [ids[2], ids[1]]);
}

async fn text_is_taken_literally(db: Database) {
    let named = |name: &str| Job { name: name.into(), command: "c".into(), owner: "o".into(), ..job("ada") };
    let jobs = [named("100%"), named("1000"), named("a_b"), named("axb"), named("wow!"), named("wow"), named(ODD_TEXT)];
    for wanted in &jobs {
        submit(&db, wanted).await;
    }
    for (text, wanted) in [
        ("0%", vec![jobs[0].id]),
        ("a_b", vec![jobs[2].id]),
        ("w!", vec![jobs[4].id]),
        ("😀", vec![jobs[6].id]),
        ("\\", vec![jobs[6].id]),
        (ODD_TEXT, vec![jobs[6].id]),
    ] {
        assert_eq!(listed(&db, JobFilter { text: Some(text.into()), ..JobFilter::default() }).await, wanted, "{text}");
    }
}

async fn everybody_sees_their_part(db: Database) {
    let own = job("ada");
    let (of_bob, pinned_of_bob) = (job("bob"), job("bob"));
    let elsewhere = Job { tenant: "other".into(), ..job("eve") };
    let pinned_elsewhere = Job { tenant: "other".into(), ..job("eve") };
    for wanted in [&own, &of_bob, &pinned_of_bob, &elsewhere, &pinned_elsewhere] {
        submit(&db, wanted).await;
    }
    for pinned in [&pinned_of_bob, &pinned_elsewhere] {
        change(&db, |w| job_pinned_set(w, pinned.id, true)).await.unwrap();
    }
    let ada = Visible::Account { tenant: "faculty".into(), account: "ada".into() };
    let teacher = Visible::Tenant("faculty".into());
    let nobody = Visible::Account { tenant: "third".into(), account: "ada".into() };
    for (visible, wanted) in [
        (&ada, vec![pinned_of_bob.id, own.id]),
        (&teacher, vec![pinned_of_bob.id, of_bob.id, own.id]),
        (&Visible::All, vec![pinned_elsewhere.id, pinned_of_bob.id, elsewhere.id, of_bob.id, own.id]),
        (&nobody, vec![]),
    ] {
        assert_eq!(pages(&db, visible, &JobFilter::default(), 2).await, wanted, "{visible:?}");
    }
    for (visible, wanted) in [
        (&Visible::All, vec![pinned_of_bob.id, of_bob.id, own.id]),
        (&teacher, vec![pinned_of_bob.id, of_bob.id, own.id]),
        (&ada, vec![pinned_of_bob.id, own.id]),
        (&nobody, vec![]),
    ] {
        let class = JobFilter { tenant: Some("faculty".into()), ..JobFilter::default() };
        assert_eq!(pages(&db, visible, &class, 2).await, wanted, "the class for {visible:?}");
    }
    // A filter never widens what is seen.
    let of_eve = JobFilter { account: Some("eve".into()), ..JobFilter::default() };
    assert!(pages(&db, &ada, &of_eve, 2).await.is_empty());
    let asked_for_bob = JobFilter { account: Some("bob".into()), ..JobFilter::default() };
    assert_eq!(pages(&db, &ada, &asked_for_bob, 2).await, [pinned_of_bob.id]);
}

async fn a_pinned_element_is_listed(db: Database) {
    let batch = BatchId::generate();
    let (pinned, element, alone) = (job("ada"), job("ada"), job("ada"));
    for wanted in [&pinned, &element, &alone] {
        submit(&db, wanted).await;
    }
    for wanted in [&pinned, &element] {
        let take = "UPDATE lab_job SET batch = ?, batch_index = 1 WHERE id = ?";
        let take = Query::new(take).bind(batch.to_string()).bind(wanted.id.to_string());
        db.write(Write::new().step(take)).await.unwrap();
    }
    change(&db, |w| job_pinned_set(w, pinned.id, true)).await.unwrap();
    for visible in [Visible::Account { tenant: "faculty".into(), account: "bob".into() }, Visible::All] {
        let shown = JobFilter { pinned: Some(true), ..JobFilter::default() };
        assert_eq!(pages(&db, &visible, &shown, 2).await, [pinned.id], "{visible:?}");
    }
    assert_eq!(listed(&db, JobFilter::default()).await, [pinned.id, alone.id]);
    assert_eq!(listed(&db, JobFilter { batch: Some(batch), ..JobFilter::default() }).await, [pinned.id, element.id]);
}
