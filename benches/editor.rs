//! How long an editor waits: random edits of one character in a policy of 1 000 rules, through the
//! real program over stdin and stdout. From sending `didChange` until the first findings about that
//! version, and until a completion asked for right behind it is answered.
//!
//! `CCR_BENCH_RULES` and `CCR_BENCH_EDITS` change the numbers (1000, 300).

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark may stop, and prints"
)]

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

const URI: &str = "untitled:bench";

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// One route with these many rules, of the kinds that people write.
fn policy(rules: usize) -> String {
    let mut text = String::from("provider p { kind: mock }\n");
    for model in 0..5 {
        let _ = writeln!(text, "model m{model} on p {{ price: {{ input: 1, output: 2 }} tags: [x] }}");
    }
    text.push_str("route main {\n");
    for rule in 0..rules {
        let condition = match rule % 4 {
            0 => format!("request.tokens > {}", 200_000 - rule * 7),
            1 => format!("request.text.contains(\"word{rule}\")"),
            2 => format!("request.model == \"m-{rule}\""),
            _ => format!("tenant.tier == \"t{rule}\" && request.images > {}", rule % 5),
        };
        let _ = writeln!(text, "  rule r{rule} when {condition} -> m{} then m{}", rule % 5, (rule + 1) % 5);
    }
    text.push_str("  default -> cheapest of tag(x)\n}\n");
    text
}

struct Editor {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Editor {
    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("the server reads");
        self.input.flush().expect("the server reads");
    }

    fn receive(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.output.read_line(&mut line).expect("the server writes");
            match line.trim().strip_prefix("Content-Length: ") {
                Some(number) => length = number.parse().expect("a length"),
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).expect("the server writes");
        let message: Value = serde_json::from_slice(&body).expect("JSON");
        if message.get("method").is_some() && message.get("id").is_some() {
            self.send(&json!({ "jsonrpc": "2.0", "id": message["id"], "result": null }));
        }
        message
    }
}

fn percentile(times: &mut [f64], share: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "small")]
    let at = ((times.len() - 1) as f64 * share).round() as usize;
    times[at]
}

fn main() {
    let (rules, edits) = (number("CCR_BENCH_RULES", 1_000), number("CCR_BENCH_EDITS", 300));
    let text = policy(rules);
    let mut child = Command::new(env!("CARGO_BIN_EXE_ccr-policy"))
        .arg("lsp")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let input = child.stdin.take().expect("piped");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let mut editor = Editor { input, output };
    editor.send(&json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": { "capabilities": {} } }));
    editor.receive();
    editor.send(&json!({ "jsonrpc": "2.0", "method": "initialized", "params": {} }));
    let document = json!({ "uri": URI, "languageId": "ccr-policy", "version": 0, "text": text });
    editor.send(&json!({ "jsonrpc": "2.0", "method": "textDocument/didOpen", "params": { "textDocument": document } }));
    let lines: Vec<usize> = text.lines().map(str::len).collect();
    let (mut findings, mut completions) = (Vec::new(), Vec::new());
    let mut seed: u64 = 42;
    // Each edit and its taking back have a number of their own.
    for version in (1..=2 * edits).step_by(2) {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = usize::try_from(seed >> 33).expect("31 bits");
        let line = 7 + random % rules;
        let place = json!({ "line": line, "character": (random / 1_009) % lines[line] });
        let letter = ["a", " ", ".", "\"", "{", "x"][random % 6];
        let change = json!({ "range": { "start": place, "end": place }, "text": letter });
        let document = json!({ "uri": URI, "version": version });
        let params = json!({ "textDocument": document, "contentChanges": [change] });
        let started = Instant::now();
        editor.send(&json!({ "jsonrpc": "2.0", "method": "textDocument/didChange", "params": params }));
        let params = json!({ "textDocument": { "uri": URI }, "position": place });
        editor.send(&json!({ "jsonrpc": "2.0", "id": version, "method": "textDocument/completion", "params": params }));
        let (mut found, mut completed) = (false, false);
        while !(found && completed) {
            let message = editor.receive();
            let elapsed = started.elapsed().as_secs_f64() * 1e3;
            if message["id"] == version && message.get("method").is_none() {
                completions.push(elapsed);
                completed = true;
            } else if !found && message["params"]["version"] == version {
                findings.push(elapsed);
                found = true;
            }
        }
        // Take the letter back, so that one edit does not spoil the next.
        let end = json!({ "line": line, "character": (random / 1_009) % lines[line] + 1 });
        let change = json!({ "range": { "start": place, "end": end }, "text": "" });
        let document = json!({ "uri": URI, "version": version + 1 });
        let params = json!({ "textDocument": document, "contentChanges": [change] });
        editor.send(&json!({ "jsonrpc": "2.0", "method": "textDocument/didChange", "params": params }));
        while editor.receive()["params"]["version"] != version + 1 {}
    }
    println!("{rules} rules, {} KB, {edits} edits; milliseconds", text.len() / 1_000);
    println!("| from didChange to | p50 | p95 | p99 |");
    println!("|---|---|---|---|");
    for (what, times) in [("first findings", &mut findings), ("completion", &mut completions)] {
        let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| percentile(times, share));
        println!("| {what} | {p50:.1} | {p95:.1} | {p99:.1} |");
    }
    drop(editor);
    let _ = child.wait();
}
