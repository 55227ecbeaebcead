//! `ccr-policy serve` as a program: its arguments, its log, and what it says when it cannot start.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const MOCK: &str = "provider p { kind: mock }\nmodel m on p {}\nroute main { default -> m }\n";
const MARKER: &str = "zebra-marker";

fn place(policy: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("main.policy"), policy).unwrap();
    dir
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ccr-policy"));
    command.env_remove("RUST_LOG").args(arguments);
    command
}

/// Runs a program that must not start.
fn fails(command: &mut Command) -> (i32, String) {
    let Output { status, stderr, .. } = command.stdin(Stdio::null()).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

/// A gateway in a process of its own. It ends when this is dropped.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(dir: &Path, more: &[&str]) -> Self {
        let dir = dir.to_str().unwrap();
        let mut command = program(&["serve", dir, "--listen", "localhost:0", "--threads", "1"]);
        let mut child = command.args(more).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap_or_else(|| panic!("it said nothing")).unwrap();
        // Whoever says more must find somebody who reads it.
        std::thread::spawn(move || lines.for_each(drop));
        let address = first.rsplit("http://").next().unwrap().to_owned();
        Self { child, address }
    }

    fn post(&self, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Ends it kindly.
    fn end(mut self) {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(killed.success());
        assert!(self.child.wait().unwrap().success());
    }

    /// Ends it kindly and returns its log.
    fn log(mut self) -> String {
        let mut pipe = self.child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut log = String::new();
            pipe.read_to_string(&mut log).map(|_| log)
        });
        self.end();
        log.join().unwrap().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(text: &str) -> String {
    format!(r#"{{"model":"x","messages":[{{"role":"user","content":"{text}"}}]}}"#)
}

/// Answers every request with an error that quotes it.
fn quoting() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut seen = vec![0; 64 << 10];
            let _ = stream.read(&mut seen);
            let body = format!(r#"{{"error":{{"message":"cannot do: {MARKER}","type":"server_error"}}}}"#);
            let _ = write!(
                stream,
                "HTTP/1.1 500 Oops\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    address
}

#[test]
fn one_line_a_request_and_nothing_of_what_was_said() {
    let policy = format!(
        "{}provider q {{ kind: openai base: \"http://{}\" }}\nmodel n on q {{}}\n",
        MOCK.replace("default -> m", "rule bad when request.text.contains(\"bad\") -> n\n  default -> m"),
        quoting()
    );
    let dir = place(&policy);
    let running = Running::start(dir.path(), &["--log", "json"]);
    assert!(running.post(&say(MARKER)).starts_with("HTTP/1.1 200"));
    assert!(running.post(&say(&format!("bad {MARKER}"))).starts_with("HTTP/1.1 502"));
    assert!(running.post(&format!("nonsense {MARKER}")).starts_with("HTTP/1.1 400"));
    let log = running.log();
    assert!(!log.contains(MARKER), "{log}");
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let requests: Vec<_> = lines.iter().filter(|line| line["target"] == "ccr_policy::request").collect();
    let outcomes: Vec<_> = requests.iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["ok", "upstream_error", "client_error"], "{log}");
    let failed = lines.iter().find(|line| line["kind"] == "server").unwrap_or_else(|| panic!("{log}"));
    assert_eq!((&failed["level"], &failed["status"]), (&"WARN".into(), &500.into()));
}

#[test]
fn a_broken_policy_is_told_before_a_port_that_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let broken = place("route main { default -> nobody }");
    let (code, text) = fails(program(&["serve", "--listen", &address, "--policy"]).arg(broken.path()));
    assert!(code == 1 && text.contains("nobody"), "{text}");
    let good = place(MOCK);
    let (code, text) = fails(program(&["serve", "--listen", &address]).arg(good.path()));
    assert!(code == 2 && text.contains("--listen 127.0.0.1:0"), "{text}");
}

#[test]
fn a_bare_port_is_told_how_to_be_written() {
    let (code, text) = fails(&mut program(&["serve", "--listen", "3501"]));
    assert!(code == 2 && text.contains("127.0.0.1:3501"), "{text}");
}

#[test]
fn all_missing_variables_are_told_at_once() {
    let dir = place(
        "provider p { kind: openai base: \"https://api.example\" key: env(\"CCR_TEST_UNSET\") }\nmodel m on p {}\ntenant t { keys: [env(\"CCR_TEST_EMPTY\"), env(\"CCR_TEST_BLANK\")] }\nroute main { default -> m }\n",
    );
    for command in ["serve", "check"] {
        let mut program = program(&[command]);
        program.env("CCR_TEST_EMPTY", "").env("CCR_TEST_BLANK", " ").arg(dir.path());
        let Output { stdout, stderr, .. } = program.stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8([stdout, stderr].concat()).unwrap();
        for name in ["CCR_TEST_UNSET", "CCR_TEST_EMPTY", "CCR_TEST_BLANK"] {
            assert!(text.contains(&format!("`{name}` is not set")), "{command} {name}: {text}");
        }
    }
}

#[test]
fn check_takes_the_policy_by_name_too() {
    let dir = place(MOCK);
    for arguments in [&["check"][..], &["check", "--policy"]] {
        let output = program(arguments).arg(dir.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
    }
}

#[test]
fn a_log_beside_the_policy_does_not_feed_itself() {
    let dir = place(MOCK);
    let path = dir.path().join("serve.log");
    let mut command = program(&["serve", dir.path().to_str().unwrap(), "--listen", "localhost:0"]);
    let log = std::fs::File::create(&path).unwrap();
    let mut child = command.env("RUST_LOG", "trace").stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    std::thread::spawn(move || lines.for_each(drop));
    let running = Running { child, address: first.rsplit("http://").next().unwrap().to_owned() };
    assert!(running.post(&say("hello")).starts_with("HTTP/1.1 200"));
    std::fs::write(dir.path().join("main.policy"), format!("{MOCK}// changed\n")).unwrap();
    let read = || std::fs::read_to_string(&path).unwrap();
    for _ in 0..1_000 {
        if read().contains("the policy was reloaded") {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    running.end();
    let log = read();
    assert!(log.contains("the policy was reloaded") && log.contains("TRACE"), "{log}");
    assert!(!log.contains("inotify"), "{log}");
}

#[test]
fn a_directory_that_goes_away_is_told_once_in_our_words() {
    let dir = place(MOCK);
    let policy = dir.path().join("policy");
    std::fs::create_dir(&policy).unwrap();
    std::fs::write(policy.join("main.policy"), MOCK).unwrap();
    let running = Running::start(&policy, &[]);
    std::fs::remove_dir_all(&policy).unwrap();
    // Long enough to be looked for again.
    std::thread::sleep(Duration::from_millis(3_500));
    assert!(running.post(&say("hello")).starts_with("HTTP/1.1 200"), "the old policy stays");
    let log = running.log();
    assert!(log.matches("was not reloaded").count() <= 2, "{log}");
    assert!(log.contains("was not reloaded") && !log.contains("watches") && !log.contains("inotify"), "{log}");
}
