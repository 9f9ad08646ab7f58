//! What is submitted: an experiment or a program.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portal::{ApiJson, Caller, Problem, Problems};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::input::TerminalSize;
use crate::Lab;
use crate::model::batch::{Template, has_placeholder};
use crate::model::experiment::Experiment;
use crate::model::language::Languages;
use crate::model::program::{Program, ProgramRequest, SourceFile, Terminal};
use crate::model::work::Work;
use crate::service::ServiceError;
use crate::service::submit::Submission;
use crate::service::view::JobView;

/// An experiment or a program to run.
///
/// For an experiment give `tool` and either `args`, as typed on a command line, or `options` and `destination`. For a
/// program give `files`, `zip_base64` or `line`, and what it is started with.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobSubmit {
    /// The tool's name.
    #[serde(default)]
    #[schema(example = "ping")]
    tool: Option<String>,
    /// The tool's command line, without its name; or the program's arguments.
    #[serde(default)]
    #[schema(example = json!(["-c", "3", "192.0.2.1"]))]
    args: Option<Vec<String>>,
    /// Options of the tool by name.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    options: Option<Map<String, Value>>,
    /// What the tool is pointed at.
    #[serde(default)]
    destination: Option<String>,
    /// The program's language; left out, the first file's extension tells.
    #[serde(default)]
    language: Option<String>,
    /// The program's files; the first is the one that is run.
    #[serde(default)]
    files: Vec<FileBody>,
    /// The program's files as a zip archive, base64.
    #[serde(default)]
    zip_base64: Option<String>,
    /// A shell line in place of files.
    #[serde(default)]
    line: Option<String>,
    /// What stands on the program's standard input.
    #[serde(default)]
    stdin: Option<String>,
    /// The same where it is no text, base64.
    #[serde(default)]
    stdin_base64: Option<String>,
    /// Whether more input may be sent while it runs; otherwise standard input ends after `stdin`.
    #[serde(default)]
    interactive: bool,
    /// The size of the terminal that the program runs in; left out, it runs in none.
    #[serde(default)]
    terminal: Option<TerminalSize>,
    /// UID or name of the node to run on; left out, the lab chooses.
    #[serde(default)]
    node: Option<String>,
    /// Labels that the node has to carry.
    #[serde(default)]
    on: BTreeMap<String, String>,
    /// A name for the list; left out, the command line.
    #[serde(default)]
    name: Option<String>,
}

/// A file of a program: text, or base64 where it is no text.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileBody {
    /// Its path in the work directory, such as `main.py` or `data/words.txt`.
    path: String,
    /// Its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Its bytes, base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl FileBody {
    pub(crate) fn of(file: &SourceFile) -> Self {
        Self::of_bytes(&file.path, &file.data)
    }

    pub(super) fn of_bytes(path: &str, data: &[u8]) -> Self {
        let path = path.to_owned();
        match std::str::from_utf8(data) {
            Ok(text) => Self { path, text: Some(text.to_owned()), base64: None },
            Err(_) => Self { path, text: None, base64: Some(STANDARD.encode(data)) },
        }
    }

    fn file(self) -> Result<SourceFile, ServiceError> {
        let data = match (self.text, self.base64) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(base64)) => decoded("files", &base64)?,
            (_, _) => {
                let sentence = format!("Give either text or base64 of the file {:?}.", self.path);
                return Err(ServiceError::Request { field: "files", sentence });
            }
        };
        Ok(SourceFile { path: self.path, data: data.into() })
    }
}

fn decoded(field: &'static str, base64: &str) -> Result<Vec<u8>, ServiceError> {
    let sentence = || format!("{field} is not base64 with padding (RFC 4648, section 4).");
    STANDARD.decode(base64).map_err(|_| ServiceError::Request { field, sentence: sentence() })
}

impl JobSubmit {
    /// What is wanted, checked.
    pub(crate) fn submission(
        self,
        languages: &Languages,
        idempotency: Option<String>,
    ) -> Result<Submission, ServiceError> {
        let is_program =
            self.language.is_some() || !self.files.is_empty() || self.zip_base64.is_some() || self.line.is_some();
        let (node, on, name) = (self.node.clone(), self.on.clone(), self.name.clone());
        let work = match (&self.tool, is_program) {
            (Some(_), false) => Work::Experiment(self.experiment()?),
            (None, true) => Work::Program(Box::new(self.program(languages)?)),
            (_, _) => {
                let sentence = "Give either a tool, or a program as files, zip_base64 or line.".to_owned();
                return Err(ServiceError::Request { field: "tool", sentence });
            }
        };
        Ok(Submission { work, node, on, name, idempotency })
    }

    /// Node, labels and name.
    pub(super) fn placement(&self) -> (Option<String>, BTreeMap<String, String>, Option<String>) {
        (self.node.clone(), self.on.clone(), self.name.clone())
    }

    /// What a batch's elements are made from.
    pub(super) fn template(self, languages: &Languages, has_parameters: bool) -> Result<Template, ServiceError> {
        let is_filled = |args: &Vec<String>| has_parameters || has_placeholder(args);
        let is_alone = self.options.is_none() && self.destination.is_none() && self.stdin.is_none();
        if let (Some(tool), Some(args), true) = (&self.tool, &self.args, is_alone)
            && is_filled(args)
        {
            return Ok(Template::Tool { tool: tool.clone(), args: args.clone() });
        }
        Ok(match self.submission(languages, None)?.work {
            Work::Program(program) => Template::Program(program),
            work @ Work::Experiment(_) => Template::Fixed(work),
        })
    }

    fn experiment(self) -> Result<Experiment, ServiceError> {
        let tool = self.tool.unwrap_or_default();
        if self.stdin.is_some() || self.stdin_base64.is_some() || self.interactive || self.terminal.is_some() {
            let sentence =
                "A tool takes no standard input; leave stdin, stdin_base64, interactive and terminal out.".to_owned();
            return Err(ServiceError::Request { field: "stdin", sentence });
        }
        match (self.args, self.options, self.destination) {
            (Some(args), None, None) => Ok(Experiment::from_args(&tool, &args)?),
            (None, options, Some(destination)) => {
                Ok(Experiment::from_options(&tool, &options.unwrap_or_default(), &destination)?)
            }
            (Some(_), _, _) => {
                let sentence = "Give either args, or options and destination, not both.".to_owned();
                Err(ServiceError::Request { field: "args", sentence })
            }
            (None, _, None) => {
                let sentence = "The destination is missing: give destination (and options), or args.".to_owned();
                Err(ServiceError::Request { field: "destination", sentence })
            }
        }
    }

    fn program(self, languages: &Languages) -> Result<Program, ServiceError> {
        if self.options.is_some() || self.destination.is_some() {
            let sentence = "A program has no options and no destination; give args.".to_owned();
            return Err(ServiceError::Request { field: "options", sentence });
        }
        let stdin = match (self.stdin, self.stdin_base64) {
            (Some(_), Some(_)) => {
                let sentence = "Give either stdin or stdin_base64, not both.".to_owned();
                return Err(ServiceError::Request { field: "stdin", sentence });
            }
            (Some(text), None) => text.into_bytes(),
            (None, Some(base64)) => decoded("stdin_base64", &base64)?,
            (None, None) => Vec::new(),
        };
        let request = ProgramRequest {
            language: self.language,
            files: self.files.into_iter().map(FileBody::file).collect::<Result<_, _>>()?,
            zip: self.zip_base64.map(|base64| decoded("zip_base64", &base64)).transpose()?,
            line: self.line,
            args: self.args.unwrap_or_default(),
            stdin: stdin.into(),
            is_interactive: self.interactive,
            terminal: self.terminal.map(Terminal::from),
        };
        Ok(Program::new(request, languages)?)
    }
}

/// Reads `Idempotency-Key`. Errors: it is no text.
pub(crate) fn idempotency(headers: &HeaderMap) -> Result<Option<String>, ServiceError> {
    let sentence = || "The Idempotency-Key must be visible ASCII characters, such as a UUID.".to_owned();
    let refused = |_| ServiceError::Request { field: "Idempotency-Key", sentence: sentence() };
    headers.get("idempotency-key").map(|value| value.to_str().map(str::to_owned).map_err(refused)).transpose()
}

/// Submit an experiment or a program
///
/// The answer says that it is in the queue, durably. The same `Idempotency-Key` with the same request gives the same
/// job again.
#[utoipa::path(post, path = "/api/v1/jobs", tag = "jobs", request_body = JobSubmit,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 100 visible ASCII characters")),
    responses((status = 202, body = JobView, headers(("Location" = String))), Problems))]
pub(super) async fn job_submit(
    State(lab): State<Lab>,
    caller: Caller,
    headers: HeaderMap,
    ApiJson(body): ApiJson<JobSubmit>,
) -> Result<Response, Problem> {
    let job = lab.job_submit(&caller, body.submission(lab.languages(), idempotency(&headers)?)?).await?;
    let location = HeaderValue::try_from(format!("/api/v1/jobs/{}", job.id)).map_err(Problem::bug)?;
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(JobView::new(&job, None, &[]))).into_response())
}
