//! `ccr-policy explain --show-request`, from outside: what a chain did to a conversation, warnings, embeddings.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::process::Command;

use serde_json::json;

/// `explain` of a body on a policy.
fn explain(policy: &str, body: &str, more: &[&str]) -> String {
    let place = tempfile::tempdir().unwrap();
    let (main, asked) = (place.path().join("main.policy"), place.path().join("body.json"));
    std::fs::write(&main, policy).unwrap();
    std::fs::write(&asked, body).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ccr-policy"));
    command.env_remove("NO_COLOR").arg("explain").arg("--policy").arg(&main).arg("--request").arg(&asked).args(more);
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!((output.status.code(), err.as_str()), (Some(0), ""), "{out}");
    out
}

/// A policy of one model with a chain.
fn chain(model: &str) -> String {
    format!("provider p {{ kind: mock wire: openai }}\nmodel m on p {{ {model} }}\nroute main {{ default -> m }}\n")
}

/// A conversation of some turns, with marks and a tool.
fn talk(turns: usize) -> String {
    let turn = |at: usize| {
        let role = if at.is_multiple_of(2) { "user" } else { "assistant" };
        json!({"role": role, "content": [{"type": "text", "text": format!("{at} {}", "word ".repeat(200)),
            "cache_control": {"type": "ephemeral"}}]})
    };
    let schema = json!({"type": "object", "$schema": "x", "properties": {"a": {"type": "string", "format": "uri"}}});
    json!({"model": "m", "max_tokens": 64, "messages": (0..turns).map(turn).collect::<Vec<_>>(),
        "system": "be short", "tools": [{"name": "read", "input_schema": schema}]})
    .to_string()
}

#[test]
fn every_transform_of_the_conversation_says_what_it_did() {
    let list = "transform: [clean_cache, schema_clean, trim_history(1k), system_as_user, tool_use, think_tag]";
    let out = explain(&chain(list), &talk(9), &["--show-request"]);
    for line in [
        "clean_cache: 9 marks removed",
        "schema_clean: `$schema`, `format` taken out of 1 schema",
        "trim_history: ",
        " of 9 turns (about ",
        "system_as_user: what the system says was put into the first user message",
        "tool_use: a tool must be called; `give_final_answer` was added for a plain answer",
        "think_tag: in the answer, ",
    ] {
        assert!(out.contains(line), "no {line} in\n{out}");
    }
    let out = explain(
        &chain(list),
        r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#,
        &["--show-request"],
    );
    for name in ["clean_cache", "schema_clean", "trim_history", "system_as_user", "tool_use"] {
        assert!(out.contains(&format!("{name}: nothing to do")), "no {name} in\n{out}");
    }
    let small = chain("can: [] transform: [emulate_tools]");
    let out = explain(&small, &talk(1), &["--show-request"]);
    assert!(out.contains("emulate_tools: 1 tool, their calls and results put into words"), "{out}");
}

#[test]
fn warnings_stand_once_each_on_lines_of_their_own() {
    let body = r#"{"model":"m","max_tokens":64000,"top_k":5,"thinking":{"type":"enabled","budget_tokens":2000},
        "messages":[{"role":"user","content":"hi"}]}"#;
    let out = explain(&chain("output: 32k transform: [max_tokens(8k)]"), body, &["--show-request"]);
    let count = |text: &str| out.matches(text).count();
    // Two caps: the outcome alone is told.
    assert_eq!(count("max_tokens lowered to"), 1, "{out}");
    assert!(out.contains("warning: max_tokens lowered to 8000, by the policy"), "{out}");
    assert_eq!(count("warning: thinking was left out"), 1, "{out}");
    for line in out.lines().filter(|line| line.trim_start().starts_with("warning: ")) {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[test]
fn a_body_is_shown_whole_on_request() {
    let long = "x".repeat(900);
    let body = json!({"model": "m", "messages": [{"role": "user", "content": long}]}).to_string();
    let cut = explain(&chain(""), &body, &["--show-request"]);
    assert!(!cut.contains(&long) && cut.contains("500 more characters, --all shows them"), "{cut}");
    assert!(explain(&chain(""), &body, &["--show-request", "--all"]).contains(&long));
}

#[test]
fn a_named_model_shows_one_of_its_spellings() {
    let policy = format!("{}defaults {{ explicit: allow }}\n", chain(""));
    let out = explain(&policy, r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#, &[]);
    assert!(out.starts_with("decision  main/explicit"), "{out}");
    assert!(out.contains("request.model in [\"m\", … 5 more spellings]"), "{out}");
}

#[test]
fn embeddings_are_explained_as_such() {
    let policy = "provider p { kind: openai base: \"https://p.test/v1\" key: env(\"K\") transform: [max_tokens(9)] }
model talks on p {}
model vectors on p { upstream: \"text-embedding-3-small\" can: [] }
route main { rule embed when request.protocol == \"embeddings\" -> vectors default -> talks }";
    let plain = r#"{"model":"text-embedding-3-small","input":["a","b"]}"#;
    for (body, more) in [(plain, &[][..]), (r#"{"model":"any","input":"a"}"#, &["--protocol", "embeddings"])] {
        let out = explain(policy, body, &[&["--show-request"], more].concat());
        assert!(out.starts_with("decision  main/embed"), "{out}");
        assert!(out.contains("POST https://p.test/v1/embeddings\n") && !out.contains("max_tokens"), "{out}");
        assert!(!out.contains("the body looks like"), "{out}");
    }
}
