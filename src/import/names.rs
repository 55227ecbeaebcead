//! Names of the policy language out of names of other programs: kebab-case, legal, each once.

use rustc_hash::FxHashSet;

/// Words that a name cannot be.
const RESERVED: &[&str] = &[
    "then", "with", "when", "where", "by", "default", "rule", "let", "reject", "route", "split", "true", "false",
    "first", "cheapest", "fastest", "best", "balanced", "idlest", "rotate", "adaptive", "null", "in", "of", "to", "on",
];
/// Longest name, in letters: longer ones make unreadable rules.
const LONGEST: usize = 48;

/// Names that are taken in one namespace.
#[derive(Debug, Default)]
pub(super) struct Names(FxHashSet<String>);

impl Names {
    /// The name that is nearest to a text and not taken; `else_with` sets it apart before a number does.
    pub(super) fn take(&mut self, text: &str, fallback: &str, else_with: &str) -> String {
        let plain = kebab(text, fallback);
        let further = kebab(&format!("{plain}-{else_with}"), fallback);
        let numbered = (2..).map(|number| format!("{plain}-{number}"));
        let found = [plain.clone(), further].into_iter().chain(numbered).find(|name| !self.0.contains(name));
        let name = found.unwrap_or(plain);
        self.0.insert(name.clone());
        name
    }
}

/// A legal name near to a text.
pub(super) fn kebab(text: &str, fallback: &str) -> String {
    let mut name = String::new();
    for letter in text.chars().take(200) {
        if name.len() >= LONGEST {
            break;
        }
        if letter.is_ascii_alphanumeric() {
            name.push(letter.to_ascii_lowercase());
        } else if letter == '.' && name.ends_with(|last: char| last.is_ascii_digit()) {
            name.push('.');
        } else if !name.is_empty() && !name.ends_with(['-', '.']) {
            name.push('-');
        }
    }
    // A dot stands between digits only: `gpt-4.1`, not `file.txt`.
    let mut legal = String::with_capacity(name.len());
    let mut letters = name.trim_matches(['-', '.']).chars().peekable();
    while let Some(letter) = letters.next() {
        let digit_follows = letters.peek().is_some_and(char::is_ascii_digit);
        legal.push(if letter == '.' && !digit_follows { '-' } else { letter });
    }
    if legal.is_empty() {
        return fallback.to_owned();
    }
    if legal.starts_with(|first: char| first.is_ascii_digit()) || RESERVED.contains(&legal.as_str()) {
        return format!("{fallback}-{legal}");
    }
    legal
}

/// The name of a variable that holds the key of something.
pub(super) fn key_variable(text: &str) -> String {
    let upper = kebab(text, "provider").replace(['-', '.'], "_").to_ascii_uppercase();
    if upper.ends_with("_KEY") { upper } else { format!("{upper}_API_KEY") }
}

/// Whether a text can be the name of an environment variable.
pub(super) fn is_variable(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !text.starts_with(|first: char| first.is_ascii_digit())
}

/// A text as a literal of the policy language.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if letter.is_control() || is_invisible(letter) => {
                out.push_str(&format!("\\U{:08x}", u32::from(letter)));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// Characters that change the direction of text, or show as nothing.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A text inside a comment: one line, without what could be read as an order to the checker.
pub(super) fn remark(text: &str) -> String {
    let clean: String = text
        .chars()
        .take(160)
        .map(|letter| if letter.is_control() || is_invisible(letter) { ' ' } else { letter })
        .collect();
    clean.replace("ccr:", "ccr ")
}

#[cfg(test)]
mod tests {
    use super::{Names, is_variable, kebab, key_variable, quoted};

    #[test]
    fn names_become_kebab() {
        let check = |text: &str, expect: &str| assert_eq!(kebab(text, "model"), expect, "{text}");
        check("Claude Sonnet_4", "claude-sonnet-4");
        check("gpt-4.1-mini", "gpt-4.1-mini");
        check("qwen2.5-coder:14b", "qwen2.5-coder-14b");
        check("v1.x", "v1-x");
        check("a..b", "a-b");
        check("o3.", "o3");
        check("4o", "model-4o");
        check("split", "model-split");
        check("豆包", "model");
        check("--", "model");
        check(&"x".repeat(300), &"x".repeat(48));
    }

    #[test]
    fn names_are_unique() {
        let mut names = Names::default();
        assert_eq!(names.take("A", "m", "east"), "a");
        assert_eq!(names.take("a", "m", "east"), "a-east");
        assert_eq!(names.take("a", "m", "east"), "a-2");
    }

    #[test]
    fn variables_and_literals() {
        assert_eq!(key_variable("open-router"), "OPEN_ROUTER_API_KEY");
        assert_eq!(key_variable("my key"), "MY_KEY");
        assert!(is_variable("A_1") && !is_variable("1A") && !is_variable("") && !is_variable("A-B"));
        assert_eq!(quoted("a\"b\\c\n\u{202e}"), "\"a\\\"b\\\\c\\n\\U0000202e\"");
    }
}
