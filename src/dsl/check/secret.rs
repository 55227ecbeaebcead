//! P0702: a text that looks like a key.

use crate::diag::secret::looks_secret;
use crate::diag::{Code, Diagnostic, Sources, Span};
use crate::dsl::lex::{Lexer, TokenKind};

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
