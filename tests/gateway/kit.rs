//! Instruments: a gateway over a policy text, a client that reads raw bytes, upstreams by script.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ccr_policy::gateway::config::{Config, Timings};
use ccr_policy::gateway::{Server, StartError};

/// No step of a test takes longer; then something hangs.
pub(crate) const BOUND: Duration = Duration::from_secs(20);

/// Timings that a test can wait for.
pub(crate) fn short() -> Timings {
    Timings {
        connect: Duration::from_secs(2),
        first_content: Duration::from_millis(400),
        stream_idle: Duration::from_millis(600),
        deadline: Duration::from_secs(10),
        request_head: Duration::from_millis(400),
        request_body: Duration::from_millis(400),
        keep_alive: Duration::from_secs(5),
        client_stall: Duration::from_secs(5),
        ping: Duration::from_millis(200),
        drain: Duration::from_secs(5),
        reload_quiet: Duration::from_millis(50),
        reload_wait: Duration::from_millis(500),
    }
}

/// A gateway over a policy in a directory of its own.
pub(crate) struct Gateway {
    server: Option<Server>,
    pub(crate) address: SocketAddr,
    pub(crate) dir: tempfile::TempDir,
}

pub(crate) fn config(dir: &Path, timings: Timings) -> Config {
    let mut config = Config::new(dir.to_owned(), "127.0.0.1:0".parse().unwrap());
    config.timings = timings;
    config.lanes = 2;
    config
}

impl Gateway {
    pub(crate) fn start(policy: &str) -> Self {
        Self::with(policy, short())
    }

    pub(crate) fn with(policy: &str, timings: Timings) -> Self {
        Self::try_start(policy, |dir| config(dir, timings)).unwrap()
    }

    pub(crate) fn try_start(policy: &str, config: impl Fn(&Path) -> Config) -> Result<Self, StartError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("main.policy"), policy).unwrap();
        let server = Server::start(config(dir.path()))?;
        Ok(Self { address: server.address(), server: Some(server), dir })
    }

    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// Stops it in the background.
    pub(crate) fn stop(&mut self) -> std::thread::JoinHandle<()> {
        let server = self.server.take().unwrap();
        std::thread::spawn(move || server.stop())
    }

    pub(crate) fn rewrite(&self, policy: &str) {
        std::fs::write(self.dir.path().join("main.policy"), policy).unwrap();
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Reply {
        self.send(&request("POST", path, &[], body))
    }

    pub(crate) fn post_with(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        self.send(&request("POST", path, headers, body))
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send(&request("GET", path, &[], ""))
    }

    /// Sends bytes on a connection of their own, and reads one answer whole.
    pub(crate) fn send(&self, bytes: &[u8]) -> Reply {
        let mut client = self.open();
        client.write(bytes);
        client.reply()
    }

    pub(crate) fn open(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(BOUND)).unwrap();
        stream.set_write_timeout(Some(BOUND)).unwrap();
        Client { reader: BufReader::new(stream) }
    }

    /// The value of a metric with these labels; 0 when there is none.
    pub(crate) fn metric(&self, series: &str) -> f64 {
        let page = self.get("/metrics").text();
        let line = page.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')));
        line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }

    /// Waits until a metric has a value: accounts are closed a moment after the last byte.
    pub(crate) fn await_metric(&self, series: &str, value: f64) {
        wait_until(&format!("{series} {value}"), || self.metric(series) == value);
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }
}

pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < BOUND, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        text.push_str("host: localhost\r\n");
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if method == "POST" {
        text.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

/// One connection of a client.
pub(crate) struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.reader.get_mut().write_all(bytes).unwrap();
    }

    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    /// Says that nothing more will come.
    pub(crate) fn end_writing(&self) {
        self.reader.get_ref().shutdown(Shutdown::Write).unwrap();
    }

    /// Leaves without a word.
    pub(crate) fn leave(self) {
        let _ = self.reader.get_ref().shutdown(Shutdown::Both);
    }

    /// Reads a head.
    pub(crate) fn head(&mut self) -> Reply {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("no status line: {line:?}")).parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Reply { status, headers, body: Vec::new() }
    }

    /// Reads the next chunk of a chunked body; None at its end.
    pub(crate) fn chunk(&mut self) -> Option<Vec<u8>> {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        let length = usize::from_str_radix(line.trim(), 16).unwrap_or_else(|_| panic!("no chunk length: {line:?}"));
        let mut body = vec![0; length + 2];
        self.reader.read_exact(&mut body).unwrap();
        body.truncate(length);
        (length > 0).then_some(body)
    }

    /// Reads one answer whole.
    pub(crate) fn reply(&mut self) -> Reply {
        let mut reply = self.head();
        if reply.header("transfer-encoding") == "chunked" {
            while let Some(chunk) = self.chunk() {
                reply.body.extend(chunk);
            }
        } else {
            let length = reply.header("content-length").parse().unwrap_or(0);
            reply.body = vec![0; length];
            self.reader.read_exact(&mut reply.body).unwrap();
        }
        reply
    }

    /// Whether the other side has closed, or closes within the bound.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        match self.reader.read_to_end(&mut rest) {
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }
}

/// A hostile upstream: each connection's request is answered by a script, which may do anything
/// with the socket.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
    pub(crate) calls: Arc<AtomicUsize>,
}

impl Upstream {
    pub(crate) fn new(script: impl Fn(usize, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, calls) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (log, count, script) = (Arc::clone(&seen), Arc::clone(&calls), Arc::new(script));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, count, script) = (Arc::clone(&log), Arc::clone(&count), Arc::clone(&script));
                std::thread::spawn(move || {
                    stream.set_read_timeout(Some(BOUND)).unwrap();
                    let Some(request) = read_request(&stream) else { return };
                    log.lock().unwrap().push(request);
                    let number = count.fetch_add(1, Ordering::SeqCst);
                    script(number, &mut { stream });
                });
            }
        });
        Self { address, seen, calls }
    }

    /// Answers each request with the same bytes, and closes.
    pub(crate) fn saying(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::new(move |_, stream| {
            let _ = stream.write_all(&bytes);
        })
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn last(&self) -> String {
        self.seen.lock().unwrap().last().cloned().unwrap_or_default()
    }
}

fn read_request(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let (mut text, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        text.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    text.push_str(&String::from_utf8(body).ok()?);
    Some(text)
}

pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body.as_bytes()].concat()
}

pub(crate) const EVENTS: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// A Chat answer that is whole.
pub(crate) const CHAT_ANSWER: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"up","choices":[{"index":0,"message":{"role":"assistant","content":"fine"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}"#;

/// One chunk of a Chat stream.
pub(crate) fn chunk(content: &str) -> String {
    format!(
        "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{content}\"}},\"finish_reason\":null}}]}}\n\n"
    )
}

pub(crate) const CHAT_END: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

/// A policy that tries OpenAI-style upstreams one after the other; `m0 then m1 then …`.
pub(crate) fn policy(upstreams: &[&Upstream]) -> String {
    let addresses: Vec<_> = upstreams.iter().map(|upstream| upstream.address).collect();
    policy_at(&addresses, "")
}

pub(crate) fn policy_at(addresses: &[SocketAddr], with: &str) -> String {
    let mut text = String::new();
    let mut target = String::new();
    for (number, address) in addresses.iter().enumerate() {
        text.push_str(&format!("provider p{number} {{ kind: openai base: \"http://{address}\" }}\nmodel m{number} on p{number} {{ price: {{ input: 1, output: 2 }} can: [tools, vision] }}\n"));
        target.push_str(if number == 0 { "" } else { " then " });
        target.push_str(&format!("m{number}"));
    }
    format!("{text}route main {{ default -> {target} {with} }}\n")
}

pub(crate) const HELLO: &str = r#"{"model":"any","messages":[{"role":"user","content":"hello"}]}"#;
pub(crate) const HELLO_STREAM: &str = r#"{"model":"any","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
pub(crate) const CLAUDE: &str = r#"{"model":"claude","max_tokens":64,"messages":[{"role":"user","content":"hello"}]}"#;
pub(crate) const CLAUDE_STREAM: &str =
    r#"{"model":"claude","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
pub(crate) const CHAT: &str = "/v1/chat/completions";
pub(crate) const MESSAGES: &str = "/v1/messages";
