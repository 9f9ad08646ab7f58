//! The ledger driven by hand: what is sent, in which order, and what a lost link changes.

use wire::proto::input::Act;

use super::*;

fn ledger() -> Ledger {
    let mut ledger = Ledger::new(2, 5);
    ledger.on_welcome();
    assert_eq!(drain(&mut ledger), ["credit 2"]);
    ledger
}

fn begin(ledger: &mut Ledger, run: &str) -> watch::Receiver<Option<Stop>> {
    match ledger.run_begin(run, 5) {
        Begin::Run(stop) => stop,
        Begin::Held => panic!("{run} is held"),
        Begin::Refused(why) => panic!("{run} is refused: {why:?}"),
    }
}

fn show(message: FromAgent) -> String {
    match message.message.unwrap() {
        Message::Started(started) => format!("{} started", started.run_id),
        Message::Output(output) => {
            let channel = if output.channel == 0 { "out" } else { "err" };
            format!("{} {} {channel} {}", output.run_id, output.seq, String::from_utf8(output.data).unwrap())
        }
        Message::Ended(ended) => format!("{} ended {}", ended.run_id, ended.output_chunks),
        Message::Credit(credit) => format!("credit {}", credit.free_slots),
        Message::Refused(refused) => format!("{} refused", refused.run_id),
        Message::InputAck(ack) => format!("{} input {}", ack.run_id, ack.next_seq),
        Message::Hello(_) | Message::Tools(_) | Message::Heartbeat(_) | Message::Renew(_) => panic!("not the ledger's"),
    }
}

fn drain(ledger: &mut Ledger) -> Vec<String> {
    std::iter::from_fn(|| ledger.next()).map(show).collect()
}

fn out(ledger: &mut Ledger, run: &str, text: &str) {
    ledger.run_output(run, Channel::Stdout, text.as_bytes(), 0);
}

#[test]
fn a_run_is_told_in_order_and_frees_its_slot_when_it_ends() {
    let mut ledger = ledger();
    let _stop = begin(&mut ledger, "a");
    ledger.run_started("a", 0, vec![]);
    out(&mut ledger, "a", "one");
    assert_eq!(drain(&mut ledger), ["credit 1", "a started", "a 0 out one"]);
    ledger.run_output("a", Channel::Stderr, b"two", 0);
    ledger.run_ended("a", Ended::default());
    assert_eq!(drain(&mut ledger), ["a 1 err two", "credit 2", "a ended 2"]);
    ledger.on_ended_ack("a");
    assert!(ledger.is_empty());
    assert_eq!(ledger.owed_bytes, 0);
}

#[test]
fn a_lost_link_repeats_what_was_not_acknowledged_under_the_same_numbers() {
    let mut ledger = ledger();
    let _stop = begin(&mut ledger, "a");
    ledger.run_started("a", 0, vec![]);
    for text in ["one", "two", "three"] {
        out(&mut ledger, "a", text);
        drain(&mut ledger);
    }
    ledger.on_output_ack("a", 1);
    // Lost here: "three" was sent, so what comes now may not be joined to it.
    out(&mut ledger, "a", "four");
    out(&mut ledger, "a", "five");
    ledger.run_ended("a", Ended::default());
    ledger.on_welcome();
    let again = ["credit 2", "a started", "a 1 out two", "a 2 out three", "a 3 out fourfive", "a ended 4"];
    assert_eq!(drain(&mut ledger), again);
    ledger.on_welcome();
    assert_eq!(drain(&mut ledger), again, "an end is sent on every stream until it is acknowledged");
}

#[test]
fn unsent_reads_are_joined_per_channel_and_bounded() {
    let mut ledger = ledger();
    let _stop = begin(&mut ledger, "a");
    for _ in 0..100_000 {
        out(&mut ledger, "a", "o");
        ledger.run_output("a", Channel::Stderr, b"e", 0);
    }
    let held = &ledger.runs["a"];
    assert_eq!(held.owed_bytes(), 200_000);
    let mut chunks = 0;
    let (mut stdout, mut stderr) = (0, 0);
    while let Some(message) = ledger.next() {
        if let Some(Message::Output(output)) = message.message {
            assert!(output.data.len() <= wire::MAX_CHUNK_BYTES);
            chunks += 1;
            *if output.channel == 0 { &mut stdout } else { &mut stderr } += output.data.len();
        }
    }
    assert_eq!((stdout, stderr), (100_000, 100_000));
    assert!(chunks < 200, "{chunks} chunks");
}

#[test]
fn a_silent_receiver_gets_a_window_and_no_more() {
    let mut ledger = ledger();
    let _stop = begin(&mut ledger, "a");
    let mut sent = 0;
    for _ in 0..5000 {
        out(&mut ledger, "a", "x");
        sent += drain(&mut ledger).iter().filter(|line| line.starts_with('a')).count();
    }
    assert_eq!(sent, 1024);
    ledger.run_ended("a", Ended::default());
    assert_eq!(drain(&mut ledger), ["credit 2"]);
    ledger.on_output_ack("a", 1024);
    let rest = drain(&mut ledger);
    assert_eq!(rest.len(), 2, "the rest was joined: {rest:?}");
    assert_eq!(rest[1], "a ended 1025");
}

#[test]
fn runs_take_turns() {
    let mut ledger = ledger();
    let _stops = [begin(&mut ledger, "a"), begin(&mut ledger, "b")];
    let block = "x".repeat(wire::MAX_CHUNK_BYTES);
    for _ in 0..2 {
        out(&mut ledger, "a", &block);
        out(&mut ledger, "b", &block);
    }
    let order: Vec<_> = drain(&mut ledger).iter().map(|line| line[..3].to_owned()).collect();
    assert_eq!(order, ["cre", "a 0", "b 0", "a 1", "b 1"]);
}

#[test]
fn commands_that_are_old_double_or_too_many_change_nothing() {
    let mut ledger = ledger();
    assert!(matches!(ledger.run_begin("old", 4), Begin::Refused(RefusedWhy::OldEpoch)));
    let mut stop = begin(&mut ledger, "a");
    let _other = begin(&mut ledger, "b");
    assert!(matches!(ledger.run_begin("a", 5), Begin::Held));
    assert!(matches!(ledger.run_begin("c", 5), Begin::Refused(RefusedWhy::NoSlot)));
    assert_eq!(ledger.run_cancel("a", 4), Err(RefusedWhy::OldEpoch));
    assert_eq!(ledger.run_cancel("c", 5), Err(RefusedWhy::UnknownRun));
    assert!(!stop.has_changed().unwrap());
    ledger.epoch_seen(7);
    ledger.run_cancel("a", 7).unwrap();
    ledger.close();
    assert_eq!(*stop.borrow_and_update(), Some(Stop::Cancelled), "the first reason stays");
    ledger.on_ended_ack("a");
    assert!(!ledger.is_empty(), "a run that has not ended is not forgotten");
}

#[test]
fn acknowledgements_of_what_was_never_sent_are_ignored() {
    let mut ledger = ledger();
    let _stop = begin(&mut ledger, "a");
    out(&mut ledger, "a", "one");
    ledger.on_output_ack("a", 99);
    ledger.on_output_ack("nobody", 1);
    ledger.on_ended_ack("nobody");
    assert_eq!(drain(&mut ledger), ["credit 1", "a 0 out one"]);
}

#[test]
fn too_much_unacknowledged_output_stops_new_runs() {
    let mut ledger = ledger();
    let _stop = begin(&mut ledger, "a");
    ledger.run_output("a", Channel::Stdout, &vec![b'x'; MAX_OWED_BYTES], 0);
    assert!(matches!(ledger.run_begin("b", 5), Begin::Refused(RefusedWhy::NoSlot)));
    ledger.run_ended("a", Ended::default());
    assert!(drain(&mut ledger).contains(&"credit 0".to_owned()));
    ledger.on_ended_ack("a");
    assert_eq!(drain(&mut ledger), ["credit 2"]);
}

fn typed(run: &str, seq: u64, text: &str) -> Input {
    Input { run_id: run.to_owned(), epoch: 5, seq, act: Some(Act::Data(text.as_bytes().to_vec())) }
}

fn texts(acts: &mut mpsc::UnboundedReceiver<Numbered>) -> Vec<String> {
    let text = |Numbered { seq, act }| match act {
        Act::Data(data) => format!("{seq} {}", String::from_utf8(data).unwrap()),
        Act::End(_) | Act::Interrupt(_) | Act::Resize(_) => panic!("only data was sent"),
    };
    std::iter::from_fn(|| acts.try_recv().ok()).map(text).collect()
}

#[test]
fn input_is_taken_once_and_in_order() {
    let mut ledger = ledger();
    let _stop = begin(&mut ledger, "a");
    let mut acts = ledger.run_open_input("a");
    for (seq, text) in [(0, "zero"), (0, "again"), (2, "gap"), (1, "one"), (1, "again")] {
        ledger.run_input(typed("a", seq, text)).unwrap();
    }
    assert_eq!(texts(&mut acts), ["0 zero", "1 one"]);
    assert_eq!(drain(&mut ledger), ["credit 1", "a input 0"], "nothing was used yet");
    ledger.run_input_used("a", 1);
    ledger.run_input_used("a", 2);
    assert_eq!(drain(&mut ledger), ["a input 2"]);
    assert_eq!(ledger.held()[0].input_seq, 2);
    ledger.on_welcome();
    assert_eq!(drain(&mut ledger), ["credit 1", "a input 2"], "a new stream hears it again");
}

#[test]
fn input_that_nobody_reads_has_a_bound() {
    let mut ledger = ledger();
    let _stop = begin(&mut ledger, "a");
    let mut acts = ledger.run_open_input("a");
    for seq in 0..2000 {
        ledger.run_input(typed("a", seq, "x")).unwrap();
    }
    assert_eq!(texts(&mut acts).len(), 1024);
    ledger.run_input_used("a", 1);
    ledger.run_input(typed("a", 1024, "next")).unwrap();
    ledger.run_input(typed("a", 1025, "over")).unwrap();
    assert_eq!(texts(&mut acts), ["1024 next"]);
    ledger.run_input_used("a", 1025);
    ledger.run_input(typed("a", 1025, &"x".repeat(wire::MAX_CHUNK_BYTES + 1))).unwrap();
    assert!(texts(&mut acts).is_empty(), "longer than a message may be");
}

#[test]
fn input_that_comes_too_late_is_acknowledged_and_dropped() {
    let mut ledger = ledger();
    let _stop = begin(&mut ledger, "a");
    drain(&mut ledger);
    ledger.run_input(typed("a", 4, "to a tool")).unwrap();
    assert_eq!(drain(&mut ledger), ["a input 5"]);
    let mut acts = ledger.run_open_input("a");
    ledger.run_input(typed("a", 0, "in time")).unwrap();
    ledger.run_ended("a", Ended::default());
    ledger.run_input(typed("a", 1, "late")).unwrap();
    ledger.on_ended_ack("a");
    ledger.run_input(typed("a", 2, "later")).unwrap();
    assert_eq!(drain(&mut ledger), ["credit 2", "a input 2", "a input 3"]);
    assert_eq!(texts(&mut acts), ["0 in time"]);
    ledger.epoch_seen(6);
    assert_eq!(ledger.run_input(typed("a", 3, "old")), Err(RefusedWhy::OldEpoch));
}
