//! Names in their order, and what comes with them.

use db::Database;

use super::{NOW_MS, ROOT, SPACE, apply, change, file, inode, name, prepare, stripe};
use crate::model::effect::Effect;
use crate::model::inode::{Inode, Kind};
use crate::queries::apply::{CHANGED, entries_expect};
use crate::queries::inode::{directories_among, entries_of, entry_get, entry_list, inode_get, xattr_list};
use crate::queries::number::number_take;
use crate::queries::stripe::piece_list;

testkit::for_each_engine!(crate::migrations(); names_are_kept_and_ordered_by_their_bytes, an_entry_comes_with_what_it_names,
    a_list_goes_on_after_a_name, attributes_are_set_and_removed, numbers_are_given_once, names_are_found_by_what_they_name);

async fn names_are_found_by_what_they_name(db: Database) {
    prepare(&db).await;
    let second = Effect::EntryAdd { parent: ROOT, name: name("z"), ino: 100 };
    let directory = vec![
        Effect::InodePut(inode(101, Kind::Directory, 0)),
        Effect::EntryAdd { parent: ROOT, name: name("d"), ino: 101 },
    ];
    apply(&db, [file(100, "é"), vec![second], directory].concat()).await.unwrap();
    assert_eq!(directories_among(&db, SPACE, &[100, 101, 102, ROOT]).await.unwrap().len(), 2);
    assert!(directories_among(&db, SPACE, &[]).await.unwrap().is_empty());
    let mut named = entries_of(&db, SPACE, &[100, 102]).await.unwrap();
    named.sort();
    assert_eq!(named, [(ROOT, name("z"), 100), (ROOT, name("é"), 100)]);
    assert_eq!(entries_of(&db, SPACE + 1, &[100]).await.unwrap(), []);
    change(&db, |w| entries_expect(w, SPACE, &named)).await.unwrap();
    named[0].2 = 101;
    let unmet = change(&db, |w| entries_expect(w, SPACE, &named)).await;
    assert!(matches!(unmet, Err(db::DbError::Unmet { guard: CHANGED })), "{unmet:?}");
}

async fn names_are_kept_and_ordered_by_their_bytes(db: Database) {
    prepare(&db).await;
    let long = "é".repeat(127);
    let mut names = vec![
        "a",
        "A",
        "a ",
        " a",
        "é",
        "e\u{301}",
        "ß",
        "ss",
        "😀",
        "\u{ffff}",
        "%_\\'\"",
        "\u{202e}x",
        "z",
        "Z",
        "10",
        "9",
        "...",
        &long,
        "\u{1}",
        "a\nb",
        "ı",
        "i",
        "ﬁ",
        "fi",
        "~",
    ];
    let effects = (100..).zip(&names).flat_map(|(ino, text)| file(ino, text)).collect();
    apply(&db, effects).await.unwrap();
    names.sort_unstable();
    let listed = entry_list(&db, SPACE, ROOT, None, 100).await.unwrap();
    assert_eq!(listed.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), names);
    for text in &names {
        let found = entry_get(&db, SPACE, ROOT, &name(text)).await.unwrap().unwrap();
        assert_eq!(found.name.as_str(), *text);
    }
    for text in ["É", "Z ", "a  ", "😁"] {
        assert_eq!(entry_get(&db, SPACE, ROOT, &name(text)).await.unwrap(), None, "{text:?}");
    }
}

async fn an_entry_comes_with_what_it_names(db: Database) {
    prepare(&db).await;
    let mut effects = file(100, "a");
    effects.push(Effect::StripePut { ino: 100, number: 7, stripe: stripe(5, 4_096) });
    let target = format!("/etc/é {}", "x".repeat(4_000));
    let link = Inode { target: Some(target), ..inode(101, Kind::Symlink, 0) };
    effects.extend([Effect::InodePut(link.clone()), Effect::EntryAdd { parent: ROOT, name: name("b"), ino: 101 }]);
    apply(&db, effects).await.unwrap();
    let listed = entry_list(&db, SPACE, ROOT, None, 100).await.unwrap();
    assert_eq!(listed[0].inode, inode(100, Kind::File, 1));
    assert_eq!(listed[0].first, Some(stripe(1_000, 8_192)));
    assert_eq!((&listed[1].inode, &listed[1].first), (&Inode { version: 1, ..link }, &None));
    assert_eq!(inode_get(&db, SPACE, 100).await.unwrap().unwrap(), listed[0].inode);
    assert_eq!(inode_get(&db, SPACE + 1, 100).await.unwrap(), None, "another space's");
    let pieces = piece_list(&db, SPACE, 100, 1, 9).await.unwrap();
    assert_eq!(pieces.iter().map(|p| (p.number, p.stripe.clone())).collect::<Vec<_>>(), [(7, stripe(5, 4_096))]);
    assert_eq!(piece_list(&db, SPACE, 100, 0, 1).await.unwrap().len(), 1);
}

async fn a_list_goes_on_after_a_name(db: Database) {
    prepare(&db).await;
    let effects = (0..3_000).flat_map(|n| file(100 + n, &format!("n{n:04}"))).collect();
    apply(&db, effects).await.unwrap();
    let mut names = Vec::new();
    loop {
        let page = entry_list(&db, SPACE, ROOT, names.last(), 1_024).await.unwrap();
        if page.is_empty() {
            break;
        }
        names.extend(page.into_iter().map(|entry| entry.name));
    }
    assert_eq!(names, (0..3_000).map(|n| name(&format!("n{n:04}"))).collect::<Vec<_>>());
}

async fn attributes_are_set_and_removed(db: Database) {
    prepare(&db).await;
    let put = |name: &str, value: &[u8]| Effect::XattrPut { ino: 100, name: name.into(), value: value.into() };
    let mut effects = file(100, "a");
    let all: Vec<u8> = (0..=255).cycle().take(65_536).collect();
    effects.extend([put("user.b", b""), put("user.B", &all), put("user.b ", b"1")]);
    apply(&db, effects).await.unwrap();
    let expected = [("user.B".to_owned(), all), ("user.b".to_owned(), vec![]), ("user.b ".to_owned(), b"1".to_vec())];
    assert_eq!(xattr_list(&db, SPACE, 100).await.unwrap(), expected);
    let gone = |name: &str| Effect::XattrRemove { ino: 100, name: name.into() };
    apply(&db, vec![gone("user.B"), gone("user.none"), put("user.b", b"2")]).await.unwrap();
    let expected = [("user.b".to_owned(), b"2".to_vec()), ("user.b ".to_owned(), b"1".to_vec())];
    assert_eq!(xattr_list(&db, SPACE, 100).await.unwrap(), expected);
    let removed =
        vec![Effect::EntryRemove { parent: ROOT, name: name("a"), ino: 100 }, Effect::InodeRemove { ino: 100 }];
    apply(&db, removed).await.unwrap();
    assert!(xattr_list(&db, SPACE, 100).await.unwrap().is_empty());
}

async fn numbers_are_given_once(db: Database) {
    let mut taken = Vec::new();
    let asked = (0..8).map(|_| number_take(&db, 10));
    for range in futures::future::join_all(asked).await {
        taken.extend(range.unwrap().into_iter().flatten());
    }
    assert!(!taken.is_empty() && taken[0] >= 1, "{NOW_MS}: one of them is the fastest");
    let count = taken.len();
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), count);
}
