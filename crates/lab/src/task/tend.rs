//! The small duties: cancels, settings, heartbeats, and what is overdue.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::Lab;
use crate::service::ServiceError;
use crate::service::sweep::DELETIONS;

/// Heartbeats are written together, this often.
const HEARTBEATS: Duration = Duration::from_secs(2);
/// The nodes' health is looked at this often.
const HEALTH: Duration = Duration::from_secs(2);
/// Unused sources are looked for this often.
const SOURCES: Duration = Duration::from_secs(600);
/// Lost nodes are looked for this often.
const LOST: Duration = Duration::from_millis(500);
/// Overdue runs are looked for this often.
const OVERDUE: Duration = Duration::from_secs(1);
/// What an event asked for and could not be done is tried again after this long.
const AGAIN: Duration = Duration::from_millis(500);

/// Passes on what somebody wants stopped, as soon as it is wanted or its node is back.
pub(super) async fn cancels(lab: Lab, shutdown: CancellationToken) {
    let watch = lab.db().events().watch(["cancels"]);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = watch.changed() => {}
            () = lab.cancels_wanted() => {}
        }
        carry_out("passing on cancels", &shutdown, || lab.runs_cancel_wanted()).await;
    }
}

/// Sends what people type into programs, as soon as it is typed or a node has room for it.
pub(super) async fn inputs(lab: Lab, shutdown: CancellationToken) {
    let watch = lab.db().events().watch(["inputs"]);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = watch.changed() => {}
            () = lab.inputs_wanted() => {}
        }
        carry_out("sending input", &shutdown, || lab.inputs_send()).await;
    }
}

/// Clears away deleted batches and the jobs of removed accounts: what was left when the program ended last, then as soon as one is deleted.
pub(super) async fn deletions(lab: Lab, shutdown: CancellationToken) {
    let watch = lab.db().events().watch([DELETIONS]);
    loop {
        let swept = async {
            carry_out("clearing away what was deleted", &shutdown, || lab.sweep()).await;
            watch.changed().await
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = swept => {}
        }
    }
}

/// Deletes sources that no job has any more.
pub(super) async fn sources(lab: Lab, shutdown: CancellationToken) {
    let mut interval = tokio::time::interval(SOURCES);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = interval.tick() => {}
        }
        report("deleting unused sources", lab.sources_sweep().await);
    }
}

/// Takes up changes of nodes and of the policy.
pub(super) async fn settings(lab: Lab, shutdown: CancellationToken) {
    let watch = lab.db().events().watch(["policy", "nodes"]);
    loop {
        let topic = tokio::select! {
            () = shutdown.cancelled() => return,
            topic = watch.changed() => topic,
        };
        match topic.as_str() {
            "policy" => carry_out("reading the policy", &shutdown, || lab.policy_reload()).await,
            _ => carry_out("reading the nodes", &shutdown, || lab.nodes_apply()).await,
        }
    }
}

/// Writes when each node of this replica was last heard of.
pub(super) async fn heartbeats(lab: Lab, shutdown: CancellationToken) {
    let mut interval = tokio::time::interval(HEARTBEATS);
    let mut written = std::collections::HashMap::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = interval.tick() => {}
        }
        lab.fleet().judge(lab.now_ms());
        report("writing heartbeats", lab.leases_renew(&mut written).await);
    }
}

/// Sets the gauges, and tells the pages when a node's health changes: silence itself is no event.
pub(super) async fn health(lab: Lab, shutdown: CancellationToken) {
    let mut interval = tokio::time::interval(HEALTH);
    let mut told = Vec::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = interval.tick() => {}
        }
        match lab.lab_status().await {
            Ok(status) => {
                let now: Vec<_> = status.nodes.into_iter().map(|node| (node.name, node.health)).collect();
                if std::mem::replace(&mut told, now.clone()) != now {
                    let write = db::Write::new().event("nodes");
                    report("telling a node's health", lab.db().write(write).await.map_err(ServiceError::from));
                }
            }
            Err(error) => report::<()>("reading the nodes' health", Err(error)),
        }
    }
}

/// Ends runs whose node is lost, or does not know them.
pub(super) async fn lost(lab: Lab, shutdown: CancellationToken) {
    let mut interval = tokio::time::interval(LOST);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = interval.tick() => {}
        }
        report("ending the runs of lost nodes", lab.runs_reap().await);
        report("ending runs that went astray", lab.runs_astray_end().await);
    }
}

/// Ends runs that waited too long, and batches that would wait for ever.
pub(super) async fn overdue(lab: Lab, shutdown: CancellationToken) {
    let mut interval = tokio::time::interval(OVERDUE);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = interval.tick() => {}
        }
        report("ending overdue runs", lab.runs_overdue().await);
        report("ending the batches of removed nodes", lab.batches_stranded_end().await);
    }
}

/// Does what an event asked for until it is done: the event itself does not come again.
async fn carry_out<T, F: Future<Output = Result<T, ServiceError>>>(
    duty: &'static str,
    shutdown: &CancellationToken,
    mut act: impl FnMut() -> F,
) {
    loop {
        let result = act().await;
        let is_done = result.is_ok();
        report(duty, result);
        if is_done {
            return;
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

/// A duty with turns is taken up again at its next one, so a failure is told and nothing more.
fn report<T>(duty: &'static str, result: Result<T, ServiceError>) {
    match result {
        Ok(_) => metrics::counter!("amphi_lab_duty_total", "duty" => duty, "result" => "done").increment(1),
        Err(error) => {
            metrics::counter!("amphi_lab_duty_total", "duty" => duty, "result" => "failed").increment(1);
            tracing::warn!(error = &error as &dyn std::error::Error, "{duty} failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use db::DbError;

    use super::*;

    #[tokio::test]
    async fn what_an_event_asked_for_is_tried_until_it_is_done_or_the_program_ends() {
        let away =
            || -> Result<(), ServiceError> { Err(DbError::Unavailable { attempt: "reading", source: None }.into()) };
        let mut tries = 0;
        carry_out("a test", &CancellationToken::new(), || {
            tries += 1;
            std::future::ready(if tries < 3 { away() } else { Ok(()) })
        })
        .await;
        assert_eq!(tries, 3);
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        carry_out("a test", &shutdown, || std::future::ready(away())).await;
    }
}
