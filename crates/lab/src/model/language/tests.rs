//! Recipes and their rules, the places that messages name, the class that Java runs.

use std::fs;

use super::*;
use crate::model::language::recipe::RuleError;

fn languages() -> Languages {
    Languages::built_in()
}

#[test]
fn every_built_in_recipe_keeps_the_rules() {
    for text in BUILT_IN {
        recipe::parse(text).unwrap_or_else(|error| panic!("{error:?} in\n{text}"));
    }
    recipe::check_extensions(&languages().all).unwrap();
    let names: Vec<_> = languages().iter().map(|language| language.name.clone()).collect();
    let wanted =
        "python c cpp java shell javascript ruby powershell rust go php perl r lua".split(' ').collect::<Vec<_>>();
    assert_eq!(names, wanted);
}

#[test]
fn the_end_of_a_name_tells_the_language() {
    let languages = languages();
    let of = |path: &str| languages.of_file(path).map(|language| language.name.as_str());
    assert_eq!(of("hello.py"), Some("python"));
    assert_eq!(of("src/Hello.java"), Some("java"));
    assert_eq!(of("a.b.JS"), Some("javascript"));
    assert_eq!(of("analysis.R"), Some("r"));
    for none in ["", "py", ".py", "a.d/py", "x.cob", "main.py.txt", "main."] {
        assert_eq!(of(none), None, "{none}");
    }
}

/// What the tools of Debian 12 print for an error in line 2 (Python 3.11, GCC 12, javac 17, Bash 5.2, Node 20, Ruby 3.1,
/// rustc 1.95, Go 1.19, PHP 8.2, Perl 5.36, Lua 5.4).
#[test]
fn messages_mark_the_line() {
    for (language, file, output, column) in [
        ("python", "main.py", "  File \"/work/main.py\", line 2\n    def f(:\nSyntaxError: invalid syntax", None),
        ("c", "main.c", "main.c: In function ‘main’:\nmain.c:2:9: error: ‘x’ undeclared", Some(9)),
        ("c", "lib/u.c", "lib/u.c:2:10: fatal error: util.h: No such file or directory", Some(10)),
        ("java", "Main.java", "Main.java:2: error: illegal start of expression", None),
        ("java", "X.java", "\tat X.main(X.java:2)", None),
        ("shell", "main.sh", "main.sh: line 2: syntax error near unexpected token `newline'", None),
        ("javascript", "main.js", "/work/main.js:2\nlet x = ;", None),
        ("ruby", "main.rb", "main.rb:2: syntax error, unexpected `end', expecting ')'", None),
        ("ruby", "main.rb", "main.rb:2:in `<main>': x (RuntimeError)", None),
        ("rust", "main.rs", "error[E0308]: mismatched types\n --> main.rs:2:15", Some(15)),
        ("go", "main.go", "# command-line-arguments\n./main.go:2:2: x declared but not used", Some(2)),
        ("go", "main.go", "main.main()\n\t/work/main.go:2 +0x2e", None),
        ("php", "main.php", "Parse error: syntax error, unexpected token \";\" in /work/main.php on line 2", None),
        ("perl", "main.pl", "syntax error at main.pl line 2, near \"= ;\"", None),
        ("lua", "main.lua", "lua: main.lua:2: unexpected symbol near '='", None),
    ] {
        let languages = languages();
        let marks = languages.get(language).unwrap().marks(output, [file].into_iter());
        let found: Vec<_> = marks.iter().map(|mark| (mark.file.as_str(), mark.line, mark.column)).collect();
        assert_eq!(found, [(file, 2, column)], "{language}: {output}");
        assert!(output.contains(&marks[0].text));
    }
}

#[test]
fn what_is_no_place_of_the_program_is_not_marked() {
    let languages = languages();
    let c = languages.get("c").unwrap();
    let marks = |output: &str| c.marks(output, ["main.c", "lib/main.c"].into_iter());
    for none in [
        "domain.c:3:1: error: x",
        "main.c:3:1: warning: x",
        "main.c:error",
        "main.c:99999999999:1: error: x",
        "/usr/include/stdio.h:3:1: error: x",
        "",
    ] {
        assert_eq!(marks(none), [], "{none}");
    }
    let both = marks("lib/main.c:3:1: error: x\nmain.c:3:1: error: y\nmain.c:3:9: error: again\n");
    let found: Vec<_> = both.iter().map(|mark| (mark.file.as_str(), mark.line)).collect();
    assert_eq!(found, [("lib/main.c", 3), ("main.c", 3)]);
}

#[test]
fn the_java_file_decides_on_the_class() {
    for (path, source, class) in [
        ("Hello.java", "public class Hello { public static void main(String[] args) {} }", "Hello"),
        ("src/Hello.java", "class Other {} class Hi { static void main(String... a) {} }", "Hi"),
        ("A.java", "package x.y; // class B\nclass A { class C { } void main ( ) { } }", "x.y.A"),
        ("A.java", "/* class Z { void main( */ class T { String s = \"} class Q { void main(\"; }", "A"),
        ("A.java", "record P(int x) {} interface Run { static void main(String[] a) { char c = '{'; } }", "Run"),
        ("A.java", "class A { String s = \"\"\"\n} \" class B { void main(\n\"\"\"; }", "A"),
        ("A.java", "class N { class I { void main() {} } }", "A"),
        ("A.java", "class \"unclosed \\", "A"),
        ("A.java", "", "A"),
    ] {
        assert_eq!(class_to_run(path, source), class, "{source}");
    }
}

fn folder(recipes: &[(&str, &str)]) -> Result<Languages, RecipeError> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in recipes {
        fs::write(dir.path().join(name), text).unwrap();
    }
    languages().with_folder(dir.path())
}

const TCL: &str = r#"
name = "tcl"
title = "Tcl"
file = "main.tcl"
extensions = ["tcl"]
mode = "tcl"
probe = ["tclsh", "{args}"]
run = ["tclsh", "{main}", "{args}"]
marks = ['(file "{file}" line {line})']
hello = "puts hello"
"#;

#[test]
fn a_folder_adds_and_replaces() {
    let own_python = TCL.replace("tcl", "python").replace("[\"python\"]", "[\"py\"]").replace("main.python", "main.py");
    let all = folder(&[("b.toml", TCL), ("a.toml", &own_python), ("notes.txt", "no recipe")]).unwrap();
    assert_eq!(all.of_file("x.tcl").unwrap().title, "Tcl");
    assert_eq!(all.get("python").unwrap().run[0], "pythonsh");
    assert_eq!(all.iter().count(), languages().iter().count() + 1);
    assert_eq!(all.get("tcl").unwrap().run_limits, Limits::run());
    let limited = format!("{TCL}\n[run_limits]\nprocesses = 2\n");
    let limits = folder(&[("t.toml", &limited)]).unwrap().get("tcl").unwrap().run_limits;
    assert_eq!(limits, Limits { processes: 2, ..Limits::run() });
}

#[test]
fn a_recipe_that_breaks_a_rule_is_refused() {
    let rule = |from: &str, to: &str| {
        let text = TCL.replace(from, to);
        assert_ne!(text, TCL, "{from}");
        match folder(&[("t.toml", &text)]) {
            Err(RecipeError::Recipe { source, path }) if path.ends_with("t.toml") => source,
            other => panic!("{to}: {other:?}"),
        }
    };
    assert!(matches!(rule("name = \"tcl\"", "name = \"T cl\""), RuleError::Name(_)));
    assert!(matches!(rule("[\"tcl\"]", "[]"), RuleError::Extensions));
    assert!(matches!(rule("[\"tcl\"]", "[\".tcl\"]"), RuleError::Extensions));
    assert!(matches!(rule("main.tcl", "main.py"), RuleError::File(_)));
    assert!(matches!(rule("[\"tclsh\", \"{main}\", \"{args}\"]", "[]"), RuleError::Argv("run")));
    assert!(matches!(rule("{main}", "{mian}"), RuleError::Placeholder(_)));
    assert!(matches!(rule("{line}", ""), RuleError::Mark(_)));
    assert!(matches!(rule("title =", "titel ="), RuleError::Shape(_)));
    let zero = format!("{TCL}\n[compile_limits]\ncpu_ms = 0\n");
    assert!(matches!(rule(TCL, &zero), RuleError::Limit("compile_limits")));
    let twice = folder(&[("t.toml", &TCL.replace("[\"tcl\"]", "[\"tcl\", \"py\"]"))]);
    assert!(matches!(twice, Err(RecipeError::ExtensionTwice { .. })));
    assert!(matches!(languages().with_folder(Path::new("/nowhere")), Err(RecipeError::Folder { .. })));
}

#[test]
fn a_cap_only_lowers() {
    let caps = Limits { memory_bytes: 64 << 20, ..Limits::UNCAPPED };
    assert_eq!(Limits::run().capped(&caps), Limits { memory_bytes: 64 << 20, ..Limits::run() });
    assert_eq!(Limits::run().capped(&Limits::UNCAPPED), Limits::run());
}
