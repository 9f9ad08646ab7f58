//! What a node starts for a program: the recipe's argv with its placeholders filled.

use std::collections::HashMap;

use wire::proto;

use super::{Program, SourceFile};
use crate::model::language::{Language, Limits, class_to_run};

/// How long a program may run into which somebody types, ms.
const INTERACTIVE_WALL_MS: u64 = 600_000;

impl Program {
    /// What a node starts. `language` is this program's; `caps` bound what its recipe allows, in both steps. Whether it
    /// has a network is left to the caller: none here.
    pub fn start(&self, language: &Language, caps: &Limits) -> proto::Program {
        let mut run_limits = language.run_limits;
        if self.is_interactive {
            run_limits.wall_ms = run_limits.wall_ms.max(INTERACTIVE_WALL_MS);
        }
        let step = |argv: &[String], limits: Limits| proto::Step {
            argv: self.argv(language, argv, &limits),
            env: language.env.clone().into_iter().collect::<HashMap<_, _>>(),
            limits: Some(wire_limits(&limits)),
        };
        let beside = language.files.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes().into()));
        let own = self.files.iter().map(|file| (file.path.clone(), file.data.clone()));
        proto::Program {
            files: own.chain(beside).map(|(path, data)| proto::SourceFile { path, data }).collect(),
            compile: language.compile.as_ref().map(|argv| step(argv, language.compile_limits.capped(caps))),
            run: Some(step(&language.run, run_limits.capped(caps))),
            stdin: self.stdin.clone(),
            is_stdin_open: self.is_interactive,
            terminal: self
                .terminal
                .map(|size| proto::Terminal { columns: size.columns.into(), rows: size.rows.into() }),
            has_network: false,
        }
    }

    fn argv(&self, language: &Language, argv: &[String], limits: &Limits) -> Vec<String> {
        let main = self.files.first().expect("a program has a main file");
        let of_language = |file: &&SourceFile| language.owns(&file.path);
        let others = || self.files[1..].iter().filter(of_language).map(|file| file.path.clone());
        argv.iter()
            .flat_map(|word| match word.as_str() {
                "{files}" => std::iter::once(main.path.clone()).chain(others()).collect(),
                "{args}" => self.args.clone(),
                word => vec![self.fill(word, main, limits)],
            })
            .collect()
    }

    fn fill(&self, word: &str, main: &SourceFile, limits: &Limits) -> String {
        match word {
            "{main}" => main.path.clone(),
            "{class}" => class_to_run(&main.path, &String::from_utf8_lossy(&main.data)),
            word => word
                .replace("{heap_mib}", &heap_mib(limits).to_string())
                .replace("{buffer}", if self.is_interactive { "0" } else { "L" }),
        }
    }
}

/// Half of the memory, at least 16 MiB.
fn heap_mib(limits: &Limits) -> u64 {
    (limits.memory_bytes / 2 / (1 << 20)).max(16)
}

fn wire_limits(limits: &Limits) -> proto::Limits {
    proto::Limits {
        cpu_ms: limits.cpu_ms,
        wall_ms: limits.wall_ms,
        memory_bytes: limits.memory_bytes,
        processes: limits.processes,
        file_bytes: limits.file_bytes,
        open_files: limits.open_files,
        output_bytes: limits.output_bytes,
    }
}
