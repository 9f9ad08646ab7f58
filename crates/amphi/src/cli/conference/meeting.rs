//! `amphi conference meeting`: running meetings.

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::output::{OutputArgs, print_json, print_line, print_table};
use crate::cli::table::{Cell, Table};
use crate::cli::terminal::{plain, say};
use crate::cli::{LIST_MOST, decode, when};
use crate::client::{Client, Meeting, Order};

#[derive(Subcommand, Debug)]
pub(super) enum MeetingCommand {
    /// List running meetings, newest first
    #[command(after_help = "\
Examples:
  amphi conference meeting list
  amphi conference meeting list --server bbb1.example.org --tenant law")]
    List {
        /// Only this tenant's, by name or id
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
        /// Only those on this server, by id or host
        #[arg(long, value_name = "SERVER")]
        server: Option<String>,
    },
    /// End a meeting for everybody in it
    #[command(after_help = "Example:\n  amphi conference meeting end --tenant law algebra-1")]
    End {
        /// What the LMS calls it
        meeting: String,
        /// Its tenant, by name or id; left out: your own
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
    },
}

pub(super) async fn run(client: &Client, command: MeetingCommand, format: OutputArgs) -> Result<(), Failure> {
    match command {
        MeetingCommand::List { tenant, server } => {
            let query = [("tenant", tenant), ("server", server)];
            let query: Vec<_> = query.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            list(client, &query, format).await
        }
        MeetingCommand::End { meeting, tenant } => {
            let body = json!({ "meeting_id": meeting, "tenant": tenant });
            client.change(Method::POST, &["conference", "meetings", "end"], Some(&body)).await.map_err(|error| {
                let is_unknown = error.status() == Some(404);
                let failure = Failure::from(error);
                if is_unknown {
                    failure.or_try("amphi conference meeting list, and --tenant where it is another tenant's")
                } else {
                    failure
                }
            })?;
            if format.is_json() {
                print_json(&json!({ "meeting_id": meeting }))
            } else {
                print_line(&plain(&format!("{meeting} ended")))
            }
        }
    }
}

async fn list(client: &Client, query: &[(&str, String)], format: OutputArgs) -> Result<(), Failure> {
    let meetings = client.list(&["conference", "meetings"], query, Order::Newest, LIST_MOST).await?;
    if format.is_json() {
        return print_json(&meetings.into());
    }
    if meetings.is_empty() {
        say("no meetings\n");
        return Ok(());
    }
    let now = when::now();
    let mut table = Table::new(&["MEETING", "TENANT", "NAME", "SERVER", "USERS", "VIDEOS", "BEGAN"]).whole(0);
    for meeting in meetings {
        let meeting: Meeting = decode(meeting)?;
        table.row([
            Cell::from(&meeting.meeting_id),
            Cell::from(&meeting.tenant),
            Cell::from(&meeting.name),
            Cell::from(&meeting.host),
            meeting.users.to_string().into(),
            meeting.videos.to_string().into(),
            when::age(meeting.created, now).into(),
        ]);
    }
    print_table(&table)
}
