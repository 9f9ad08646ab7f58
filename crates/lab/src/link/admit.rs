//! Admission of a node's stream: its lease is taken, and what the agent holds is compared with what the database says.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wire::proto::{Cancel, EndedAck, Goodbye, Hello, Probe, ToAgent, Welcome, to_agent};

use crate::Lab;
use crate::fleet::{Booked, Session};
use crate::model::node::{HEARTBEAT_MS, Inventory, Node, NodeId};
use crate::model::run::{Role, Run, RunState};
use crate::model::tool::{tool, tools};
use crate::queries::node::{Connected, node_connect, node_get};
use crate::queries::run::run_list_on;
use crate::service::ServiceError;
use crate::service::run::Loss;

/// Takes the node's lease and brings the fleet up to date. Returns the node's name and the lease's epoch; `None` when
/// the node was told not to come back.
pub(super) async fn admit(
    lab: &Lab,
    id: NodeId,
    hello: Hello,
    commands: &mpsc::Sender<ToAgent>,
    ended: CancellationToken,
) -> Result<Option<(String, i64)>, ServiceError> {
    let Some(seen) = plausible(&hello) else {
        tracing::warn!(node.id = %id, "node {id} said something that no agent says");
        return Ok(None);
    };
    if hello.protocol != wire::PROTOCOL {
        let reason = ServiceError::OldProtocol { theirs: hello.protocol, ours: wire::PROTOCOL }.to_string();
        goodbye(commands, reason);
        return Ok(None);
    }
    let Some(node) = node_get(lab.db(), id).await? else {
        goodbye(commands, "This node was removed; enrol it anew with a new join token.".to_owned());
        return Ok(None);
    };
    let connected = Connected { boot_id: hello.boot_id.clone(), inventory: inventory(&hello) };
    let now_ms = lab.now_ms();
    let mut write = db::Write::new();
    // An agent that has seen a later lease than the database knows would refuse everything: the database was restored.
    let epoch = node.epoch.max(seen) + 1;
    node_connect(&mut write, &node, epoch, lab.replica(), &connected, now_ms);
    write.push_event("nodes");
    lab.db().write(write).await?;

    let booked = run_list_on(lab.db(), id).await?;
    let same_life = node.boot_id == hello.boot_id;
    let holds = |run: &Run| same_life && hello.runs.iter().any(|held| held.run_id == run.id.to_string());
    let (kept, gone): (Vec<_>, Vec<_>) = booked.into_iter().partition(holds);
    for run in &gone {
        lab.run_lost(run, Loss::Gone).await?;
    }
    tell(commands, to_agent::Message::Welcome(welcome(lab, &node, epoch)));
    closed_tell(commands, &hello, &kept, epoch);
    let mut session = session(&node, epoch, &hello, connected.inventory, &kept, commands.clone());
    session.heard_ms = now_ms;
    session.ended = ended;
    lab.fleet().connect(id, session);
    for far in kept.iter().filter(|run| run.role == Role::Far) {
        // Nobody reads this stream when it is not admitted, so the fleet must not keep it open.
        lab.far_end_resume(id, far).await.inspect_err(|_| drop(lab.fleet().disconnect(id, epoch)))?;
    }
    tracing::info!(node.id = %id, node.epoch = epoch, "node {} connected with {} runs", node.name, kept.len());
    lab.cancels_wake();
    lab.inputs_wake();
    Ok(Some((node.name, epoch)))
}

/// Tells the agent to drop the runs whose attempts were closed while it was away.
fn closed_tell(commands: &mpsc::Sender<ToAgent>, hello: &Hello, kept: &[Run], epoch: i64) {
    for held in &hello.runs {
        if !kept.iter().any(|run| run.id.to_string() == held.run_id) {
            let (run_id, epoch) = (held.run_id.clone(), wire_epoch(epoch));
            tell(commands, to_agent::Message::Cancel(Cancel { run_id: run_id.clone(), epoch }));
            tell(commands, to_agent::Message::EndedAck(EndedAck { run_id }));
        }
    }
}

/// The highest lease that the agent has seen. `None` when that or its boot id can't be an agent's.
fn plausible(hello: &Hello) -> Option<i64> {
    let seen = i64::try_from(hello.epoch).ok().filter(|epoch| *epoch < i64::MAX / 2)?;
    (hello.boot_id.len() <= 64).then_some(seen)
}

fn session(
    node: &Node,
    epoch: i64,
    hello: &Hello,
    inventory: Inventory,
    kept: &[Run],
    commands: mpsc::Sender<ToAgent>,
) -> Session {
    let mut session = Session::new(node.name.clone(), epoch, inventory, commands);
    session.state = node.state;
    session.slots = node.slots;
    session.labels = node.labels.clone();
    session.is_known = !node.tools.is_empty();
    // What its earlier life said. One that takes no programs any more has no use for a language.
    let is_of_use = |name: &String| session.inventory.takes_programs || tool(name).is_some();
    session.tools = node.tools.iter().map(|tool| tool.name.clone()).filter(is_of_use).collect();
    for run in kept {
        let held = hello.runs.iter().find(|held| held.run_id == run.id.to_string());
        let (RunState::Leased { epoch, .. } | RunState::Running { epoch, .. }) = run.state else { continue };
        let booked = Booked {
            epoch,
            port: run.port,
            input_next: held.and_then(|held| i64::try_from(held.input_seq).ok()).unwrap_or_default(),
            is_element: true,
            ..Booked::new(run.job, run.attempt, run.role)
        };
        session.runs.insert(run.id, booked);
    }
    session
}

fn welcome(lab: &Lab, node: &Node, epoch: i64) -> Welcome {
    let probes = tools().iter().map(|tool| Probe {
        name: tool.name.to_owned(),
        argv: tool.probe.iter().map(|&word| word.to_owned()).collect(),
        is_contained: false,
    });
    let languages = lab.languages().iter().map(|language| Probe {
        name: language.name.clone(),
        argv: language.probe.clone(),
        is_contained: true,
    });
    Welcome {
        node_id: node.id.to_string(),
        name: node.name.clone(),
        epoch: wire_epoch(epoch),
        heartbeat_ms: HEARTBEAT_MS,
        probes: probes.chain(languages).collect(),
    }
}

fn inventory(hello: &Hello) -> Inventory {
    let told = hello.inventory.clone().unwrap_or_default();
    let short = |text: String| text.chars().filter(|c| !c.is_control()).take(200).collect::<String>();
    Inventory {
        hostname: short(told.hostname),
        os: short(told.os),
        kernel: short(told.kernel),
        cores: told.cores,
        memory_bytes: told.memory_bytes,
        addresses: told.addresses.into_iter().take(32).map(short).collect(),
        host_id: short(told.host_id),
        agent_version: short(hello.agent_version.clone()),
        slots: told.slots,
        takes_programs: told.takes_programs,
        fences: told.fences.into_iter().take(16).map(short).collect(),
    }
}

/// Epochs count connections from 0, so they never are negative.
pub(crate) fn wire_epoch(epoch: i64) -> u64 {
    u64::try_from(epoch).unwrap_or_default()
}

fn goodbye(commands: &mpsc::Sender<ToAgent>, reason: String) {
    tell(commands, to_agent::Message::Goodbye(Goodbye { reason }));
}

/// A full queue means that the agent does not read; its stream then ends by the lost heartbeats.
pub(super) fn tell(commands: &mpsc::Sender<ToAgent>, message: to_agent::Message) {
    if commands.try_send(ToAgent { message: Some(message) }).is_err() {
        tracing::debug!("a command was dropped: the agent's stream has ended or is full");
    }
}
