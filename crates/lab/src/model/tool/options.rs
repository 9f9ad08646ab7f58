//! Checked options: what was given, each inside its caps, and what stands for what was not.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::{OptionKind, OptionSpec, Requirement, Tool, tools};
use crate::model::destination::Host;
use crate::model::refusal::{Refusal, quotable};

/// The value of a given option.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum OptionValue {
    On,
    Integer(u64),
    Decimal(f64),
    Word(&'static str),
    Host(Host),
}

impl fmt::Display for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On => f.write_str("on"),
            Self::Integer(value) => value.fmt(f),
            Self::Decimal(value) => value.fmt(f),
            Self::Word(value) => f.write_str(value),
            Self::Host(value) => value.fmt(f),
        }
    }
}

/// The options of one experiment; only what was given is held.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    tool: &'static Tool,
    values: BTreeMap<&'static str, OptionValue>,
}

impl Options {
    /// No option given.
    pub(crate) fn new(tool: &'static Tool) -> Self {
        Self { tool, values: BTreeMap::new() }
    }

    /// Reads the API's form. `null`, `false` and the empty text (a form's empty field) mean: not given.
    pub(crate) fn from_json(tool: &'static Tool, given: &Map<String, Value>) -> Result<Self, Refusal> {
        let mut options = Self::new(tool);
        for (name, value) in given {
            let spec = tool.option(name).ok_or_else(|| unknown_option(tool, name))?;
            let text = match value {
                Value::Null | Value::Bool(false) => continue,
                Value::String(text) if text.is_empty() => continue,
                Value::Bool(true) => "true".to_string(),
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
            };
            match spec.kind {
                OptionKind::Flag if matches!(text.as_str(), "true" | "on") => options.insert(spec, OptionValue::On)?,
                OptionKind::Flag => {
                    return Err(Refusal::OptionTakesNoValue { option: name.clone().into(), value: quotable(&text) });
                }
                OptionKind::Integer { .. }
                | OptionKind::Quantity { .. }
                | OptionKind::Decimal { .. }
                | OptionKind::Choice { .. }
                | OptionKind::Address => options.insert_text(spec, &text)?,
            }
        }
        Ok(options)
    }

    /// The API's form of what was given.
    pub fn to_json(&self) -> Map<String, Value> {
        let value = |value: &OptionValue| match value {
            OptionValue::On => Value::Bool(true),
            OptionValue::Integer(number) => Value::from(*number),
            OptionValue::Decimal(number) => Value::from(*number),
            OptionValue::Word(_) | OptionValue::Host(_) => Value::String(value.to_string()),
        };
        self.values.iter().map(|(name, given)| (name.to_string(), value(given))).collect()
    }

    /// Adds a value that was typed, inside its caps or not at all.
    pub(crate) fn insert_text(&mut self, spec: &'static OptionSpec, text: &str) -> Result<(), Refusal> {
        // dig's way to name a server's port: 192.0.2.1#5353.
        let (text, port) = match (spec.kind, text.split_once('#'), self.tool.option("port")) {
            (OptionKind::Address, Some((host, port)), Some(option)) => (host, Some((option, port))),
            (_, _, _) => (text, None),
        };
        self.insert(spec, value_parse(spec, text)?)?;
        port.map_or(Ok(()), |(option, port)| self.insert_text(option, port))
    }

    /// Adds a value once.
    pub(crate) fn insert(&mut self, spec: &'static OptionSpec, value: OptionValue) -> Result<(), Refusal> {
        match self.values.insert(spec.name, value) {
            None => Ok(()),
            Some(_) => Err(Refusal::OptionRepeated { option: spec.name.into() }),
        }
    }

    /// Whether the options fit one another.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        for spec in self.tool.options.iter().filter(|spec| self.values.contains_key(spec.name)) {
            if let Some(other) = spec.excludes.iter().find(|other| self.values.contains_key(*other)) {
                return Err(Refusal::OptionsConflict { option: spec.name.into(), other: other.to_string().into() });
            }
            if let Some(requirement) = spec.requires.filter(|requirement| !self.meets(requirement)) {
                return Err(Refusal::OptionNeeds { option: spec.name.into(), needs: needs(&requirement).into() });
            }
        }
        Ok(())
    }

    fn meets(&self, requirement: &Requirement) -> bool {
        match requirement.values {
            [] => self.values.contains_key(requirement.option),
            values => self.choice(requirement.option).is_some_and(|value| values.contains(&value)),
        }
    }

    /// What was given for an option.
    pub(crate) fn given(&self, name: &str) -> Option<&OptionValue> {
        self.values.get(name)
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// A number that was given.
    pub(crate) fn integer_given(&self, name: &str) -> Option<u64> {
        match self.values.get(name) {
            Some(OptionValue::Integer(value)) => Some(*value),
            Some(OptionValue::On | OptionValue::Decimal(_) | OptionValue::Word(_) | OptionValue::Host(_)) | None => {
                None
            }
        }
    }

    /// A number that was given, or the option's default; 0 when it has none.
    pub(crate) fn integer(&self, name: &str) -> u64 {
        let default = || match self.tool.option(name).map(|spec| spec.kind) {
            Some(OptionKind::Integer { default, .. } | OptionKind::Quantity { default, .. }) => default.unwrap_or(0),
            Some(OptionKind::Flag | OptionKind::Decimal { .. } | OptionKind::Choice { .. } | OptionKind::Address)
            | None => 0,
        };
        self.integer_given(name).unwrap_or_else(default)
    }

    /// A number with decimals that was given, or the option's default; 0 when it has none.
    pub(crate) fn decimal(&self, name: &str) -> f64 {
        if let Some(OptionValue::Decimal(value)) = self.values.get(name) {
            return *value;
        }
        match self.tool.option(name).map(|spec| spec.kind) {
            Some(OptionKind::Decimal { default, .. }) => default.unwrap_or(0.0),
            Some(
                OptionKind::Flag
                | OptionKind::Integer { .. }
                | OptionKind::Quantity { .. }
                | OptionKind::Choice { .. }
                | OptionKind::Address,
            )
            | None => 0.0,
        }
    }

    /// The value of a choice that was given, or its default.
    pub(crate) fn choice(&self, name: &str) -> Option<&'static str> {
        if let Some(OptionValue::Word(value)) = self.values.get(name) {
            return Some(value);
        }
        match self.tool.option(name).map(|spec| spec.kind) {
            Some(OptionKind::Choice { default, .. }) => default,
            Some(
                OptionKind::Flag
                | OptionKind::Integer { .. }
                | OptionKind::Quantity { .. }
                | OptionKind::Decimal { .. }
                | OptionKind::Address,
            )
            | None => None,
        }
    }

    /// A host that was given.
    pub(crate) fn host(&self, name: &str) -> Option<&Host> {
        match self.values.get(name) {
            Some(OptionValue::Host(host)) => Some(host),
            Some(OptionValue::On | OptionValue::Integer(_) | OptionValue::Decimal(_) | OptionValue::Word(_)) | None => {
                None
            }
        }
    }
}

/// A typed value as the option's kind has it.
fn value_parse(spec: &'static OptionSpec, text: &str) -> Result<OptionValue, Refusal> {
    match spec.kind {
        OptionKind::Flag => Err(Refusal::OptionTakesNoValue { option: spec.name.into(), value: quotable(text) }),
        OptionKind::Integer { min, max, unit, .. } => integer_parse(spec, text, 1, min..=max, unit),
        OptionKind::Quantity { min, max, unit, thousand, .. } => integer_parse(spec, text, thousand, min..=max, unit),
        OptionKind::Decimal { min, max, unit, .. } => decimal_parse(spec, text, min..=max, unit),
        OptionKind::Choice { values, .. } => {
            let value = values.iter().find(|value| value.eq_ignore_ascii_case(text));
            value.map(|value| OptionValue::Word(value)).ok_or_else(|| Refusal::NotAChoice {
                option: spec.name.into(),
                value: quotable(text),
                choices: values.join(", ").into(),
            })
        }
        OptionKind::Address => Host::parse(text).map(OptionValue::Host),
    }
}

/// A whole number; with `thousand` above 1 it may end in K, M or G.
fn integer_parse(
    spec: &OptionSpec,
    text: &str,
    thousand: u64,
    range: RangeInclusive<u64>,
    unit: &str,
) -> Result<OptionValue, Refusal> {
    let suffix = text.chars().last().filter(|_| thousand > 1).map(|last| last.to_ascii_uppercase());
    let power = suffix.and_then(|last| "KMG".find(last)).map_or(0, |place| place as u32 + 1);
    let digits = if power > 0 { &text[..text.len() - 1] } else { text };
    let unsigned = digits.strip_prefix('-').unwrap_or(digits);
    if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(not_a_number(spec, text, &range, unit));
    }
    // Too many digits to hold are out of range as well, whatever they are; so is a number below zero.
    let value = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(thousand.pow(power)));
    match value.filter(|value| range.contains(value)) {
        Some(value) => Ok(OptionValue::Integer(value)),
        None => Err(out_of_range(spec, text, &range, unit)),
    }
}

fn decimal_parse(
    spec: &OptionSpec,
    text: &str,
    range: RangeInclusive<f64>,
    unit: &str,
) -> Result<OptionValue, Refusal> {
    // Neither "inf" nor "1e3" nor "nan", which f64 reads too.
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    match text.parse::<f64>() {
        // To the thousandth, which survives every text form; programs read no finer.
        Ok(value) if is_plain && range.contains(&value) => Ok(OptionValue::Decimal((value * 1000.0).round() / 1000.0)),
        Ok(_) if is_plain => Err(out_of_range(spec, text, &range, unit)),
        Ok(_) | Err(_) => Err(not_a_number(spec, text, &range, unit)),
    }
}

fn not_a_number<N: fmt::Display>(spec: &OptionSpec, text: &str, range: &RangeInclusive<N>, unit: &str) -> Refusal {
    Refusal::NotANumber {
        option: spec.name.into(),
        value: quotable(text),
        min: range.start().to_string().into(),
        max: range.end().to_string().into(),
        unit: unit.into(),
    }
}

fn out_of_range<N: fmt::Display>(spec: &OptionSpec, text: &str, range: &RangeInclusive<N>, unit: &str) -> Refusal {
    Refusal::OutOfRange {
        option: spec.name.into(),
        value: quotable(text),
        min: range.start().to_string().into(),
        max: range.end().to_string().into(),
        unit: unit.into(),
    }
}

/// What would have to be added, as one types it.
fn needs(requirement: &Requirement) -> String {
    let flag = format!("--{}", requirement.option);
    match requirement.values {
        [] => flag,
        values => values.iter().map(|value| format!("{flag} {value}")).collect::<Vec<_>>().join(", "),
    }
}

/// An option that a tool does not have; says so when another one does, or when half a flag (`-M` of `-M do`) was typed.
pub(super) fn unknown_option(tool: &Tool, option: &str) -> Refusal {
    for spec in tool.options {
        if let Some((flag, example)) =
            spec.flags.iter().filter_map(|flag| flag.split_once(' ')).find(|(flag, _)| *flag == option)
        {
            return Refusal::OptionWithoutValue {
                option: spec.name.into(),
                flag: flag.into(),
                example: example.into(),
            };
        }
    }
    let has = |other: &Tool| {
        other.options.iter().any(|spec| spec.name == option || flags_of(spec).any(|flag| flag == option))
    };
    let owners: Vec<_> = tools().iter().filter(|other| *other != tool && has(other)).map(|other| other.name).collect();
    let options = tool.options.iter().map(|spec| format!("--{}", spec.name)).collect::<Vec<_>>().join(", ").into();
    let (tool, option) = (tool.name.into(), quotable(option));
    match owners.as_slice() {
        [] => Refusal::OptionUnknown { tool, option, options },
        owners => Refusal::OptionElsewhere { tool, option, owners: owners.join(", ").into(), options },
    }
}

/// Everything that may be typed for an option.
fn flags_of(spec: &'static OptionSpec) -> impl Iterator<Item = &'static str> {
    let switches: &'static [super::Switch] = match spec.kind {
        OptionKind::Choice { switches, .. } => switches,
        OptionKind::Flag
        | OptionKind::Integer { .. }
        | OptionKind::Quantity { .. }
        | OptionKind::Decimal { .. }
        | OptionKind::Address => &[],
    };
    spec.flags.iter().copied().chain(switches.iter().map(|switch| switch.flag))
}
