//! Imports of configurations as people publish them: what comes out is shown in a snapshot, checks
//! clean, passes its own tests, holds no key, and every value of the input is accounted for.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice, reason = "test helpers")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use ccr_policy::diag::{Code, Sources, render};
use ccr_policy::engine::{Engine, cases};
use ccr_policy::import::starter::{Chosen, STARTERS, Starter, compose};
use ccr_policy::import::{Fate, ImportError, Imported, Options, Source, import};
use ccr_policy::{dsl, lint};
use proptest::prelude::*;

fn fixtures() -> Vec<(Source, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import");
    let of = |source: Source, directory: &str| {
        let mut files: Vec<PathBuf> =
            fs::read_dir(root.join(directory)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= 3, "{directory} has only {} configurations", files.len());
        files.into_iter().map(move |file| (source, file))
    };
    of(Source::Ccr, "ccr").chain(of(Source::Litellm, "litellm")).chain(of(Source::Portkey, "portkey")).collect()
}

fn of(file: &Path, options: Options) -> Imported {
    let text = fs::read_to_string(file).unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    import(name, &text, options).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// What has to hold for every policy that an import makes.
fn sound(imported: &Imported, served: bool) {
    sound_text(&imported.policy, served);
}

fn sound_text(text: &str, served: bool) {
    let mut sources = Sources::default();
    sources.add("imported.policy", text);
    let checked = lint::check(&sources);
    let unexpected: Vec<_> =
        checked.diagnostics.iter().filter(|finding| served || finding.code != Code::P0708).cloned().collect();
    assert!(unexpected.is_empty(), "{}\n{}", render::human(&unexpected, &sources, false), text);
    let policy = checked.policy.unwrap();
    assert!(!policy.tests.is_empty(), "no tests\n{}", text);
    let report = cases::run(&Engine::new(Arc::new(policy)));
    assert_eq!(report.failed(), 0, "{}\n{}", report.text(&sources, false), text);
    assert_eq!(dsl::format::format("imported.policy", text).as_deref(), Ok(text), "not formatted");
}

#[test]
fn what_published_configurations_become() {
    for (source, file) in fixtures() {
        let imported = of(&file, Options::default());
        assert_eq!(imported.source, source, "{}", file.display());
        sound(&imported, false);
        let name = format!("{source:?}-{}", file.file_stem().unwrap().to_str().unwrap()).to_lowercase();
        insta::with_settings!({ snapshot_path => "snapshots/import", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name, format!("{}\n{}\n{}", imported.policy, "=".repeat(80), imported.report.text()));
        });
    }
}

#[test]
fn what_is_served_only_has_nothing_that_serve_refuses() {
    for (_, file) in fixtures() {
        sound(&of(&file, Options { served_only: true, ..Options::default() }), true);
    }
}

/// The paths of all leaves, found by another reader than the importer's.
fn leaves(value: &serde_json::Value, path: String, out: &mut BTreeSet<String>) {
    let child = |key: &str| {
        let plain = !key.is_empty() && key.chars().all(|letter| letter.is_alphanumeric() || "_-$@".contains(letter));
        let key = if plain { key.to_owned() } else { format!("\"{key}\"") };
        if path.is_empty() { key } else { format!("{path}.{key}") }
    };
    match value {
        serde_json::Value::Array(items) if !items.is_empty() => {
            for (number, item) in items.iter().enumerate() {
                leaves(item, format!("{path}[{number}]"), out);
            }
        }
        serde_json::Value::Object(members) if !members.is_empty() => {
            for (key, member) in members {
                leaves(member, child(key), out);
            }
        }
        _ => {
            out.insert(path);
        }
    }
}

#[test]
fn every_value_is_accounted_for() {
    for (source, file) in fixtures() {
        let text = fs::read_to_string(&file).unwrap();
        let value: serde_json::Value = match source {
            Source::Litellm => serde_saphyr::from_str(&text).unwrap(),
            _ => json5::from_str(&text).unwrap(),
        };
        let mut expected = BTreeSet::new();
        leaves(&value, String::new(), &mut expected);
        let imported = of(&file, Options::default());
        let found: BTreeSet<String> = imported.report.lines.iter().map(|line| line.path.clone()).collect();
        assert_eq!(found, expected, "{}", file.display());
        assert_eq!(imported.report.lines.len(), expected.len(), "{}: a value has two lines", file.display());
        assert!(imported.report.lines.iter().all(|line| !line.note.is_empty()), "{}", file.display());
    }
}

#[test]
fn no_key_comes_through() {
    let secrets = [
        "my-long-secret-key-0123456789",
        "00112233445566778899aabbccddeeff",
        "sk-ant-REDACTED",
        "sk-1234",
        "user:password",
        "do-not-look",
        "Bearer secret",
        "sk-0123456789abcdef0123",
    ];
    for (_, file) in fixtures() {
        let imported = of(&file, Options::default());
        let all = format!(
            "{}{}{}",
            imported.policy,
            imported.report.text(),
            serde_json::to_string(&imported.report).unwrap()
        );
        for secret in secrets {
            assert!(!all.contains(secret), "{}: `{secret}` came through", file.display());
        }
        for variable in &imported.report.variables {
            assert!(
                imported.policy.contains(&format!("env(\"{}\")", variable.name)),
                "{variable:?} is not in the policy"
            );
        }
    }
}

#[test]
fn options_of_transformers_hold_no_key() {
    let text = "{ Providers: [{ name: 'P', api_base_url: 'https://p.example/v1', api_key: '$K', models: ['a'], transformer: { use: [
        ['customparams', { password: 'hush-one', top_p: 0.5, max_tokens: 4096, inner: [{ apiKey: 'hush-two' }, 'sk-hush-three-0123456789'],
            headers: { 'X-Tok': 'hush-four', 'x-auth-token': 'hush-five', 'x-team': 'red' } }]] } }], Router: { default: 'P,a' } }";
    let imported = import("x.json", text, Options::default()).unwrap();
    sound(&imported, false);
    let all = format!("{}{}", imported.policy, imported.report.text());
    assert!(!all.contains("hush"), "{all}");
    for kept in ["\"top_p\": 0.5", "\"max_tokens\": 4096", "\"x-team\": \"red\""] {
        assert!(imported.policy.contains(kept), "{kept}\n{}", imported.policy);
    }
    let line = |path: &str| imported.report.lines.iter().find(|line| line.path.ends_with(path)).unwrap().clone();
    for path in ["password", "[0].apiKey", "inner[1]", "X-Tok", "x-auth-token"] {
        let line = line(path);
        assert!(line.fate == Fate::Changed && line.note.starts_with("left out"), "{line:?}");
    }
    assert!(!line("max_tokens").note.starts_with("left out"));
}

#[test]
fn transformers_become_transforms_that_the_policy_takes() {
    let check = |url: &str, used: &str, expected: &str, lost: usize| {
        let text = format!(
            "{{ Providers: [{{ name: 'P', api_base_url: '{url}', api_key: '$K', models: ['a'], transformer: {{ use: [{used}] }} }}], Router: {{ default: 'P,a' }} }}"
        );
        let imported = import("x.json", &text, Options { served_only: true, ..Options::default() }).unwrap();
        sound(&imported, true);
        let line = imported.policy.lines().find(|line| line.trim().starts_with("transform:")).unwrap_or_default();
        assert_eq!(line.trim(), expected, "{used}\n{}", imported.policy);
        let gone = imported
            .report
            .lines
            .iter()
            .filter(|line| line.path.contains("transformer") && line.fate == Fate::NotConvertible);
        assert_eq!(gone.count(), lost, "{used}\n{}", imported.report.text());
    };
    let chat = "https://p.example/v1/chat/completions";
    check(
        chat,
        "'maxcompletiontokens', ['maxtoken', { max_tokens: 9 }]",
        "transform: [max_tokens(9), max_completion_tokens]",
        0,
    );
    check(
        chat,
        "['sampling', { temperature: 0.6 }], ['customparams', { temperature: 0.7, n: 1, model: 'x', top_p: 9, user: 4 }]",
        "transform: [sampling({ \"temperature\": 0.7 }), params({ \"n\": 1 })]",
        3,
    );
    check(chat, "'sampling', 'cleancache', 'cleancache'", "transform: [clean_cache]", 1);
    let messages = "https://p.example/v1/messages";
    check(messages, "'maxcompletiontokens', 'reasoning', 'deepseek', 'groq', 'tooluse'", "transform: [tool_use]", 3);
}

#[test]
fn headers_that_name_a_key_are_left_out() {
    let text = "model_list: [{ model_name: a, litellm_params: { model: openai/x, api_key: os.environ/K, extra_headers: { X-Tok: hush, x-auth-token: hush, proxy-authorization: hush, x-team: red } } }]";
    let imported = import("", text, Options::default()).unwrap();
    sound(&imported, true);
    let all = format!("{}{}", imported.policy, imported.report.text());
    assert!(!all.contains("hush") && all.contains("\"x-team\": \"red\""), "{all}");
}

#[test]
fn what_is_not_read_is_not_carried_over() {
    let check = |text: &str, path: &str| {
        let imported = import("", text, Options::default()).unwrap();
        let line = imported.report.lines.iter().find(|line| line.path == path).unwrap();
        assert_eq!(line.fate, Fate::NotConvertible, "{line:?}");
    };
    let portkey = "{ strategy: { mode: 'fallback' }, targets: [{ provider: 'openai', azure_ad_token: 'x', headers: { 'x-a': '1' }, override_params: { model: 'm' } }] }";
    check(portkey, "targets[0].azure_ad_token");
    check(portkey, "targets[0].headers.x-a");
    let ccr = "{ Providers: [{ name: 'P', api_base_url: 'https://p.example/v1', models: ['a'], type: { x: 1 } }], Router: { default: 'P,a' }, fallback: { think: ['P,a'] } }";
    check(ccr, "Providers[0].type.x");
    check(ccr, "fallback.think[0]");
    let litellm = "model_list: [{ model_name: a, litellm_params: { model: openai/x, custom_llm_provider: { x: 1 } } }]";
    check(litellm, "model_list[0].litellm_params.custom_llm_provider.x");
}

#[test]
fn a_long_name_of_a_model_is_not_allowed_as_if_it_were_a_key() {
    let imported = import(
        "x.json",
        "{ Providers: [{ name: 'P', api_base_url: 'https://p.example/v1', models: ['Qwen/Qwen3-Coder-480B-A35B-Instruct'] }], Router: { default: 'P,Qwen/Qwen3-Coder-480B-A35B-Instruct' } }",
        Options::default(),
    )
    .unwrap();
    sound(&imported, true);
    assert!(!imported.policy.contains("P0702"), "{}", imported.policy);
}

#[test]
fn the_report_says_what_is_not_served_and_how_to_serve_it() {
    let text = "{ APIKEY: '$MINE', Providers: [{ name: 'P', api_base_url: 'https://p.example/v1', api_key: '$K', models: ['a'] }], Router: { default: 'P,a', rules: [], fallback: { mode: 'retry', retryCount: 2 } } }";
    let check = |served_only: bool, end: &str, note: &str| {
        let imported = import("x.json", text, Options { served_only, ..Options::default() }).unwrap();
        let report = imported.report.text();
        assert_eq!(imported.report.unserved.len(), 1, "{report}");
        assert!(report.trim_end().ends_with(end) && report.contains(note), "{report}");
        assert_eq!(imported.report.client_key.as_deref(), Some("MINE"));
        assert!(imported.policy.contains("ANTHROPIC_AUTH_TOKEN=\"$MINE\" claude"), "{}", imported.policy);
    };
    check(false, "; 1 not served yet: run again with --served-only", "which this version does not carry out yet");
    check(true, "; 1 not served yet: left as comments", "left as a comment: it is not served yet");
}

#[test]
fn what_may_not_work_as_before_is_worth_a_look() {
    let text = "{ Providers: [{ name: 'P', api_base_url: 'http://10.0.0.5:8000/v1', models: ['a'] }], Router: { default: 'P,a', think: 'P,a-typo' } }";
    let advice = import("x.json", text, Options::default()).unwrap().report.advice.join("\n");
    assert!(advice.contains("`http` became `https`"), "{advice}");
    assert!(advice.contains("Router.think: `a-typo` is not among the models of provider P"), "{advice}");
}

fn ccr(router: &str) -> Imported {
    let text = format!(
        "{{ Providers: [{{ name: 'P', api_base_url: 'https://p.example/v1', api_key: '$K', models: ['a', 'b', 'c'] }}], {router} }}"
    );
    import("x.json", &text, Options::default()).unwrap()
}

/// The line of a rule, without what stands before `rule`.
fn rule<'t>(imported: &'t Imported, name: &str) -> &'t str {
    let wanted = format!("rule {name} ");
    imported.policy.lines().map(str::trim).find(|line| line.starts_with(&wanted)).unwrap_or("")
}

#[test]
fn slots_stand_in_the_order_in_which_they_are_asked() {
    let imported = ccr(
        "Router: { default: 'P,a', background: 'P,b', think: 'P,c', longContext: 'P,b', webSearch: 'P,c', image: 'P,b' }",
    );
    let rules: Vec<&str> = imported
        .policy
        .lines()
        .filter_map(|line| line.trim().strip_prefix("rule "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let order = [
        "image",
        "pick-a",
        "pick-b",
        "pick-c",
        "long",
        "agent-a",
        "agent-b",
        "agent-c",
        "background",
        "web-search",
        "think",
    ];
    assert_eq!(rules, order);
}

#[test]
fn thresholds() {
    let check = |threshold: &str, expect: &str| {
        let imported =
            ccr(&format!("Router: {{ default: 'P,a', longContext: 'P,b', longContextThreshold: {threshold} }}"));
        sound(&imported, true);
        assert!(imported.policy.contains(expect), "{threshold}: {}", rule(&imported, "long"));
    };
    check("0", "request.tokens > 60000 ||");
    check("100000", "request.tokens > 100000 ||");
    check("15000", "rule long when request.tokens > 15000 -> b");
    check("-3", "request.tokens > 60000 ||");
    check("1e30", "request.tokens > 60000 ||");
    check("'90000'", "request.tokens > 90000 ||");
}

#[test]
fn keys_of_the_same_provider_stay_apart() {
    let text = "model_list: [{ model_name: a, litellm_params: { model: openai/x, api_key: one } }, { model_name: b, litellm_params: { model: openai/x, api_key: two } }, { model_name: c, litellm_params: { model: openai/y, api_key: one } }]";
    let imported = import("", text, Options::default()).unwrap();
    sound(&imported, true);
    let names: Vec<&str> = imported.report.variables.iter().map(|variable| variable.name.as_str()).collect();
    assert_eq!(names, ["OPENAI_API_KEY", "OPENAI_API_KEY_2"]);
}

#[test]
fn weights_become_shares_that_sum_to_a_hundred() {
    let check = |weights: &[&str], expect: &str| {
        let targets: Vec<String> = weights
            .iter()
            .enumerate()
            .map(|(number, weight)| {
                format!("{{ provider: 'openai', weight: {weight}, override_params: {{ model: 'm{number}' }} }}")
            })
            .collect();
        let text = format!("{{ strategy: {{ mode: 'loadbalance' }}, targets: [{}] }}", targets.join(","));
        let imported = import("", &text, Options::default()).unwrap();
        sound(&imported, true);
        assert!(imported.policy.contains(expect), "{weights:?}\n{}", imported.policy);
    };
    check(&["1", "1", "1"], "split { 33.33% m0, 33.33% m1, 33.34% m2 }");
    check(&["0.7", "0.3"], "split { 70% m0, 30% m1 }");
    check(&["0", "5"], "default -> m1");
    check(&["1e9", "0.000001"], "m1");
}

#[test]
fn what_cannot_be_imported_says_where_or_what() {
    let check = |text: &str, source: Option<Source>, expect: &str| {
        let error = import("x", text, Options { source, ..Options::default() }).unwrap_err();
        assert!(!matches!(error, ImportError::Broken { .. }), "{error}");
        assert!(error.to_string().contains(expect), "{error}");
    };
    check("{ Providers: [ }", None, "line 1, column 16");
    check("{\n  \"Router\": {\n    \"default\": \"a,b\n", None, "line 3");
    check("a: [1\nb: 2", None, "line 2");
    check("{}", None, "--from");
    check("", None, "--from");
    check("hello", None, "--from");
    check("[1, 2]", None, "--from");
    check("{}", Some(Source::Ccr), "none of its `Providers`");
    check("{}", Some(Source::Litellm), "model_list");
    check("{}", Some(Source::Portkey), "none of its targets");
    check("{ Router: { default: 'a,b' } }", None, "claude-code-router");
    check(&format!("{{ a: {}{} }}", "[".repeat(100), "]".repeat(100)), None, "deeper");
    check(&format!("a: {}{}", "[".repeat(100), "]".repeat(100)), None, "YAML");
    check(&"x".repeat(2 << 20), None, "larger than");
    let bomb: String =
        (1..12).map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", "))).collect();
    check(&format!("a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n{bomb}"), None, "YAML");
    check("a: *nobody", None, "line 1");
}

#[test]
fn brackets_in_strings_and_comments_do_not_nest() {
    let text = format!(
        "{{ // {brackets}\n /* {brackets} */ Providers: [{{ name: 'P', api_base_url: 'https://p.example', models: ['a'], note: '{brackets}\\'{brackets}' }}], Router: {{ default: 'P,a' }} }}",
        brackets = "[".repeat(200)
    );
    sound(&import("", &text, Options::default()).unwrap(), true);
}

/// Texts made of a fixture by cutting, doubling and exchanging pieces.
fn mutilated() -> impl Strategy<Value = String> {
    let texts: Vec<String> = fixtures().into_iter().map(|(_, file)| fs::read_to_string(file).unwrap()).collect();
    let pieces = prop::sample::select(vec![
        "",
        "\"\"",
        "null",
        "[]",
        "{}",
        "-1",
        "1e308",
        "true",
        "\"a,b\"",
        "\"*\"",
        "'",
        "\n",
        ",",
        ":",
        "&a",
        "*a",
        "<<: *a",
        "\"\\u202e\"",
        "\"default\"",
        "\"\u{1F600}\"",
        "0",
        "99999999999999999999",
        "\"$\"",
        "\"${}\"",
    ]);
    (prop::sample::select(texts), prop::collection::vec((any::<prop::sample::Index>(), 0..40_usize, pieces), 1..4))
        .prop_map(|(text, edits)| {
            let mut letters: Vec<char> = text.chars().collect();
            for (at, length, piece) in edits {
                let start = at.index(letters.len() + 1).min(letters.len());
                let end = (start + length).min(letters.len());
                letters.splice(start..end, piece.chars());
            }
            letters.into_iter().collect()
        })
}

/// Values of a fixture exchanged, so that the text stays well-formed.
fn exchanged() -> impl Strategy<Value = String> {
    let trees: Vec<serde_json::Value> = fixtures()
        .into_iter()
        .map(|(source, file)| {
            let text = fs::read_to_string(file).unwrap();
            if source == Source::Litellm {
                serde_saphyr::from_str(&text).unwrap()
            } else {
                json5::from_str(&text).unwrap()
            }
        })
        .collect();
    let values = prop::sample::select(
        [
            "null",
            "[]",
            "{}",
            "0",
            "-1",
            "1.5",
            "1e300",
            "true",
            "false",
            "\"\"",
            "\"x\"",
            "\"a,b\"",
            "\"a/b\"",
            "\"$K\"",
            "\"default\"",
            "\"request.model\"",
            "\"\\\"\\n}{\"",
            "\"代码\"",
            "[\"a\"]",
            "{\"use\": [\"maxtoken\"]}",
            "[[\"maxtoken\", {\"max_tokens\": 5}]]",
            "\"https://u:p@x.example/v1?k=1\"",
            "\"http://10.0.0.1\"",
            "\"openai\"",
            "\"conditional\"",
            "\"loadbalance\"",
            "\"fallback\"",
            "{\"$regex\": \"(\"}",
            "{\"$eq\": null}",
            "1000000000000",
        ]
        .map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap())
        .to_vec(),
    );
    (prop::sample::select(trees), prop::collection::vec((any::<prop::sample::Index>(), values), 1..6)).prop_map(
        |(mut tree, edits)| {
            for (at, value) in edits {
                let mut paths = Vec::new();
                pointers(&tree, String::new(), &mut paths);
                let path = at.get(&paths).clone();
                *tree.pointer_mut(&path).unwrap() = value;
            }
            tree.to_string()
        },
    )
}

fn pointers(value: &serde_json::Value, path: String, out: &mut Vec<String>) {
    match value {
        serde_json::Value::Array(items) => {
            items.iter().enumerate().for_each(|(number, item)| pointers(item, format!("{path}/{number}"), out));
        }
        serde_json::Value::Object(members) => members.iter().for_each(|(key, member)| {
            pointers(member, format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), out);
        }),
        _ => {}
    }
    out.push(path);
}

fn on_a_large_stack(check: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(256 << 20).spawn(check).unwrap().join().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn broken_texts_end_in_a_policy_or_an_error(text in mutilated()) {
        on_a_large_stack(move || match import("x", &text, Options::default()) {
            Ok(imported) => sound(&imported, false),
            Err(error) => assert!(!matches!(error, ImportError::Broken { .. }), "{error}\n{text}"),
        });
    }

    #[test]
    fn exchanged_values_end_in_a_policy_or_an_error(text in exchanged()) {
        on_a_large_stack(move || match import("x", &text, Options::default()) {
            Ok(imported) => sound(&imported, false),
            Err(error) => assert!(!matches!(error, ImportError::Broken { .. }), "{error}\n{text}"),
        });
    }
}

fn program(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ccr-policy"))
        .args(arguments)
        .current_dir(directory)
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_program_imports_checks_and_tests() {
    for (_, file) in fixtures() {
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path();
        let lost = of(&file, Options::default()).report.count(Fate::NotConvertible) > 0;
        let imported = program(here, &["import", file.to_str().unwrap(), "--out", "made"]);
        assert_eq!(imported.status.code(), Some(i32::from(lost)), "{}", text(&imported.stderr));
        assert!(text(&imported.stdout).contains("written: made/main.policy"), "{}", text(&imported.stdout));
        let checked = program(here, &["check", "made", "--no-env"]);
        assert_eq!(checked.status.code(), Some(0), "{}{}", text(&checked.stdout), text(&checked.stderr));
        let tested = program(here, &["test", "made"]);
        assert_eq!(tested.status.code(), Some(0), "{}{}", text(&tested.stdout), text(&tested.stderr));
    }
}

#[test]
fn the_program_prints_and_refuses() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let write = |name: &str, text: &str| fs::write(here.join(name), text).unwrap();
    write(
        "config.json",
        "{ Providers: [{ name: 'P', api_base_url: 'https://p.example/v1', api_key: '$K', models: ['a'] }], Router: { default: 'P,a' } }",
    );
    write("other.json", "{ \"a\": 1 }");
    write("broken.json", "{ \"Providers\": [\n }");
    fs::write(here.join("bytes.json"), [0xff, 0xfe, 0x00]).unwrap();
    let check = |arguments: &[&str], code: i32, expect: &str| {
        let output = program(here, arguments);
        let all = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {all}");
        assert!(all.contains(expect), "{arguments:?}: {all}");
        output
    };
    let output = check(&["import", "config.json", "--stdout"], 0, "export K=…");
    assert!(text(&output.stdout).starts_with("// Imported from config.json of claude-code-router."));
    assert!(text(&output.stdout).trim_end().ends_with('}'), "the report is on the other stream");
    let output = check(&["import", "config.json", "--stdout", "--format", "json"], 0, "\"carried\"");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["report"]["source"], "ccr");
    assert!(json["policy"].as_str().unwrap().contains("provider p {"));
    check(&["import", "config.json", "--out", "made"], 0, "written: made/main.policy");
    check(&["import", "config.json", "--out", "made"], 2, "--force");
    check(&["import", "config.json", "--out", "made", "--force"], 0, "written");
    check(&["import", "config.json", "--from", "litellm"], 2, "model_list");
    check(&["import", "other.json"], 2, "--from");
    check(&["import", "broken.json"], 2, "line 2, column 2");
    check(&["import", "bytes.json"], 2, "not UTF-8");
    check(&["import", "nowhere.json"], 2, "cannot read `nowhere.json`");
    check(&["import", "config.json", "--from", "nginx"], 2, "possible values");
    check(&["import"], 2, "FILE");
    assert!(!here.join("policy").exists(), "a refusal wrote something");
}

#[test]
fn a_first_policy_works_for_every_provider_and_for_several() {
    let one = |starter: &'static Starter| Chosen { starter, variable: starter.variables.first().copied() };
    let mut lists: Vec<Vec<Chosen>> = STARTERS.iter().map(|starter| vec![one(starter)]).collect();
    lists.extend(STARTERS.windows(2).map(|pair| pair.iter().map(one).collect()));
    lists.push(STARTERS.iter().map(one).collect());
    lists.push(Vec::new());
    for list in lists {
        let policy = compose(&list).unwrap();
        sound_text(&policy, true);
        for Chosen { starter, variable } in &list {
            assert!(policy.contains(&format!("provider {} {{", starter.id)), "{policy}");
            assert!(variable.is_none_or(|variable| policy.contains(&format!("env(\"{variable}\")"))), "{policy}");
        }
    }
}

#[test]
fn the_program_writes_a_first_policy() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let output = Command::new(env!("CARGO_BIN_EXE_ccr-policy"))
            .args(arguments)
            .current_dir(here)
            .env_clear()
            .envs(variables.iter().copied())
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        (output.status.code(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
    };
    let check = |arguments: &[&str], variables: &[(&str, &str)], code: i32, expect: &str| {
        let (found, all) = run(arguments, variables);
        assert_eq!(found, Some(code), "{arguments:?}: {all}");
        assert!(all.contains(expect), "{arguments:?}: {all}");
        assert!(!all.contains("hush"), "a value was printed: {all}");
    };
    let read = |name: &str| fs::read_to_string(here.join(name).join("main.policy")).unwrap();
    check(&["init"], &[], 0, "built-in mock");
    assert!(read("policy").contains("kind: mock"));
    check(&["check", "policy", "--deny", "warnings"], &[], 0, "");
    check(&["test", "policy"], &[], 0, "");
    check(&["init"], &[], 2, "--force");
    let keys = [("ARK_API_KEY", "hush"), ("GOOGLE_API_KEY", "hush")];
    check(&["init", "--force"], &keys, 0, "key from ARK_API_KEY");
    assert!(read("policy").contains("provider ark {") && read("policy").contains("env(\"GOOGLE_API_KEY\")"));
    check(&["check", "policy", "--deny", "warnings"], &keys, 0, "");
    check(&["test", "policy"], &keys, 0, "");
    check(&["init", "two", "--providers", "openrouter,volcengine"], &[], 0, "export OPENROUTER_API_KEY=…");
    assert!(read("two").contains("provider ark {"));
    check(&["init", "three", "--providers", "mock", "--yes"], &keys, 0, "three/main.policy");
    assert!(read("three").contains("kind: mock"));
    check(&["init", "four", "--providers", "nobody"], &[], 2, "siliconflow");
    assert!(!here.join("four").exists());
}
