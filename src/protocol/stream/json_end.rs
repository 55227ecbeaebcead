//! Whether a JSON object that comes in pieces is whole.

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
                return;
            }
            match byte {
                b'\\' => self.after_backslash = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return;
        }
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

    /// Whether the object is whole.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole && !self.lost
    }

    /// Whether what came so far ends inside a string.
    pub(crate) fn in_string(&self) -> bool {
        self.in_string && !self.lost
    }

    /// What has to be added to close it, as it stands inside a JSON string; empty when it is whole,
    /// was never begun, or closing it cannot help.
    pub(crate) fn missing(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.lost || self.depth == 0 || self.after_backslash {
            return out;
        }
        if self.in_string {
            out.extend_from_slice(b"\\\"");
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
        check(&[r#"{\"a\":\"\\"#], false, "");
        check(&["}"], false, "");
    }
}
