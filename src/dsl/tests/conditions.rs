//! Conditions: what is typed, what is refused, and with which words.

use super::{accepts, refuses, with_condition, with_statements};

#[track_caller]
fn good(condition: &str) {
    accepts(&with_condition(condition));
}

#[track_caller]
fn bad(condition: &str, code: &str, place: &str, words: &str) {
    refuses(&with_condition(condition), code, place, words);
}

#[test]
fn typed() {
    good("request.images > 0");
    good("request.tokens > 1000 && request.stream || !request.json");
    good("request.model.contains(\"haiku\")");
    good("request.text.matches(\"(?i)fix|修复\")");
    good("\"web\" in request.tools && request.tools.exists(t, t.startsWith(\"mcp__\"))");
    good("request.tools.filter(t, t.size() > 3).map(t, t.lowerAscii()).size() > 2");
    good("now.getHours(\"Asia/Shanghai\") in [1, 2, 3]");
    good("now - timestamp(\"2026-01-01T00:00:00Z\") > duration(\"1h30m\")");
    good("request.header(\"x-tier\") == \"gold\" || request.meta_int(\"depth\", 0) > 3");
    good("request.complexity > 0.5 && request.complexity * 2.0 < 1.8");
    good("request.tokens > 0.5");
    good("(request.stream ? 1 : 2) == 2");
    good("{\"a\": 1, \"b\": 2}[\"a\"] == 1");
    good("request.model in {\"a\": 1} && {\"a\": 1}[request.model] == 1");
    good("request.tools == [] || [] == request.tools");
    good("int(\"12\") < request.turns && double(request.turns) > 0.5");
    good("string(request.turns) == \"1\"");
    good("request.tokens > -1");
    good("-9223372036854775808 < request.tokens");
    good("request.text == r\"a\\b\" || request.text == '''two\nlines'''");
    good("request.task == \"coding\" && request.protocol != \"chat\"");
    good("has({\"a\": 1}.a)");
}

#[test]
fn names() {
    bad("reqest.text == \"\"", "P0101", "reqest", "`request` has a similar name");
    bad("request.txet == \"\"", "P0101", "txet", "`text` has a similar name");
    bad("request == \"\"", "P0101", "request", "its fields are");
    bad("request.headers == \"\"", "P0101", "headers", "request.header(");
    bad("request.header == \"\"", "P0101", "header", "it takes a name");
    bad("tokens > 5", "P0101", "tokens", "did you mean `request.tokens`");
    bad("request.model == m", "P0101", "m", "write `\"m\"`");
    bad("model.name == \"m\"", "P0105", "model.name", "no model has been chosen yet");
    bad("request.text.contain(\"a\")", "P0103", "contain", "did you mean `contains`");
    bad("siez(request.text) > 1", "P0103", "siez", "did you mean `size`");
    bad("contains(request.text, \"a\")", "P0204", "contains", "write `request.text.contains(…)`");
    bad("request.model == deep-seek", "P0104", "deep-seek", "write `\"deep-seek\"`");
    bad("request.tools.exists(request, true)", "P0106", "request", "already means something");
    bad("request.stream()", "P0103", "stream", "without brackets");
}

#[test]
fn types() {
    bad("request.tokens", "P0201", "request.tokens", "compare it: `request.tokens > 0`");
    bad("request.model", "P0201", "request.model", "compare it: `request.model != \"\"`");
    bad("request.tools && request.stream", "P0202", "request.tools", "request.tools.size() > 0");
    bad("request.tokens == \"5\"", "P0202", "==", "write `5` without quotes");
    bad("request.tokens + 1.5 > 2.0", "P0202", "+", "write `double(request.tokens)`");
    bad("request.text + 1 == \"a\"", "P0202", "+", "write `string(1)`");
    bad("\"a\" in request.text", "P0202", "in", "write `request.text.contains(\"a\")`");
    bad("request.tools.contains(\"a\")", "P0204", "contains", "write `\"a\" in request.tools`");
    bad("request.tools == \"a\"", "P0202", "==", "write `\"a\" in request.tools`");
    bad("request.user == null", "P0101", "user", "");
    bad("request.text == null", "P0202", "==", "nothing is ever null");
    bad("[1, \"a\"].size() > 1", "P0205", "\"a\"", "a list holds values of one type");
    bad("request.text.matches(\"(\")", "P0206", "\"(\"", "");
    bad("request.text.matches(\"\\\\w{1000}{1000}\")", "P0206", "\"\\\\w{1000}{1000}\"", "compiles to more than");
    bad("request.text.matches(request.model)", "P0204", "request.model", "in quotes");
    bad("now > timestamp(\"yesterday\")", "P0207", "\"yesterday\"", "");
    bad("now.getHours(\"Asia/Shangai\") > 1", "P0207", "\"Asia/Shangai\"", "did you mean `Asia/Shanghai`");
    bad("duration(\"5 minutes\") > duration(\"1s\")", "P0207", "\"5 minutes\"", "");
    bad("request.protocol == \"antropic\"", "P0209", "\"antropic\"", "did you mean `\"anthropic\"`");
    bad("request.task in [\"coding\", \"codng\"]", "P0209", "\"codng\"", "did you mean `\"coding\"`");
    bad("session.last_model == \"nobody\"", "P0209", "\"nobody\"", "no such model");
    bad("has(request.text)", "P0204", "request.text", "is always there");
    bad("request.header(\"a\", \"b\") == \"\"", "P0204", "header", "takes 1 argument, not 2");
    bad("request.header(\"X-Api-Key\") == \"\"", "P0103", "\"X-Api-Key\"", "write a `tenant` with the key");
    bad("request.header(request.text) == \"\"", "P0204", "request.text", "a name in quotes");
}

#[test]
fn outside_the_subset() {
    bad("type(request.text) == \"string\"", "P0210", "type", "not part of this language");
    bad("request.text == b\"a\"", "P0210", "b\"a\"", "byte strings");
    bad("request.tokens > 5u", "P0210", "5u", "unsigned");
    bad("request.text.split(\",\").size() > 1", "P0210", "split", "");
    bad("dyn(request.text) == 1", "P0210", "dyn", "");
    bad("request.?text == \"\"", "P0210", ".?", "optional");
    bad("request.tokens > 120k", "P0007", "120k", "write `120000`");
    bad("now - now > 30s", "P0007", "30s", "duration(\"30s\")");
}

#[test]
fn cannot_fail() {
    bad("request.tools[0] == \"a\"", "P0208", "request.tools[0]", "guard it: `request.tools.size() > 0 && …`");
    good("request.tools.size() > 0 && request.tools[0] == \"a\"");
    good("request.tools != [] && request.tools[0] == \"a\"");
    good("size(request.tools) != 0 && request.tools[0] == \"a\"");
    bad("request.tools.size() > 0 && request.tools[1] == \"a\"", "P0208", "request.tools[1]", "size() > 1");
    bad("request.tools[0] == \"a\" && request.tools.size() > 0", "P0208", "request.tools[0]", "");
    good("request.tools.size() == 0 || request.tools[0] == \"a\"");
    bad("request.tools.size() > 0 || request.tools[0] == \"a\"", "P0208", "request.tools[0]", "");
    good("request.tools.size() > 2 ? request.tools[2] == \"a\" : false");
    bad("request.tools.size() > 2 ? false : request.tools[2] == \"a\"", "P0208", "request.tools[2]", "");
    good("request.turns < request.tools.size() && request.tools[request.turns] == \"a\"");
    bad(
        "request.tools[request.turns] == \"a\"",
        "P0208",
        "request.tools[request.turns]",
        "request.turns < request.tools.size()",
    );
    bad("request.tools[-1] == \"a\"", "P0208", "request.tools[-1]", "an index starts at 0");
    bad("{\"a\": 1}[request.model] == 1", "P0208", "{\"a\": 1}[request.model]", "request.model in {\"a\": 1} && …");
    good("\"b\" in {\"a\": 1} && {\"a\": 1}[\"b\"] == 1");
    bad("1000 / request.turns > 3", "P0208", "request.turns", "guard it: `request.turns != 0 && …`");
    good("request.turns != 0 && 1000 / request.turns > 3");
    good("request.turns > 0 && 1000 % request.turns > 3");
    good("request.turns > 5 && 1000 / (request.turns - 5) > 3");
    bad(
        "request.turns > 4 && 1000 / (request.turns - 5) > 3",
        "P0208",
        "(request.turns - 5)",
        "(request.turns - 5) != 0",
    );
    good("request.turns / 2 > 3 && request.turns % 10 == 0");
    bad("1000 / 0 > 3", "P0208", "0", "divide by another number");
    bad("1.0 / request.complexity > 3.0", "P0208", "request.complexity", "!= 0.0 && …");
    good("request.complexity > 0.0 && 1.0 / request.complexity > 3.0");
    good("request.tokens + request.max_tokens > 100000 && request.tokens * 3 > 5");
    good("request.tokens * request.max_tokens > 5");
    bad(
        "request.tokens * request.max_tokens * request.turns > 5",
        "P0208",
        "request.tokens * request.max_tokens * request.turns",
        "may overflow",
    );
    good("request.turns < 2 && request.tokens * request.max_tokens * request.turns > 5 || false");
    bad("request.header_int(\"a\", 0) + 1 > 5", "P0208", "request.header_int(\"a\", 0) + 1", "may overflow");
    good("request.header_int(\"a\", 0) < 100 && request.header_int(\"a\", 0) + 1 > 5");
    bad("-request.header_int(\"a\", 0) > 5", "P0208", "-request.header_int(\"a\", 0)", "may overflow");
    bad("int(request.header(\"x-n\")) > 5", "P0208", "request.header(\"x-n\")", "request.header_int(\"x-n\", 0)");
    bad("double(request.text) > 5.0", "P0208", "request.text", "may not be a double");
    bad("duration(request.text) > duration(\"1s\")", "P0208", "request.text", "");
    bad("int(\"twelve\") > 5", "P0208", "\"twelve\"", "");
    good("int(request.complexity * 10.0) > 5");
    good("[1, 2, 3].exists(x, 10 / x > request.turns)");
    bad("[0, 2, 3].exists(x, 10 / x > request.turns)", "P0208", "x", "may divide by zero");
    good("request.tools.exists(a, request.server_tools.exists(b, a == b))");
    bad(
        "request.tools.exists(a, request.server_tools.exists(b, a == b && a.size() > b.size() && a.size() < 9))",
        "P0211",
        "request.tools.exists(a, request.server_tools.exists(b, a == b && a.size() > b.size() && a.size() < 9))",
        "steps",
    );
    bad("[1].exists(a, [1].exists(b, [1].exists(c, a == b && b == c)))", "P0211", "exists", "more than 2 deep");
    good("now + duration(\"24h\") > timestamp(\"2026-01-01T00:00:00Z\")");
    bad(
        "timestamp(\"9999-12-31T23:59:59Z\") + duration(\"24h\") > now",
        "P0208",
        "timestamp(\"9999-12-31T23:59:59Z\") + duration(\"24h\")",
        "",
    );
}

#[test]
fn lets_are_inlined() {
    accepts(&with_statements("let long = request.tokens > 9\nrule r when long && request.stream -> m"));
    refuses(&with_statements("let long = request.tokens > 9"), "P0108", "long", "never used");
    refuses(&with_statements("let a = 1\nlet a = 2\nrule r when a == 1 -> m"), "P0107", "a", "first here");
    refuses(&with_statements("let request = 1"), "P0106", "request", "choose another name");
    refuses(&with_statements("rule r when early -> m"), "P0101", "early", "not known here");
    // A guard may stand where the `let` is used.
    accepts(&with_statements("let one = request.tools[0] == \"a\"\nrule r when request.tools.size() > 0 && one -> m"));
    refuses(
        &with_statements("let one = request.tools[0] == \"a\"\nrule r when one -> m"),
        "P0208",
        "request.tools[0]",
        "size() > 0",
    );
}

#[test]
fn inlining_does_not_explode() {
    let mut statements = "let a0 = request.turns\n".to_owned();
    for n in 1..40 {
        statements.push_str(&format!("let a{n} = a{} + a{}\n", n - 1, n - 1));
    }
    statements.push_str("rule r when a39 > 1 -> m");
    let (findings, _, policy) = super::found(&with_statements(&statements));
    assert!(!policy);
    assert!(findings.iter().any(|finding| finding.code.as_str() == "P0211"), "{findings:?}");
}

#[test]
fn size_is_bounded() {
    let chain = |terms: usize, glue: &str| vec!["request.stream"; terms].join(glue);
    good(&chain(300, " && "));
    let (findings, ..) = super::found(&with_condition(&chain(5000, " || ")));
    assert_eq!(findings[0].code.as_str(), "P0211");
    let (findings, ..) = super::found(&with_condition(&format!("{}request.stream", "!".repeat(900))));
    assert_eq!(findings[0].code.as_str(), "P0003");
    let (findings, ..) = super::found(&with_condition(&format!("1 < {}", vec!["1"; 400].join(" + "))));
    assert_eq!(findings[0].code.as_str(), "P0003");
    good(&format!("{}request.stream{}", "(".repeat(60), ")".repeat(60)));
    let (findings, ..) = super::found(&with_condition(&format!("{}request.stream{}", "(".repeat(65), ")".repeat(65))));
    assert_eq!(findings[0].code.as_str(), "P0003");
    assert!(findings[0].message.contains("64"));
}

#[test]
fn by_and_where() {
    accepts(&with_statements("rule r when request.stream -> split { 90% m, 10% n } by user.id"));
    refuses(
        &with_statements("rule r when request.stream -> split { 90% m, 10% n } by request.turns"),
        "P0203",
        "request.turns",
        "string(request.turns)",
    );
    refuses(
        &with_statements("rule r when request.stream -> split { 90% m, 10% n } by \"a\""),
        "P0409",
        "\"a\"",
        "session.id",
    );
    refuses(
        &with_statements("rule r when request.stream -> split { 90% m, 11% n }"),
        "P0401",
        "split { 90% m, 11% n }",
        "101%",
    );
    refuses(&with_statements("rule r when request.stream -> split { 100% m, 0% n }"), "P0402", "0%", "");
    accepts(&with_statements("rule r when request.stream -> first of tag(fast) where model.context > 1000 then n"));
    refuses(&with_statements("rule r when request.stream -> first of tag(fst)"), "P0102", "fst", "did you mean `fast`");
    refuses(&with_statements("rule r when request.stream -> first of []"), "P0406", "[]", "");
    refuses(&with_statements("rule r when request.stream -> first of m"), "P0102", "m", "write `[m]`");
    refuses(
        &with_statements("rule r when request.stream -> first of [m] where \"visoin\" in model.can"),
        "P0209",
        "\"visoin\"",
        "vision",
    );
    refuses(
        &with_statements("rule r when request.stream -> first of [m] where model.healthy"),
        "P0708",
        "model.healthy",
        "not served",
    );
    refuses(&with_statements("rule r when request.stream -> fastest of [m]"), "P0708", "fastest", "not served");
    refuses(&with_statements("rule r when budget.used > 0.5 -> m"), "P0708", "budget.used", "not served");
    refuses(&with_statements("rule r when request.stream -> cheapest of [m, n]"), "P0408", "[m, n]", "`n`");
    refuses(&with_statements("rule r when request.stream -> reject 200"), "P0410", "200", "400 to 599");
    refuses(&with_statements("rule r when request.stream -> reject 403 then m"), "P0413", "reject 403", "last");
    refuses(&with_statements("rule r when request.stream -> m then m"), "P0411", "m", "again here");
    refuses(&with_statements("rule r when request.stream -> mm"), "P0102", "mm", "not declared");
    refuses(&with_statements("rule r when request.stream -> route main"), "P0501", "main", "`main` → `main`");
}

#[test]
fn slips_of_types() {
    bad("request.header(\"x\") > 3", "P0202", ">", "write `request.header_int(\"x\", 0) > 3`");
    bad("request.thinking == \"true\"", "P0202", "==", "write `request.thinking`");
    bad("request.thinking == \"false\"", "P0202", "==", "write `!request.thinking`");
    bad("user == \"x\"", "P0101", "user", "write `user.id`");
}
