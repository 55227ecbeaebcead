//! What a reader should know of the facts that were given.

use super::Question;
use crate::dsl::expr::plain::{Explanation, Step};
use crate::facts::Var;

/// Facts that follow from a text in a real request, and not in given facts.
const FOLLOWING: [Var; 2] = [Var::RequestTokens, Var::RequestTurns];
/// The texts that they follow from.
const TEXTS: [Var; 3] = [Var::RequestText, Var::RequestHistory, Var::RequestSystem];

/// Which of [`FOLLOWING`] the conditions evaluated so far have read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReadOfText([bool; FOLLOWING.len()]);

impl ReadOfText {
    /// Adds what a condition has read.
    pub(super) fn add(&mut self, explanation: &Explanation) {
        match &explanation.step {
            Step::Constant => {}
            Step::Atom { saw, .. } => {
                for (read, var) in self.0.iter_mut().zip(FOLLOWING) {
                    *read |= saw.iter().any(|saw| saw.name == var.path());
                }
            }
            Step::Not(inner) => self.add(inner),
            Step::And(parts) | Step::Or(parts) => parts.iter().for_each(|part| self.add(part)),
            Step::Cond(parts) => parts.iter().for_each(|part| self.add(part)),
        }
    }

    /// One line for each fact that was read, and is 0 although there is a text.
    pub(super) fn notes(self, question: &Question<'_>) -> Vec<String> {
        if !TEXTS.iter().any(|text| (question.is_given)(*text)) {
            return Vec::new();
        }
        let read = FOLLOWING.into_iter().zip(self.0).filter(|(var, read)| *read && !(question.is_given)(*var));
        read.map(|(var, _)| {
            let name = var.path().trim_start_matches("request.");
            format!("{name} not given: taken as 0; add `{name}: …`")
        })
        .collect()
    }
}
