//! "Did you mean": the nearest known word.

/// The known word nearest to `word`, when it is within a third of the word's length (at least one
/// edit). Earlier words win ties.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters: Vec<char> = word.chars().collect();
    let most = (letters.len() / 3).max(1);
    let mut best: Option<(usize, &'a str)> = None;
    for candidate in known {
        let length = candidate.chars().count();
        if length.abs_diff(letters.len()) > most {
            continue;
        }
        let distance = distance(&letters, candidate);
        let better = best.is_none_or(|(least, _)| distance < least);
        // A word of one or two letters is near to everything.
        if distance > 0 && distance <= most && distance < letters.len() && better {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Edits (insert, remove, replace, swap two neighbours) that lead from one word to the other.
fn distance(from: &[char], to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut two_back: Vec<usize> = Vec::new();
    let mut back: Vec<usize> = (0..=to.len()).collect();
    for (row, &a) in from.iter().enumerate() {
        let mut line = Vec::with_capacity(to.len() + 1);
        line.push(row + 1);
        for (column, &b) in to.iter().enumerate() {
            let at = |values: &[usize], index: usize| values.get(index).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&back, column) + usize::from(a != b);
            let mut least = replaced.min(at(&back, column + 1) + 1).min(at(&line, column) + 1);
            let swapped = row > 0 && column > 0 && from.get(row - 1) == Some(&b) && to.get(column - 1) == Some(&a);
            if swapped {
                least = least.min(at(&two_back, column - 1) + 1);
            }
            line.push(least);
        }
        two_back = std::mem::replace(&mut back, line);
    }
    back.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["request", "session", "tenant", "tokens"];
        let check = |word: &str, expect: Option<&str>| assert_eq!(nearest(word, known), expect, "{word}");
        check("reqest", Some("request"));
        check("requset", Some("request"));
        check("tenent", Some("tenant"));
        check("tkoens", Some("tokens"));
        check("rqst", None);
        check("a", None);
        check("request", None);
    }
}
