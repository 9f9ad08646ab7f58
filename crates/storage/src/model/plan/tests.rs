//! What lists of effects come to.

use super::*;
use crate::model::stripe::StripeCode;

const ROOT: Ino = 1;

pub(crate) fn inode(ino: Ino, kind: Kind, version: i64) -> Inode {
    Inode {
        ino,
        kind,
        mode: 0o644,
        uid: 0,
        gid: 0,
        nlink: 1,
        size: 0,
        atime_ns: 0,
        mtime_ns: 0,
        ctime_ns: 0,
        target: None,
        device: 0,
        version,
    }
}

fn name(text: &str) -> Name {
    Name::try_from(text.to_owned()).unwrap()
}

fn stripe(id: StripeId, bytes: u32) -> Stripe {
    let code = StripeCode::for_bytes(4, 2, bytes).unwrap();
    Stripe { id, code, stores: (1..=code.units() as i64).collect() }
}

fn layout() -> Layout {
    Layout::try_from(1).unwrap()
}

fn plan(effects: Vec<Effect>) -> Result<Plan, NamespaceError> {
    Plan::of(effects, ROOT, layout())
}

fn put(ino: Ino, number: u64, id: StripeId) -> Effect {
    Effect::StripePut { ino, number, stripe: stripe(id, 8_192) }
}

fn add(text: &str, ino: Ino) -> Effect {
    Effect::EntryAdd { parent: ROOT, name: name(text), ino }
}

fn remove(text: &str, ino: Ino) -> Effect {
    Effect::EntryRemove { parent: ROOT, name: name(text), ino }
}

#[test]
fn a_file_that_is_made_needs_its_directory_alone() {
    let made = plan(vec![
        add("a", 5),
        Effect::InodePut(inode(5, Kind::File, 0)),
        put(5, 0, 100),
        put(5, 1, 101),
        put(5, 0, 102),
        Effect::InodePut(Inode { size: 9, ..inode(5, Kind::File, 1) }),
    ])
    .unwrap();
    assert_eq!(made.inodes_needed, [(ROOT, Some(Kind::Directory))]);
    assert_eq!(made.inodes_new, [Inode { size: 9, ..inode(5, Kind::File, 2) }]);
    assert_eq!(made.pieces, [(5, 0, 102), (5, 1, 101)]);
    assert_eq!(made.stripes_unused, [100], "its units are on stores already");
    assert_eq!((made.stripes.len(), made.bytes_added), (3, 16_384));
    assert_eq!((made.spans_removed, made.inodes_changed), (vec![], vec![]));
}

#[test]
fn what_is_taken_from_a_file_is_counted_once() {
    let cut = |number, end| Effect::StripeCut { ino: 5, number, end };
    let changed = plan(vec![put(5, 3, 100), put(5, 4, 101), put(5, 9, 102), cut(4, Some(7)), cut(5, None)]).unwrap();
    assert_eq!(changed.spans_removed, [(5, (3, END))]);
    assert_eq!(changed.pieces, [(5, 3, 100)]);
    assert_eq!(changed.stripes_unused, [101, 102]);
    assert_eq!(changed.inodes_needed, [(5, Some(Kind::File))]);
}

#[test]
fn a_rename_over_a_file_says_what_it_read() {
    let renamed = plan(vec![
        remove("new", 6),
        Effect::InodePut(Inode { nlink: 0, ..inode(6, Kind::File, 4) }),
        Effect::InodeRemove { ino: 6 },
        remove("old", 5),
        add("new", 5),
    ])
    .unwrap();
    assert_eq!(renamed.entries_removed, [(ROOT, name("new"), 6), (ROOT, name("old"), 5)]);
    assert_eq!(renamed.entries_added, [(ROOT, name("new"), 5)]);
    assert_eq!(renamed.inodes_removed, [(6, Some(4))]);
    assert_eq!(renamed.spans_removed, [(6, (0, END))]);
}

#[test]
fn a_list_that_contradicts_itself_is_refused() {
    let directory = |ino| Effect::InodePut(inode(ino, Kind::Directory, 0));
    let empty = |ino| Effect::DirectoryEmpty { ino };
    let cases: [(Vec<Effect>, &str); 11] = [
        (vec![add("a", 5), add("a", 6)], "exists"),
        (vec![remove("a", 5), remove("a", 5)], "changed"),
        (vec![add("a", 5), remove("a", 6)], "changed"),
        (vec![add("a", 5), empty(ROOT)], "changed"),
        (vec![empty(ROOT), remove("a", 5)], "changed"),
        (vec![Effect::InodePut(inode(5, Kind::File, 3)), Effect::InodePut(inode(5, Kind::File, 3))], "changed"),
        (vec![Effect::InodeRemove { ino: 5 }, add("a", 5)], "changed"),
        (vec![add("a", 5), Effect::InodeRemove { ino: 5 }], "invalid"),
        (vec![Effect::InodeRemove { ino: ROOT }], "invalid"),
        (vec![directory(5), put(5, 0, 100)], "invalid"),
        (
            vec![Effect::InodePut(inode(5, Kind::File, 0)), Effect::EntryAdd { parent: 5, name: name("a"), ino: 1 }],
            "invalid",
        ),
    ];
    for (effects, expected) in cases {
        let shown = format!("{effects:?}");
        let word = match plan(effects).unwrap_err() {
            NamespaceError::Exists => "exists",
            NamespaceError::Changed => "changed",
            NamespaceError::Invalid(_) => "invalid",
            other => panic!("{other:?}"),
        };
        assert_eq!(word, expected, "{shown}");
    }
}

#[test]
fn what_an_effect_may_not_hold_is_refused() {
    let file = || inode(5, Kind::File, 0);
    let link = |target: &str| Inode { target: Some(target.into()), ..inode(5, Kind::Symlink, 0) };
    let placed = |stores: &[i64]| Effect::StripePut {
        ino: 5,
        number: 0,
        stripe: Stripe { stores: stores.into(), ..stripe(9, 9_000) },
    };
    let xattr = |name: &str, length| Effect::XattrPut { ino: 5, name: name.into(), value: vec![0; length] };
    let refused = [
        Effect::InodePut(Inode { mode: 0o10_000, ..file() }),
        Effect::InodePut(Inode { size: (1 << 46) + 1, ..file() }),
        Effect::InodePut(Inode { version: -1, ..file() }),
        Effect::InodePut(Inode { target: Some("a".into()), ..file() }),
        Effect::InodePut(inode(5, Kind::Symlink, 0)),
        Effect::InodePut(link(&"x".repeat(4_096))),
        Effect::InodePut(link("a\0")),
        put(5, 1 << 28, 9),
        placed(&[1, 2, 3, 4, 5]),
        placed(&[1, 2, 3, 4, 5, 5]),
        placed(&[0, 2, 3, 4, 5, 6]),
        xattr("", 1),
        xattr(&"x".repeat(256), 1),
        xattr("user.a", 65_537),
    ];
    for effect in refused {
        let shown = format!("{effect:?}");
        assert!(matches!(plan(vec![effect]), Err(NamespaceError::Invalid(_))), "{shown}");
    }
    let other_code = Effect::StripePut { ino: 5, number: 0, stripe: stripe(9, 9_000) };
    let narrow = Layout::try_from(0).unwrap();
    assert!(Plan::of(vec![other_code], ROOT, narrow).is_err(), "another volume's code");
    let taken = [Effect::InodePut(link(&"x".repeat(4_095))), put(5, (1 << 28) - 1, 9), xattr(&"x".repeat(255), 65_536)];
    for effect in taken {
        assert!(plan(vec![effect.clone()]).is_ok(), "{effect:?}");
    }
    assert!(plan(vec![Effect::InodeRemove { ino: 5 }; EFFECTS_MAX + 1]).is_err());
}

#[test]
fn stripes_move_to_what_is_made_in_the_same_list_and_nothing_else_is_done_with_them() {
    let made = || Effect::InodePut(inode(5, Kind::File, 0));
    let moved = |from, to| Effect::StripesMove { from, to, number: 3 };
    let good = plan(vec![made(), moved(6, 5), Effect::InodeRemove { ino: 6 }]).unwrap();
    assert_eq!(good.pieces_moved, [(6, 5, 3)]);
    assert_eq!((good.bytes_added, good.inodes_removed.len()), (0, 1));
    let cut = |ino| Effect::StripeCut { ino, number: 0, end: None };
    let refused = [
        vec![moved(6, 5)],
        vec![Effect::InodePut(inode(5, Kind::File, 1)), moved(6, 5)],
        vec![made(), put(5, 0, 100), moved(6, 5)],
        vec![made(), put(6, 0, 100), moved(6, 5)],
        vec![made(), cut(6), moved(6, 5)],
        vec![made(), moved(6, 5), put(5, 0, 100)],
        vec![made(), moved(6, 5), cut(5)],
        vec![made(), moved(6, 5), Effect::InodeRemove { ino: 5 }],
        vec![made(), moved(5, 5)],
        vec![made(), Effect::InodeRemove { ino: 6 }, moved(6, 5)],
    ];
    for effects in refused {
        assert!(plan(effects.clone()).is_err(), "{effects:?}");
    }
}
