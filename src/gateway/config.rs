//! What the gateway is started with: ready to use, nothing left to parse.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::bounds;

/// Every wait of the gateway. The defaults are those of [`bounds`]; tests shorten them.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each is documented where its constant stands, in `bounds`")]
pub struct Timings {
    pub connect: Duration,
    pub first_content: Duration,
    pub stream_idle: Duration,
    pub deadline: Duration,
    pub request_head: Duration,
    pub request_body: Duration,
    pub keep_alive: Duration,
    pub client_stall: Duration,
    pub ping: Duration,
    pub drain: Duration,
    pub reload_quiet: Duration,
    pub reload_wait: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            connect: bounds::CONNECT,
            first_content: bounds::FIRST_CONTENT,
            stream_idle: bounds::STREAM_IDLE,
            deadline: bounds::DEADLINE,
            request_head: bounds::REQUEST_HEAD,
            request_body: bounds::REQUEST_BODY,
            keep_alive: bounds::KEEP_ALIVE,
            client_stall: bounds::CLIENT_STALL,
            ping: bounds::PING,
            drain: bounds::DRAIN,
            reload_quiet: bounds::RELOAD_QUIET,
            reload_wait: bounds::RELOAD_WAIT,
        }
    }
}

/// How to serve.
#[derive(Clone, Debug)]
pub struct Config {
    /// the policy: a directory or a file
    pub policy: PathBuf,
    /// where to listen; port 0 takes a free one
    pub listen: SocketAddr,
    /// further names under which the gateway may be called (the `Host` header), without port
    pub hosts: Vec<String>,
    /// serving threads, at least 1
    pub lanes: usize,
    /// the waits
    pub timings: Timings,
    /// a file that gets a line for each request, without any text of it
    pub record: Option<PathBuf>,
}

impl Config {
    /// Serves `policy` at `listen` with everything else as usual: a thread a processor.
    #[must_use]
    pub fn new(policy: PathBuf, listen: SocketAddr) -> Self {
        let lanes = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { policy, listen, hosts: Vec::new(), lanes, timings: Timings::default(), record: None }
    }
}
