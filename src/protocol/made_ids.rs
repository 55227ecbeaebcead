//! Ids for calls that have none, or one that another call has: the same whenever the conversation is sent.

use std::fmt::Write as _;
use std::sync::OnceLock;

use super::json::Text;

/// Ids that are written at once.
const CHUNK: usize = 10_000;
/// More than any body has calls: a call takes thirty bytes.
const CHUNKS: usize = 120;

/// `call_0000`, `call_0001` and so on: an exchange borrows its texts. All ids of a chunk are of one length.
static IDS: [OnceLock<String>; CHUNKS] = [const { OnceLock::new() }; CHUNKS];

/// The id with this number; None when there are no more.
pub(crate) fn made_id(number: usize) -> Option<Text<'static>> {
    let first = number / CHUNK * CHUNK;
    let ids = IDS.get(number / CHUNK)?.get_or_init(|| {
        let mut ids = String::new();
        for number in first..first + CHUNK {
            let _ = write!(ids, "call_{number:04}");
        }
        ids
    });
    let length = ids.len() / CHUNK;
    let start = (number - first) * length;
    ids.as_bytes().get(start..start + length).map(Text::from_escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_do_not_come_twice() {
        for (number, expected) in [
            (0, "call_0000"),
            (9_999, "call_9999"),
            (10_000, "call_10000"),
            (99_999, "call_99999"),
            (100_000, "call_100000"),
        ] {
            assert_eq!(made_id(number).map(Text::escaped), Some(expected.as_bytes()));
        }
        assert_eq!(made_id(CHUNK * CHUNKS), None);
        assert!(CHUNK * CHUNKS > crate::bounds::MAX_BODY_BYTES / r#"{"functionCall":{"name":"f"}},"#.len());
    }
}
