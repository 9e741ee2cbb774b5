//! The options by which a program is told which agent to ask.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::{Address, Client, read_key};

// No doc comment: clap would take it for the page of the program.
#[allow(
    missing_docs,
    reason = "clap would take it for the page of the program"
)]
#[derive(Clone, Debug, clap::Args)]
pub struct Agent {
    /// The address of the agent's RPC: IP:PORT, [IP]:PORT or localhost:PORT
    #[arg(
        long,
        env = "SERF_RPC_ADDR",
        default_value = "127.0.0.1:7373",
        value_name = "HOST:PORT"
    )]
    rpc: Address,
    /// The file that holds the agent's RPC key
    #[arg(long, env = "SERF_RPC_KEY_FILE", value_name = "FILE")]
    rpc_key_file: Option<PathBuf>,
}

impl Agent {
    /// Connects to it, with the key that the file has now.
    pub fn connect(&self, limit: Duration) -> Result<Client> {
        let key = self.rpc_key_file.as_deref().map(read_key).transpose()?;
        Client::connect(&self.rpc, key.as_deref(), limit)
    }
}
