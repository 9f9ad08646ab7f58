//! The portable column values.

/// One value, bound to a placeholder or read from a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// UTF-8 text without NUL characters (PostgreSQL stores none).
    Text(String),
    /// A 64-bit integer; booleans are 0 and 1.
    Int(i64),
    /// A 64-bit float.
    Float(f64),
    /// Raw bytes.
    Bytes(Vec<u8>),
}

impl Value {
    /// The kind's name, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Text(_) => "text",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Bytes(_) => "bytes",
        }
    }
}

macro_rules! value_from {
    ($($type:ty => |$v:ident| $value:expr;)+) => {
        $(impl From<$type> for Value {
            fn from($v: $type) -> Self {
                $value
            }
        })+
    };
}

value_from! {
    &str => |v| Self::Text(v.to_owned());
    String => |v| Self::Text(v);
    &String => |v| Self::Text(v.clone());
    i64 => |v| Self::Int(v);
    i32 => |v| Self::Int(v.into());
    u32 => |v| Self::Int(v.into());
    bool => |v| Self::Int(v.into());
    f64 => |v| Self::Float(v);
    Vec<u8> => |v| Self::Bytes(v);
    &[u8] => |v| Self::Bytes(v.to_vec());
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
