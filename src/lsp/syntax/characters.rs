//! Places back onto the author's characters.

use std::ops::Range;

use super::Syntax;

/// Where punctuation was replaced by ours, which is shorter, places get back onto whole characters.
pub(super) fn onto_characters(text: &str, syntax: &mut Syntax) {
    let fit = |range: &mut Range<usize>| {
        *range = text.floor_char_boundary(range.start)..text.ceil_char_boundary(range.end);
    };
    syntax.marks.iter_mut().for_each(|mark| fit(&mut mark.range));
    syntax.groups.iter_mut().for_each(fit);
    for item in &mut syntax.items {
        for range in [&mut item.word, &mut item.name, &mut item.range].into_iter().chain(&mut item.on) {
            fit(range);
        }
        for field in &mut item.fields {
            fit(&mut field.key);
            fit(&mut field.value);
        }
        for statement in &mut item.statements {
            fit(&mut statement.name);
            fit(&mut statement.range);
        }
    }
}
