//! Moves that even stores out, and those that must not be made.

use proptest::prelude::*;

use super::*;

fn member(id: StoreId, node: &str, capacity_bytes: u64, held_bytes: u64) -> Member {
    Member { id, node: node.into(), domain: node.into(), capacity_bytes, held_bytes, is_taking: true }
}

fn load(set: i64, stores: &[StoreId], unit_bytes: u64) -> Load {
    Load { set, stores: stores.to_vec(), unit_bytes }
}

#[test]
fn the_fullest_gives_to_the_emptiest_until_both_are_even() {
    let mut members = [member(1, "a", 1_000, 600), member(2, "b", 1_000, 600), member(3, "c", 1_000, 0)];
    let mut loads = [load(7, &[1, 2], 600)];
    let step = next_move(&members, &loads, 50).unwrap();
    assert_eq!(step, Move { set: 7, index: 0, from: 1, to: 3, bytes: Some(300) });
    assert_eq!(moved(&mut members, &mut loads, &step), 300);
    assert_eq!((members[0].held_bytes, members[2].held_bytes, loads[0].unit_bytes), (300, 300, 300));
    assert_eq!(spread(&members), 300);
    assert_eq!(next_move(&members, &loads, 300), None, "they differ by no more");
}

#[test]
fn sizes_count_by_what_they_hold_of_their_room() {
    let members = [member(1, "a", 1_000, 800), member(2, "b", 3_000, 0)];
    let step = next_move(&members, &[load(7, &[1], 800)], 50).unwrap();
    assert_eq!(step.bytes, Some(600), "then both are one fifth full");
    assert_eq!(spread(&members), 800);
}

#[test]
fn no_stripe_is_crowded_more_than_it_is() {
    let mut members = [member(1, "a", 1_000, 900), member(2, "b", 1_000, 500), member(3, "b", 1_000, 0)];
    assert_eq!(next_move(&members, &[load(7, &[1, 2], 500)], 50).unwrap().from, 2, "a's unit may not go to b");
    let apart = [load(7, &[1, 2], 500), load(8, &[1], 400)];
    assert_eq!(next_move(&members, &apart, 50).unwrap().set, 8);
    assert_eq!(next_move(&members[..1], &apart, 50), None);
    members[2].node = "c".into();
    assert_eq!(next_move(&members, &[load(7, &[1, 2], 500)], 50).unwrap().from, 2, "they share the domain b still");
}

#[test]
fn stripes_are_spread_before_stores_are_evened_out() {
    let mut members: Vec<Member> =
        (1..=8).map(|id| member(id, ["a", "a", "a", "b", "b", "b", "c", "c"][id as usize - 1], 1_000, 100)).collect();
    let loads = [load(7, &[1, 2, 3, 4, 5, 6], 50)];
    let step = next_move(&members, &loads, 50).unwrap();
    assert_eq!(step, Move { set: 7, index: 0, from: 1, to: 7, bytes: None }, "though all are even");
    let rest = [load(7, &[7, 2, 3, 4, 5, 6], 50)];
    let step = next_move(&members, &rest, 50).unwrap();
    assert_eq!(step, Move { set: 7, index: 3, from: 4, to: 8, bytes: None });
    assert_eq!(next_move(&members, &[load(7, &[7, 2, 3, 8, 5, 6], 50)], 50), None, "two on each");
    members[6].held_bytes = 960;
    assert_eq!(spreading_move(&members, &loads).unwrap().to, 8, "7 is nearly full");
    members[7].is_taking = false;
    assert_eq!(spreading_move(&members, &loads), None);
    members[7].is_taking = true;
    members[0].held_bytes = 0;
    assert_eq!(spreading_move(&members, &loads).unwrap().from, 2, "1 can't give anything now");
}

#[test]
fn nothing_goes_to_who_takes_nothing_or_has_the_stripe() {
    let mut members = [member(1, "a", 1_000, 900), member(2, "b", 1_000, 0)];
    assert_eq!(next_move(&members, &[load(7, &[1, 2], 500)], 50), None);
    members[1].is_taking = false;
    assert_eq!(next_move(&members, &[load(7, &[1], 500)], 50), None);
    assert_eq!(spread(&members), 900 - 900, "the only one that takes is the fullest");
}

proptest! {
    #[test]
    fn spreading_ends_with_as_few_on_a_node_as_can_be(nodes in prop::collection::vec(0_usize..5, 6..14), turn in 0_usize..100) {
        let member = |(id, node): (usize, &usize)| member(id as i64, &node.to_string(), 1_000_000, 1_000);
        let mut members: Vec<Member> = nodes.iter().enumerate().map(member).collect();
        let at = |unit: usize| ((unit + turn) % nodes.len()) as StoreId;
        let mut loads = vec![load(1, &(0..6).map(at).collect::<Vec<_>>(), 10)];
        let mut steps = 0;
        while let Some(step) = spreading_move(&members, &loads) {
            moved(&mut members, &mut loads, &step);
            steps += 1;
            prop_assert!(steps <= 36, "{loads:?}");
        }
        let on_node = |node: usize, among: &[StoreId]| among.iter().filter(|id| nodes[**id as usize] == node).count();
        let all: Vec<StoreId> = (0..nodes.len() as StoreId).collect();
        // Filled round by round, each node getting one more while it has stores left.
        let mut best = [0_usize; 5];
        while best.iter().sum::<usize>() < 6 {
            let node = (0..5).filter(|node| best[*node] < on_node(*node, &all)).min_by_key(|node| best[*node]).unwrap();
            best[node] += 1;
        }
        let most = (0..5).map(|node| on_node(node, &loads[0].stores)).max();
        prop_assert_eq!(most, best.into_iter().max());
    }

    #[test]
    fn it_ends_and_never_moves_from_empty_to_full(held in prop::collection::vec(0_u64..1_000, 2..9), least in 1_u64..300) {
        let mut members: Vec<Member> =
            held.iter().enumerate().map(|(id, held)| member(id as i64, &id.to_string(), 1_000, *held)).collect();
        let mut loads: Vec<Load> =
            held.iter().enumerate().map(|(id, held)| load(id as i64, &[id as i64], *held)).collect();
        let total: u64 = held.iter().sum();
        let mut steps = 0;
        while let Some(step) = next_move(&members, &loads, least) {
            let fill = |id| members.iter().find(|member| member.id == id).map(Member::fill);
            prop_assert!(fill(step.from) > fill(step.to));
            moved(&mut members, &mut loads, &step);
            steps += 1;
            prop_assert!(steps < 500, "{members:?}");
        }
        prop_assert_eq!(total, members.iter().map(|member| member.held_bytes).sum::<u64>());
    }
}
