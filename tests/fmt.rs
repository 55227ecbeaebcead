//! `ccr-policy fmt` as somebody runs it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const UGLY: &str = "provider p{kind:mock} // fake\nroute  main{default->m}\nmodel m on p{}\n";
const NEAT: &str = "provider p { kind: mock } // fake\nroute main {\n  default -> m\n}\nmodel m on p {}\n";

/// Exit code, stdout and stderr.
fn fmt(arguments: &[&str], dir: &Path, stdin: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ccr-policy"))
        .arg("fmt")
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn dir_with(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

#[test]
fn rewrites_what_changes_and_says_so() {
    let dir = dir_with(&[("a.policy", UGLY), ("b.policy", NEAT), ("c.txt", UGLY)]);
    let path = dir.path();
    let shown = "--- a.policy\n+++ a.policy (formatted)\n@@ -1,3 +1,5 @@\n";
    let (code, out, _) = fmt(&["--diff", "a.policy"], path, "");
    assert!(
        code == 1
            && out.starts_with(shown)
            && out.contains("\n-route  main{default->m}\n")
            && out.contains("\n+route main {\n"),
        "{out}"
    );
    let (code, out, _) = fmt(&["--check"], path, "");
    assert_eq!((code, out.as_str()), (1, "would format ./a.policy\n1 file would be formatted, 1 file unchanged\n"));
    assert_eq!(fs::read_to_string(path.join("a.policy")).unwrap(), UGLY);

    let (code, out, err) = fmt(&[".", "a.policy"], path, "");
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(fs::read_to_string(path.join("a.policy")).unwrap(), NEAT);
    assert_eq!(fs::read_to_string(path.join("c.txt")).unwrap(), UGLY);
    let (code, out, _) = fmt(&["--check", "."], path, "");
    assert_eq!((code, out.as_str()), (0, "2 files unchanged\n"));
    assert_eq!(fs::read_dir(path).unwrap().count(), 3, "nothing is left over");
}

#[test]
fn leaves_alone_what_does_not_parse_and_goes_on() {
    let broken = "route main { default => m }\n";
    let dir = dir_with(&[("a.policy", broken), ("b.policy", UGLY)]);
    let (code, out, err) = fmt(&["."], dir.path(), "");
    assert_eq!(code, 1);
    assert!(err.contains("`=>`") && err.contains("a.policy:1:"), "{err}");
    assert_eq!(out, "formatted ./b.policy\n1 file formatted, 1 file left alone\n");
    assert_eq!(fs::read_to_string(dir.path().join("a.policy")).unwrap(), broken);
}

#[test]
fn what_cannot_run_is_2() {
    let dir = dir_with(&[("x.txt", "")]);
    assert_eq!(fmt(&["."], dir.path(), "").0, 2);
    assert_eq!(fmt(&["nowhere"], dir.path(), "").0, 2);
    assert_eq!(fmt(&["-", "x.txt"], dir.path(), "").0, 2);
    fs::write(dir.path().join("bad.policy"), [b'/', b'/', 0xff]).unwrap();
    assert_eq!(fmt(&["bad.policy"], dir.path(), "").0, 2);
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_permissions_stay() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = dir_with(&[("real", UGLY)]);
    let (real, link) = (dir.path().join("real"), dir.path().join("link.policy"));
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    assert_eq!(fmt(&["link.policy"], dir.path(), "").0, 0);
    assert_eq!(fs::read_to_string(&real).unwrap(), NEAT);
    assert!(link.is_symlink());
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn stdin_may_be_any_piece() {
    let here = Path::new(".");
    let check = |text: &str, expected: &str| {
        let (code, out, err) = fmt(&["-"], here, text);
        assert_eq!((code, out.as_str()), (0, expected), "{text}: {err}");
    };
    check(UGLY, NEAT);
    check("provider p{kind:mock}", "provider p { kind: mock }\n");
    check("model m on p{tags:[a]}", "model m on p { tags: [a] }\n");
    check("route r{default->m}", "route r {\n  default -> m\n}\n");
    check("rule a when b->c\nrule d when e->f", "rule a when b -> c\nrule d when e -> f\n");
    check("let a=b&&c", "let a = b && c\n");
    check("default->m then n", "default -> m then n\n");
    check("test \"t\"{given{}->m}", "test \"t\" {\n  given {} -> m\n}\n");
    check("given{tokens:9k}->m by r", "given { tokens: 9k } -> m by r\n");
    check("limit:60/min", "limit: 60/min\n");
    check("kind:mock fail:10%", "kind: mock\nfail: 10%\n");
    check("request.tokens>9&&!request.stream", "request.tokens > 9 && !request.stream\n");
    check("{text:\"x\",tokens:9k}", "{ text: \"x\", tokens: 9k }\n");
    check("model.context>0", "model.context > 0\n");
    check("60/min", "60/min\n");
    check("", "");
    let (code, out, err) = fmt(&["-"], here, "rule a when b and c -> m");
    assert!(code == 1 && out.is_empty() && err.contains("`and` is not an operator"), "{err}");
    assert_eq!(fmt(&["--check", "-"], here, "a==b").0, 1);
    assert_eq!(fmt(&["--check", "-"], here, "a == b\n").0, 0);
    assert!(fmt(&["--diff", "-"], here, "a==b\n").1.contains("-a==b\n+a == b\n"));
}
