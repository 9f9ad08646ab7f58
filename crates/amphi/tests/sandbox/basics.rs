//! What programs are given: their languages, their files, their arguments; and how their end is told.

use agent::sandbox::Limits;

use crate::site::{as_everybody, room, run, sandbox, sh};

#[test]
fn programs_run_and_their_end_is_told() {
    as_everybody("basics::programs_run_and_their_end_is_told", || async {
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        let ran = run(&mut room, &["sh", "-c", "echo out; echo err >&2; exit 7"], Limits::default()).await;
        assert_eq!((ran.exit.code, ran.exit.signal, ran.exit.cause), (7, None, None));
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("out\n", "err\n"));
        let ran = sh(&mut room, "kill -TERM $$").await;
        assert_eq!((ran.exit.code, ran.exit.signal, ran.exit.cause), (143, Some(15), None));
        assert_eq!(sh(&mut room, "id -u; pwd; echo $HOME; hostname").await.ok(), "65534\n/work\n/work\namphi");
    });
}
