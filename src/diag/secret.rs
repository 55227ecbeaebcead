//! Secrets in texts: what looks like a key, where keys stand, and the stars shown in their place.
//!
//! The text may be broken (that is when excerpts are shown), so this looks at characters, not at
//! the language. It would rather hide a word too much than show a key.

use std::ops::Range;

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
/// Parts of names whose value is a key, such as `x-api-key: "…"`.
const SECRET_PARTS: &[&str] = &["auth", "key", "token", "secret", "cookie", "password", "credential"];
/// Words that say the same, and are parts of too many other words.
const SECRET_WORDS: &[&str] = &["tok", "pwd", "pass", "passwd", "passphrase"];
/// A part of a name of a model or a file that mixes letters and digits is not longer: `qwen3`, `480B`.
const MOST_MIXED: usize = 12;
/// A shorter bare word behind `key:` is a slip (`key: env`), not a key.
const LEAST_BARE: usize = 8;

/// Whether a text looks like a key. A guess.
#[must_use]
pub fn looks_secret(text: &str) -> bool {
    if text.len() >= LEAST_LENGTH && PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
        return true;
    }
    let plain =
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-'));
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let upper = text.bytes().filter(u8::is_ascii_uppercase).count();
    let lower = text.bytes().filter(u8::is_ascii_lowercase).count();
    // Words have few digits, and rarely capitals among them.
    plain
        && !is_made_of_words(text)
        && text.len() >= LEAST_RANDOM
        && digits >= 4
        && lower >= 4
        && (upper >= 4 || digits >= text.len() / 4)
}

/// Whether a name, such as that of a header or of a field, says that its value is a secret. It would
/// rather hide too much: `max_tokens` is such a name, and its numbers are for the caller to know.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_PARTS.iter().any(|part| name.contains(part))
        || name.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| SECRET_WORDS.contains(&word))
}

/// `Qwen/Qwen3-Coder-480B-A35B-Instruct`: words between signs, and nothing long that is no word.
fn is_made_of_words(text: &str) -> bool {
    let is_word = |part: &str| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_uppercase());
        (part.len() - rest.len() <= 1 || rest.is_empty()) && rest.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    let mut parts = text.split(['-', '_', '/', '+', '=']);
    let words = parts.clone().filter(|part| part.len() >= 4 && is_word(part)).count();
    words >= 2 && parts.all(|part| part.len() <= MOST_MIXED || is_word(part))
}

/// The places of a text that must not be shown, in order, without their quotes; they do not
/// overlap.
pub(super) fn places(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = find(text, at, is_run) {
        let end = find(text, start, |c| !is_run(c)).unwrap_or(text.len());
        at = end;
        let run = text.get(start..end).unwrap_or("");
        if looks_secret(run) {
            found.push(start..end);
        } else if matches!(run, "Bearer" | "Basic") && text.as_bytes().get(end) == Some(&b' ') {
            let token = text.get(end + 1..).unwrap_or("");
            let length = token.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).unwrap_or(token.len());
            found.push(end + 1..end + 1 + length);
        } else if run.starts_with("-----BEGIN") {
            found.push(start..find(text, start, |c| matches!(c, '"' | '\'')).unwrap_or(text.len()));
        } else if is_secret_name(run.rsplit('.').next().unwrap_or(run)) {
            found.extend(Values { text, at: end }.all());
        } else if text.get(end..).is_some_and(|rest| rest.starts_with("://")) {
            let host = text.get(end + 3..).unwrap_or("");
            let length = host.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '/')).unwrap_or(host.len());
            if let Some(user) = host.get(..length).and_then(|host| host.rfind('@')) {
                found.push(end + 3..end + 3 + user);
            }
        }
    }
    merge(found)
}

/// Sorts places and joins those that overlap.
pub(super) fn merge(mut places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    places.retain(|place| !place.is_empty());
    places.sort_by_key(|place| (place.start, place.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(places.len());
    for place in places {
        match merged.last_mut() {
            Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
            _ => merged.push(place),
        }
    }
    merged
}

/// The text with stars in these places (which are in order); every byte keeps its offset.
pub(super) fn stars(text: &str, places: &[Range<usize>]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for place in places {
        out.push_str(text.get(copied..place.start).unwrap_or(""));
        for found in text.get(place.clone()).unwrap_or("").chars() {
            match found {
                '\n' | '\r' => out.push(found),
                _ => out.extend(std::iter::repeat_n('*', found.len_utf8())),
            }
        }
        copied = place.end;
    }
    out.push_str(text.get(copied..).unwrap_or(""));
    out
}

fn is_run(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

fn find(text: &str, from: usize, wanted: impl Fn(char) -> bool) -> Option<usize> {
    text.get(from..)?.find(wanted).map(|offset| from + offset)
}

/// Reads the value behind a word such as `key`.
struct Values<'a> {
    text: &'a str,
    at: usize,
}

impl Values<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at..).and_then(|rest| rest.chars().next())
    }

    fn skip(&mut self, wanted: impl Fn(char) -> bool) {
        self.at = find(self.text, self.at, |c| !wanted(c)).unwrap_or(self.text.len());
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    /// The literals of the value: one, or those directly in a list.
    fn all(mut self) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let quoted = self.take('"') || self.take('\'');
        self.skip(char::is_whitespace);
        let colon = self.take(':') || self.take('：') || self.take('=');
        self.skip(char::is_whitespace);
        if !colon && (quoted || !self.peek().is_some_and(is_quote)) {
            return found;
        }
        if !self.take('[') {
            found.extend(self.literal());
            return found;
        }
        loop {
            self.skip(|c| c.is_whitespace() || matches!(c, ',' | '，'));
            match self.peek() {
                None | Some(']' | '}') => return found,
                // Its own `key:` is found by itself.
                Some('{') => self.at = self.behind_group(),
                Some(_) => found.extend(self.literal()),
            }
        }
    }

    /// Behind the `}` that closes the `{` here.
    fn behind_group(&self) -> usize {
        let mut depth = 0_usize;
        for (offset, found) in self.text.get(self.at..).unwrap_or("").char_indices() {
            match found {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return self.at + offset + 1;
            }
        }
        self.text.len()
    }

    /// A string or a bare word; moves behind it, at least by a character.
    fn literal(&mut self) -> Option<Range<usize>> {
        let prefixed = self.text.get(self.at..).is_some_and(|rest| {
            rest.starts_with(['r', 'R', 'b', 'B']) && rest.get(1..).is_some_and(|rest| rest.starts_with(['"', '\'']))
        });
        if prefixed {
            self.at += 1;
        }
        let first = self.peek()?;
        if is_quote(first) {
            return Some(self.string(first));
        }
        let start = self.at;
        self.skip(|c| !c.is_whitespace() && !matches!(c, ',' | '}' | ']' | '(' | '{' | '[' | '"' | '\''));
        let end = self.at;
        if self.peek() == Some('(') {
            // `env("NAME")` names a variable; what any other call holds is not known.
            let named = matches!(self.text.get(start..end), Some("env" | "command"));
            let close = find(self.text, end, |c| matches!(c, ')' | '\n')).unwrap_or(self.text.len());
            self.at = close;
            self.take(')');
            return (!named).then_some(end + 1..close);
        }
        if self.at == start {
            self.at += first.len_utf8();
        }
        let bare = self.text.get(start..end).unwrap_or("");
        let variable = bare
            .trim_start_matches('$')
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'{'));
        (bare.len() >= LEAST_BARE && !variable).then_some(start..end)
    }

    fn string(&mut self, quote: char) -> Range<usize> {
        let close = if quote == '“' { '”' } else { quote };
        let triple: String = [quote; 3].iter().collect();
        if self.text.get(self.at..).is_some_and(|rest| rest.starts_with(&triple)) {
            let start = self.at + triple.len();
            let end = self.text.get(start..).and_then(|rest| rest.find(&triple));
            let end = end.map_or(self.text.len(), |offset| start + offset);
            self.at = (end + triple.len()).min(self.text.len());
            return start..end;
        }
        let start = self.at + quote.len_utf8();
        let mut escaped = false;
        for (offset, found) in self.text.get(start..).unwrap_or("").char_indices() {
            if found == '\n' || found == close && !escaped {
                self.at = start + offset + if found == '\n' { 0 } else { found.len_utf8() };
                return start..start + offset;
            }
            escaped = found == '\\' && !escaped;
        }
        self.at = self.text.len();
        start..self.text.len()
    }
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '“')
}

#[cfg(test)]
mod tests {
    use super::{is_secret_name, looks_secret, places, stars};

    #[test]
    fn keys_become_stars() {
        let check = |text: &str, expect: &str| {
            let shown = stars(text, &places(text));
            assert_eq!(shown, expect);
            assert_eq!(shown.len(), text.len());
        };
        check("key: \"hush\" }", "key: \"****\" }");
        check("key: 'a\\'b' region: \"x\"", "key: '****' region: \"x\"");
        check("key: “hush”", "key: “****”");
        check("key：\"hush", "key：\"****");
        check("key \"hush\"", "key \"****\"");
        check("key: r\"a\" base: \"b\"", "key: r\"*\" base: \"b\"");
        check("key: \"\"\"a\nb\"\"\" base: \"b\"", "key: \"\"\"*\n*\"\"\" base: \"b\"");
        check("key: \"密\"", "key: \"***\"");
        check("key: hush-hush-hush,", "key: **************,");
        check("key: secret(\"hush\")", "key: secret(******)");
        check("key: env(\"ARK_API_KEY\")", "key: env(\"ARK_API_KEY\")");
        check("key: $ACME_KEY", "key: $ACME_KEY");
        check("key: env", "key: env");
        check(
            "keys: [\"one\", env(\"TWO\"),\n \"three\"] tier: \"gold\"",
            "keys: [\"***\", env(\"TWO\"),\n \"*****\"] tier: \"gold\"",
        );
        check("keys: [{ key: \"one\", tags: [\"a\"] }, \"two\"]", "keys: [{ key: \"***\", tags: [\"a\"] }, \"***\"]");
        check("\"x-api-key\": \"hush\"", "\"x-api-key\": \"****\"");
        check("authorization: \"Bearer abc\"", "authorization: \"**********\"");
        check("reply: \"Bearer abc\"", "reply: \"Bearer ***\"");
        check("base: \"https://me:pass@host/v1\"", "base: \"https://*******@host/v1\"");
        check("// sk-ant-0123456789abc", "// ********************");
        check("given { text: \"my monkey: a\" }", "given { text: \"my monkey: a\" }");
        check("request.header(\"x-api-key\") == \"a\"", "request.header(\"x-api-key\") == \"a\"");
        check("\"X-Auth-Token\": \"hush\", max_tokens: 4096", "\"X-Auth-Token\": \"****\", max_tokens: 4096");
        check("apiKey: \"hush\"", "apiKey: \"****\"");
        check("key", "key");
        check("keys: [", "keys: [");
    }

    #[test]
    fn words_are_no_keys() {
        let check = |text: &str, expect: bool| assert_eq!(looks_secret(text), expect, "{text}");
        check("sk-ant-0123456789abc", true);
        check("a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6", true);
        check("sk-short", false);
        check("an-ordinary-name-of-some-length-here-2024", false);
        check("Qwen/Qwen3-Coder-480B-A35B-Instruct", false);
        check("meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8", false);
        check("accounts/fireworks/models/qwen3-235b-a22b-instruct-2507", false);
        check("prod-team-a1B2c3D4e5F6g7H8i9J0k1L2m3N4", true);
        check("3f2504e0-4f89-41d3-9a0c-0305e82c3301", true);
    }

    #[test]
    fn names_tell_what_is_secret() {
        let check = |name: &str, expect: bool| assert_eq!(is_secret_name(name), expect, "{name}");
        for name in
            ["X-Tok", "x-auth-token", "Proxy-Authorization", "apiKey", "Set-Cookie", "db_password", "clientSecret"]
        {
            check(name, true);
        }
        for name in ["x-team", "temperature", "top_k", "pass_through", "stock", "openai-organization"] {
            check(name, name == "pass_through");
        }
    }
}
