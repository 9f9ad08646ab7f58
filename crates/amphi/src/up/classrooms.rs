//! The demo's classrooms: two conference servers that rehearse, without sound and picture, and a room to try them with.
//! They end with the program.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Context;
use classroom::Classroom;
use rehearsal::{Conference, ConferencePlan};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Client;

/// The servers' ids, the same at every start.
const SERVERS: [&str; 2] = ["rehearsal-a", "rehearsal-b"];
const ROOM: &str = "Demonstration classroom";

/// The servers, and where the room is; dropping it ends them.
pub(super) struct Classrooms {
    _servers: Vec<Conference>,
    /// The path of the room's page.
    pub(super) path: String,
}

impl Classrooms {
    /// Starts the servers where people who reach `listen` reach them too, and makes the room unless a former start has.
    pub(super) async fn start(classroom: &Classroom, client: &Client, listen: IpAddr) -> anyhow::Result<Self> {
        let address = if listen.is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { listen };
        let mut servers = Vec::new();
        for id in SERVERS {
            let secret = format!("{:032x}", rand::random::<u128>());
            let plan = ConferencePlan { secret, listen: SocketAddr::new(address, 0), ..ConferencePlan::default() };
            let server = Conference::start(plan).await.with_context(|| format!("starting {id}"))?;
            let put = classroom.stand_in_put(id, &server.url(), server.secret()).await;
            put.map_err(|problem| anyhow::anyhow!("adding {id}: {}", problem.message()))?;
            servers.push(server);
        }
        Ok(Self { _servers: servers, path: format!("/classrooms/{}", room(client).await?) })
    }
}

/// The id of the demo's room.
async fn room(client: &Client) -> anyhow::Result<String> {
    let listed: Value = client.get(&["rooms"], &[("mine", "true".to_owned()), ("limit", "200".to_owned())]).await?;
    let known = listed["items"].as_array().and_then(|rooms| rooms.iter().find(|room| room["name"] == ROOM)).cloned();
    let room = match known {
        Some(room) => room,
        None => {
            let new = json!({ "name": ROOM, "settings": { "welcome": "Nothing is heard or seen here: this is a rehearsal." } });
            client.change(Method::POST, &["rooms"], Some(&new)).await.context("making a classroom")?
        }
    };
    room["id"].as_str().map(str::to_owned).context("a room has an id")
}
