//! Programs on a real node, from the command line: they print, read, fail and end as if they ran here.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute; what they stand on here has none")]

mod lab;

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::lab::Lab;

/// Programs of one file that print a line, as the user guide has them.
const HELLO: [(&str, &str); 6] = [
    ("hello.py", "print('hello')\n"),
    ("hello.c", "#include <stdio.h>\nint main(void) { puts(\"hello\"); }\n"),
    ("Hello.java", "public class Hello { public static void main(String[] a) { System.out.println(\"hello\"); } }\n"),
    ("hello.js", "console.log('hello')\n"),
    ("hello.rb", "puts 'hello'\n"),
    ("hello.sh", "echo hello\n"),
];

#[tokio::test]
async fn programs_in_six_languages_print_and_exit_0() {
    let lab = Lab::start(&["python", "c", "java", "javascript", "ruby", "shell"]).await;
    for (file, source) in HELLO {
        fs::write(lab.dir().join(file), source).unwrap();
        let done = lab.run(&["run", file]).await;
        assert_eq!((done.code, done.stdout.as_str()), (0, "hello\n"), "{file}: {}", done.stderr);
    }
    let done = lab.run(&["run", "-c", "echo \"<$1>\" >&2; exit 7", "two words"]).await;
    assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (7, "", "<two words>\n"));
}

#[tokio::test]
async fn errors_in_source_end_with_the_tools_status_and_message() {
    let lab = Lab::start(&["python", "c"]).await;
    for (file, source, message) in [
        ("wrong.py", "print('one')\ndef f(:\n", "wrong.py\", line 2\n"),
        ("wrong.c", "int main(void) {\n  return x;\n}\n", "wrong.c:2:10: error: "),
        ("fails.py", "raise SystemExit('no')\n", "no\n"),
    ] {
        fs::write(lab.dir().join(file), source).unwrap();
        let done = lab.run(&["run", file]).await;
        assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{file}: {}", done.stderr);
        assert!(done.stderr.contains(message), "{file}: {}", done.stderr);
    }
    fs::write(lab.dir().join("x.cob"), "DISPLAY 'x'.").unwrap();
    let done = lab.run(&["run", "--language", "cobol", "x.cob"]).await;
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert!(done.stderr.contains("The languages are python, c, cpp, java"), "{}", done.stderr);
}

#[tokio::test]
async fn files_arguments_and_input_reach_the_program_and_come_back() {
    let lab = Lab::start(&["python"]).await;
    let write = |path: &str, text: &str| {
        let path = lab.dir().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("src/main.py", "import sys, lib.words\nprint(lib.words.shout(sys.stdin.read().strip()), sys.argv[1:])\n");
    write("src/lib/words.py", "def shout(text): return text.upper()\n");
    write("in.txt", "quiet\n");
    let args =
        ["run", "--output", "json", "--stdin", "in.txt", "--file", "src/lib/words.py", "src/main.py", "a b", "-x"];
    let done = lab.run(&args).await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    let job: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((job["status"].as_str(), job["tool"].as_str()), (Some("completed"), Some("python")));
    let id = job["id"].as_str().unwrap();
    assert_eq!(lab.run(&["job", "output", id]).await.stdout, "QUIET ['a b', '-x']\n");
    let done = lab.run(&["job", "source", id, "--dir", "back"]).await;
    assert_eq!((done.code, done.stdout.as_str()), (0, "main.py\nlib/words.py\n"), "{}", done.stderr);
    let back = |path: &str| fs::read_to_string(lab.dir().join(path)).unwrap();
    assert_eq!(back("back/lib/words.py"), back("src/lib/words.py"));
}

const GUESS: &str = "\
import signal, sys
def on_interrupt(*_):
    print('interrupted')
signal.signal(signal.SIGINT, on_interrupt)
name = input('name? ')
print('hello', name)
for line in sys.stdin:
    print('got', line.strip())
print('end')
";

#[tokio::test]
async fn what_is_typed_reaches_the_running_program() {
    let lab = Lab::start(&["python"]).await;
    fs::write(lab.dir().join("guess.py"), GUESS).unwrap();
    let mut running = lab.start_program(&["run", "guess.py"]);
    running.until("name? ").await;
    running.type_in("Ada\n").await;
    running.until("hello Ada\n").await;
    running.interrupt();
    running.until("interrupted\n").await;
    running.type_in("more\n").await;
    running.until("got more\n").await;
    let done = running.end_of_input().await;
    assert_eq!((done.code, done.stdout.as_str()), (0, "end\n"), "{}", done.stderr);
}

#[tokio::test]
async fn a_program_in_a_terminal_knows_it() {
    let lab = Lab::start(&["shell"]).await;
    let script = "test -t 0 && test -t 1 && echo terminal; stty size; read -r x; echo \"<$x>\"";
    fs::write(lab.dir().join("tty.sh"), script).unwrap();
    let mut running = lab.start_on_terminal("run -t tty.sh");
    running.until("terminal\r\n24 80\r\n").await;
    // The return key, as a raw terminal gives it; the program's own terminal makes a line's end of it.
    running.type_in("word\r").await;
    running.until("<word>\r\n").await;
    let done = running.end_of_input().await;
    assert_eq!(done.code, 0, "{}", done.stderr);
}

/// Where programs are written before they run.
fn folder(dir: &Path) -> std::path::PathBuf {
    let folder = dir.join("work");
    fs::create_dir(&folder).unwrap();
    folder
}
