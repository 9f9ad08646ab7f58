//! Tests of `destination`.

use super::*;
use crate::model::tool::tool;

fn code(name: &str, text: &str) -> &'static str {
    match Destination::parse(tool(name).unwrap(), text) {
        Ok(destination) => panic!("{name} takes {text:?} as {destination:?}"),
        Err(refusal) => refusal.code(),
    }
}

fn text(name: &str, text: &str) -> String {
    Destination::parse(tool(name).unwrap(), text).unwrap().text().to_owned()
}

#[test]
fn names_and_addresses_get_a_normal_form() {
    for (typed, normal) in [
        ("Example.ORG.", "example.org"),
        ("lab-a", "lab-a"),
        ("3com.com", "3com.com"),
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("почта.example", "xn--80a1acny.example"),
    ] {
        assert_eq!(text("ping", typed), normal);
    }
    assert_eq!(text("tls", "[2001:db8::1]:8443"), "[2001:db8::1]:8443");
    assert_eq!(text("iperf3", "lab-b:5001"), "lab-b:5001");
    assert_eq!(text("dns", "_sip._tcp.example.org"), "_sip._tcp.example.org");
    assert_eq!(text("dns", "."), ".");
}

#[test]
fn what_a_shell_acts_on_is_refused_by_every_tool() {
    for name in ["ping", "iperf3", "dns", "http"] {
        for bad in [";id", "|id", "&id", "`id`", "$(id)", "\nid", "\0", "\u{7f}", " ", "\u{a0}", "'", "\"", "\\", ">x"]
        {
            assert_eq!(code(name, &format!("127.0.0.1{bad}")), "destination-character", "{name} {bad:?}");
            assert_eq!(code(name, &format!("http://127.0.0.1/{bad}")), "destination-character", "{name} {bad:?}");
        }
    }
}

#[test]
fn other_bad_destinations_say_why() {
    for (bad, why) in [
        ("", "destination-missing"),
        ("-c", "destination-dash"),
        (&"a".repeat(300), "destination-too-long"),
        (&format!("{}.org", "a".repeat(64)), "name-invalid"),
        (&["a".repeat(63).as_str(); 4].join("."), "name-invalid"),
        ("a..b", "name-invalid"),
        ("a-.b", "name-invalid"),
        ("under_score", "name-invalid"),
        ("xn--a", "name-invalid"),
        ("аpple.com", "name-look-alike"),
        ("gοοgle.com", "name-look-alike"),
        ("１２７.0.0.1", "name-look-alike"),
        ("127。0。0。1", "name-look-alike"),
        ("exa\u{200b}mple.org", "name-look-alike"),
        ("2130706433", "address-form"),
        ("0x7f.1", "address-form"),
        ("0x7f000001", "address-form"),
        ("0177.0.0.1", "address-form"),
        ("127.1", "address-form"),
        ("1.2.3.4.5", "address-form"),
        ("256.1.1.1", "address-form"),
        ("fe80::1%eth0", "address-zone"),
        ("[fe80::1%eth0]", "address-zone"),
        ("1::2::3", "address-invalid"),
        ("[::1", "address-invalid"),
        ("[127.0.0.1]", "address-invalid"),
        ("lab-a:80", "port-not-taken"),
        ("lab-a:0", "port-invalid"),
        ("lab-a:+80", "destination-character"),
        ("lab-a:70000", "port-invalid"),
    ] {
        assert_eq!(code("ping", bad), why, "{bad:?}");
    }
}

#[test]
fn a_url_is_read_by_the_rules_of_hosts() {
    assert_eq!(text("http", "HTTP://Example.org:80/a?b=1&c={address}#d"), "http://example.org/a?b=1&c=%7Baddress%7D");
    assert_eq!(text("http", "https://[::1]:8443"), "https://[::1]:8443/");
    assert_eq!(text("http", "http://lab-b./"), "http://lab-b/");
    for (bad, why) in [
        ("example.org", "url-invalid"),
        ("ftp://example.org/", "url-invalid"),
        ("file:///etc/passwd", "url-invalid"),
        ("http://", "url-invalid"),
        ("http:///x", "url-invalid"),
        ("http://ada:secret@example.org/", "url-user"),
        ("http://127.0.0.1@example.org/", "url-user"),
        ("http://127.1/", "address-form"),
        ("http://0x7f000001/", "address-form"),
        ("http://exam%70le.org/", "address-zone"),
        ("http://аpple.com/", "name-look-alike"),
        ("http://example.org/a&b", "destination-character"),
        ("-http://example.org/", "destination-dash"),
    ] {
        assert_eq!(code("http", bad), why, "{bad:?}");
    }
}

#[test]
fn this_machine_its_link_and_everybody_are_refused() {
    let rules = DestinationRules::default();
    for bad in [
        "127.0.0.1",
        "127.255.0.9",
        "0.0.0.0",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "ff02::1",
        "fd00:ec2::254",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
    ] {
        assert_eq!(rules.check_host(bad).unwrap_err().code(), "address-refused", "{bad}");
        let address: IpAddr = bad.parse().unwrap();
        assert!(rules.refused_networks().iter().any(|network| network.contains(&address)), "{bad}");
    }
    for bad in ["localhost", "LocalHost.", "a.localhost"] {
        assert_eq!(rules.check_host(bad).unwrap_err().code(), "name-refused", "{bad}");
    }
    for fine in ["192.0.2.1", "10.77.0.1", "2001:db8::1", "::ffff:192.0.2.1", "example.org", "notlocalhost"] {
        rules.check_host(fine).unwrap();
    }
}

#[test]
fn loopback_alone_is_lifted() {
    let rules = DestinationRules { allow_loopback: true, ..DestinationRules::default() };
    for fine in ["127.0.0.1", "::1", "localhost", "::ffff:127.0.0.1"] {
        rules.check_host(fine).unwrap();
    }
    for bad in ["0.0.0.0", "169.254.169.254", "fe80::1", "224.0.0.1"] {
        assert!(rules.check_host(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_operator_forbids_networks_and_names() {
    let rules = DestinationRules {
        networks: vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        names: vec!["*.Example.org".into(), "bank.test".into()],
        allow_loopback: false,
    };
    for bad in ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::7"] {
        assert_eq!(rules.check_host(bad).unwrap_err().code(), "address-refused", "{bad}");
    }
    for bad in ["a.example.org", "A.B.EXAMPLE.ORG.", "bank.test"] {
        assert_eq!(rules.check_host(bad).unwrap_err().code(), "name-refused", "{bad}");
    }
    for fine in ["example.org", "badexample.org", "www.bank.test", "11.0.0.1"] {
        rules.check_host(fine).unwrap();
    }
}
