//! The core on marked texts: `¦` is the cursor.

#![expect(clippy::string_slice, reason = "helpers of tests fail by panicking")]

use tower_lsp_server::ls_types::{CompletionItem, Uri};

use super::document::{Document, Encoding};
use super::index::Index;
use super::{actions, complete, diagnostics, hover, lenses, navigate, outline, signature, tokens};

const POLICY: &str = r#"provider ark { kind: openai base: "https://a.example/v1" key: env("K") region: cn }
provider fake { kind: mock }
model coder on ark {
  context: 256k
  price: { input: 0.17, output: 1.12 }
  can: [tools, vision]
  tags: [coding, fast]
}
model mini on ark { tags: [coding] }
model gpt-4.1-mini on fake {}
pool small = [mini, gpt-4.1-mini]
tenant lanhai { keys: [env("L")] tags: [cn-only] models: [coder, tag(coding)] route: china }
route main {
  let long = request.tokens > 1000
  rule residency when "cn-only" in tenant.tags || tenant.id == "lanhai" -> route china
  rule big when long && request.text.contains("写") -> coder then small with { cache: 10m }
  default -> cheapest of tag(coding) where "fast" in model.tags then mini
}
route china {
  default -> small
}
test "usual" on main {
  given { tenant: lanhai } -> mini then gpt-4.1-mini by china/default
  given { text: "a" } -> coder by default
}
"#;

fn uri(name: &str) -> Uri {
    format!("file:///p/{name}.policy").parse().unwrap()
}

/// The text without the cursor, and where it was.
fn marked(text: &str) -> (Document, usize) {
    let at = text.find('¦').unwrap_or_else(|| panic!("no cursor in {text}"));
    (Document::new(&text.replacen('¦', "", 1), Encoding::Utf16), at)
}

/// What completes at the cursor in a text that stands beside the policy.
fn completions(text: &str) -> Vec<CompletionItem> {
    let (document, at) = marked(text);
    let (policy, other) = (Document::new(POLICY, Encoding::Utf16), uri("other"));
    let main = uri("main");
    let index = Index::new(vec![(&main, &policy), (&other, &document)]);
    complete::complete(&index, &document, at)
}

fn offers(text: &str, wanted: &[&str], never: &[&str]) {
    let labels: Vec<String> = completions(text).into_iter().map(|item| item.label).collect();
    for word in wanted {
        assert!(labels.iter().any(|label| label == word), "{text}\n`{word}` is not in {labels:?}");
    }
    for word in never {
        assert!(!labels.iter().any(|label| label == word), "{text}\n`{word}` is in {labels:?}");
    }
}

#[test]
fn completes_declarations_and_fields() {
    offers("¦", &["provider", "route", "test", "invariant"], &["then"]);
    offers("pro¦", &["provider"], &[]);
    offers("model x on ¦", &["ark", "fake"], &["coder"]);
    offers("model x on a¦ {}", &["ark"], &["coder"]);
    offers("model x on ark {\n  ¦\n}", &["context", "price", "can"], &["kind"]);
    offers("model x on ark {\n  context: 1k\n  c¦\n}", &["can"], &["context"]);
    offers("model x on ark { can: [tools, ¦] }", &["vision", "web_search"], &["coder"]);
    offers("model x on ark { tags: [¦", &["coding", "fast"], &[]);
    offers("model x on ark { price: { input: 1, ¦", &["output", "cache_read"], &["input"]);
    offers("provider x { kind: ¦", &["openai", "mock"], &[]);
    offers("provider x { kind: mock\n ¦", &["latency", "reply"], &["kind"]);
    offers("provider x { kind: openai\n ¦", &["base"], &["latency"]);
    offers("tenant x { models: [¦", &["coder", "small", "tag"], &[]);
    offers("tenant x { route: ¦", &["main", "china"], &[]);
    offers("defaults { ¦", &["deadline", "cache_size"], &[]);
    offers("pool x = [¦", &["coder", "gpt-4.1-mini"], &["small"]);
    offers("pool x = [gpt-4.¦", &["gpt-4.1-mini"], &[]);
}

#[test]
fn completes_routes_and_targets() {
    offers("route x {\n  ¦", &["rule", "let", "default", "cache"], &["max_answer"]);
    offers("route x {\n  rule a ¦", &["when"], &["then"]);
    offers("route x { rule a when request.¦", &["text", "tokens", "header"], &["id"]);
    offers("route x { rule a when request.te¦", &["text"], &[]);
    offers("route x { rule a when request.text.¦ -> m", &["contains", "matches", "size"], &["exists", "getHours"]);
    offers("route x { rule a when request.tools.¦", &["exists", "size"], &["contains"]);
    offers("route x { rule a when now.¦", &["getHours"], &["contains"]);
    offers("route x { rule a when request.tools.exists(t, t.¦", &["startsWith"], &["exists"]);
    offers("route x { rule a when request.tools.exists(t, ¦", &["t", "request.text"], &[]);
    offers("route x { rule a when ¦", &["request.tokens", "tenant.id", "true"], &["model.can"]);
    offers("route x { let big = request.tokens > 9\n rule a when ¦", &["big"], &[]);
    offers("route x { let t = request.text\n rule a when t.¦", &["contains"], &["exists"]);
    offers("route x { rule a when request.stream ¦", &["&&", "->"], &["<"]);
    offers("route x { rule a when request.protocol == ¦", &["\"anthropic\"", "\"chat\""], &[]);
    offers("route x { rule a when request.protocol == \"¦", &["anthropic"], &["request.text"]);
    offers("route x { rule a when tenant.id == \"¦\" -> m", &["lanhai"], &[]);
    offers("route x { rule a when tenant.id in [\"¦\"] -> m", &["lanhai"], &[]);
    offers("route x { rule a when true -> ¦", &["coder", "small", "cheapest", "split", "reject"], &["china"]);
    offers("route x { rule a when true -> route ¦", &["main", "china"], &["coder"]);
    offers("route x { rule a when true -> coder ¦", &["then", "with", "rule"], &[]);
    offers("route x { rule a when true -> coder then ¦", &["mini"], &[]);
    offers("route x { default -> cheapest ¦", &["of"], &["then"]);
    offers("route x { default -> cheapest of ¦", &["tag", "small"], &["coder"]);
    offers("route x { default -> cheapest of tag(¦", &["coding", "fast"], &["cn-only"]);
    offers("route x { default -> best of tag(fast) where model.¦", &["region", "price_in"], &["text"]);
    offers("route x { default -> split { 90% ¦", &["coder"], &[]);
    offers("route x { default -> split { 90% coder, 10% mini } ¦", &["by", "then"], &[]);
    offers("route x { default -> coder with { ¦", &["cache", "timeout"], &["max_answer"]);
    offers("route x { rule broken when request. \n rule next when request.te¦ -> m }", &["text"], &[]);
    offers("route x { rule broken -> cheapest of tag( \n rule next when session.¦", &["turns"], &[]);
}

#[test]
fn completes_tests_and_comments() {
    offers("test \"t\" on ¦", &["main", "china"], &[]);
    offers("test \"t\" { ¦", &["given"], &[]);
    offers("test \"t\" { given { ¦", &["text", "tokens", "session", "tenant"], &["model.can"]);
    offers("test \"t\" { given { tenant: ¦", &["lanhai"], &[]);
    offers("test \"t\" { given { session: { ¦", &["turns", "last_model"], &["text"]);
    offers("test \"t\" { given { protocol: \"¦", &["anthropic"], &[]);
    offers("test \"t\" { given { stream: ¦", &["true", "false"], &[]);
    offers("test \"t\" { given { text: \"a\" } state { ¦", &["coder", "small"], &[]);
    offers("test \"t\" { given { } state { coder: { ¦", &["healthy", "error_rate"], &[]);
    offers("test \"t\" { given { } -> ¦", &["coder", "reject"], &["small"]);
    offers("test \"t\" { given { } -> coder by ¦", &["big", "default", "china"], &[]);
    offers("test \"t\" { given { } -> coder by china/¦", &["default"], &["big"]);
    offers("// ccr: allow ¦", &["P0108", "P0901"], &["P0101"]);
    offers("// an ordinary comment ¦", &[], &["P0108", "provider"]);
    offers("provider x { base: \"¦", &[], &["true", "provider"]);
}

#[test]
fn completion_replaces_what_is_written() {
    let (document, _) = marked("route x { default -> gpt-4¦");
    let item =
        completions("route x { default -> gpt-4¦").into_iter().find(|item| item.label == "gpt-4.1-mini").unwrap();
    let edit = serde_json::to_value(item.text_edit.unwrap()).unwrap();
    assert_eq!(edit["range"]["start"]["character"], 21);
    assert_eq!(edit["range"]["end"]["character"], document.text().len());
}

/// What hovering says at the cursor in the policy.
fn says(around: &str, wanted: &[&str]) {
    let (main, (document, at)) = (uri("main"), in_policy(around));
    let index = Index::new(vec![(&main, &document)]);
    let (text, _) = hover::hover(&index, &document, at).unwrap_or_else(|| panic!("nothing at {around}"));
    for part in wanted {
        assert!(text.contains(part), "{around}\n{text}");
    }
}

/// The policy, with the cursor where this part of it has it.
fn in_policy(around: &str) -> (Document, usize) {
    let plain = around.replacen('¦', "", 1);
    assert_eq!(POLICY.matches(&plain).count(), 1, "`{plain}` has to stand once in the policy");
    marked(&POLICY.replacen(&plain, around, 1))
}

#[test]
fn hovers() {
    says("let long = request.tok¦ens", &["request.tokens: int", "from 0 to", "expensive"]);
    says("text.cont¦ains(\"写\")", &["text.contains(part) -> bool", "holds this part"]);
    says("-> co¦der then small", &["model coder on ark", "256k", "$0.17 in", "tags: [coding, fast]"]);
    says("then sm¦all with", &["pool small", "[mini, gpt-4.1-mini]"]);
    says("tag(co¦ding) where", &["`coder`", "`mini`"]);
    says("when lo¦ng &&", &["let long = request.tokens > 1000", "route `main`"]);
    says("-> route chi¦na", &["route china"]);
    says("by chi¦na/default", &["route china"]);
    says("coder by de¦fault", &["default -> cheapest of"]);
    says("model coder on a¦rk", &["openai", "https://a.example/v1", "`coder`, `mini`"]);
    says("given { tenant: lan¦hai", &["tenant lanhai", "cn-only"]);
    says("chea¦pest of", &["least price"]);
    says("conte¦xt: 256k", &["most tokens of input and output"]);
    says("{ inp¦ut: 0.17", &["US dollars a million tokens"]);
    says("can: [tools, vis¦ion]", &["sees images"]);
    says("|| tenant.i¦d ==", &["tenant.id: string"]);
    says("|| tenant.id == \"lan¦hai\"", &["tenant lanhai"]);
    let (document, at) = marked("// ccr: allow P0¦901 because I like it\nmodel A on p {}\n");
    let index = Index::default();
    assert!(hover::hover(&index, &document, at).unwrap().0.contains("not kebab-case"));
}

/// The lines (from 1) of the places that an answer names.
fn lines(found: &[tower_lsp_server::ls_types::Location]) -> Vec<u32> {
    found.iter().map(|location| location.range.start.line + 1).collect()
}

fn declared_at(around: &str, wanted: &[u32]) {
    let (main, (document, at)) = (uri("main"), in_policy(around));
    let index = Index::new(vec![(&main, &document)]);
    assert_eq!(lines(&navigate::definition(&index, &document, at)), wanted, "{around}");
}

fn line_of(part: &str) -> u32 {
    let at = POLICY.find(part).unwrap();
    u32::try_from(POLICY[..at].matches('\n').count()).unwrap() + 1
}

#[test]
fn finds_declarations_and_uses() {
    declared_at("-> co¦der then small", &[line_of("model coder")]);
    declared_at("model coder on ¦ark", &[1]);
    declared_at("tag(cod¦ing) where", &[line_of("tags: [coding, fast]"), line_of("model mini")]);
    declared_at("when lo¦ng &&", &[line_of("let long")]);
    declared_at("by china/def¦ault", &[line_of("default -> small")]);
    declared_at("coder by def¦ault", &[line_of("default -> cheapest")]);
    declared_at("given { tenant: l¦anhai", &[line_of("tenant lanhai")]);
    let (main, (document, at)) = (uri("main"), in_policy("model mi¦ni on"));
    let index = Index::new(vec![(&main, &document)]);
    assert_eq!(navigate::references(&index, &document, at, None).len(), 4);
    assert_eq!(navigate::references(&index, &document, at, Some(false)).len(), 3);
    assert_eq!(navigate::highlights(&index, &document, &main, at).len(), 4);
}

/// The policy after renaming what is under the cursor, or why not.
fn renamed(around: &str, new: &str) -> Result<String, String> {
    let (main, (document, at)) = (uri("main"), in_policy(around));
    let index = Index::new(vec![(&main, &document)]);
    let edits = navigate::rename(&index, &document, at, new).map_err(|error| error.to_string())?;
    let mut edits: Vec<_> =
        edits.into_values().flatten().map(|edit| (document.range(edit.range), edit.new_text)).collect();
    edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut text = document.text().to_owned();
    for (range, new) in edits {
        text.replace_range(range, &new);
    }
    Ok(text)
}

#[test]
fn renames_everywhere_or_says_why_not() {
    let check = |around: &str, new: &str, gone: &str| {
        let text = renamed(around, new).unwrap();
        assert!(!text.contains(gone) && text.contains(new), "{text}");
        let mut sources = crate::diag::Sources::default();
        sources.add("main", text.as_str());
        let findings = crate::dsl::load(&sources).diagnostics;
        assert!(!findings.iter().any(|finding| finding.code == crate::diag::Code::P0102), "{findings:#?}");
    };
    check("model mi¦ni on", "small-one", "[mini,");
    check("tags: [cod¦ing, fast]", "programming", "coding");
    check("where \"fa¦st\" in", "quick", "fast");
    check("tenant lan¦hai {", "blue-sea", "lanhai");
    check("route ch¦ina {", "cn", "china");
    check("let lo¦ng =", "lengthy", "long");
    let refused = |around: &str, new: &str, part: &str| {
        let error = renamed(around, new).unwrap_err();
        assert!(error.contains(part), "{error}");
    };
    refused("model mi¦ni on", "coder", "already declared");
    refused("model mi¦ni on", "small", "already declared");
    refused("model mi¦ni on", "then", "word of the language");
    refused("model mi¦ni on", "cheapest", "word of the language");
    refused("model mi¦ni on", "4mini", "not a name");
    refused("model mi¦ni on", "a--b", "not a name");
    refused("let lo¦ng =", "request", "word of the language");
    refused("let lo¦ng =", "too-long", "letters, digits and `_`");
    refused("coder by def¦ault", "x", "word of the language");
    refused("request.tok¦ens", "x", "no name here");
    refused("contains(\"写¦\")", "x", "no name here");
}

#[test]
fn reserved_words_are_those_of_the_grammar() {
    let grammar = include_str!("../../grammar/policy.pest");
    let quoted = |rule: &str| -> Vec<&str> {
        let body = &grammar[grammar.find(&format!("\n{rule} ")).unwrap() + 1..];
        body.split_once('}').unwrap().0.split('"').skip(1).step_by(2).collect()
    };
    assert_eq!(quoted("name_reserved"), navigate::RESERVED_NAMES);
    let words: Vec<&str> = ["cel_keyword", "cel_reserved", "follow_word"].into_iter().flat_map(quoted).collect();
    assert_eq!(words, navigate::RESERVED_LETS);
}

#[test]
fn outlines_folds_lenses_and_colours() {
    let document = Document::new(POLICY, Encoding::Utf16);
    let symbols = outline::symbols(&document);
    let names: Vec<&str> = symbols.iter().map(|symbol| symbol.name.as_str()).collect();
    assert_eq!(names, ["ark", "fake", "coder", "mini", "gpt-4.1-mini", "small", "lanhai", "main", "china", "usual"]);
    assert_eq!(symbols[7].children.as_ref().unwrap().len(), 4);
    let folds = outline::folds(&document);
    assert!(folds.iter().any(|fold| fold.start_line + 1 == line_of("route main")), "{folds:?}");
    let titles: Vec<String> =
        lenses::lenses(&document, &uri("main")).into_iter().map(|lens| lens.command.unwrap().title).collect();
    assert_eq!(titles, ["2 rules", "0 rules", "▶ run test"]);
    let main = uri("main");
    let index = Index::new(vec![(&main, &document)]);
    let hints = lenses::hints(&index, &document, &(0..POLICY.len()));
    assert_eq!(hints.len(), 1, "only `coder` has a price and stands in a target of a route");
    assert!(tokens::tokens(&document).len() > 100);
    assert_eq!(outline::search(&index, "CO").iter().map(|found| found.name.as_str()).collect::<Vec<_>>(), ["coder"]);
    let (at, _) = (POLICY.find("request.tokens").unwrap(), ());
    let mut selection = Some(outline::selection(&document, at));
    let mut widths = Vec::new();
    while let Some(one) = selection {
        widths.push(document.range(one.range).len());
        selection = one.parent.map(|parent| *parent);
    }
    assert!(widths.len() >= 4 && widths.is_sorted(), "{widths:?}");
}

#[test]
fn shows_the_signature_of_an_open_call() {
    let help = |text: &str| {
        let (document, at) = marked(text);
        signature::help(&document, at).map(|help| (help.signatures[0].label.clone(), help.active_parameter.unwrap()))
    };
    let check = |text: &str, label: &str, argument: u32| assert_eq!(help(text), Some((label.to_owned(), argument)));
    check("route x { rule a when request.text.contains(¦", "text.contains(part) -> bool", 0);
    check("route x { rule a when request.header_int(\"a\", ¦", "request.header_int(\"name\", default) -> int", 1);
    check("route x { rule a when request.tools.exists(t, t.startsWith(¦", "text.startsWith(part) -> bool", 0);
    assert_eq!(help("route x { rule a when request.text.contains(\"a\") ¦"), None);
}

#[test]
fn offers_fixes_and_a_comment_that_allows() {
    let text = POLICY.replace("when long &&", "when lng &&");
    let files = vec![(uri("main"), Document::new(&text, Encoding::Utf16))];
    let findings = crate::lint::quick(&diagnostics::sources(&files));
    let at = text.find("lng").unwrap();
    let found = actions::actions(&files, &findings, &uri("main"), &(at..at));
    let titles: Vec<&str> = found.iter().map(|action| action.title.as_str()).collect();
    assert!(titles.contains(&"replace it by `long`"), "{titles:?} {findings:#?}");
    // The `let` is unused now: a warning, which can be allowed.
    let at = text.find("long =").unwrap();
    let found = actions::actions(&files, &findings, &uri("main"), &(at..at));
    let allow = found.iter().find(|action| action.title.contains("allow this warning (P0108)")).unwrap();
    let edit = allow.edit.as_ref().unwrap().changes.as_ref().unwrap()[&uri("main")][0].clone();
    assert_eq!(edit.new_text, "  // ccr: allow P0108 because …\n");
    let shown = diagnostics::publish(&files, &findings);
    assert_eq!(shown[0].1.len(), findings.len());
}

#[test]
fn every_answer_comes_for_every_prefix() {
    let main = uri("main");
    for (at, _) in POLICY.char_indices() {
        let document = Document::new(&POLICY[..at], Encoding::Utf16);
        let index = Index::new(vec![(&main, &document)]);
        let _ = complete::complete(&index, &document, at);
        let _ = hover::hover(&index, &document, at);
        let _ = navigate::references(&index, &document, at, None);
        let _ = outline::symbols(&document);
        let _ = outline::folds(&document);
        let _ = outline::selection(&document, at);
        let _ = tokens::tokens(&document);
        let _ = lenses::lenses(&document, &main);
        let _ = signature::help(&document, at);
        // Checking is slower; the end of each line is enough.
        if POLICY[..at].ends_with('\n') || at % 97 == 0 {
            let files = vec![(main.clone(), document.clone())];
            let findings = crate::lint::quick(&diagnostics::sources(&files));
            let _ = diagnostics::publish(&files, &findings);
            let _ = actions::actions(&files, &findings, &main, &(0..at));
        }
    }
}

#[test]
fn the_textmate_grammar_is_in_step_with_the_language() {
    use crate::dsl::words;
    use crate::facts::schema::VARIABLES;
    let grammar: serde_json::Value =
        serde_json::from_str(include_str!("../../editors/textmate/ccr-policy.tmLanguage.json")).unwrap();
    let rules = &grammar["repository"];
    // The words between non-words: enough to see that each alternation names each word.
    let named = |rule: &str| -> std::collections::BTreeSet<String> {
        let text = rules[rule].to_string();
        assert!(text.len() > 10, "the grammar has no `{rule}`");
        text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).map(str::to_owned).collect()
    };
    let check = |rule: &str, words: &mut dyn Iterator<Item = &str>| {
        let named = named(rule);
        let missing: Vec<&str> = words.filter(|word| !named.contains(*word)).collect();
        assert!(missing.is_empty(), "`{rule}` lacks {missing:?}");
    };
    check("declaration", &mut words::ITEMS.iter().map(|entry| entry.word));
    check("keyword", &mut words::KEYWORDS.iter().map(|entry| entry.word));
    check("choice", &mut words::CHOICES.iter().map(|entry| entry.word));
    check("constant", &mut words::CAPABILITIES.iter().map(|entry| entry.word).chain(["true", "false", "null"]));
    check("function", &mut words::FUNCTIONS.iter().map(|row| row.name));
    check("variable", &mut VARIABLES.iter().map(|row| row.path.split('.').next().unwrap()));
    let package: serde_json::Value = serde_json::from_str(include_str!("../../editors/vscode/package.json")).unwrap();
    assert_eq!(package["contributes"]["grammars"][0]["scopeName"], grammar["scopeName"]);
}
