//! Calls that have to come through are sent: at least once, in their order for each address, by one replica at a time.

use std::time::{Duration, Instant};

use db::{DbError, Write};
use futures::StreamExt as _;
use portal::TenantId;
use serde_json::{Value, json};

use super::ServiceError;
use crate::Classroom;
use crate::client::Post;
use crate::model::checksum::{Algorithm, checksum};
use crate::model::jwt::{Hash, sign};
use crate::model::outbox::{CallKind, Next, OutboxCall};
use crate::queries::outbox::{
    call_again, call_count, call_done, call_list_due, call_next, call_put, callback_prune, calls_prune,
};

/// Addresses that are called at the same time.
const AT_ONCE: usize = 16;
/// Calls that wait for one address, at most: further ones are not kept, or one LMS that is away would fill the
/// database.
pub(crate) const WAITING_MOST: i64 = 10_000;
/// For an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// After this a turn begins no other call: with the last answer it is over before its lease is.
const TURN: Duration = Duration::from_secs(5);
/// How long the same call is known after it came through.
const KNOWN_MS: i64 = 10 * 60_000;
/// How long analytics may come after a meeting began.
const CALLBACKS_MS: i64 = 30 * 86_400_000;
/// How long a token holds that signs analytics, seconds.
const ANALYTICS_TOKEN_S: i64 = 86_400;

impl Classroom {
    /// Puts a call into the outbox; one that is there, or came through some minutes ago, is not put there again.
    pub(crate) async fn outbox_put(
        &self,
        kind: CallKind,
        tenant: TenantId,
        url: String,
        body: String,
    ) -> Result<(), DbError> {
        let call = OutboxCall::new(kind, tenant, url, body, self.now_ms());
        let mut write = Write::new();
        call_put(&mut write, &call, WAITING_MOST);
        self.db().write(write).await.map(drop)
    }

    /// Sends what is due.
    pub(crate) async fn outbox_turn(&self) -> Result<(), ServiceError> {
        let begun = Instant::now();
        let now_ms = self.now_ms();
        let prune = Write::new().step(calls_prune(now_ms)).step(callback_prune(now_ms - CALLBACKS_MS));
        self.db().write(prune).await?;
        let due = call_list_due(self.db(), now_ms, AT_ONCE as u32).await?;
        let sent = futures::stream::iter(due).map(|call| self.line_send(call, begun));
        let sent: Vec<Result<(), DbError>> = sent.buffer_unordered(AT_ONCE).collect().await;
        sent.into_iter().collect::<Result<(), DbError>>()?;
        metrics::gauge!("amphi_conference_outbox_calls").set(call_count(self.db()).await? as f64);
        Ok(())
    }

    /// Sends a call, and those behind it while they come through.
    async fn line_send(&self, first: OutboxCall, begun: Instant) -> Result<(), DbError> {
        let mut next = Some(first);
        while let Some(call) = next.take() {
            let status = match self.signed(&call) {
                Some(post) => self.outside().post(&call.url, post, ANSWER_WITHIN).await,
                // Its tenant is gone, and nobody else's secret will do.
                None => Some(410),
            };
            let now_ms = self.now_ms();
            let kind = call.kind.as_str();
            match call.next(status, now_ms) {
                Next::Done => {
                    metrics::counter!("amphi_conference_outbox_total", "kind" => kind, "outcome" => "done")
                        .increment(1);
                    self.db().write(Write::new().step(call_done(&call.id, now_ms + KNOWN_MS))).await?;
                }
                Next::GivenUp => {
                    metrics::counter!("amphi_conference_outbox_total", "kind" => kind, "outcome" => "given-up")
                        .increment(1);
                    tracing::warn!(tenant = %call.tenant, kind, ?status, "a call to a client was given up");
                    self.db().write(Write::new().step(call_done(&call.id, now_ms + KNOWN_MS))).await?;
                }
                Next::Again(due_ms) => {
                    tracing::info!(tenant = %call.tenant, kind, ?status, "a call to a client is tried again later");
                    self.db().write(Write::new().step(call_again(&call.id, due_ms))).await?;
                    return Ok(());
                }
            }
            if begun.elapsed() < TURN {
                next = call_next(self.db(), &call.line).await?;
            }
        }
        Ok(())
    }

    /// What is sent, signed with the newest of the tenant's secrets; `None` where there is none.
    fn signed(&self, call: &OutboxCall) -> Option<Post> {
        let entries = self.directory().entries();
        let secret = entries.tenant(&call.tenant)?.secrets.last()?;
        let secret = secret.secret.expose();
        Some(match call.kind {
            CallKind::Ready => {
                let claims: Value = serde_json::from_str(&call.body).unwrap_or_default();
                let token = sign(Hash::Hs256, &claims, secret);
                Post::form(format!("signed_parameters={token}"))
            }
            CallKind::Analytics => {
                let claims = json!({ "exp": self.now_ms() / 1_000 + ANALYTICS_TOKEN_S });
                Post::json(call.body.clone(), sign(Hash::Hs512, &claims, secret))
            }
            CallKind::Hook => {
                let parts: [&[u8]; 3] = [call.url.as_bytes(), call.body.as_bytes(), secret.as_bytes()];
                Post::form(call.body.clone()).with_checksum(checksum(Algorithm::Sha1, &parts))
            }
        })
    }
}
