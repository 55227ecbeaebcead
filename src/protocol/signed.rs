//! What proves thinking to the wire that made it: Anthropic's `signature`, the `encrypted_content` of
//! Responses, Gemini's `thoughtSignature`. A client keeps it and sends it back with the next turn, in
//! the field that its own protocol has for it; only the wire that made it may ever see it again.
//!
//! A foreign one goes to a client as `ccr1.<wire>.<text>`, so that it can be told from the client's own.
//! Gemini's field is bytes, and its SDKs decode them: there the mark before the text is base64 too.

use super::Wire;
use super::json::{Text, push_text};

const MARK: &[u8] = b"ccr1.";
const WIRES: [(Wire, &[u8]); 4] = [
    (Wire::Anthropic, b"anthropic."),
    (Wire::Chat, b"chat."),
    (Wire::Responses, b"responses."),
    (Wire::Gemini, b"gemini."),
];

/// Marks of base64's letters alone, of a length that a decoder can stop at.
const PLAIN: [(Wire, &[u8]); 3] =
    [(Wire::Anthropic, b"ccr1anthropicxxx"), (Wire::Chat, b"ccr1chatxxxxxxxx"), (Wire::Responses, b"ccr1responsesxxx")];

/// A signature and its maker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signed<'a> {
    /// who made it, and alone can read it
    pub(crate) maker: Wire,
    pub(crate) text: Text<'a>,
}

impl<'a> Signed<'a> {
    /// Reads what a client sent in the field of its own protocol, whose wire is `own`.
    pub(crate) fn of_client(own: Wire, text: Text<'a>) -> Self {
        if own == Wire::Gemini {
            let bytes = text.escaped();
            let found = PLAIN.iter().find_map(|(maker, mark)| Some((*maker, bytes.strip_prefix(*mark)?)));
            if let Some((maker, rest)) = found {
                return Self { maker, text: Text::from_escaped(rest) };
            }
        }
        let foreign = text.escaped().strip_prefix(MARK).and_then(|rest| {
            WIRES.iter().find_map(|(maker, name)| Some((*maker, Text::from_escaped(rest.strip_prefix(*name)?))))
        });
        match foreign {
            Some((maker, text)) => Self { maker, text },
            None => Self { maker: own, text },
        }
    }

    /// Appends it, without quotes, for the field of a client whose wire is `own`.
    pub(crate) fn push(self, own: Wire, out: &mut Vec<u8>) {
        if own == Wire::Gemini && self.maker != own {
            out.extend_from_slice(
                PLAIN.iter().find(|(wire, _)| *wire == self.maker).map_or(&b""[..], |(_, mark)| mark),
            );
        } else if self.maker != own {
            out.extend_from_slice(MARK);
            out.extend_from_slice(
                WIRES.iter().find(|(wire, _)| *wire == self.maker).map_or(&b""[..], |(_, name)| name),
            );
        }
        out.extend_from_slice(self.text.escaped());
    }

    /// Whether another than this wire made it.
    pub(crate) fn is_foreign(self, wire: Wire) -> bool {
        self.maker != wire
    }

    /// The signature, for an upstream: only its maker gets it. An empty one proves nothing.
    pub(crate) fn for_wire(self, wire: Wire) -> Option<Text<'a>> {
        (self.maker == wire && !self.text.is_empty()).then_some(self.text)
    }
}

/// Appends a signature of Anthropic's as a string. Google's SDKs write bytes in the letters of URLs,
/// which Anthropic's own never has.
pub(crate) fn push_in_own_letters(out: &mut Vec<u8>, signature: Text<'_>) {
    let begin = out.len();
    push_text(out, signature);
    for byte in out.iter_mut().skip(begin) {
        *byte = match *byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anthropic_gets_its_own_letters() {
        let mut out = Vec::new();
        push_in_own_letters(&mut out, Text::from_escaped(b"a-b_c=="));
        assert_eq!(out, b"\"a+b/c==\"");
    }

    #[test]
    fn only_the_maker_sees_a_signature_again() {
        let made = Signed { maker: Wire::Gemini, text: Text::from_escaped(b"abc") };
        for client in [Wire::Anthropic, Wire::Responses, Wire::Gemini] {
            let mut kept = Vec::new();
            made.push(client, &mut kept);
            let back = Signed::of_client(client, Text::from_escaped(&kept));
            assert_eq!(back, made);
            assert_eq!(back.for_wire(Wire::Gemini), Some(made.text));
            assert_eq!(back.for_wire(Wire::Anthropic), None);
        }
        let empty = Signed::of_client(Wire::Anthropic, Text::from_escaped(b"ccr1.gemini."));
        assert_eq!((empty.maker, empty.for_wire(Wire::Gemini)), (Wire::Gemini, None));
        let own = Signed::of_client(Wire::Anthropic, Text::from_escaped(b"xyz"));
        assert_eq!(own.for_wire(Wire::Anthropic).map(Text::escaped), Some(&b"xyz"[..]));
    }
}
