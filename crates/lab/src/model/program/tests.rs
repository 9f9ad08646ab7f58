//! What is refused, what is stored, and what a node would start.

mod example;
mod zip;

use proptest::prelude::*;

use super::*;
use crate::model::language::Limits;

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.into(), data: text.to_owned().into() }
}

fn files(files: &[(&str, &str)]) -> ProgramRequest {
    ProgramRequest { files: files.iter().map(|(path, text)| file(path, text)).collect(), ..Default::default() }
}

fn program(request: ProgramRequest) -> Result<Program, Refusal> {
    Program::new(request, &Languages::built_in())
}

fn refused(request: ProgramRequest) -> &'static str {
    program(request).unwrap_err().code()
}

fn line(line: &str) -> ProgramRequest {
    ProgramRequest { line: Some(line.into()), ..Default::default() }
}

#[test]
fn the_language_is_named_or_told_by_the_main_file() {
    assert_eq!(program(files(&[("hello.py", "print(1)")])).unwrap().language(), "python");
    assert_eq!(program(files(&[("a.c", "x"), ("b.py", "y")])).unwrap().language(), "c");
    let named = ProgramRequest { language: Some("lua".into()), ..files(&[("hello", "print(1)")]) };
    assert_eq!(program(named).unwrap().language(), "lua");
    let refusal = program(files(&[("x.cob", "x")])).unwrap_err();
    assert_eq!((refusal.code(), refusal.field().as_deref()), ("language-untold", Some("language")));
    let cobol = ProgramRequest { language: Some("cobol".into()), ..files(&[("x.cob", "x")]) };
    let sentence = program(cobol).unwrap_err().to_string();
    assert_eq!(
        sentence,
        "There is no language \"cobol\". The languages are python, c, cpp, java, shell, javascript, ruby, powershell, \
         rust, go, php, perl, r, lua."
    );
}

#[test]
fn a_line_is_a_shell_program() {
    let request = ProgramRequest { args: vec!["a b".into()], ..line("echo it's $1") };
    let program = program(request).unwrap();
    assert_eq!((program.language(), program.line()), ("shell", Some("echo it's $1")));
    assert_eq!(program.files(), [file("main.sh", "echo it's $1\n")]);
    assert_eq!(program.command_line(&Languages::built_in()), r"-c 'echo it'\''s $1' 'a b'");
    assert_eq!(refused(ProgramRequest { language: Some("python".into()), ..line("ls") }), "line-language");
    assert_eq!(refused(ProgramRequest { zip: Some(Vec::new()), ..line("ls") }), "line-and-files");
    assert_eq!(refused(ProgramRequest { files: vec![file("a", "")], ..line("ls") }), "line-and-files");
    assert_eq!(refused(line(" \n")), "line-empty");
    assert_eq!(refused(line("a\0b")), "source-nul");
}

#[test]
fn source_is_text_and_not_empty() {
    assert_eq!(refused(ProgramRequest::default()), "source-missing");
    assert_eq!(refused(files(&[("main.py", "")])), "source-empty");
    assert_eq!(refused(files(&[("main.py", " \r\n\t")])), "source-empty");
    assert_eq!(refused(files(&[("main.py", "print(1)\0")])), "source-nul");
    assert_eq!(refused(files(&[("main.py", "x"), ("u.py", "\0")])), "source-nul");
    let with = |path: &str, data: &[u8]| {
        let mut request = files(&[("main.py", "x")]);
        request.files.push(SourceFile { path: path.into(), data: data.to_vec().into() });
        request
    };
    assert_eq!(refused(with("u.py", b"# caf\xe9")), "source-encoding");
    assert!(program(with("data.bin", b"\xff\0")).is_ok());
    assert!(program(with("package/__init__.py", b"")).is_ok());
    let named = ProgramRequest {
        language: Some("python".into()),
        files: vec![SourceFile { path: "script".into(), data: b"\xff\xfep\0".as_slice().into() }],
        ..Default::default()
    };
    assert_eq!(refused(named), "source-nul");
}

#[test]
fn bounds_hold_at_their_edge() {
    let of_size = |bytes: usize| files(&[("main.py", &"#".repeat(bytes))]);
    assert!(program(of_size(SOURCE_BYTES)).is_ok());
    let refusal = program(of_size(SOURCE_BYTES + 1)).unwrap_err();
    assert!(refusal.to_string().starts_with("All files together may have 1 MiB"), "{refusal}");
    assert_eq!(refused(of_size(5 << 20)), "source-too-large");

    let many = |count: usize| ProgramRequest {
        files: (0..count).map(|n| file(&format!("f{n}.py"), "x")).collect(),
        ..Default::default()
    };
    assert!(program(many(FILES_MAX)).is_ok());
    assert_eq!(refused(many(FILES_MAX + 1)), "too-many-files");

    let base = || files(&[("main.py", "x")]);
    let args = |args: Vec<String>| ProgramRequest { args, ..base() };
    assert!(program(args(vec!["x".repeat(ARG_BYTES); ARGS_MAX])).is_ok());
    assert_eq!(refused(args(vec![String::new(); ARGS_MAX + 1])), "too-many-args");
    assert_eq!(refused(args(vec!["x".repeat(ARG_BYTES + 1)])), "arg-form");
    assert_eq!(refused(args(vec!["a\0b".into()])), "arg-form");

    assert!(program(ProgramRequest { stdin: vec![0; STDIN_BYTES].into(), ..base() }).is_ok());
    assert_eq!(refused(ProgramRequest { stdin: vec![0; STDIN_BYTES + 1].into(), ..base() }), "stdin-too-large");
    let flat = Some(Terminal { columns: 80, rows: 0 });
    assert_eq!(refused(ProgramRequest { terminal: flat, ..base() }), "terminal-size");
}

#[test]
fn paths_stay_inside_and_name_one_file_each() {
    for (path, code) in [
        ("/etc/passwd", "path-absolute"),
        ("\\windows", "path-absolute"),
        ("C:/x.py", "path-absolute"),
        ("../x.py", "path-outside"),
        ("a/../../x.py", "path-outside"),
        ("a\\..\\x.py", "path-outside"),
        ("..", "path-outside"),
        ("", "path-form"),
        (".", "path-form"),
        ("a//b.py", "path-form"),
        ("a/./b.py", "path-form"),
        ("a/", "path-form"),
        ("a\\b.py", "path-form"),
        ("a\nb.py", "path-form"),
        ("a\0.py", "path-form"),
        ("-c.py", "path-form"),
        ("@list.java", "path-form"),
    ] {
        assert_eq!(refused(files(&[("main.py", "x"), (path, "x")])), code, "{path:?}");
        assert_eq!(refused(files(&[(path, "x")])), code, "{path:?}");
    }
    assert_eq!(refused(files(&[("main.py", "x"), (&"a".repeat(PATH_BYTES + 1), "x")])), "path-form");
    assert!(program(files(&[("main.py", "x"), (&"a".repeat(PATH_BYTES), "x"), ("ü/b c.txt", "")])).is_ok());
    assert_eq!(refused(files(&[("a.py", "x"), ("a.py", "y")])), "path-repeated");
    assert_eq!(refused(files(&[("a.py", "x"), ("lib", "y"), ("lib/b.py", "z")])), "path-conflict");
    assert_eq!(refused(files(&[("a/b/c.py", "x"), ("a", "y")])), "path-conflict");
}

#[test]
fn the_command_line_is_what_one_would_type() {
    let request = ProgramRequest {
        args: vec!["a".into(), "two words".into()],
        ..files(&[("main.py", "x"), ("lib/util.py", "y")])
    };
    let text = program(request).unwrap().command_line(&Languages::built_in());
    assert_eq!(text, "--file lib/util.py main.py a 'two words'");
    let request = ProgramRequest { language: Some("python".into()), ..files(&[("main.c", "x")]) };
    assert_eq!(program(request).unwrap().command_line(&Languages::built_in()), "--language python main.c");
    let long = program(line(&"é".repeat(9000))).unwrap().command_line(&Languages::built_in());
    assert_eq!((long.chars().count(), long.ends_with('…')), (401, true));
}

#[test]
fn both_stored_forms_keep_their_shape() {
    let request =
        ProgramRequest { args: vec!["1".into()], stdin: b"in".as_slice().into(), ..files(&[("main.py", "x")]) };
    let stored = program(request).unwrap();
    let spec = r#"{"version":1,"language":"python","files":["main.py"],"args":["1"],"interactive":false}"#;
    assert_eq!(stored.to_json(), spec);
    let source = stored.source_bytes();
    assert_eq!(source, b"\x08\x01\x12\x0c\x0a\x07main.py\x12\x01x\x1a\x02in");
    assert_eq!(Program::from_stored(spec, &source).unwrap(), stored);

    let read = |spec: &str, source: &[u8]| Program::from_stored(spec, source).unwrap_err();
    assert!(matches!(read("{}", &source), StoredError::Shape(_)));
    assert!(matches!(read(spec, b"\xff"), StoredError::Source(_)));
    assert!(matches!(read(&spec.replace(":1,", ":2,"), &source), StoredError::Version(2)));
    assert!(matches!(read(spec, &[&[8, 9], &source[2..]].concat()), StoredError::Version(9)));
    assert!(matches!(read(&spec.replace("main.py", "a.py"), &source), StoredError::Files));
    let outside = source.iter().map(|&b| if b == b'm' { b'/' } else { b }).collect::<Vec<_>>();
    assert!(matches!(read(&spec.replace("main.py", "/ain.py"), &outside), StoredError::Refused(_)));
    let empty = spec.replace("[\"main.py\"]", "[]");
    assert!(matches!(read(&empty, &[8, 1]), StoredError::Refused(Refusal::SourceMissing {})));
}

fn started(request: ProgramRequest, caps: &Limits) -> wire::proto::Program {
    let program = program(request).unwrap();
    program.start(Languages::built_in().get(program.language()).unwrap(), caps)
}

#[test]
fn a_node_gets_argv_files_and_limits() {
    let request = ProgramRequest {
        args: vec!["{main}".into(), "-x".into()],
        stdin: b"5\n".as_slice().into(),
        ..files(&[("main.c", "x"), ("util.h", "y"), ("lib/util.c", "z")])
    };
    let start = started(request, &Limits::UNCAPPED);
    let compile = start.compile.unwrap();
    let words = "gcc -std=gnu17 -O1 -g -Wall -o a.out main.c lib/util.c -lm -pthread";
    assert_eq!(compile.argv, words.split(' ').collect::<Vec<_>>());
    let run = start.run.unwrap();
    // What a learner gives is never filled in.
    assert_eq!(run.argv, ["stdbuf", "-oL", "./a.out", "{main}", "-x"]);
    assert_eq!((start.files.len(), start.stdin.as_ref()), (3, b"5\n".as_slice()));
    assert_eq!((start.is_stdin_open, start.terminal, start.has_network), (false, None, false));
    let limits = run.limits.unwrap();
    assert_eq!((limits.cpu_ms, limits.wall_ms, limits.memory_bytes), (10_000, 30_000, 256 << 20));
    assert_eq!((limits.processes, limits.output_bytes), (64, 1 << 20));
}

#[test]
fn caps_reach_the_heap_and_both_steps() {
    let caps = Limits { memory_bytes: 128 << 20, ..Limits::UNCAPPED };
    let hello = "package a; class Hello { public static void main(String[] args) {} }";
    let start = started(files(&[("Hello.java", hello)]), &caps);
    let run = start.run.unwrap();
    assert!(run.argv.contains(&"-Xmx64m".to_owned()), "{:?}", run.argv);
    assert_eq!(run.argv.last().unwrap(), "a.Hello");
    assert!(start.compile.unwrap().argv.contains(&"-J-Xmx64m".to_owned()));
    assert_eq!(run.limits.unwrap().memory_bytes, 128 << 20);
}

#[test]
fn a_terminal_makes_it_interactive_and_people_get_time_to_type() {
    let terminal = Some(Terminal { columns: 80, rows: 24 });
    let request = ProgramRequest { terminal, ..files(&[("main.c", "x")]) };
    let start = started(request.clone(), &Limits::UNCAPPED);
    assert!(start.is_stdin_open);
    assert_eq!(start.terminal, Some(wire::proto::Terminal { columns: 80, rows: 24 }));
    let run = start.run.unwrap();
    assert_eq!((run.limits.unwrap().wall_ms, run.argv[1].as_str()), (600_000, "-o0"));
    let capped = started(request, &Limits { wall_ms: 60_000, ..Limits::UNCAPPED });
    assert_eq!(capped.run.unwrap().limits.unwrap().wall_ms, 60_000);
}

proptest! {
    #[test]
    fn whatever_is_accepted_is_read_back_the_same(
        paths in prop::collection::vec("[a-z./\\\\-]{1,6}|[a-z]{1,3}\\.(py|c)", 1..4),
        text in "\\PC{0,20}", args in prop::collection::vec(any::<String>(), 0..3),
        stdin in any::<Vec<u8>>(), is_interactive in any::<bool>(),
    ) {
        let request = ProgramRequest {
            language: Some("python".into()),
            files: paths.iter().map(|path| file(path, &text)).collect(),
            args, stdin: stdin.into(), is_interactive, ..Default::default()
        };
        if let Ok(accepted) = program(request) {
            let stored = Program::from_stored(&accepted.to_json(), &accepted.source_bytes()).unwrap();
            prop_assert_eq!(&stored, &accepted);
            for file in accepted.files() {
                prop_assert!(file.path.split('/').all(|part| !part.is_empty() && part != "." && part != ".."));
            }
            prop_assert!(!accepted.command_line(&Languages::built_in()).chars().any(char::is_control));
        }
    }

    #[test]
    fn any_bytes_as_a_zip_are_an_answer(bytes in any::<Vec<u8>>()) {
        let request = ProgramRequest { zip: Some(bytes), ..Default::default() };
        prop_assert!(program(request).is_err());
    }
}
