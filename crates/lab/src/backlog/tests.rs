//! Whose turn it is, without a database.

use proptest::prelude::*;

use super::*;
use crate::model::batch::{BatchId, Tally};
use crate::model::job::JobKind;

fn waiting(tenant: &str, account: &str, tool: &str) -> Waiting {
    Waiting {
        run: RunId::generate(),
        job: JobId::generate(),
        attempt: 1,
        role: Role::Near,
        wanted_node: None,
        port: None,
        tenant: tenant.into(),
        account: account.into(),
        tool: tool.into(),
        near_node: None,
        labels: BTreeMap::new(),
        far_node: None,
        is_element: false,
    }
}

fn batch(tenant: &str, account: &str, count: u32) -> Batch {
    Batch {
        id: BatchId::generate(),
        tenant: tenant.into(),
        account: account.into(),
        owner: String::new(),
        name: String::new(),
        kind: JobKind::Experiment,
        tool: "ping".into(),
        spec: String::new(),
        args: None,
        source: None,
        command: String::new(),
        wanted_node: None,
        wanted_labels: BTreeMap::new(),
        first: 1,
        count,
        has_parameters: false,
        has_inputs: false,
        is_each_node: false,
        taken: 0,
        tally: Tally::default(),
        is_cancelled: false,
        is_stranded: false,
        created_ms: 0,
    }
}

/// Takes the next turn and says whose it was.
fn take(backlog: &mut Backlog, blocked: &Blocked) -> Option<(String, String)> {
    let turn = backlog.peek(blocked)?;
    backlog.take(&turn);
    Some((turn.tenant, turn.account))
}

#[test]
fn the_oldest_run_comes_first_and_elements_come_last() {
    let mut backlog = Backlog::default();
    backlog.batches_set(vec![batch("t", "ada", 2)]);
    let runs: Vec<_> = (0..3).map(|_| waiting("t", "ada", "ping")).collect();
    [1, 0, 2, 1].iter().for_each(|index| backlog.push(runs[*index].clone()));
    assert_eq!(backlog.runs(), 3, "the same run twice is one");
    let mut seen = Vec::new();
    while let Some(turn) = backlog.peek(&Blocked::default()) {
        backlog.take(&turn);
        seen.push(match turn.item {
            Item::Run(waiting) => format!("{}", runs.iter().position(|run| run.run == waiting.run).unwrap()),
            Item::Element(_, number) => format!("element {number}"),
        });
    }
    assert_eq!(seen, ["0", "1", "2", "element 0", "element 1"]);
    assert_eq!((backlog.runs(), backlog.tenants.len()), (0, 0));
}

#[test]
fn what_nobody_can_take_holds_up_nothing_else() {
    let mut backlog = Backlog::default();
    for tool in ["mtr", "mtr", "ping"] {
        backlog.push(waiting("t", "ada", tool));
    }
    let mut blocked = Blocked::default();
    let turn = backlog.peek(&blocked).unwrap();
    assert_eq!(backlog.need(&turn).tool, "mtr");
    blocked.add(&turn);
    let turn = backlog.peek(&blocked).unwrap();
    assert_eq!(backlog.need(&turn).tool, "ping");
    backlog.take(&turn);
    assert!(backlog.peek(&blocked).is_none());
    assert_eq!(backlog.runs(), 2);
    backlog.runs_clear();
    assert!(backlog.peek(&Blocked::default()).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// 10,000 runs of one class, in batches or one by one, delay a learner of another by one turn of each class.
    #[test]
    fn a_class_delays_another_by_a_turn(classes in 1_usize..4, before in 0_usize..300, is_batch: bool) {
        let mut backlog = Backlog::default();
        let names: Vec<_> = (0..classes).map(|class| format!("class-{class}")).collect();
        if is_batch {
            backlog.batches_set(names.iter().map(|name| batch(name, "keen", 10_000)).collect());
        } else {
            for name in &names {
                (0..400).for_each(|learner| backlog.push(waiting(name, &format!("learner-{}", learner % 30), "ping")));
            }
        }
        let blocked = Blocked::default();
        for _ in 0..before {
            take(&mut backlog, &blocked);
        }
        backlog.push(waiting("other", "ada", "ping"));
        let late = ("other".to_owned(), "ada".to_owned());
        let waited = (0..).take_while(|_| take(&mut backlog, &blocked).as_ref() != Some(&late)).count();
        prop_assert!(waited <= classes, "{waited} turns");
    }

    /// Within a class, one learner's array delays another learner by one turn.
    #[test]
    fn an_array_delays_a_classmate_by_a_turn(before in 0_usize..300) {
        let mut backlog = Backlog::default();
        backlog.batches_set(vec![batch("class", "keen", 10_000)]);
        let blocked = Blocked::default();
        for _ in 0..before {
            take(&mut backlog, &blocked);
        }
        backlog.push(waiting("class", "ada", "ping"));
        let late = ("class".to_owned(), "ada".to_owned());
        let waited = (0..).take_while(|_| take(&mut backlog, &blocked).as_ref() != Some(&late)).count();
        prop_assert!(waited <= 1, "{waited} turns");
    }
}

#[test]
fn needs_of_batches_that_are_over_are_forgotten() {
    let mut backlog = Backlog::default();
    let open = batch("faculty", "ada", 9);
    for _ in 0..5 {
        backlog.batches_set(vec![batch("faculty", "ada", 9), open.clone()]);
        backlog.runs_clear();
        assert_eq!((backlog.needs.len(), backlog.known_needs.len()), (2, 2));
    }
    let turn = backlog.peek(&Blocked::default()).unwrap();
    assert_eq!(backlog.need(&turn).tool, "ping");
}
