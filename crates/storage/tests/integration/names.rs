//! Names: odd ones, many of them, deep below each other, and those that are none.

use serde_json::json;

use crate::plane::{Plane, add, file, inode, put};

#[tokio::test]
async fn odd_names_are_names_and_what_is_none_is_refused() {
    let plane = Plane::new().await;
    plane.volume("films").await;
    let mount = plane.mount(&plane.admin, "films").await;
    let long = "é".repeat(127);
    let mut names = vec!["a", "A", "é", "e\u{301}", "a ", " ", "...", "-rf", "\u{1}\n", "😀", "%", "'\"\\", &long];
    let inos = mount.numbers(names.len()).await;
    let effects = names.iter().zip(&inos).flat_map(|(name, ino)| file(mount.root(), name, *ino)).collect();
    mount.apply(effects).await.expect(200);
    names.sort_unstable();
    assert_eq!(mount.names(mount.root(), 5).await, names);
    let found = mount.read(json!({ "op": "lookup", "parent": mount.root(), "name": "e\u{301}" })).await;
    assert_eq!(found["inode"]["ino"], inos[3]);
    let none = mount.read(json!({ "op": "lookup", "parent": mount.root(), "name": "E\u{301}" })).await;
    assert!(none.is_null());
    for bad in ["", ".", "..", "a/b", "a\0", &"x".repeat(256)] {
        let refused = mount.apply(file(mount.root(), bad, inos[0])).await;
        assert_eq!(refused.status.as_u16(), 400, "{bad:?}");
    }
}

#[tokio::test]
async fn a_directory_of_ten_thousand_is_listed_in_pages() {
    let plane = Plane::new().await;
    plane.volume("films").await;
    let mount = plane.mount(&plane.admin, "films").await;
    let inos = mount.numbers(10_000).await;
    let mut names: Vec<String> = (0..10_000).map(|n| format!("file {n}")).collect();
    for (names, inos) in names.chunks(4_000).zip(inos.chunks(4_000)) {
        let effects = names.iter().zip(inos).flat_map(|(name, ino)| file(mount.root(), name, *ino)).collect();
        mount.apply(effects).await.expect(200);
    }
    names.sort_unstable();
    assert_eq!(mount.names(mount.root(), 100_000).await, names);
    let page = mount.read(json!({ "op": "entries", "parent": mount.root(), "after": null, "limit": 100_000 })).await;
    assert_eq!(page.as_array().unwrap().len(), 4_096);
}

#[tokio::test]
async fn directories_lie_a_thousand_deep() {
    let plane = Plane::new().await;
    plane.volume("films").await;
    let mount = plane.mount(&plane.admin, "films").await;
    let inos = mount.numbers(1_000).await;
    let parents = std::iter::once(&mount.root()).chain(&inos).copied().collect::<Vec<_>>();
    let one = |(parent, ino): (&i64, &i64)| [put(inode(*ino, "directory")), add(*parent, "d", *ino)];
    mount.apply(parents.iter().zip(&inos).flat_map(one).collect()).await.expect(200);
    let mut at = mount.root();
    for ino in inos {
        let entry = mount.read(json!({ "op": "lookup", "parent": at, "name": "d" })).await;
        at = entry["inode"]["ino"].as_i64().unwrap();
        assert_eq!(at, ino);
    }
}
