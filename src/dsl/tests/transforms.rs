//! `transform`, `preset` and `transform NAME { … }`.

use super::{accepts, found, refuses};
use crate::diag::{Sources, render};
use crate::dsl::policy::Model;
use crate::dsl::transform::{EditAction, SamplingRule, Template, Transform};

/// A policy with a provider of this kind and fields, a model with these fields, and more items.
fn with(kind: &str, provider: &str, model: &str, items: &str) -> String {
    format!(
        "{items}\nprovider p {{ kind: {kind} base: \"https://p.example/v1\" key: env(\"P_KEY\") {provider} }}\n\
         model a on p {{ {model} }}\nroute main {{ default -> a }}\n"
    )
}

fn chain(list: &str) -> String {
    with("openai", "", &format!("transform: [{list}]"), "")
}

#[track_caller]
fn model(text: &str) -> Model {
    let mut sources = Sources::default();
    sources.add("x.policy", text);
    let loaded = crate::dsl::load(&sources);
    let shown = render::human(&loaded.diagnostics, &sources, false);
    loaded.policy.unwrap_or_else(|| panic!("{shown}")).models.remove(0)
}

#[test]
fn every_built_in_is_read() {
    let one = |list: &str| model(&chain(list)).transforms.remove(0);
    assert_eq!(one("max_tokens(8k)"), Transform::MaxTokens(8000));
    assert_eq!(one("max_completion_tokens"), Transform::MaxCompletionTokens);
    assert_eq!(one("clean_cache"), Transform::CleanCache);
    assert_eq!(one("stream_options(off)"), Transform::StreamOptions(false));
    assert_eq!(one("reasoning"), Transform::Reasoning);
    assert_eq!(one("think_tag"), Transform::ThinkTag);
    assert_eq!(one("tool_use"), Transform::ToolUse);
    assert_eq!(one("tool_repair"), Transform::ToolRepair);
    assert_eq!(one("schema_clean"), Transform::SchemaClean(vec![]));
    assert_eq!(
        one("schema_clean(format, \"$schema\")"),
        Transform::SchemaClean(vec!["format".into(), "$schema".into()])
    );
    assert_eq!(one("system_as_user"), Transform::SystemAsUser);
    assert_eq!(one("trim_history"), Transform::TrimHistory(None));
    assert_eq!(one("trim_history(64k)"), Transform::TrimHistory(Some(64_000)));
    assert_eq!(one("emulate_tools"), Transform::EmulateTools);
    assert_eq!(one("web_search(native)"), Transform::WebSearch(true));
    assert_eq!(one("headers({ \"X-Title\": \"ccr\" })"), Transform::Headers(vec![("x-title".into(), "ccr".into())]));
    assert_eq!(
        one("params({ provider: { order: [\"a\", 1, null] }, \"x\": 0.5 })"),
        Transform::Params(vec![("provider".into(), r#"{"order":["a",1,null]}"#.into()), ("x".into(), "0.5".into())])
    );
    let Transform::Sampling(parameters) = one("sampling({ temperature: 0.2, top_p: max(0.9), top_k: off })") else {
        panic!("not sampling");
    };
    let rules: Vec<(&str, SamplingRule)> =
        parameters.iter().map(|parameter| (parameter.parameter.as_str(), parameter.rule)).collect();
    let expected =
        [("temperature", SamplingRule::Force(0.2)), ("top_p", SamplingRule::Cap(0.9)), ("top_k", SamplingRule::Remove)];
    assert_eq!(rules, expected);
}

#[test]
fn a_chain_is_the_presets_the_providers_and_the_models() {
    let names = |model: &Model| model.transforms.iter().map(|found| found.name().to_owned()).collect::<Vec<_>>();
    let text = with("openai", "preset: groq transform: [max_tokens(9)]", "transform: [think_tag]", "");
    assert_eq!(names(&model(&text)), ["preset", "clean_cache", "schema_clean", "max_tokens", "think_tag"]);
    // A model's own preset takes the place of its provider's.
    let text = with("openai", "preset: groq", "preset: deepseek", "");
    let found = model(&text);
    assert_eq!(names(&found), ["preset"]);
    assert!(matches!(found.transforms[0], Transform::Preset(preset) if preset.name == "deepseek"));
}

#[test]
fn a_preset_knows_the_address() {
    let mut sources = Sources::default();
    sources.add(
        "x.policy",
        "provider p { kind: anthropic preset: deepseek key: env(\"K\") }\nmodel a on p {}\nroute main { default -> a }",
    );
    let policy = crate::dsl::load(&sources).policy.unwrap();
    assert_eq!(policy.providers[0].base.as_deref(), Some("https://api.deepseek.com/anthropic"));
}

#[test]
fn what_is_wrong_is_named() {
    let list = |list: &str, code: &str, place: &str, words: &str| refuses(&chain(list), code, place, words);
    list("max_tokns(1)", "P0102", "max_tokns", "`max_tokens` has a similar name");
    list("xyzzy", "P0102", "xyzzy", "there are: max_tokens");
    list("max_tokens", "P0204", "max_tokens", "write `max_tokens(8192)`");
    list("max_tokens(0)", "P0204", "0", "1 or more");
    list("max_tokens(\"8\")", "P0204", "max_tokens(\"8\")", "a whole number of tokens");
    list("clean_cache(1)", "P0204", "clean_cache(1)", "no arguments");
    list("stream_options(maybe)", "P0204", "stream_options(maybe)", "`on` or `off`");
    list("web_search(on)", "P0204", "web_search(on)", "`native` or `off`");
    list("sampling({ temprature: 1 })", "P0109", "temprature", "did you mean `temperature`");
    list("sampling({ temperature: \"hot\" })", "P0203", "\"hot\"", "a number");
    list("sampling({ top_p: 3 })", "P0203", "3", "from 0 to 1");
    list("sampling({ top_p: max() })", "P0204", "max()", "one number");
    list("params({ model: \"x\" })", "P0416", "model", "`upstream`");
    list("params({ temperature: \"hot\" })", "P0203", "\"hot\"", "is a number");
    list("params({ user: tenant.id })", "P0204", "tenant.id", "transform NAME");
    list("headers({ \"x-api-key\": \"a\" })", "P0203", "\"x-api-key\"", "env(");
    list("headers({ \"content-length\": \"1\" })", "P0416", "\"content-length\"", "");
    list("headers({ host: \"x\" })", "P0416", "host", "remove it");
    list("headers({ \"proxy-authorization\": \"a\" })", "P0203", "\"proxy-authorization\"", "env(");
    refuses(&with("openai", "", "transform: clean_cache", ""), "P0203", "clean_cache", "write `[clean_cache]`");
    refuses(&with("openai", "preset: openruter", "", ""), "P0102", "openruter", "`openrouter`");
    refuses(&with("anthropic", "preset: openai", "", ""), "P0415", "openai", "`kind: openai` or `kind: responses`");
    let block = "tenant t { transform: [clean_cache] }";
    refuses(&with("openai", "", "", block), "P0708", "transform", "not served");
}

#[test]
fn order_company_and_protocol_are_checked() {
    let list = |list: &str, code: &str, place: &str, words: &str| refuses(&chain(list), code, place, words);
    list("clean_cache, clean_cache", "P0414", "clean_cache", "stands twice");
    list("max_completion_tokens, max_tokens(9)", "P0414", "max_tokens", "first");
    let small = with("openai", "", "can: [] transform: [emulate_tools, trim_history(9k)]", "");
    refuses(&small, "P0414", "trim_history", "first");
    list("params({ temperature: 1 }), sampling({ temperature: 0.2 })", "P0414", "sampling", "`params` has set");
    accepts(&chain("params({ temperature: 1 }), sampling({ temperature: max(0.5) })"));
    accepts(&chain("max_tokens(9), max_completion_tokens, clean_cache, tool_use, tool_repair"));
    // A model may say otherwise than its provider, but not undo the order.
    accepts(&with("openai", "transform: [max_tokens(9)]", "transform: [max_tokens(5)]", ""));
    let text = with("openai", "transform: [max_completion_tokens]", "transform: [max_tokens(5)]", "");
    accepts(&text);
    accepts(&with("openai", "transform: [tool_use]", "can: [] transform: [emulate_tools]", ""));
    list("params({ seed: 1 }), params({ user: \"a\" })", "P0414", "params", "merge them into one");
    let kind = |kind: &str, list: &str, place: &str, words: &str| {
        refuses(&with(kind, "", &format!("transform: [{list}]"), ""), "P0415", place, words);
    };
    kind("anthropic", "stream_options(off)", "stream_options", "`kind: anthropic`");
    kind("anthropic", "max_completion_tokens", "max_completion_tokens", "remove it");
    kind("anthropic", "sampling({ presence_penalty: 1 })", "sampling", "`presence_penalty`");
    kind("anthropic", "reasoning", "reasoning", "");
}

#[test]
fn blocks_hold_constants_and_expressions() {
    let block = "transform own { set: { temperature: request.thinking ? 1.0 : 0.2, \"metadata.team\": tenant.id, \
                 extra: { on: true, tools: size(request.tools), who: [user.id, \"x\"] } } \
                 remove: [user, \"metadata.user_id\"] rename: { max_tokens: max_completion_tokens } \
                 append: { stop: \"END\" } headers: { \"x-model\": model.name } }";
    let found = model(&with("openai", "", "transform: [own]", block));
    let Transform::User(user) = &found.transforms[0] else { panic!("no block") };
    let paths: Vec<String> = user.edits.iter().map(|edit| edit.path.join("/")).collect();
    assert_eq!(paths, ["temperature", "metadata/team", "extra", "user", "metadata/user_id", "max_tokens", "stop"]);
    assert!(matches!(&user.edits[2].action, EditAction::Set(Template::Map(members)) if members.len() == 3));
    assert!(matches!(&user.edits[6].action, EditAction::Append(Template::Json(text)) if text == "\"END\""));
    assert_eq!(user.headers[0].0, "x-model");
}

#[test]
fn blocks_are_checked() {
    let block = |body: &str, code: &str, place: &str, words: &str| {
        let text = with("openai", "", "transform: [own]", &format!("transform own {{ {body} }}"));
        refuses(&text, code, place, words);
    };
    block("set: { model: \"x\" }", "P0416", "model", "`upstream`");
    block("remove: [messages]", "P0416", "messages", "written by the gateway");
    block("rename: { user: model }", "P0416", "model", "");
    block("set: { temperature: \"hot\" }", "P0203", "\"hot\"", "is a number, this is a text");
    block("set: { temperature: tenant.id }", "P0203", "tenant.id", "of type string");
    block("set: { max_tokens: 1.5 }", "P0203", "1.5", "a whole number");
    block("set: { at: now }", "P0203", "now", "`string(now)`");
    block("headers: { \"x-a\": \"a\\nb: c\" }", "P0203", "\"a\\nb: c\"", "no line break");
    block("set: { user: request.header(\"authorization\") }", "P0103", "\"authorization\"", "`tenant`");
    block("set: { a: high }", "P0203", "high", "write `\"high\"`");
    block("set: { a: request.tokns }", "P0101", "tokns", "tokens");
    block("set: { a: request.tools[0] }", "P0208", "request.tools[0]", "`request.tools.size() > 0 ? … : …`");
    block("set: { a: model.context / 0 }", "P0208", "0", "divide by another number");
    block("set: { a: 1000 / model.context }", "P0208", "model.context", "`model.context != 0 ? … : …`");
    block("append: { temperature: 1 }", "P0203", "1", "not a list");
    block("rename: { a: \"b.c\" }", "P0203", "\"b.c\"", "where it stands");
    block("set: { \"a..b\": 1 }", "P0203", "\"a..b\"", "path");
    block("headers: { \"x-n\": request.tokens }", "P0203", "request.tokens", "a text");
    block("system: 1", "P0109", "system", "it takes: set");
    refuses(&with("openai", "", "", "transform own { set: { a: 1 } }"), "P0108", "own", "never used");
    let (findings, ..) = found(&with("openai", "", "transform: [own]", "transform own { }"));
    assert_eq!(findings[0].code.as_str(), "P0110");
    let (findings, ..) = found(&with("openai", "", "transform: [reasoning]", "transform reasoning { set: { a: 1 } }"));
    assert_eq!(findings[0].code.as_str(), "P0107");
}

#[test]
fn what_does_nothing_is_said() {
    let of = |kind: &str, provider: &str, fields: &str| with(kind, provider, fields, "");
    let idle = |text: &str, place: &str, words: &str| refuses(text, "P0418", place, words);
    idle(&chain("emulate_tools"), "emulate_tools", "write `can: []`");
    idle(&of("openai", "", "can: [tools, vision] transform: [emulate_tools]"), "emulate_tools", "take `tools` out");
    idle(&of("openai", "", "can: [] transform: [tool_use]"), "tool_use", "it has no tools");
    idle(&of("openai", "", "can: [] transform: [tool_repair]"), "tool_repair", "it has no tools");
    idle(&chain("trim_history"), "trim_history", "`trim_history(64k)`");
    accepts(&chain("trim_history(64k)"));
    accepts(&of("openai", "", "context: 64k transform: [trim_history]"));
    accepts(&of("openai", "", "can: [] transform: [tool_use, emulate_tools]"));
    // A provider's is for all of its models.
    idle(&of("openai", "transform: [emulate_tools]", ""), "emulate_tools", "");
    let other = "model b on p { can: [] }";
    let text = with("openai", "transform: [emulate_tools]", "", other).replace("default -> a", "default -> a then b");
    let (findings, ..) = found(&text);
    assert!(findings.iter().all(|finding| finding.code.as_str() != "P0418"), "{findings:?}");
}

#[test]
fn values_are_in_their_ranges() {
    let text = |body: &str| with("openai", "", "transform: [own]", &format!("transform own {{ {body} }}"));
    let block = |body: &str, place: &str, words: &str| refuses(&text(body), "P0203", place, words);
    block("set: { temperature: 5 }", "5", "between 0 and 2");
    block("set: { temperature: request.thinking ? 1.0 : 5.0 }", "request.thinking ? 1.0 : 5.0", "is never 5");
    block("set: { max_tokens: -3 }", "-3", "at least -1");
    block("set: { \"metadata.n\": 5 }", "5", "write `\"5\"`");
    block("set: { \"metadata.n\": request.tokens }", "request.tokens", "string(request.tokens)");
    block("set: { metadata: { n: 5 } }", "{ n: 5 }", "`metadata.n` is a text");
    block("rename: { a: a }", "a", "its name already");
    refuses(&chain("params({ top_p: 7 })"), "P0203", "7", "between 0 and 1");
    refuses(&chain("params({ thinking: { budget_tokens: -1 } })"), "P0203", "{ budget_tokens: -1 }", "at least 0");
    accepts(&text("set: { max_tokens: -1, top_k: -1, temperature: 2, \"metadata.n\": string(request.tokens) }"));
}

#[test]
fn edits_that_undo_each_other_are_named() {
    let text = |body: &str| with("openai", "", "transform: [own]", &format!("transform own {{ {body} }}"));
    let block = |body: &str, code: &str, place: &str, words: &str| refuses(&text(body), code, place, words);
    block("set: { a: 1, a: 2 }", "P0111", "a", "set twice");
    block("set: { \"a.b\": 1, a: { c: 2 } }", "P0414", "a", "set `a` first");
    block("set: { a: 1, \"a.b\": 2 }", "P0414", "\"a.b\"", "in vain");
    block("set: { a: 1 } remove: [a]", "P0414", "a", "is removed behind it");
    block("remove: [a, a]", "P0111", "a", "removed twice");
    accepts(&text("set: { a: { c: 2 }, \"a.b\": 1 } rename: { a: d }"));
    accepts(&text("remove: [a] set: { a: 1, \"b.c\": 2, \"b.d\": 3 }"));
}

#[test]
fn what_a_preset_brings_is_said() {
    // Without its base, which the help tells.
    let text = |fields: &str| {
        format!("provider p {{ kind: openai {fields} }} model m on p {{}} route main {{ default -> m }}")
    };
    refuses(&text("key: env(\"K\")"), "P0110", "p", "`preset: openrouter`");
    let (findings, ..) = found(&text("preset: openruter key: env(\"K\")"));
    let codes: Vec<&str> = findings.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["P0102"]);
    refuses(&text("preset: openrouter"), "P0704", "p", "env(\"OPENROUTER_API_KEY\")");
}

#[test]
fn a_wire_has_a_similar_name() {
    let text = |wire: &str| {
        format!("provider p {{ kind: mock wire: {wire} }} model m on p {{}} route main {{ default -> m }}")
    };
    refuses(&text("gemni"), "P0203", "gemni", "did you mean `gemini`?");
    refuses(&text("xyz"), "P0203", "xyz", "it is one of: openai, anthropic, responses, gemini");
}
