//! `ccr-policy mock`: the fake upstream on its own.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;

use crate::mock::{KnobError, Knobs, MockError};

/// Runs the built-in fake upstream: Anthropic, OpenAI Chat and Responses, Gemini; streams, tools.
///
/// A request can turn its own knobs: by headers (`x-mock-cut: 5`) or behind the model's name
/// (`small+cut=5+latency=20ms`).
#[derive(Debug, Args)]
pub(super) struct MockArguments {
    /// Where to listen; loopback only, port 0 takes any
    #[arg(long, default_value = "127.0.0.1:3457")]
    listen: SocketAddr,
    /// Wait before each answer: 20ms, 1.5s
    #[arg(long)]
    latency: Option<String>,
    /// Share of requests that fail: 5%
    #[arg(long)]
    fail: Option<String>,
    /// Status of a failing request; without --fail every request gets it
    #[arg(long)]
    status: Option<String>,
    /// `retry-after` of a failing request, in seconds
    #[arg(long)]
    retry_after: Option<String>,
    /// Never answer
    #[arg(long)]
    hang: bool,
    /// Reset the connection instead of answering
    #[arg(long)]
    reset: bool,
    /// Close the connection after this many content chunks of a stream
    #[arg(long)]
    cut: Option<String>,
    /// Say nothing more after this many content chunks of a stream
    #[arg(long)]
    stall: Option<String>,
    /// Send an error event after this many content chunks of a stream
    #[arg(long = "break")]
    break_after: Option<String>,
    /// Content chunks of a stream
    #[arg(long)]
    chunks: Option<String>,
    /// Wait between the chunks of a stream: 10ms
    #[arg(long)]
    chunk_delay: Option<String>,
    /// What it answers
    #[arg(long)]
    reply: Option<String>,
    /// Cut characters of several bytes in two writes
    #[arg(long)]
    split: bool,
    /// Do not check requests: for benchmarks
    #[arg(long)]
    trusting: bool,
}

/// Why the mock did not run.
#[derive(Debug, thiserror::Error)]
enum MockCommandError {
    #[error(transparent)]
    Knob(#[from] KnobError),
    #[error(transparent)]
    Mock(#[from] MockError),
    #[error("cannot start: {0}")]
    Runtime(#[from] std::io::Error),
}

/// Runs until it is interrupted.
pub(super) fn run(arguments: &MockArguments) -> ExitCode {
    match serve(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            super::complain(&error);
            ExitCode::from(2)
        }
    }
}

fn knobs(arguments: &MockArguments) -> Result<Knobs, KnobError> {
    let mut knobs = Knobs::default();
    let values = [
        ("latency", &arguments.latency),
        ("fail", &arguments.fail),
        ("status", &arguments.status),
        ("retry_after", &arguments.retry_after),
        ("cut", &arguments.cut),
        ("stall", &arguments.stall),
        ("break", &arguments.break_after),
        ("chunks", &arguments.chunks),
        ("chunk_delay", &arguments.chunk_delay),
        ("reply", &arguments.reply),
    ];
    for (name, value) in values {
        if let Some(value) = value {
            knobs.set(name, value)?;
        }
    }
    knobs.hang = arguments.hang;
    knobs.reset = arguments.reset;
    knobs.split_characters = arguments.split;
    knobs.trusting = arguments.trusting;
    Ok(knobs)
}

fn serve(arguments: &MockArguments) -> Result<(), MockCommandError> {
    let knobs = knobs(arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mock = crate::mock::spawn(arguments.listen, vec![(String::new(), knobs)]).await?;
        super::say(&format!(
            "mock upstream on http://{}: POST /v1/messages, /v1/chat/completions, /v1/embeddings, /v1/responses and \
             /v1beta/models/NAME:generateContent; Ctrl-C ends it",
            mock.addr
        ));
        interrupted().await?;
        mock.shutdown().await;
        Ok(())
    })
}

/// Waits for SIGINT or SIGTERM.
async fn interrupted() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        outcome = tokio::signal::ctrl_c() => outcome,
        _ = terminate.recv() => Ok(()),
    }
}
