//! Who calls a store, by the name in the certificate that TLS has verified.

use rustls::pki_types::CertificateDer;
use wire::authority::node_id_of;

use super::serve::Refused;

/// Name of the control plane's certificate.
pub const CONTROL_NAME: &str = "control";
/// What the names of volumes' clients begin with; the volume's number follows.
pub const VOLUME_PREFIX: &str = "volume-";

/// The same for clients who may only read.
pub const READER_PREFIX: &str = "reader-";

/// Whose request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// The control plane, which may do all.
    Control,
    /// A client of this volume.
    Volume(u64),
    /// One that may only read.
    Reader(u64),
}

impl Caller {
    /// Who shows these certificates; `None`: nobody that stores know.
    pub(super) fn of(certificates: &[CertificateDer<'_>]) -> Option<Self> {
        Self::named(&node_id_of(certificates.first()?).ok()?)
    }

    fn named(name: &str) -> Option<Self> {
        if name == CONTROL_NAME {
            return Some(Self::Control);
        }
        let (number, caller): (_, fn(u64) -> Self) = match name.strip_prefix(VOLUME_PREFIX) {
            Some(number) => (number, Self::Volume),
            None => (name.strip_prefix(READER_PREFIX)?, Self::Reader),
        };
        number.parse().ok().filter(|volume| number == u64::to_string(volume)).map(caller)
    }

    /// Errors: the caller is not the control plane.
    pub(super) fn is_control(self) -> Result<(), Refused> {
        match self {
            Self::Control => Ok(()),
            Self::Volume(_) | Self::Reader(_) => Err(Refused::other("only the control plane may do that")),
        }
    }

    /// Errors: the caller may only read.
    pub(super) fn may_write(self) -> Result<(), Refused> {
        match self {
            Self::Control | Self::Volume(_) => Ok(()),
            Self::Reader(volume) => Err(Refused::other(format!("this client of volume {volume} may only read"))),
        }
    }

    /// Errors: the volume is none of the caller's.
    pub(super) fn may_use(self, volume: u64) -> Result<(), Refused> {
        match self {
            Self::Control => Ok(()),
            Self::Volume(own) | Self::Reader(own) if own == volume => Ok(()),
            Self::Volume(own) | Self::Reader(own) => {
                Err(Refused::other(format!("a client of volume {own} may not touch volume {volume}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_callers_may_do() {
        assert_eq!(Caller::named("control"), Some(Caller::Control));
        assert_eq!(Caller::named("volume-7"), Some(Caller::Volume(7)));
        assert_eq!(Caller::named("reader-7"), Some(Caller::Reader(7)));
        let dashes = ["", "volume-", "reader-", "reader-07", "volume-07", "volume-+7", "volume--7"];
        for other in dashes.into_iter().chain(["control.amphi.internal", "Control"]) {
            assert_eq!(Caller::named(other), None, "{other}");
        }
        assert!(Caller::Volume(7).may_use(7).is_ok());
        assert!(Caller::Volume(7).may_use(8).is_err());
        assert!(Caller::Volume(7).is_control().is_err() && Caller::Volume(7).may_write().is_ok());
        let reader = Caller::Reader(7);
        assert!(reader.may_use(7).is_ok() && reader.may_use(8).is_err());
        assert!(reader.may_write().is_err() && reader.is_control().is_err());
    }
}
