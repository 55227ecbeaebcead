//! Texts that a pattern matches, made from its parts.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Bytes of the longest example: a pattern may ask for thousands of repetitions.
const MOST_BYTES: usize = 1 << 16;
/// Letters that look like what an author would type, in the order in which they are tried.
const USUAL: &str = "a0A1z_- .x";
/// First and last letters of a class's ranges that are tried behind these.
const MOST_ENDS: usize = 4;

/// Some texts for a pattern, the plainest first. The caller asks the pattern itself.
pub(super) fn of(pattern: &str, count: usize) -> Vec<String> {
    let Ok(hir) = regex_syntax::parse(pattern) else { return Vec::new() };
    let mut examples: Vec<String> = Vec::new();
    for round in 0..count {
        let mut text = String::new();
        write(&hir, round, &mut text);
        if !examples.contains(&text) {
            examples.push(text);
        }
    }
    examples
}

/// Writes an example; `round` chooses among what may stand there. Recursion is bounded by the
/// parser's own limit of nesting.
fn write(hir: &Hir, round: usize, out: &mut String) {
    if out.len() > MOST_BYTES {
        return;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => out.extend(letter(class, round)),
        HirKind::Repetition(repetition) => {
            // Once where it need not be there at all, every other time.
            let least = repetition.min;
            let count = if least == 0 && round % 2 == 1 && repetition.max != Some(0) { 1 } else { least };
            for _ in 0..count {
                write(&repetition.sub, round / 2, out);
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, round, out),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, round, out)),
        HirKind::Alternation(ways) => {
            if let Some(way) = ways.get(round.checked_rem(ways.len()).unwrap_or(0)) {
                write(way, round / ways.len().max(1), out);
            }
        }
    }
}

fn letter(class: &Class, round: usize) -> Option<char> {
    let holds = |letter: char| match class {
        Class::Unicode(class) => class.iter().any(|range| (range.start()..=range.end()).contains(&letter)),
        Class::Bytes(class) => u8::try_from(letter)
            .is_ok_and(|byte| class.iter().any(|range| (range.start()..=range.end()).contains(&byte))),
    };
    let ends: Vec<char> = match class {
        Class::Unicode(class) => class.iter().flat_map(|range| [range.start(), range.end()]).take(MOST_ENDS).collect(),
        Class::Bytes(class) => {
            class.iter().flat_map(|range| [range.start(), range.end()].map(char::from)).take(MOST_ENDS).collect()
        }
    };
    let mut letters: Vec<char> = USUAL.chars().filter(|letter| holds(*letter)).chain(ends).collect();
    let mut seen = Vec::new();
    letters.retain(|letter| {
        !seen.contains(letter) && {
            seen.push(*letter);
            true
        }
    });
    letters.get(round.checked_rem(letters.len())?).copied()
}
