//! Whether a JSON object that comes in pieces is whole.

/// Where in the JSON text a piece ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// nothing is owed: a bracket was opened, or nothing came yet
    #[default]
    Start,
    Comma,
    Colon,
    Key,
    Value,
    /// in a number or in `true`, `false` or `null`
    Word,
}

/// Follows a tool's input, which comes as pieces of JSON text inside JSON strings.
#[derive(Clone, Debug, Default)]
pub(crate) struct JsonEnd {
    /// open brackets, one bit a level: 1 for an object
    kinds: u128,
    depth: u32,
    in_string: bool,
    after_backslash: bool,
    whole: bool,
    /// nested beyond what is followed, or not JSON: nothing can be said
    lost: bool,
    place: Place,
    /// the string is a member's name
    in_key: bool,
    /// digits that `\\u` still waits for
    digits: u8,
    /// the first bytes of the word, how many it has, and its last one
    word: [u8; 5],
    word_bytes: usize,
    last: u8,
}

impl JsonEnd {
    /// Takes the next piece, as it stands inside a JSON string.
    pub(crate) fn push(&mut self, escaped: &[u8]) {
        let mut bytes = escaped.iter();
        while let Some(byte) = bytes.next() {
            let plain = match byte {
                b'\\' => match bytes.next() {
                    Some(byte @ (b'"' | b'\\')) => *byte,
                    // A letter or white space of the inner text: neither quote nor bracket.
                    _ => b' ',
                },
                byte => *byte,
            };
            self.step(plain);
        }
    }

    fn step(&mut self, byte: u8) {
        if self.in_string {
            if std::mem::replace(&mut self.after_backslash, false) {
                self.digits = if byte == b'u' { 4 } else { 0 };
                return;
            }
            self.digits = self.digits.saturating_sub(1);
            match byte {
                b'\\' => self.after_backslash = true,
                b'"' => {
                    self.in_string = false;
                    self.place = if self.in_key { Place::Key } else { Place::Value };
                }
                _ => {}
            }
            return;
        }
        self.move_on(byte);
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => {
                self.lost |= self.depth >= 128;
                self.depth += 1;
                self.kinds = self.kinds << 1 | u128::from(byte == b'{');
            }
            b'}' | b']' => {
                self.lost |= self.depth == 0;
                self.depth = self.depth.saturating_sub(1);
                self.kinds >>= 1;
                self.whole = self.depth == 0;
            }
            _ => {}
        }
    }

    /// Where the text is behind this byte, which stands outside of strings.
    fn move_on(&mut self, byte: u8) {
        let open = matches!(self.place, Place::Start | Place::Comma);
        self.place = match byte {
            b'"' => {
                self.in_key = open && self.kinds & 1 == 1;
                self.place
            }
            b'{' | b'[' => Place::Start,
            b'}' | b']' => Place::Value,
            b',' => Place::Comma,
            b':' => Place::Colon,
            b' ' | b'\t' | b'\n' | b'\r' if self.place == Place::Word => Place::Value,
            b' ' | b'\t' | b'\n' | b'\r' => self.place,
            _ => {
                if self.place != Place::Word {
                    self.word_bytes = 0;
                }
                if let Some(slot) = self.word.get_mut(self.word_bytes) {
                    *slot = byte;
                }
                self.word_bytes = self.word_bytes.saturating_add(1);
                self.last = byte;
                Place::Word
            }
        };
    }

    /// What a value or a name that was cut lacks.
    fn rest(&self) -> &'static [u8] {
        let in_object = self.kinds & 1 == 1;
        match self.place {
            Place::Comma if in_object => b"\\\"\\\":null",
            Place::Comma | Place::Colon => b"null",
            Place::Key => b":null",
            Place::Word => {
                let word = self.word.get(..self.word_bytes).unwrap_or(&self.word);
                let words: [&[u8]; 3] = [b"true", b"false", b"null"];
                let cut = words.into_iter().find_map(|whole| whole.strip_prefix(word));
                match cut {
                    Some(rest) => rest,
                    None if matches!(self.last, b'-' | b'+' | b'.' | b'e' | b'E') => b"0",
                    None => b"",
                }
            }
            Place::Start | Place::Value => b"",
        }
    }

    /// Whether the object is whole.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole && !self.lost
    }

    /// Whether what came so far ends inside a string.
    pub(crate) fn in_string(&self) -> bool {
        self.in_string && !self.lost
    }

    /// What has to be added to close it, as it stands inside a JSON string; empty when it is whole,
    /// was never begun, or closing it cannot help. What was cut before its value gets `null`: pieces that are
    /// out already cannot be taken back, and what stands there has to be JSON.
    pub(crate) fn missing(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.lost || self.depth == 0 {
            return out;
        }
        if self.in_string {
            if self.after_backslash {
                out.extend_from_slice(b"\\\\");
            }
            out.extend(std::iter::repeat_n(b'0', self.digits.into()));
            out.extend_from_slice(if self.in_key { b"\\\":null" } else { b"\\\"" });
        } else {
            out.extend_from_slice(self.rest());
        }
        let mut kinds = self.kinds;
        for _ in 0..self.depth {
            out.push(if kinds & 1 == 1 { b'}' } else { b']' });
            kinds >>= 1;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pieces: &[&str], whole: bool, missing: &str) {
        let mut end = JsonEnd::default();
        for piece in pieces {
            end.push(piece.as_bytes());
        }
        assert_eq!((end.is_whole(), String::from_utf8(end.missing()).unwrap()), (whole, missing.to_owned()));
    }

    #[test]
    fn an_object_in_pieces_is_followed() {
        check(&[], false, "");
        check(&["{"], false, "}");
        check(&["{", "}"], true, "");
        check(&[r#"{\"a\":[\"}"#], false, r#"\"]}"#);
        check(&[r#"{\"a\":\"x\\\""#, r#"}\"}"#], true, "");
        check(&[r#"{\"a\":\"\\"#], false, r#"\\\"}"#);
        check(&["}"], false, "");
    }

    #[test]
    fn what_is_cut_anywhere_is_closed_as_json() {
        let whole = r#"{ "a" : [ 1 , -2.5e+3 , true,false , null , [ ] , { } ] , "b\\\u00e9\"" : "x\u00e9\n\"\\" , "c":{"d":[{"e":"f"},2]} } "#;
        for cut in 1..whole.len() {
            let cut = whole.get(..cut).unwrap();
            let mut escaped = Vec::new();
            super::super::super::json::push_escaped(&mut escaped, cut.as_bytes());
            let mut end = JsonEnd::default();
            end.push(&escaped);
            let missing = end.missing();
            let closed = format!("{cut}{}", super::super::super::json::Text::from_escaped(&missing).decode());
            assert!(serde_json::from_str::<serde_json::Value>(&closed).is_ok(), "{closed}");
        }
        check(&[r#"{\"a\":"#], false, "null}");
        check(&[r#"{\"a\":1,"#], false, r#"\"\":null}"#);
        check(&[r#"{\"a"#], false, r#"\":null}"#);
        check(&[r#"{\"a\":[1,"#], false, "null]}");
        check(&[r#"{\"a\":t"#, "r"], false, "ue}");
    }
}
