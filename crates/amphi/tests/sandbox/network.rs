//! Where programs can't get to: the machine's loopback, the world, and one another.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::Command;

use agent::sandbox::{RoomSpec, SandboxError};

use crate::site::{as_everybody, is_root, python, room, roomy, sandbox, sandbox_with, sh, start};

fn connect(family: &str, address: &str) -> String {
    format!(
        "import socket\ns = socket.socket(socket.{family})\ns.settimeout(5)\ntry: s.connect({address}); print('connected')\nexcept OSError as e: print('refused', e.errno)"
    )
}

#[test]
fn loopback_and_the_world_are_out_of_reach() {
    as_everybody("network::loopback_and_the_world_are_out_of_reach", || async {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        let refused = nix::libc::ECONNREFUSED;
        let loopback = connect("AF_INET", &format!("('127.0.0.1', {port})"));
        assert_eq!(python(&mut room, &loopback).await.ok(), format!("refused {refused}"));
        let unreachable = nix::libc::ENETUNREACH;
        assert_eq!(
            python(&mut room, &connect("AF_INET", "('192.0.2.1', 80)")).await.ok(),
            format!("refused {unreachable}")
        );
        let own = "import socket\nl = socket.create_server(('127.0.0.1', 0))\nsocket.create_connection(l.getsockname())\nprint('own')";
        assert_eq!(python(&mut room, own).await.ok(), "own", "a loopback of its own works");
    });
}

#[test]
fn sockets_without_a_file_are_out_of_reach() {
    as_everybody("network::sockets_without_a_file_are_out_of_reach", || async {
        let name = format!("amphi-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let _listener = UnixListener::bind_addr(&address).expect("bound");
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        let abstract_socket = connect("AF_UNIX", &format!("'\\0{name}'"));
        assert_eq!(python(&mut room, &abstract_socket).await.ok(), format!("refused {}", nix::libc::ECONNREFUSED));
    });
}

#[test]
fn a_network_is_given_only_where_it_is_the_nodes_own() {
    as_everybody("network::a_network_is_given_only_where_it_is_the_nodes_own", || async {
        let sandbox = sandbox().await;
        let refused = sandbox.room(RoomSpec { bytes: 1 << 20, has_network: true }).await;
        assert!(matches!(refused, Err(SandboxError::NoNetwork)), "{refused:?}");
    });
}

#[test]
fn what_one_room_leaves_of_its_connections_the_next_does_not_meet() {
    as_everybody("network::what_one_room_leaves_of_its_connections_the_next_does_not_meet", || async {
        // Who closes first keeps the port for a minute.
        let leave = "import socket\nl = socket.socket()\nl.bind(('127.0.0.1', 7000))\nl.listen()\nc = socket.create_connection(('127.0.0.1', 7000))\ns, _ = l.accept()\ns.close()\nc.recv(1)\nc.close()";
        let bind = "import socket\nsocket.socket().bind(('127.0.0.1', 7000))\nprint('bound')";
        let sandbox = sandbox().await;
        let mut one = room(&sandbox).await;
        python(&mut one, leave).await.ok();
        let again = python(&mut one, bind).await;
        assert!(again.stderr.contains("in use"), "it left nothing, so there is nothing to test: {again:?}");
        drop(one);
        let mut two = room(&sandbox).await;
        assert_eq!(python(&mut two, bind).await.ok(), "bound");
    });
}

/// A network namespace with one address, for as long as the test.
struct Netns(String);

impl Netns {
    fn new() -> Self {
        let netns = Self(format!("amphi-sandbox-{}", std::process::id()));
        ip(&["netns", "add", &netns.0]);
        ip(&["-n", &netns.0, "link", "set", "lo", "up"]);
        ip(&["-n", &netns.0, "address", "add", "10.99.0.1/32", "dev", "lo"]);
        netns
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        ip(&["netns", "delete", &self.0]);
    }
}

fn ip(arguments: &[&str]) {
    let status = Command::new("ip").args(arguments).status().expect("ip runs");
    assert!(status.success(), "ip {arguments:?}");
}

#[test]
fn in_the_nodes_network_rooms_reach_it_and_not_one_anothers_sockets() {
    as_everybody("network::in_the_nodes_network_rooms_reach_it_and_not_one_anothers_sockets", || async {
        if !is_root() {
            return;
        }
        let netns = Netns::new();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let sandbox = sandbox_with(2, Some(&netns.0)).await;
        let spec = RoomSpec { bytes: 1 << 20, has_network: true };
        let mut one = sandbox.room(spec).await.expect("a room");
        let mut two = sandbox.room(spec).await.expect("a room");
        let serve = "import socket, time\nl = socket.create_server(('10.99.0.1', 7000))\nu = socket.socket(socket.AF_UNIX)\nu.bind('\\0room')\nu.listen()\nprint('ready', flush=True)\ntime.sleep(1000)";
        let (process, stdout, _stderr) = start(&mut one, &["python3", "-c", serve], roomy()).await;
        nix::unistd::read(&stdout, &mut [0; 6]).expect("it says that it is ready");
        assert_eq!(python(&mut two, &connect("AF_INET", "('10.99.0.1', 7000)")).await.ok(), "connected");
        let refused = python(&mut two, &connect("AF_INET", &format!("('127.0.0.1', {port})"))).await.ok();
        assert_eq!(refused, format!("refused {}", nix::libc::ECONNREFUSED), "reached the machine's loopback");
        let other = python(&mut two, &connect("AF_UNIX", "'\\0room'")).await.ok();
        assert_eq!(other, format!("refused {}", nix::libc::EPERM), "reached another room's socket");
        drop(process);
        let mut none = {
            drop(two);
            room(&sandbox).await
        };
        assert_ne!(
            sh(&mut none, "python3 -c \"import socket; socket.create_server(('10.99.0.1', 0))\"").await.exit.code,
            0
        );
    });
}
