//! SQLite: each value carries its own type.

use sqlx::error::BoxDynError;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments, Row as _, TypeInfo, ValueRef};

use super::{Driver, not_portable, rows, text};
use crate::query::Query;
use crate::row::Row;
use crate::value::Value;

impl Driver for Sqlite {
    fn arguments(values: Vec<Value>) -> Result<SqliteArguments, BoxDynError> {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(values.len(), 0);
        for value in values {
            match value {
                Value::Null => Arguments::add(&mut arguments, Option::<i64>::None)?,
                Value::Text(value) => Arguments::add(&mut arguments, value)?,
                Value::Int(value) => Arguments::add(&mut arguments, value)?,
                Value::Float(value) => Arguments::add(&mut arguments, value)?,
                Value::Bytes(value) => Arguments::add(&mut arguments, value)?,
            }
        }
        Ok(arguments)
    }

    fn value(row: &SqliteRow, index: usize) -> Result<Value, sqlx::Error> {
        let kind = {
            let raw = row.try_get_raw(index)?;
            if raw.is_null() {
                return Ok(Value::Null);
            }
            raw.type_info().into_owned()
        };
        Ok(match kind.name() {
            "INTEGER" | "BOOLEAN" => Value::Int(row.try_get_unchecked(index)?),
            "REAL" => Value::Float(row.try_get_unchecked(index)?),
            "TEXT" => Value::Text(row.try_get_unchecked(index)?),
            "BLOB" => Value::Bytes(row.try_get_unchecked(index)?),
            other => return Err(not_portable(&index.to_string(), other)),
        })
    }

    async fn fetch(connection: &mut SqliteConnection, query: Query) -> Result<Vec<Row>, sqlx::Error> {
        let arguments = Self::arguments(query.values).map_err(sqlx::Error::Encode)?;
        rows::<Self>(sqlx::query_with(text(query.sql), arguments).fetch_all(connection).await?)
    }

    async fn execute(connection: &mut SqliteConnection, query: Query) -> Result<u64, sqlx::Error> {
        let arguments = Self::arguments(query.values).map_err(sqlx::Error::Encode)?;
        Ok(sqlx::query_with(text(query.sql), arguments).execute(connection).await?.rows_affected())
    }
}
