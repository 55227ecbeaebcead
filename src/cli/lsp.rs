//! `ccr-policy lsp`: the language server on stdin and stdout.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::bounds::POLICY_STACK_BYTES;
use crate::lsp;

/// Serves an editor: diagnostics as you type, hover, completion, renaming and more.
///
/// It speaks the Language Server Protocol on stdin and stdout; an editor starts it. Exit code 0:
/// the editor said goodbye. 1: it left without. 2: could not run. See docs/editors.md.
#[derive(Debug, Args)]
pub(super) struct LspArguments {
    /// Accepted because many editors pass it; there is no other way
    #[arg(long)]
    stdio: bool,
}

/// Runs the command.
pub(super) fn run(arguments: &LspArguments) -> ExitCode {
    let _ = arguments.stdio;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(POLICY_STACK_BYTES)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            super::complain(&error);
            return ExitCode::from(2);
        }
    };
    // On a worker, whose stack suffices for every text; the main thread's does not.
    let clean = runtime.block_on(async { tokio::spawn(lsp::server::serve()).await.unwrap_or(false) });
    // A thread that waits for stdin cannot be woken.
    runtime.shutdown_timeout(Duration::ZERO);
    if clean { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
