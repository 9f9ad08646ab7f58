//! Gives a Problem the form its reader wants: JSON with the request's id, or a page in the shell.

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};

use crate::error::Problem;
use crate::http::csrf::is_safe;
use crate::http::observe::RequestId;
use crate::model::locale::Locale;
use crate::portal::Portal;
use crate::shell::context::PageContext;

/// What the reader of an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A program.
    Json,
    /// A whole page in a browser.
    Page,
    /// A part of a page; its script shows the sentence.
    Fragment,
}

/// The layer.
pub(crate) async fn render(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    let shape = Shape::of(&request);
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let may_return = is_safe(request.method());
    let bare = PageContext::of(&portal, &request, None);
    let mut response = next.run(request).await;
    let context = response.extensions_mut().remove::<PageContext>().unwrap_or(bare);
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    problem.log(&request_id);
    match shape {
        Shape::Json => as_json(&problem, problem.message().to_owned(), &request_id, response),
        Shape::Fragment => as_fragment(&problem, &context, &request_id, response),
        Shape::Page => as_page(&portal, &problem, &context, may_return, response),
    }
}

/// Swaps the body, keeps status and headers.
fn with_body(response: Response, rendered: Response) -> Response {
    let (mut parts, _) = response.into_parts();
    let (rendered, body): (_, Body) = rendered.into_parts();
    if let Some(content_type) = rendered.headers.get(header::CONTENT_TYPE) {
        parts.headers.insert(header::CONTENT_TYPE, content_type.clone());
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, body)
}

fn as_json(problem: &Problem, message: String, request_id: &str, response: Response) -> Response {
    let body = problem.body(message, Some(request_id.to_owned()));
    with_body(response, Json(body).into_response())
}

fn as_fragment(problem: &Problem, context: &PageContext, request_id: &str, response: Response) -> Response {
    let mut response = as_json(problem, context.problem_text(problem), request_id, response);
    if problem.status() == StatusCode::UNAUTHORIZED && context.caller.is_none() {
        response.headers_mut().insert("hx-redirect", HeaderValue::from_static("/sign-in"));
    }
    response
}

fn as_page(
    portal: &Portal,
    problem: &Problem,
    context: &PageContext,
    may_return: bool,
    response: Response,
) -> Response {
    if problem.status() == StatusCode::UNAUTHORIZED && context.caller.is_none() {
        let next = if may_return { context.here() } else { String::from("/") };
        let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("next", &next).finish();
        return Redirect::to(&format!("/sign-in?{query}")).into_response();
    }
    if problem.code() == "password-change-needed" {
        return Redirect::to("/account").into_response();
    }
    with_body(response, crate::pages::problem::page(portal, context, problem))
}

impl PageContext {
    /// The problem's sentence in the reader's language.
    pub fn problem_text(&self, problem: &Problem) -> String {
        if self.locale == Locale::En {
            return problem.message().to_owned();
        }
        let key = format!("problem-{}", problem.code());
        self.catalog().find(self.locale, &key, problem.args()).unwrap_or_else(|| problem.message().to_owned())
    }
}
