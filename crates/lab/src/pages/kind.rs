//! What differs between the lists of experiments and those of programs.

use crate::Lab;
use crate::model::job::JobKind;
use crate::model::tool::tools;

/// The lists of one kind of jobs.
pub(super) struct Kind {
    pub(super) kind: JobKind,
    /// The side bar's and the second level's entries.
    pub(super) section: &'static str,
    pub(super) sub: &'static str,
    /// The second level's entry for batches.
    pub(super) batch_sub: &'static str,
    pub(super) path: &'static str,
    /// What its sentences' keys begin with.
    pub(super) words: &'static str,
    /// The same for the other kind.
    pub(super) other: &'static str,
    pub(super) icon: &'static str,
    pub(super) example: &'static str,
    pub(super) batch_example: &'static str,
}

pub(super) const EXPERIMENTS: Kind = Kind {
    kind: JobKind::Experiment,
    section: "lab",
    sub: "overview",
    batch_sub: "batches",
    path: "/lab",
    words: "lab",
    other: "/programs",
    icon: "flask",
    example: "amphi run ping -c 3 example.org",
    batch_example: "amphi run --each-node ping -c 3 example.org",
};
pub(super) const PROGRAMS: Kind = Kind {
    kind: JobKind::Program,
    section: "programs",
    sub: "program-overview",
    batch_sub: "program-batches",
    path: "/programs",
    words: "program",
    other: "/lab",
    icon: "keyboard",
    example: "amphi run hello.py",
    batch_example: "amphi run --array 1-100 hello.py {index}",
};

impl Kind {
    /// The lists of this kind.
    pub(super) fn of(kind: JobKind) -> &'static Self {
        match kind {
            JobKind::Experiment => &EXPERIMENTS,
            JobKind::Program => &PROGRAMS,
        }
    }

    /// The key of a sentence that each kind has.
    pub(super) fn key(&self, word: &str) -> String {
        format!("{}-{word}", self.words)
    }

    /// What a tool or language is called.
    pub(super) fn tool(&self, lab: &Lab, name: &str) -> String {
        let language = Some(self.kind).filter(|kind| *kind == JobKind::Program).and_then(|_| lab.languages().get(name));
        language.map_or_else(|| name.to_owned(), |language| language.title.clone())
    }

    /// Tools or languages that the list may be narrowed to: value and what it is called.
    pub(super) fn tools(&self, lab: &Lab) -> Vec<(String, String)> {
        match self.kind {
            JobKind::Experiment => tools().iter().map(|tool| (tool.name.to_owned(), tool.name.to_owned())).collect(),
            JobKind::Program => {
                lab.languages().iter().map(|language| (language.name.clone(), language.title.clone())).collect()
            }
        }
    }
}
