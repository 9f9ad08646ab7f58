//! What the server says against a request, in the words of the command line: the option in place of the field, the line
//! or the file in place of an element's number.

use std::path::Path;

use super::request::Request;
use crate::cli::failure::{Failure, USAGE};
use crate::client::{ClientError, Problem};

/// Fields of a request, and the options that fill them.
const OPTIONS: [(&str, &str); 16] = [
    ("node", "--node"),
    ("on", "--on"),
    ("name", "--name"),
    ("array", "--array"),
    ("parameters", "--each-line"),
    ("inputs", "--each-input"),
    ("inputs_base64", "--each-input"),
    ("input_names", "--each-input"),
    ("each_node", "--each-node"),
    ("language", "--language"),
    ("line", "-c"),
    ("files", "--file"),
    ("zip_base64", "FILE"),
    ("stdin", "--stdin"),
    ("interactive", "--interactive"),
    ("terminal", "--terminal"),
];

impl Request {
    /// Why it was not accepted.
    pub(super) fn refused(&self, error: ClientError) -> Failure {
        let ClientError::Refused(mut problem) = error else { return error.into() };
        if let Some(failure) = self.program_taken_for_a_tool(&problem) {
            return failure;
        }
        let advice = self.advice(&problem);
        if let Some(field) = problem.field.take() {
            let option = OPTIONS.iter().find(|(name, _)| *name == field).map(|(_, option)| (*option).to_owned());
            match self.place(&field) {
                Some(place) => problem.message = format!("{place}: {}", problem.message),
                None => problem.field = Some(option.unwrap_or(field)),
            }
        }
        let failure = Failure::from(problem);
        match advice {
            Some(advice) => failure.or_try(advice),
            None => failure,
        }
    }

    /// A program whose name tells no language is a tool to the command line.
    fn program_taken_for_a_tool(&self, problem: &Problem) -> Option<Failure> {
        let word = self.tool.as_ref().filter(|word| Path::new(word).is_file())?;
        (problem.code == "tool-unknown").then(|| {
            Failure::new(USAGE, format!("there is no tool {word:?}"))
                .why(format!("the name of the file {word} tells no language, so it was taken for a tool"))
                .or_try(format!("amphi run --language LANGUAGE {word}"))
        })
    }

    /// The line or file that a field such as `parameters[2]` stands for.
    fn place(&self, field: &str) -> Option<&String> {
        let (list, rest) = field.split_once('[')?;
        let place: usize = rest.strip_suffix(']')?.parse().ok()?;
        self.places.get(place).filter(|_| matches!(list, "parameters" | "inputs"))
    }

    /// What helps, where the server's sentence does not say it.
    fn advice(&self, problem: &Problem) -> Option<String> {
        let field = problem.field.as_deref();
        let is_own = field.is_some_and(|field| OPTIONS.iter().any(|(name, _)| *name == field));
        match (field, &self.tool) {
            (Some("language"), _) => Some("amphi language list".to_owned()),
            (Some("tool"), _) => Some("amphi tool list".to_owned()),
            (Some("node" | "on"), _) => Some("amphi node list".to_owned()),
            (None, _) if problem.code.starts_with("no-node-") => Some("amphi node list".to_owned()),
            (Some(_), Some(tool)) if !is_own => Some(format!("amphi run {tool} --help")),
            (Some(_) | None, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn told(tool: Option<&str>, places: &[&str], field: Option<&str>) -> String {
        let places = places.iter().map(|&place| place.to_owned()).collect();
        let request = Request { body: Value::Null, is_live: false, tool: tool.map(str::to_owned), places };
        let problem = Problem {
            status: 400,
            code: "wrong".to_owned(),
            message: "It is wrong.".to_owned(),
            field: field.map(str::to_owned),
            request_id: None,
            retry_after_s: None,
        };
        let failure = request.refused(ClientError::Refused(problem));
        format!("{} / {}", failure.summary(), failure.hint().unwrap_or("-"))
    }

    #[test]
    fn it_is_told_in_the_words_of_the_command_line() {
        let lines = ["line 1 of hosts (a)", "line 3 of hosts (b)"];
        assert_eq!(
            told(Some("ping"), &lines, Some("parameters[1]")),
            "line 3 of hosts (b): It is wrong / amphi run ping --help"
        );
        assert_eq!(told(None, &[], Some("array")), "It is wrong: it concerns `--array` (wrong) / -");
        assert_eq!(
            told(None, &[], Some("language")),
            "It is wrong: it concerns `--language` (wrong) / amphi language list"
        );
        assert_eq!(
            told(Some("ping"), &[], Some("count")),
            "It is wrong: it concerns `count` (wrong) / amphi run ping --help"
        );
        assert_eq!(told(None, &[], None), "It is wrong / -");
    }
}
