//! Commands for copying: what a finding or a report tells a reader to run.

use std::borrow::Cow;

use super::Diagnostic;

/// What stands before a command in a note.
const RUN_IT: &str = "run it: ";
const EXPLAIN: &str = "ccr-policy explain ";

/// A word for a shell: as it is, or in quotes.
#[must_use]
pub fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./:@%+=,".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

/// The command that explains a request. `policy` is where the policy is, when that is known here;
/// `arguments` say who asks, and end with a space unless they are empty; `given` are the facts.
#[must_use]
pub fn explain(policy: Option<&str>, arguments: &str, given: &str) -> String {
    let policy = policy.map_or_else(String::new, |policy| format!("{} ", quoted(policy)));
    format!("{EXPLAIN}{policy}{arguments}--given '{}'", given.replace('\'', r"'\''"))
}

/// A note with a command.
#[must_use]
pub fn run_it(command: &str) -> String {
    format!("{RUN_IT}{command}")
}

/// Puts where the policy is into the commands of a finding: who found it did not know.
pub fn fill_in(finding: &mut Diagnostic, policy: &str) {
    // Commands look in the directory that they run in by themselves.
    if policy == "." {
        return;
    }
    let policy = quoted(policy);
    for note in &mut finding.notes {
        if let Some(rest) = note.strip_prefix(RUN_IT).and_then(|command| command.strip_prefix(EXPLAIN)) {
            *note = format!("{RUN_IT}{EXPLAIN}{policy} {rest}");
        }
    }
    if let Some(help) = &mut finding.help {
        *help = help.replace("`ccr-policy test`", &format!("`ccr-policy test {policy}`"));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_are_quoted_for_a_shell() {
        for (word, shown) in
            [("a/b.policy", "a/b.policy"), ("my policy", "'my policy'"), ("it's", r"'it'\''s'"), ("", "''")]
        {
            assert_eq!(super::quoted(word), shown);
        }
        assert_eq!(
            super::explain(Some("a b"), "--tenant t ", "{}"),
            "ccr-policy explain 'a b' --tenant t --given '{}'"
        );
    }
}
