//! `check --watch`: the report again at each change, until somebody stops it.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Instant;

use super::super::{complain_plainly, show};
use super::{CheckArguments, look, report};
use crate::bounds::{RELOAD_QUIET, RELOAD_WAIT};
use crate::diag::Source;
use crate::gateway::Watch;

/// Clears what a terminal shows and goes to its first line; what it has scrolled is the author's.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// Reports, and reports again whenever a text of one of the policies is another one. It ends with
/// Ctrl-C, and when nobody reads any more.
pub(super) fn run(arguments: &CheckArguments) -> ExitCode {
    let (sender, changes) = channel();
    let mut watches = Vec::new();
    for path in arguments.policies.get() {
        let sender = sender.clone();
        let watch = Watch::start(path, move || {
            // A receiver that is gone is this function's end.
            let _gone = sender.send(());
        });
        if !watch.works() {
            complain_plainly(&format!("error: `{}` cannot be watched on this system", path.display()));
            return ExitCode::from(2);
        }
        watches.push(watch);
    }
    let terminal = std::io::stdout().is_terminal();
    let mut before: Option<Vec<Source>> = None;
    let mut complete = true;
    loop {
        let looked = look(arguments);
        let texts: Vec<Source> =
            looked.policies.iter().flat_map(|policy| policy.sources.iter().map(|(_, source)| source.clone())).collect();
        // A policy that cannot be read has no texts; that it cannot is news each time.
        if before.as_ref() != Some(&texts) || looked.failed {
            if terminal {
                show(CLEAR);
            }
            report(arguments, &looked);
            let ended =
                writeln!(std::io::stdout(), "\nwatching; Ctrl-C ends it").and_then(|()| std::io::stdout().flush());
            if ended.is_err() {
                return ExitCode::SUCCESS;
            }
        }
        before = Some(texts);
        loop {
            let Some(changed) = waited(&changes, complete) else { return ExitCode::SUCCESS };
            // Each is renewed, whatever became of the others.
            complete = watches.iter_mut().filter_map(|watch| (!watch.renew()).then_some(())).count() == 0;
            if changed || complete {
                break;
            }
        }
    }
}

/// Waits for a change. A directory that is gone tells nothing when it comes back, so as long as the
/// watch is not `complete` this ends without one too, with false. None: there will be no more.
fn waited(changes: &Receiver<()>, complete: bool) -> Option<bool> {
    if complete {
        return settled(changes).then_some(true);
    }
    match changes.recv_timeout(RELOAD_WAIT) {
        Ok(()) => Some(true),
        Err(RecvTimeoutError::Timeout) => Some(false),
        Err(RecvTimeoutError::Disconnected) => None,
    }
}

/// Waits for a change, and for the quiet behind it: an editor writes several times. False: there will
/// be no more.
fn settled(changes: &Receiver<()>) -> bool {
    if changes.recv().is_err() {
        return false;
    }
    let first = Instant::now();
    while first.elapsed() < RELOAD_WAIT && changes.recv_timeout(RELOAD_QUIET).is_ok() {}
    true
}
