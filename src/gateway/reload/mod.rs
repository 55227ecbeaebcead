//! Hot reload: the files change, or somebody asks; the policy is read, checked, tested, compiled
//! and swapped in. Whatever goes wrong, the policy in use stays.
//!
//! One thread does all of it, one reload after the other. Requests never wait for it.

mod load;
mod watch;

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

pub use load::LoadError;
pub(crate) use load::{Surroundings, load};

pub(crate) use watch::Watch;

use super::app::App;
use crate::bounds::POLICY_STACK_BYTES;
use crate::diag::Sources;
use crate::files::{self, FilesError};

/// Wait between two readings that have to agree.
const BETWEEN_READINGS: Duration = Duration::from_millis(50);
/// Readings until it is said that the files do not come to rest.
const MOST_READINGS: u32 = 40;

/// How often a directory that is gone is looked for.
const MISSING_DIRECTORY: Duration = Duration::from_secs(1);

/// How long the end of the program waits for a reload under way.
const LAST_RELOAD: Duration = Duration::from_secs(1);

/// How the last reload went, for `/ready`.
#[derive(Clone, Debug)]
pub(crate) struct ReloadState {
    /// `started`, `ok`, `unchanged` or `failed`
    pub(crate) outcome: &'static str,
    /// when
    pub(crate) at: DateTime<Utc>,
    /// the codes of what was found, or words for what else was wrong, each once
    pub(crate) codes: Vec<String>,
    /// what was wrong, in one line
    pub(crate) error: Option<String>,
}

impl ReloadState {
    pub(crate) fn new(outcome: &'static str) -> Self {
        Self { outcome, at: Utc::now(), codes: Vec::new(), error: None }
    }

    fn failed(error: &LoadError) -> Self {
        Self { codes: error.codes(), error: Some(error.line()), ..Self::new("failed") }
    }
}

/// Why to look at the files.
enum Nudge {
    /// something in their directory changed
    Files,
    /// somebody asked; who waits for the outcome
    Asked(Option<mpsc::Sender<&'static str>>),
    /// the program ends
    Stop,
}

/// Asks for a reload.
#[derive(Clone, Debug)]
pub struct ReloadHandle {
    nudges: mpsc::Sender<Nudge>,
}

impl std::fmt::Debug for Nudge {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Files => "Files",
            Self::Asked(_) => "Asked",
            Self::Stop => "Stop",
        })
    }
}

impl ReloadHandle {
    /// Reads the policy again, as if its files had changed. Does not wait.
    pub fn ask(&self) {
        // After the end nobody reloads, and nobody needs to.
        let _sent = self.nudges.send(Nudge::Asked(None));
    }

    /// Reads the policy again and waits for the outcome: `ok`, `unchanged` or `failed`.
    #[must_use]
    pub fn ask_and_wait(&self) -> &'static str {
        let (sender, outcome) = mpsc::channel();
        let _sent = self.nudges.send(Nudge::Asked(Some(sender)));
        outcome.recv().unwrap_or("failed")
    }
}

/// The thread that reloads.
#[derive(Debug)]
pub(crate) struct Reloader {
    handle: ReloadHandle,
    thread: JoinHandle<()>,
}

impl Reloader {
    /// Begins to watch.
    ///
    /// # Errors
    /// When the thread cannot be made.
    pub(crate) fn start(app: Arc<App>, sources: Sources) -> std::io::Result<Self> {
        let (nudges, received) = mpsc::channel();
        let handle = ReloadHandle { nudges: nudges.clone() };
        let events = nudges.clone();
        let watch = Watch::start(&app.config.policy, move || {
            let _sent = events.send(Nudge::Files);
        });
        // The files may have changed between their reading and the beginning of the watch.
        let _sent = nudges.send(Nudge::Files);
        let thread = std::thread::Builder::new()
            .name("reload".to_owned())
            .stack_size(POLICY_STACK_BYTES)
            .spawn(move || run(&app, sources, watch, &received))?;
        Ok(Self { handle, thread })
    }

    pub(crate) fn handle(&self) -> ReloadHandle {
        self.handle.clone()
    }

    /// Ends it, or leaves it behind when it is in the middle of something: the end of the program
    /// does not wait for files.
    pub(crate) fn stop(self) {
        let _sent = self.handle.nudges.send(Nudge::Stop);
        let until = Instant::now() + LAST_RELOAD;
        while !self.thread.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn run(app: &Arc<App>, mut current: Sources, mut watch: Watch, received: &mpsc::Receiver<Nudge>) {
    let path = app.config.policy.clone();
    let mut watching = true;
    loop {
        // A directory that is gone makes no event when it comes back.
        let heard = match watching {
            true => received.recv().map_err(|_| RecvTimeoutError::Disconnected),
            false => received.recv_timeout(MISSING_DIRECTORY),
        };
        let (first, nobody) = match heard {
            Ok(nudge) => (nudge, false),
            Err(RecvTimeoutError::Timeout) => (Nudge::Files, true),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let until = Instant::now() + app.config.timings.reload_wait;
        let (mut asked, mut waiting) = (false, Vec::new());
        let mut next = Some(first);
        // Editors and config maps change several files one after the other.
        while let Some(nudge) = next {
            match nudge {
                Nudge::Stop => return,
                Nudge::Files => {}
                Nudge::Asked(waits) => {
                    asked = true;
                    waiting.extend(waits);
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            // What is not looked at any more stays in the queue: it may be the word to stop.
            let quiet = app.config.timings.reload_quiet.min(left);
            next = if left.is_zero() { None } else { received.recv_timeout(quiet).ok() };
        }
        watching = watch.renew();
        let why = if asked {
            Why::Asked
        } else if nobody {
            Why::Nothing
        } else {
            Why::Files
        };
        let outcome = reload(app, &path, &mut current, why);
        for waits in waiting {
            let _sent = waits.send(outcome);
        }
    }
}

/// Why the files are read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// somebody asked
    Asked,
    /// something happened to them
    Files,
    /// nothing happened: they are gone, and may be back
    Nothing,
}

fn reload(app: &Arc<App>, path: &Path, current: &mut Sources, why: Why) -> &'static str {
    let read = settled(path).map_err(LoadError::from);
    if let Ok(sources) = &read
        && sources == current
    {
        // A file that was touched, or that was mended back to what is in use.
        let mended = app.reload_state.load().outcome == "failed";
        if why == Why::Asked || mended {
            tracing::info!("the policy was read again: it is the one in use");
            finish(app, ReloadState::new("unchanged"));
        }
        return "unchanged";
    }
    let made = read.and_then(|sources| {
        let surroundings = Surroundings { app, sources: &sources };
        // A defect in the compiler must not end the reloads to come.
        let made =
            std::panic::catch_unwind(AssertUnwindSafe(|| load(&surroundings))).unwrap_or(Err(LoadError::Crashed));
        made.map(|live| (sources, live))
    });
    match made {
        Ok((sources, live)) => {
            tracing::info!(policy = live.digest(), "the policy was reloaded");
            app.use_policy(live);
            *current = sources;
            finish(app, ReloadState::new("ok"))
        }
        Err(error) => {
            let state = ReloadState::failed(&error);
            // Said once: while files are missing they are looked for every second.
            if why != Why::Nothing || app.reload_state.load().error != state.error {
                tracing::error!("the policy was not reloaded, the old one stays in use\n{error}");
                finish(app, state);
            }
            "failed"
        }
    }
}

fn finish(app: &App, state: ReloadState) -> &'static str {
    let outcome = state.outcome;
    app.metrics.reload(outcome != "failed");
    app.reload_state.store(Arc::new(state));
    outcome
}

/// Reads until two readings agree: a file that is being written is not a policy.
fn settled(path: &Path) -> Result<Sources, FilesError> {
    let mut before = files::read(path);
    for _ in 0..MOST_READINGS {
        std::thread::sleep(BETWEEN_READINGS);
        let now = files::read(path);
        let agree = match (&before, &now) {
            (Ok(before), Ok(now)) => before == now,
            (Err(before), Err(now)) => before.to_string() == now.to_string(),
            _ => false,
        };
        if agree {
            return now;
        }
        before = now;
    }
    before
}
