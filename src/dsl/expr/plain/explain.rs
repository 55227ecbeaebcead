//! An evaluation that remembers what it saw.

use super::super::print;
use super::{Node, NodeKind, Verdict, negate};
use crate::diag::Span;
use crate::facts::Facts;
use crate::facts::given::Owned;

/// A fact that an atom read.
#[derive(Clone, Debug, PartialEq)]
pub struct Saw {
    /// as an author writes it: `request.tokens`, `request.header("x")`
    pub name: String,
    /// its value
    pub value: Owned,
}

/// A connective or an atom after an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// where it was written
    pub span: Span,
    /// what it came to; None when it was not reached
    pub verdict: Option<Verdict>,
    /// false: the whole would have come to the same without it. With an error in `verdict` it is
    /// an absorbed error.
    pub needed: bool,
    /// what it is
    pub step: Step,
}

/// What a node of an [`Explanation`] is.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// `true` or `false`, written so or folded
    Constant,
    /// an atom, with its text and what it saw (nothing when it was not reached)
    Atom {
        /// CEL text
        text: String,
        /// the facts it read
        saw: Vec<Saw>,
    },
    /// `!x`
    Not(Box<Explanation>),
    /// `a && b && …`
    And(Vec<Explanation>),
    /// `a || b || …`
    Or(Vec<Explanation>),
    /// `c ? a : b`, in this order
    Cond(Box<[Explanation; 3]>),
}

impl Explanation {
    /// The atoms that decided, in source order: of a false `&&` the first false part, of a false
    /// `||` all parts, of a true `&&` all, of a true `||` the first true one; of an error the
    /// first part that failed.
    #[must_use]
    pub fn deciding(&self) -> Vec<&Self> {
        let mut found = Vec::new();
        self.collect_deciding(&mut found);
        found
    }

    /// The atoms that failed without any effect.
    #[must_use]
    pub fn absorbed(&self) -> Vec<&Self> {
        let mut found = Vec::new();
        self.collect_absorbed(&mut found);
        found
    }

    fn collect_deciding<'a>(&'a self, found: &mut Vec<&'a Self>) {
        match &self.step {
            Step::Constant | Step::Atom { .. } => found.push(self),
            Step::Not(inner) => inner.collect_deciding(found),
            Step::And(items) | Step::Or(items) => {
                let everything = matches!(
                    (&self.step, &self.verdict),
                    (Step::And(_), Some(Verdict::True)) | (Step::Or(_), Some(Verdict::False))
                );
                let is_same = |item: &&Self| match (&item.verdict, &self.verdict) {
                    (Some(Verdict::Error(_)), Some(Verdict::Error(_))) => true,
                    (one, other) => one == other,
                };
                if everything {
                    items.iter().for_each(|item| item.collect_deciding(found));
                } else if let Some(item) = items.iter().find(is_same) {
                    item.collect_deciding(found);
                }
            }
            Step::Cond(parts) => {
                parts.iter().filter(|part| part.verdict.is_some()).for_each(|part| part.collect_deciding(found));
            }
        }
    }

    fn collect_absorbed<'a>(&'a self, found: &mut Vec<&'a Self>) {
        match &self.step {
            Step::Constant => {}
            Step::Atom { .. } => {
                if matches!(self.verdict, Some(Verdict::Error(_))) && !self.needed {
                    found.push(self);
                }
            }
            Step::Not(inner) => inner.collect_absorbed(found),
            Step::And(items) | Step::Or(items) => items.iter().for_each(|item| item.collect_absorbed(found)),
            Step::Cond(parts) => parts.iter().for_each(|part| part.collect_absorbed(found)),
        }
    }

    /// Marks it and all below it as without effect.
    fn set_not_needed(&mut self) {
        self.needed = false;
        match &mut self.step {
            Step::Constant | Step::Atom { .. } => {}
            Step::Not(inner) => inner.set_not_needed(),
            Step::And(items) | Step::Or(items) => items.iter_mut().for_each(Self::set_not_needed),
            Step::Cond(parts) => parts.iter_mut().for_each(Self::set_not_needed),
        }
    }
}

/// Evaluates from left to right and stops where the plain evaluator stops.
pub(super) fn explain(node: &Node, facts: &dyn Facts) -> Explanation {
    let done = |verdict: Option<Verdict>, step: Step| Explanation { span: node.span, verdict, needed: true, step };
    match &node.kind {
        NodeKind::Constant(value) => done(Some((*value).into()), Step::Constant),
        NodeKind::Atom(atom) => {
            let saw = atom.prepared.reads().iter().map(|read| Saw { name: read.name(), value: read.value(facts) });
            let step = Step::Atom { text: print::cel_text(&atom.expr), saw: saw.collect() };
            done(Some(atom.eval(facts)), step)
        }
        NodeKind::Not(inner) => {
            let inner = explain(inner, facts);
            done(inner.verdict.clone().map(negate), Step::Not(Box::new(inner)))
        }
        NodeKind::And(items) => {
            let (verdict, items) = explain_chain(items, facts, &Verdict::False);
            done(Some(verdict), Step::And(items))
        }
        NodeKind::Or(items) => {
            let (verdict, items) = explain_chain(items, facts, &Verdict::True);
            done(Some(verdict), Step::Or(items))
        }
        NodeKind::Cond(parts) => {
            let [condition, yes, no] = parts.as_ref();
            let condition = explain(condition, facts);
            let (yes, no) = match condition.verdict {
                Some(Verdict::True) => (explain(yes, facts), skipped(no)),
                Some(Verdict::False) => (skipped(yes), explain(no, facts)),
                _ => (skipped(yes), skipped(no)),
            };
            let verdict = yes.verdict.clone().or_else(|| no.verdict.clone()).or_else(|| condition.verdict.clone());
            done(verdict, Step::Cond(Box::new([condition, yes, no])))
        }
    }
}

fn explain_chain(items: &[Node], facts: &dyn Facts, absorbing: &Verdict) -> (Verdict, Vec<Explanation>) {
    let mut explained: Vec<Explanation> = Vec::with_capacity(items.len());
    let mut result = negate(absorbing.clone());
    let mut is_decided = false;
    for item in items {
        if is_decided {
            explained.push(skipped(item));
            continue;
        }
        let item = explain(item, facts);
        let verdict = item.verdict.clone().unwrap_or(Verdict::False);
        is_decided = verdict == *absorbing;
        if is_decided {
            let errors = explained.iter_mut().filter(|item| matches!(item.verdict, Some(Verdict::Error(_))));
            errors.for_each(Explanation::set_not_needed);
        }
        if is_decided || !matches!(result, Verdict::Error(_)) {
            result = verdict;
        }
        explained.push(item);
    }
    (result, explained)
}

/// A node that was not reached.
fn skipped(node: &Node) -> Explanation {
    let step = match &node.kind {
        NodeKind::Constant(_) => Step::Constant,
        NodeKind::Atom(atom) => Step::Atom { text: print::cel_text(&atom.expr), saw: Vec::new() },
        NodeKind::Not(inner) => Step::Not(Box::new(skipped(inner))),
        NodeKind::And(items) => Step::And(items.iter().map(skipped).collect()),
        NodeKind::Or(items) => Step::Or(items.iter().map(skipped).collect()),
        NodeKind::Cond(parts) => {
            let [condition, yes, no] = parts.as_ref();
            Step::Cond(Box::new([skipped(condition), skipped(yes), skipped(no)]))
        }
    };
    Explanation { span: node.span, verdict: None, needed: false, step }
}
