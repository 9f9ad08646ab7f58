//! The table of who may call what. A route that is not in it is refused.

use std::collections::HashMap;

use axum::http::Method;

use crate::model::role::Role;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Public,
    /// Who is signed in.
    SignedIn,
    /// Who has this role.
    Role(Role),
}

/// How answers are repeated for an `Idempotency-Key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// The portal keeps the answer and gives it again.
    Kept,
    /// The answer holds a secret that is shown once: only that it was done is kept.
    Secret,
    /// The handler sees to it itself.
    Own,
}

/// One route and who may call it. `path` as axum knows it, `/api/v1/jobs/{id}`.
#[derive(Clone, Debug)]
pub struct RouteAccess {
    /// The method; GET stands for HEAD too.
    pub method: Method,
    /// The path with its parameters' names.
    pub path: &'static str,
    /// Who may.
    pub access: Access,
    pub(crate) repeat: Repeat,
    pub(crate) is_upload: bool,
}

impl RouteAccess {
    /// An entry.
    pub fn new(method: Method, path: &'static str, access: Access) -> Self {
        Self { method, path, access, repeat: Repeat::Kept, is_upload: false }
    }

    /// The handler honours `Idempotency-Key` by itself.
    #[must_use]
    pub fn own_idempotency(mut self) -> Self {
        self.repeat = Repeat::Own;
        self
    }

    /// The answer holds a secret that is shown once and must not be kept for `Idempotency-Key`.
    #[must_use]
    pub fn secret_answer(mut self) -> Self {
        self.repeat = Repeat::Secret;
        self
    }

    /// The body may be of any length and come for any time: the handler reads it as a stream, and bounds both.
    #[must_use]
    pub fn upload(mut self) -> Self {
        self.is_upload = true;
        self
    }
}

/// What the table says of one path.
pub(crate) struct PathRules {
    rules: Vec<RouteAccess>,
}

impl PathRules {
    /// The entry for `method`.
    pub(crate) fn rule(&self, method: &Method) -> Option<&RouteAccess> {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        self.rules.iter().find(|rule| rule.method == *method)
    }

    /// The value of `Allow`.
    pub(crate) fn allowed(&self) -> String {
        let mut methods: Vec<&str> = self.rules.iter().map(|rule| rule.method.as_str()).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.join(", ")
    }
}

/// The whole table by path.
pub(crate) struct AccessTable(HashMap<&'static str, PathRules>);

impl AccessTable {
    pub(crate) fn new(entries: Vec<RouteAccess>) -> Self {
        let mut table: HashMap<&'static str, PathRules> = HashMap::new();
        for entry in entries {
            table.entry(entry.path).or_insert_with(|| PathRules { rules: Vec::new() }).rules.push(entry);
        }
        Self(table)
    }

    /// What it says of `path`, axum's form.
    pub(crate) fn path(&self, path: &str) -> Option<&PathRules> {
        self.0.get(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_is_get_and_the_rest_is_not_allowed() {
        let table = AccessTable::new(vec![
            RouteAccess::new(Method::GET, "/a/{id}", Access::Public),
            RouteAccess::new(Method::DELETE, "/a/{id}", Access::Role(Role::Admin)),
        ]);
        let path = table.path("/a/{id}").unwrap();
        assert_eq!(path.rule(&Method::HEAD).unwrap().access, Access::Public);
        assert!(path.rule(&Method::POST).is_none());
        assert_eq!(path.allowed(), "GET, DELETE, HEAD");
        assert!(table.path("/b").is_none());
    }
}
