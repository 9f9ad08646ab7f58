//! Calls to clients that have to come through.

use portal::TenantId;
use sha2::{Digest as _, Sha256};

use super::checksum::hex;

/// Between two attempts, at first and at most.
const PAUSE_FIRST_MS: i64 = 10_000;
const PAUSE_MOST_MS: i64 = 3_600_000;
/// A call that was not answered for this long is given up.
const GIVEN_UP_AFTER_MS: i64 = 5 * 86_400_000;

/// What a call tells of, which says how it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallKind {
    /// A recording can be watched.
    Ready,
    /// An event of a meeting, for a hook.
    Hook,
    /// What a meeting was like.
    Analytics,
}

impl CallKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Hook => "hook",
            Self::Analytics => "analytics",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        [Self::Ready, Self::Hook, Self::Analytics].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A call as stored. It is signed when it is sent, with the secret that is the tenant's then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutboxCall {
    /// What makes two calls the same.
    pub(crate) id: String,
    /// Calls of one line keep their order.
    pub(crate) line: String,
    pub(crate) kind: CallKind,
    pub(crate) tenant: TenantId,
    pub(crate) url: String,
    pub(crate) body: String,
    pub(crate) attempts: i64,
    pub(crate) created_ms: i64,
}

/// What becomes of a call after an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Done,
    /// The address is gone, or nobody answered for days.
    GivenUp,
    /// Tried again then, epoch ms.
    Again(i64),
}

impl OutboxCall {
    pub(crate) fn new(kind: CallKind, tenant: TenantId, url: String, body: String, now_ms: i64) -> Self {
        let line = hex(&Sha256::digest(&url));
        let id = hex(&Sha256::digest(format!("{}\0{tenant}\0{url}\0{body}", kind.as_str())));
        Self { id, line, kind, tenant, url, body, attempts: 0, created_ms: now_ms }
    }

    /// `status`: of the answer; `None` where there was none.
    pub(crate) fn next(&self, status: Option<u16>, now_ms: i64) -> Next {
        match status {
            Some(200..=299) => Next::Done,
            // bbb-webhooks takes a refusal for an answer: the call came through, and its receiver does not want it.
            Some(401) if self.kind == CallKind::Hook => Next::Done,
            Some(404 | 410) => Next::GivenUp,
            _ => {
                let doublings = u32::try_from(self.attempts).unwrap_or(u32::MAX).min(20);
                let due_ms = now_ms + (PAUSE_FIRST_MS << doublings).min(PAUSE_MOST_MS);
                if due_ms - self.created_ms > GIVEN_UP_AFTER_MS { Next::GivenUp } else { Next::Again(due_ms) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_hour_and_end_after_five_days() {
        let tenant = TenantId::parse("00000000-0000-7000-8000-000000000001").unwrap();
        let mut call = OutboxCall::new(CallKind::Ready, tenant, "https://lms/ready".into(), "{}".into(), 0);
        let (mut now_ms, mut pauses) = (0, Vec::new());
        while let Next::Again(due_ms) = call.next(Some(500), now_ms) {
            pauses.push((due_ms - now_ms) / 1_000);
            (now_ms, call.attempts) = (due_ms, call.attempts + 1);
        }
        assert_eq!(pauses[..10], [10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600]);
        assert!(pauses[10..].iter().all(|pause| *pause == 3_600));
        assert!((4 * 86_400_000..=GIVEN_UP_AFTER_MS).contains(&now_ms), "{now_ms}");
        assert_eq!(call.next(Some(410), 0), Next::GivenUp);
        assert_eq!(call.next(Some(404), 0), Next::GivenUp);
        assert_eq!(call.next(Some(204), 0), Next::Done);
        assert!(matches!(call.next(Some(401), 0), Next::Again(_)));
        assert_eq!(OutboxCall { kind: CallKind::Hook, ..call.clone() }.next(Some(401), 0), Next::Done);
        assert!(matches!(OutboxCall { attempts: 0, ..call }.next(None, 0), Next::Again(10_000)));
    }
}
