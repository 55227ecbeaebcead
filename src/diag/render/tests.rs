//! A snapshot of each format.

use serde_json::Value;

use super::{concise, github, human, json, sarif};
use crate::diag::{Code, Diagnostic, Edit, Sources, Span};

fn example() -> (Vec<Diagnostic>, Sources) {
    let mut sources = Sources::default();
    let text = "route main {\n  rule code when reqest.text.contains(\"代码\") -> coder\n  default -> 小 coder\n}\n";
    let id = sources.add("policies/main.policy", text);
    let at = |word: &str| {
        let start = text.find(word).unwrap();
        Span::new(id, start, start + word.len())
    };
    let findings = vec![
        Diagnostic::new(Code::P0001, at("reqest"), "no variable `reqest`")
            .label("not known here")
            .help("`request` has a similar name")
            .fix("write `request`", false, vec![Edit { span: at("reqest"), text: "request".to_owned() }]),
        Diagnostic::new(Code::P0708, at("小"), "`小` is not a name").also(at("route"), "in this route").note("a note"),
        Diagnostic::without_place(Code::P0001, "there is no route `main`"),
        Diagnostic::new(Code::P0001, Span::new(id, text.len(), text.len() + 90), "the text ends here"),
    ];
    (findings, sources)
}

#[test]
fn for_people() {
    let (findings, sources) = example();
    insta::assert_snapshot!(human(&findings, &sources, false));
    assert!(human(&findings, &sources, true).contains("\u{1b}["));
}

#[test]
fn one_line_each() {
    let (findings, sources) = example();
    insta::assert_snapshot!(concise(&findings, &sources));
}

#[test]
fn for_machines() {
    let (findings, sources) = example();
    insta::assert_snapshot!(json(&findings, &sources));
}

#[test]
fn for_code_scanning() {
    let (findings, sources) = example();
    let shown = sarif(&findings, &sources).replace(env!("CARGO_PKG_VERSION"), "0.0.0");
    insta::assert_snapshot!(shown);
}

/// What the SARIF 2.1.0 schema asks of the members that are written.
#[test]
fn sarif_has_the_shape_that_its_readers_expect() {
    let (findings, sources) = example();
    let log: Value = serde_json::from_str(&sarif(&findings, &sources)).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert!(rules.iter().all(|rule| rule["help"]["text"].as_str().is_some_and(|text| !text.is_empty())));
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), findings.len());
    let mut prints = std::collections::BTreeSet::new();
    for result in results {
        let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[rule]["id"], result["ruleId"]);
        assert!(["error", "warning"].contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        let regions = result.pointer("/locations/0/physicalLocation/region").into_iter();
        let replaced = result.pointer("/fixes/0/artifactChanges/0/replacements/0/deletedRegion");
        for region in regions.chain(replaced) {
            let place = |name: &str| region[name].as_u64().unwrap();
            assert!(place("startLine") >= 1 && place("startColumn") >= 1, "{region}");
            assert!((place("startLine"), place("startColumn")) <= (place("endLine"), place("endColumn")), "{region}");
        }
        assert!(prints.insert(result["partialFingerprints"].to_string()), "one fingerprint a finding");
    }
}

/// A finding keeps its fingerprint when lines are put above it.
#[test]
fn a_fingerprint_does_not_count_lines() {
    let print = |above: &str| {
        let mut sources = Sources::default();
        let text = format!("{above}model M on p {{}}\n");
        let id = sources.add("a.policy", text.as_str());
        let at = above.len() + 6;
        let finding = Diagnostic::new(Code::P0901, Span::new(id, at, at + 1), "a name");
        let log: Value = serde_json::from_str(&sarif(&[finding], &sources)).unwrap();
        log["runs"][0]["results"][0]["partialFingerprints"].clone()
    };
    assert_eq!(print(""), print("// two\n// lines\n"));
}

#[test]
fn for_workflows() {
    let (mut findings, sources) = example();
    findings[0].message.push_str(", 100%\nreally");
    insta::assert_snapshot!(github(&findings, &sources));
}

#[test]
fn a_place_inside_a_character_is_drawn_around_it() {
    let mut sources = Sources::default();
    let id = sources.add("x.policy", "a，b");
    let finding = Diagnostic::new(Code::P0001, Span::new(id, 2, 3), "inside");
    assert!(human(&[finding], &sources, false).contains("1 | a，b"));
}

#[test]
fn no_format_shows_a_key() {
    let check = |text: &str, key: &str| {
        let mut sources = Sources::default();
        sources.add("x.policy", text);
        let findings = crate::dsl::load(&sources).diagnostics;
        assert!(!findings.is_empty(), "{text}");
        let shown = [
            human(&findings, &sources, false),
            human(&findings, &sources, true),
            concise(&findings, &sources),
            json(&findings, &sources),
            sarif(&findings, &sources),
            github(&findings, &sources),
        ];
        for shown in &shown {
            assert!(!shown.contains(key), "`{key}` in\n{shown}");
            assert!(!shown.contains("P0704"), "{shown}");
        }
        assert!(shown.iter().take(2).all(|shown| shown.contains("**")), "{}", shown[0]);
    };
    let provider = |key: &str| format!("provider p {{\n kind: openai\n base: \"https://a.example\"\n {key}\n}}\n");
    let long = "hush-hush-hush-hush-hush-hush-hush-hush-hush-hush";
    check(&provider("key: \"hush\""), "hush");
    check(&provider("key: \"sk-ant-0123456789abc\""), "sk-ant-01");
    check(&provider("key: sk-ant-0123456789abc"), "sk-ant-01");
    check(&provider("key: env(\"sk-ant-0123456789abc\")"), "sk-ant-01");
    check(&provider("key \"hush-hush\""), "hush");
    check(&provider(&format!("key \"{long}\"")), "hush");
    check(&provider(&format!("key: {long}")), "hush");
    check(&provider("key: \"hush-hush"), "hush");
    check(&provider("key：“hush-hush”"), "hush");
    check(&provider("key: \"hush\" headers: { \"x-api-key\": \"hush\" }"), "hush");
    check(&provider("key: env(\"A\") headers: { authorization: \"Bearer hush\" }"), "hush");
    check(&provider("key: env(\"A\") reply: \"Bearer hush-hush-hush\""), "hush");
    check(&provider("key: \"a\\u0062cdefgh\""), "cdefgh");
    check("tenant t { keys: [\"hush\", \"hash\"] }", "hush");
    check("provider p { kind: openai base: \"https://me:hush@a.example\" key: env(\"A\") }", "hush");
}
