//! Names: odd ones, many of them, deep below each other, and those that are none.

use serde_json::json;

use crate::plane::{Plane, add, file, inode, put, remove};

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

#[tokio::test]
async fn directories_are_never_tied_into_rings_nor_given_two_names() {
    let plane = Plane::new().await;
    plane.volume("films").await;
    let mount = plane.mount(&plane.admin, "films").await;
    let (root, inos) = (mount.root(), mount.numbers(8).await);
    let directory = |parent, name, ino| [put(inode(ino, "directory")), add(parent, name, ino)];
    let [a, b, c, d] = [inos[0], inos[1], inos[2], inos[3]];
    let made = [directory(root, "a", a), directory(a, "b", b), directory(b, "c", c), directory(root, "d", d)];
    mount.apply(made.concat()).await.expect(200);
    let known = put(serde_json::json!({ "ino": a, "kind": "directory", "mode": 0o755, "uid": 0, "gid": 0, "nlink": 2,
        "size": 0, "atime_ns": 0, "mtime_ns": 0, "ctime_ns": 0, "version": 1 }));
    let wrong = [
        vec![remove(root, "a", a), add(c, "a", a)],
        vec![known, remove(root, "a", a), add(c, "a", a)],
        vec![remove(root, "a", a), add(a, "a", a)],
        vec![add(d, "second", c)],
        vec![remove(b, "c", c), add(d, "one", c), add(root, "two", c)],
        directory(inos[4], "self", inos[4]).to_vec(),
        [directory(inos[5], "x", inos[4]), directory(inos[4], "y", inos[5])].concat(),
        // By a directory that is new.
        [directory(c, "new", inos[6]).to_vec(), vec![remove(root, "a", a), add(inos[6], "a", a)]].concat(),
    ];
    for effects in wrong {
        assert_eq!(mount.apply(effects.clone()).await.problem(400), "invalid", "{effects:?}");
    }
    // Upside down, in one go: what was above is below, and nothing is below itself.
    let turned = vec![remove(a, "b", b), add(root, "b", b), remove(root, "a", a), add(c, "a", a)];
    mount.apply(turned).await.expect(200);
    assert_eq!(mount.names(root, 9).await, ["b", "d"]);
    assert_eq!(mount.names(c, 9).await, ["a"]);
    assert_eq!(mount.apply(vec![remove(root, "b", b), add(a, "b", b)]).await.problem(400), "invalid");
    mount.apply(vec![remove(c, "a", a), add(d, "a", a)]).await.expect(200);
}
