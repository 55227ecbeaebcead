//! Hot reload: the files change, or somebody asks; the policy is read, checked, tested, compiled
//! and swapped in. Whatever goes wrong, the policy in use stays.
//!
//! One thread does all of it, one reload after the other. Requests never wait for it.

mod load;
mod watch;

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use chrono::{DateTime, Utc};

pub use load::LoadError;
pub(crate) use load::{Surroundings, load};

use watch::Watch;

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

/// How the last reload went, for `/ready`.
#[derive(Clone, Debug)]
pub(crate) struct ReloadState {
    /// `started`, `ok`, `unchanged` or `failed`
    pub(crate) outcome: &'static str,
    /// when
    pub(crate) at: DateTime<Utc>,
    /// the codes of what was found, each once
    pub(crate) codes: Vec<String>,
}

impl ReloadState {
    pub(crate) fn new(outcome: &'static str, codes: Vec<String>) -> Self {
        Self { outcome, at: Utc::now(), codes }
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

    /// Ends it.
    pub(crate) fn stop(self) {
        let _sent = self.handle.nudges.send(Nudge::Stop);
        let _ended = self.thread.join();
    }
}

fn run(app: &Arc<App>, mut current: Sources, mut watch: Watch, received: &mpsc::Receiver<Nudge>) {
    let path = app.config.policy.clone();
    let mut watching = true;
    loop {
        // A directory that is gone makes no event when it comes back.
        let first = match watching {
            true => received.recv().ok(),
            false => received.recv_timeout(MISSING_DIRECTORY).ok().or(Some(Nudge::Files)),
        };
        let Some(first) = first else { return };
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
            next = received.recv_timeout(app.config.timings.reload_quiet).ok();
        }
        watching = watch.renew();
        let outcome = reload(app, &path, &mut current, asked);
        for waits in waiting {
            let _sent = waits.send(outcome);
        }
    }
}

fn reload(app: &Arc<App>, path: &Path, current: &mut Sources, asked: bool) -> &'static str {
    let read = settled(path).map_err(LoadError::from);
    if let Ok(sources) = &read
        && sources == current
    {
        // A file that was touched, or that was mended back to what is in use.
        let mended = app.reload_state.load().outcome == "failed";
        if asked || mended {
            finish(app, "unchanged", Vec::new());
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
            finish(app, "ok", Vec::new())
        }
        Err(error) => {
            tracing::error!("the policy was not reloaded, the old one stays in use\n{error}");
            finish(app, "failed", error.codes())
        }
    }
}

fn finish(app: &App, outcome: &'static str, codes: Vec<String>) -> &'static str {
    app.metrics.reload(outcome != "failed");
    app.reload_state.store(Arc::new(ReloadState::new(outcome, codes)));
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
