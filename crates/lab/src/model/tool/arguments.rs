//! The command line of a tool, both ways: arguments to checked options, and options to the arguments one would type.

use super::options::{OptionValue, unknown_option};
use super::{OptionKind, OptionSpec, Options, Tool};
use crate::model::refusal::{Refusal, quotable};

/// Arguments taken apart.
pub(crate) struct Parsed {
    pub(crate) options: Options,
    /// The one word that is no option.
    pub(crate) destination: Option<String>,
}

/// What an argument turned out to be.
enum Found<'a> {
    /// A flag that stands for a value by itself.
    Value(&'static OptionSpec, OptionValue),
    /// A flag with its value in the same argument.
    Attached(&'static OptionSpec, &'a str),
    /// A flag whose value is the next argument.
    Next(&'static OptionSpec),
}

/// Reads `-c3`, `-c 3`, `--count=3` and `--count 3`; options and destination in any order; after `--` no option.
pub(crate) fn arguments_parse(tool: &'static Tool, arguments: &[String]) -> Result<Parsed, Refusal> {
    let mut options = Options::new(tool);
    let mut words: Vec<&str> = Vec::new();
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        if argument == "--" {
            words.extend(rest.by_ref());
        } else if !looks_like_option(tool, argument) {
            words.push(argument);
        } else if let Some(spec) = two_words(tool, argument, rest.clone().next()) {
            rest.next();
            options.insert(spec, OptionValue::On)?;
        } else {
            match find(tool, argument)? {
                Found::Value(spec, value) => options.insert(spec, value)?,
                Found::Attached(spec, text) => options.insert_text(spec, text)?,
                Found::Next(spec) => match rest.next().filter(|next| is_value(tool, next)) {
                    Some(text) => options.insert_text(spec, text)?,
                    None => return Err(without_value(spec, argument)),
                },
            }
        }
    }
    bare_word(tool, &mut words, &mut options)?;
    match words.as_slice() {
        [] => Ok(Parsed { options, destination: None }),
        [destination] => Ok(Parsed { options, destination: Some(destination.to_string()) }),
        [destination, extra, ..] => Err(Refusal::ExtraArgument {
            tool: tool.name.into(),
            argument: quotable(extra),
            destination: quotable(destination),
        }),
    }
}

/// `dns example.org MX`: of two words, the one that is a value of the tool's bare option is that.
fn bare_word(tool: &'static Tool, words: &mut Vec<&str>, options: &mut Options) -> Result<(), Refusal> {
    let Some(spec) = tool.bare.and_then(|name| tool.option(name)) else { return Ok(()) };
    let OptionKind::Choice { values, .. } = spec.kind else { return Ok(()) };
    if words.len() != 2 {
        return Ok(());
    }
    // Names before types are the habit, so the last word is tried first.
    match words.iter().rposition(|word| values.iter().any(|value| value.eq_ignore_ascii_case(word))) {
        Some(place) => options.insert_text(spec, words.remove(place)),
        None => Ok(()),
    }
}

fn looks_like_option(tool: &Tool, argument: &str) -> bool {
    let takes = |mark: &str| tool.options.iter().any(|spec| spec.flags.iter().any(|flag| flag.starts_with(mark)));
    (argument.starts_with('-') && argument.len() > 1)
        || (argument.starts_with('+') && takes("+"))
        || (argument.starts_with('@') && takes("@"))
}

/// Whether the argument after a flag can be its value: not another option, but a number below zero is one, and wrong.
fn is_value(tool: &Tool, argument: &str) -> bool {
    !looks_like_option(tool, argument) || argument[1..].starts_with(|first: char| first.is_ascii_digit())
}

fn two_words(tool: &'static Tool, argument: &str, next: Option<&str>) -> Option<&'static OptionSpec> {
    let next = next?;
    let is_it = |flag: &&str| flag.split_once(' ') == Some((argument, next));
    tool.options.iter().find(|spec| spec.flags.iter().any(is_it))
}

fn find<'a>(tool: &'static Tool, argument: &'a str) -> Result<Found<'a>, Refusal> {
    let (flag, attached) = match argument.split_once('=') {
        Some((flag, value)) if argument.starts_with("--") => (flag, Some(value)),
        Some(_) | None => (argument, None),
    };
    if let Some(found) = exact(tool, flag) {
        return match (found, attached) {
            (found, None) => Ok(found),
            (Found::Next(spec) | Found::Attached(spec, _), Some(value)) => Ok(Found::Attached(spec, value)),
            (Found::Value(spec, _), Some(value)) => {
                Err(Refusal::OptionTakesNoValue { option: spec.name.into(), value: quotable(value) })
            }
        };
    }
    // -c3 and @192.0.2.1; long flags need "=" or a space.
    let head = argument.chars().next().map_or(0, char::len_utf8);
    let head =
        if argument.starts_with('@') { head } else { head + argument[head..].chars().next().map_or(0, char::len_utf8) };
    let (short, value) = argument.split_at(head);
    match exact(tool, short) {
        Some(Found::Next(spec)) if !argument.starts_with("--") => Ok(Found::Attached(spec, value)),
        Some(_) | None => Err(unknown_option(tool, flag)),
    }
}

/// The option or switch spelt exactly so.
fn exact(tool: &'static Tool, flag: &str) -> Option<Found<'static>> {
    tool.options.iter().find_map(|spec| {
        if let OptionKind::Choice { switches, .. } = spec.kind
            && let Some(switch) = switches.iter().find(|switch| switch.flag == flag)
        {
            return Some(Found::Value(spec, OptionValue::Word(switch.value)));
        }
        if !spec.flags.contains(&flag) {
            return None;
        }
        Some(if matches!(spec.kind, OptionKind::Flag) {
            Found::Value(spec, OptionValue::On)
        } else {
            Found::Next(spec)
        })
    })
}

fn without_value(spec: &OptionSpec, flag: &str) -> Refusal {
    let example = match spec.kind {
        OptionKind::Flag => String::new(),
        OptionKind::Integer { min, default, .. } | OptionKind::Quantity { min, default, .. } => {
            default.unwrap_or(min).to_string()
        }
        OptionKind::Decimal { min, default, .. } => default.unwrap_or(min).to_string(),
        OptionKind::Choice { values, .. } => values.first().map(ToString::to_string).unwrap_or_default(),
        OptionKind::Address => "192.0.2.1".to_string(),
    };
    Refusal::OptionWithoutValue { option: spec.name.into(), flag: quotable(flag), example: example.into() }
}

/// The arguments one would type for these options, the shortest way, without the destination.
pub(crate) fn arguments_of(tool: &'static Tool, options: &Options) -> Vec<String> {
    let mut arguments = Vec::new();
    for spec in tool.options {
        let (Some(value), Some(flag)) = (options.given(spec.name), spec.flags.first()) else { continue };
        let switch = match (spec.kind, value) {
            (OptionKind::Choice { switches, .. }, OptionValue::Word(word)) => {
                switches.iter().find(|switch| switch.value == *word).map(|switch| switch.flag)
            }
            (_, _) => None,
        };
        match (switch, value) {
            (Some(switch), _) => arguments.push(switch.to_string()),
            (None, OptionValue::On) => arguments.extend(flag.split(' ').map(ToString::to_string)),
            (None, value) if *flag == "@" => arguments.push(format!("@{value}")),
            (None, value) => arguments.extend([flag.to_string(), value.to_string()]),
        }
    }
    arguments
}
