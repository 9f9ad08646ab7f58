//! PostgreSQL: integers of three widths, and NUMERIC for sums, which are read as 64-bit integers.

use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgConnection, PgRow, Postgres};
use sqlx::{Arguments, Row as _, TypeInfo, ValueRef};

use super::{Driver, not_portable, rows, text};
use crate::query::Query;
use crate::row::Row;
use crate::value::Value;

impl Driver for Postgres {
    fn arguments(values: Vec<Value>) -> Result<PgArguments, BoxDynError> {
        let mut arguments = PgArguments::default();
        for value in values {
            match value {
                // `dialect` writes NULL into the text, so that none is bound.
                Value::Null => arguments.add(Option::<i64>::None)?,
                Value::Text(value) => arguments.add(value)?,
                Value::Int(value) => arguments.add(value)?,
                Value::Float(value) => arguments.add(value)?,
                Value::Bytes(value) => arguments.add(value)?,
            }
        }
        Ok(arguments)
    }

    fn value(row: &PgRow, index: usize) -> Result<Value, sqlx::Error> {
        let raw = row.try_get_raw(index)?;
        if raw.is_null() {
            return Ok(Value::Null);
        }
        Ok(match raw.type_info().name() {
            "INT8" => Value::Int(row.try_get_unchecked(index)?),
            "INT4" => Value::Int(row.try_get_unchecked::<i32, _>(index)?.into()),
            "INT2" => Value::Int(row.try_get_unchecked::<i16, _>(index)?.into()),
            "BOOL" => Value::Int(row.try_get_unchecked::<bool, _>(index)?.into()),
            "FLOAT8" => Value::Float(row.try_get_unchecked(index)?),
            "FLOAT4" => Value::Float(row.try_get_unchecked::<f32, _>(index)?.into()),
            "TEXT" | "VARCHAR" | "CHAR" | "NAME" | "UNKNOWN" => Value::Text(row.try_get_unchecked(index)?),
            "BYTEA" => Value::Bytes(row.try_get_unchecked(index)?),
            "NUMERIC" => {
                let decode = |source| sqlx::Error::ColumnDecode { index: index.to_string(), source };
                let bytes = raw.as_bytes().map_err(decode)?;
                numeric(bytes).ok_or_else(|| decode("a NUMERIC that fits no 64-bit number".into()))?
            }
            other => return Err(not_portable(&index.to_string(), other)),
        })
    }

    async fn fetch(connection: &mut PgConnection, query: Query) -> Result<Vec<Row>, sqlx::Error> {
        let arguments = Self::arguments(query.values).map_err(sqlx::Error::Encode)?;
        rows::<Self>(sqlx::query_with(text(query.sql), arguments).fetch_all(connection).await?)
    }

    async fn execute(connection: &mut PgConnection, query: Query) -> Result<u64, sqlx::Error> {
        let arguments = Self::arguments(query.values).map_err(sqlx::Error::Encode)?;
        Ok(sqlx::query_with(text(query.sql), arguments).execute(connection).await?.rows_affected())
    }
}

/// Reads the binary NUMERIC: 16-bit big-endian count, weight, sign, display scale, then digits to base 10,000.
/// Source: PostgreSQL, src/backend/utils/adt/numeric.c, `numeric_send`.
fn numeric(bytes: &[u8]) -> Option<Value> {
    let mut words = bytes.chunks_exact(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]]));
    let (_count, weight, sign, scale) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let is_negative = match sign {
        0 => false,
        0x4000 => true,
        _ => return None, // NaN and infinities
    };
    if scale > 0 {
        let sum: f64 = words
            .zip(0_i32..)
            .map(|(digit, place)| f64::from(digit) * 10_000_f64.powi(i32::from(weight) - place))
            .sum();
        return Some(Value::Float(if is_negative { -sum } else { sum }));
    }
    let digits: Vec<i16> = words.collect();
    let mut number: i64 = 0;
    for place in 0..=weight {
        // Trailing zeros are not sent. Counted downwards from zero so that the least i64 fits.
        let digit = digits.get(usize::try_from(place).ok()?).copied().unwrap_or(0);
        number = number.checked_mul(10_000)?.checked_sub(digit.into())?;
    }
    Some(Value::Int(if is_negative { number } else { number.checked_neg()? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(words: &[i16]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn numeric_is_read_as_the_server_sends_it() {
        assert_eq!(numeric(&encoded(&[0, 0, 0, 0])), Some(Value::Int(0)));
        assert_eq!(numeric(&encoded(&[1, 1, 0, 0, 3])), Some(Value::Int(30_000)));
        assert_eq!(numeric(&encoded(&[2, 1, 0x4000, 0, 12, 345])), Some(Value::Int(-120_345)));
        assert_eq!(numeric(&encoded(&[2, 0, 0, 4, 2, 5000])), Some(Value::Float(2.5)));
        assert_eq!(numeric(&encoded(&[5, 4, 0x4000, 0, 922, 3372, 368, 5477, 5808])), Some(Value::Int(i64::MIN)));
        assert_eq!(numeric(&encoded(&[5, 4, 0, 0, 922, 3372, 368, 5477, 5808])), None);
    }
}
