//! `ccr-policy check`, from outside: what it ends with, and what it says.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::process::Command;

const CLEAN: &str =
    "provider p { kind: mock }\nmodel m on p {}\nroute main {\n  rule r when request.stream -> m\n  default -> m\n}\n";

/// The exit code and what stands on stdout and stderr, with `policy` as the only file of a directory.
fn check(policy: Option<&str>, arguments: &[&str]) -> (i32, String, String) {
    let dir = tempfile::tempdir().unwrap();
    if let Some(policy) = policy {
        std::fs::write(dir.path().join("main.policy"), policy).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_ccr-policy"));
    command.arg("check").args(arguments).env_remove("NOT_SET_ANYWHERE");
    if !arguments.contains(&"--explain") {
        command.arg(dir.path());
    }
    let output = command.output().unwrap();
    let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), utf8(&output.stdout), utf8(&output.stderr))
}

#[test]
fn exit_codes() {
    let ends = |policy: Option<&str>, arguments: &[&str], code: i32| {
        let (ended, out, err) = check(policy, arguments);
        assert_eq!(ended, code, "{arguments:?}\n{out}{err}");
    };
    let warned = format!("{CLEAN}model unused on p {{}}\n");
    let unset = CLEAN.replace(
        "provider p { kind: mock }",
        "provider p { kind: openai base: \"https://a.example\" key: env(\"NOT_SET_ANYWHERE\") }",
    );
    for format in ["human", "concise", "json", "sarif", "github"] {
        ends(Some(CLEAN), &["--format", format], 0);
        ends(Some(CLEAN), &["--format", format, "--deny", "warnings"], 0);
        ends(Some(&warned), &["--format", format], 0);
        ends(Some(&warned), &["--format", format, "--deny", "warnings"], 1);
        ends(Some(&unset), &["--format", format], 0);
        ends(Some(&unset), &["--format", format, "--deny", "warnings"], 1);
        ends(Some(&unset), &["--format", format, "--deny", "warnings", "--no-env"], 0);
        ends(Some("route main { default -> x }"), &["--format", format], 1);
        ends(Some(""), &["--format", format], 1);
        ends(None, &["--format", format], 2);
    }
    ends(Some(CLEAN), &["--format", "xml"], 2);
    ends(None, &["--explain", "p0303"], 0);
    ends(None, &["--explain", "P9999"], 2);
}

#[test]
fn the_summary_counts_what_was_written() {
    let (_, out, _) = check(Some(CLEAN), &[]);
    assert!(out.contains("clean — 1 route, 1 rule, 1 model"), "{out}");
    // The next step is for people at a terminal; this is a pipe.
    assert!(!out.contains("next:"), "{out}");
    let (_, _, err) = check(None, &[]);
    assert!(err.contains("name another directory or file"), "{err}");
}

#[test]
fn a_page_says_how_to_mend_it() {
    let (_, out, _) = check(None, &["--explain", "P0303"]);
    assert!(out.contains("Bad:") && out.contains("Good:"), "{out}");
}

#[test]
fn no_key_is_printed() {
    let policy = CLEAN.replace("kind: mock", "kind: openai base: \"https://a.example\" key: \"sk-ant-0123456789abc\"");
    for format in ["human", "concise", "json", "sarif", "github"] {
        let (_, out, err) = check(Some(&policy), &["--format", format]);
        assert!(out.contains("P0203") && !out.contains("sk-ant") && !err.contains("sk-ant"), "{out}{err}");
    }
}
