//! The examples of the recipes, run by the tools of this machine: a recipe that no tool accepts would be found by the
//! first learner only.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::*;

fn step(dir: &Path, argv: &[String], env: &HashMap<String, String>) -> std::io::Result<Output> {
    Command::new(&argv[0]).args(&argv[1..]).envs(env).current_dir(dir).stdin(Stdio::null()).output()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

/// Standard output of a program run here without any fence.
fn run_here(program: &Program, language: &Language) -> String {
    let dir = tempfile::tempdir().unwrap();
    let start = program.start(language, &Limits::UNCAPPED);
    for file in &start.files {
        let path = dir.path().join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &file.data).unwrap();
    }
    for step_of in start.compile.iter().chain(&start.run) {
        let output = step(dir.path(), &step_of.argv, &step_of.env).unwrap();
        assert!(output.status.success(), "{}: {:?}: {}", language.name, step_of.argv, said(&output));
        if start.run.as_ref() == Some(step_of) {
            return String::from_utf8(output.stdout).unwrap();
        }
    }
    unreachable!("every program has a run step")
}

#[test]
fn the_examples_of_languages_that_are_here_print_hello() {
    let languages = Languages::built_in();
    let mut tried = Vec::new();
    for language in languages.iter() {
        let Ok(version) = step(Path::new("/"), &language.probe, &HashMap::new()) else { continue };
        assert!(version.status.success() && !said(&version).trim().is_empty(), "{}: {}", language.name, said(&version));
        let program = program(files(&[(&language.file, &language.hello)])).unwrap();
        assert_eq!(run_here(&program, language), "Hello, world!\n", "{}", language.name);
        tried.push(language.name.as_str());
    }
    // What every machine that builds this project has.
    assert!(["c", "cpp", "shell"].iter().all(|name| tried.contains(name)), "{tried:?}");
}

#[test]
fn a_program_gets_its_arguments_as_they_are() {
    let args: Vec<String> = ["-h", "--", "two words", "$HOME", ""].map(Into::into).into();
    let request = ProgramRequest { args, ..line("printf '<%s>' \"$@\"") };
    let program = program(request).unwrap();
    let printed = run_here(&program, Languages::built_in().get("shell").unwrap());
    assert_eq!(printed, "<-h><--><two words><$HOME><>");
}
