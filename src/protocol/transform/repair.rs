//! The JSON object that a model meant when it wrote a tool's input.

use std::borrow::Cow;

use super::super::json::{Text, push_escaped, push_string, sound};
use super::super::stream::json_end::JsonEnd;

/// Deepest nesting that is mended: it recurses.
const MAX_MENDED_DEPTH: usize = 64;

/// The object in what a model wrote, by what is always done: nothing is `{}`, an object inside a string
/// is taken out, missing brackets are added.
pub(crate) fn object_in(written: &str) -> Option<Cow<'_, str>> {
    let written = written.trim();
    if written.is_empty() || written == "null" {
        return Some(Cow::Borrowed("{}"));
    }
    if is_object(written) {
        return Some(Cow::Borrowed(written));
    }
    if let Ok(inner) = serde_json::from_str::<String>(written) {
        let inner = inner.trim();
        return is_object(inner).then(|| Cow::Owned(inner.to_owned()));
    }
    let mut escaped = Vec::new();
    push_string(&mut escaped, written);
    let mut end = JsonEnd::default();
    end.push(escaped.get(1..escaped.len().saturating_sub(1)).unwrap_or_default());
    let missing = end.missing();
    let closed = format!("{written}{}", Text::from_escaped(&missing).decode());
    (!missing.is_empty() && is_object(&closed)).then_some(Cow::Owned(closed))
}

/// The object in what a model wrote, by all that `tool_repair` knows besides: text around the object,
/// single quotes, bare words, missing and trailing commas, Python's words, comments.
pub(crate) fn mended(written: &str) -> Option<Cow<'_, str>> {
    object_in(written).or_else(|| {
        let start = written.find('{')?;
        let mut mender = Mender { text: written.get(start..)?.chars().peekable(), out: String::new() };
        mender.object(0)?;
        is_object(&mender.out).then_some(Cow::Owned(mender.out))
    })
}

/// Appends what is kept of an input that nothing can be made of, so that it is seen and not lost.
/// `escaped` is what the model wrote, as it stands inside a string.
pub(crate) fn push_invalid(out: &mut Vec<u8>, escaped: &[u8]) {
    out.extend_from_slice(b"{\"_invalid_arguments\":\"");
    out.extend_from_slice(escaped);
    out.extend_from_slice(b"\"}");
}

/// Whether a text is one JSON object.
pub(crate) fn is_object(text: &str) -> bool {
    text.starts_with('{') && sound(text.as_bytes()).is_ok_and(|mended| mended.is_none())
}

/// Reads what is nearly JSON and writes JSON. What stands behind the object is left.
struct Mender<'t> {
    text: std::iter::Peekable<std::str::Chars<'t>>,
    out: String,
}

impl Mender<'_> {
    fn skip_space(&mut self) {
        loop {
            while self.text.next_if(|character| character.is_whitespace()).is_some() {}
            if self.text.peek() != Some(&'/') {
                return;
            }
            let mut ahead = self.text.clone();
            ahead.next();
            match ahead.next() {
                Some('/') => while self.text.next_if(|character| *character != '\n').is_some() {},
                Some('*') => {
                    let mut last = ' ';
                    for character in ahead.by_ref() {
                        if (last, character) == ('*', '/') {
                            break;
                        }
                        last = character;
                    }
                    self.text = ahead;
                }
                _ => return,
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.text.next();
        self.out.push('{');
        let mut first = true;
        loop {
            self.skip_space();
            match self.text.peek() {
                // Whatever is missing at the end is added; a fence is an end.
                None | Some('`') => break,
                Some('}') => {
                    self.text.next();
                    break;
                }
                Some(',') => {
                    self.text.next();
                    continue;
                }
                // A bracket of the other kind ends the object too; it may belong to a list around it.
                Some(']') => break,
                Some(_) => {}
            }
            if !std::mem::replace(&mut first, false) {
                self.out.push(',');
            }
            self.key()?;
            self.skip_space();
            self.text.next_if(|character| matches!(character, ':' | '='))?;
            self.out.push(':');
            self.value(depth)?;
        }
        self.out.push('}');
        Some(())
    }

    fn list(&mut self, depth: usize) -> Option<()> {
        self.text.next();
        self.out.push('[');
        let mut first = true;
        loop {
            self.skip_space();
            match self.text.peek() {
                None | Some('`') => break,
                Some(']') => {
                    self.text.next();
                    break;
                }
                Some(',') => {
                    self.text.next();
                    continue;
                }
                Some('}') => break,
                Some(_) => {}
            }
            if !std::mem::replace(&mut first, false) {
                self.out.push(',');
            }
            self.value(depth)?;
        }
        self.out.push(']');
        Some(())
    }

    fn key(&mut self) -> Option<()> {
        if let Some(close) = self.quote() {
            self.string(close);
            return Some(());
        }
        let mut key = String::new();
        while let Some(character) =
            self.text.next_if(|character| character.is_alphanumeric() || matches!(character, '_' | '-' | '$' | '.'))
        {
            key.push(character);
        }
        self.push(&key);
        (!key.is_empty()).then_some(())
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        if depth >= MAX_MENDED_DEPTH {
            return None;
        }
        self.skip_space();
        match self.text.peek()? {
            '{' => self.object(depth + 1),
            '[' => self.list(depth + 1),
            _ => {
                match self.quote() {
                    Some(close) => self.string(close),
                    None => self.word()?,
                }
                Some(())
            }
        }
    }

    /// The quote that closes the string that begins here.
    fn quote(&self) -> Option<char> {
        match self.text.clone().next()? {
            quote @ ('"' | '\'') => Some(quote),
            '\u{201c}' => Some('\u{201d}'),
            '\u{2018}' => Some('\u{2019}'),
            _ => None,
        }
    }

    fn string(&mut self, close: char) {
        self.text.next();
        let mut text = String::new();
        while let Some(character) = self.text.next() {
            if character == close {
                break;
            }
            if character != '\\' {
                text.push(character);
                continue;
            }
            match self.text.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('r') => text.push('\r'),
                Some('b') => text.push('\u{8}'),
                Some('f') => text.push('\u{c}'),
                Some('u') => self.unicode(&mut text),
                Some(known @ ('"' | '\'' | '\\' | '/' | '`')) => text.push(known),
                // A backslash that escapes nothing is one: patterns and paths are full of them.
                Some(other) => text.extend(['\\', other]),
                None => {}
            }
        }
        self.push(&text);
    }

    /// `\uXXXX`, with its other half where it has one.
    fn unicode(&mut self, text: &mut String) {
        let first = self.digits();
        let mut units = vec![first];
        if matches!(first, 0xd800..=0xdbff) {
            let mut ahead = self.text.clone();
            if (ahead.next(), ahead.next()) == (Some('\\'), Some('u')) {
                self.text = ahead;
                units.push(self.digits());
            }
        }
        text.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
    }

    fn digits(&mut self) -> u16 {
        let mut code = 0;
        for _ in 0..4 {
            let Some(digit) = self.text.next_if(char::is_ascii_hexdigit).and_then(|digit| digit.to_digit(16)) else {
                break;
            };
            code = code << 4 | u16::try_from(digit).unwrap_or(0);
        }
        code
    }

    /// A number, a constant, or a text that was not quoted.
    fn word(&mut self) -> Option<()> {
        let ends = |character: &char| matches!(character, ',' | '}' | ']' | '\n');
        let mut ahead = self.text.clone();
        let mut word = String::new();
        while let Some(character) = ahead.next_if(|character| !ends(character) && !character.is_whitespace()) {
            word.push(character);
        }
        let constant = match word.as_str() {
            "True" | "TRUE" => Some("true"),
            "False" | "FALSE" => Some("false"),
            "None" | "undefined" | "NaN" | "nil" => Some("null"),
            word => serde_json::from_str::<serde::de::IgnoredAny>(word).is_ok().then_some(word),
        };
        if let Some(constant) = constant {
            self.out.push_str(constant);
            self.text = ahead;
            return Some(());
        }
        word.clear();
        while let Some(character) = self.text.next_if(|character| !ends(character)) {
            word.push(character);
        }
        self.push(word.trim());
        (!word.trim().is_empty()).then_some(())
    }

    fn push(&mut self, text: &str) {
        let mut escaped = Vec::with_capacity(text.len() + 2);
        push_escaped(&mut escaped, text.as_bytes());
        self.out.push('"');
        self.out.push_str(&String::from_utf8_lossy(&escaped));
        self.out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, expected: &str) {
        assert_eq!(mended(written).as_deref(), Some(expected), "{written}");
    }

    #[test]
    fn what_is_nearly_json_is_mended() {
        check(r#"{"a":1}"#, r#"{"a":1}"#);
        check(r#"{"a":1,}"#, r#"{"a":1}"#);
        check(r#"{"a":[1,2,],}"#, r#"{"a":[1,2]}"#);
        check("{'a': 'it\\'s \"so\"'}", r#"{"a":"it's \"so\""}"#);
        check("{a: 1, b-c: two words, d: True, e: None}", r#"{"a":1,"b-c":"two words","d":true,"e":null}"#);
        check(r#"{"a":1 "b":2}"#, r#"{"a":1,"b":2}"#);
        check("{\"a\":\"x\" \"b\":2}", r#"{"a":"x","b":2}"#);
        check(r#"Here it is: ```json {"a":{"b":[1 ```"#, r#"{"a":{"b":[1]}}"#);
        check("call {\"a\": \"x\"} now", r#"{"a":"x"}"#);
        check("{\"a\": \"line\nbreak\\d\"}", r#"{"a":"line\nbreak\\d"}"#);
        check("{\u{201c}a\u{201d}: \u{201c}b\u{201d}}", r#"{"a":"b"}"#);
        check("{\"a\": 1 // why\n, /* b */ \"c\": 2}", r#"{"a":1,"c":2}"#);
        check(r"{'a': '\u00e9\ud83d\ude00'}", "{\"a\":\"\u{e9}\u{1f600}\"}");
        check(r#"{"a":{"b":1}"#, r#"{"a":{"b":1}}"#);
        check(r#"{"a":[{"b":1]}"#, r#"{"a":[{"b":1}]}"#);
    }

    #[test]
    fn what_is_hopeless_is_left() {
        for hopeless in ["rm -rf", "[1]", "{", r#"{"a"}"#, r#"{"a":}"#, "{:}", &"{a:[".repeat(100)] {
            assert!(mended(hopeless).is_none() || hopeless == "{", "{hopeless}");
        }
        assert_eq!(object_in("{'a':1}"), None);
    }
}
