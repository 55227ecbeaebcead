//! `ccr-policy serve`: the gateway.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::log::{self, LogForm};
use super::policy::{PolicyPath, contents};
use crate::gateway::config::Config;
use crate::gateway::{Server, StartError};

/// Serves a policy: requests come in, the policy decides, an upstream answers.
///
/// The policy is read again when its files change, or on SIGHUP. SIGTERM and Ctrl-C let the
/// requests under way end. Log levels come from RUST_LOG (default: info).
#[derive(Debug, Args)]
pub(super) struct ServeArguments {
    #[command(flatten)]
    policy: PolicyPath,
    /// Where to listen; port 0 takes any. Off loopback the policy has to declare client keys
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3456", value_parser = listen_address)]
    listen: SocketAddr,
    /// A further `Host` under which it may be called; may be repeated
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// Serving threads; as many as processors when left out
    #[arg(long, value_name = "NUMBER")]
    threads: Option<usize>,
    /// Appends a line for each request to this file: what the policy read of it, where it went and
    /// what it cost, no text of it. For `ccr-policy replay`; SIGHUP opens it again
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// The form of the log, on standard error
    #[arg(long, value_enum, default_value_t = LogForm::Text)]
    log: LogForm,
}

/// `ADDRESS:PORT` or `localhost:PORT`.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    text.parse().map_err(|_| match text.trim_start_matches(':').parse::<u16>() {
        Ok(port) => format!("a port needs an address before it: write `127.0.0.1:{port}`"),
        Err(_) => "write an address and a port, such as `127.0.0.1:3456` or `localhost:3456`".to_owned(),
    })
}

/// Runs until it is interrupted.
pub(super) fn run(arguments: &ServeArguments) -> ExitCode {
    let _flush = log::start(arguments.log);
    let mut config = Config::new(arguments.policy.get().to_owned(), arguments.listen);
    config.hosts.clone_from(&arguments.host);
    config.lanes = arguments.threads.unwrap_or(config.lanes).clamp(1, MOST_THREADS);
    config.record.clone_from(&arguments.record);
    let server = match Server::start(config) {
        Ok(server) => server,
        Err(error) => return refused(&error),
    };
    say_hello(&server, arguments.policy.get());
    let outcome = wait(&server);
    super::say("stopping: requests under way may end");
    server.stop();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            super::complain(&error);
            ExitCode::from(2)
        }
    }
}

/// Beyond this, threads only cost.
const MOST_THREADS: usize = 256;

fn refused(error: &StartError) -> ExitCode {
    match error {
        StartError::Policy(policy) if policy.is_finding() => {
            // Findings bring their own heading.
            super::complain_plainly(&error.to_string());
            ExitCode::FAILURE
        }
        _ => {
            super::complain(error);
            ExitCode::from(2)
        }
    }
}

/// Waits for the signal to stop; a hang-up asks for a reload.
fn wait(server: &Server) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut terminate = signal(SignalKind::terminate())?;
        loop {
            tokio::select! {
                interrupted = tokio::signal::ctrl_c() => return interrupted,
                _ = terminate.recv() => return Ok(()),
                _ = hang_up.recv() => {
                    server.reopen_record();
                    server.reloads().ask();
                }
            }
        }
    })
}

fn say_hello(server: &Server, path: &Path) {
    let url = format!("http://{}", server.address());
    super::say(&format!("ccr-policy {} serves {} at {url}", env!("CARGO_PKG_VERSION"), path.display()));
    if let Some(policy) = server.policy() {
        super::say(&format!("  {}; policy {}", contents(&policy), policy.digest));
    }
    let (key, model) = if server.needs_keys() {
        (" \\\n    -H 'authorization: Bearer YOUR_KEY'", "ANTHROPIC_AUTH_TOKEN=YOUR_KEY ")
    } else {
        ("", "ANTHROPIC_AUTH_TOKEN=any ")
    };
    super::say("try it:");
    super::say(&format!(
        "  curl -i {url}/v1/messages{key} \\\n    -H 'content-type: application/json' \\\n    -d '{{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":256,\"messages\":[{{\"role\":\"user\",\"content\":\"hello\"}}]}}'"
    ));
    super::say(&format!("or with Claude Code:\n  ANTHROPIC_BASE_URL={url} {model}claude"));
    super::say(&format!("and watch:\n  curl {url}/health\n  curl {url}/metrics"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (text, address) in
            [("localhost:3501", "127.0.0.1:3501"), ("0.0.0.0:80", "0.0.0.0:80"), ("[::1]:9", "[::1]:9")]
        {
            assert_eq!(listen_address(text).unwrap().to_string(), address);
        }
        for (text, part) in
            [("3501", "`127.0.0.1:3501`"), (":3501", "`127.0.0.1:3501`"), ("here", "such as"), ("localhost", "such as")]
        {
            assert!(listen_address(text).unwrap_err().contains(part), "{text}");
        }
    }
}
