//! The log on standard error. Lines are collected and written together, aside: a request does not
//! wait for whoever reads them. Warnings and errors are written at once.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::ValueEnum;
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Longest time that a line waits.
const DELAY: Duration = Duration::from_millis(100);
/// Bytes that may wait; beyond that whoever logs writes them itself, so that nothing is lost and
/// memory is bounded.
const MOST_WAITING_BYTES: usize = 256 << 10;

/// The form of the log.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum LogForm {
    /// for people
    Text,
    /// one JSON object a line
    Json,
}

const DEFAULT_FILTER: &str = "info";
/// The watcher's own library warns of what it is told about anyway, such as a directory that is gone,
/// and at `trace` it tells of every event: where the log stands beside the policy, each line would
/// make the next. So it is silent whatever is asked for.
const WATCHER_FILTER: &str = "notify=error";

/// Begins to log. What is dropped at the end writes what still waits.
pub(super) fn start(form: LogForm) -> Flush {
    let buffer = Arc::new(Buffer::default());
    let thread = {
        let buffer = Arc::clone(&buffer);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || buffer.run())
    };
    // Without a thread of its own every line is written at once.
    let lines = Lines { direct: thread.is_err(), buffer: Arc::clone(&buffer) };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let filter =
        WATCHER_FILTER.parse().map_or_else(|_| EnvFilter::new(DEFAULT_FILTER), |own| filter.add_directive(own));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines);
    match form {
        LogForm::Text => subscriber.with_ansi(io::stderr().is_terminal()).with_target(false).init(),
        LogForm::Json => subscriber.json().flatten_event(true).init(),
    }
    Flush(buffer)
}

/// Writes what waits when it is dropped.
#[derive(Debug)]
pub(super) struct Flush(Arc<Buffer>);

impl Drop for Flush {
    fn drop(&mut self) {
        self.0.write_out();
    }
}

#[derive(Debug, Default)]
struct Buffer {
    waiting: Mutex<Vec<u8>>,
    some: Condvar,
    /// held while bytes are written, so that they stay in order
    out: Mutex<()>,
}

impl Buffer {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        loop {
            let waiting = self.some.wait_while(self.lock(), |waiting| waiting.is_empty());
            drop(waiting);
            std::thread::sleep(DELAY);
            self.write_out();
        }
    }

    fn write_out(&self) {
        let _writing = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = std::mem::take(&mut *self.lock());
        // Nobody reads any more: there is nobody to tell.
        let _ = io::stderr().write_all(&bytes);
    }

    fn add(&self, line: &[u8], now: bool) {
        let mut waiting = self.lock();
        let was_empty = waiting.is_empty();
        waiting.extend_from_slice(line);
        let full = waiting.len() > MOST_WAITING_BYTES;
        drop(waiting);
        if now || full {
            self.write_out();
        } else if was_empty {
            self.some.notify_one();
        }
    }
}

#[derive(Clone, Debug)]
struct Lines {
    buffer: Arc<Buffer>,
    direct: bool,
}

/// One line, which comes in one piece.
struct Line<'a> {
    buffer: &'a Buffer,
    now: bool,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { buffer: &self.buffer, now: self.direct }
    }

    fn make_writer_for(&'a self, about: &Metadata<'_>) -> Line<'a> {
        Line { buffer: &self.buffer, now: self.direct || *about.level() <= Level::WARN }
    }
}

impl io::Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.add(bytes, self.now);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
