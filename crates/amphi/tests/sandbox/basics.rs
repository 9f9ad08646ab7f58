//! What programs are given: their languages, their files, their arguments; and how their end is told.

use std::io::ErrorKind;
use std::io::Write;

use agent::sandbox::{Limits, SandboxError};
use nix::pty::openpty;

use crate::site::{as_everybody, has, pipe, read, room, roomy, run, sandbox, sh, start, step};

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

#[test]
fn every_language_of_the_node_works() {
    const PROGRAMS: [(&str, &str, &str); 9] = [
        ("python3", "main.py", "python3 main.py"),
        ("gcc", "main.c", "gcc -O1 -o main main.c && ./main"),
        ("g++", "main.cc", "g++ -o main main.cc && ./main"),
        ("javac", "Main.java", "javac Main.java && java Main"),
        ("node", "main.js", "node main.js"),
        ("perl", "main.pl", "perl main.pl"),
        ("bash", "main.sh", "bash main.sh"),
        ("ruby", "main.rb", "ruby main.rb"),
        ("Rscript", "main.R", "Rscript main.R"),
    ];
    const SOURCES: [&str; 9] = [
        "import multiprocessing as m\nif __name__ == '__main__':\n  with m.Pool(2) as p: print('hi', sum(p.map(abs, [-1, 2])))",
        "#include <stdio.h>\nint main(void) { puts(\"hi 3\"); }",
        "#include <iostream>\nint main() { std::cout << \"hi 3\\n\"; }",
        "class Main { public static void main(String[] a) throws Exception { var t = new Thread(() -> System.out.println(\"hi 3\")); t.start(); t.join(); } }",
        "setTimeout(() => console.log('hi', 3), 1)",
        "print \"hi 3\\n\";",
        "echo hi $((1 + 2)) | cat",
        "puts \"hi #{1 + 2}\"",
        "cat('hi 3\\n')",
    ];
    as_everybody("basics::every_language_of_the_node_works", || async {
        let sandbox = sandbox().await;
        for ((tool, file, line), source) in PROGRAMS.into_iter().zip(SOURCES) {
            if !has(tool) {
                println!("skipped: {tool} is not installed");
                continue;
            }
            let mut room = room(&sandbox).await;
            room.write(file, source.as_bytes()).expect("the source is written");
            assert_eq!(sh(&mut room, line).await.ok(), "hi 3", "{tool}");
        }
    });
}

#[test]
fn files_stay_in_the_room_and_between_its_steps() {
    as_everybody("basics::files_stay_in_the_room_and_between_its_steps", || async {
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        room.write("src/deep/a.txt", b"one").expect("written");
        for outside in ["/etc/passwd", "../x", "src/../../x", ""] {
            assert_eq!(room.write(outside, b"x").expect_err(outside).kind(), ErrorKind::InvalidInput, "{outside:?}");
        }
        assert_eq!(
            sh(&mut room, "cat src/deep/a.txt; echo two > src/deep/b.txt; ln -s /etc src/out").await.ok(),
            "one"
        );
        assert_eq!(sh(&mut room, "cat src/deep/b.txt; rm src/deep/a.txt").await.ok(), "two");
        assert!(room.write("src/out/x", b"x").is_err(), "followed a link out");
    });
}

#[test]
fn what_cannot_start_says_why() {
    as_everybody("basics::what_cannot_start_says_why", || async {
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        room.write("data.bin", b"\x00\x01").expect("written");
        for (program, kind) in [("no-such-program", ErrorKind::NotFound), ("/work", ErrorKind::PermissionDenied)] {
            let (_, out) = pipe();
            let (_, err) = pipe();
            match room.start(step(&[program], roomy(), out, err)).await {
                Err(SandboxError::Program { source, .. }) => assert_eq!(source.kind(), kind, "{program}"),
                other => panic!("{program}: {other:?}"),
            }
        }
        let (process, ..) = start(&mut room, &["sleep", "1000"], roomy()).await;
        let (_, out) = pipe();
        let (_, err) = pipe();
        let second = room.start(step(&["true"], roomy(), out, err)).await;
        assert!(matches!(second, Err(SandboxError::Busy)), "{second:?}");
        drop(process);
        let long = "x".repeat(200_000);
        let (_, out) = pipe();
        let (_, err) = pipe();
        let large = room.start(step(&["echo", &long], roomy(), out, err)).await;
        assert!(matches!(large, Err(SandboxError::TooLarge { .. })), "{large:?}");
    });
}

#[test]
fn programs_read_are_interrupted_and_killed() {
    as_everybody("basics::programs_read_are_interrupted_and_killed", || async {
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        let (stdin, typed) = pipe();
        let (stdout, out) = pipe();
        let (_stderr, err) = pipe();
        let mut spec = step(&["cat"], roomy(), out, err);
        spec.stdin = stdin;
        let mut process = room.start(spec).await.expect("started");
        std::fs::File::from(typed).write_all(b"typed").expect("typed");
        assert_eq!((process.wait().await.code, read(stdout).await.as_str()), (0, "typed"));

        let line = "trap 'echo stopped; exit 3' INT; echo ready; while :; do sleep 0.01; done";
        let (mut process, stdout, _stderr) = start(&mut room, &["bash", "-c", line], roomy()).await;
        let mut ready = [0; 6];
        nix::unistd::read(&stdout, &mut ready).expect("it says that it is ready");
        process.interrupt();
        assert_eq!((process.wait().await.code, read(stdout).await.as_str()), (3, "stopped\n"));

        let (mut process, stdout, _stderr) = start(&mut room, &["sh", "-c", "sleep 1000 & sleep 1000"], roomy()).await;
        process.kill();
        let exit = process.wait().await;
        assert_eq!((exit.code, exit.signal, exit.cause), (137, Some(9), None));
        assert_eq!(read(stdout).await, "", "its child had it open");
    });
}

#[test]
fn a_terminal_is_the_programs_own() {
    as_everybody("basics::a_terminal_is_the_programs_own", || async {
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        let terminal = openpty(None, None).expect("a terminal");
        let (stdout, out) = pipe();
        let (_stderr, err) = pipe();
        let mut spec = step(&["sh", "-c", "test -t 0 && echo typed > /dev/tty && echo yes"], roomy(), out, err);
        (spec.stdin, spec.is_terminal) = (terminal.slave, true);
        let mut process = room.start(spec).await.expect("started");
        assert_eq!((process.wait().await.code, read(stdout).await.as_str()), (0, "yes\n"));
    });
}
