//! `<CCR-SUBAGENT-MODEL>name</CCR-SUBAGENT-MODEL>`: a model's name for one sub-agent, written into
//! its prompt. It becomes `request.subagent` and does not go to the upstream.

use std::ops::Range;

use super::content::{self, Piece, Role};
use super::json::Text;
use super::request::Request;

const MARK: &str = "CCR-SUBAGENT-MODEL";
/// The tag as it is written in JSON; some encoders escape angle brackets.
const FORMS: [(&str, &str); 2] = [
    ("<CCR-SUBAGENT-MODEL>", "</CCR-SUBAGENT-MODEL>"),
    ("\\u003cCCR-SUBAGENT-MODEL\\u003e", "\\u003c/CCR-SUBAGENT-MODEL\\u003e"),
];
/// A tag counts in this many user messages from the first: later ones may quote it.
const EARLY_MESSAGES: usize = 2;
/// A model's name is short; more is a quotation.
const MAX_NAME_BYTES: usize = 256;

/// The tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubagentTag {
    /// the model that it names
    pub model: String,
    /// the tag's place in the body
    pub place: Range<usize>,
    /// whether its text has nothing else: what is left must not be empty, upstreams refuse that
    pub alone: bool,
}

pub(crate) fn find(request: &Request) -> Option<SubagentTag> {
    content::find(request.body(), MARK)?;
    let mut found = None;
    let mut look = |piece: Piece<'_>| {
        if let (None, Piece::Text(text)) = (&found, piece) {
            found = find_in(request, text);
        }
    };
    content::content_pieces(content::system(request), &mut look);
    let early = |role: Role| content::messages(request).filter(move |message| message.role == role);
    for message in early(Role::System).chain(early(Role::User).take(EARLY_MESSAGES)) {
        content::content_pieces(message.content, &mut look);
    }
    found
}

fn find_in(request: &Request, text: Text<'_>) -> Option<SubagentTag> {
    let bytes = text.escaped();
    FORMS.iter().find_map(|(open, close)| {
        let start = content::find(bytes, open)?;
        let inner = bytes.get(start + open.len()..)?;
        let length = content::find(inner, close)?;
        let model = Text::from_escaped(inner.get(..length)?).decode().trim().to_owned();
        if model.is_empty() || model.len() > MAX_NAME_BYTES {
            return None;
        }
        let end = start + open.len() + length + close.len();
        let (before, after) = (bytes.get(..start)?, bytes.get(end..)?);
        let blank = |part: &[u8]| Text::from_escaped(part).decode().trim().is_empty();
        let place = request.place_of(bytes.get(start..end)?);
        Some(SubagentTag { model, place, alone: blank(before) && blank(after) })
    })
}
