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
    assert_eq!(step, Move { set: 7, index: 0, from: 1, to: 3, bytes: 300 });
    moved(&mut members, &mut loads, &step, 300);
    assert_eq!((members[0].held_bytes, members[2].held_bytes, loads[0].unit_bytes), (300, 300, 300));
    assert_eq!(spread(&members), 300);
    assert_eq!(next_move(&members, &loads, 300), None, "they differ by no more");
}

#[test]
fn sizes_count_by_what_they_hold_of_their_room() {
    let members = [member(1, "a", 1_000, 800), member(2, "b", 3_000, 0)];
    let step = next_move(&members, &[load(7, &[1], 800)], 50).unwrap();
    assert_eq!(step.bytes, 600, "then both are one fifth full");
    assert_eq!(spread(&members), 800);
}

#[test]
fn no_stripe_is_crowded_more_than_it_is() {
    let members = [member(1, "a", 1_000, 900), member(2, "b", 1_000, 500), member(3, "b", 1_000, 0)];
    assert_eq!(next_move(&members, &[load(7, &[1, 2], 500)], 50).unwrap().from, 2, "a's unit may not go to b");
    let apart = [load(7, &[1, 2], 500), load(8, &[1], 400)];
    assert_eq!(next_move(&members, &apart, 50).unwrap().set, 8);
    assert_eq!(next_move(&members[..1], &apart, 50), None);
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
            moved(&mut members, &mut loads, &step, step.bytes);
            steps += 1;
            prop_assert!(steps < 500, "{members:?}");
        }
        prop_assert_eq!(total, members.iter().map(|member| member.held_bytes).sum::<u64>());
    }
}
