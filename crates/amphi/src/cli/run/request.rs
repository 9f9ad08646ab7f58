//! What `amphi run` submits: is it a tool or a program, which files, what on standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lab::model::language::Languages;
use lab::model::program::{SOURCE_BYTES, STDIN_BYTES};
use nix::sys::stat::{SFlag, fstat};
use serde_json::{Map, Value, json};

use super::{RunArgs, inputs, lines};
use crate::cli::failure::{Failure, USAGE};

/// A zip may be a little larger than the files in it.
const ZIP_BYTES: usize = 2 * SOURCE_BYTES;

/// What is sent, and what goes with it here.
pub(super) struct Request {
    pub(super) body: Value,
    /// Standard input is passed on while the program runs.
    pub(super) is_live: bool,
    /// The tool, where it is one.
    pub(super) tool: Option<String>,
    /// How a batch's elements are told apart here: a line of a file, or a file.
    pub(super) places: Vec<String>,
}

impl RunArgs {
    /// The tool whose help is wanted.
    pub(super) fn tool_of_help(&self) -> Option<&str> {
        match self.command.as_slice() {
            [tool, first, ..] if first == "--help" && !self.is_program() => Some(tool),
            _ => None,
        }
    }

    /// Whether it is run many times over: then nobody types into it.
    pub(super) fn is_batch(&self) -> bool {
        self.array.is_some() || self.each_line.is_some() || !self.each_input.is_empty() || self.each_node
    }

    fn is_program(&self) -> bool {
        let is_file = |word: &String| {
            let path = Path::new(word);
            word.contains('/') || (path.extension().is_some() && (is_known(word) || path.is_file()))
        };
        self.line.is_some() || self.language.is_some() || self.command.first().is_some_and(is_file)
    }

    /// An option that a tool has no use for.
    fn option_of_programs(&self) -> Option<&'static str> {
        let given = [
            ("--file", !self.file.is_empty()),
            ("--stdin", self.stdin.is_some()),
            ("--each-input", !self.each_input.is_empty()),
            ("--interactive", self.interactive),
            ("--terminal", self.terminal),
        ];
        given.into_iter().find_map(|(option, is_given)| is_given.then_some(option))
    }
}

fn is_known(word: &str) -> bool {
    is_zip(word) || Languages::built_in().of_file(word).is_some()
}

fn is_zip(word: &str) -> bool {
    Path::new(word).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip"))
}

impl Request {
    /// Reads the files and, where it is one, standard input. Errors: a file can't be read or is too large; options that
    /// don't fit.
    pub(super) fn read(args: &RunArgs) -> Result<Self, Failure> {
        let mut request = if args.is_program() { Self::program(args)? } else { Self::tool(args)? };
        let body = &mut request.body;
        if let Some(node) = &args.node {
            body["node"] = json!(node);
        }
        if !args.on.is_empty() {
            body["on"] = args.on.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
        }
        if let Some(name) = &args.name {
            body["name"] = json!(name);
        }
        if let Some((from, to)) = args.array {
            body["array"] = json!({ "from": from, "to": to });
        }
        if let Some(path) = &args.each_line {
            let lines = lines::read(path)?;
            let place = |line: &lines::Line| format!("line {} of {} ({})", line.number, path.display(), line.text);
            request.places = lines.iter().map(place).collect();
            body["parameters"] = lines.into_iter().map(|line| json!(line.words)).collect();
        }
        if !args.each_input.is_empty() {
            let inputs = inputs::read(&args.each_input)?;
            let texts: Option<Vec<_>> = inputs.iter().map(|input| std::str::from_utf8(&input.data).ok()).collect();
            match texts {
                Some(texts) => body["inputs"] = json!(texts),
                None => {
                    body["inputs_base64"] =
                        inputs.iter().map(|input| STANDARD.encode(&input.data)).collect::<Vec<_>>().into()
                }
            }
            request.places = inputs.into_iter().map(|input| input.name).collect();
            body["input_names"] = json!(request.places);
        }
        if args.each_node {
            body["each_node"] = json!(true);
        }
        Ok(request)
    }

    fn tool(args: &RunArgs) -> Result<Self, Failure> {
        let (tool, tool_args) = args.command.split_first().expect("without a line there is a first word");
        if let Some(option) = args.option_of_programs() {
            return Err(Failure::new(USAGE, format!("{option} is for programs, and {tool} is a tool"))
                .or_try(format!("amphi run --language LANGUAGE {option} … {tool}, where {tool} is a program's file")));
        }
        let body = json!({ "tool": tool, "args": tool_args });
        Ok(Self { body, is_live: false, tool: Some(tool.clone()), places: Vec::new() })
    }

    fn program(args: &RunArgs) -> Result<Self, Failure> {
        let mut body = Map::new();
        let mut program_args = args.command.as_slice();
        if let Some(line) = &args.line {
            body.insert("line".into(), json!(line));
        } else if let Some((main, rest)) = args.command.split_first() {
            program_args = rest;
            files(&mut body, main, args)?;
        } else {
            return Err(Failure::new(USAGE, "no file was named").or_try("amphi run --language LANGUAGE FILE"));
        }
        body.insert("args".into(), json!(program_args));
        if let Some(language) = &args.language {
            body.insert("language".into(), json!(language));
        }
        let stdin = Stdin::of(args)?;
        if !stdin.first.is_empty() {
            insert_bytes(&mut body, "stdin", "stdin_base64", &stdin.first);
        }
        if stdin.is_live {
            body.insert("interactive".into(), json!(true));
        }
        if args.terminal {
            let (columns, rows) = super::input::terminal_size()
                .ok_or_else(|| Failure::new(USAGE, "--terminal needs a terminal here").or_try("--interactive"))?;
            body.insert("terminal".into(), json!({ "columns": columns, "rows": rows }));
        }
        Ok(Self { body: body.into(), is_live: stdin.is_live, tool: None, places: Vec::new() })
    }
}

/// The main file and the others, or a zip.
fn files(body: &mut Map<String, Value>, main: &str, args: &RunArgs) -> Result<(), Failure> {
    let mut left = SOURCE_BYTES;
    let mut all = Vec::new();
    if is_zip(main) {
        body.insert("zip_base64".into(), json!(STANDARD.encode(read(Path::new(main), ZIP_BYTES)?)));
    }
    let folder = Path::new(main).parent().unwrap_or(Path::new(""));
    let main = Some(Path::new(main)).filter(|_| !is_zip(main));
    for path in main.into_iter().chain(args.file.iter().map(|file| file.as_path())) {
        let data = read(path, left)?;
        left -= data.len();
        let mut file = Map::new();
        file.insert("path".into(), json!(name_beside(folder, path)));
        insert_bytes(&mut file, "text", "base64", &data);
        all.push(Value::from(file));
    }
    if !all.is_empty() {
        body.insert("files".into(), all.into());
    }
    Ok(())
}

/// How a file is called where the program runs: as seen from the main file's folder, or by its own name where it lies
/// elsewhere.
fn name_beside(folder: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(folder).ok();
    let named = |path: &&Path| path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let own = Path::new(path.file_name().unwrap_or(path.as_os_str()));
    let parts = inside.filter(named).unwrap_or(own).components();
    let parts = parts.filter(|part| matches!(part, Component::Normal(_)));
    parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn read(path: &Path, most: usize) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: io::Error| {
        let failure = Failure::new(USAGE, format!("the file {} can't be read", path.display())).why(error.to_string());
        match error.kind() {
            io::ErrorKind::IsADirectory => failure.or_try(format!(
                "the program's main file in it, or a zip: amphi run {0}/MAIN --file {0}/OTHER",
                path.display()
            )),
            _ => failure,
        }
    };
    let mut data = Vec::new();
    // One byte more tells that it is too much, however large the file is.
    File::open(path).and_then(|file| file.take(most as u64 + 1).read_to_end(&mut data)).map_err(unreadable)?;
    match data.len() > most {
        true => Err(Failure::new(USAGE, format!("{} is too large", path.display())).why(format!(
            "a program's files may have {} MiB together, and so may its standard input",
            SOURCE_BYTES >> 20
        ))),
        false => Ok(data),
    }
}

/// As text where it is text, which people can read in what is sent.
fn insert_bytes(object: &mut Map<String, Value>, text: &str, base64: &str, data: &[u8]) {
    match std::str::from_utf8(data) {
        Ok(data) => object.insert(text.into(), json!(data)),
        Err(_) => object.insert(base64.into(), json!(STANDARD.encode(data))),
    };
}

/// What the program reads.
struct Stdin {
    first: Vec<u8>,
    is_live: bool,
}

impl Stdin {
    fn of(args: &RunArgs) -> Result<Self, Failure> {
        if !args.each_input.is_empty() {
            return Ok(Self { first: Vec::new(), is_live: false });
        }
        if let Some(path) = &args.stdin {
            let is_live = args.interactive || args.terminal;
            return Ok(Self { first: read(path, STDIN_BYTES)?, is_live });
        }
        if args.interactive || args.terminal {
            return Ok(Self { first: Vec::new(), is_live: true });
        }
        let stdin = io::stdin();
        let kind = fstat(&stdin).map_err(io::Error::from)?;
        let is = |flag: SFlag| SFlag::from_bits_truncate(kind.st_mode & SFlag::S_IFMT.bits()) == flag;
        let is_file = is(SFlag::S_IFREG);
        let mut first = Vec::new();
        if is_file && kind.st_size <= STDIN_BYTES as i64 {
            stdin.lock().read_to_end(&mut first)?;
            return Ok(Self { first, is_live: false });
        }
        // A terminal is not read from unasked, and there is nothing in /dev/null.
        let is_stream = is_file || is(SFlag::S_IFIFO) || is(SFlag::S_IFSOCK);
        Ok(Self { first, is_live: is_stream && !args.detach && !args.is_batch() })
    }
}
