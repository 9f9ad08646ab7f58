//! Rows that a statement brings along, so that one statement changes many rows each in its own way.
//!
//! In the portable subset they are the table `given`: `UPDATE t SET a = given.new_a FROM given WHERE t.id = given.id`, or
//! `INSERT INTO t (…) SELECT … FROM given …`, `DELETE FROM t USING given WHERE t.id = given.id`, or a SELECT. A column that is
//! set must not be called like one of `given`. `FROM given` may stand in a statement once; in the brackets of a subquery too.

use crate::value::Value;

/// What a column of [`Given`] holds; NULL besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// 64-bit integers.
    Int,
    /// Bytes.
    Bytes,
}

/// See the module's head. Shape: row-major, every row as wide as `columns`.
#[derive(Clone, Debug)]
pub struct Given {
    columns: &'static [(&'static str, Kind)],
    values: Vec<Value>,
}

impl Given {
    /// No rows yet, with these columns.
    pub fn new(columns: &'static [(&'static str, Kind)]) -> Self {
        Self { columns, values: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// When it has another number of values than there are columns.
    pub fn push<const N: usize>(&mut self, row: [Value; N]) {
        assert_eq!(N, self.columns.len(), "a row is as wide as the table");
        self.values.extend(row);
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub(crate) fn columns(&self) -> &'static [(&'static str, Kind)] {
        self.columns
    }

    pub(crate) fn rows(&self) -> usize {
        self.values.len() / self.columns.len()
    }

    /// Repeats the last row until the number of rows is a power of two, so that few different statements are prepared.
    pub(crate) fn pad(&mut self) {
        let (rows, width) = (self.rows(), self.columns.len());
        for _ in rows..rows.next_power_of_two() {
            self.values.extend_from_within((rows - 1) * width..rows * width);
        }
    }

    /// At most `rows` of the rows, those in front; the rest stays.
    pub(crate) fn split(&mut self, rows: usize) -> Self {
        let rest = self.values.split_off((rows * self.columns.len()).min(self.values.len()));
        Self { columns: self.columns, values: std::mem::replace(&mut self.values, rest) }
    }

    pub(crate) fn into_values(self) -> Vec<Value> {
        self.values
    }
}
