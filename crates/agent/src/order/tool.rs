//! A checked order to start a tool: any program that this node has, by argv.

use std::time::Duration;

use ipnet::IpNet;
use wire::proto::{self, Family, Start};

use super::{BadOrder, run_id_check};
use crate::resolve::{Destination, has_placeholder};

/// One run of a tool.
#[derive(Clone, Debug)]
pub(crate) struct ToolOrder {
    pub(crate) run: String,
    pub(crate) argv: Vec<String>,
    pub(crate) wall: Option<Duration>,
    /// Cap over both channels, in bytes.
    pub(crate) output_bytes: u64,
    pub(crate) destination: Option<Destination>,
}

impl TryFrom<Start> for ToolOrder {
    type Error = BadOrder;

    fn try_from(start: Start) -> Result<Self, BadOrder> {
        run_id_check(&start.run_id)?;
        if start.argv.first().is_none_or(String::is_empty) {
            return Err(BadOrder::NoProgram);
        }
        if start.output_bytes == 0 {
            return Err(BadOrder::NoOutput);
        }
        if start.destination.is_none() && has_placeholder(&start.argv) {
            return Err(BadOrder::NoDestination);
        }
        Ok(Self {
            run: start.run_id,
            argv: start.argv,
            wall: (start.wall_ms > 0).then(|| Duration::from_millis(start.wall_ms)),
            output_bytes: start.output_bytes,
            destination: start.destination.map(destination).transpose()?,
        })
    }
}

/// A network that can't be read refuses the whole order: leaving it out would open what it was to close.
fn destination(destination: proto::Destination) -> Result<Destination, BadOrder> {
    if destination.host.is_empty() {
        return Err(BadOrder::EmptyDestination);
    }
    let family = Family::try_from(destination.family).map_err(|_| BadOrder::Family(destination.family))?;
    let network = |text: String| text.parse::<IpNet>().map_err(|_| BadOrder::Network(text));
    let refused = destination.refused.into_iter().map(network).collect::<Result<_, _>>()?;
    Ok(Destination { host: destination.host, refused, family })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Start {
        Start {
            run_id: "0198c0de-0000".into(),
            argv: vec!["ping".into(), "{address}".into()],
            output_bytes: 1,
            destination: Some(proto::Destination { host: "a".into(), refused: vec!["10.0.0.0/8".into()], family: 0 }),
            ..Start::default()
        }
    }

    fn refusal(change: impl FnOnce(&mut Start)) -> BadOrder {
        let mut start = good();
        change(&mut start);
        ToolOrder::try_from(start).unwrap_err()
    }

    #[test]
    fn broken_orders_are_refused() {
        assert!(ToolOrder::try_from(good()).is_ok());
        for id in ["", "..", "a/b", "a\0", &"a".repeat(65)] {
            assert_eq!(refusal(|start| start.run_id = id.to_owned()), BadOrder::RunId, "{id:?}");
        }
        assert_eq!(refusal(|start| start.argv.clear()), BadOrder::NoProgram);
        assert_eq!(refusal(|start| start.argv[0].clear()), BadOrder::NoProgram);
        assert_eq!(refusal(|start| start.output_bytes = 0), BadOrder::NoOutput);
        assert_eq!(refusal(|start| start.destination = None), BadOrder::NoDestination);
        let to = |start: &mut Start, refused: &str, family| {
            start.destination = Some(proto::Destination { host: "a".into(), refused: vec![refused.into()], family });
        };
        assert_eq!(refusal(|start| to(start, "10.0.0.0/99", 0)), BadOrder::Network("10.0.0.0/99".into()));
        assert_eq!(refusal(|start| to(start, "10.0.0.0/8", 9)), BadOrder::Family(9));
        assert_eq!(
            refusal(|start| start.destination = Some(proto::Destination::default())),
            BadOrder::EmptyDestination
        );
    }
}
