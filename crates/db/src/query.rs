//! Statements as data: a [`Query`] is one statement, a [`Write`] one transaction.
//!
//! A Write reads nothing in between, so that it can be grouped with others into one commit and be repeated
//! after a conflict without the caller taking part.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::given::Given;
use crate::value::Value;

/// One SQL statement with the values of its placeholders.
#[derive(Clone, Debug)]
pub struct Query {
    pub(crate) sql: Cow<'static, str>,
    pub(crate) values: Vec<Value>,
    pub(crate) given: Option<Given>,
}

impl Query {
    /// A statement of the portable subset, with `?` where a value goes. Never build the text from user input:
    /// bind it.
    pub fn new(sql: impl Into<Cow<'static, str>>) -> Self {
        Self { sql: sql.into(), values: Vec::new(), given: None }
    }

    /// Gives the next placeholder its value.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Gives the next placeholder its value, for statements built in a loop.
    pub fn push_bind(&mut self, value: impl Into<Value>) {
        self.values.push(value.into());
    }
}

/// Rows that one statement brings along, at most: with 60 columns they would still fit into what SQLite takes.
const GIVEN_MAX: usize = 512;

#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) query: Query,
    /// The guard's name, and the rows that the statement must change at least.
    pub(crate) guard: Option<(&'static str, u64)>,
}

impl Step {
    /// The guard that `changed` rows don't meet.
    pub(crate) fn unmet(&self, changed: u64) -> Option<&'static str> {
        self.guard.filter(|(_, least)| changed < *least).map(|(guard, _)| guard)
    }
}

/// A transaction: all of its steps, or none.
#[derive(Clone, Debug, Default)]
pub struct Write {
    pub(crate) steps: Vec<Step>,
    pub(crate) topics: BTreeSet<String>,
}

impl Write {
    /// An empty transaction.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of statements.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.topics.is_empty()
    }

    /// Adds a statement that may change any number of rows.
    #[must_use]
    pub fn step(mut self, query: Query) -> Self {
        self.push_step(query);
        self
    }

    /// Adds a statement that must change at least one row, else nothing of the Write is done and it answers
    /// [`crate::DbError::Unmet`] with this name.
    #[must_use]
    pub fn expect(mut self, guard: &'static str, query: Query) -> Self {
        self.push_expect(guard, query);
        self
    }

    /// Wakes the watchers of `topic` (at most 200 characters) on every replica once the Write is committed.
    #[must_use]
    pub fn event(mut self, topic: impl Into<String>) -> Self {
        self.push_event(topic);
        self
    }

    /// [`Write::step`] in place.
    pub fn push_step(&mut self, query: Query) {
        self.steps.push(Step { query, guard: None });
    }

    /// [`Write::expect`] in place.
    pub fn push_expect(&mut self, guard: &'static str, query: Query) {
        self.steps.push(Step { query, guard: Some((guard, 1)) });
    }

    /// [`Write::event`] in place. A topic named twice is one event.
    pub fn push_event(&mut self, topic: impl Into<String>) {
        self.topics.insert(topic.into());
    }

    /// Adds an UPDATE with the rows it brings along; nothing when there are none. It becomes several statements when
    /// there are many. The UPDATE may meet a row twice, so what it sets must not depend on what was there.
    pub fn push_given_update(&mut self, sql: &'static str, mut given: Given) {
        while !given.is_empty() {
            let mut part = given.split(GIVEN_MAX);
            part.pad();
            self.push_step(Query { sql: sql.into(), values: Vec::new(), given: Some(part) });
        }
    }

    /// Adds an INSERT … SELECT … FROM given; nothing when there are no rows. It becomes several statements, as
    /// [`Write::push_given_update`].
    pub fn push_given_insert(&mut self, sql: &'static str, given: Given) {
        self.push_given(Query::new(sql), given);
    }

    /// Adds any statement with the rows it brings along, and what it binds besides; nothing when there are no rows. It
    /// becomes several statements when there are many.
    pub fn push_given(&mut self, query: Query, given: Given) {
        self.steps.extend(parts(query, given).map(|query| Step { query, guard: None }));
    }

    /// [`Write::push_given`] of a statement that must change as many rows as it brings along, else nothing of the Write is
    /// done and it answers [`crate::DbError::Unmet`] with this name.
    pub fn push_given_expect(&mut self, guard: &'static str, query: Query, given: Given) {
        self.steps.extend(parts(query, given).map(|query| {
            let rows = query.given.as_ref().map_or(0, Given::rows) as u64;
            Step { query, guard: Some((guard, rows)) }
        }));
    }
}

/// A statement for each part of the rows.
pub(crate) fn parts(query: Query, mut given: Given) -> impl Iterator<Item = Query> {
    std::iter::from_fn(move || {
        // Powers of two, so that few different statements are prepared.
        let rows = 1 << given.rows().min(GIVEN_MAX).checked_ilog2()?;
        Some(Query { given: Some(given.split(rows)), ..query.clone() })
    })
}
