//! Rows as read: the portable values under their column names.

use std::sync::Arc;

use crate::error::DbError;
use crate::value::Value;

/// One row of a result.
#[derive(Clone, Debug)]
pub struct Row {
    pub(crate) columns: Arc<[String]>,
    pub(crate) values: Vec<Value>,
}

impl Row {
    /// The value of a column. Errors: `Decode` when there is no such column or it holds another kind.
    pub fn get<T: FromValue>(&self, column: &str) -> Result<T, DbError> {
        let decode = |found| DbError::Decode { column: column.to_owned(), found, wanted: T::WANTED };
        let index = self.columns.iter().position(|name| name == column).ok_or_else(|| decode("no such column"))?;
        let value = &self.values[index];
        T::from_value(value).ok_or_else(|| decode(value.kind()))
    }
}

/// What a column's value can be read as.
pub trait FromValue: Sized {
    /// The type's name for messages, with its article.
    const WANTED: &'static str;
    /// None when `value` is of another kind or out of range.
    fn from_value(value: &Value) -> Option<Self>;
}

impl FromValue for String {
    const WANTED: &'static str = "text";
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text.clone()) } else { None }
    }
}

impl FromValue for i64 {
    const WANTED: &'static str = "an integer";
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Int(number) = value { Some(*number) } else { None }
    }
}

impl FromValue for u32 {
    const WANTED: &'static str = "an integer from 0 to 4294967295";
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value).and_then(|number| number.try_into().ok())
    }
}

impl FromValue for bool {
    const WANTED: &'static str = "0 or 1";
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Int(0) => Some(false),
            Value::Int(1) => Some(true),
            Value::Int(_) | Value::Null | Value::Text(_) | Value::Float(_) | Value::Bytes(_) => None,
        }
    }
}

impl FromValue for f64 {
    const WANTED: &'static str = "a float";
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Float(number) => Some(*number),
            // avg() of integers is an integer where the engine has no fraction to show.
            Value::Int(number) => Some(*number as f64),
            Value::Null | Value::Text(_) | Value::Bytes(_) => None,
        }
    }
}

impl FromValue for Vec<u8> {
    const WANTED: &'static str = "bytes";
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Bytes(bytes) = value { Some(bytes.clone()) } else { None }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    const WANTED: &'static str = T::WANTED;
    fn from_value(value: &Value) -> Option<Self> {
        if *value == Value::Null { Some(None) } else { T::from_value(value).map(Some) }
    }
}
