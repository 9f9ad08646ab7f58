//! MariaDB: text with a binary collation looks like bytes by its type's name, and sums are DECIMAL.

use sqlx::error::BoxDynError;
use sqlx::mysql::{MySql, MySqlArguments, MySqlConnection, MySqlRow};
use sqlx::{Arguments, Row as _, Type, TypeInfo, ValueRef};

use super::{Driver, not_portable, rows, text};
use crate::query::Query;
use crate::row::Row;
use crate::value::Value;

/// "Duplicate entry": what INSERT IGNORE is allowed to ignore.
const DUPLICATE_ENTRY: i64 = 1062;

impl Driver for MySql {
    fn arguments(values: Vec<Value>) -> Result<MySqlArguments, BoxDynError> {
        let mut arguments = MySqlArguments::default();
        for value in values {
            match value {
                Value::Null => arguments.add(Option::<i64>::None)?,
                Value::Text(value) => arguments.add(value)?,
                Value::Int(value) => arguments.add(value)?,
                Value::Float(value) => arguments.add(value)?,
                Value::Bytes(value) => arguments.add(value)?,
            }
        }
        Ok(arguments)
    }

    fn value(row: &MySqlRow, index: usize) -> Result<Value, sqlx::Error> {
        let raw = row.try_get_raw(index)?;
        if raw.is_null() {
            return Ok(Value::Null);
        }
        let kind = raw.type_info();
        Ok(match kind.name() {
            "BIGINT" | "INT" | "MEDIUMINT" | "SMALLINT" | "TINYINT" | "BOOLEAN" => {
                Value::Int(row.try_get_unchecked(index)?)
            }
            "BIGINT UNSIGNED" | "INT UNSIGNED" | "SMALLINT UNSIGNED" | "TINYINT UNSIGNED" => {
                let number: u64 = row.try_get_unchecked(index)?;
                let decode = |source| sqlx::Error::ColumnDecode { index: index.to_string(), source };
                Value::Int(number.try_into().map_err(|_| decode("an integer beyond 63 bits".into()))?)
            }
            "DOUBLE" => Value::Float(row.try_get_unchecked(index)?),
            "FLOAT" => Value::Float(row.try_get_unchecked::<f32, _>(index)?.into()),
            "DECIMAL" => decimal(row.try_get_unchecked(index)?, index)?,
            _ if <str as Type<MySql>>::compatible(&kind) => Value::Text(row.try_get_unchecked(index)?),
            _ if <[u8] as Type<MySql>>::compatible(&kind) => Value::Bytes(row.try_get_unchecked(index)?),
            other => return Err(not_portable(&index.to_string(), other)),
        })
    }

    async fn fetch(connection: &mut MySqlConnection, query: Query) -> Result<Vec<Row>, sqlx::Error> {
        let arguments = Self::arguments(query.values).map_err(sqlx::Error::Encode)?;
        rows::<Self>(sqlx::query_with(text(query.sql), arguments).fetch_all(connection).await?)
    }

    async fn execute(connection: &mut MySqlConnection, query: Query) -> Result<u64, sqlx::Error> {
        let arguments = Self::arguments(query.values).map_err(sqlx::Error::Encode)?;
        let ignores = query.sql.starts_with("INSERT IGNORE");
        let changed = sqlx::query_with(text(query.sql), arguments).execute(&mut *connection).await?.rows_affected();
        if ignores {
            refuse_other_warnings(connection).await?;
        }
        Ok(changed)
    }
}

/// INSERT IGNORE turns every error into a warning; only a duplicate key was meant.
async fn refuse_other_warnings(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    for warning in sqlx::raw_sql("SHOW WARNINGS").fetch_all(connection).await? {
        if warning.try_get_unchecked::<i64, _>("Code")? != DUPLICATE_ENTRY {
            return Err(sqlx::Error::Protocol(warning.try_get_unchecked("Message")?));
        }
    }
    Ok(())
}

fn decimal(digits: String, index: usize) -> Result<Value, sqlx::Error> {
    let number = if digits.contains('.') {
        digits.parse().map(Value::Float).map_err(BoxDynError::from)
    } else {
        digits.parse().map(Value::Int).map_err(BoxDynError::from)
    };
    number.map_err(|source| sqlx::Error::ColumnDecode { index: index.to_string(), source })
}
