//! Tests of `tool`.

use std::collections::BTreeSet;

use super::*;
use crate::model::refusal::Refusal;

const CATALOGS: [&str; 2] =
    [include_str!("../../../locales/en/tools.ftl"), include_str!("../../../locales/fr/tools.ftl")];

/// A message's text, up to the next line that begins one.
fn message<'a>(catalog: &'a str, key: &str) -> &'a str {
    let start = catalog.find(&format!("\n{key} = ")).unwrap_or_else(|| panic!("no catalog text for {key}")) + 1;
    let end = catalog[start..].match_indices('\n').find(|(place, _)| {
        catalog[start + place + 1..].starts_with(|c: char| c.is_ascii_lowercase() || matches!(c, '\n' | '#'))
    });
    end.map_or(&catalog[start..], |(place, _)| &catalog[start..start + place])
}

#[test]
fn every_tool_and_option_has_words_in_both_languages() {
    for catalog in CATALOGS {
        for tool in tools() {
            message(catalog, &format!("tool-{}", tool.name));
            message(catalog, &format!("tool-{}-help", tool.name));
            for spec in tool.options {
                message(catalog, &format!("option-{}-{}", tool.name, spec.name));
                message(catalog, &format!("option-{}-{}-help", tool.name, spec.name));
            }
        }
    }
}

#[test]
fn every_refusal_has_a_sentence_in_both_languages_with_arguments_it_has() {
    for catalog in CATALOGS {
        for (code, arguments) in Refusal::CODES {
            let sentence = message(catalog, &format!("problem-{code}"));
            for used in sentence.split('$').skip(1) {
                let name: String = used.chars().take_while(char::is_ascii_alphanumeric).collect();
                assert!(arguments.contains(&name.as_str()), "problem-{code} uses {name}");
            }
        }
    }
}

#[test]
fn names_and_flags_are_unique_within_a_tool() {
    let mut names = BTreeSet::new();
    for tool in tools() {
        assert!(names.insert(tool.name) && tool.aliases.iter().all(|alias| names.insert(alias)), "{}", tool.name);
        let mut flags = BTreeSet::new();
        for spec in tool.options {
            assert!(
                flags.insert(format!("--{}", spec.name)) || spec.flags.contains(&format!("--{}", spec.name).as_str())
            );
            let switches = match spec.kind {
                OptionKind::Choice { switches, values, default } => {
                    assert!(switches.iter().all(|switch| values.contains(&switch.value)), "{}", spec.name);
                    assert!(default.is_none_or(|default| values.contains(&default)), "{}", spec.name);
                    switches
                }
                _ => &[],
            };
            for flag in spec.flags.iter().copied().chain(switches.iter().map(|switch| switch.flag)) {
                let is_own_name = flag == format!("--{}", spec.name);
                assert!(flags.insert(flag.to_owned()) || is_own_name, "{} has {flag} twice", tool.name);
            }
            assert!(spec.flags.contains(&format!("--{}", spec.name).as_str()), "{} --{}", tool.name, spec.name);
        }
    }
}

#[test]
fn requirements_and_exclusions_name_options_of_the_tool() {
    for tool in tools() {
        for spec in tool.options {
            assert!(spec.requires.is_none_or(|other| tool.option(other.option).is_some()), "{}", spec.name);
            assert!(spec.excludes.iter().all(|other| tool.option(other).is_some()), "{}", spec.name);
        }
        assert!(tool.bare.is_none_or(|name| tool.option(name).is_some()));
    }
}

#[test]
fn tools_describe_themselves_as_json() {
    let ping = serde_json::to_value(tool("ping").unwrap()).unwrap();
    assert_eq!(ping["destination"], "host");
    assert_eq!(ping["options"][0]["name"], "count");
    assert_eq!(
        ping["options"][0]["kind"],
        serde_json::json!({"type": "integer", "min": 1, "max": 50, "default": 4, "unit": "packets"})
    );
    assert_eq!(tool("dig").unwrap().name, "dns");
}
