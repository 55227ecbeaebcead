//! How conditions are written: what is found, and what it becomes.

use crate::diag::{Code, Sources};

/// The condition after the changes that its style findings bring, and their codes.
fn restyled(condition: &str) -> (String, Vec<Code>) {
    let mut sources = Sources::default();
    let text = super::with_condition(condition);
    let id = sources.add("x.policy", text.as_str());
    let findings = super::load(&sources).diagnostics;
    let mut edits: Vec<_> =
        findings.iter().filter_map(|finding| finding.fix.as_ref()).flat_map(|fix| &fix.edits).collect();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.span.start));
    let mut mended = text.clone();
    for edit in edits {
        assert_eq!(edit.span.source, id);
        mended.replace_range(edit.span.range(), &edit.text);
    }
    let from = text.find("rule r when ").unwrap() + "rule r when ".len();
    let end = mended.find(" -> m\n").unwrap();
    (mended.get(from..end).unwrap().to_owned(), findings.iter().map(|finding| finding.code).collect())
}

#[test]
fn conditions_are_restyled() {
    let check = |condition: &str, code: Code, expect: &str| {
        let (mended, codes) = restyled(condition);
        assert_eq!(codes, [code], "{condition}");
        assert_eq!(mended, expect, "{condition}");
    };
    check("!!request.stream", Code::P0902, "request.stream");
    check("!(!request.stream)", Code::P0902, "request.stream");
    check("!(!(request.stream && request.json))", Code::P0902, "(request.stream && request.json)");
    check("\"a\" == request.model", Code::P0903, "request.model == \"a\"");
    check("5 <= request.tokens", Code::P0903, "request.tokens >= 5");
    check("!(-1 < request.tokens - 2)", Code::P0903, "!(request.tokens - 2 > -1)");
    check("5 <// why\n request.tokens", Code::P0903, "5 <// why\n request.tokens");
    check("request.model in [\"a\"]", Code::P0904, "request.model == \"a\"");
    check("!(request.model in [\"a\"])", Code::P0904, "!(request.model == \"a\")");
    check("request.effort == \"a\" || request.effort == \"b\"", Code::P0905, "request.effort in [\"a\", \"b\"]");
    check(
        "(request.effort == \"a\" || request.effort == \"b\") && request.json",
        Code::P0905,
        "(request.effort in [\"a\", \"b\"]) && request.json",
    );
    check(
        "request.json || request.effort == \"a\" || request.effort == \"b\" || request.stream",
        Code::P0905,
        "request.json || request.effort in [\"a\", \"b\"] || request.stream",
    );
    // A bracket or a comment between them is not replaced.
    let bracketed = "request.effort == \"a\" || (request.effort == \"b\" || request.json)";
    check(bracketed, Code::P0905, bracketed);
    check("request.text.matches(r\"a\\.b\")", Code::P0603, "request.text.contains(\"a.b\")");
    check("request.text.matches(\"^a\")", Code::P0603, "request.text.startsWith(\"a\")");
    check("request.text.matches(\"^a$\")", Code::P0603, "request.text == \"a\"");
    check("!request.text.matches(\"^a$\")", Code::P0603, "!(request.text == \"a\")");
    check("request.tools.exists(t, t.matches(\"^a$\"))", Code::P0603, "request.tools.exists(t, t == \"a\")");
}

#[test]
fn plain_conditions_are_left_alone() {
    let check = |condition: &str| assert_eq!(restyled(condition).1, [], "{condition}");
    check("!request.stream");
    check("request.model == \"a\" || request.effort == \"b\"");
    check("request.effort == \"a\"");
    check("request.effort == \"a\" || request.json || request.effort == \"b\"");
    check("request.effort != \"a\" && request.effort != \"b\"");
    check("request.tokens == 1 || request.tokens == 2");
    check("\"a\" in request.tools");
    check("request.effort in [\"a\", \"b\"]");
    check("request.text.matches(\"(?i)a\")");
    check("request.text.contains(\"a\")");
    check("request.text.contains(\"\u{441}\u{43e}\u{440}\")");
}
