//! pest's errors in the author's words: what stands there, what could stand there, and a hint
//! when it is a word of another language.

use std::ops::Range;

use pest::error::{Error, ErrorVariant, InputLocation};

use super::Rule;
use super::slips::Stumble;
use crate::diag::{Code, Diagnostic, Edit, SourceId, Span};
use crate::dsl::lex::{Lexer, Token, TokenKind};

/// The finding for a text that did not parse.
pub(super) fn rephrase(id: SourceId, text: &str, range: Range<usize>, error: &Error<Rule>) -> Diagnostic {
    let at = range.start
        + match error.location {
            InputLocation::Pos(at) => at,
            InputLocation::Span((start, _)) => start,
        };
    let (positives, custom) = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => (positives.as_slice(), None),
        ErrorVariant::CustomError { message } => (&[][..], Some(message)),
    };
    if let Some(message) = custom {
        let span = Span::new(id, range.start, range.start);
        return Diagnostic::new(Code::P0004, span, format!("this cannot be read: {message}"));
    }
    let mut before = None;
    let mut found = None;
    for token in Lexer::new(text, range.start).filter(|token| token.kind != TokenKind::Comment) {
        if token.end > at {
            found = (token.start < range.end).then_some(token);
            break;
        }
        before = Some(token);
    }
    let expected = expected(positives);
    if let Some(found) = found
        && let Some(finding) = (Stumble { id, text, range: range.clone(), before, found, positives }).slip()
    {
        return finding;
    }
    if let Some(finding) = foreign(id, text, before, found) {
        return finding;
    }
    let (span, shown) = match found {
        Some(token) => {
            // An error inside a token (`in-x` read as `in`) is blamed on the token from there on.
            let start = if token.start < at && token.kind == TokenKind::Word { at } else { token.start };
            (Span::new(id, start, token.end), named(token, text))
        }
        None => {
            let end = before.map_or(range.end, |token| token.end);
            let start = before.map_or(range.start, |token| token.start);
            (Span::new(id, start, end), "the end".to_owned())
        }
    };
    let message = match (&found, expected.is_empty()) {
        (Some(_), _) => format!("{shown} cannot stand here"),
        (None, true) => "something is missing at the end".to_owned(),
        (None, false) => format!("{} is missing behind this", expected),
    };
    let finding = Diagnostic::new(Code::P0001, span, message);
    let finding =
        if found.is_some() && !expected.is_empty() { finding.label(format!("expected {expected}")) } else { finding };
    match found.and_then(|token| reserved_hint(token.text(text), positives)) {
        Some(hint) => finding.help(hint),
        None if found.is_none() && positives.contains(&Rule::arrow) => {
            finding.help("say where it leads: `rule NAME when CONDITION -> MODEL`")
        }
        None if found.is_none() && expected == "`{`" => {
            let first = Lexer::new(text, range.start).find(|token| token.kind != TokenKind::Comment);
            let start = first.map_or(range.start, |token| token.start);
            let shown = text.get(start..before.map_or(start, |token| token.end)).unwrap_or_default();
            finding.help(format!("write `{} {{}}`", shorten(shown)))
        }
        None => finding,
    }
}

/// A string is not quoted: it may be long, or a key.
fn named(token: Token, text: &str) -> String {
    if matches!(token.kind, TokenKind::String(_)) {
        return "this string".to_owned();
    }
    format!("`{}`", shorten(token.text(text)))
}

fn shorten(text: &str) -> String {
    let line = text.lines().next().unwrap_or("");
    if line.chars().count() > 40 { line.chars().take(40).chain(['…']).collect() } else { line.to_owned() }
}

/// A word that is reserved where a name is expected.
fn reserved_hint(word: &str, positives: &[Rule]) -> Option<String> {
    const WORDS: &[&str] = &[
        "then", "with", "when", "where", "by", "default", "rule", "let", "reject", "route", "split", "true", "false",
        "first", "cheapest", "fastest", "best", "balanced", "idlest", "rotate", "adaptive",
    ];
    let wants_name = positives.iter().any(|rule| matches!(rule, Rule::name | Rule::ident));
    if wants_name
        && matches!(word, "first" | "cheapest" | "fastest" | "best" | "balanced" | "idlest" | "rotate" | "adaptive")
        && positives.contains(&Rule::kw_of)
    {
        return Some(format!("write `{word} of tag(…)` or `{word} of [a, b]`"));
    }
    (wants_name && WORDS.contains(&word)).then(|| format!("`{word}` is a word of the language; choose another name"))
}

/// Operators that other languages have.
fn foreign(id: SourceId, text: &str, before: Option<Token>, found: Option<Token>) -> Option<Diagnostic> {
    let found = found?;
    let shown = found.text(text);
    // `not x` reads `not` as a name and stumbles over `x`.
    let (token, shown) = match before {
        Some(word) if shown == "=" && word.end == found.start && matches!(word.text(text), "==" | "!=") => {
            (Token { end: found.end, ..word }, if word.text(text) == "==" { "===" } else { "!==" })
        }
        Some(word) if word.text(text) == "not" && found.kind != TokenKind::Other => (word, "not"),
        _ => (found, shown),
    };
    let meant = match shown {
        "and" | "AND" | "&" => "&&",
        "or" | "OR" | "|" => "||",
        "not" | "NOT" => "!",
        "=" | "is" | "eq" | "===" => "==",
        "<>" | "ne" | "!==" => "!=",
        "=>" => "->",
        ":=" => "=",
        "&&" if before.is_none() => return None,
        "?." | ".?" => {
            let span = Span::new(id, token.start, token.end);
            return Some(
                Diagnostic::new(Code::P0210, span, "optional values are not part of this language")
                    .help("write `.`; a variable is always there, \"\" or 0 when the request does not have it"),
            );
        }
        ";" => {
            let span = Span::new(id, token.start, token.end);
            return Some(Diagnostic::new(Code::P0005, span, "statements end without `;`").help("remove it").fix(
                "remove it",
                true,
                vec![Edit { span, text: String::new() }],
            ));
        }
        _ => return None,
    };
    // `=` may also be missing where it belongs, and a word may be a name that happens to say `is`.
    before?;
    let span = Span::new(id, token.start, token.end);
    let shown = text.get(token.start..token.end).unwrap_or(shown);
    let edit = Edit { span, text: meant.to_owned() };
    Some(
        Diagnostic::new(Code::P0005, span, format!("`{shown}` is not an operator of this language"))
            .help(format!("write `{meant}`"))
            .fix(format!("replace it by `{meant}`"), true, vec![edit]),
    )
}

/// What could stand there, in words, each once.
fn expected(positives: &[Rule]) -> String {
    let mut words: Vec<&str> = Vec::new();
    for rule in positives {
        for word in describe(*rule) {
            if !words.contains(word) {
                words.push(word);
            }
        }
    }
    // Where an expression may go on, what follows it says more than the dozen operators.
    if words.contains(&"an operator") && words.len() > 1 {
        words.retain(|word| *word != "an operator");
        words.push("an operator");
    }
    match words.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

fn describe(rule: Rule) -> &'static [&'static str] {
    match rule {
        Rule::EOI => &["the end"],
        Rule::name => &["a name"],
        Rule::ident => &["a name"],
        Rule::selector => &["a field or method"],
        Rule::string => &["a string"],
        Rule::word | Rule::key | Rule::word_key => &["a word"],
        Rule::field | Rule::word_field => &["a field"],
        Rule::value | Rule::plain => &["a value"],
        Rule::body => &["`{`"],
        Rule::open => &["`{`"],
        Rule::close => &["`}`"],
        Rule::open_square | Rule::seq | Rule::names => &["`[`"],
        Rule::close_square => &["`]`"],
        Rule::open_round | Rule::args => &["`(`"],
        Rule::close_round => &["`)`"],
        Rule::colon => &["`:`"],
        Rule::comma => &["`,`"],
        Rule::equals => &["`=`"],
        Rule::arrow => &["`->`"],
        Rule::question => &["an operator"],
        Rule::expr | Rule::binary | Rule::unary | Rule::ident_or_call | Rule::cel_bool | Rule::not | Rule::neg => {
            &["an expression"]
        }
        Rule::attempt | Rule::target | Rule::reject | Rule::call_route | Rule::split | Rule::choice => {
            &["a model", "a pool", "a choice", "`split`", "`route`", "`reject`"]
        }
        Rule::set => &["`tag(…)`", "a list", "a pool"],
        Rule::arm | Rule::percent => &["a percentage"],
        Rule::status => &["a status such as `429`"],
        Rule::outcome => &["a model", "`reject`"],
        Rule::by_rule => &["a rule"],
        Rule::with | Rule::kw_with => &["`with`"],
        Rule::kw_then => &["`then`"],
        Rule::kw_when | Rule::when_clause => &["`when`"],
        Rule::kw_where => &["`where`"],
        Rule::kw_require => &["`require`"],
        Rule::kw_by => &["`by`"],
        Rule::kw_of => &["`of`"],
        Rule::kw_on => &["`on`"],
        Rule::kw_state => &["`state`"],
        Rule::kw_given | Rule::case => &["`given`"],
        Rule::kw_let | Rule::let_stmt => &["`let`"],
        Rule::kw_rule | Rule::rule_stmt => &["`rule`"],
        Rule::kw_default | Rule::default_rule => &["`default`"],
        Rule::or
        | Rule::and
        | Rule::le
        | Rule::ge
        | Rule::eq
        | Rule::ne
        | Rule::lt
        | Rule::gt
        | Rule::in_
        | Rule::add
        | Rule::sub
        | Rule::mul
        | Rule::div
        | Rule::rem
        | Rule::select
        | Rule::index => &["an operator"],
        Rule::provider | Rule::model | Rule::pool | Rule::tenant | Rule::route | Rule::test => &["a declaration"],
        _ => &[],
    }
}
