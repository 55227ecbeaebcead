//! What a policy can read of a request.

use std::collections::BTreeSet;

use super::atom::{Atom, Number, Text};
use super::skeleton::Skeletons;
use crate::dsl::expr::typed::{Accessor, Expr, Kind};
use crate::dsl::policy::{Attempt, AttemptKind};
use crate::facts::{Scope, Var};

/// Everything that a policy's conditions, filters and splits can read of a request. Nothing else
/// has to be got from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// variables of the table that belong to the request (not `model.*`)
    pub vars: BTreeSet<Var>,
    /// header names, lower-case
    pub headers: BTreeSet<String>,
    /// names in `metadata`
    pub metadata: BTreeSet<String>,
    /// the least number that something compares `request.tokens` with: a request that certainly has
    /// fewer tokens need not be counted. 0 where they are used in another way; None: nobody asks
    pub tokens_from: Option<i64>,
}

impl Reads {
    /// Adds what is left of a route's conditions after folding.
    pub(super) fn add_atoms(&mut self, skeletons: &Skeletons) {
        for (id, atom) in (0..).zip(skeletons.atoms()) {
            match atom {
                Atom::Flag(var) | Atom::CompareReal(var, ..) | Atom::Member(var, _) => self.add_var(*var),
                Atom::Equal(text, _)
                | Atom::StartsWith(text, _)
                | Atom::EndsWith(text, _)
                | Atom::Contains(text, _)
                | Atom::Matches(text, _) => self.add_text(text),
                Atom::Compare(number, _, least) => self.add_number(number, *least),
                Atom::Among(number, values) => self.add_number(number, values.first().copied().unwrap_or(0)),
                Atom::Opaque(_) => skeletons.opaque(id).into_iter().for_each(|expr| self.add_expr(expr)),
            }
        }
    }

    /// Adds the filters and splits of an attempt.
    pub(super) fn add_attempt(&mut self, attempt: &Attempt) {
        match &attempt.kind {
            AttemptKind::Choice { filter, .. } => filter.iter().for_each(|filter| self.add_expr(filter)),
            AttemptKind::Split { arms, by } => {
                by.iter().for_each(|by| self.add_expr(by));
                arms.iter().for_each(|arm| self.add_attempt(&arm.attempt));
            }
            AttemptKind::Model(_) | AttemptKind::Pool(_) | AttemptKind::Route(_) | AttemptKind::Reject { .. } => {}
        }
    }

    fn add_var(&mut self, var: Var) {
        if var.row().scope == Scope::Request {
            self.vars.insert(var);
        }
        if var == Var::RequestTokens {
            self.tokens_from = Some(0);
        }
    }

    fn add_text(&mut self, text: &Text) {
        match text {
            Text::Var(var) => self.add_var(*var),
            Text::Header(name) => drop(self.headers.insert(name.clone())),
            Text::Meta(name) => drop(self.metadata.insert(name.clone())),
        }
    }

    /// `least` is the least number that it is compared with.
    fn add_number(&mut self, number: &Number, least: i64) {
        match number {
            Number::Var(Var::RequestTokens) => {
                self.vars.insert(Var::RequestTokens);
                self.tokens_from = Some(self.tokens_from.map_or(least, |other| other.min(least)));
            }
            Number::Var(var) | Number::ListSize(var) => self.add_var(*var),
            Number::HeaderInt(name, _) => drop(self.headers.insert(name.clone())),
            Number::MetaInt(name, _) => drop(self.metadata.insert(name.clone())),
            Number::TextSize(text) => self.add_text(text),
        }
    }

    fn add_expr(&mut self, expr: &Expr) {
        match &expr.kind {
            Kind::Var(var) => self.add_var(*var),
            Kind::Access(Accessor::Header(name) | Accessor::HeaderInt(name, _)) => {
                self.headers.insert(name.clone());
            }
            Kind::Access(Accessor::Meta(name) | Accessor::MetaInt(name, _)) => {
                self.metadata.insert(name.clone());
            }
            _ => expr.for_each_part(&mut |part| self.add_expr(part)),
        }
    }
}
