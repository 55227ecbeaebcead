//! `ccr-policy lsp`, driven as an editor drives it: frames on stdin and stdout.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of tests fail by panicking"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

/// Longest wait for a message: a bound for a broken server, not a promise of speed.
const WAIT: Duration = Duration::from_secs(60);

struct Editor {
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    next: i64,
    /// notifications that came while something else was waited for
    kept: Vec<Value>,
    /// the methods of what the server asked for
    asked: Vec<String>,
}

impl Editor {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ccr-policy"))
            .arg("lsp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, messages) = channel();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            loop {
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    if output.read_line(&mut line).unwrap_or(0) == 0 {
                        return;
                    }
                    match line.trim().strip_prefix("Content-Length: ") {
                        Some(number) => length = number.parse().unwrap(),
                        None if line.trim().is_empty() => break,
                        None => panic!("not a header on stdout: {line}"),
                    }
                }
                let mut body = vec![0; length];
                output.read_exact(&mut body).unwrap();
                if sender.send(serde_json::from_slice(&body).unwrap()).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        Self { child, input, messages, next: 0, kept: Vec::new(), asked: Vec::new() }
    }

    /// A server that has been introduced; `encodings` are those that the editor can count in.
    fn ready(encodings: &[&str]) -> Self {
        let mut editor = Self::start();
        let answer = editor.ask(
            "initialize",
            json!({
                "processId": null, "rootUri": null,
                "capabilities": { "general": { "positionEncodings": encodings } }
            }),
        );
        let expected = if encodings.contains(&"utf-8") { "utf-8" } else { "utf-16" };
        assert_eq!(answer["capabilities"]["positionEncoding"], expected);
        editor.tell("initialized", json!({}));
        editor
    }

    fn raw(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).unwrap();
        input.flush().unwrap();
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn request(&mut self, method: &str, params: Value) -> i64 {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        id
    }

    /// The next message that fits; requests of the server are answered, other notifications kept.
    fn wait(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.kept.iter().position(&fits) {
            return self.kept.remove(at);
        }
        loop {
            let message = self.messages.recv_timeout(WAIT).expect("the server is silent");
            if message.get("id").is_some() && message.get("method").is_some() {
                let id = message["id"].clone();
                self.asked.push(message["method"].as_str().unwrap().to_owned());
                self.send(&json!({ "jsonrpc": "2.0", "id": id, "result": null }));
                continue;
            }
            if fits(&message) {
                return message;
            }
            self.kept.push(message);
        }
    }

    fn answer(&mut self, id: i64) -> Value {
        self.wait(|message| message.get("id") == Some(&json!(id)))
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params);
        let answer = self.answer(id);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    fn refused(&mut self, method: &str, params: Value) -> (i64, String) {
        let id = self.request(method, params);
        let answer = self.answer(id);
        let error = &answer["error"];
        (error["code"].as_i64().unwrap(), error["message"].as_str().unwrap().to_owned())
    }

    fn open(&mut self, uri: &str, text: &str) {
        let document = json!({ "uri": uri, "languageId": "ccr-policy", "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": document }));
    }

    fn change(&mut self, uri: &str, version: i64, change: Value) {
        let document = json!({ "uri": uri, "version": version });
        self.tell("textDocument/didChange", json!({ "textDocument": document, "contentChanges": [change] }));
    }

    /// The findings of a file at a version, as the next message has them.
    fn findings(&mut self, uri: &str, version: i64) -> Vec<Value> {
        let message = self.wait(|message| {
            message["method"] == "textDocument/publishDiagnostics"
                && message["params"]["uri"] == uri
                && message["params"]["version"].as_i64().unwrap_or(version) == version
        });
        message["params"]["diagnostics"].as_array().unwrap().clone()
    }

    fn leave(mut self) -> ExitStatus {
        self.ask("shutdown", Value::Null);
        self.tell("exit", Value::Null);
        self.end()
    }

    fn end(mut self) -> ExitStatus {
        drop(self.input.take());
        self.child.wait().unwrap()
    }
}

fn codes(findings: &[Value]) -> Vec<&str> {
    findings.iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

fn at(uri: &str, line: u32, character: u32) -> Value {
    json!({ "textDocument": { "uri": uri }, "position": { "line": line, "character": character } })
}

const MODELS: &str = "provider p { kind: mock }\nmodel m on p { price: { input: 1, output: 2 } tags: [x] }\nmodel n on p { tags: [x] }\n";
const MAIN: &str = "route main {\n  rule r when request.stream -> m then n\n  default -> m\n}\ntest \"streams\" on main {\n  given { stream: true } -> m then n by r\n}\n";

/// A directory with two files; only the second is opened.
fn directory() -> (tempfile::TempDir, String, String) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("models.policy"), MODELS).unwrap();
    std::fs::write(dir.path().join("main.policy"), MAIN).unwrap();
    let (models, main) = (uri(&dir.path().join("models.policy")), uri(&dir.path().join("main.policy")));
    (dir, models, main)
}

#[test]
fn a_session() {
    let (_dir, models, main) = directory();
    let mut editor = Editor::ready(&["utf-16"]);
    editor.open(&main, MAIN);
    assert_eq!(editor.findings(&main, 1), Vec::<Value>::new(), "names of the other file are known");

    // A route typed letter by letter: every version is checked, none is an end.
    let typed =
        "route \"写\" {\n  rule 😀 when request.te == [ -> cheapest of tag(x) then m }\nroute other { default -> m }\n";
    let mut line = 7;
    let mut character = 0;
    let mut version = 1;
    for letter in typed.chars() {
        version += 1;
        let place = json!({ "line": line, "character": character });
        editor.change(&main, version, json!({ "range": { "start": place, "end": place }, "text": letter.to_string() }));
        for finding in editor.findings(&main, version) {
            assert!(finding["code"].as_str().unwrap().starts_with('P'), "{finding}");
            assert_eq!(finding["source"], "ccr-policy");
        }
        if letter == '\n' {
            (line, character) = (line + 1, 0);
        } else {
            character += u32::try_from(letter.len_utf16()).unwrap();
        }
    }
    version += 1;
    editor.change(&main, version, json!({ "text": MAIN }));
    assert_eq!(editor.findings(&main, version), Vec::<Value>::new());

    let hover = editor.ask("textDocument/hover", at(&main, 1, 32));
    assert!(hover["contents"]["value"].as_str().unwrap().contains("$1 in, $2 out"), "{hover}");
    let items = editor.ask("textDocument/completion", at(&main, 1, 22));
    assert!(items.as_array().unwrap().iter().any(|item| item["label"] == "tokens"), "{items}");
    let definition = editor.ask("textDocument/definition", at(&main, 1, 32));
    assert_eq!(
        (definition[0]["uri"].as_str(), &definition[0]["range"]["start"]["line"]),
        (Some(models.as_str()), &json!(1))
    );
    let mut question = at(&main, 1, 32);
    question["context"] = json!({ "includeDeclaration": true });
    assert_eq!(editor.ask("textDocument/references", question).as_array().unwrap().len(), 4);

    let mut rename = at(&main, 1, 32);
    rename["newName"] = json!("fast-model");
    let edit = editor.ask("textDocument/rename", rename.clone());
    assert_eq!(edit["changes"][&models].as_array().unwrap().len(), 1);
    assert_eq!(edit["changes"][&main].as_array().unwrap().len(), 3);
    rename["newName"] = json!("n");
    let (_, why) = editor.refused("textDocument/rename", rename);
    assert!(why.contains("already declared"), "{why}");
    assert_eq!(editor.ask("textDocument/prepareRename", at(&main, 1, 32))["placeholder"], "m");

    let document = json!({ "textDocument": { "uri": &main } });
    for method in ["documentSymbol", "foldingRange", "codeLens", "semanticTokens/full"] {
        let answer = editor.ask(&format!("textDocument/{method}"), document.clone());
        assert!(!answer.is_null(), "{method}");
    }
    let format = json!({ "textDocument": { "uri": &main }, "options": { "tabSize": 2, "insertSpaces": true } });
    assert_eq!(editor.ask("textDocument/formatting", format.clone()), json!([]), "it is in shape");
    version += 1;
    editor.change(&main, version, json!({ "text": MAIN.replace("rule r when", "rule   r\n when") }));
    let edit = editor.ask("textDocument/formatting", format.clone())[0].clone();
    editor.change(&main, version + 1, json!({ "range": edit["range"], "text": edit["newText"] }));
    assert_eq!(editor.ask("textDocument/formatting", format.clone()), json!([]));
    editor.change(&main, version + 2, json!({ "text": "route main { rule" }));
    assert_eq!(editor.ask("textDocument/formatting", format), Value::Null, "what does not parse is left alone");
    editor.change(&main, version + 3, json!({ "text": MAIN }));
    assert_eq!(editor.ask("workspace/symbol", json!({ "query": "mai" }))[0]["name"], "main");
    assert!(editor.leave().success());
}

#[test]
fn a_fix_and_a_failing_test() {
    let (_dir, _, main) = directory();
    let mut editor = Editor::ready(&[]);
    let broken = MAIN.replace("request.stream", "request.strem");
    editor.open(&main, &broken);
    let findings = editor.findings(&main, 1);
    assert!(codes(&findings).contains(&"P0101"), "{findings:?}");
    let place = json!({ "line": 1, "character": 24 });
    let question = json!({
        "textDocument": { "uri": &main }, "range": { "start": place, "end": place }, "context": { "diagnostics": [] }
    });
    let actions = editor.ask("textDocument/codeAction", question);
    let action = &actions.as_array().unwrap().iter().find(|one| one["kind"] == "quickfix").unwrap();
    let edit = action["edit"]["changes"][&main][0].clone();
    editor.change(&main, 2, json!({ "range": edit["range"], "text": edit["newText"] }));
    assert_eq!(editor.findings(&main, 2), Vec::<Value>::new());

    let lenses = editor.ask("textDocument/codeLens", json!({ "textDocument": { "uri": &main } }));
    let lens = lenses.as_array().unwrap().iter().find(|lens| lens["command"]["command"] != "").unwrap().clone();
    let command = json!({ "command": lens["command"]["command"], "arguments": lens["command"]["arguments"] });
    assert_eq!(editor.ask("workspace/executeCommand", command.clone())["failed"], 0);
    let shown = editor.wait(|message| message["method"] == "window/showMessage");
    assert!(shown["params"]["message"].as_str().unwrap().contains("1 of 1 case passed"), "{shown}");

    editor.change(&main, 3, json!({ "text": MAIN.replace("-> m then n by r", "-> n by r") }));
    assert_eq!(editor.ask("workspace/executeCommand", command)["failed"], 1);
    let failed = editor
        .wait(|message| message["params"]["diagnostics"].as_array().is_some_and(|list| codes(list).contains(&"P0805")));
    let finding =
        failed["params"]["diagnostics"].as_array().unwrap().iter().find(|one| one["code"] == "P0805").unwrap().clone();
    assert_eq!(finding["range"]["start"]["line"], 5, "{finding}");
    let (code, _) = editor.refused("workspace/executeCommand", json!({ "command": "rm" }));
    assert_eq!(code, -32602);
    assert!(editor.leave().success());
}

#[test]
fn files_beside_the_open_one() {
    let (dir, models, main) = directory();
    let mut editor = Editor::ready(&["utf-8", "utf-16"]);
    editor.open(&main, MAIN);
    assert!(editor.findings(&main, 1).is_empty());
    // An open buffer wins over its file.
    editor.open(&models, &MODELS.replace("model n", "model k"));
    let missing = editor.wait(|message| {
        message["params"]["uri"] == main.as_str()
            && codes(message["params"]["diagnostics"].as_array().unwrap_or(&Vec::new())).contains(&"P0102")
    });
    assert_eq!(missing["params"]["version"], 1);
    editor.tell("textDocument/didClose", json!({ "textDocument": { "uri": &models } }));
    editor.wait(|message| message["params"]["uri"] == main.as_str() && message["params"]["diagnostics"] == json!([]));
    // What changes on disk is read when the editor says so.
    std::fs::write(dir.path().join("models.policy"), MODELS.replace("model n", "model k")).unwrap();
    editor.tell("workspace/didChangeWatchedFiles", json!({ "changes": [{ "uri": &models, "type": 2 }] }));
    editor.wait(|message| {
        message["params"]["uri"] == main.as_str()
            && codes(message["params"]["diagnostics"].as_array().unwrap_or(&Vec::new())).contains(&"P0102")
    });
    // A text without a file is a policy of its own.
    editor.open("untitled:one", MAIN);
    assert!(codes(&editor.findings("untitled:one", 1)).contains(&"P0102"));
    assert!(editor.leave().success());
}

#[test]
fn files_are_watched_only_by_an_editor_that_can_be_asked_to() {
    let asked = |workspace: Value| {
        let mut editor = Editor::start();
        editor.ask("initialize", json!({ "capabilities": { "workspace": workspace } }));
        editor.tell("initialized", json!({}));
        // The proofs have ended when their finding is here: whatever is asked for was asked before.
        editor.open("untitled:one", &format!("{MODELS}{}", MAIN.replace("m then n by r", "n by r")));
        editor.wait(|message| {
            codes(message["params"]["diagnostics"].as_array().unwrap_or(&Vec::new())).contains(&"P0805")
        });
        let asked = editor.asked.clone();
        assert!(editor.leave().success());
        asked
    };
    assert!(asked(json!({})).is_empty());
    assert!(asked(json!({ "didChangeWatchedFiles": { "dynamicRegistration": false } })).is_empty());
    let watch = asked(json!({ "didChangeWatchedFiles": { "dynamicRegistration": true } }));
    assert_eq!(watch, ["client/registerCapability"]);
}

#[test]
fn what_was_said_is_not_said_again() {
    let (_dir, _, main) = directory();
    let mut editor = Editor::ready(&["utf-8"]);
    editor.open(&main, MAIN);
    assert!(editor.findings(&main, 1).is_empty());
    // By the time the proofs of a later text have ended, those of the first have.
    let covered = MAIN.replace("  default", "  rule again when request.stream -> n\n  default");
    editor.open("untitled:covered", &format!("{MODELS}{covered}"));
    editor.wait(|message| codes(message["params"]["diagnostics"].as_array().unwrap_or(&Vec::new())).contains(&"P0303"));
    let again = editor.kept.iter().filter(|message| message["params"]["uri"] == main.as_str()).count();
    assert_eq!(again, 0, "{:?}", editor.kept);
    assert!(editor.leave().success());
}

#[test]
fn columns_are_counted_as_agreed() {
    let text = format!("{MODELS}route main {{ rule r when request.text == \"写😀\" -> nix\n default -> m }}\n");
    let character = |encodings: &[&str]| {
        let mut editor = Editor::ready(encodings);
        editor.open("untitled:one", &text);
        let findings = editor.findings("untitled:one", 1);
        let finding = findings.iter().find(|finding| finding["code"] == "P0102").unwrap().clone();
        assert!(editor.leave().success());
        finding["range"]["start"]["character"].as_u64().unwrap()
    };
    let line = text.lines().nth(3).unwrap();
    let bytes = line.find("nix").unwrap();
    assert_eq!(character(&["utf-8"]), bytes as u64);
    assert_eq!(character(&["utf-16"]), line[..bytes].encode_utf16().count() as u64);
}

#[test]
fn what_cannot_be_read_gets_an_error_and_harms_nothing() {
    let mut editor = Editor::start();
    let (code, _) = editor.refused("textDocument/hover", at("untitled:one", 0, 0));
    assert_eq!(code, -32002, "not initialized");
    editor.ask("initialize", json!({ "capabilities": {} }));
    editor.tell("initialized", json!({}));
    let error = |editor: &mut Editor, wanted: i64| {
        let answer = editor.wait(|message| message.get("error").is_some());
        assert_eq!(answer["error"]["code"], wanted, "{answer}");
        assert_eq!(answer["id"], Value::Null);
    };
    for (bytes, code) in [
        (&b"Content-Length: 3\r\n\r\n{{{"[..], -32700),
        (b"Content-Length: 4\r\n\r\n\xff\xfe\xfd\xfc", -32700),
        (b"Content-Length: 2\r\n\r\n[]", -32600),
        (b"Content-Length: 2\r\n\r\n{}", -32600),
        (b"Content-Length: nine\r\n\r\n", -32700),
        (b"this is no frame at all\r\n\r\n", -32700),
    ] {
        editor.raw(bytes);
        error(&mut editor, code);
    }
    assert_eq!(editor.refused("textDocument/nonsense", json!({})).0, -32601);
    assert_eq!(editor.refused("textDocument/hover", json!({ "position": 4 })).0, -32602);
    editor.tell("textDocument/nonsense", json!({}));
    editor.tell(
        "textDocument/didChange",
        json!({ "textDocument": { "uri": "untitled:never", "version": 3 }, "contentChanges": [] }),
    );
    assert_eq!(editor.ask("textDocument/hover", at("untitled:never", 9, 9)), Value::Null);
    editor.open("untitled:one", MAIN);
    assert_eq!(editor.ask("textDocument/hover", at("untitled:one", 99, 9_999)), Value::Null);
    // A request that is cancelled before its turn.
    editor.next += 1;
    let id = editor.next;
    let body = |value: Value| format!("Content-Length: {}\r\n\r\n{value}", value.to_string().len());
    let slow = body(
        json!({ "jsonrpc": "2.0", "id": id, "method": "textDocument/completion", "params": at("untitled:one", 1, 3) }),
    );
    let cancel = body(json!({ "jsonrpc": "2.0", "method": "$/cancelRequest", "params": { "id": id } }));
    editor.raw(format!("{slow}{cancel}").as_bytes());
    let answer = editor.answer(id);
    assert!(answer.get("result").is_some() || answer["error"]["code"] == -32800, "{answer}");
    assert!(editor.leave().success());
}

#[test]
fn leaves_with_the_code_that_the_protocol_wants() {
    let mut editor = Editor::ready(&[]);
    editor.tell("exit", Value::Null);
    assert_eq!(editor.end().code(), Some(1), "exit without shutdown");
    assert_eq!(Editor::ready(&[]).end().code(), Some(1), "the input ends");
    assert_eq!(Editor::ready(&[]).leave().code(), Some(0));
}
