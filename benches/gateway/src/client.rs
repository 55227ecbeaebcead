//! A load client that costs little: HTTP/1.1 by hand over kept connections.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest time for one answer.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// A request, ready to be sent; a number in its body changes each time, so that no cache hits.
#[derive(Clone)]
pub struct Template {
    pub bytes: Vec<u8>,
    /// where the 12 digits of the number stand
    pub number_at: usize,
    /// what a good answer ends with
    pub last: &'static [u8],
    /// whether the answer is a stream: what counts is when its first byte comes
    pub stream: bool,
}

/// What a run gave.
pub struct Run {
    pub requests: u64,
    pub elapsed: Duration,
    /// until the end of the answer, or the first byte of a stream; in microseconds, sorted
    pub latencies_us: Vec<u32>,
}

impl Run {
    pub fn percentile_us(&self, percent: usize) -> u32 {
        let at = (self.latencies_us.len() * percent / 100).min(self.latencies_us.len().saturating_sub(1));
        self.latencies_us.get(at).copied().unwrap_or(0)
    }

    pub fn per_second(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }
}

/// How much is asked, whichever comes first.
#[derive(Clone, Copy)]
pub struct Bound {
    pub time: Duration,
    pub requests: u64,
}

/// Asks over and over on `connections` connections, each waiting for its answer.
pub async fn run(address: SocketAddr, template: &Template, connections: usize, bound: Bound) -> io::Result<Run> {
    let left = Rc::new(Cell::new(bound.requests));
    let began = Instant::now();
    let tasks: Vec<_> = (0..connections)
        .map(|_| tokio::task::spawn_local(connection(address, template.clone(), Rc::clone(&left), began + bound.time)))
        .collect();
    let mut latencies_us = Vec::new();
    for task in tasks {
        latencies_us.extend(task.await??);
    }
    let elapsed = began.elapsed();
    latencies_us.sort_unstable();
    Ok(Run { requests: latencies_us.len() as u64, elapsed, latencies_us })
}

thread_local! {
    static NUMBER: Cell<u64> = const { Cell::new(0) };
}

async fn connection(
    address: SocketAddr,
    mut template: Template,
    left: Rc<Cell<u64>>,
    until: Instant,
) -> io::Result<Vec<u32>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(1 << 18);
    let mut latencies = Vec::new();
    while left.get() > 0 && Instant::now() < until {
        left.set(left.get() - 1);
        let number = NUMBER.replace(NUMBER.get() + 1);
        let digits = format!("{number:012}");
        template.bytes[template.number_at..template.number_at + 12].copy_from_slice(digits.as_bytes());
        let began = Instant::now();
        let answer = async {
            stream.write_all(&template.bytes).await?;
            read_answer(&mut stream, &mut buffer, template.last).await
        };
        let answered = tokio::time::timeout(ANSWER_TIME, answer).await;
        let first_byte = answered.map_err(|_| io::Error::other("no answer in time"))??;
        let counted = if template.stream { first_byte } else { Instant::now() };
        latencies.push(u32::try_from((counted - began).as_micros()).unwrap_or(u32::MAX));
    }
    Ok(latencies)
}

/// Reads one answer to its end, checks that it is a good one, and says when it began.
async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>, last: &[u8]) -> io::Result<Instant> {
    buffer.clear();
    let mut body_at = None;
    let mut length = None;
    let mut first_byte = None;
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(wrong("closed", buffer));
        }
        let first_byte = *first_byte.get_or_insert_with(Instant::now);
        if body_at.is_none()
            && let Some(end) = find(buffer, b"\r\n\r\n")
        {
            if !buffer.starts_with(b"HTTP/1.1 200") {
                return Err(wrong("not 200", buffer));
            }
            body_at = Some(end + 4);
            length = content_length(&buffer[..end]);
        }
        let Some(body_at) = body_at else { continue };
        let ended = match length {
            Some(length) => buffer.len() >= body_at + length,
            None => buffer.ends_with(b"\r\n0\r\n\r\n"),
        };
        if ended {
            let tail = &buffer[buffer.len().saturating_sub(200).max(body_at)..];
            return if find(tail, last).is_some() { Ok(first_byte) } else { Err(wrong("cut", buffer)) };
        }
    }
}

fn wrong(what: &str, buffer: &[u8]) -> io::Error {
    io::Error::other(format!("bad answer ({what}): {}", String::from_utf8_lossy(&buffer[..buffer.len().min(2_000)])))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn content_length(head: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).ok()?;
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") { value.trim().parse().ok() } else { None }
    })
}
