//! What is said about a text that does not parse, and what is still known of the rest.

use super::{found, refuses, with_statements};
use crate::diag::render;

/// The findings, a line each, without the path.
fn lines(text: &str) -> Vec<String> {
    let (findings, sources, policy) = found(text);
    assert!(!policy, "{text}");
    render::concise(&findings, &sources).lines().map(|line| line.trim_start_matches("x.policy:").to_owned()).collect()
}

#[test]
fn three_broken_rules_give_three_errors() {
    let text = with_statements(
        "rule a when request.stream -> \nrule b when request.stream and request.json -> m\nrule c request.stream -> m\nrule d when request.strem -> m",
    );
    let found = lines(&text);
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(found[0].starts_with("5:"), "{found:#?}");
    assert!(found[1].contains("6:28: error[P0005]: `and` is not an operator"), "{found:#?}");
    assert!(found[2].contains("7:8: error[P0001]: `request.stream` cannot stand here"), "{found:#?}");
    assert!(found[3].contains("8:21: error[P0101]"), "{found:#?}");
}

#[test]
fn one_statement_one_error() {
    let check = |statement: &str, code: &str, place: &str, words: &str| {
        refuses(&with_statements(statement), code, place, words);
    };
    check("rule a when request.stream or request.json -> m", "P0005", "or", "write `||`");
    check("rule a when not request.stream -> m", "P0005", "not", "write `!`");
    check("rule a when request.model = \"x\" -> m", "P0005", "=", "write `==`");
    check("rule a when request.stream & request.json -> m", "P0005", "&", "write `&&`");
    check("rule a when request.model <> \"x\" -> m", "P0005", "<>", "write `!=`");
    check("rule a when request.model === \"x\" -> m", "P0005", "===", "write `==`");
    check("rule a when request.stream => m", "P0005", "=>", "write `->`");
    check("rule a when request.stream -> m;", "P0005", ";", "remove it");
    check("rule a when request.stream -> cheapest tag(fast)", "P0001", "tag", "`of`");
    check("rule a when request.stream -> cheapest", "P0001", "cheapest", "of");
    check("rule default when request.stream -> m", "P0001", "default", "choose another name");
    check("rule a when request.stream -> m with { cache: 128kb }", "P0007", "128kb", "write `128k`");
    check("rule a when request.stream -> m with { cache: 1h30m }", "P0007", "1h30m", "write `90m`");
    check("rule a when request.stream -> m with { cache: \"10m\" }", "P0203", "\"10m\"", "a duration");
    check("rule a when request.stream -> m with { cache: 10 }", "P0203", "10", "");
    check("rule a when request.stream -> m with { deadline: 10 }", "P0203", "10", "`10s`");
    check("rule a when request.stream -> m with { cahce: 10m }", "P0109", "cahce", "did you mean `cache`");
    check("rule a when request.stream -> m with { cache: 1m, cache: 2m }", "P0111", "cache", "set twice");
    check("rule a when request.stream -> m with { retry: 2 }", "P0708", "retry", "not served");
    check("rule a when request.stream -> m with { deadline: $5k }", "P0007", "$5k", "write `$5000`");
    check("rule a when request.text == \"\\q\" -> m", "P0008", "\\q", "raw string");
    check("rule Fast_Path when request.stream -> m", "P0901", "Fast_Path", "write `fast-path`");
    check("rule a when request.stream， -> m", "P0006", "，", "");
}

#[test]
fn missing_ends_are_shown_at_their_beginning() {
    refuses(&with_statements("rule a when (request.stream -> m"), "P0002", "(", "never closed");
    refuses(&with_statements("rule a when request.text == \"abc -> m"), "P0002", "\"", "a quote at its end");
    let found = lines("provider p {\n  kind: mock\n\nmodel m on p {}\nroute main { default -> m }\n");
    assert_eq!(found, ["1:12: error[P0002]: `{` is never closed"]);
    let found = lines("model m on p {}\nroute main { default -> m }\n}\nprovider p { kind: mock }\n");
    assert_eq!(found, ["3:1: error[P0001]: `}` closes nothing"]);
    let found = lines("route main { default -> reject 403 }\ntest \"abc { given {} -> m }\n");
    assert_eq!(found, ["2:6: error[P0002]: this string is never closed"]);
    let found = lines("route main { default -> reject 403");
    assert_eq!(found, ["1:12: error[P0002]: `{` is never closed"]);
}

#[test]
fn chinese_punctuation_is_named_with_a_fix() {
    let text = "provider p { kind： mock }\nmodel m on p { tags: [“a”，b] }\nroute main { default -> first of tag(a) then first of tag(b) }";
    let (findings, sources, _) = found(text);
    let shown: Vec<&str> =
        findings.iter().map(|finding| sources.slice(finding.primary.as_ref().unwrap().span)).collect();
    assert_eq!(shown, ["：", "“", "”", "，"]);
    assert!(findings.iter().all(|finding| finding.code.as_str() == "P0006"));
    let mut mended = text.to_owned();
    for finding in findings.iter().rev() {
        let fix = finding.fix.as_ref().unwrap();
        assert!(fix.safe);
        mended.replace_range(fix.edits[0].span.range(), &fix.edits[0].text);
    }
    super::accepts(&mended);
}

#[test]
fn a_broken_statement_does_not_hide_unknown_names() {
    let found = lines(&with_statements("rule a when request.stream => m\nrule b when request.stream -> ghost"));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[1].contains("P0102"), "{found:#?}");
}

#[test]
fn a_lost_item_does_not_make_its_name_unknown() {
    let found = lines("provider p { kind: mock }\nmodel m oon p {}\nroute main { default -> m }\n");
    assert_eq!(found, ["2:9: error[P0001]: `oon` cannot stand here"]);
}

#[test]
fn items_that_are_none() {
    let rest = "provider p { kind: mock }\nmodel m on p {}\nroute main { default -> m }\n";
    assert_eq!(
        lines(&format!("modle x on p {{}}\n{rest}")),
        ["1:1: error[P0001]: `modle` does not start a declaration"]
    );
    assert_eq!(lines(&format!("{rest}model x {{}}\n")), ["4:9: error[P0001]: `{` cannot stand here"]);
    assert_eq!(lines(&format!("{rest}pool x [m]\n")).len(), 1);
    assert_eq!(lines(&format!("{rest}provider q\nprovider r {{ kind: mock }}")).len(), 1);
}

#[test]
fn a_byte_order_mark_and_windows_lines_are_fine() {
    super::accepts(
        "\u{feff}provider p { kind: mock }\r\nmodel m on p {}\r\nroute main {\r\n  // hm\r\n  default -> m\r\n}\r\n",
    );
}

#[test]
fn deep_nesting_is_refused_in_words() {
    for depth in [65, 100_000] {
        let text = format!("provider p {{ kind: mock headers: {}{} }}", "[".repeat(depth), "]".repeat(depth));
        let found = lines(&text);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("P0003") && found[0].contains("nested more than 64 deep"), "{found:?}");
    }
}

#[test]
fn direction_marks_are_reported() {
    let (findings, ..) =
        found("provider p { kind: mock } // \u{202e}abc\nmodel m on p {}\nroute main { default -> m }");
    assert_eq!(findings.iter().map(|finding| finding.code.as_str()).collect::<Vec<_>>(), ["P0907"]);
}

#[test]
fn slips_are_told_what_to_write() {
    let check = |statement: &str, code: &str, place: &str, words: &str| {
        refuses(&with_statements(statement), code, place, words);
    };
    check("rule a when request.stream -> m | n", "P0005", "|", "write `then`");
    check("rule a when request.stream -> m, n", "P0005", ",", "write `then`");
    check("rule a when request.stream -> m or n", "P0005", "or", "write `then`");
    check("rule a when request.stream → m", "P0005", "→", "write `->`");
    check("rule a when request.stream then m", "P0001", "then", "write `->` instead of `then`");
    check("rule a when request.stream m", "P0001", "m", "write `-> m`");
    check("rule a when request.stream", "P0001", "request.stream", "-> MODEL");
    check("rule when request.stream -> m", "P0001", "when", "write `rule NAME when …`");
    check("# a note", "P0001", "#", "comments start with `//`");
    check("/* a note */", "P0001", "/", "comments start with `//`");
    check("rule a when request.stream -> split { 0.9 m 0.1 n }", "P0007", "0.9", "write `90%`");
    check("rule a when request.stream -> split { 90 m 10 n }", "P0007", "90", "write `90%`");
    check("rule a when request.stream -> split { 90% m, 10% n } by user", "P0101", "user", "write `user.id`");
    check("rule a when request.tokens > 128,000 -> m", "P0007", "128,000", "write `128000`");
    check("rule a when request.stream ＆＆ request.json -> m", "P0006", "＆＆", "write `&&`");
    check("rule a when request.stream －＞ m", "P0006", "－＞", "write `->`");
    check("rule a when request.stream -> split { 90：m }", "P0006", "90：", "write `90% NAME`");
    check("rule a when request.stream -> m with { deadline: 20 ms }", "P0007", "20 ms", "write `20ms`");
    check("rule a when request.stream -> m with { deadline: \"20s\" }", "P0203", "\"20s\"", "without quotes");
    check("rule a when request.stream -> m with { cache: 600 }", "P0203", "600", "`600s`");
}

#[test]
fn a_declaration_without_its_block_is_told_what_to_write() {
    let rest = "provider p { kind: mock }\nmodel m on p {}\nroute main { default -> m }\n";
    refuses(&format!("{rest}model n on p\n"), "P0001", "p", "write `model n on p {}`");
    refuses(&format!("{rest}model n on p\npool q = [m]\n"), "P0001", "p", "write `model n on p {}`");
    refuses(&format!("{rest}tenant t // a note\n"), "P0001", "t", "write `tenant t {}`");
}

#[test]
fn slips_in_items_are_told_what_to_write() {
    let rest = "provider p { kind: mock }\nmodel m on p {}\nroute main { default -> first of [m, n] }\n";
    let check = |item: &str, code: &str, place: &str, words: &str| {
        let other = if item.starts_with("model n") { "" } else { "model n on p {}\n" };
        refuses(&format!("{rest}{other}{item}\n"), code, place, words);
    };
    check("# a note", "P0001", "#", "comments start with `//`");
    check("model n on p { context: 128,000 }", "P0007", "128,000", "write `128000`");
    check("model n on p { context: \"128k\" }", "P0203", "\"128k\"", "write `128k`, without quotes");
    check("model n on p { price: { input: $0.1, output: 1 } }", "P0203", "$0.1", "write `0.1`");
    check("model n on p { price: { in: 0.1, output: 1 } }", "P0109", "in", "did you mean `input`");
    check("test \"t\" { given { tokens: 1 } = m by default }", "P0005", "=", "write `->`");
    check("test \"t\" { given { imgs: 1 } -> m }", "P0802", "imgs", "did you mean `images`");
    let provider = |field: &str| format!("provider q {{ kind: openai base: \"https://a.example\" {field} }}");
    check(&provider("key: $ACME_KEY"), "P0001", "$ACME_KEY", "write `env(\"ACME_KEY\")`");
    check(&provider("key: ${ACME_KEY}"), "P0001", "${ACME_KEY}", "write `env(\"ACME_KEY\")`");
    check(&provider("key: env(ACME_KEY)"), "P0203", "env(ACME_KEY)", "write `env(\"ACME_KEY\")`");
    let base = |base: &str| format!("provider q {{ kind: openai base: \"{base}\" key: env(\"K\") }}");
    check(
        &base("https://a.example/v1/chat/completions"),
        "P0203",
        "\"https://a.example/v1/chat/completions\"",
        "write `\"https://a.example/v1\"`",
    );
    check(
        &base("https://a.example/v1/messages/"),
        "P0203",
        "\"https://a.example/v1/messages/\"",
        "write `\"https://a.example\"`",
    );
    check("provider q { kind: mock fail: 0.2 }", "P0203", "0.2", "write `20%`");
    check("provider q { kind: mock reply: \"abc }", "P0002", "\"", "a quote at its end");
}

#[test]
fn somebody_can_enter() {
    let base = "provider p { kind: mock }\nmodel m on p {}\n";
    let lost = |text: &str, words: &str| {
        let (findings, sources, _) = found(text);
        let shown = render::human(&findings, &sources, false);
        assert!(findings.len() == 1 && shown.contains("P0307") && shown.contains(words), "{text}\n{shown}");
    };
    lost("", "there is no route `main`");
    lost("// nothing", "there is no route `main`");
    lost(base, "there is no route `main`");
    lost(&format!("{base}route fast {{ default -> m }}"), "route main { default -> route fast }");
    let tenants = |one: &str, two: &str| {
        format!("{base}route fast {{ default -> m }}\ntenant a {{ {one} }}\ntenant b {{ {two} }}\n")
    };
    lost(&tenants("keys: [env(\"A\")]", "keys: [env(\"B\")]"), "there is no route `main`");
    lost(&tenants("keys: [env(\"A\")] route: fast", "keys: [env(\"B\")]"), "tenant `b`");
    lost(&tenants("route: fast", "route: fast"), "there is no route `main`");
    super::accepts(&tenants("keys: [env(\"A\")] route: fast", "keys: [env(\"B\")] route: fast"));
}

#[test]
fn words_of_explicit_choice_are_suggested() {
    let policy = |defaults: &str, tags: &str| {
        format!(
            "provider p {{ kind: mock }}\nmodel m on p {{ tags: [{tags}] }}\ndefaults {{ explicit: {defaults} }}\nroute main {{ default -> first of tag({tags}) }}\n"
        )
    };
    refuses(&policy("alow", "fast"), "P0203", "alow", "did you mean `allow`");
    refuses(&policy("sometimes", "fast"), "P0203", "sometimes", "it is one of: allow");
    refuses(&policy("tagged", "explict"), "P0417", "tagged", "did you mean `explicit`");
    refuses(&policy("tagged", "fast"), "P0417", "tagged", "write `tags: [explicit]`");
    refuses(&policy("allow", "fast").replace("explicit:", "explict:"), "P0109", "explict", "did you mean `explicit`");
}
