//! The table `given` in each engine's words: a WITH clause in front, or a derived table in its place for MariaDB, whose
//! UPDATE takes no WITH.

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

/// MariaDB. The statement itself has no placeholders.
pub(super) fn in_place(query: Query, given: Given) -> Query {
    debug_assert!(query.values.is_empty(), "a statement with given rows binds nothing else");
    let columns = given.columns();
    let first: Vec<_> = columns.iter().map(|(name, _)| format!("? AS {name}")).collect();
    let next = format!(" UNION ALL SELECT {}", vec!["?"; columns.len()].join(", "));
    let table = format!("(SELECT {}{}) AS given", first.join(", "), next.repeat(given.rows().saturating_sub(1)));
    let sql = if query.sql.starts_with("UPDATE") {
        // UPDATE t SET … FROM given WHERE …
        let joined = query.sql.replacen(" SET ", &format!(" JOIN {table} SET "), 1);
        joined.replacen(" FROM given ", " ", 1)
    } else {
        query.sql.replacen("FROM given", &format!("FROM {table}"), 1)
    };
    Query { sql: sql.into(), values: given.into_values(), given: None }
}
