//! P0702: a text that looks like a key.

use crate::diag::{Code, Diagnostic, Sources, Span};
use crate::dsl::lex::{Lexer, TokenKind};

/// Prefixes of the keys of well-known services.
const PREFIXES: &[&str] = &[
    "sk-",
    "sk_live_",
    "AIza",
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "hf_",
    "gsk_",
    "xai-",
    "Bearer ",
    "eyJhbGciOi",
    "-----BEGIN",
];
/// Shorter texts with such a prefix are words, not keys.
const LEAST_LENGTH: usize = 16;
/// A random text of letters and digits is a key from this length on.
const LEAST_RANDOM: usize = 32;

/// Warns of every string that looks like a secret. It is a guess, so it stays a warning.
pub(super) fn check(sources: &Sources, findings: &mut Vec<Diagnostic>) {
    for (id, source) in sources.iter() {
        for token in Lexer::new(&source.text, 0) {
            let TokenKind::String(_) = token.kind else { continue };
            let inner = token.text(&source.text).trim_matches(['"', '\'', 'r', 'R']);
            if looks_secret(inner) {
                let span = Span::new(id, token.start, token.end);
                findings.push(
                    Diagnostic::new(Code::P0702, span, "this looks like a secret")
                        .help("put it into the environment and write `env(\"NAME\")`; a key that was in a file is no longer secret"),
                );
            }
        }
    }
}

fn looks_secret(text: &str) -> bool {
    if text.len() >= LEAST_LENGTH && PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
        return true;
    }
    let plain =
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-'));
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let upper = text.bytes().filter(u8::is_ascii_uppercase).count();
    let lower = text.bytes().filter(u8::is_ascii_lowercase).count();
    // Words have few digits, and rarely capitals among them.
    plain && text.len() >= LEAST_RANDOM && digits >= 4 && lower >= 4 && (upper >= 4 || digits >= text.len() / 4)
}
