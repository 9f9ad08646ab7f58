//! `POST /fsapi`: FreeSWITCH on a telephone gateway asks what to do with a call (`mod_xml_curl`). It is served where
//! the operator set a password, and admits by it alone.

use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::model::dial_plan::{DialPlan, Pin, caller_name, round};
use crate::model::parameters::Parameters;
use crate::service::ServiceError;
use crate::service::dial_in::Dialled;
use crate::{Classroom, OpenError};

const USER: &[u8] = b"fsapi:";
/// Fewest characters of a password.
const PASSWORD_MIN: usize = 16;
/// FreeSWITCH sends every variable of a channel, which are some kilobytes.
pub(super) const FORM_BYTES_MAX: usize = 256 << 10;
/// For a body to come.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// The hash of `fsapi:` and the password, which is all that has to be known of it.
pub(crate) struct DialInPassword([u8; 32]);

impl DialInPassword {
    /// Reads the password from a file.
    ///
    /// # Errors
    /// `DialInRead`, `DialInShort`.
    pub(crate) fn read(path: &Path) -> Result<Self, OpenError> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|source| OpenError::DialInRead { path: path.to_owned(), source })?;
        let password = text.trim();
        if password.chars().count() < PASSWORD_MIN {
            return Err(OpenError::DialInShort { path: path.to_owned(), least: PASSWORD_MIN });
        }
        Ok(Self(Sha256::digest([USER, password.as_bytes()].concat()).into()))
    }

    /// Whether a request carries it. Takes the same time however much of it is right.
    fn is_given(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, given) = given.and_then(|given| given.split_once(' ')).unwrap_or_default();
        let given = STANDARD.decode(given.trim()).unwrap_or_default();
        scheme.eq_ignore_ascii_case("basic") && bool::from(self.0.ct_eq(&<[u8; 32]>::from(Sha256::digest(given))))
    }
}

/// The route, where there is a password.
pub(super) fn routes(classroom: &Classroom) -> Router<Classroom> {
    match classroom.dial_in() {
        Some(_) => Router::new().route("/fsapi", post(dial_in)),
        None => Router::new(),
    }
}

async fn dial_in(State(classroom): State<Classroom>, headers: HeaderMap, body: Body) -> Response {
    if !classroom.dial_in().is_some_and(|password| password.is_given(&headers)) {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"amphi\"")]).into_response();
    }
    let Ok(Ok(form)) = tokio::time::timeout(BODY_WITHIN, to_bytes(body, FORM_BYTES_MAX)).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let plan = classroom.dial_plan(&Parameters::parse(&form)).await;
    metrics::counter!("amphi_conference_dial_in_total", "outcome" => plan.outcome()).increment(1);
    const XML: HeaderValue = HeaderValue::from_static("text/xml; charset=utf-8");
    ([(header::CONTENT_TYPE, XML), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], plan.xml())
        .into_response()
}

impl Classroom {
    async fn dial_plan(&self, asked: &Parameters) -> DialPlan {
        let Some(destination) = asked.get("Caller-Destination-Number") else { return DialPlan::NotOurs };
        if asked.get("section") != Some("dialplan") {
            return DialPlan::NotOurs;
        }
        let round = round(destination);
        let pin = match (asked.get("variable_pin"), round) {
            (None, 0) => return DialPlan::Ask,
            // Nothing was typed, however often it was asked for.
            (None, _) => return DialPlan::HangUp("NORMAL_CLEARING"),
            (Some(text), _) => Pin::parse(text),
        };
        // Who comes with a PIN by an operator's own plan has given one as well.
        let wrong = DialPlan::Wrong { round: round.max(1) };
        let Some(pin) = pin else { return wrong };
        match self.meeting_dialled(pin).await {
            Ok(Dialled { host, minutes_max }) => {
                let is_true = |name: &str| asked.get(name) == Some("true");
                let given = asked.get("Caller-Caller-ID-Name").unwrap_or_default();
                let (hides_name, hides_number) =
                    (is_true("Caller-Privacy-Hide-Name"), is_true("Caller-Privacy-Hide-Number"));
                DialPlan::Bridge { pin, host, name: caller_name(given, hides_name, hides_number), minutes_max }
            }
            Err(ServiceError::MeetingUnknown) => wrong,
            Err(ServiceError::PeopleMost(_)) => DialPlan::HangUp("USER_BUSY"),
            Err(error) => {
                tracing::warn!(reason = portal::with_causes(&error), "a telephone call could not be led to a meeting");
                DialPlan::HangUp("NORMAL_TEMPORARY_FAILURE")
            }
        }
    }
}
