//! `ccr-policy graph` as somebody runs it, and the drawing on its page.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Exit code, stdout and stderr.
fn graph(arguments: &[&str], stdin: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ccr-policy"))
        .arg("graph")
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that fails early does not read.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Set `CCR_UPDATE=1` to write the drawing into the page.
#[test]
fn the_page_shows_the_drawing_of_a_policy() {
    const BEGIN: &str = "<!-- the drawing: written by tests/graph.rs -->\n";
    const END: &str = "<!-- end of the drawing -->";
    let (code, drawing, err) = graph(&["policies/canary"], "");
    assert_eq!(code, 0, "{err}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/graph.md");
    let page = fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (shown, tail) = rest.split_once(END).unwrap();
    let expected = format!("\n```mermaid\n{drawing}```\n\n");
    if std::env::var_os("CCR_UPDATE").is_some() {
        fs::write(&path, format!("{head}{BEGIN}{expected}{END}{tail}")).unwrap();
    } else {
        assert!(shown == expected, "docs/graph.md is old; run `CCR_UPDATE=1 cargo nextest run --test graph`");
    }
}

#[test]
fn every_policy_is_drawn_in_every_format_and_view() {
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")).unwrap() {
        let path = entry.unwrap().path();
        for (format, begins) in
            [("mermaid", "flowchart LR\n"), ("dot", "digraph policy {\n"), ("json", "{\n"), ("svg", "<svg ")]
        {
            for view in ["policy", "tree"] {
                let (code, out, err) = graph(&[path.to_str().unwrap(), "--format", format, "--of", view], "");
                assert_eq!(code, 0, "{err}");
                assert!(out.starts_with(begins), "{out}");
            }
        }
    }
}

/// The labels of what is lit.
fn lit(arguments: &[&str], stdin: &str) -> Vec<String> {
    let (code, out, err) = graph(&[&["policies/demo", "--format", "json", "--path", "-"], arguments].concat(), stdin);
    assert_eq!(code, 0, "{err}");
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    let boxes = value["boxes"].as_array().unwrap().iter();
    boxes.filter(|one| one["lit"] == true).map(|one| one["label"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_request_is_a_body_or_facts() {
    let way = ["every request", "route main", "picture when request.images > 0", "eyes", "east"];
    assert_eq!(lit(&[], "{ \"images\": 1 }"), way);
    let body = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"failover please"}]}"#;
    assert!(lit(&[], body).contains(&"overloaded".to_owned()));
    let tree = lit(&["--of", "tree"], "{ \"images\": 1 }");
    assert_eq!(tree.last().map(String::as_str), Some("picture → eyes"), "{tree:?}");
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let (code, out, err) = graph(&["policies/demo", "--route", "mian"], "");
    assert!(code == 2 && out.is_empty() && err.contains("did you mean `main`?"), "{err}");
    let (code, _, err) = graph(&["policies/demo", "--path", "-"], "{ nothing: 1 }");
    assert!(code == 2 && err.contains("is neither a request nor facts"), "{err}");
    assert_eq!(graph(&["policies/demo", "--path", "no/such/file"], "").0, 2);
    assert_eq!(graph(&["tests/corpus/bad/P0101.policy"], "").0, 1);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.svg");
    let (code, out, _) = graph(&["policies/demo", "--format", "svg", "-o", file.to_str().unwrap()], "");
    assert!(code == 0 && out.is_empty() && fs::read_to_string(&file).unwrap().ends_with("</svg>\n"));
}
