//! Batches.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portal::{ApiJson, ApiPath, ApiQuery, Caller, Listing, Problem, Problems};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::submit::{JobSubmit, idempotency};
use crate::Lab;
use crate::model::batch::{Batch, BatchId, BatchStatus, Template};
use crate::model::job::{ErrorReason, JobKind, NameRefusal, checked_name};
use crate::service::ServiceError;
use crate::service::batch::{BatchSubmission, Spread};

/// Batches of one page, at most.
const PAGE_MAX: u32 = 200;

/// Every index from the first to the last.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Array {
    /// Index of the first element.
    #[schema(example = 1)]
    from: i64,
    /// Index of the last element.
    #[schema(example = 1000)]
    to: i64,
}

/// A job as for `POST /api/v1/jobs`, and over what it is spread: give `array`, `parameters`, `inputs`, `inputs_base64` or
/// `each_node`.
///
/// In `args`, `{index}` stands for an element's index and `{1}` to `{9}` for its parameters; parameters that nothing
/// stands for go behind the arguments. A program finds its index in the environment variable AMPHI_INDEX too.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchSubmit {
    #[serde(default)]
    array: Option<Array>,
    /// A list of parameters for each element; their indices begin at 1.
    #[serde(default)]
    #[schema(example = json!([["192.0.2.1"], ["192.0.2.2"]]))]
    parameters: Option<Vec<Vec<String>>>,
    /// Standard input of each element of a program; their indices begin at 1.
    #[serde(default)]
    inputs: Option<Vec<String>>,
    /// The same where they are no text, base64.
    #[serde(default)]
    inputs_base64: Option<Vec<String>>,
    /// What each of the inputs is called, such as its file's name; left out, its first line stands for it.
    #[serde(default)]
    input_names: Option<Vec<String>>,
    /// One element on each node that can run it now; their indices begin at 1.
    #[serde(default)]
    each_node: bool,
    #[serde(flatten)]
    job: JobSubmit,
}

impl BatchSubmit {
    /// The job, where it is spread over nothing.
    pub(crate) fn single(self) -> Result<JobSubmit, Box<Self>> {
        if self.spreads() == 0 { Ok(self.job) } else { Err(Box::new(self)) }
    }

    /// Over how many things it is spread: one is right.
    fn spreads(&self) -> usize {
        let given = [
            self.array.is_some(),
            self.parameters.is_some(),
            self.inputs.is_some(),
            self.inputs_base64.is_some(),
            self.each_node,
        ];
        given.into_iter().filter(|is_given| *is_given).count()
    }

    /// What is wanted, checked.
    pub(crate) fn submission(self, lab: &Lab, idempotency: Option<String>) -> Result<BatchSubmission, ServiceError> {
        let request = serde_json::to_vec(&self).expect("plain data always serialises");
        if self.spreads() != 1 {
            let sentence = "Give one of array, parameters, inputs, inputs_base64 and each_node.".to_owned();
            return Err(ServiceError::Request { field: "array", sentence });
        }
        if self.each_node && self.job.placement().0.is_some() {
            let sentence = "Give either node or each_node; on narrows the nodes of each_node.".to_owned();
            return Err(ServiceError::Request { field: "node", sentence });
        }
        let texts = self.inputs.map(|texts| texts.iter().map(|text| STANDARD.encode(text)).collect());
        let inputs: Option<Vec<_>> = self.inputs_base64.or(texts);
        let has_parameters = self.parameters.is_some();
        let (node, on, name) = self.job.placement();
        let mut template = self.job.template(lab.languages(), has_parameters)?;
        if let Some(inputs) = &inputs {
            template = with_inputs(template, inputs)?;
        }
        let names = checked_names(self.input_names, inputs.as_deref())?;
        let spread = match (self.array, self.parameters, inputs) {
            (Some(array), _, _) => Spread::Index { from: array.from, to: array.to },
            (_, Some(parameters), _) => Spread::Parameters(parameters),
            (_, _, Some(inputs)) => Spread::Parameters(named(inputs, names)),
            (None, None, None) => Spread::EachNode,
        };
        let request = BatchSubmission::digest(&request);
        Ok(BatchSubmission { template, spread, node, on, name, idempotency, request })
    }
}

/// Elements that each read an input of their own. Errors: it is no program, or has standard input already; one is not
/// base64.
fn with_inputs(template: Template, inputs: &[String]) -> Result<Template, ServiceError> {
    let wrong = |sentence: &str| ServiceError::Request { field: "inputs", sentence: sentence.to_owned() };
    if inputs.iter().any(|input| STANDARD.decode(input).is_err()) {
        return Err(wrong("inputs_base64 is not base64 with padding (RFC 4648, section 4)."));
    }
    match template {
        Template::Program(program) if program.stdin().is_empty() => Ok(Template::Inputs(program)),
        Template::Program(_) => Err(wrong("Give either stdin or inputs, not both.")),
        Template::Fixed(_) | Template::Tool { .. } | Template::Inputs(_) => {
            Err(wrong("A tool takes no standard input; leave inputs out."))
        }
    }
}

/// The names of inputs. Errors: they are not as many as the inputs, or one is none.
fn checked_names(names: Option<Vec<String>>, inputs: Option<&[String]>) -> Result<Vec<String>, ServiceError> {
    let Some(names) = names else { return Ok(Vec::new()) };
    if names.len() != inputs.map_or(0, <[String]>::len) {
        let sentence = "Give one of input_names for each input.".to_owned();
        return Err(ServiceError::Request { field: "input_names", sentence });
    }
    let wrong = |error: NameRefusal| ServiceError::Request { field: "input_names", sentence: error.to_string() };
    names.iter().map(|name| checked_name(name).map_err(wrong)).collect()
}

/// The parameters of elements that each have an input: that, and its name where there are names.
fn named(inputs: Vec<String>, names: Vec<String>) -> Vec<Vec<String>> {
    let mut names = names.into_iter();
    inputs.into_iter().map(|input| std::iter::once(input).chain(names.next()).collect()).collect()
}

/// A batch.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Batch)]
pub(super) struct BatchView {
    /// Its id, a UUID.
    id: String,
    /// Its name.
    name: String,
    /// Of what kind its elements are.
    kind: JobKind,
    /// The tool's or the language's name.
    tool: String,
    /// As one would type it, with placeholders.
    command: String,
    /// Login of who submitted it.
    owner: String,
    /// waiting, running, completed or cancelled.
    status: BatchStatus,
    /// Index of the first element.
    first_index: i64,
    /// How many elements there are.
    count: u32,
    /// Elements that no node has taken yet.
    waiting: u32,
    /// Elements on nodes.
    running: u32,
    /// Elements that ended with exit status 0.
    done: u32,
    /// Elements that ended otherwise.
    failed: u32,
    /// Elements that were cancelled.
    cancelled: u32,
    /// When it was submitted, RFC 3339.
    created: String,
    /// When its last element ended.
    completed: Option<String>,
    /// Why elements failed that never started: a code, node-gone.
    reason: Option<&'static str>,
    /// Elements that were carried out, a second; only where one batch is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    /// How long the rest takes at this rate, seconds; only where one batch is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_s: Option<f64>,
    /// Why nothing of it is started, in a sentence, where it is not for a free slot; only where one batch is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_reason: Option<String>,
    /// What asks for the same batch again, as one would type it; only where one batch is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_by: Option<String>,
}

impl BatchView {
    fn new(batch: &Batch) -> Self {
        let status = batch.status();
        Self {
            id: batch.id.to_string(),
            name: batch.name.clone(),
            kind: batch.kind,
            tool: batch.tool.clone(),
            command: batch.command.clone(),
            owner: batch.owner.clone(),
            status,
            first_index: batch.first,
            count: batch.count,
            waiting: batch.waiting(),
            running: batch.running(),
            done: batch.tally.done,
            failed: batch.failed(),
            cancelled: batch.cancelled(),
            created: portal::utc_text(batch.created_ms),
            completed: batch.tally.last_ms.filter(|_| status.is_final()).map(portal::utc_text),
            reason: batch.is_stranded.then(|| ErrorReason::NodeGone.as_str()),
            rate: None,
            left_s: None,
            waiting_reason: None,
            asked_by: None,
        }
    }
}

/// Submit a batch
///
/// The answer says that it is in the queue as a whole, durably. The same `Idempotency-Key` with the same request gives
/// the same batch again.
#[utoipa::path(post, path = "/api/v1/batches", tag = "batches", request_body = BatchSubmit,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 100 visible ASCII characters")),
    responses((status = 202, body = BatchView, headers(("Location" = String))), Problems))]
pub(super) async fn batch_submit(
    State(lab): State<Lab>,
    caller: Caller,
    headers: HeaderMap,
    ApiJson(body): ApiJson<BatchSubmit>,
) -> Result<Response, Problem> {
    let batch = lab.batch_submit(&caller, body.submission(&lab, idempotency(&headers)?)?).await?;
    let location = HeaderValue::try_from(format!("/api/v1/batches/{}", batch.id)).map_err(Problem::bug)?;
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(BatchView::new(&batch))).into_response())
}

/// Which batches.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct BatchSelect {
    /// Batches of a page, 1 to 200; 50 where it is left out.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next` of the page before.
    before: Option<String>,
}

/// List batches, the newest first
#[utoipa::path(get, path = "/api/v1/batches", tag = "batches", params(BatchSelect),
    responses((status = 200, body = Listing<BatchView>), Problems))]
pub(super) async fn batch_list(
    State(lab): State<Lab>,
    caller: Caller,
    ApiQuery(select): ApiQuery<BatchSelect>,
) -> Result<Json<Listing<BatchView>>, Problem> {
    let limit = select.limit.unwrap_or(50);
    if limit == 0 || limit > PAGE_MAX {
        let sentence = format!("limit is {limit}; it must be from 1 to {PAGE_MAX}.");
        return Err(ServiceError::Request { field: "limit", sentence }.into());
    }
    let before = select.before.map(|text| text.parse().map_err(|_| ServiceError::Cursor)).transpose()?;
    let batches = lab.batch_page(&caller, None, before, limit).await?;
    let next = (batches.len() == limit as usize).then(|| batches.last().map(|batch| batch.id.to_string())).flatten();
    Ok(Json(Listing { items: batches.iter().map(BatchView::new).collect(), next }))
}

/// Show a batch with its counts
#[utoipa::path(get, path = "/api/v1/batches/{id}", tag = "batches",
    params(("id" = String, Path, description = "the batch's id")), responses((status = 200, body = BatchView), Problems))]
pub(super) async fn batch_get(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<BatchView>, Problem> {
    let batch = lab.batch_view(&caller, batch_id(&id)?).await?;
    let waiting_reason = lab.batch_waits(&batch).await?.map(|reason| reason.to_string());
    let asked_by = Some(batch.asked_by(lab.batch_node(&batch).await?.as_deref()));
    let (rate, left_s) = (batch.rate(), batch.left_s());
    Ok(Json(BatchView { rate, left_s, waiting_reason, asked_by, ..BatchView::new(&batch) }))
}

/// Cancel a batch
///
/// Elements that no node has taken are over at once; those on nodes when their node has stopped them.
#[utoipa::path(post, path = "/api/v1/batches/{id}/cancel", tag = "batches",
    params(("id" = String, Path, description = "the batch's id")), responses((status = 202, body = BatchView), Problems))]
pub(super) async fn batch_cancel(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<(StatusCode, Json<BatchView>), Problem> {
    let batch = lab.batch_cancel(&caller, batch_id(&id)?).await?;
    Ok((StatusCode::ACCEPTED, Json(BatchView::new(&batch))))
}

/// Delete a batch that is over
///
/// Its elements and their output go with it. It is refused while an element is pinned.
#[utoipa::path(delete, path = "/api/v1/batches/{id}", tag = "batches",
    params(("id" = String, Path, description = "the batch's id")), responses((status = 204), Problems))]
pub(super) async fn batch_delete(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    lab.batch_delete(&caller, batch_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads a batch's id; what is none names no batch.
pub(crate) fn batch_id(text: &str) -> Result<BatchId, ServiceError> {
    text.parse().map_err(|_| ServiceError::BatchUnknown)
}
