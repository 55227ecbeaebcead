//! `ccr-policy check`, from outside: what it ends with, and what it says.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

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

/// A directory with a policy for each text, and the paths in it.
fn policies(texts: &[&str]) -> (tempfile::TempDir, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let write = |(number, text): (usize, &&str)| {
        let path = dir.path().join(format!("p{number}.policy"));
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let paths = texts.iter().enumerate().map(write).collect();
    (dir, paths)
}

fn run(arguments: &[&str], paths: &[String]) -> (i32, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_ccr-policy")).arg("check").args(arguments).args(paths).output().unwrap();
    let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), utf8(&output.stdout), utf8(&output.stderr))
}

#[test]
fn several_policies_are_checked_each_by_itself() {
    let warned = format!("{CLEAN}model unused on p {{}}\n");
    let broken = CLEAN.replace("-> m", "-> n");
    let (_dir, paths) = policies(&[CLEAN, &warned, &broken]);
    let (code, out, _) = run(&[], &paths);
    assert_eq!(code, 1);
    assert!(out.contains("p0.policy: clean — 1 route") && out.contains("p1.policy: 1 warning in 1 file"), "{out}");
    assert!(out.ends_with("3 policies: 1 clean, 2 errors, 1 warning\n"), "{out}");
    let (code, out, _) = run(&["--format", "json"], &paths);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    let places: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["place"]["path"].as_str().unwrap())
        .collect();
    assert_eq!((code, places.len()), (1, 3));
    assert!(places[0].ends_with("p1.policy") && places[2].ends_with("p2.policy"), "{places:?}");
    // One that is not there does not hide the others.
    let (code, out, err) = run(&[], &[paths[0].clone(), "/nowhere/at/all".to_owned()]);
    assert!(code == 2 && out.contains("clean") && err.contains("/nowhere/at/all"), "{out}{err}");
}

#[test]
fn fixes_are_written() {
    let text = CLEAN.replace("request.stream", "!!request.stream and \"a\" == request.model");
    let (_dir, paths) = policies(&[&text, CLEAN]);
    let (code, out, _) = run(&["--deny", "warnings"], &paths);
    assert_eq!(code, 1, "{out}");
    let (code, out, _) = run(&["--fix", "--deny", "warnings"], &paths);
    assert_eq!(code, 0, "{out}");
    assert!(
        out.contains("fixed P0005 in ") && out.contains("fixed P0902 in ") && out.contains("fixed P0903 in "),
        "{out}"
    );
    let expected = CLEAN.replace("request.stream", "request.stream && request.model == \"a\"");
    assert_eq!(std::fs::read_to_string(&paths[0]).unwrap(), expected);
    assert_eq!(std::fs::read_to_string(&paths[1]).unwrap(), CLEAN);
    let (_, out, _) = run(&["--fix"], &paths);
    assert!(!out.contains("fixed"), "{out}");
    // A program reads the report, and nothing else, on stdout.
    std::fs::write(&paths[0], &text).unwrap();
    let (_, out, err) = run(&["--fix", "--format", "json"], &paths);
    assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok() && err.contains("fixed P0902"), "{out}{err}");
}

#[test]
fn a_change_is_reported_while_watching() {
    let root = tempfile::tempdir().unwrap();
    let [policy, away] = ["policy", "away"].map(|name| root.path().join(name));
    std::fs::create_dir(&policy).unwrap();
    let write = |text: &str| std::fs::write(policy.join("main.policy"), text).unwrap();
    write(CLEAN);
    let mut child = Command::new(env!("CARGO_BIN_EXE_ccr-policy"))
        .args(["check", "--watch"])
        .arg(&policy)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (sender, lines) = channel();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let reader =
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let until = |wanted: &str| {
        let mut seen = Vec::new();
        loop {
            match lines.recv_timeout(Duration::from_secs(30)) {
                Ok(line) => seen.push(line),
                Err(error) => return Err(format!("{error}: no `{wanted}` in {seen:?}")),
            }
            if seen.last().is_some_and(|line| line.contains(wanted)) {
                return Ok(());
            }
        }
    };
    let watched = until("clean").and_then(|()| until("watching")).and_then(|()| {
        write(&CLEAN.replace("-> m", "-> n"));
        until("error[P0102]").and_then(|()| until("watching"))
    });
    let watched = watched.and_then(|()| {
        write(CLEAN);
        until("clean").and_then(|()| until("watching"))
    });
    // The directory is replaced, as a checkout does it, and changed after that.
    let watched = watched.and_then(|()| {
        std::fs::rename(&policy, &away).unwrap();
        until("watching")?;
        std::fs::rename(&away, &policy).unwrap();
        until("clean").and_then(|()| until("watching"))?;
        write(&CLEAN.replace("-> m", "-> n"));
        until("error[P0102]")
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let _closed = reader.join().unwrap();
    assert_eq!(watched, Ok(()));
}
