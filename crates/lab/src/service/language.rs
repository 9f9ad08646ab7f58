//! Which languages there are and where, and what a program was made of.

use portal::Caller;
use serde::Serialize;
use utoipa::ToSchema;

use super::ServiceError;
use crate::Lab;
use crate::model::job::JobId;
use crate::model::node::{AdminState, Node};
use crate::model::program::Program;
use crate::model::work::Work;

/// A language.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Language)]
pub(crate) struct LanguageView {
    /// Its name, as `language` takes it.
    pub(crate) name: String,
    /// Its name for people.
    pub(crate) title: String,
    /// Extensions of its files, without the dot.
    pub(crate) extensions: Vec<String>,
    /// What an editor highlights it as.
    pub(crate) mode: String,
    /// Name of the first file of a new program.
    pub(crate) file: String,
    /// A first program.
    pub(crate) hello: String,
    /// Whether it has a compile step.
    pub(crate) is_compiled: bool,
    /// Enabled nodes that have it.
    pub(crate) nodes: Vec<LanguageNode>,
}

/// A node that has a language.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct LanguageNode {
    /// The node's name.
    pub(crate) node: String,
    /// The version there, as the language says it.
    pub(crate) version: String,
}

impl Lab {
    /// Every language, and the enabled nodes that have it.
    pub(crate) async fn language_list(&self) -> Result<Vec<LanguageView>, ServiceError> {
        let nodes = self.node_list().await?;
        let nodes: Vec<_> = nodes.into_iter().filter(|node| node.state == AdminState::Enabled).collect();
        let views = self.languages().iter().map(|language| LanguageView {
            name: language.name.clone(),
            title: language.title.clone(),
            extensions: language.extensions.clone(),
            mode: language.mode.clone(),
            file: language.file.clone(),
            hello: language.hello.clone(),
            is_compiled: language.is_compiled(),
            nodes: nodes.iter().filter_map(|node| on_node(node, &language.name)).collect(),
        });
        Ok(views.collect())
    }

    /// The program of a job the caller may see. Errors: also `JobUnknown` for an experiment.
    pub(crate) async fn program(&self, caller: &Caller, id: JobId) -> Result<Program, ServiceError> {
        let job = self.job_view(caller, id).await?;
        match self.work(&job).await? {
            Work::Program(program) => Ok(*program),
            Work::Experiment(_) => Err(ServiceError::JobUnknown),
        }
    }
}

fn on_node(node: &Node, language: &str) -> Option<LanguageNode> {
    let found = node.tools.iter().find(|tool| tool.name == language)?;
    Some(LanguageNode { node: node.name.clone(), version: found.version.clone() })
}
