//! Serf agents that are not nodes of ours: guests, rogues, and forged packets.

use std::ffi::OsStr;
use std::net::UdpSocket;
use std::process::Command;

use harness::cluster::{Cluster, SOON};
use harness::{Owned, wait_for};
use nix::sys::signal::Signal;

/// A `serf agent` of the test's own; it is killed with the value.
pub(crate) struct Agent(Owned);

impl Agent {
    /// Starts an agent called `name` at the cluster's address `host`, which joins the
    /// balancer with the cluster's key.
    pub(crate) fn start(cluster: &Cluster, name: &OsStr, host: u8, tags: &[&str]) -> Self {
        let address = cluster.address(host);
        Self::start_at(cluster, name, &address, &format!("{address}:7373"), tags)
    }

    /// Starts an agent that says to be where a node is: at `bind`, an address and port there.
    pub(crate) fn start_at(
        cluster: &Cluster,
        name: &OsStr,
        bind: &str,
        rpc: &str,
        tags: &[&str],
    ) -> Self {
        // Tests that run under `nohup` or in the background of a script ignore some signals,
        // and so would the agent: it would lose the signal to leave while it starts.
        let mut command = Command::new(harness::require("env"));
        command
            .arg("--default-signal")
            .arg(harness::require("serf"));
        command.arg("agent").arg("-node").arg(name);
        command.args(["-bind", bind, "-rpc-addr", rpc]);
        let balancer = format!("{}:7946", cluster.address(42));
        command.args(["-retry-join", &balancer, "-retry-interval", "1s"]);
        if let Ok(key) = std::fs::read_to_string(cluster.run().join("gossip.key")) {
            command.args(["-encrypt", key.trim()]);
        }
        for tag in tags {
            command.args(["-tag", tag]);
        }
        Self(Owned::spawn(&mut command).unwrap())
    }

    /// Tells it to leave, and does not wait for it.
    pub(crate) fn leave(&self) {
        let pid = self.0.pid();
        // Before that it is `env`, which may not have set the signals to their defaults yet.
        wait_for("the agent to be a program of its own", SOON, || {
            let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
            (comm.trim_end() == "serf").then_some(())
        });
        self.0.signal(Signal::SIGINT);
    }

    /// Waits for the end of an agent that was told to leave.
    pub(crate) fn ended(mut self) {
        wait_for("the end of an agent that leaves", SOON, || {
            (!self.0.runs()).then_some(())
        });
    }
}

/// Sends the gossip packet "this member is alive" without being a member.
///
/// The format is that of memberlist 0.2: the message type (4), then a msgpack map.
pub(crate) fn forge_alive(cluster: &Cluster, name: &[u8], address: &[u8], role: &[u8]) {
    let mut packet = vec![4, 0x86];
    let mut field = |key: &str, value: &[u8]| {
        raw(&mut packet, key.as_bytes());
        packet.extend(value);
    };
    field("Incarnation", &[1]);
    field("Node", &raw_of(name));
    field("Addr", &raw_of(address));
    field("Port", &[0xcd, 0x1f, 0x0a]);
    field(
        "Meta",
        &raw_of(&[&[255, 0x81], &raw_of(b"role")[..], &raw_of(role)[..]].concat()),
    );
    // These are the lowest, highest and current versions of memberlist's protocol, then those
    // of Serf's.
    field("Vsn", &raw_of(&[1, 5, 2, 2, 5, 4]));
    let socket = UdpSocket::bind(format!("{}:0", cluster.address(250))).unwrap();
    socket
        .send_to(&packet, format!("{}:7946", cluster.address(42)))
        .unwrap();
}

fn raw_of(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    raw(&mut out, bytes);
    out
}

/// A string in the old msgpack that Serf speaks: short, or with 16 bits of length.
fn raw(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).expect("a packet is small");
    if length < 32 {
        out.push(0xa0 | length.to_le_bytes()[0]);
    } else {
        out.push(0xda);
        out.extend(length.to_be_bytes());
    }
    out.extend(bytes);
}
