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
    explain_on(POLICY, &[], arguments)
}

/// `explain` on a policy with these environment variables.
fn explain_on(policy: &str, environment: &[(&str, &str)], arguments: &[&str]) -> (i32, String, String) {
    let place = Place::new(&[("main.policy", policy)]);
    let mut command = program();
    command.env_remove("K").env_remove("A").envs(environment.iter().copied());
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
fn headers_go_with_given_facts_too() {
    let policy = r#"
provider p { kind: mock }
model m on p {}
route main {
  rule red when request.header("x-team") == "red" -> reject 403
  default -> m
}
"#;
    let decision = |arguments: &[&str]| explain_on(policy, &[], arguments).1;
    assert!(decision(&["--given", "{}", "--header", "X-Team: red"]).contains("main/red"));
    let given_wins = r#"{ header: { "x-team": "blue" } }"#;
    assert!(decision(&["--given", given_wins, "--header", "x-team: red"]).contains("main/default"));
    assert_eq!(explain_on(policy, &[], &["--given", "{}", "--header", "x"]).0, 2);
    assert_eq!(explain_on(policy, &[], &["--given", "{}", "--protocol", "chat"]).0, 2);
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
    let gemini = r#"{"contents":[{"role":"user","parts":[{"text":"看看这段代码"}]}]}"#;
    assert_eq!(trace_of(gemini, &["--protocol", "gemini"])["decision"], "main/code");
}

const PRICED: &str = r#"
provider here { kind: mock }
provider there { kind: mock wire: openai }
model mini on here { price: { input: 0.1, output: 0.4 } can: [vision, tools] }
model dear on there { price: { input: 3, output: 15 } can: [vision, tools] }
route main {
  rule cheap when request.stream -> cheapest of [dear, mini]
  default -> mini then dear
}
"#;

#[test]
fn the_printed_price_is_that_of_the_tokens() {
    let (code, out, err) = explain_on(PRICED, &[], &["--given", "{ tokens: 9000 }"]);
    assert_eq!((code, err.as_str()), (0, ""));
    // 9000 × 0.1 / 1M + 1024 × 0.4 / 1M
    assert!(out.contains("✓ mini  here  estimate $0.00131\n"), "{out}");
    assert!(out.contains("✓ dear  there  estimate $0.04236\n"), "{out}");
    // Given tokens are ranked as the bytes that they would take.
    let (_, out, _) = explain_on(PRICED, &[], &["--given", "{ tokens: 9000, stream: true }"]);
    assert!(out.contains("✓ mini  here   estimate $0.00131\n"), "{out}");
}

#[test]
fn a_picture_is_priced_by_its_tokens_and_ranked_by_its_length() {
    let picture = "iVBORw0K".repeat(100_000);
    let body = format!(
        r#"{{"model":"m","max_tokens":100,"stream":true,"messages":[{{"role":"user","content":[
          {{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{picture}"}}}}]}}]}}"#
    );
    let place = Place::new(&[("body.json", &body)]);
    let path = place.path("body.json");
    let (code, out, err) = explain_on(PRICED, &[], &["--request", path.to_str().unwrap(), "--format", "json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let trace: serde_json::Value = serde_json::from_str(&out).unwrap();
    let mini = &trace["attempts"][0]["candidates"][1];
    let dollars = mini["estimate_usd"].as_f64().unwrap();
    // A picture is worth a few thousand tokens at most; its 800 000 bytes would be 200 000.
    assert!(dollars > 100.0 * 0.4e-6 && dollars < 5_000.0 * 0.1e-6 + 100.0 * 0.4e-6, "{dollars}");
    assert!(mini["ranked_by"].as_str().unwrap().starts_with("ranked by length at $0.02"), "{mini}");
}

fn asked_with(environment: &[(&str, &str)], more: &[&str]) -> (i32, String, String) {
    let place = Place::new(&[("body.json", CHAT)]);
    let path = place.path("body.json");
    explain_on(KEYED, environment, &[&["--request", path.to_str().unwrap()], more].concat())
}

const KEYED: &str = r#"
provider here { kind: mock }
model coder on here {}
model mini on here {}
tenant lanhai { keys: [env("K"), { key: env("A"), tags: [batch] }] tier: "pro" models: [mini] }
tenant acme { keys: [env("B_KEY")] }
route main {
  rule batch when "batch" in key.tags && key.id == "A" && tenant.tier == "pro" -> mini
  default -> coder then mini
}
"#;
const KEYS: &[(&str, &str)] = &[("K", "k-secret"), ("A", "a-secret"), ("B_KEY", "b-secret")];

#[test]
fn a_key_says_who_asks() {
    let check = |more: &[&str], decision: &str, tenant: &str| {
        let (code, out, err) = asked_with(KEYS, more);
        assert_eq!((code, err.as_str()), (0, ""), "{more:?}");
        let first = out.lines().next().unwrap();
        assert!(first.starts_with(&format!("decision  {decision}  ")) && first.ends_with(tenant), "{more:?}\n{out}");
        assert!(!out.contains("-secret") && !out.contains("note"), "{out}");
    };
    check(&["--header", "authorization: Bearer a-secret"], "main/batch", "tenant lanhai");
    check(&["--header", "x-api-key: k-secret"], "main/default", "tenant lanhai");
    check(&["--header", "x-api-key: dummy", "--header", "authorization: bearer b-secret"], "main/default", "acme");
    check(&["--header", "x-api-key: k-secret", "--tenant", "lanhai"], "main/default", "tenant lanhai");
    check(&["--key", "A"], "main/batch", "tenant lanhai");
    check(&["--key", "B_KEY"], "main/default", "tenant acme");
    let (code, out, _) = explain_on(KEYED, &[], &["--given", "{ tenant: acme }", "--key", "A"]);
    assert_eq!((code, out.starts_with("decision  main/batch  ")), (0, true), "{out}");
}

#[test]
fn a_key_that_nobody_has_is_an_error() {
    let check = |environment, more: &[&str], says: &str| {
        let (code, out, err) = asked_with(environment, more);
        assert_eq!((code, out.as_str()), (2, ""), "{more:?}");
        assert!(err.contains(says) && !err.contains("secret"), "{more:?}\n{err}");
    };
    check(KEYS, &["--header", "x-api-key: z-secret"], "none of the policy's: the server would answer 401");
    let header = "authorization: Bearer b-secret";
    check(KEYS, &["--header", header, "--tenant", "lanhai"], "one of tenant `acme`, not of `lanhai`");
    check(&KEYS[..2], &["--header", header], "tenant `acme`: the environment variable `B_KEY` is not set");
    check(&[], &["--header", header], "`B_KEY` is not set");
    check(KEYS, &["--key", "C"], "no tenant of the policy has a key `C`; it knows `K`, `A`, `B_KEY`");
    check(KEYS, &["--key", "K", "--tenant", "acme"], "cannot be used with");
    // Without keys in the policy the header means nothing, as in the server.
    let place = Place::new(&[("body.json", CHAT)]);
    let path = place.path("body.json");
    let arguments = ["--request", path.to_str().unwrap(), "--header", "x-api-key: anything"];
    assert_eq!(explain_on(PRICED, &[], &arguments).0, 0);
    let (code, out, _) = asked_with(&[], &[]);
    assert_eq!((code, out.contains("note      the policy has client keys and no key is given")), (0, true), "{out}");
}

#[test]
fn a_body_of_another_protocol_is_noted_and_what_cannot_be_sent_is_told() {
    let note = "the body looks like a request of `chat`; it is read as one of `anthropic`";
    let body = r#"{"model":"m","max_tokens":9,"messages":[{"role":"system","content":"x"},{"role":"user","content":"hello"}],
      "tools":[{"type":"function","function":{"name":"f","parameters":{}}}]}"#;
    let place = Place::new(&[("body.json", body)]);
    let path = place.path("body.json");
    let ask = |more: &[&str]| {
        let arguments = [&["--request", path.to_str().unwrap(), "--protocol", "anthropic"], more].concat();
        let (code, out, err) = explain_on(PRICED, &[], &arguments);
        assert_eq!((code, err.as_str()), (0, ""));
        out
    };
    let out = ask(&[]);
    assert!(out.contains(&format!("note      {note}\n")), "{out}");
}

#[test]
fn with_nobody_left_the_answer_of_the_client_is_told() {
    let check = |given: &str, state: &str, says: &[&str]| {
        let (code, out, err) = explain(&["--given", given, "--state", state]);
        assert_eq!((code, err.as_str()), (0, ""));
        let head: Vec<&str> = out.lines().skip(1).take(2).collect();
        assert_eq!(head, says, "{out}");
    };
    let down = "{ coder: { healthy: false }, mini: { healthy: false } }";
    let ever = "          no model of rule `main/image` can serve the request";
    check(
        "{ images: 1, tools: [f] }",
        "{ eyes: { healthy: false } }",
        &[
            "outcome   nothing: the client gets 503",
            "          no model of rule `main/image` is available at the moment",
        ],
    );
    check("{ tenant: lanhai, images: 1 }", "{}", &["outcome   nothing: the client gets 400", ever]);
    check(
        "{}",
        down,
        &[
            "outcome   nothing: the client gets 503",
            "          no model of rule `main/default` is available at the moment",
        ],
    );
    let bad = with_tests("  given { tenant: lanhai, images: 1 } -> eyes");
    let (code, out, _) = test_command(&bad, &[]);
    assert_eq!(code, 1);
    for says in [
        "actual    nothing: the client gets 400 by image",
        "the client gets 400: no model of rule `main/image` can serve the request",
        "`eyes` was skipped: the tenant may not use it",
    ] {
        assert!(out.contains(says), "`{says}` is not in\n{out}");
    }
}

#[test]
fn a_text_without_its_tokens_is_noted() {
    let policy = format!(
        "{PRICED}\nroute other {{ rule long when request.text.contains(\"x\") || request.tokens > 9 || request.turns > 3 -> dear default -> mini }}"
    );
    let policy = policy.replace("rule cheap", "rule over when request.model == \"o\" -> route other\n  rule cheap");
    let note = "note      tokens not given: taken as 0; add `tokens: …`";
    let check = |given: &str, noted: bool| {
        let (code, out, err) = explain_on(&policy, &[], &["--given", given]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert_eq!(out.contains(note), noted, "{given}\n{out}");
    };
    check(r#"{ model: "o", text: "y" }"#, true);
    check(r#"{ model: "o", system: "y" }"#, true);
    check(r#"{ model: "o", history: "y", tokens: 0 }"#, false);
    check(r#"{ model: "o", text: "x" }"#, false);
    check(r#"{ text: "y" }"#, false);
    check(r#"{ model: "o" }"#, false);
    let tests = format!("{policy}\ntest \"t\" {{ given {{ model: \"o\", text: \"y\" }} -> dear }}");
    let (code, out, _) = test_command(&tests, &[]);
    assert_eq!(code, 1);
    assert!(out.contains("note: tokens not given: taken as 0; add `tokens: …`"), "{out}");
}

#[test]
fn a_rule_that_did_not_match_says_what_is_nearest() {
    let check = |given: &str, more: &[&str], says: &str| {
        let (code, out, err) = explain(&[&["--given", given], more].concat());
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.lines().any(|line| line.trim() == says), "`{says}` is not a line of\n{out}");
    };
    check("{ text: \"hello\" }", &[], "would match with request.images: 1 (is 0)");
    check("{ text: \"hello\" }", &[], "would match with request.text: \"代码\" (is \"hello\")");
    check("{ text: \"hello\" }", &[], "would match with tenant.tags: [\"cn-only\"] (is [])");
    // A rule in the shadow of an earlier one, and one behind whose own condition is false too.
    let shadowed = "{ images: 1, text: \"代码\" }";
    check(shadowed, &["--why-not", "code"], "would match with request.images: 0 (is 1)");
    let both = "would match with request.text: \"代码\" (is \"\"), request.images: 0 (is 1)";
    check("{ images: 1 }", &["--why-not", "main/code"], both);
    // As near as may be: not 0, which would do as well.
    let sizes = "provider p { kind: mock }\nmodel a on p {}\nroute main {\n  rule huge when request.tokens > 9000 -> a\n  rule large when request.tokens > 500 -> a\n  default -> a\n}\n";
    let near = |given: &str, rule: &str| explain_on(sizes, &[], &["--given", given, "--why-not", rule]).1;
    assert!(near("{ tokens: 200k }", "large").contains("would match with request.tokens: 9000 (is 200000)"));
    assert!(near("{ tokens: 200k }", "default").contains("would match with request.tokens: 500 (is 200000)"));
    assert!(near("{}", "huge").contains("would match with request.tokens: 9001 (is 0)"));
    let (_, out, _) = explain(&["--given", shadowed, "--why-not", "code"]);
    assert_eq!(out.matches("would match").count(), 1, "{out}");
    let (code, _, err) = explain(&["--given", "{}", "--why-not", "nobody"]);
    assert_eq!(code, 2);
    assert!(err.contains("has a rule `nobody`; it sees `main/image`, `main/stay`"), "{err}");
    let (_, out, _) = explain(&["--given", "{}", "--format", "json"]);
    let trace: serde_json::Value = serde_json::from_str(&out).unwrap();
    let with = serde_json::json!([{ "name": "request.images", "is": 0, "would_be": 1 }]);
    assert_eq!(trace["routes"][0]["rules"][0]["nearest"]["with"], with);
}

#[test]
fn the_picture_is_drawn_within_the_terminal() {
    let given = "{ text: \"写一段代码\", tenant: { tags: [\"一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十\"] } }";
    let (code, out, err) = explain(&["--given", given, "--format", "picture"]);
    assert_eq!((code, err.as_str()), (0, ""));
    for says in [
        "  ● request  policy ",
        "  ◆ route main\n",
        "  ├▸✓ code ",
        "  │ · office\n",
        "  ├─ 1  coder\n",
        "  ╰─▸ main/code  coder then mini",
    ] {
        assert!(out.contains(says), "`{says}` is not in\n{out}");
    }
    use unicode_width::UnicodeWidthStr as _;
    assert!(out.lines().all(|line| line.width() <= 100), "{out}");
    assert!(out.lines().any(|line| line.ends_with('…')) && !out.contains('\u{1b}'), "{out}");
    // Piped, the usual form is text.
    let (_, out, _) = explain(&["--given", given]);
    assert!(out.starts_with("decision  main/code  "), "{out}");
    let (_, out, _) = explain(&["--given", "{ tenant: lanhai }", "--format", "picture"]);
    assert!(out.contains("→ route china decides") && out.contains("  ◆ route china\n"), "{out}");
    let (_, out, _) = explain(&["--given", "{}", "--now", "2026-01-31T23:00:00+08:00", "--format", "picture"]);
    assert!(out.ends_with("  ╰─▸ main/office  reject 403\n      closed\n"), "{out}");
}

#[test]
fn rules_that_were_not_reached_are_folded_and_seen_values_stay() {
    let wide = "request.text.contains(\"a text that is longer than a column of conditions grows\")";
    let rules: String =
        (1..20).map(|number| format!("  rule r{number} when request.turns == {number} -> mini\n")).collect();
    let policy = format!(
        "provider here {{ kind: mock }}\nmodel mini on here {{}}\nroute main {{\n  rule wide when {wide} -> mini\n{rules}  default -> mini\n}}\n"
    );
    for format in ["text", "picture"] {
        let (_, out, _) = explain_on(&policy, &[], &["--given", "{ text: \"short\", turns: 1 }", "--format", format]);
        assert!(out.contains("… 16 more rules were not reached, --all shows them") && !out.contains("r5"), "{out}");
        // The value has a row of its own, below the condition that left no room for it.
        let row = out.lines().skip_while(|line| !line.contains(wide)).nth(1).unwrap();
        assert!(row.contains("request.text is \"short\"") && !row.contains("contains"), "{out}");
        let (_, out, _) = explain_on(&policy, &[], &["--given", "{ turns: 1 }", "--format", format, "--all"]);
        assert!(out.contains("r5") && !out.contains("more rules"), "{out}");
    }
}

#[test]
fn very_long_routes_are_cut_unless_asked_for() {
    let rules: String =
        (0..500).map(|number| format!("  rule r{number} when request.tokens == {number} -> mini\n")).collect();
    let policy = format!(
        "provider here {{ kind: mock }}\nmodel mini on here {{}}\nroute main {{\n{rules}  default -> mini\n}}\n"
    );
    for format in ["text", "picture"] {
        let (code, out, _) = explain_on(&policy, &[], &["--given", "{ tokens: 400 }", "--format", format]);
        assert_eq!(code, 0);
        assert!(out.contains("464 more rules, --all shows them") && out.contains("✓ r400"), "{out}");
        assert!(out.lines().count() < 100 && !out.contains("r300 "), "{out}");
        let (_, out, _) = explain_on(&policy, &[], &["--given", "{ tokens: 400 }", "--format", format, "--all"]);
        assert!(out.contains("r300 ") && !out.contains("more rules"), "{out}");
    }
    let (_, out, _) = explain_on(&policy, &[], &["--given", "{ tokens: 400 }", "--format", "json"]);
    let trace: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(trace["routes"][0]["rules"].as_array().unwrap().len(), 501);
}

const SENT: &str = r#"
provider away { kind: openai base: "https://away.test/v1" key: env("AWAY_KEY") headers: { "x-team": "red" } }
provider home { kind: anthropic base: "https://home.test" key: env("HOME_KEY") }
model far on away { upstream: "far-1" can: [tools] }
model near on home { upstream: "near-1" can: [tools] }
route main {
  rule home when request.model == "home" -> near
  default -> far then near
}
"#;

#[test]
fn what_would_be_sent_is_shown_without_its_keys() {
    let body = r#"{"model":"MODEL","max_tokens":9,"messages":[{"role":"user","content":"你好"}]}"#;
    let keys: &[(&str, &str)] = &[("AWAY_KEY", "geheim-1"), ("HOME_KEY", "geheim-2")];
    let ask = |model: &str, more: &[&str]| {
        let place = Place::new(&[("body.json", &body.replace("MODEL", model))]);
        let path = place.path("body.json");
        let arguments =
            [&["--request", path.to_str().unwrap(), "--show-request", "--header", "user-agent: me"], more].concat();
        let (code, out, err) = explain_on(SENT, keys, &arguments);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(!out.contains("geheim"), "{out}");
        out
    };
    let out = ask("x", &[]);
    for says in [
        "request to far at away\n  POST https://away.test/v1/chat/completions\n",
        "  authorization: Bearer *  (AWAY_KEY)\n",
        "  x-team: red\n",
        "\n  {\n    \"model\": \"far-1\",\n",
        "\"content\": \"你好\"",
    ] {
        assert!(out.contains(says), "`{says}` is not in\n{out}");
    }
    let out = ask("home", &["--format", "json"]);
    let sent = &serde_json::from_str::<serde_json::Value>(&out).unwrap()["sent"];
    assert_eq!((&sent["url"], &sent["body"]["model"]), (&"https://home.test/v1/messages".into(), &"near-1".into()));
    assert!(sent["headers"].as_array().unwrap().contains(&serde_json::json!(["x-api-key", "*  (HOME_KEY)"])), "{sent}");
    assert!(sent["headers"].as_array().unwrap().contains(&serde_json::json!(["user-agent", "me"])), "{sent}");
    // Nobody needs the keys to look.
    let (code, out, _) = explain_on(SENT, &[], &["--given", "{ model: \"home\" }", "--show-request"]);
    assert_eq!(code, 0);
    assert!(out.contains("  POST https://home.test/v1/messages\n"), "{out}");
    assert!(out.contains("no body: facts alone have none; give one with --request FILE"), "{out}");
}

#[test]
fn facts_without_braces_are_shown_in_some() {
    for (given, help) in [
        ("images=1", "write `{ images: 1 }`"),
        ("images = 1, stream==true", "write `{ images: 1, stream: true }`"),
        ("images: 1", "write `{ images: 1 }`"),
    ] {
        let (code, _, err) = explain(&["--given", given]);
        assert!(code == 2 && err.contains(help), "{err}");
    }
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
    for (command, more) in [("test", &[][..]), ("check", &[]), ("explain", &["--given", "{}"])] {
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
