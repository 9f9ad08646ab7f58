//! Languages that programs are written in. A language is data, a recipe in TOML: how a node is asked for it, how its
//! programs are compiled and started, and what they may use. The built-in recipes are `crates/lab/recipes`; an
//! operator adds others in a folder, and one of a built-in name takes that one's place.

mod java;
mod limits;
mod mark;
mod recipe;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

pub(crate) use java::class_to_run;
pub use limits::Limits;
pub use mark::Mark;
pub use recipe::RecipeError;

const BUILT_IN: [&str; 14] = [
    include_str!("../../recipes/python.toml"),
    include_str!("../../recipes/c.toml"),
    include_str!("../../recipes/cpp.toml"),
    include_str!("../../recipes/java.toml"),
    include_str!("../../recipes/shell.toml"),
    include_str!("../../recipes/javascript.toml"),
    include_str!("../../recipes/ruby.toml"),
    include_str!("../../recipes/powershell.toml"),
    include_str!("../../recipes/rust.toml"),
    include_str!("../../recipes/go.toml"),
    include_str!("../../recipes/php.toml"),
    include_str!("../../recipes/perl.toml"),
    include_str!("../../recipes/r.toml"),
    include_str!("../../recipes/lua.toml"),
];

/// The name of the language that `-c LINE` is run by.
pub const SHELL: &str = "shell";

/// A recipe. In an argv, "{main}" stands for the main file, "{files}" for all of the program's files in this language
/// (the main file first), "{args}" for the program's arguments, "{class}" for the Java class to run, "{heap_mib}" for
/// half of the step's memory limit in MiB, and "{buffer}" for how `stdbuf` is to buffer: "L", a line, or "0", nothing,
/// when somebody types into the program.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Language {
    /// Lower-case name, such as "python".
    pub name: String,
    /// The name as people write it, such as "Python".
    pub title: String,
    /// What the main file is called where nobody named it, such as "main.py".
    pub file: String,
    /// Lower-case ends of file names, without the dot; the first is the usual one.
    pub extensions: Vec<String>,
    /// The editor's mode.
    pub mode: String,
    /// Prints the version on a node that has the language, and can't be started on another.
    pub probe: Vec<String>,
    /// Makes the program out of the files; `None`: nothing to make.
    pub compile: Option<Vec<String>>,
    /// Starts the program.
    pub run: Vec<String>,
    /// How an error message names a place: text with "{file}", "{line}" and, it may be, "{column}" in it.
    pub marks: Vec<String>,
    /// Source of an example.
    pub hello: String,
    /// Environment variables of both steps.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Files that are put beside the program's: path and text.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// What compiling may use.
    #[serde(default = "Limits::compile", deserialize_with = "limits::compile_limits")]
    pub compile_limits: Limits,
    /// What the program may use.
    #[serde(default = "Limits::run", deserialize_with = "limits::run_limits")]
    pub run_limits: Limits,
}

impl Language {
    /// Whether there is a compile step.
    pub fn is_compiled(&self) -> bool {
        self.compile.is_some()
    }

    /// Whether a file of that path is this language's, by the end of its name.
    pub fn owns(&self, path: &str) -> bool {
        extension(path).is_some_and(|extension| self.extensions.contains(&extension))
    }
}

/// The languages there are: the built-in ones and those of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Languages {
    all: Vec<Language>,
}

impl Languages {
    /// The built-in ones.
    pub fn built_in() -> Self {
        let all = BUILT_IN.iter().map(|text| recipe::parse(text).expect("a test reads every built-in recipe"));
        Self { all: all.collect() }
    }

    /// Adds the recipes of a folder, its files `*.toml` in order of their names. Errors: the folder or a file can't be
    /// read, or a recipe breaks a rule.
    pub fn with_folder(mut self, dir: &Path) -> Result<Self, RecipeError> {
        for language in recipe::read_folder(dir)? {
            match self.all.iter_mut().find(|present| present.name == language.name) {
                Some(present) => *present = language,
                None => self.all.push(language),
            }
        }
        recipe::check_extensions(&self.all)?;
        Ok(self)
    }

    /// The language of that name.
    pub fn get(&self, name: &str) -> Option<&Language> {
        self.all.iter().find(|language| language.name == name)
    }

    /// The language that a file's name tells.
    pub fn of_file(&self, path: &str) -> Option<&Language> {
        self.all.iter().find(|language| language.owns(path))
    }

    /// All of them, in the order pages show them.
    pub fn iter(&self) -> impl Iterator<Item = &Language> {
        self.all.iter()
    }

    /// Their names, for a sentence.
    pub fn names(&self) -> String {
        self.iter().map(|language| language.name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// What follows the last dot of a file's name, in lower case; a name that begins with its only dot has no extension.
fn extension(path: &str) -> Option<String> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty()).then(|| extension.to_ascii_lowercase())
}
