//! Whether an atom was shown to decide its condition alone (MC/DC with short circuits).

use std::collections::BTreeSet;

use crate::engine::trace::Course;

/// Two courses show it: the atom differs, the outcome differs, and every other atom is the same
/// in both or was not asked in one of them.
pub(super) fn decides_alone(courses: &BTreeSet<Course>, atom: usize) -> bool {
    let value = |course: &Course| course.atoms.get(atom).copied().flatten();
    let with = |wanted: bool| courses.iter().filter(move |course| value(course) == Some(wanted));
    with(true).any(|one| with(false).any(|other| one.holds != other.holds && agree_but(one, other, atom)))
}

fn agree_but(one: &Course, other: &Course, atom: usize) -> bool {
    let pairs = one.atoms.iter().zip(&other.atoms).enumerate();
    pairs.filter(|(number, _)| *number != atom).all(|(_, (a, b))| a.is_none() || b.is_none() || a == b)
}

pub(super) fn why_not(was_both: bool) -> String {
    let reason = if was_both {
        "no two cases differ in it alone and come out differently"
    } else {
        "it was not seen as both true and false"
    };
    reason.to_owned()
}
