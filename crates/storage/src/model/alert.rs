//! Alerts: what an operator should look at, and what to do about it.

use super::stripe::StoreId;

/// What is wrong, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum AlertCode {
    /// Stripes of a volume can't be read: too many of their stores are away, or gone for good.
    Lost,
    /// Stripes of a volume can lose nothing more.
    AtRisk,
    /// Nothing can be written to a volume: too few stores take its units.
    CannotPlace,
    /// A store has no room at all.
    Full,
    /// Stripes of a volume are damaged and wait for repair.
    Damage,
    /// The last scrub of a store found damage.
    DamageFound,
    /// Stripes of a volume have so many units on one node that they can't be read without it, and needn't.
    Exposed,
    /// Stripes of a volume lack units.
    Degraded,
    /// A store has less than a tenth of its room left.
    NearlyFull,
    /// An export holds more than its soft limit.
    SoftQuota,
}

/// The word is no code.
#[derive(Debug, thiserror::Error)]
#[error("unknown code of an alert")]
pub(crate) struct UnknownCode;

impl AlertCode {
    pub(crate) const ALL: [Self; 10] = [
        Self::Lost,
        Self::AtRisk,
        Self::CannotPlace,
        Self::Full,
        Self::Damage,
        Self::DamageFound,
        Self::Exposed,
        Self::Degraded,
        Self::NearlyFull,
        Self::SoftQuota,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::AtRisk => "at-risk",
            Self::CannotPlace => "cannot-place",
            Self::Full => "full",
            Self::Damage => "damage",
            Self::DamageFound => "damage-found",
            Self::Exposed => "exposed",
            Self::Degraded => "degraded",
            Self::NearlyFull => "nearly-full",
            Self::SoftQuota => "soft-quota",
        }
    }

    /// Whether somebody has to act before more goes wrong.
    pub(crate) fn is_urgent(self) -> bool {
        match self {
            Self::Lost | Self::AtRisk | Self::CannotPlace => true,
            Self::Full
            | Self::Damage
            | Self::DamageFound
            | Self::Exposed
            | Self::Degraded
            | Self::NearlyFull
            | Self::SoftQuota => false,
        }
    }
}

impl std::str::FromStr for AlertCode {
    type Err = UnknownCode;

    fn from_str(word: &str) -> Result<Self, UnknownCode> {
        Self::ALL.into_iter().find(|code| code.as_str() == word).ok_or(UnknownCode)
    }
}

/// What an alert is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// By name.
    Volume(String),
    Store(StoreId),
    /// By name.
    Export(String),
}

impl Subject {
    /// The name or number alone: with a code it is unique.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Volume(name) | Self::Export(name) => name.clone(),
            Self::Store(id) => id.to_string(),
        }
    }
}

/// One thing that an operator should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alert {
    pub(crate) code: AlertCode,
    pub(crate) subject: Subject,
    /// Stripes, units or stores, as the code has it; else 0.
    pub(crate) count: u64,
    /// Of [`AlertCode::Lost`]: stores that are away and bring all of it back; 0: they are gone. Of others 0.
    pub(crate) stores_away: u64,
}

impl Alert {
    pub(crate) fn new(code: AlertCode, subject: Subject, count: u64) -> Self {
        Self { code, subject, count, stores_away: 0 }
    }

    /// A sentence that says what is wrong, and one that says what to do.
    pub(crate) fn message(&self) -> String {
        let (name, count) = (self.subject.key(), self.count);
        match self.code {
            AlertCode::Lost if self.stores_away > 0 => {
                let away = self.stores_away;
                format!(
                    "Volume {name}: {count} stripes can't be read now: {away} stores are away. They can be read again when those are back."
                )
            }
            AlertCode::Lost => {
                format!(
                    "Volume {name}: {count} stripes are lost: too many of the stores that had them exist no more. Take their files from a copy."
                )
            }
            AlertCode::AtRisk => {
                format!(
                    "Volume {name}: {count} stripes can't bear the loss of another store. Bring stores back, or add some and run: amphi volume rebuild {name}"
                )
            }
            AlertCode::CannotPlace => {
                format!(
                    "Volume {name}: only {count} stores take its data, too few to write anything. Bring stores back, free room on them, or add some."
                )
            }
            AlertCode::Full => format!("Store {name} is full. Add stores: what is on it can then be moved."),
            AlertCode::Damage => format!(
                "Volume {name}: {count} stripes are damaged. They are repaired as soon as enough stores answer."
            ),
            AlertCode::DamageFound => {
                format!(
                    "Store {name}: the last scrub found {count} damaged units. They are repaired from the others; look at its disk, and drain the store if it goes on."
                )
            }
            AlertCode::Exposed => {
                format!(
                    "Volume {name}: {count} stripes can't be read without some one node. Their units are put further apart once stores of other nodes take any: enable those, or add some."
                )
            }
            AlertCode::Degraded => {
                format!(
                    "Volume {name}: {count} stripes lack units, and can still bear a loss. They are rebuilt once their stores were away for ten minutes."
                )
            }
            AlertCode::NearlyFull => {
                format!(
                    "Store {name} has less than a tenth of its room left. Add stores, or remove files and snapshots."
                )
            }
            AlertCode::SoftQuota => {
                format!("Export {name} holds more than its soft limit. Remove files, or raise the limit.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back_and_messages_are_sentences() {
        for code in AlertCode::ALL {
            assert_eq!(code.as_str().parse::<AlertCode>().unwrap(), code);
            let message = Alert::new(code, Subject::Volume("films".into()), 3).message();
            assert!(message.contains("films") && message.contains(". "), "{message}");
        }
        assert!("worse".parse::<AlertCode>().is_err());
    }
}
