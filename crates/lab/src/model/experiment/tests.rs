//! Tests of `experiment`.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::tool::OptionKind;

fn parse(line: &str) -> Result<Experiment, Refusal> {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    Experiment::from_args(&words[0], &words[1..])
}

fn argv(line: &str) -> String {
    parse(line).unwrap().start(&Target::default()).argv.join(" ")
}

fn code(line: &str) -> &'static str {
    match parse(line) {
        Ok(experiment) => panic!("{line} is taken as {}", experiment.command_line()),
        Err(refusal) => refusal.code(),
    }
}

#[test]
fn every_tool_makes_its_argv() {
    for (line, expected) in [
        ("ping a", "ping -c 4 {address}"),
        ("ping -c3 -i 0.2 -s1472 -W 1.5 -t 5 -M do -4 a", "ping -c 3 -i 0.2 -s 1472 -W 1.5 -t 5 -M do {address}"),
        ("traceroute a", "traceroute -m 30 -q 3 -w 5 {address}"),
        ("traceroute -I -n -F -m 5 -q 1 -w 0.5 a", "traceroute -I -m 5 -q 1 -w 0.5 -F -n {address}"),
        ("traceroute --method tcp -p 443 a", "traceroute -T -m 30 -q 3 -w 5 -p 443 {address}"),
        ("traceroute -p 53 a", "traceroute -U -m 30 -q 3 -w 5 -p 53 {address}"),
        ("mtr a", "mtr --report --report-wide -c 10 -m 30 {address}"),
        ("mtr --tcp -P 443 -n -c 2 a", "mtr --report --report-wide -c 2 -m 30 --tcp -P 443 -n {address}"),
        ("iperf3 a", "iperf3 -c {address} -p 5201 -t 10 -i 1 --forceflush --connect-timeout 5000"),
        (
            "iperf3 -u -b 20M -P 4 -R -t 3 -i 0.5 a:99",
            "iperf3 -c {address} -p 99 -t 3 -P 4 -u -b 20000000 -R -i 0.5 --forceflush --connect-timeout 5000",
        ),
        ("iperf3 -n 10M a", "iperf3 -c {address} -p 5201 -n 10485760 -i 1 --forceflush --connect-timeout 5000"),
        ("dns example.org mx", "dig -r +tries=2 +time=5 -t MX -q example.org"),
        (
            "dig +tcp +short -t TXT example.org @9.9.9.9#5353",
            "dig -r +tries=2 +time=5 +tcp +short -t TXT -q example.org -p 5353 @{address}",
        ),
        ("dns -6 192.0.2.1", "dig -r +tries=2 +time=5 -x 192.0.2.1 -6"),
        (
            "tls example.org:8443",
            "openssl s_client -connect {address_url}:8443 -servername example.org -verify_hostname example.org",
        ),
        ("tls ::1", "openssl s_client -connect {address_url}:443 -noservername -verify_ip ::1"),
        ("tracepath -n -m 5 -p 3333 a", "tracepath -m 5 -p 3333 -n {address}"),
    ] {
        assert_eq!(argv(line), expected, "{line}");
    }
    let curl = argv("http -I -m 5 https://example.org/x");
    assert!(curl.starts_with("curl -q -g -sS --noproxy * --proto =http,https --max-redirs 0 --max-time 5 "), "{curl}");
    assert!(curl.ends_with("--resolve example.org:443:{address_url} --url https://example.org/x"), "{curl}");
    assert!(curl.contains(" --head --dump-header - --output /dev/null "), "{curl}");
}

#[test]
fn bad_arguments_say_why() {
    for (line, expected) in [
        ("pong a", "tool-unknown"),
        ("ping", "destination-missing"),
        ("ping -c 1000 a", "out-of-range"),
        ("ping -c 0 a", "out-of-range"),
        ("ping -c -1 a", "out-of-range"),
        ("ping -c 99999999999999999999999 a", "out-of-range"),
        ("ping -i 0.01 a", "out-of-range"),
        ("ping -s 65000 a", "out-of-range"),
        ("ping -c three a", "not-a-number"),
        ("ping -c +3 a", "not-a-number"),
        ("ping -c= a", "not-a-number"),
        ("ping -i nan a", "not-a-number"),
        ("ping -i inf a", "not-a-number"),
        ("ping -c 50 -i 5 a", "too-long"),
        ("ping -c", "option-without-value"),
        ("ping -c --ttl 3 a", "option-without-value"),
        ("ping -M want a", "option-without-value"),
        ("ping -f a", "option-unknown"),
        ("ping --colour a", "option-unknown"),
        ("ping --reverse a", "option-elsewhere"),
        ("ping -c 3 --count 4 a", "option-repeated"),
        ("ping -4 -6 a", "option-repeated"),
        ("ping -F=1 a", "option-unknown"),
        ("ping --dont-fragment=1 a", "option-takes-no-value"),
        ("ping a b", "extra-argument"),
        ("ping -- -c 3", "extra-argument"),
        ("ping -- -c", "destination-dash"),
        ("ping -4 ::1", "family-mismatch"),
        ("ping -6 192.0.2.1", "family-mismatch"),
        ("traceroute -I -p 80 a", "option-needs"),
        ("traceroute --method sctp a", "not-a-choice"),
        ("mtr -P 80 a", "option-needs"),
        ("iperf3 -b 10M a", "option-needs"),
        ("iperf3 -u -b 101M a", "out-of-range"),
        ("iperf3 -u -b 1T a", "not-a-number"),
        ("iperf3 -u -b 20M -P 6 a", "total-rate"),
        ("iperf3 -u -b 64K -n 1G a", "too-long"),
        ("iperf3 -t 5 -n 1M a", "options-conflict"),
        ("iperf3 -p 99 a:99", "port-twice"),
        ("dns -p 53 a", "option-needs"),
        ("dns +trace a", "option-unknown"),
        ("dns a b MX", "extra-argument"),
        ("dns a @-x", "destination-dash"),
        ("dns a @9.9.9.9#0", "out-of-range"),
        ("dns 192.0.2.1 MX", "type-for-address"),
        ("http -X POST http://a/", "not-a-choice"),
        ("http -k https://a/", "option-unknown"),
    ] {
        assert_eq!(code(line), expected, "{line}");
    }
}

#[test]
fn a_range_refusal_names_its_bounds_and_unit() {
    let refusal = parse("ping -c 1000 a").unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "1000 is out of range. The option \"count\" takes a number from 1 to 50 (packets)."
    );
    assert_eq!(refusal.field().as_deref(), Some("count"));
    assert!(refusal.args().contains(&("max", "50".to_owned())));
}

#[test]
fn options_of_the_api_are_those_of_the_command_line() {
    let given = json!({"count": 3, "interval": "0.5", "dont-fragment": true, "ttl": "", "size": null});
    let experiment = Experiment::from_options("ping", given.as_object().unwrap(), "a").unwrap();
    assert_eq!(experiment, parse("ping -c 3 -i 0.5 -M do a").unwrap());
    for (given, expected) in [
        (json!({"count": "many"}), "not-a-number"),
        (json!({"count": 3.5}), "not-a-number"),
        (json!({"count": [3]}), "not-a-number"),
        (json!({"count": true}), "not-a-number"),
        (json!({"dont-fragment": "maybe"}), "option-takes-no-value"),
        (json!({"reverse": true}), "option-elsewhere"),
        (json!({"colour": 1}), "option-unknown"),
        (json!({"ip": 5}), "not-a-choice"),
    ] {
        let refusal = Experiment::from_options("ping", given.as_object().unwrap(), "a").unwrap_err();
        assert_eq!(refusal.code(), expected, "{given}");
    }
}

#[test]
fn a_target_leaves_nothing_to_look_up() {
    let target = Target { address: Some("2001:db8::1".parse().unwrap()), port: Some(6001) };
    let command = parse("iperf3 -t 1 lab-b").unwrap().start(&target);
    assert_eq!(command.argv[..5], ["iperf3", "-c", "2001:db8::1", "-p", "6001"]);
    assert_eq!(command.destination, None);
    let tls = parse("tls lab-b").unwrap().start(&target).argv.join(" ");
    assert!(tls.contains("-connect [2001:db8::1]:443"), "{tls}");
    let lookup = parse("ping -6 lab-b").unwrap().start(&Target::default()).destination.unwrap();
    assert_eq!(lookup, Lookup { host: "lab-b".into(), family: Family::V6 });
}

#[test]
fn a_far_end_is_for_nodes_without_a_server() {
    let far = parse("iperf3 lab-b").unwrap().far_end().unwrap();
    assert_eq!(far.command(6001).argv.join(" "), "iperf3 -s -1 -p 6001 --forceflush");
    assert!(far.command(6001).wall_ms > parse("iperf3 lab-b").unwrap().start(&Target::default()).wall_ms);
    for line in ["iperf3 lab-b:5201", "iperf3 -p 5201 lab-b", "iperf3 192.0.2.1", "ping lab-b"] {
        assert_eq!(parse(line).unwrap().far_end(), None, "{line}");
    }
    assert!(is_far_end_ready("-----\nServer listening on 6001 (test #1)\n"));
    assert!(!is_far_end_ready("iperf3: error - unable to start listener: Address already in use\n"));
}

#[test]
fn dns_contacts_the_resolver_only() {
    assert_eq!(parse("dns example.org").unwrap().host(), None);
    assert_eq!(parse("dns example.org").unwrap().start(&Target::default()).destination, None);
    assert_eq!(parse("dns example.org @9.9.9.9").unwrap().host().as_deref(), Some("9.9.9.9"));
}

#[test]
fn a_stored_experiment_of_another_version_is_not_guessed_at() {
    let stored = r#"{"version":1,"tool":"ping","options":{"count":3},"destination":"example.org"}"#;
    assert_eq!(Experiment::from_json(stored).unwrap(), parse("ping -c 3 example.org").unwrap());
    let newer = stored.replace("\"version\":1", "\"version\":2");
    assert!(matches!(Experiment::from_json(&newer), Err(StoredError::Version(2))));
    let tampered = stored.replace("\"count\":3", "\"count\":3000");
    assert!(matches!(Experiment::from_json(&tampered), Err(StoredError::Refused(_))));
    assert!(matches!(Experiment::from_json("{"), Err(StoredError::Shape(_))));
}

/// Splits as a shell does, as far as `command_line` quotes.
fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut is_quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words
}

fn any_tool() -> impl Strategy<Value = &'static Tool> {
    (0..tools().len()).prop_map(|place| &tools()[place])
}

/// A value that the option takes, in the API's form.
fn valid_value(kind: OptionKind) -> BoxedStrategy<Value> {
    match kind {
        OptionKind::Flag => any::<bool>().prop_map(Value::from).boxed(),
        OptionKind::Integer { min, max, .. } | OptionKind::Quantity { min, max, .. } => {
            (min..=max).prop_map(Value::from).boxed()
        }
        OptionKind::Decimal { min, max, .. } => (min..=max).prop_map(Value::from).boxed(),
        OptionKind::Choice { values, .. } => (0..values.len()).prop_map(|place| Value::from(values[place])).boxed(),
        OptionKind::Address => {
            prop_oneof!["[a-z][a-z0-9]{0,8}\\.example", "192\\.0\\.2\\.[1-9]"].prop_map(Value::from).boxed()
        }
    }
}

/// A tool with some of its options at values inside their caps; they may still conflict.
fn any_options() -> impl Strategy<Value = (&'static Tool, Map<String, Value>)> {
    any_tool().prop_flat_map(|tool| {
        let one = |spec: &'static crate::model::tool::OptionSpec| {
            proptest::option::weighted(0.3, valid_value(spec.kind))
                .prop_map(|value| value.map(|value| (spec.name.to_owned(), value)))
        };
        let options: Vec<_> = tool.options.iter().map(one).collect();
        options.prop_map(move |given| (tool, given.into_iter().flatten().collect()))
    })
}

fn any_destination() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9-]{0,10}[a-z0-9](\\.example)?(:[1-9][0-9]{0,3})?",
        "https?://[a-z][a-z0-9]{0,8}(:[1-9][0-9]{0,3})?/[ -~]{0,20}",
        any::<std::net::IpAddr>().prop_map(|address| address.to_string()),
        any::<String>(),
        "[ -~]{0,40}",
    ]
}

/// What holds for every experiment that was accepted.
fn is_sound(experiment: &Experiment) -> Result<(), TestCaseError> {
    let command = experiment.start(&Target::default());
    prop_assert!(command.wall_ms >= 1000 && command.wall_ms <= 120_000, "{command:?}");
    for word in &command.argv {
        prop_assert!(!word.chars().any(char::is_control), "{command:?}");
    }
    let destination = experiment.destination();
    prop_assert!(!destination.starts_with('-') && destination.is_ascii(), "{destination:?}");
    prop_assert!(!destination.contains([';', '|', '`', '$', '\'', ' ', '{']), "{destination:?}");
    prop_assert_eq!(&Experiment::from_json(&experiment.to_json()).unwrap(), experiment);
    let words = shell_words(&experiment.command_line());
    prop_assert_eq!(&Experiment::from_args(&words[0], &words[1..]).unwrap(), experiment);
    Ok(())
}

proptest! {
    #[test]
    fn whatever_is_accepted_is_sound((tool, options) in any_options(), destination in any_destination()) {
        if let Ok(experiment) = Experiment::from_options(tool.name, &options, &destination) {
            is_sound(&experiment)?;
        }
    }

    #[test]
    fn valid_options_alone_rarely_fail_and_never_by_their_caps((tool, options) in any_options()) {
        let destination = if tool.name == "http" { "http://a.example/" } else { "a.example" };
        match Experiment::from_options(tool.name, &options, destination) {
            Ok(experiment) => is_sound(&experiment)?,
            Err(refusal) => prop_assert!(
                ["option-needs", "options-conflict", "too-long", "total-rate", "family-mismatch"].contains(&refusal.code()),
                "{refusal}"
            ),
        }
    }

    #[test]
    fn any_arguments_are_read_or_refused_with_a_sentence(tool in any_tool(), args in proptest::collection::vec("-{0,2}[a-zA-Z@+]?[^a-z]{0,4}|[ -~]{0,12}|\\PC{0,6}", 0..6)) {
        match Experiment::from_args(tool.name, &args) {
            Ok(experiment) => is_sound(&experiment)?,
            Err(refusal) => {
                let sentence = refusal.to_string();
                prop_assert!(sentence.ends_with('.') && !sentence.chars().any(char::is_control), "{sentence:?}");
            }
        }
    }
}
