//! `ccr-policy explain` and `ccr-policy test`, from outside.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const POLICY: &str = r#"
provider here { kind: mock }
model coder on here { price: { input: 1, output: 2 } can: [tools, thinking] context: 100k }
model mini on here { price: { input: 0.1, output: 0.2 } }
model eyes on here { can: [vision, tools] }
tenant lanhai { keys: [env("K")] tier: "pro" tags: [cn-only] models: [mini] }

tenant acme { keys: [env("A")] }

route main {
  rule image when request.images > 0 -> eyes
  rule stay when "cn-only" in tenant.tags -> route china
  rule code when request.text.contains("代码") -> coder then mini
  rule office when now.getHours("Asia/Shanghai") >= 22 -> reject 403 "closed"
  default -> cheapest of [coder, mini] then coder
}
route china { default -> coder then mini }
"#;

struct Place(tempfile::TempDir);

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        Self(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ccr-policy"));
    command.env_remove("NO_COLOR");
    command
}

fn text(output: &Output) -> (i32, String, String) {
    let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), utf8(&output.stdout), utf8(&output.stderr))
}

/// `explain` on [`POLICY`] with a fixed clock.
fn explain(arguments: &[&str]) -> (i32, String, String) {
    let place = Place::new(&[("main.policy", POLICY)]);
    let mut command = program();
    command.args(["explain", "--policy"]).arg(place.0.path());
    if !arguments.contains(&"--now") {
        command.args(["--now", "2026-01-31T12:00:00+08:00"]);
    }
    text(&command.args(arguments).output().unwrap())
}

#[track_caller]
fn check_given(given: &str, more: &[&str], decision: &str, outcome: &str) {
    let arguments = [&["--given", given], more].concat();
    let (code, out, err) = explain(&arguments);
    assert_eq!((code, err.as_str()), (0, ""));
    let mut lines = out.lines();
    assert!(lines.next().unwrap().starts_with(&format!("decision  {decision}  ")), "{out}");
    assert_eq!(lines.next().unwrap(), format!("outcome   {outcome}"), "{out}");
}

#[test]
fn given_facts_are_explained() {
    check_given("{}", &[], "main/default", "mini then coder");
    check_given(r#"{ text: "写一段代码" }"#, &[], "main/code", "coder then mini");
    check_given(r#"{ images: 1 }"#, &[], "main/image", "eyes");
    check_given(r#"{ text: "代码", tokens: 200k }"#, &[], "main/code", "mini");
    check_given("{ tenant: lanhai }", &[], "main/china/default", "mini");
    check_given("{}", &["--tenant", "lanhai"], "main/china/default", "mini");
    check_given("{ tenant: lanhai }", &["--tenant", "acme"], "main/default", "mini then coder");
    check_given("{}", &["--now", "2026-01-31T23:00:00+08:00"], "main/office", "reject 403");
    check_given("{}", &["--state", "{ mini: { healthy: false } }"], "main/default", "coder");
}

#[test]
fn state_may_be_a_file() {
    let place = Place::new(&[("state", "{ mini: { healthy: false } }")]);
    check_given("{}", &["--state", place.path("state").to_str().unwrap()], "main/default", "coder");
}

fn trace_of(body: &str, more: &[&str]) -> serde_json::Value {
    let place = Place::new(&[("body.json", body)]);
    let path = place.path("body.json");
    let arguments = [&["--request", path.to_str().unwrap(), "--format", "json"], more].concat();
    let (code, out, err) = explain(&arguments);
    assert_eq!((code, err.as_str()), (0, ""));
    serde_json::from_str(&out).unwrap()
}

const ANTHROPIC: &str = r#"{"model":"claude-sonnet-4-5","max_tokens":100,"messages":[
  {"role":"user","content":[{"type":"text","text":"看看这段代码"}]}],"thinking":{"type":"enabled","budget_tokens":1024}}"#;
const CHAT: &str = r#"{"model":"gpt","messages":[{"role":"system","content":"x"},{"role":"user","content":"hello"}]}"#;

#[test]
fn a_body_is_explained_in_either_protocol() {
    let trace = trace_of(ANTHROPIC, &[]);
    assert_eq!(trace["decision"], "main/code");
    assert_eq!(trace["outcome"]["models"], serde_json::json!(["coder", "mini"]));
    assert_eq!(trace["routes"][0]["rules"][2]["because"][0]["saw"][0]["value"], "看看这段代码");
    assert_eq!(trace["attempts"][1]["candidates"][0]["adapted"], serde_json::json!(["thinking"]));
    assert_eq!(trace_of(CHAT, &[])["decision"], "main/default");
    assert_eq!(trace_of(CHAT, &["--protocol", "chat", "--tenant", "lanhai"])["tenant"], "lanhai");
    assert_eq!(trace_of(r#"{"message":"写代码"}"#, &[])["decision"], "main/code");
}

#[test]
fn a_body_may_come_from_stdin() {
    let place = Place::new(&[("main.policy", POLICY)]);
    let mut command = program();
    command.args(["explain", "--request", "-", "--policy"]).arg(place.0.path());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(ANTHROPIC.as_bytes()).unwrap();
    let (code, out, _) = text(&child.wait_with_output().unwrap());
    assert_eq!(code, 0);
    assert!(out.starts_with("decision  main/code"), "{out}");
}

#[test]
fn what_cannot_be_explained_ends_with_2_and_says_why() {
    let place = Place::new(&[("body.json", "not JSON"), ("empty.json", "{}")]);
    let [body, empty, missing] = ["body.json", "empty.json", "missing"].map(|name| place.path(name));
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let check = |arguments: &[&str], says: &str| {
        let (code, out, err) = explain(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        assert!(err.contains(says), "{err}");
    };
    check(&[], "--request <FILE>|--given <FACTS>");
    check(&["--given", "{ txt: 1 }"], "did you mean `text`?");
    check(&["--given", "{}", "--tenant", "nobody"], "no tenant `nobody`; it knows `lanhai`, `acme`");
    check(&["--given", "{}", "--state", "{ nobody: {} }"], "`--state` cannot be understood");
    check(&["--given", "{}", "--now", "today"], "write it as 2026-01-31T09:00:00+08:00");
    check(&["--request", &path(&body)], "is not a request");
    check(&["--request", &path(&empty)], "`messages`: field required");
    check(&["--request", &path(&missing)], "cannot read");
    check(&["--request", &path(&empty), "--header", "nothing"], "write it as `name: value`");
}

fn test_command(policy: &str, more: &[&str]) -> (i32, String, String) {
    let place = Place::new(&[("main.policy", policy)]);
    text(&program().arg("test").arg(place.0.path()).args(more).output().unwrap())
}

fn with_tests(cases: &str) -> String {
    format!(
        "{POLICY}\ntest \"口味\" on main {{\n{cases}\n}}\ntest \"other\" {{ given {{ images: 1 }} -> eyes by image }}"
    )
}

#[test]
fn tests_pass_fail_and_are_chosen_by_title() {
    let good = with_tests("given { text: \"代码\" } state { coder: { healthy: false } } -> mini by code");
    let (code, out, _) = test_command(&good, &[]);
    assert_eq!((code, out.lines().last()), (0, Some("2 cases passed, 0 failed")), "{out}");
    let (code, out, _) = test_command(&good, &["--filter", "口"]);
    assert_eq!((code, out.lines().last()), (0, Some("1 case passed, 0 failed")), "{out}");
    for format in ["human", "json"] {
        let (code, out, err) = test_command(&good, &["--filter", "nothing like it", "--format", format]);
        let says = "error: no test has `nothing like it` in its title; the titles are:\n  口味\n  other\n";
        assert_eq!((code, out.as_str(), err.as_str()), (2, "", says));
    }
    let (code, _, err) = test_command(POLICY, &["--filter", "x"]);
    assert_eq!((code, err.as_str()), (2, "error: no test has `x` in its title; the policy has no tests\n"));

    let bad = with_tests("  given { text: \"hello\" } -> coder by code");
    let (code, out, _) = test_command(&bad, &[]);
    assert_eq!(code, 1, "{out}");
    for says in [
        "✗ 口味   1 of 1 case failed",
        "main.policy:20:3",
        "expected  coder by code",
        "actual    mini then coder by default",
        "rule `code` did not match: request.text is \"hello\"",
        "1 case passed, 1 failed",
    ] {
        assert!(out.contains(says), "`{says}` is not in\n{out}");
    }
    let (code, out, _) = test_command(&bad, &["--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["failed"], &report["cases"][0]["line"]), (1, &1.into(), &20.into()));
}

#[test]
fn a_policy_is_named_by_its_place_or_by_an_option() {
    let place = Place::new(&[("main.policy", &with_tests("given {} -> mini then coder"))]);
    let path = place.0.path().to_str().unwrap();
    for (command, more) in [("test", &[][..]), ("explain", &["--given", "{}"])] {
        let run = |arguments: &[&str]| text(&program().arg(command).args(arguments).args(more).output().unwrap());
        let by_place = run(&[path]);
        assert_eq!(by_place.0, 0, "{by_place:?}");
        assert_eq!(run(&["--policy", path]).0, 0, "{command}");
        assert_eq!(run(&[path, "--policy", path]).0, 2, "{command}: said twice");
        let inside = program().arg(command).args(more).current_dir(path).output().unwrap();
        assert_eq!(text(&inside).0, 0, "{command}: the directory that it runs in");
    }
}

#[test]
fn a_policy_without_tests_is_told_how_to_write_one() {
    let (code, out, _) = test_command(POLICY, &[]);
    assert_eq!(code, 0);
    assert!(out.contains("has no tests; write"), "{out}");
}

#[test]
fn a_broken_policy_ends_with_1_and_none_at_all_with_2() {
    let (code, out, err) = test_command("route main { default -> nobody }", &[]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("nobody"), "{err}");
    let output = program().args(["test", "/nowhere/at/all"]).output().unwrap();
    assert_eq!(text(&output).0, 2);
}

#[test]
fn the_policies_of_this_repository_pass_their_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut count = 0;
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let (code, out, err) = text(&program().arg("test").arg(&path).output().unwrap());
        assert_eq!(code, 0, "{}\n{out}{err}", path.display());
        count += 1;
    }
    assert!(count >= 5, "{count}");
}
