//! Foreign text on a terminal: what would move its cursor, ring it or turn its lines around is shown
//! as `�`.

use std::borrow::Cow;

/// The text without control characters (line ends stay) and without marks that change the direction
/// of text.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    let acts = |letter: char| {
        letter != '\n' && letter.is_control() || matches!(letter, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|letter| if acts(letter) { char::REPLACEMENT_CHARACTER } else { letter }).collect())
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn what_acts_on_a_terminal_is_shown_and_nothing_else_changes() {
        assert_eq!(visible("a\u{1b}[31m\u{7}b\u{202e}c\nd"), "a�[31m�b�c\nd");
        assert_eq!(visible("写 ✓\n"), "写 ✓\n");
    }
}
