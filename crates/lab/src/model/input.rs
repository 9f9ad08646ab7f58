//! What people do at a running program.

use std::borrow::Cow;

/// Most bytes of one act.
pub const DATA_MAX: usize = 32 * 1024;

/// One thing done at a running program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Something typed, at most [`DATA_MAX`] bytes.
    Data(Vec<u8>),
    /// The end of standard input.
    End,
    /// SIGINT.
    Interrupt,
    /// Another size of its terminal, in characters.
    Resize {
        /// Columns.
        columns: u16,
        /// Rows.
        rows: u16,
    },
}

impl Act {
    /// The stored word and what goes with it.
    pub fn to_stored(&self) -> (&'static str, Cow<'_, [u8]>) {
        match self {
            Self::Data(data) => ("data", Cow::Borrowed(data)),
            Self::End => ("end", Cow::Borrowed(&[])),
            Self::Interrupt => ("interrupt", Cow::Borrowed(&[])),
            Self::Resize { columns, rows } => ("resize", Cow::Owned(format!("{columns}x{rows}").into_bytes())),
        }
    }

    /// Reads the stored form; `None` when it is none.
    pub fn from_stored(kind: &str, data: Vec<u8>) -> Option<Self> {
        match kind {
            "data" => Some(Self::Data(data)),
            "end" => Some(Self::End),
            "interrupt" => Some(Self::Interrupt),
            "resize" => {
                let text = String::from_utf8(data).ok()?;
                let (columns, rows) = text.split_once('x')?;
                Some(Self::Resize { columns: columns.parse().ok()?, rows: rows.parse().ok()? })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_are_read_back_as_they_were_stored() {
        let acts = [Act::Data(vec![0, 255, 10]), Act::End, Act::Interrupt, Act::Resize { columns: 80, rows: 24 }];
        for act in acts {
            let (kind, data) = act.to_stored();
            assert_eq!(Act::from_stored(kind, data.into_owned()), Some(act.clone()));
        }
        assert_eq!(Act::from_stored("resize", b"80".to_vec()), None);
        assert_eq!(Act::from_stored("shout", Vec::new()), None);
    }
}
