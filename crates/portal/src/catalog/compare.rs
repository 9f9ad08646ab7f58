//! Compares two languages of one catalog, for the tests that prove them complete.

use std::collections::{BTreeMap, BTreeSet};

use fluent_bundle::FluentResource;
use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};

/// What two languages of one catalog do not share: keys that one lacks, and arguments that one sentence uses and the
/// other doesn't. Empty when they agree. A text that is no Fluent is reported as such.
pub fn differences(left: &str, right: &str) -> Vec<String> {
    let (Ok(left), Ok(right)) = (FluentResource::try_new(left.to_owned()), FluentResource::try_new(right.to_owned()))
    else {
        return vec![String::from("a catalog has a syntax error")];
    };
    let (left, right) = (arguments(&left), arguments(&right));
    let keys: BTreeSet<_> = left.keys().chain(right.keys()).collect();
    keys.into_iter().filter(|key| left.get(*key) != right.get(*key)).map(|key| explain(key, &left, &right)).collect()
}

type Arguments = BTreeMap<String, BTreeSet<String>>;

fn explain(key: &str, left: &Arguments, right: &Arguments) -> String {
    match (left.get(key), right.get(key)) {
        (Some(l), Some(r)) => format!("{key}: arguments {l:?} and {r:?}"),
        (None, _) => format!("{key}: missing in the first"),
        (_, None) => format!("{key}: missing in the second"),
    }
}

fn arguments(resource: &FluentResource) -> Arguments {
    let mut found = Arguments::new();
    for entry in resource.entries() {
        if let Entry::Message(message) = entry {
            let names = found.entry(message.id.name.to_owned()).or_default();
            if let Some(pattern) = &message.value {
                in_pattern(pattern, names);
            }
        }
    }
    found
}

fn in_pattern(pattern: &Pattern<&str>, names: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        if let PatternElement::Placeable { expression } = element {
            in_expression(expression, names);
        }
    }
}

fn in_expression(expression: &Expression<&str>, names: &mut BTreeSet<String>) {
    match expression {
        Expression::Inline(inline) => in_inline(inline, names),
        Expression::Select { selector, variants } => {
            in_inline(selector, names);
            variants.iter().for_each(|variant| in_pattern(&variant.value, names));
        }
    }
}

fn in_inline(inline: &InlineExpression<&str>, names: &mut BTreeSet<String>) {
    match inline {
        InlineExpression::VariableReference { id } => {
            names.insert(id.name.to_owned());
        }
        InlineExpression::Placeable { expression } => in_expression(expression, names),
        InlineExpression::FunctionReference { arguments, .. } => {
            arguments.positional.iter().for_each(|argument| in_inline(argument, names));
        }
        InlineExpression::StringLiteral { .. }
        | InlineExpression::NumberLiteral { .. }
        | InlineExpression::MessageReference { .. }
        | InlineExpression::TermReference { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_the_key() {
        assert!(differences("a = x { $n }", "a = y { $n }").is_empty());
        assert_eq!(differences("a = x { $n }\nb = 1", "a = y").len(), 2);
        assert_eq!(differences("a = { $", "a = 1").len(), 1);
    }
}
