//! The stored and shown words of the states.

use std::str::FromStr;

use crate::{AdminState, Health};

/// A word that names no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of enabled, cordoned, disabled")]
pub struct UnknownState(pub String);

impl AdminState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Enabled, Self::Cordoned, Self::Disabled];

    /// The stored and shown word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Cordoned => "cordoned",
            Self::Disabled => "disabled",
        }
    }
}

impl FromStr for AdminState {
    type Err = UnknownState;
    fn from_str(word: &str) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|state| state.as_str() == word).ok_or_else(|| UnknownState(word.to_owned()))
    }
}

impl Health {
    /// The shown word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Suspect => "suspect",
            Self::Down => "down",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_round_trip() {
        for state in AdminState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert_eq!("Enabled".parse::<AdminState>(), Err(UnknownState("Enabled".into())));
    }
}
