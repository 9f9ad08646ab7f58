//! A slot's own network: a loopback that works, and nothing else. It serves room after room, because making one costs
//! more than starting a program.
//!
//! What a room does there ends with its processes, but for what the kernel keeps of connections: a port stays taken for a
//! minute after its connection has ended. A network with anything of that kind is given up for a new one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::namespace;

/// Sockets by kind, of the network that they were opened in. Source: proc(5), `net/sockstat`.
const COUNTS: [&str; 2] = ["/proc/self/net/sockstat", "/proc/self/net/sockstat6"];
/// Longest of them, in bytes, with room to spare.
const COUNTS_BYTES: usize = 1024;

/// See the module's description.
pub(super) struct Network(Vec<File>);

impl Network {
    /// Puts the calling process into a new one.
    pub(super) fn enter() -> io::Result<Self> {
        namespace::network_unshare()?;
        // Without IPv6 there is no second file; without any, each room gets a network of its own.
        Ok(Self(COUNTS.iter().filter_map(|path| File::open(path).ok()).collect()))
    }

    /// Whether there is anything in it. Asked while no process but the caller is.
    pub(super) fn is_used(&self) -> bool {
        let mut bytes = [0; COUNTS_BYTES];
        let is_empty = |file: &File, bytes: &mut [u8]| {
            let length = file.read_at(bytes, 0).unwrap_or_default();
            bytes.get(..length).and_then(|text| std::str::from_utf8(text).ok()).is_some_and(has_nothing)
        };
        self.0.is_empty() || !self.0.iter().all(|file| is_empty(file, &mut bytes))
    }
}

/// Whether no socket is in use and none waits for its time to end. Other numbers there are those of the whole machine.
fn has_nothing(counts: &str) -> bool {
    let mut lines = counts.lines().filter_map(|line| line.split_once(": ")).peekable();
    lines.peek().is_some()
        && lines.filter(|(kind, _)| *kind != "sockets").all(|(_, counts)| {
            let words: Vec<&str> = counts.split_whitespace().collect();
            words.chunks(2).all(|pair| !matches!(pair, ["inuse" | "tw", count] if *count != "0"))
        })
}

#[cfg(test)]
mod tests {
    use super::has_nothing;

    const EMPTY: &str = "sockets: used 3\nTCP: inuse 0 orphan 0 tw 0 alloc 7 mem 2\nUDP: inuse 0 mem 1\nRAW: inuse 0\n";

    #[test]
    fn only_what_is_this_networks_counts() {
        assert!(has_nothing(EMPTY));
        assert!(!has_nothing(&EMPTY.replace("tw 0", "tw 1")));
        assert!(!has_nothing(&EMPTY.replace("TCP: inuse 0", "TCP: inuse 2")));
        assert!(!has_nothing(&EMPTY.replace("UDP: inuse 0", "UDP: inuse 1")));
        assert!(!has_nothing(""));
    }
}
