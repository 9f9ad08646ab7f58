//! Tests of `placing`.

use std::collections::BTreeMap;

use super::*;

fn store(id: StoreId, node: &str, domain: &str, free_mib: u64) -> StoreAddress {
    StoreAddress {
        id,
        node: node.to_owned(),
        addresses: Vec::new(),
        free_bytes: free_mib << 20,
        domain: domain.to_owned(),
        is_writable: true,
        is_up: true,
    }
}

fn placer(stores: &[StoreAddress]) -> Placer {
    let mut placer = Placer::new();
    placer.stores_set(stores);
    placer
}

#[test]
fn units_are_spread_evenly_over_domains_then_nodes() {
    let stores: Vec<_> = (0..12).map(|n| store(n, &format!("n{}", n / 2), &format!("d{}", n / 4), 1000)).collect();
    let mut placer = placer(&stores);
    for _ in 0..1000 {
        let chosen = placer.pick(6).unwrap();
        let (mut domains, mut nodes) = (BTreeMap::new(), BTreeMap::new());
        for id in &chosen {
            *domains.entry(id / 4).or_insert(0) += 1;
            *nodes.entry(id / 2).or_insert(0) += 1;
        }
        assert_eq!(domains.values().copied().collect::<Vec<_>>(), [2, 2, 2]);
        assert!(nodes.values().all(|count| *count == 1), "{nodes:?}");
    }
}

#[test]
fn free_space_decides_among_equals() {
    let stores: Vec<_> = (0..4).map(|n| store(n, &format!("n{n}"), &format!("d{n}"), 100 * (1 + n as u64))).collect();
    let mut placer = placer(&stores);
    let mut counts = [0_usize; 4];
    for _ in 0..100 * STRIPES_PER_CHOICE {
        placer.pick(1).unwrap().into_iter().for_each(|id| counts[id as usize] += 1);
    }
    assert_eq!(counts.map(|count| count / STRIPES_PER_CHOICE), [10, 20, 30, 40]);
}

#[test]
fn who_does_not_answer_is_the_last_choice_and_who_is_full_is_none() {
    let stores: Vec<_> = (0..4).map(|n| store(n, &format!("n{n}"), &format!("d{n}"), 100)).collect();
    let mut placer = placer(&stores);
    placer.suspect_set(2, true);
    assert!(!placer.pick(3).unwrap().contains(&2));
    assert!(placer.pick(4).unwrap().contains(&2));
    assert_eq!(placer.spare(&[0, 1], &[3]), Some(2));
    placer.full_set(2);
    assert_eq!(placer.spare(&[0, 1], &[3]), None);
    assert!(matches!(placer.pick(4), Err(WriteError::Full)));
    assert!(matches!(placer.pick(5), Err(WriteError::TooFewStores { need: 5, have: 4 })));
}

#[test]
fn the_lists_of_stores_stay_few() {
    let stores: Vec<_> = (0..8).map(|n| store(n, &format!("n{}", n % 3), "d", 100)).collect();
    let mut placer = placer(&stores);
    let lists: std::collections::BTreeSet<_> = (0..20_000).map(|_| placer.pick(6).unwrap()).collect();
    assert!(lists.len() <= 28 * 6, "{}", lists.len());
}
