//! A snapshot of each format.

use super::{concise, human, json};
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
