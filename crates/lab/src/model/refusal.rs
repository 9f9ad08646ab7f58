//! What an experiment or a program is refused for. One table holds, for each refusal, its code, the field it concerns, its
//! arguments and its English sentence, because pages look the same code up in their own language with the same
//! arguments: a refusal that existed in two places would drift.

/// Declares [`Refusal`] from the table below; every field is text, ready to be put into a sentence, and boxed so that a
/// `Result` stays small.
macro_rules! refusals {
    ($($(#[doc = $doc:literal])+ $variant:ident $code:literal at $at:expr, { $($field:ident),* } $sentence:literal;)+) => {
        /// Why an experiment, a program, a destination or a rule is not accepted. `Display` is a sentence that says what is wrong
        /// and what would be right.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[expect(missing_docs, reason = "the fields are the arguments of the sentence beside them")]
        pub enum Refusal {
            $($(#[doc = $doc])+ #[error($sentence)] $variant { $($field: Box<str>),* },)+
        }

        impl Refusal {
            /// A stable name for programs, kebab-case; the catalog key is `problem-CODE`.
            pub fn code(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $code,)+ }
            }

            /// The field it concerns: `tool`, `destination`, `options`, or the name of one option.
            pub fn field(&self) -> Option<String> {
                match self { $(#[allow(unused_variables)] Self::$variant { $($field),* } => Some($at.to_string()),)+ }
            }

            /// The arguments of the sentence, for a translation.
            pub fn args(&self) -> Vec<(&'static str, String)> {
                match self { $(Self::$variant { $($field),* } => vec![$((stringify!($field), $field.to_string())),*],)+ }
            }

            /// Every code there is, so that a test can hold the catalogs against them.
            pub const CODES: &'static [(&'static str, &'static [&'static str])] =
                &[$(($code, &[$(stringify!($field)),*]),)+];
        }
    };
}

refusals! {
    /// No tool of that name.
    ToolUnknown "tool-unknown" at "tool", { tool, tools }
        "There is no tool \"{tool}\". The tools are {tools}.";
    /// No tool has this option.
    OptionUnknown "option-unknown" at "options", { tool, option, options }
        "{tool} has no option \"{option}\". Its options are {options}.";
    /// Another tool has this option.
    OptionElsewhere "option-elsewhere" at "options", { tool, option, owners, options }
        "\"{option}\" is an option of {owners}, not of {tool}. The options of {tool} are {options}.";
    /// The same option twice, or two switches of one choice.
    OptionRepeated "option-repeated" at option, { option }
        "The option \"{option}\" is given more than once. Give it once.";
    /// An option that needs a value stands without one.
    OptionWithoutValue "option-without-value" at option, { option, flag, example }
        "\"{flag}\" needs a value, for example {flag} {example}.";
    /// A switch was given a value.
    OptionTakesNoValue "option-takes-no-value" at option, { option, value }
        "\"{option}\" is on or off and takes no value; \"{value}\" is too much.";
    /// Not a number where one is wanted.
    NotANumber "not-a-number" at option, { option, value, min, max, unit }
        "\"{value}\" is no number. The option \"{option}\" takes a number from {min} to {max} ({unit}).";
    /// A number below or above what is allowed.
    OutOfRange "out-of-range" at option, { option, value, min, max, unit }
        "{value} is out of range. The option \"{option}\" takes a number from {min} to {max} ({unit}).";
    /// A word that is not among the choices.
    NotAChoice "not-a-choice" at option, { option, value, choices }
        "\"{value}\" is no choice for the option \"{option}\". Choose one of {choices}.";
    /// An option that works only together with another.
    OptionNeeds "option-needs" at option, { option, needs }
        "The option \"{option}\" works only with {needs}. Add that, or leave \"{option}\" out.";
    /// Two options that exclude each other.
    OptionsConflict "options-conflict" at option, { option, other }
        "The options \"{option}\" and \"{other}\" exclude each other. Give one of them.";
    /// The experiment would take longer than a run may.
    TooLong "too-long" at option, { option, seconds, limit }
        "That would take {seconds} s, and a run may take {limit} s. Lower the option \"{option}\".";
    /// Streams times bit rate above what is allowed.
    TotalRate "total-rate" at "bitrate", { streams, bitrate, limit }
        "{streams} streams of {bitrate} bit/s are more than the {limit} bit/s allowed in all. Lower the bit rate or the number of streams.";
    /// A word too many on the command line.
    ExtraArgument "extra-argument" at "destination", { tool, argument, destination }
        "\"{argument}\" is one word too many: {tool} takes one destination, and \"{destination}\" is there already.";
    /// No destination.
    DestinationMissing "destination-missing" at "destination", { tool, example }
        "{tool} needs a destination, for example {example}.";
    /// A character that no destination has.
    DestinationCharacter "destination-character" at "destination", { character, example }
        "The destination contains {character}, which no destination may hold. Write a destination such as {example}.";
    /// Longer than any destination may be.
    DestinationTooLong "destination-too-long" at "destination", { length, limit }
        "The destination has {length} characters; at most {limit} are allowed.";
    /// It would be read as an option.
    DestinationDash "destination-dash" at "destination", { destination }
        "\"{destination}\" begins with \"-\", as an option does. A destination begins with a letter, a digit or \"[\".";
    /// Not a valid host name.
    NameInvalid "name-invalid" at "destination", { name }
        "\"{name}\" is no valid host name. A name is made of labels of 1 to 63 letters, digits and inner hyphens, joined by dots, at most 253 characters.";
    /// Letters that look like others.
    NameLookAlike "name-look-alike" at "destination", { name, character }
        "\"{name}\" contains {character}, which looks like another letter. Type the name with the letters of one script.";
    /// An IPv4 address not written as four decimal numbers.
    AddressForm "address-form" at "destination", { address }
        "\"{address}\" is no IPv4 address in dotted form. Write four decimal numbers without leading zeros, such as 192.0.2.1.";
    /// Not a valid IPv6 address.
    AddressInvalid "address-invalid" at "destination", { address }
        "\"{address}\" is no IPv6 address. Write one such as 2001:db8::1, in brackets when a port follows: [2001:db8::1]:443.";
    /// An IPv6 zone id.
    AddressZone "address-zone" at "destination", { address }
        "\"{address}\" carries a zone id, which means something on one machine only. Write the address without \"%\" and what follows.";
    /// A destination of the other family than asked for.
    FamilyMismatch "family-mismatch" at "ip", { address, version }
        "{address} is no IPv{version} address. Leave out the IP version, or give an IPv{version} address or a name.";
    /// A node without an address of the family asked for.
    NodeFamily "node-family" at "ip", { node, version }
        "The node {node} has no IPv{version} address. Leave out the IP version, or choose another destination.";
    /// Not a port.
    PortInvalid "port-invalid" at "destination", { port }
        "\"{port}\" is no port. A port is a number from 1 to 65535.";
    /// A port where the tool has none.
    PortNotTaken "port-not-taken" at "destination", { tool, port, host }
        "{tool} takes no port in its destination. Leave \":{port}\" out and write {host}.";
    /// A port in the destination and one as an option.
    PortTwice "port-twice" at "port", { port }
        "The destination names port {port} already. Leave the option \"port\" out.";
    /// Not a URL.
    UrlInvalid "url-invalid" at "destination", { url }
        "\"{url}\" is no URL. Write one that begins with http:// or https://, such as https://example.org/.";
    /// A URL with a user name or password.
    UrlUser "url-user" at "destination", { host }
        "The URL carries a user name or a password. Leave out everything before \"{host}\" up to the \"@\"; no secret belongs into an experiment.";
    /// An address can only be asked for its name.
    TypeForAddress "type-for-address" at "type", { address, kind }
        "{address} is an address, and an address has PTR records only. Ask for PTR instead of {kind}, or give a name.";
    /// The address lies in a network that is not allowed.
    AddressRefused "address-refused" at "destination", { address, network }
        "{address} lies in {network}, where experiments are not allowed to go. Choose another destination.";
    /// The name is one that is not allowed.
    NameRefused "name-refused" at "destination", { name, pattern }
        "{name} falls under {pattern}, where experiments are not allowed to go. Choose another destination.";
    /// No language of that name.
    LanguageUnknown "language-unknown" at "language", { language, languages }
        "There is no language \"{language}\". The languages are {languages}.";
    /// The main file's name tells no language.
    LanguageUntold "language-untold" at "language", { file, languages }
        "The name \"{file}\" tells no language. Name the language: {languages}.";
    /// A shell line in another language.
    LineLanguage "line-language" at "language", { language }
        "A line is run by the shell, not by {language}. Leave the language out, or give the program as a file.";
    /// A shell line and files.
    LineAndFiles "line-and-files" at "line", {}
        "A line and files exclude each other. Give one of them.";
    /// Nothing in the shell line.
    LineEmpty "line-empty" at "line", {}
        "The line is empty. Write a command into it, such as uname -a.";
    /// No file at all.
    SourceMissing "source-missing" at "files", {}
        "There is no source. Give at least one file.";
    /// Nothing in the main file.
    SourceEmpty "source-empty" at "files", { file }
        "\"{file}\" is empty. Write the program into it.";
    /// A NUL in source.
    SourceNul "source-nul" at "files", { file }
        "\"{file}\" holds a NUL character, which no source has. Save it as plain text in UTF-8.";
    /// Source in another encoding.
    SourceEncoding "source-encoding" at "files", { file }
        "\"{file}\" is not text in UTF-8. Save it in UTF-8.";
    /// More source than allowed.
    SourceTooLarge "source-too-large" at "files", { limit }
        "All files together may have {limit}, unpacked. Leave out what the program doesn't need.";
    /// More files than allowed.
    TooManyFiles "too-many-files" at "files", { limit }
        "A program may have {limit} files. Leave out what it doesn't need.";
    /// The path of a file begins at the root.
    PathAbsolute "path-absolute" at "files", { file }
        "\"{file}\" begins at the root of a file system. Write a path that begins with a name, such as lib/words.txt.";
    /// The path of a file leads out.
    PathOutside "path-outside" at "files", { file }
        "\"{file}\" leads out of the program's folder. Write a path without \"..\".";
    /// Not a path.
    PathForm "path-form" at "files", { file, limit }
        "\"{file}\" can't name a file. Write at most {limit} bytes, names with \"/\" between them, none of them \".\", without backslashes and control characters, and not \"-\" or \"@\" first.";
    /// Two files of one path.
    PathRepeated "path-repeated" at "files", { file }
        "There are two files \"{file}\". Give one, or rename one of them.";
    /// A file where a folder has to be.
    PathConflict "path-conflict" at "files", { file, other }
        "\"{file}\" is a file, and \"{other}\" wants a folder of that name. Rename one of them.";
    /// Not a zip.
    ZipInvalid "zip-invalid" at "zip_base64", {}
        "This is no zip that can be read. Pack the files anew.";
    /// A damaged file in a zip.
    ZipBroken "zip-broken" at "zip_base64", { file }
        "\"{file}\" in the zip is damaged. Pack the files anew.";
    /// A symbolic link in a zip.
    ZipLink "zip-link" at "zip_base64", { file }
        "\"{file}\" in the zip is a symbolic link, and programs may have none. Pack the file itself.";
    /// A file packed or encrypted in a way that is not read.
    ZipMethod "zip-method" at "zip_base64", { file }
        "\"{file}\" in the zip is encrypted, or packed by another method than store and deflate. Pack it with deflate, without a password.";
    /// More standard input than allowed.
    StdinTooLarge "stdin-too-large" at "stdin", { limit }
        "Standard input may have {limit}. Give less, or send the rest while the program runs.";
    /// A larger input of a batch's element than allowed.
    InputTooLarge "input-too-large" at "inputs", { limit }
        "An input of a batch may have {limit}. Put what is larger into a file of the program.";
    /// More arguments than allowed.
    TooManyArgs "too-many-args" at "args", { limit }
        "A program may have {limit} arguments. Put the rest into standard input or a file.";
    /// An argument that no program can be given.
    ArgForm "arg-form" at "args", { argument, limit }
        "\"{argument}\" is no argument: at most {limit} bytes, without NUL characters. Put it into standard input or a file.";
    /// A terminal of no size.
    TerminalSize "terminal-size" at "terminal", {}
        "A terminal has at least one column and one row.";
}

/// A user's text as a sentence may quote it: at most 60 characters, nothing that a terminal or page would act on.
pub(crate) fn quotable(text: &str) -> Box<str> {
    const LIMIT: usize = 60;
    let mut quoted: String = text.chars().take(LIMIT).flat_map(char::escape_debug).collect();
    if text.chars().nth(LIMIT).is_some() {
        quoted.push('…');
    }
    quoted.into()
}
