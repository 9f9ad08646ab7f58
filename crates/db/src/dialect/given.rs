//! The table `given` in each engine's words: a WITH clause in front, or a derived table in its place for MariaDB, whose
//! UPDATE takes no WITH.

use super::{Token, Tokens};
use crate::given::{Given, Kind};
use crate::query::Query;
use crate::value::Value;

/// SQLite and PostgreSQL. Where it is typed a NULL says its kind: a column of nothing else would count as text.
pub(super) fn in_front(query: Query, given: Given, is_typed: bool) -> Query {
    let names: Vec<_> = given.columns().iter().map(|(name, _)| *name).collect();
    let width = names.len();
    let (rows, columns) = (given.rows(), given.columns());
    let mut values = given.into_values();
    let mark = |(index, value): (usize, &Value)| match (value, columns[index % width].1) {
        (Value::Null, Kind::Text) if is_typed => "?::text",
        (Value::Null, Kind::Int) if is_typed => "?::int8",
        (Value::Null, Kind::Bytes) if is_typed => "?::bytea",
        _ => "?",
    };
    let mut sql = String::with_capacity(query.sql.len() + rows * (4 * width + 4));
    sql.push_str(&format!("WITH given ({}) AS (VALUES ", names.join(", ")));
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for (place, value) in values[row * width..(row + 1) * width].iter().enumerate() {
            if place > 0 {
                sql.push_str(", ");
            }
            sql.push_str(mark((place, value)));
        }
        sql.push(')');
    }
    sql.push_str(") ");
    sql.push_str(&query.sql);
    values.extend(query.values);
    Query { sql: sql.into(), values, given: None }
}

/// SQLite's DELETE knows no USING.
pub(super) fn by_row_id(query: Query) -> Query {
    let Some((table, condition)) = delete_of(&query.sql) else { return query };
    // CROSS: the given rows are gone through, and each finds its row by the key.
    let sql = format!(
        "DELETE FROM {table} WHERE rowid IN (SELECT {table}.rowid FROM given CROSS JOIN {table} WHERE {condition})"
    );
    Query { sql: sql.into(), ..query }
}

/// Table and condition of `DELETE FROM t USING given WHERE …`.
fn delete_of(sql: &str) -> Option<(&str, &str)> {
    sql.strip_prefix("DELETE FROM ")?.split_once(" USING given WHERE ")
}

/// MariaDB.
pub(super) fn in_place(query: Query, given: Given) -> Query {
    let columns = given.columns();
    let first: Vec<_> = columns.iter().map(|(name, _)| format!("? AS {name}")).collect();
    let next = format!(" UNION ALL SELECT {}", vec!["?"; columns.len()].join(", "));
    let table = format!("(SELECT {}{}) AS given", first.join(", "), next.repeat(given.rows().saturating_sub(1)));
    let (before, after) = around(&query.sql);
    let bound_before = Tokens(&before).filter(|token| *token == Token::Placeholder).count();
    let mut values = query.values;
    values.splice(bound_before..bound_before, given.into_values());
    Query { sql: format!("{before}{table}{after}").into(), values, given: None }
}

/// What stands before and after the place of the table.
fn around(sql: &str) -> (String, String) {
    if let Some((table, condition)) = delete_of(sql) {
        return (format!("DELETE {table} FROM {table} JOIN "), format!(" WHERE {condition}"));
    }
    let (before, after) = sql.split_once("FROM given").unwrap_or((sql, ""));
    let depth: i32 =
        Tokens(before).map(|token| i32::from(token == Token::Other("(")) - i32::from(token == Token::Other(")"))).sum();
    match before.split_once(" SET ") {
        // UPDATE t SET … FROM given WHERE …
        Some((update, changes)) if depth == 0 && sql.starts_with("UPDATE") => {
            (format!("{update} JOIN "), format!(" SET {changes}{}", after.trim_start()))
        }
        Some(_) | None => (format!("{before}FROM "), after.to_owned()),
    }
}
