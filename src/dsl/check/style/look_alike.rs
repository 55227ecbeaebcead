//! P0908: a Latin word with a letter of another script that looks the same.
//!
//! Such a text never equals what a client sends, and no reader sees why. Words wholly in another
//! script are what they seem to be, and are left alone.

use crate::diag::{Code, Diagnostic, Edit, Sources, Span};
use crate::dsl::lex::{Lexer, TokenKind};

/// Letters of Cyrillic, Greek and Armenian that most fonts draw like these.
const LIKE: &[(char, &str)] = &[
    ('a', "аα"),
    ('c', "сϲ"),
    ('d', "ԁ"),
    ('e', "е"),
    ('h', "һհ"),
    ('i', "іι"),
    ('j', "јϳ"),
    ('k', "к"),
    ('n', "ո"),
    ('o', "оοօ"),
    ('p', "рρ"),
    ('q', "ԛ"),
    ('s', "ѕ"),
    ('u', "ս"),
    ('v', "ѵν"),
    ('w', "ԝ"),
    ('x', "х"),
    ('y', "уγ"),
    ('A', "АΑ"),
    ('B', "ВΒ"),
    ('C', "СϹ"),
    ('E', "ЕΕ"),
    ('H', "НΗ"),
    ('I', "ІΙ"),
    ('J', "Ј"),
    ('K', "КΚ"),
    ('M', "МΜ"),
    ('N', "Ν"),
    ('O', "ОΟՕ"),
    ('P', "РΡ"),
    ('S', "Ѕ"),
    ('T', "ТΤ"),
    ('X', "ХΧ"),
    ('Y', "ҮΥ"),
    ('Z', "Ζ"),
];
/// Full-width letters and digits stand this far behind the usual ones.
const FULL_WIDTH: u32 = 0xFEE0;

/// Reports each string that has such a word, once.
pub(super) fn check(sources: &Sources, findings: &mut Vec<Diagnostic>) {
    for (id, source) in sources.iter().filter(|(_, source)| !source.text.is_ascii()) {
        for token in Lexer::new(&source.text, 0) {
            let text = token.text(&source.text);
            let is_string = matches!(token.kind, TokenKind::String(true));
            if !is_string || text.is_ascii() {
                continue;
            }
            if let Some((at, word)) = mixed_word(text) {
                let span = Span::new(id, token.start + at, token.start + at + word.len());
                findings.push(report(span, word));
            }
        }
    }
}

fn report(span: Span, word: &str) -> Diagnostic {
    let meant: String = word.chars().map(|letter| latin(letter).unwrap_or(letter)).collect();
    let letter = word.chars().find(|letter| latin(*letter).is_some()).unwrap_or_default();
    let like = latin(letter).unwrap_or_default();
    let message = format!("`{letter}` (U+{:04X}) in `{word}` looks like `{like}` and is not", u32::from(letter));
    Diagnostic::new(Code::P0908, span, message).help(format!("write `{meant}`, in Latin letters")).fix(
        format!("replace it by `{meant}`"),
        false,
        vec![Edit { span, text: meant }],
    )
}

/// The first word that mixes ASCII letters with letters that look like them, and nothing else.
fn mixed_word(text: &str) -> Option<(usize, &str)> {
    let mut start = None;
    for (at, letter) in text.char_indices().chain([(text.len(), ' ')]) {
        match (letter.is_alphanumeric(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                let word = text.get(from..at).unwrap_or("");
                let ascii = word.chars().any(|letter| letter.is_ascii_alphabetic());
                let mixed = word.chars().any(|letter| latin(letter).is_some());
                if ascii && mixed && word.chars().all(|letter| letter.is_ascii() || latin(letter).is_some()) {
                    return Some((from, word));
                }
                start = None;
            }
            _ => {}
        }
    }
    None
}

/// The Latin letter or digit that a letter of another script looks like.
fn latin(letter: char) -> Option<char> {
    if ('！'..='～').contains(&letter) {
        let plain = char::from_u32(u32::from(letter).saturating_sub(FULL_WIDTH));
        return plain.filter(char::is_ascii_alphanumeric);
    }
    LIKE.iter().find(|(_, others)| others.contains(letter)).map(|(latin, _)| *latin)
}

#[cfg(test)]
mod tests {
    use super::mixed_word;

    #[test]
    fn only_mixed_words_are_found() {
        let check = |text: &str, expect: Option<&str>| assert_eq!(mixed_word(text).map(|(_, word)| word), expect);
        check("claude", None);
        check("сlaude-haiku", Some("сlaude"));
        check("write сode here", Some("сode"));
        check("ｇpt", Some("ｇpt"));
        check("代码code", None);
        check("привет", None);
        check("наверх", None);
        check("Straße naïve kırmızı", None);
        check("кофе or tea", None);
        check("λx", None);
    }
}
