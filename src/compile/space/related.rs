//! What the classes of one axis say of another one on the same text or list.
//!
//! Pairs only: classes that contradict each other three at a time stay possible.

use super::axis::{Axes, Axis, Part, class_of};
use super::classes::Classes;
use crate::compile::atom::Number;
use crate::compile::space::axis::Term;
use crate::facts::whole_number;

/// Literals that are gone through although the text need not be one of them.
const MAX_OPEN_LITERALS: u32 = 64;

/// A set of classes that excludes everything.
fn nothing() -> Classes {
    Classes::default()
}

fn size(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

/// The class of `axis` for this text; None when the text does not tell.
fn class_for(axis: &Axis, text: &str) -> Option<u32> {
    Some(match axis {
        Axis::Equal { literals, .. } => {
            let at = literals.binary_search_by(|literal| literal.as_str().cmp(text));
            u32::try_from(at.unwrap_or(literals.len())).ok()?
        }
        Axis::Has { part, constant, .. } => u32::from(match part {
            Part::Inside => text.contains(constant.as_str()),
            Part::Start => text.starts_with(constant.as_str()),
            Part::End => text.ends_with(constant.as_str()),
            Part::Member => return None,
        }),
        Axis::Pattern { regex, .. } => u32::from(regex.is_match(text)),
        Axis::Ints { term: Term::Number(number), cuts } => match number {
            Number::TextSize(_) => class_of(cuts, size(text)),
            Number::HeaderInt(_, absent) | Number::MetaInt(_, absent) => class_of(cuts, whole_number(text, *absent)),
            _ => return None,
        },
        _ => return None,
    })
}

/// What is left of the classes of `of`, given those of `by` on the same text or list.
pub(super) fn left(axes: &Axes, of: u32, of_classes: &Classes, by: u32, by_classes: &Classes) -> Option<Classes> {
    let (axis, other) = (axes.all.get(of as usize)?, axes.all.get(by as usize)?);
    match (axis, other) {
        (Axis::Equal { literals, .. }, _) => literals_left(literals, of_classes, other, by_classes),
        (Axis::Has { part, constant, .. }, Axis::Has { part: other_part, constant: other, .. }) => {
            has_left(of_classes, (*part, constant), by_classes, (*other_part, other))
        }
        (Axis::Ints { term: Term::Number(Number::TextSize(_)), cuts }, _) => {
            let least = least_size(other, by_classes)?;
            let from = class_of(cuts, least);
            // A gap may begin below the least size; it stays possible.
            let all = u32::try_from(2 * cuts.len() + 1).ok()?;
            Some(of_classes.meet(&Classes::range(from, all)))
        }
        _ => None,
    }
}

/// Whether the member is there in all of these classes; None: it is open.
fn is_there(classes: &Classes) -> Option<bool> {
    match (classes.contains(0), classes.contains(1)) {
        (false, true) => Some(true),
        (true, false) => Some(false),
        _ => None,
    }
}

/// The literals that a text can still be.
fn literals_left(literals: &[String], classes: &Classes, other: &Axis, by: &Classes) -> Option<Classes> {
    let rest = u32::try_from(literals.len()).ok()?;
    if classes.contains(rest) && rest > MAX_OPEN_LITERALS {
        return None;
    }
    let possible = |class: &u32| match literals.get(*class as usize) {
        Some(literal) => class_for(other, literal).is_none_or(|class| by.contains(class)),
        None => true,
    };
    let mut left = Classes::of(classes.iter().filter(possible));
    // Only "" has no letter.
    if let Axis::Ints { term: Term::Number(Number::TextSize(_)), cuts } = other
        && by.last().is_some_and(|last| is_at_most_zero(cuts, last))
        && let Ok(empty) = literals.binary_search_by(|literal| literal.as_str().cmp(""))
    {
        let empty = u32::try_from(empty).ok()?;
        left = left.meet(&Classes::range(empty, empty + 1));
    }
    Some(left)
}

/// Whether a class and those below it hold no number above 0.
fn is_at_most_zero(cuts: &[i64], class: u32) -> bool {
    let most = if class % 2 == 1 { 0 } else { 1 };
    cuts.get(class as usize / 2).is_some_and(|cut| *cut <= most)
}

/// The fewest letters that a text has.
fn least_size(axis: &Axis, classes: &Classes) -> Option<i64> {
    match axis {
        Axis::Has { constant, .. } => (is_there(classes) == Some(true)).then(|| size(constant)),
        Axis::Equal { literals, .. } => {
            let rest = u32::try_from(literals.len()).ok()?;
            if classes.contains(rest) {
                let empty = literals.iter().position(String::is_empty).and_then(|at| u32::try_from(at).ok())?;
                return (!classes.contains(empty)).then_some(1);
            }
            classes.iter().filter_map(|class| literals.get(class as usize)).map(|literal| size(literal)).min()
        }
        Axis::Pattern { regex, .. } => (is_there(classes)? != regex.is_match("")).then_some(1),
        _ => None,
    }
}

/// Two parts of one text: one may bring the other, or exclude it.
fn has_left(
    of: &Classes,
    (part, constant): (Part, &str),
    by: &Classes,
    (other_part, other): (Part, &str),
) -> Option<Classes> {
    if part == Part::Member {
        return None;
    }
    let class = match is_there(by)? {
        true if brings((other_part, other), (part, constant)) => 1,
        true if excludes((other_part, other), (part, constant)) => 0,
        false if brings((part, constant), (other_part, other)) => 0,
        _ => return None,
    };
    Some(if of.contains(class) { Classes::range(class, class + 1) } else { nothing() })
}

/// A text with the first part has the second one too.
fn brings((part, text): (Part, &str), (other_part, other): (Part, &str)) -> bool {
    match (part, other_part) {
        (_, Part::Inside) => text.contains(other),
        (Part::Start, Part::Start) => text.starts_with(other),
        (Part::End, Part::End) => text.ends_with(other),
        _ => false,
    }
}

/// No text has both parts.
fn excludes((part, text): (Part, &str), (other_part, other): (Part, &str)) -> bool {
    match (part, other_part) {
        (Part::Start, Part::Start) => !text.starts_with(other) && !other.starts_with(text),
        (Part::End, Part::End) => !text.ends_with(other) && !other.ends_with(text),
        _ => false,
    }
}
