//! A Problem as a page.

use askama::Template;
use axum::response::{IntoResponse as _, Response};

use crate::error::Problem;
use crate::portal::Portal;
use crate::shell::context::PageContext;
use crate::shell::page::PageView;

#[derive(Template)]
#[template(path = "problem.html")]
struct Body<'a> {
    t: &'a PageContext,
    message: String,
    request_id: &'a str,
}

/// The page; status and headers are the caller's.
pub(crate) fn page(portal: &Portal, t: &PageContext, problem: &Problem) -> Response {
    let body = Body { t, message: t.problem_text(problem), request_id: &t.request_id };
    match body.render() {
        Ok(body) => {
            let title = t.text(&format!("problem-title-{}", problem.status().as_u16()));
            portal.page(t, PageView { title, body, ..PageView::default() })
        }
        Err(error) => Problem::bug(error).into_response(),
    }
}
