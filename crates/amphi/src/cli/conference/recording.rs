//! `amphi conference recording`: what was held, and archives that are brought by hand.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::failure::{Failure, UNAVAILABLE, USAGE};
use crate::cli::output::{OutputArgs, print_json, print_line, print_table};
use crate::cli::table::{Cell, Table};
use crate::cli::terminal::{confirm, is_interactive, plain, say};
use crate::cli::volume::progress::Progress;
use crate::cli::{LIST_MOST, decode, when};
use crate::client::{Client, ClientError, Order, Quarantined, Recording, Upload};

/// Bytes that are sent at once: little enough that a slow line sends it before the server is thought to be silent.
const PIECE: u64 = 4 << 20;
/// A line that broke this often without a piece getting through is given up.
const BREAKS_MOST: u32 = 20;

#[derive(Subcommand, Debug)]
pub(super) enum RecordingCommand {
    /// List recordings, newest first
    #[command(after_help = "\
Examples:
  amphi conference recording list
  amphi conference recording list --meeting algebra-1 --state unpublished")]
    List {
        /// Only those of this meeting, by what the LMS calls it
        #[arg(long, value_name = "MEETING")]
        meeting: Option<String>,
        /// published, unpublished or deleted; left out: the first two
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
    },
    /// Bring archives that a conference server made
    #[command(after_help = "\
Example:
  amphi conference recording import 6e35e3b2778883f5db637d7a5dba0a427f692e91-1530718721124.tar

A broken connection is taken up again where it broke. An archive that can't be taken in is set aside by the server, which says why.")]
    Import {
        /// Files made by a conference server: .tar
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Let a recording be watched
    #[command(after_help = "Example:\n  amphi conference recording publish RECORDING")]
    Publish {
        /// Its id
        recording: String,
    },
    /// Let a recording be watched no more
    #[command(after_help = "Example:\n  amphi conference recording unpublish RECORDING")]
    Unpublish {
        /// Its id
        recording: String,
    },
    /// Have a recording open only by a link from its LMS, which works once
    #[command(after_help = "\
Examples:
  amphi conference recording protect RECORDING
  amphi conference recording protect --off RECORDING")]
    Protect {
        /// Its id
        recording: String,
        /// Protect it no more
        #[arg(long)]
        off: bool,
    },
    /// Delete a recording with its files
    #[command(after_help = "Example:\n  amphi conference recording delete --yes RECORDING")]
    Delete {
        /// Its id
        recording: String,
        /// Don't ask
        #[arg(long, short)]
        yes: bool,
    },
    /// List archives that could not be taken in, and why
    #[command(after_help = "Example:\n  amphi conference recording quarantine")]
    Quarantine,
}

pub(super) async fn run(client: &Client, command: RecordingCommand, format: OutputArgs) -> Result<(), Failure> {
    match command {
        RecordingCommand::List { meeting, state } => {
            let query = [("meeting", meeting), ("state", state)];
            let query: Vec<_> = query.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            list(client, &query, format).await
        }
        RecordingCommand::Import { files } => import(client, &files, format).await,
        RecordingCommand::Publish { recording } => {
            change(client, &recording, &json!({ "published": true }), "is published", format).await
        }
        RecordingCommand::Unpublish { recording } => {
            change(client, &recording, &json!({ "published": false }), "is no longer published", format).await
        }
        RecordingCommand::Protect { recording, off } => {
            let done = if off { "is no longer protected" } else { "is protected" };
            change(client, &recording, &json!({ "protected": !off }), done, format).await
        }
        RecordingCommand::Delete { recording, yes } => delete(client, &recording, yes, format).await,
        RecordingCommand::Quarantine => quarantine(client, format).await,
    }
}

async fn list(client: &Client, query: &[(&str, String)], format: OutputArgs) -> Result<(), Failure> {
    let recordings = client.list(&["conference", "recordings"], query, Order::Newest, LIST_MOST).await?;
    if format.is_json() {
        return print_json(&recordings.into());
    }
    if recordings.is_empty() {
        say("no recordings\n");
        return Ok(());
    }
    let now = when::now();
    let mut table = Table::new(&["RECORDING", "NAME", "STATE", "MINUTES", "FORMATS", "HELD"]).whole(0);
    for recording in recordings {
        let recording: Recording = decode(recording)?;
        let minutes = recording.playbacks.iter().map(|own| own.minutes).max().unwrap_or_default();
        let formats: Vec<&str> = recording.playbacks.iter().map(|own| own.format.as_str()).collect();
        let state = if recording.is_protected { format!("{}, protected", recording.state) } else { recording.state };
        table.row([
            Cell::from(&recording.id),
            Cell::from(&recording.name),
            state.into(),
            minutes.to_string().into(),
            formats.join(" ").into(),
            when::age(recording.started, now).into(),
        ]);
    }
    print_table(&table)
}

fn unknown(error: ClientError) -> Failure {
    let is_unknown = error.status() == Some(404);
    let failure = Failure::from(error);
    if is_unknown { failure.or_try("amphi conference recording list") } else { failure }
}

async fn change(client: &Client, recording: &str, body: &Value, done: &str, format: OutputArgs) -> Result<(), Failure> {
    let path = ["conference", "recordings", recording];
    let changed = client.change(Method::PATCH, &path, Some(body)).await.map_err(unknown)?;
    if format.is_json() { print_json(&changed) } else { print_line(&plain(&format!("{recording} {done}"))) }
}

async fn delete(client: &Client, recording: &str, yes: bool, format: OutputArgs) -> Result<(), Failure> {
    if !yes {
        if !is_interactive() {
            return Err(Failure::new(USAGE, "deleting a recording can't be undone").or_try("--yes"));
        }
        if !confirm(&format!("Delete {recording} with its files?"))? {
            return Err(Failure::new(USAGE, "nothing was changed"));
        }
    }
    client.remove(&["conference", "recordings", recording], &[]).await.map_err(unknown)?;
    if format.is_json() {
        print_json(&json!({ "id": recording }))
    } else {
        print_line(&plain(&format!("{recording} deleted")))
    }
}

async fn import(client: &Client, files: &[PathBuf], format: OutputArgs) -> Result<(), Failure> {
    let (mut imported, mut failed) = (Vec::new(), None::<Failure>);
    for file in files {
        let done = match import_one(client, file).await {
            Ok(done) => done,
            Err(failure) => {
                let what = format!("{} was not taken in", file.display());
                let failure = Failure::new(failure.exit, what).why(failure.summary());
                failed.replace(failure).inspect(Failure::print);
                continue;
            }
        };
        let ids: Vec<String> = decode(done["recordings"].clone())?;
        if !format.is_json() {
            print_line(&plain(&format!("{} {}", file.display(), ids.join(" "))))?;
        }
        imported.extend(ids);
    }
    if format.is_json() {
        print_json(&json!({ "recordings": imported }))?;
    }
    failed.map_or(Ok(()), Err)
}

async fn import_one(client: &Client, path: &Path) -> Result<Value, Failure> {
    let shown = path.display().to_string();
    let failed = |error: std::io::Error| Failure::new(USAGE, format!("{shown} can't be read")).why(error.to_string());
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(Failure::new(USAGE, format!("{shown} is no file")));
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let begun = client.change(Method::POST, &["conference", "uploads"], Some(&json!({ "name": name }))).await?;
    let mut upload: Upload = decode(begun)?;
    let progress = Progress::new(&name, Some(metadata.len()));
    let mut breaks = 0;
    while upload.offset < metadata.len() {
        file.seek(SeekFrom::Start(upload.offset)).map_err(failed)?;
        let mut piece = Vec::new();
        (&mut file).take(PIECE).read_to_end(&mut piece).map_err(failed)?;
        if piece.is_empty() {
            return Err(Failure::new(USAGE, format!("{shown} became shorter while it was read")));
        }
        let before = upload.offset;
        match client.upload_piece(&upload.id, before, piece).await {
            Ok(after) => (upload, breaks) = (after, 0),
            Err(error) => {
                breaks += 1;
                upload.offset = take_up(client, &upload.id, error, breaks).await?;
            }
        }
        progress.add(upload.offset.saturating_sub(before));
    }
    drop(progress);
    Ok(client.upload_finish(&upload.id).await?)
}

/// Waits until the server answers again; how far the upload is by its word.
async fn take_up(client: &Client, id: &str, mut error: ClientError, mut breaks: u32) -> Result<u64, Failure> {
    loop {
        // Another place than the server has: its word counts. Anything else that it says is a refusal.
        let is_passing = error.is_connection() || matches!(error.status(), Some(409 | 502 | 503 | 504));
        if !is_passing {
            return Err(error.into());
        }
        if breaks > BREAKS_MOST {
            return Err(Failure::new(UNAVAILABLE, "the upload was cut off too often").why(error.to_string()));
        }
        tokio::time::sleep(Duration::from_millis(250 << breaks.min(6))).await;
        match client.get::<Upload>(&["conference", "uploads", id], &[]).await {
            Ok(upload) => return Ok(upload.offset),
            Err(again) => (error, breaks) = (again, breaks + 1),
        }
    }
}

async fn quarantine(client: &Client, format: OutputArgs) -> Result<(), Failure> {
    let mut page: Value = client.get(&["conference", "quarantine"], &[]).await?;
    let rows = page["items"].take();
    if format.is_json() {
        return print_json(&rows);
    }
    let rows: Vec<Quarantined> = decode(rows)?;
    if rows.is_empty() {
        say("nothing was set aside\n");
        return Ok(());
    }
    let now = when::now();
    let mut table = Table::new(&["FILE", "WHY", "WHEN"]).whole(1);
    for row in rows {
        table.row([Cell::from(&row.file), Cell::from(&row.reason), when::age(row.at, now).into()]);
    }
    print_table(&table)
}
