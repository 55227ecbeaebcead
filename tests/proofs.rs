//! `check` with promises, `diff` and `replay` from outside, by the examples of docs/proofs.md.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::path::Path;
use std::process::Command;

/// The block of the page behind a marker.
fn block(marker: &str) -> String {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/proofs.md")).unwrap();
    let behind = page.split_once(&format!("<!-- {marker} -->\n```\n")).unwrap_or_else(|| panic!("no {marker}")).1;
    behind.split_once("```").unwrap().0.to_owned()
}

/// The policy of the page with the two rules changed round.
fn mended() -> String {
    let (old, home) = (block("policy: promises"), "  rule home when \"cn-only\" in tenant.tags -> glm\n");
    old.replace(home, "").replace("  rule short", &format!("{home}  rule short"))
}

struct Policies(tempfile::TempDir);

impl Policies {
    fn new(policies: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in policies {
            std::fs::create_dir(dir.path().join(name)).unwrap();
            std::fs::write(dir.path().join(name).join("main.policy"), text).unwrap();
        }
        Self(dir)
    }

    /// The exit code, stdout and stderr, where `@x` is a path.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let path = |argument: &&str| match argument.strip_prefix('@') {
            Some(name) => self.0.path().join(name).display().to_string(),
            None => (*argument).to_owned(),
        };
        let output = Command::new(env!("CARGO_BIN_EXE_ccr-policy")).args(arguments.iter().map(path)).output().unwrap();
        let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let root = self.0.path().display().to_string();
        let out = utf8(&output.stdout).replace(&format!("{root}/old/"), "").replace(&format!("{root}/"), "");
        (output.status.code().unwrap(), out, utf8(&output.stderr))
    }
}

#[test]
fn the_page_shows_what_check_says() {
    let policies = Policies::new(&[("old", &block("policy: promises")), ("new", &mended())]);
    let (code, out, _) = policies.run(&["check", "@old"]);
    assert!(code == 1 && out.contains(&block("check: promises")), "{code}\n{out}");
    let (code, out, _) = policies.run(&["check", "@new"]);
    assert!(code == 0 && out.contains(&block("check: mended")), "{code}\n{out}");
    // What the counterexample says is so.
    let allowed = block("policy: promises").replace("invariant", "// ").replace("  when \"cn", "// ");
    let allowed = allowed.replace("  require model.region == \"cn\"\n}", "");
    let policies = Policies::new(&[("old", &allowed)]);
    let (code, out, err) = policies.run(&["explain", "@old", "--tenant", "lanhai", "--given", "{}"]);
    assert!(code == 0 && out.contains("sonnet"), "{out}{err}");
}

#[test]
fn the_page_shows_what_diff_says() {
    let without = |text: &str| text.replace("\n  require model.region == \"cn\"", "\n  require model.region != \"\"");
    let policies = Policies::new(&[("old", &without(&block("policy: promises"))), ("new", &without(&mended()))]);
    let (code, out, err) = policies.run(&["diff", "@old", "@new"]);
    assert!(code == 1 && out.trim() == block("diff").trim(), "{code}\n{out}{err}");
    let (code, out, _) = policies.run(&["diff", "@old", "@new", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(code == 1 && json["regions"][0]["tenant"] == "lanhai" && json["same"] == false, "{out}");
}

const BASE: &str = "provider p { kind: mock }\nmodel a on p { price: { input: 1, output: 1 } }\nmodel b on p { price: { input: 2, output: 2 } }\n";

#[test]
fn diff_ends_with_what_it_found() {
    let route = |rules: &str| format!("{BASE}route main {{ {rules} }}\n");
    let old = route("rule r when request.turns > 5 -> b default -> a");
    let renamed = route("rule long when request.turns >= 6 -> b default -> a");
    let other = route("rule r when request.turns > 9 -> b default -> a");
    let dearer = old.replace("input: 2", "input: 3");
    let odd = route("rule r when request.turns * 2 == 7 -> b default -> a");
    let closed = format!("{old}tenant t {{ keys: [env(\"PATH\")] }}\n");
    let policies = Policies::new(&[
        ("old", &old),
        ("renamed", &renamed),
        ("other", &other),
        ("dearer", &dearer),
        ("odd", &odd),
        ("closed", &closed),
        ("broken", "route"),
    ]);
    for (new, ends, parts) in [
        ("@old", 0, ["proved: every request goes the same way", ""]),
        ("@renamed", 0, ["proved: every request goes the same way", ""]),
        ("@other", 1, ["main/r → main/default", "was  b\n  now  a"]),
        ("@dearer", 1, ["model `b`: price was input $2, output $2, is input $3, output $2", "proved: the rules lead"]),
        ("@odd", 1, ["main/r → main/default", "possible: main/default → main/r"]),
        ("@closed", 1, ["tenant `t` is new", "requests of whoever is not declared come in under one"]),
        ("@broken", 2, ["", ""]),
    ] {
        let (code, out, err) = policies.run(&["diff", "@old", new]);
        assert_eq!(code, ends, "{new}\n{out}{err}");
        assert!(parts.iter().all(|part| out.contains(part)), "{new}\n{out}{err}");
    }
}

#[test]
fn recorded_requests_are_replayed_from_a_file() {
    let route = |rules: &str| format!("{BASE}route main {{ {rules} }}\n");
    let old = route("rule r when request.turns > 5 -> b default -> a");
    let new = route("default -> a");
    let policies = Policies::new(&[("old", &old), ("new", &new)]);
    let line = |turns: u32, rule: &str, model: &str, cost: f64, hour: u32| {
        format!(
            r#"{{"schema":1,"at":"2026-01-01T{hour:02}:00:00Z","policy":"x","facts":{{"request.turns":{turns}}},"tokens_bound":9,"decision":"main/{rule}","model":"{model}","attempts":1,"outcome":"ok","usage":{{"input":1000000,"output":0}},"cost_usd":{cost}}}"#
        )
    };
    let record = [line(1, "default", "a", 1.0, 0), line(7, "r", "b", 2.0, 12)].join("\n");
    std::fs::write(policies.0.path().join("record"), record).unwrap();
    std::fs::write(policies.0.path().join("bad"), "{}").unwrap();
    let cut = format!("{}\n{}\n", line(1, "default", "a", 1.0, 0), line(7, "r", "b", 2.0, 12).split_at(90).0);
    std::fs::write(policies.0.path().join("cut"), cut).unwrap();
    std::fs::write(policies.0.path().join("endless"), "1".repeat(3 << 20)).unwrap();
    for arguments in
        [["replay", "@new", "@record", "--format=human"].as_slice(), &["diff", "@old", "@new", "--replay", "@record"]]
    {
        let (code, out, err) = policies.run(arguments);
        assert_eq!(code, 1, "{out}{err}");
        for part in [
            "1 of 2 replayed go another way (50.0 %)",
            "main/r (b) → main/default (a)",
            "; at this rate $2.00 less a day",
        ] {
            assert!(out.contains(part), "{part} in\n{out}");
        }
    }
    let (code, out, _) = policies.run(&["replay", "@old", "@record"]);
    assert!(code == 0 && out.contains("none of the 2 requests replayed goes another way"), "{code}\n{out}");
    let (code, out, _) = policies.run(&["replay", "@old", "@record", "--format", "json"]);
    assert!(code == 0 && out.contains("\"changed\": 0"), "{code}\n{out}");
    let (code, out, _) = policies.run(&["replay", "@old", "@cut"]);
    assert!(code == 1 && out.contains("1 line cut off") && out.contains("1 recorded request"), "{code}\n{out}");
    for missing in ["@bad", "@nowhere", "@endless"] {
        let (code, _, err) = policies.run(&["replay", "@old", missing]);
        assert!(code == 2 && (err.contains("line 1") || err.contains("cannot read")), "{code} {err}");
    }
}

/// What a shell prints for a command that was printed, run where the policies are.
fn shell(policies: &Policies, command: &str) -> String {
    let command = command.replacen("ccr-policy", env!("CARGO_BIN_EXE_ccr-policy"), 1);
    let output = Command::new("sh").args(["-c", &command]).current_dir(policies.0.path()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{command}\n{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn commands_that_are_printed_show_what_was_found() {
    let keys = "tenant t { keys: [env(\"K\"), env(\"L\")] }\n";
    let policy = |quoted: &str, by_key: &str| {
        format!(
            "{BASE}{keys}route main {{
  rule quoted when request.text.contains(\"it's $HOME\") -> {quoted}
  rule keyed when key.id == \"L\" -> {by_key}
  default -> a
}}
"
        )
    };
    let promise = "invariant \"never b\" { when request.turns >= 0 require model.name == \"a\" }\n";
    let broken = format!("{}{promise}", policy("b", "b"));
    let policies = Policies::new(&[("old", &policy("a", "a")), ("my new", &policy("b", "b")), ("bad", &broken)]);
    let (_, out, err) = policies.run(&["diff", "@old", "@my new"]);
    let commands: Vec<&str> = out.lines().filter_map(|line| line.trim().strip_prefix("try  ")).collect();
    assert!(commands.len() >= 2 && out.contains("with key L"), "{out}{err}");
    for command in &commands {
        let rule = if command.contains("it'") { "main/quoted" } else { "main/keyed" };
        let (new, old) = (shell(&policies, command), shell(&policies, &command.replace("'my new'", "old")));
        assert!(new.contains(rule.split('/').nth(1).unwrap()) && new.contains('b'), "{command}\n{new}");
        assert_ne!(new, old, "{command}");
    }
    let (_, out, err) = policies.run(&["check", "@bad", "--no-env"]);
    let commands: Vec<&str> = out.lines().filter_map(|line| line.split_once("run it: ").map(|(_, it)| it)).collect();
    assert!(!commands.is_empty(), "{out}{err}");
    for command in &commands {
        assert!(command.contains("explain bad ") && shell(&policies, command).contains('b'), "{command}");
    }
    for part in ["`model.name` of `b` is \"b\"", "1 more rule breaks it"] {
        assert!(out.contains(part), "{part} in\n{out}");
    }
}

#[test]
fn a_changed_option_is_one_change() {
    let policy = |deadline: &str| {
        format!(
            "{BASE}defaults {{ deadline: {deadline} timeout: 1s }}
route main {{ rule r when request.turns > 5 -> b rule s when request.turns > 3 -> a then b default -> a }}
"
        )
    };
    let policies = Policies::new(&[("old", &policy("10m")), ("new", &policy("20m"))]);
    let (_, out, err) = policies.run(&["diff", "@old", "@new"]);
    assert!(out.starts_with("1 change of where requests go\n"), "{out}{err}");
    assert!(out.contains("\n  was  with { deadline: 10m }\n  now  with { deadline: 20m }\n"), "{out}");
    assert!(!out.contains("timeout"), "{out}");
}
