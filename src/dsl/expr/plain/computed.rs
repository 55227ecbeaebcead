//! An expression whose value is written into a request.

use super::super::cel::Prepared;
use super::super::typed::Expr;
use crate::facts::Facts;

/// An expression of any type that JSON has, ready to be evaluated any number of times.
#[derive(Clone, Debug)]
pub struct Computed {
    /// the expression
    pub expr: Expr,
    prepared: Prepared,
}

impl Computed {
    /// Prepares an expression.
    #[must_use]
    pub fn new(expr: Expr) -> Self {
        let prepared = Prepared::new(&expr);
        Self { expr, prepared }
    }

    /// Its value as JSON text; the members of a map are in the order of their names.
    ///
    /// # Errors
    /// The CEL crate's message when it cannot be evaluated, and when the value is a moment or a span
    /// of time, which the checker has made impossible.
    pub fn json(&self, facts: &dyn Facts) -> Result<String, String> {
        self.prepared.json(facts)
    }
}

impl PartialEq for Computed {
    fn eq(&self, other: &Self) -> bool {
        self.expr == other.expr
    }
}
