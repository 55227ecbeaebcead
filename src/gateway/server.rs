//! The gateway as a whole: load, listen, watch, stop.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use super::app::App;
use super::config::Config;
use super::endpoints;
use super::front::Front;
use super::listen::Lanes;
use super::recorder::Recorder;
use super::reload::{LoadError, ReloadHandle, Reloader, Surroundings, load};
use crate::bounds::POLICY_STACK_BYTES;
use crate::dsl::policy::Policy;
use crate::files::{self, FilesError};
use crate::metrics::MetricsError;
use crate::protocol::tokens;

/// Why the gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// the policy cannot be used
    #[error("{0}")]
    Policy(#[from] LoadError),
    /// the address cannot be had
    #[error("cannot listen on {address}: {source}{}", hint(source, *address))]
    Listen {
        /// what was asked for
        address: SocketAddr,
        /// why
        source: io::Error,
    },
    /// requests cannot be recorded
    #[error("cannot record requests in `{}`: {source}; name a file that can be written", path.display())]
    Record {
        /// the file
        path: PathBuf,
        /// why
        source: io::Error,
    },
    /// no thread can be made
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// the metrics cannot be registered
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}

/// What to do about a port that is taken.
fn hint(error: &io::Error, address: SocketAddr) -> String {
    if error.kind() != io::ErrorKind::AddrInUse {
        return String::new();
    }
    format!("; choose another port, or let the system do it: `--listen {}`", SocketAddr::new(address.ip(), 0))
}

impl From<FilesError> for StartError {
    fn from(error: FilesError) -> Self {
        Self::Policy(LoadError::from(error))
    }
}

/// Loads the tokenizer's tables now, aside, rather than in the first request that counts.
fn warm_up() {
    let warm = std::thread::Builder::new().name("warm-up".to_owned()).spawn(tokens::warm_up);
    if let Err(error) = warm {
        tracing::debug!(%error, "no thread to load the tokenizer; the first count will wait for it");
    }
}

/// A gateway that serves. It ends when [`Server::stop`] is called.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    lanes: Lanes,
    reloader: Reloader,
}

impl Server {
    /// Loads the policy, listens, and begins to watch the policy's files.
    ///
    /// # Errors
    /// When the policy cannot be used or the address cannot be had.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let address = config.listen;
        let sources = files::read(&config.policy)?;
        let (lanes, timings) = (config.lanes.max(1), config.timings);
        let recorder = config
            .record
            .as_ref()
            .map(|path| Recorder::start(path).map_err(|source| StartError::Record { path: path.clone(), source }));
        let app = Arc::new(App::new(config, recorder.transpose()?)?);
        let live = {
            let (app, sources) = (Arc::clone(&app), sources.clone());
            let work = move || load(&Surroundings { app: &app, sources: &sources });
            let thread = std::thread::Builder::new().name("load".to_owned()).stack_size(POLICY_STACK_BYTES);
            let thread = thread.spawn(work).map_err(StartError::Thread)?;
            thread.join().unwrap_or(Err(LoadError::Crashed))?
        };
        // A policy that is broken says so even while another program has the port.
        let listener = TcpListener::bind(address).map_err(|source| StartError::Listen { address, source })?;
        app.use_policy(live);
        warm_up();
        let router = endpoints::router();
        let door = |lane| Front::new(Arc::clone(&app), lane, router.clone());
        let lanes = Lanes::start(listener, lanes, timings, door).map_err(StartError::Thread)?;
        let reloader = Reloader::start(Arc::clone(&app), sources).map_err(StartError::Thread)?;
        Ok(Self { app, lanes, reloader })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.lanes.address()
    }

    /// The policy in use.
    #[must_use]
    pub fn policy(&self) -> Option<Arc<Policy>> {
        self.app.live.load().as_ref().map(|live| live.engine.shared_policy())
    }

    /// Whether clients need a key.
    #[must_use]
    pub fn needs_keys(&self) -> bool {
        self.app.live.load().as_ref().is_some_and(|live| !live.keys.is_open())
    }

    /// Asks for reloads.
    #[must_use]
    pub fn reloads(&self) -> ReloadHandle {
        self.reloader.handle()
    }

    /// Takes no new connections, lets the requests under way end, and returns when they have, or
    /// when the time to drain is over.
    pub fn stop(self) {
        self.reloader.stop();
        self.lanes.stop();
        if let Some(recorder) = &self.app.recorder {
            recorder.stop();
        }
    }

    /// Opens the record again by its name, when there is one: somebody may have moved it away.
    pub fn reopen_record(&self) {
        if let Some(recorder) = &self.app.recorder {
            recorder.reopen();
        }
    }
}
