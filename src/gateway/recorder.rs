//! Appends a line for each request to a file, aside: whoever serves only hands over what there is
//! to say, and never waits. What does not fit the queue is dropped, counted, and said.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use uuid::Uuid;

use super::phases::accept::Exchange;
use super::phases::settle::Trail;
use crate::bounds::{MAX_QUEUED_RECORD_BYTES, MAX_QUEUED_RECORDS};
use crate::dsl::policy::ModelId;
use crate::engine::price::Tokens;
use crate::facts::Facts as _;
use crate::metrics::Outcome;
use crate::protocol::Usage;
use crate::record::{Entry, Recipe};

/// A request that is over.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) trail: Trail,
    pub(crate) outcome: Outcome,
    pub(crate) cached: bool,
    pub(crate) usage: Option<Usage>,
    pub(crate) cost_usd: Option<f64>,
}

#[derive(Debug)]
enum Message {
    Write(Box<Finished>),
    /// the file may have been moved away
    Reopen,
    Stop,
}

/// The queue, as those who serve see it.
#[derive(Debug)]
pub(crate) struct Recorder {
    queue: SyncSender<Message>,
    load: Arc<Load>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What is in the queue, and what did not fit.
#[derive(Debug, Default)]
struct Load {
    bytes: AtomicUsize,
    dropped: AtomicU64,
}

impl Recorder {
    /// Opens the file and starts the writer.
    ///
    /// # Errors
    /// When the file cannot be written, or no thread can be made.
    pub(crate) fn start(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        let (queue, messages) = sync_channel(MAX_QUEUED_RECORDS);
        let load = Arc::new(Load::default());
        let writer = Writer {
            path: path.to_owned(),
            file: BufWriter::new(file),
            load: Arc::clone(&load),
            recipe: None,
            key: key(),
            lost: 0,
        };
        let thread = std::thread::Builder::new().name("record".to_owned());
        let thread = thread.spawn(move || writer.run(&messages))?;
        Ok(Self { queue, load, writer: Mutex::new(Some(thread)) })
    }

    /// Hands over a request that is over.
    pub(crate) fn offer(&self, finished: Finished) {
        let bytes = finished.exchange.request.body().len();
        let queued = self.load.bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = queued.saturating_add(bytes) <= MAX_QUEUED_RECORD_BYTES || queued == 0;
        let taken = fits && self.queue.try_send(Message::Write(Box::new(finished))).is_ok();
        if !taken {
            self.load.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.load.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Opens the file again by its name: somebody may have moved it away.
    pub(crate) fn reopen(&self) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(Message::Reopen) {
            tracing::warn!("the record was not opened again: its queue is full; send SIGHUP again");
        }
    }

    /// Writes what is queued, and ends.
    pub(crate) fn stop(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer
            && self.queue.send(Message::Stop).is_ok()
        {
            let _ended = writer.join();
        }
    }
}

/// For its owner only: what is read of requests is nobody else's business. A line that a crash or a
/// full disk cut off is ended, so that it does not take the next one with it.
fn open(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    // What has no length (a pipe, a terminal) has no cut line either.
    if file.metadata()?.len() > 0 {
        let mut last = [0];
        file.seek(io::SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

/// A key that lives as long as the process: nobody can try out which id gives a hash.
fn key() -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for _ in 0..4 {
        hasher.update(Uuid::now_v7().as_bytes());
    }
    *hasher.finalize().as_bytes()
}

struct Writer {
    path: PathBuf,
    file: BufWriter<File>,
    load: Arc<Load>,
    /// of the policy with this digest
    recipe: Option<(Arc<str>, Recipe)>,
    key: [u8; 32],
    /// lines that could not be written since it was said last
    lost: u64,
}

impl Writer {
    fn run(mut self, messages: &Receiver<Message>) {
        loop {
            let message = match messages.try_recv() {
                Ok(message) => message,
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) => {
                    self.flush();
                    match messages.recv() {
                        Ok(message) => message,
                        Err(_) => break,
                    }
                }
            };
            match message {
                Message::Write(finished) => self.write(&finished),
                Message::Reopen => self.reopen(),
                Message::Stop => break,
            }
        }
        self.flush();
    }

    fn write(&mut self, finished: &Finished) {
        let line = self.entry(finished).line();
        self.load.bytes.fetch_sub(finished.exchange.request.body().len(), Ordering::Relaxed);
        if let Err(error) = writeln!(self.file, "{line}") {
            self.fails(&error);
        }
        let dropped = self.load.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(dropped, "requests were not recorded: they came faster than they could be written");
        }
    }

    fn entry(&mut self, finished: &Finished) -> Entry {
        let exchange = &finished.exchange;
        let live = &exchange.entry.live;
        let recipe = match self.recipe.take() {
            Some((digest, recipe)) if *digest == *live.digest() => recipe,
            _ => Recipe::new(live.policy(), live.engine.program()),
        };
        let facts = exchange.facts();
        let key = &self.key;
        let hash = |id: &str| blake3::keyed_hash(key, id.as_bytes()).to_hex().chars().take(16).collect();
        let name = |id: ModelId| live.target(id).map(|target| target.name.to_string());
        let tenant = exchange.entry.caller.tenant.map(|_| exchange.entry.tenant_name().to_owned());
        let trail = &finished.trail;
        let entry = Entry {
            at: exchange.now,
            policy: live.digest().to_owned(),
            tenant,
            facts: recipe.facts(&facts, &hash),
            holds: recipe.holds(&facts),
            needs: facts.needs(),
            tokens_bound: facts.tokens_bound(),
            decision: trail.decision.as_ref().map(|(_, _, text)| text.to_string()),
            model: trail.model.and_then(name),
            attempts: trail.attempts,
            outcome: finished.outcome.name().to_owned(),
            cached: finished.cached,
            usage: finished.usage.map(|usage| Tokens {
                input: usage.input,
                output: usage.output,
                cache_read: usage.cache_read,
                cache_write: usage.cache_write,
            }),
            cost_usd: finished.cost_usd,
        };
        self.recipe = Some((Arc::from(live.digest()), recipe));
        entry
    }

    fn reopen(&mut self) {
        self.flush();
        match open(&self.path) {
            Ok(file) => self.file = BufWriter::new(file),
            Err(error) => {
                tracing::error!(%error, "the record cannot be opened again; it goes on in the file that was open");
            }
        }
    }

    fn flush(&mut self) {
        if let Err(error) = self.file.flush() {
            self.fails(&error);
        }
    }

    /// Said once until it is opened again: a full disk would fill the log too.
    fn fails(&mut self, error: &io::Error) {
        if self.lost == 0 {
            tracing::error!(%error, "the record cannot be written; requests are served all the same");
        }
        self.lost += 1;
    }
}
