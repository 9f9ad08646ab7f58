//! Languages, and the sources of programs.

use axum::Json;
use axum::extract::State;
use portal::{ApiPath, Caller, Problem, Problems};
use serde::Serialize;
use utoipa::ToSchema;

use super::job::job_id;
use super::submit::FileBody;
use crate::Lab;
use crate::service::ServiceError;
use crate::service::language::LanguageView;

/// The languages, and the nodes that have each
#[utoipa::path(get, path = "/api/v1/languages", tag = "jobs", responses((status = 200, body = Vec<LanguageView>), Problems))]
pub(super) async fn language_list(State(lab): State<Lab>) -> Result<Json<Vec<LanguageView>>, Problem> {
    Ok(Json(lab.language_list().await?))
}

/// What a program was submitted with.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobSource {
    /// Its language.
    language: String,
    /// Its files; the first is the one that is run.
    files: Vec<FileBody>,
    /// The shell line that it is, where it is one.
    line: Option<String>,
    /// Its arguments.
    args: Vec<String>,
    /// What stood on standard input.
    stdin: Option<FileBody>,
    /// Whether more input could be sent.
    interactive: bool,
}

/// Show the source of a program
#[utoipa::path(get, path = "/api/v1/jobs/{id}/source", tag = "jobs", params(("id" = String, Path, description = "the job's id")),
    responses((status = 200, body = JobSource), Problems))]
pub(super) async fn job_source(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<JobSource>, Problem> {
    let program = lab.program(&caller, job_id(&id)?).await?;
    let stdin = Some(program.stdin()).filter(|stdin| !stdin.is_empty());
    Ok::<_, ServiceError>(Json(JobSource {
        language: program.language().to_owned(),
        files: program.files().iter().map(FileBody::of).collect(),
        line: program.line().map(str::to_owned),
        args: program.args().to_vec(),
        stdin: stdin.map(|data| FileBody::of_bytes("stdin", data)),
        interactive: program.is_interactive(),
    }))
    .map_err(Problem::from)
}
