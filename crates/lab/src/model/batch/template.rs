//! What a batch's elements are made from: the same work, with placeholders for their index and their parameters.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost::bytes::Bytes;

use super::INPUT_BYTES;
use crate::model::experiment::Experiment;
use crate::model::job::JobKind;
use crate::model::program::Program;
use crate::model::refusal::Refusal;
use crate::model::work::Work;

/// What elements are made from.
#[derive(Clone, Debug)]
pub enum Template {
    /// Every element is the same.
    Fixed(Work),
    /// A tool's command line with placeholders.
    Tool {
        /// The tool.
        tool: String,
        /// Its arguments.
        args: Vec<String>,
    },
    /// A program, whose arguments may hold placeholders.
    Program(Box<Program>),
    /// The same; each element's first parameter is its standard input, base64, and a second one the input's name.
    Inputs(Box<Program>),
}

impl Template {
    /// The work of one element. Errors: with its parameters it is not acceptable.
    pub fn element(&self, index: i64, parameters: &[String]) -> Result<Work, Refusal> {
        match self {
            Self::Fixed(work) => Ok(work.clone()),
            Self::Tool { tool, args } => {
                Ok(Work::Experiment(Experiment::from_args(tool, &filled(args, index, parameters)?)?))
            }
            Self::Program(program) => {
                let args = filled(program.args(), index, parameters)?;
                Ok(Work::Program(Box::new(program.with_args(args)?)))
            }
            Self::Inputs(program) => {
                let args = filled(program.args(), index, &[])?;
                Ok(Work::Program(Box::new(program.with_args(args)?.with_own_stdin(input(parameters)?))))
            }
        }
    }

    /// Of what kind its elements are.
    pub fn kind(&self) -> JobKind {
        match self {
            Self::Fixed(work) => work.kind(),
            Self::Tool { .. } => JobKind::Experiment,
            Self::Program(_) | Self::Inputs(_) => JobKind::Program,
        }
    }

    /// Name of the tool or language that a node has to have.
    pub fn needs(&self) -> &str {
        match self {
            Self::Fixed(work) => work.needs(),
            Self::Tool { tool, .. } => tool,
            Self::Program(program) | Self::Inputs(program) => program.language(),
        }
    }

    /// Whether [`Template::element`] would make this one, without making it. Errors: as there.
    pub fn check(&self, index: i64, parameters: &[String]) -> Result<(), Refusal> {
        match self {
            Self::Fixed(_) | Self::Tool { .. } => self.element(index, parameters).map(drop),
            Self::Program(program) => Program::args_check(&filled(program.args(), index, parameters)?),
            Self::Inputs(program) => {
                input(parameters)?;
                Program::args_check(&filled(program.args(), index, &[])?)
            }
        }
    }

    /// Whether an element with these parameters differs from the template.
    pub fn is_filled(&self, parameters: &[String]) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Tool { args, .. } => !parameters.is_empty() || has_placeholder(args),
            Self::Program(program) => !parameters.is_empty() || has_placeholder(program.args()),
            Self::Inputs(_) => true,
        }
    }
}

/// Decodes an element's input. Errors: it is larger than one may be.
fn input(parameters: &[String]) -> Result<Bytes, Refusal> {
    // What was not encoded here is none; the submission has encoded it.
    let data = STANDARD.decode(parameters.first().map(String::as_str).unwrap_or_default()).unwrap_or_default();
    if data.len() > INPUT_BYTES {
        return Err(Refusal::InputTooLarge { limit: format!("{} KiB", INPUT_BYTES >> 10).into() });
    }
    Ok(data.into())
}

/// Whether arguments hold a placeholder.
pub fn has_placeholder(args: &[String]) -> bool {
    args.iter().any(|arg| pieces(arg).any(|piece| matches!(piece, Piece::Index | Piece::Place(_))))
}

/// Fills `{index}` and `{1}` to `{9}` in a text, and tells whether a parameter had a place there.
fn fill(text: &str, index: i64, parameters: &[String]) -> (String, bool) {
    let (mut filled, mut has_place) = (String::with_capacity(text.len()), false);
    for piece in pieces(text) {
        match piece {
            Piece::Text(plain) => filled.push_str(plain),
            Piece::Index => filled.push_str(&index.to_string()),
            Piece::Place(place) => {
                has_place = true;
                filled.push_str(parameters.get(place - 1).map(String::as_str).unwrap_or_default());
            }
        }
    }
    (filled, has_place)
}

/// Characters of a batch's name and of an element's value in the element's name, at most: the column has 190.
const NAME_CHARS: usize = 120;
const VALUE_CHARS: usize = 43;

/// What an element is called: the batch's name with its placeholders filled, and in brackets the element's node, or its
/// index and whatever of `value` the name does not say.
pub(super) fn element_name(
    name: &str,
    index: i64,
    parameters: &[String],
    value: Option<&str>,
    node: Option<&str>,
) -> String {
    let (filled, has_place) = fill(name, index, parameters);
    let filled = shortened(&filled, NAME_CHARS);
    match (node, value.filter(|_| !has_place)) {
        (Some(node), _) => format!("{filled} [{node}]"),
        (None, Some(value)) => format!("{filled} [{index}: {}]", shortened(value, VALUE_CHARS)),
        (None, None) => format!("{filled} [{index}]"),
    }
}

/// By what an input is known: its name, else its first line.
pub(super) fn input_value(parameters: &[String]) -> Option<String> {
    let [encoded, rest @ ..] = parameters else { return None };
    if let [name, ..] = rest {
        return Some(name.clone());
    }
    let data = STANDARD.decode(encoded).unwrap_or_default();
    let line = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Some(shortened(String::from_utf8_lossy(line).trim_end(), NAME_CHARS))
}

/// At most so many characters on one line, a cut marked.
fn shortened(text: &str, most: usize) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    if text.chars().count() <= most {
        return text.chars().map(plain).collect();
    }
    text.chars().take(most - 1).map(plain).chain(std::iter::once('…')).collect()
}

/// Fills `{index}` and `{1}` to `{9}`. Parameters go behind the arguments where nothing stands for them. Errors: more or
/// longer arguments than any program may have, told before they fill the memory.
fn filled(args: &[String], index: i64, parameters: &[String]) -> Result<Vec<String>, Refusal> {
    Program::args_check(args)?;
    let mut has_place = false;
    let mut filled: Vec<String> = Vec::with_capacity(args.len() + parameters.len());
    for arg in args {
        let (text, is_placed) = fill(arg, index, parameters);
        has_place |= is_placed;
        filled.push(text);
    }
    if !has_place {
        filled.extend(parameters.iter().cloned());
    }
    Ok(filled)
}

/// A part of an argument.
enum Piece<'a> {
    Text(&'a str),
    Index,
    /// Which parameter, from 1.
    Place(usize),
}

fn pieces(mut rest: &str) -> impl Iterator<Item = Piece<'_>> {
    std::iter::from_fn(move || {
        let brace = rest.find('{').unwrap_or(rest.len());
        if brace > 0 {
            let text;
            (text, rest) = rest.split_at(brace);
            return Some(Piece::Text(text));
        }
        let Some(end) = rest.find('}') else {
            let text = std::mem::take(&mut rest);
            return (!text.is_empty()).then_some(Piece::Text(text));
        };
        let (mark, behind) = rest.split_at(end + 1);
        let piece = match &mark[1..end] {
            "index" => Piece::Index,
            digit => match digit.parse() {
                Ok(place @ 1..=9) if digit.len() == 1 => Piece::Place(place),
                _ => {
                    // No placeholder: its brace is text.
                    rest = &rest[1..];
                    return Some(Piece::Text("{"));
                }
            },
        };
        rest = behind;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::language::{Languages, Limits};
    use crate::model::program::{ProgramRequest, SourceFile};

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn placeholders_are_filled_and_parameters_go_behind() {
        let args = words(&["-c", "{index}", "{2}/{1}"]);
        assert!(has_placeholder(&args) && !has_placeholder(&words(&["{0}", "{x}"])));
        assert_eq!(filled(&args, 7, &words(&["a", "b"])).unwrap(), ["-c", "7", "b/a"]);
        assert_eq!(filled(&words(&["{{1}}", "{é}{", "{1"]), 7, &words(&["a"])).unwrap(), ["{a}", "{é}{", "{1"]);
        assert_eq!(filled(&words(&["x"]), 7, &words(&["a", "b"])).unwrap(), ["x", "a", "b"]);
        // A value is not looked at again.
        assert_eq!(filled(&words(&["{1}"]), 7, &words(&["{index}{2}", "x"])).unwrap(), ["{index}{2}"]);
    }

    #[test]
    fn an_element_is_called_by_what_sets_it_apart() {
        let name = |name, parameters: &[&str], value| element_name(name, 7, &words(parameters), value, None);
        assert_eq!(name("ping -c {index}", &[], None), "ping -c 7 [7]");
        assert_eq!(name("ping -- {1}", &["a b"], Some("a b")), "ping -- a b [7]");
        assert_eq!(name("ping", &["a\tb"], Some("a\tb")), "ping [7: a b]");
        assert_eq!(element_name("ping", 7, &[], None, Some("lab-a")), "ping [lab-a]");
        let long = name(&"é".repeat(500), &["x"], Some(&"x".repeat(500)));
        assert!(long.chars().count() <= 190 && long.ends_with("x…]"), "{long}");
        let encoded = STANDARD.encode("one\r\ntwo");
        assert_eq!(input_value(std::slice::from_ref(&encoded)).unwrap(), "one");
        assert_eq!(input_value(&[encoded, "a.txt".to_owned()]).unwrap(), "a.txt");
    }

    #[test]
    fn an_input_is_the_elements_own_and_its_source_is_not() {
        let languages = Languages::built_in();
        let request = ProgramRequest { line: Some("cat".to_owned()), args: words(&["{index}"]), ..Default::default() };
        let program = Program::new(request, &languages).unwrap();
        let template = Template::Inputs(Box::new(program.clone()));
        let encoded = |data: &[u8]| vec![STANDARD.encode(data)];
        let Work::Program(element) = template.element(3, &encoded(b"\xffin")).unwrap() else { panic!("no program") };
        assert_eq!((element.stdin(), element.args()), (&b"\xffin"[..], &words(&["3"])[..]));
        assert_eq!(element.source_bytes(), program.source_bytes());
        assert_eq!(Program::from_stored(&element.to_json(), &program.source_bytes()).unwrap(), *element);
        assert!(template.check(1, &encoded(&[b'x'; INPUT_BYTES])).is_ok());
        assert!(template.check(1, &encoded(&[b'x'; INPUT_BYTES + 1])).is_err());
    }

    #[test]
    fn elements_share_their_source() {
        let files = vec![SourceFile { path: "main.sh".into(), data: vec![b'#'; 1 << 20].into() }];
        let request = ProgramRequest { files, args: words(&["{index}"]), ..Default::default() };
        let languages = Languages::built_in();
        let template = Template::Program(Box::new(Program::new(request, &languages).unwrap()));
        let started = |index| {
            let Work::Program(program) = template.element(index, &[]).unwrap() else { panic!("no program") };
            program.start(languages.get("shell").unwrap(), &Limits::UNCAPPED)
        };
        let (first, second) = (started(1), started(2));
        assert_ne!(first.run.unwrap().argv, second.run.unwrap().argv);
        assert_eq!(first.files[0].data.as_ptr(), second.files[0].data.as_ptr(), "the source was copied");
    }

    #[test]
    fn an_element_is_checked_as_a_job_is() {
        let template = Template::Tool { tool: "ping".to_owned(), args: words(&["-c", "{index}", "192.0.2.1"]) };
        assert_eq!(template.element(3, &[]).unwrap().command_line(&Languages::built_in()), "ping -c 3 192.0.2.1");
        assert!(template.element(-1, &[]).is_err());
        let request = ProgramRequest { line: Some("true".to_owned()), args: words(&["{1}{1}"]), ..Default::default() };
        let program = Program::new(request, &Languages::built_in()).unwrap();
        let template = Template::Program(Box::new(program));
        assert!(template.check(1, &["x".repeat(2_048)]).is_ok());
        assert!(template.check(2, &["x".repeat(2_049)]).is_err() && template.element(2, &["x".repeat(2_049)]).is_err());
    }
}
