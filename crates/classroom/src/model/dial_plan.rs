//! What FreeSWITCH is told to do with somebody who dials in: documents for its `mod_xml_curl`, and the name a caller
//! gets.
//!
//! A dial plan is a small program, and FreeSWITCH expands `${…}` in it. So nothing in it is as a caller gave it: the
//! PIN and the server's host are read and written anew, names keep harmless characters alone, and the number that was
//! dialled is not repeated (a condition without a field always holds). How often somebody may try is in the numbers
//! they are led to.

use quick_xml::escape::escape;

/// PINs that a caller may give which are no meeting's.
const ROUNDS_MOST: u32 = 3;
/// The number that a caller is led to with a PIN: this, and which PIN it is.
const ROUND_PREFIX: &str = "pin-";
/// At least and at most so many digits, asked for three times, each within 7 s and 3 s between two digits; `#` ends
/// them.
const ASK: &str = r"5 11 3 7000 # conference/conf-enter_conf_pin.wav conference/conf-bad-pin.wav pin \d+ 3000";
/// Where a caller is whom nobody knows.
const CONTEXT: &str = "public";
/// Last digits of a number that others don't see.
const DIGITS_HIDDEN: usize = 4;
/// Longest name of a caller.
const NAME_CHARS_MAX: usize = 64;
/// The name of a caller who has none, or hides it.
const NAMELESS: &str = "Unavailable";

/// A number that a caller typed: 5 to 11 digits, the first not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pin(i64);

impl Pin {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        if is_number && (5..=11).contains(&text.len()) { text.parse().ok().map(Self) } else { None }
    }

    pub(crate) fn number(self) -> i64 {
        self.0
    }

    /// The number of the meeting whose breakout room this may be: theirs have a digit more.
    pub(crate) fn parent(self) -> Option<i64> {
        (self.0 >= 100_000).then_some(self.0 / 10)
    }
}

/// How many PINs a caller has given, from the number they are led to; 0 for one who just called.
pub(crate) fn round(destination: &str) -> u32 {
    let round = destination.strip_prefix(ROUND_PREFIX).and_then(|round| round.parse().ok());
    round.unwrap_or(0u32).min(ROUNDS_MOST)
}

/// What is done with a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DialPlan {
    /// It is not for us: FreeSWITCH looks elsewhere.
    NotOurs,
    /// The caller is greeted and asked for a PIN.
    Ask,
    /// The PIN of this round was no meeting's: another one is asked for, or the call ends.
    Wrong { round: u32 },
    /// The caller is led into a meeting.
    Bridge { pin: Pin, host: String, name: String, minutes_max: Option<u32> },
    /// The call ends, with a cause of FreeSWITCH's.
    HangUp(&'static str),
}

impl DialPlan {
    /// The word for counters.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::NotOurs => "not-ours",
            Self::Ask => "asked",
            Self::Wrong { .. } => "wrong",
            Self::Bridge { .. } => "bridged",
            Self::HangUp(_) => "ended",
        }
    }

    /// The document. Source: FreeSWITCH's `mod_xml_curl` and `mod_dptools`.
    pub(crate) fn xml(&self) -> String {
        let ask = |round: u32| {
            let to = format!("{ROUND_PREFIX}{round} XML {CONTEXT}");
            [("play_and_get_digits", ASK.to_owned()), ("transfer", to)]
        };
        let action = |application, data: &str| (application, data.to_owned());
        let mut actions = Vec::new();
        match self {
            Self::NotOurs => {
                return "<document type=\"freeswitch/xml\"><section name=\"result\"><result status=\"not found\"/>\
                        </section></document>"
                    .to_owned();
            }
            Self::Ask => {
                let greet = [("answer", ""), ("sleep", "500"), ("playback", "ivr/ivr-welcome.wav"), ("sleep", "200")];
                actions.extend(greet.map(|(application, data)| action(application, data)));
                actions.extend(ask(1));
            }
            Self::Wrong { round } => {
                actions.push(action("playback", "conference/conf-bad-pin.wav"));
                if *round < ROUNDS_MOST {
                    actions.push(action("sleep", "500"));
                    actions.extend(ask(round + 1));
                } else {
                    actions.push(action("hangup", "NORMAL_CLEARING"));
                }
            }
            Self::Bridge { pin, host, name, minutes_max } => {
                if let Some(minutes) = minutes_max {
                    let seconds = u64::from(*minutes) * 60;
                    actions.push(("sched_hangup", format!("+{seconds} normal_clearing")));
                }
                actions.push(("set", format!("effective_caller_id_name={name}")));
                actions.push(("bridge", format!("sofia/external/{}@{host}", pin.number())));
            }
            Self::HangUp(cause) => actions.push(action("hangup", cause)),
        }
        let actions: String = actions
            .iter()
            .map(|(application, data)| format!("<action application=\"{application}\" data=\"{}\"/>", escape(data)))
            .collect();
        format!(
            "<document type=\"freeswitch/xml\"><section name=\"dialplan\"><context name=\"{CONTEXT}\">\
             <extension name=\"amphi\"><condition>{actions}</condition></extension></context></section></document>"
        )
    }
}

/// What others in the meeting read of a caller: a name, or a number without its last digits; neither where the caller
/// hides it.
pub(crate) fn caller_name(given: &str, hides_name: bool, hides_number: bool) -> String {
    let is_harmless = |c: char| c.is_alphanumeric() || " .-+()_@".contains(c);
    let name: String = given.chars().filter(|c| is_harmless(*c)).take(NAME_CHARS_MAX).collect();
    let name = name.trim();
    let is_number = !name.chars().any(char::is_alphabetic);
    if name.is_empty() || (is_number && hides_number) || (!is_number && hides_name) {
        return NAMELESS.to_owned();
    }
    if !is_number {
        return name.to_owned();
    }
    let shown = name.chars().filter(|c| c.is_numeric()).count().saturating_sub(DIGITS_HIDDEN);
    let mut digits = 0;
    let masked = name.chars().map(|c| {
        digits += usize::from(c.is_numeric());
        if c.is_numeric() && digits > shown { 'X' } else { c }
    });
    masked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_digits() {
        for text in ["", "1234", "123456789012", "012345", "12345a", "+123456", "１２３４５６", "12345 "] {
            assert_eq!(Pin::parse(text), None, "{text:?}");
        }
        assert_eq!(Pin::parse("10000").map(|pin| (pin.number(), pin.parent())), Some((10_000, None)));
        assert_eq!(Pin::parse("1234567891").and_then(Pin::parent), Some(123_456_789));
    }

    #[test]
    fn who_gives_wrong_pins_is_asked_three_times() {
        assert_eq!([round("+4912345"), round("pin-2"), round("pin-x"), round("pin-99")], [0, 2, 0, 3]);
        assert!(DialPlan::Ask.xml().contains("data=\"pin-1 XML public\""));
        assert!(DialPlan::Wrong { round: 1 }.xml().contains("data=\"pin-2 XML public\""));
        let last = DialPlan::Wrong { round: 3 }.xml();
        assert!(last.contains("application=\"hangup\"") && !last.contains("transfer"), "{last}");
    }

    #[test]
    fn a_bridge_is_the_document_that_freeswitch_reads() {
        let pin = Pin::parse("123456789").unwrap();
        let (host, name) = ("bbb1.example.org".to_owned(), "Ada".to_owned());
        let plan = DialPlan::Bridge { pin, host, name, minutes_max: Some(90) };
        assert_eq!(
            plan.xml(),
            "<document type=\"freeswitch/xml\"><section name=\"dialplan\"><context name=\"public\">\
             <extension name=\"amphi\"><condition><action application=\"sched_hangup\" data=\"+5400 normal_clearing\"/>\
             <action application=\"set\" data=\"effective_caller_id_name=Ada\"/>\
             <action application=\"bridge\" data=\"sofia/external/123456789@bbb1.example.org\"/></condition></extension>\
             </context></section></document>"
        );
    }

    #[test]
    fn a_number_is_masked_and_a_name_is_harmless() {
        for (given, name) in [
            ("33612345678", "3361234XXXX"),
            ("+33 6 12 34 56 78", "+33 6 12 34 XX XX"),
            ("123", "XXX"),
            ("Ada Lovelace", "Ada Lovelace"),
            ("Zoë 2", "Zoë 2"),
            ("${system(id)}", "system(id)"),
            ("a\"/><action application=\"system\" data=\"id\"/>\\', |`\n\u{202e}", "aaction applicationsystem dataid"),
            ("", "Unavailable"),
            ("$${}", "Unavailable"),
        ] {
            assert_eq!(caller_name(given, false, false), name, "{given}");
        }
        assert_eq!(caller_name(&"x".repeat(999), false, false).len(), NAME_CHARS_MAX);
        assert_eq!(caller_name("33612345678", false, true), NAMELESS);
        assert_eq!(caller_name("33612345678", true, false), "3361234XXXX");
        assert_eq!(caller_name("Ada", true, false), NAMELESS);
        assert_eq!(caller_name("Ada", false, true), "Ada");
    }
}
