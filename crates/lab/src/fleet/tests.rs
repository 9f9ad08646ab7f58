//! Bookings, promises and needs, without a stream.

use wire::proto::OutputAck;

use super::*;

fn fleet(slots: &[u32]) -> (Fleet, Vec<NodeId>, Vec<mpsc::Receiver<ToAgent>>) {
    let fleet = Fleet::new();
    let mut nodes = Vec::new();
    let mut receivers = Vec::new();
    for (i, slots) in slots.iter().enumerate() {
        let (commands, receiver) = mpsc::channel(4);
        let inventory = Inventory { slots: *slots, ..Inventory::default() };
        let mut session = Session::new(format!("lab-{i}"), 1, inventory, commands);
        session.tools.insert("ping".into());
        session.labels.insert("site".into(), i.to_string());
        session.credit = Some(*slots);
        let id = NodeId::generate();
        fleet.connect(id, session);
        nodes.push(id);
        receivers.push(receiver);
    }
    (fleet, nodes, receivers)
}

fn booked(job: JobId) -> Booked {
    Booked::new(job, 1, Role::Near)
}

fn book(fleet: &Fleet, need: &Need<'_>) -> Option<NodeId> {
    fleet.book(need, RunId::generate(), booked(JobId::generate()), 0).map(|holder| holder.node)
}

#[test]
fn slots_are_never_exceeded_and_load_is_spread() {
    let (fleet, nodes, _receivers) = fleet(&[2, 2]);
    let need = Need { tool: "ping", ..Need::default() };
    let picked: Vec<_> = (0..4).filter_map(|_| book(&fleet, &need)).collect();
    for node in &nodes {
        assert_eq!(picked.iter().filter(|p| *p == node).count(), 2);
    }
    assert_eq!(book(&fleet, &need), None);
}

#[test]
fn needs_are_met_or_nothing_is_booked() {
    let (fleet, nodes, _receivers) = fleet(&[1, 1]);
    assert_eq!(book(&fleet, &Need { tool: "mtr", ..Need::default() }), None);
    let labels = BTreeMap::from([("site".to_owned(), "1".to_owned())]);
    let need = Need { tool: "ping", labels: Some(&labels), ..Need::default() };
    assert_eq!(book(&fleet, &need), Some(nodes[1]));
    assert_eq!(book(&fleet, &need), None, "its one slot is taken");
    fleet.with(nodes[0], |s| s.state = AdminState::Cordoned);
    assert_eq!(book(&fleet, &Need { tool: "ping", ..Need::default() }), None);
}

#[test]
fn a_promised_slot_is_kept_for_its_job_and_given_back_in_time() {
    let (fleet, nodes, _receivers) = fleet(&[1]);
    let job = JobId::generate();
    let need = Need { tool: "ping", ..Need::default() };
    assert!(fleet.promise(&need, job, 0));
    assert_eq!(book(&fleet, &need), None);
    assert!(fleet.promise(&need, job, 0), "the same job gets its slot again");
    fleet.unpromise(job);
    assert!(fleet.promise(&need, JobId::generate(), 0));
    assert_eq!(fleet.book(&need, RunId::generate(), booked(job), PROMISE_MS).map(|h| h.node), Some(nodes[0]));
    let (second, nodes, _receivers) = self::fleet(&[1]);
    assert!(second.promise(&need, job, 0));
    let own = Need { job: Some(job), ..need.clone() };
    assert_eq!(book(&second, &own), Some(nodes[0]));
}

#[test]
fn the_far_node_is_avoided_while_another_will_do() {
    let (fleet, nodes, _receivers) = fleet(&[2, 1]);
    let need = Need { tool: "ping", avoid: Some(nodes[0]), ..Need::default() };
    assert_eq!(book(&fleet, &need), Some(nodes[1]));
    assert_eq!(book(&fleet, &need), Some(nodes[0]));
}

#[test]
fn input_waits_for_room_among_the_commands_and_ends_no_stream() {
    let (fleet, nodes, mut receivers) = fleet(&[1]);
    let run = RunId::generate();
    let need = Need { tool: "ping", ..Need::default() };
    fleet.book(&need, run, booked(JobId::generate()), 0).unwrap();
    let mut sent = |seq| {
        fleet.input_send(run, seq, input::Act::Interrupt(true));
        std::iter::from_fn(|| receivers[0].try_recv().ok()).count()
    };
    assert_eq!([sent(0), sent(2), sent(1)], [1, 0, 1], "one that is not next is not sent");
    for seq in 2..10 {
        fleet.input_send(run, seq, input::Act::Interrupt(true));
    }
    assert!(!fleet.is_input_due(nodes[0]), "there is no room yet");
    assert!(!fleet.with(nodes[0], |session| session.ended.is_cancelled()).unwrap());
    assert!(!fleet.offer(nodes[0], to_agent::Message::OutputAck(OutputAck::default())));
    assert!(receivers[0].try_recv().is_ok() && receivers[0].try_recv().is_err());
    assert!(fleet.is_input_due(nodes[0]));
    assert!(!fleet.is_input_due(nodes[0]), "it is said once");
    fleet.input_send(run, 3, input::Act::Interrupt(true));
    assert!(receivers[0].try_recv().is_ok());
}
