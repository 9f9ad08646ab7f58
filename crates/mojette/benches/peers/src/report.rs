//! The table, in the terminal, in docs/benchmarks.md and in the README, and the plot of the README.

use std::fmt::Write;
use std::fs;
use std::process::Command;

/// Speeds of the contenders of one task, GB/s of user data.
pub struct Row {
    pub title: String,
    pub speeds: Vec<(&'static str, f64)>,
}

impl Row {
    fn speed(&self, name: &str) -> Option<f64> {
        self.speeds.iter().find(|(other, _)| *other == name).map(|(_, speed)| *speed)
    }

    /// How many times as fast as `name` mojette is.
    fn ratio(&self, name: &str) -> Option<f64> {
        Some(self.speed("mojette")? / self.speed(name)?)
    }
}

const NAMES: [&str; 6] = ["mojette", "ISA-L", "rs-erasure", "rs-simd", "memcpy", "plain XOR"];
const BEGIN: &str = "<!-- mojette: written by cargo bench -p mojette -->";
const END: &str = "<!-- mojette: end -->";

fn table(rows: &[Row]) -> String {
    let mut text = format!("| GB/s of user data | {} | × ISA-L | × memcpy | × plain XOR |\n|---|", NAMES.join(" | "));
    text += &"--:|".repeat(NAMES.len() + 3);
    text.push('\n');
    for row in rows {
        let speeds = NAMES.map(|name| row.speed(name).map_or("–".to_owned(), |speed| format!("{speed:.1}")));
        let ratios = ["ISA-L", "memcpy", "plain XOR"]
            .map(|name| row.ratio(name).map_or("–".to_owned(), |ratio| format!("{ratio:.2}")));
        let _ = writeln!(text, "| {} | {} | {} |", row.title, speeds.join(" | "), ratios.join(" | "));
    }
    text
}

pub fn print(rows: &[Row]) {
    println!("{}\n\n{}", machine(), table(rows));
}

/// Date and processor.
fn machine() -> String {
    let date = Command::new("date").args(["-u", "+%Y-%m-%d"]).output().map(|output| output.stdout).unwrap_or_default();
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown processor");
    let processors = processor.lines().filter(|line| line.starts_with("processor")).count();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{}, {}, {processors} processors, load {}, {} kernel; one thread, median of 9 rounds in turns.",
        String::from_utf8_lossy(&date).trim(),
        model.trim_start_matches([' ', '\t', ':']),
        load.split(' ').next().unwrap_or("unknown"),
        mojette::Kernel::best(),
    )
}

/// Puts the table between its marks in docs/benchmarks.md and in the README, and draws the plot.
pub fn write(rows: &[Row]) -> std::io::Result<()> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let text = format!("{}\n\n{}", machine(), table(rows));
    replace(&format!("{folder}/../../docs/benchmarks.md"), &text)?;
    replace(&format!("{folder}/README.md"), &text)?;
    fs::write(format!("{folder}/speed.svg"), plot(rows))
}

fn replace(path: &str, table: &str) -> std::io::Result<()> {
    let text = fs::read_to_string(path)?;
    let (Some((before, rest)), Some((_, after))) = (text.split_once(BEGIN), text.split_once(END)) else {
        return Err(std::io::Error::other(format!("{path} lacks the marks around the table")));
    };
    debug_assert!(rest.len() > after.len());
    fs::write(path, format!("{before}{BEGIN}\n{table}{END}{after}"))
}

/// Bars of the 8 KiB and 64 KiB tasks, one colour for each contender.
fn plot(rows: &[Row]) -> String {
    const COLOURS: [&str; 6] = ["#0b7285", "#e8590c", "#868e96", "#adb5bd", "#343a40", "#ced4da"];
    let shown: Vec<&Row> = rows.iter().filter(|row| !row.title.contains("1024 KiB")).collect();
    let most = shown.iter().flat_map(|row| &row.speeds).map(|(_, speed)| *speed).fold(1.0, f64::max);
    let (height, mut y) = (60 + shown.len() * 89, 56);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"760\" height=\"{height}\" fill=\"#fff\"/>\n<text x=\"10\" y=\"20\" font-size=\"15\">GB/s of user data, one thread</text>\n"
    );
    for (at, (name, colour)) in NAMES.iter().zip(COLOURS).enumerate() {
        let x = 10 + at * 110;
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"30\" width=\"10\" height=\"10\" fill=\"{colour}\"/><text x=\"{}\" y=\"40\">{name}</text>",
            x + 14
        );
    }
    for row in shown {
        y += 14;
        let _ = writeln!(svg, "<text x=\"10\" y=\"{y}\">{}</text>", row.title);
        for (name, colour) in NAMES.iter().zip(COLOURS) {
            let Some(speed) = row.speed(name) else { continue };
            let width = speed / most * 660.0;
            let _ = writeln!(
                svg,
                "<rect x=\"10\" y=\"{}\" width=\"{width:.1}\" height=\"9\" fill=\"{colour}\"/><text x=\"{:.1}\" y=\"{}\" font-size=\"9\">{speed:.1}</text>",
                y + 4,
                width + 14.0,
                y + 12
            );
            y += 11;
        }
        y += 9;
    }
    svg + "</svg>\n"
}
