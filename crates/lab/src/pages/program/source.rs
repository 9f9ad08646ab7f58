//! What a program was made of, on its own page.

use portal::{Caller, PageContext};
use serde_json::json;

use super::{marks, words};
use crate::Lab;
use crate::model::job::Job;
use crate::model::program::Program;
use crate::service::ServiceError;

/// A file as the page shows it.
pub(in crate::pages) struct File {
    pub(in crate::pages) path: String,
    /// `None`: it is no text.
    pub(in crate::pages) text: Option<String>,
}

/// A program's source.
pub(in crate::pages) struct Source {
    pub(in crate::pages) files: Vec<File>,
    pub(in crate::pages) stdin: String,
    /// The same with what the editor needs beside, as JSON.
    pub(in crate::pages) data: String,
}

impl Source {
    pub(in crate::pages) async fn of(
        lab: &Lab,
        caller: &Caller,
        t: &PageContext,
        job: &Job,
        program: &Program,
    ) -> Result<Self, ServiceError> {
        let files: Vec<_> = program.files().iter().map(crate::api::submit::FileBody::of).collect();
        let own = lab.languages().get(program.language()).map(|language| language.mode.as_str()).unwrap_or_default();
        let modes = lab.languages().iter().flat_map(|language| {
            language.extensions.iter().map(|extension| (extension.as_str(), language.mode.as_str()))
        });
        // The main file may have any name.
        let modes: serde_json::Map<_, _> =
            modes.chain([("", own)]).map(|(extension, mode)| (extension.to_owned(), json!(mode))).collect();
        let marks = marks::marks(lab, caller, job, program).await?;
        let data = json!({ "texts": words::texts(t), "modes": modes, "files": files, "marks": marks });
        let text = |data: &[u8]| std::str::from_utf8(data).ok().map(str::to_owned);
        Ok(Self {
            files: program
                .files()
                .iter()
                .map(|file| File { path: file.path.clone(), text: text(&file.data) })
                .collect(),
            stdin: String::from_utf8_lossy(program.stdin()).into_owned(),
            data: data.to_string(),
        })
    }
}
