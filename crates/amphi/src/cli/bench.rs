//! `amphi bench`: how fast this machine is at what Amphi asks of it, without a server.

mod mojette;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::failure::{BUG, Failure};
use super::output::{OutputArgs, print_json, print_line, print_table};
use super::table::Table;
use mojette::Figures;

/// Arguments of `amphi bench`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  amphi bench mojette")]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    format: OutputArgs,
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Subcommand, Debug)]
enum BenchCommand {
    /// Measure the erasure code beside memcpy: encode, decode, repair
    #[command(
        long_about = "Measure the erasure code beside memcpy, on one thread, with blocks that stay in the cache. Takes \
            about three seconds.\n\nencode computes the parities of a block, decode recovers as many rows as there are \
            parities, repair recovers one, and memcpy copies the block. ELEMENT is the unit that the code shifts, chosen from \
            the sizes. Each figure is the median of many short batches, the four taken in turns, in GB of user data a \
            second. What each round wrote is checked.",
        after_help = "Exits with 70 when the code gave wrong bytes, which is a bug.\n\nExamples:\n  amphi bench mojette\n  \
            amphi bench mojette --output json"
    )]
    Mojette,
}

pub(super) async fn run(args: BenchArgs) -> Result<(), Failure> {
    let BenchCommand::Mojette = args.command;
    // On a thread of its own; a signal ends the process, with nothing printed yet.
    let measured = tokio::task::spawn_blocking(mojette::measure).await;
    let figures = measured
        .map_err(anyhow::Error::from)
        .flatten()
        .map_err(|error| Failure::new(BUG, "measuring the erasure code failed").why(format!("{error:#}")))?;
    if args.format.is_json() {
        return print_json(&json!({
            "kernel": mojette::kernel(),
            "threads": 1,
            "figures": figures.iter().map(json_of).collect::<Vec<_>>(),
        }));
    }
    print_line(&format!("GB/s of user data, one thread, {} kernel", mojette::kernel()))?;
    let mut table = Table::new(&["CODE", "BLOCK", "ELEMENT", "ENCODE", "DECODE", "REPAIR", "MEMCPY"]);
    for figure in &figures {
        let [encode, decode, repair, memcpy] =
            [figure.encode, figure.decode, figure.repair, figure.memcpy].map(|rate| format!("{rate:.1}"));
        table.row([
            format!("({}, {})", figure.geometry.data(), figure.geometry.parity()).into(),
            format!("{} KiB", figure.geometry.block_bytes() / 1024).into(),
            format!("{} B", figure.geometry.element().bytes()).into(),
            encode.into(),
            decode.into(),
            repair.into(),
            memcpy.into(),
        ]);
    }
    print_table(&table)
}

fn json_of(figures: &Figures) -> Value {
    json!({
        "layout": figures.layout,
        "data": figures.geometry.data(),
        "parity": figures.geometry.parity(),
        "block_bytes": figures.geometry.block_bytes(),
        "element_bytes": figures.geometry.element().bytes(),
        "stored_bytes": figures.geometry.stored_bytes(),
        "encode_gb_s": figures.encode,
        "decode_gb_s": figures.decode,
        "repair_gb_s": figures.repair,
        "memcpy_gb_s": figures.memcpy,
    })
}
