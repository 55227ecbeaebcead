//! A rough lexer that never fails: words, strings, comments, brackets. It serves what has to look
//! at text that may not parse: the scanner, the splitter and the wording of errors.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// a word, dots and hyphens included
    Word,
    /// something that starts with a digit or `$`
    Number,
    /// a string, quotes included; false: its end is missing
    String(bool),
    /// `// …` up to the line's end
    Comment,
    /// `(`, `[`, `{`
    Open(u8),
    /// `)`, `]`, `}`
    Close(u8),
    /// an operator or any other character
    Other,
}

/// A token and the bytes it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Token {
    /// Its characters.
    pub(crate) fn text<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.start..self.end).unwrap_or("")
    }
}

/// Walks over a text.
#[derive(Clone, Debug)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Operators of two characters, which stay together in messages.
const PAIRS: &[&str] = &["->", "&&", "||", "==", "!=", "<=", ">=", "<>", "=>", ":=", "?.", ".?", "**"];

impl<'a> Lexer<'a> {
    /// Starts at a byte offset, which is a character boundary.
    pub(crate) fn new(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    fn byte(&self, offset: usize) -> Option<u8> {
        self.text.as_bytes().get(offset).copied()
    }

    fn is_word_at(&self, offset: usize) -> bool {
        self.byte(offset).is_some_and(is_word_byte)
    }

    fn word_end(&self, start: usize) -> usize {
        let mut end = start;
        loop {
            match self.byte(end) {
                Some(byte) if is_word_byte(byte) => end += 1,
                Some(b'-' | b'.') if self.is_word_at(end + 1) => end += 1,
                _ => return end,
            }
        }
    }

    fn number_end(&self, start: usize) -> usize {
        let mut end = start + 1;
        loop {
            match self.byte(end) {
                Some(byte) if is_word_byte(byte) || byte == b'%' || byte == b'$' => end += 1,
                Some(b'.' | b'/' | b':' | b'-') if self.is_word_at(end + 1) => end += 1,
                _ => return end,
            }
        }
    }

    /// The length of a string prefix (`r`, `b`, `rb`) when a quote follows it.
    fn string_prefix(&self, start: usize) -> Option<(usize, bool)> {
        let mut raw = false;
        for length in 0..3 {
            match self.byte(start + length)? {
                b'"' | b'\'' => return Some((length, raw)),
                b'r' | b'R' => raw = true,
                b'b' | b'B' => {}
                _ => return None,
            }
        }
        None
    }

    /// The end of a string whose first quote stands at `start`, and whether it has one.
    fn string_end(&self, start: usize, raw: bool) -> (usize, bool) {
        let quote = self.byte(start).unwrap_or(b'"');
        let triple = self.byte(start + 1) == Some(quote) && self.byte(start + 2) == Some(quote);
        let mut end = start + if triple { 3 } else { 1 };
        loop {
            match self.byte(end) {
                None => return (self.text.len(), false),
                Some(b'\n') if !triple => {
                    let cut = if self.byte(end - 1) == Some(b'\r') { end - 1 } else { end };
                    return (cut.max(start + 1), false);
                }
                Some(b'\\') if !raw && self.byte(end + 1) != Some(b'\n') => end += 2,
                Some(byte) if byte == quote => {
                    if !triple {
                        return (end + 1, true);
                    }
                    if self.byte(end + 1) == Some(quote) && self.byte(end + 2) == Some(quote) {
                        return (end + 3, true);
                    }
                    end += 1;
                }
                Some(_) => end += 1,
            }
        }
    }

    fn other_end(&self, start: usize) -> usize {
        let rest = self.text.get(start..).unwrap_or("");
        if PAIRS.iter().any(|pair| rest.starts_with(pair)) {
            return start + 2;
        }
        start + rest.chars().next().map_or(1, char::len_utf8)
    }
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let rest = self.text.get(self.at..)?;
        let blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{FEFF}');
        let start = self.at + (rest.len() - rest.trim_start_matches(blank).len());
        let byte = self.byte(start)?;
        let (kind, end) = match byte {
            b'/' if self.byte(start + 1) == Some(b'/') => {
                let rest = self.text.as_bytes().get(start..).unwrap_or(&[]);
                (TokenKind::Comment, memchr::memchr(b'\n', rest).map_or(self.text.len(), |length| start + length))
            }
            b'(' | b'[' | b'{' => (TokenKind::Open(byte), start + 1),
            b')' | b']' | b'}' => (TokenKind::Close(byte), start + 1),
            _ => match self.string_prefix(start) {
                Some((prefix, raw)) => {
                    let (end, closed) = self.string_end(start + prefix, raw);
                    (TokenKind::String(closed), end)
                }
                None if byte.is_ascii_digit() || byte == b'$' => (TokenKind::Number, self.number_end(start)),
                None if is_word_byte(byte) => (TokenKind::Word, self.word_end(start)),
                None => (TokenKind::Other, self.other_end(start)),
            },
        };
        // An escape at the very end may point past the text or into a character.
        let mut end = end.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        self.at = end;
        Some(Token { kind, start, end })
    }
}
