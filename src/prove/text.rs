//! Texts that have some parts, lack others, and are of the right size.

use super::example;
use crate::compile::space::TextDemand;
use crate::facts::whole_number;

/// Letters of the longest text that is made up.
const MOST_LETTERS: i64 = 1 << 20;
/// What may stand between two parts, so that they form no third one by accident.
const BETWEEN: [&str; 6] = [" ", "", "\n", " - ", "x", "、"];
/// What a text that is too short, or one too much, is filled with.
const FILL: [char; 7] = ['x', '0', ' ', 'Q', '好', '-', '~'];
/// Examples of each pattern that are tried.
const EXAMPLES: usize = 6;

fn size(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

/// Whether a text is as demanded.
pub(super) fn fits(text: &str, demand: &TextDemand<'_>) -> bool {
    let within =
        |ranges: &[(i64, i64)], value: i64| ranges.iter().any(|(least, most)| (*least..=*most).contains(&value));
    demand.one_of.as_ref().is_none_or(|some| some.contains(&text))
        && !demand.none_of.contains(&text)
        && demand.inside.iter().all(|(part, there)| text.contains(part) == *there)
        && demand.starts.iter().all(|(part, there)| text.starts_with(part) == *there)
        && demand.ends.iter().all(|(part, there)| text.ends_with(part) == *there)
        && demand.matches.iter().all(|(regex, there)| regex.is_match(text) == *there)
        && demand.sizes.as_ref().is_none_or(|sizes| within(sizes, size(text)))
        && demand.numbers.iter().all(|(absent, ranges)| within(ranges, whole_number(text, *absent)))
}

/// A text as demanded; `default` when that is one.
pub(super) fn build(demand: &TextDemand<'_>, default: &str) -> Option<String> {
    if fits(default, demand) {
        return Some(default.to_owned());
    }
    if let Some(some) = &demand.one_of {
        return some.iter().find(|text| fits(text, demand)).map(|text| (*text).to_owned());
    }
    let numbers = demand.numbers.iter().flat_map(|(_, ranges)| ranges);
    let numbers = numbers.flat_map(|(least, most)| [least, most]).map(i64::to_string);
    if let Some(text) = numbers.into_iter().find(|text| fits(text, demand)) {
        return Some(text);
    }
    joined(demand)
}

/// The parts that must be there, without those that stand in others.
fn needles<'d>(demand: &'d TextDemand<'_>, rest: &str) -> Vec<&'d str> {
    let mut needles: Vec<&str> = demand.inside.iter().filter(|(_, there)| *there).map(|(part, _)| *part).collect();
    needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
    let mut kept: Vec<&str> = Vec::new();
    for needle in needles {
        if !rest.contains(needle) && !kept.iter().any(|other| other.contains(needle)) {
            kept.push(needle);
        }
    }
    kept
}

fn longest<'d>(parts: &[(&'d str, bool)]) -> &'d str {
    parts.iter().filter(|(_, there)| *there).map(|(part, _)| *part).max_by_key(|part| part.len()).unwrap_or("")
}

fn joined(demand: &TextDemand<'_>) -> Option<String> {
    let (start, end) = (longest(&demand.starts), longest(&demand.ends));
    let patterns: Vec<Vec<String>> = demand
        .matches
        .iter()
        .filter(|(_, there)| *there)
        .map(|(regex, _)| example::of(regex.as_str(), EXAMPLES))
        .collect();
    let rounds = if patterns.is_empty() { 1 } else { EXAMPLES };
    for round in 0..rounds {
        let examples: Vec<&str> = patterns
            .iter()
            .filter_map(|all| all.get(round.min(all.len().saturating_sub(1))))
            .map(String::as_str)
            .collect();
        if let [one] = examples.as_slice()
            && let Some(text) = filled(one, "", demand)
        {
            return Some(text);
        }
        let needles = needles(demand, &format!("{start}\0{end}"));
        for between in BETWEEN {
            let mut forwards: Vec<&str> = examples.clone();
            forwards.extend(&needles);
            let backwards: Vec<&str> = forwards.iter().rev().copied().collect();
            for middle in [forwards, backwards] {
                let mut head = start.to_owned();
                for part in middle {
                    append(&mut head, part, between);
                }
                if let Some(text) = filled(&head, end, demand) {
                    return Some(text);
                }
                append(&mut head, end, between);
                if let Some(text) = filled(&head, "", demand) {
                    return Some(text);
                }
            }
        }
    }
    None
}

/// Puts a part behind a text, with something between, or, with nothing between, over what they
/// have in common.
fn append(text: &mut String, part: &str, between: &str) {
    if text.is_empty() || part.is_empty() {
        text.push_str(part);
    } else if between.is_empty() {
        let shared = |at: &usize| part.get(..*at).is_some_and(|beginning| text.ends_with(beginning));
        let shared = (0..=part.len()).rev().find(shared).unwrap_or(0);
        text.push_str(part.get(shared..).unwrap_or_default());
    } else {
        text.push_str(between);
        text.push_str(part);
    }
}

/// The head and the end, with enough in the middle to be long enough and not one of the texts
/// that it must not be.
fn filled(head: &str, end: &str, demand: &TextDemand<'_>) -> Option<String> {
    let bare = format!("{head}{end}");
    if fits(&bare, demand) {
        return Some(bare);
    }
    let missing = |least: i64| usize::try_from((least - size(&bare)).clamp(0, MOST_LETTERS)).unwrap_or(0);
    let mut counts: Vec<usize> = demand.sizes.iter().flatten().map(|(least, _)| missing(*least)).collect();
    counts.extend([1, 2, 5]);
    for fill in FILL {
        for count in &counts {
            let filling: String = std::iter::repeat_n(fill, *count).collect();
            let texts =
                [format!("{head}{filling}{end}"), format!("{filling}{head}{end}"), format!("{head}{end}{filling}")];
            if let Some(text) = texts.into_iter().find(|text| fits(text, demand)) {
                return Some(text);
            }
        }
    }
    None
}
