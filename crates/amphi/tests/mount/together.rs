//! Several mounts of one export, and programs on one.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::site::{LIMIT, Mount, Site};

/// Works on a mount until the export is delegated to it.
async fn work_until_delegated(site: &Site, mount: &Mount) {
    let database = site.scratch.path().join("state/amphi.db");
    let sql = "SELECT s.what FROM storage_space p JOIN storage_session s ON s.id = p.holder WHERE p.name = 'films'";
    let holder = format!("sqlite3 -readonly {} \"{sql}\"", database.display());
    let until = Instant::now() + LIMIT;
    while !mount.shell(&format!("touch work; {holder}")).await.trim_end().ends_with(mount.path.to_str().unwrap()) {
        assert!(Instant::now() < until, "{} is not delegated the export", mount.path.display());
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn who_works_while_the_other_is_idle_is_seen_at_once_when_it_looks() {
    let Some(site) = Site::start().await else { return };
    let (one, two) = (site.mount("one").await, site.mount("two").await);
    for round in 1..=2 {
        let (writer, reader) = if round % 2 == 0 { (&one, &two) } else { (&two, &one) };
        work_until_delegated(&site, writer).await;
        writer
            .shell(&format!("mkdir d{round}; for n in $(seq 50); do echo $n > d{round}/$n; done; echo {round} > last"))
            .await;
        assert_eq!(
            reader.shell(&format!("cat last; ls d{round} | wc -l; cat d{round}/* | wc -l")).await,
            format!("{round}\n50\n50\n")
        );
        let removed = reader.shell(&format!("rm -r d{round}; echo gone > last; ls")).await;
        assert_eq!((writer.shell("ls").await, writer.shell("cat last").await), (removed, "gone\n".to_owned()));
    }
    two.unmount(&site).await;
    one.unmount(&site).await;
}

#[tokio::test]
async fn what_one_closed_the_other_sees() {
    let Some(site) = Site::start().await else { return };
    let one = site.mount("one").await;
    one.shell("echo first > a").await;
    let two = site.mount("two").await;
    assert_eq!(two.shell("cat a").await, "first\n");
    for n in 0..5 {
        let (writer, reader) = if n % 2 == 0 { (&one, &two) } else { (&two, &one) };
        writer.shell(&format!("echo {n} > a; echo {n} > new{n}; rm -f new{}", n - 1)).await;
        assert_eq!(reader.shell(&format!("cat a; ls new{n}; ls new* | wc -l")).await, format!("{n}\nnew{n}\n1\n"));
    }
    two.unmount(&site).await;
    one.unmount(&site).await;
}

#[tokio::test]
async fn two_writers_of_one_range_write_one_after_the_other() {
    let Some(site) = Site::start().await else { return };
    let (one, two) = (site.mount("one").await, site.mount("two").await);
    one.shell("truncate -s 200000 a").await;
    let write = |byte| {
        format!(
            "for n in 1 2 3; do head -c 200000 /dev/zero | tr '\\0' {byte} | dd of=a bs=200000 conv=notrunc iflag=fullblock status=none; done"
        )
    };
    let (ones, twos) = (write('1'), write('2'));
    tokio::join!(one.shell(&ones), two.shell(&twos));
    let seen = one.shell("fold -w1 a | sort -u | wc -l; stat -c %s a").await;
    // One call of 200,000 bytes may reach the file system in two pieces.
    assert!(seen == "1\n200000\n" || seen == "2\n200000\n", "{seen}");
    assert_eq!(one.shell("sha256sum a").await, two.shell("sha256sum a").await);
    two.unmount(&site).await;
    one.unmount(&site).await;
}

#[tokio::test]
async fn programs_work_on_a_volume() {
    let Some(site) = Site::start().await else { return };
    let mount = site.mount("one").await;
    mount
        .shell(
            "mkdir src && cd src && git init -q && for n in $(seq 50); do seq $n 500 > f$n; done
             printf 'int main(void) { return 42; }' > a.c && printf 'a: a.c\\n\\tgcc -o a a.c\\n' > Makefile && make -s
             git add . && git -c user.name=n -c user.email=e commit -qm one && cd .. && git clone -q src copy
             diff -r -x .git src copy && (./src/a || test $? = 42)
             tar cf t.tar src && mkdir un && tar xf t.tar -C un && diff -r src un/src
             rsync -a src/ synced/ && test -z \"$(rsync -ai src/ synced/)\"
             sqlite3 db 'create table t(n); insert into t values (1); insert into t values (2)'
             fio --name=v --rw=randrw --bs=4k --size=8M --verify=crc32c --ioengine=psync --end_fsync=1 --output=/dev/null",
        )
        .await;
    let sums = mount.shell("find . -type f | sort | xargs sha256sum").await;
    mount.unmount(&site).await;
    let again = site.mount("one").await;
    assert_eq!(again.shell("find . -type f | sort | xargs sha256sum").await, sums);
    assert_eq!(again.shell("sqlite3 db 'select sum(n) from t'").await, "3\n");
    again.unmount(&site).await;
}
