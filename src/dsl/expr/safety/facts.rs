//! What a comparison that was true, or false, says about its sides.

use super::bounds::Bounds;
use crate::dsl::expr::typed::{BinaryOp, Expr, Function, Kind, Literal};

/// Something known on the path to a node.
#[derive(Clone, Debug)]
pub(super) enum Known<'e> {
    /// an expression lies in a range
    Within(&'e Expr, Bounds),
    /// the first is less than the second
    Less(&'e Expr, &'e Expr),
    /// an expression is not zero
    NonZero(&'e Expr),
    /// a map has a key
    Key(&'e Expr, &'e Expr),
    /// a map has a key, by name
    Field(&'e Expr, &'e str),
}

impl Known<'_> {
    pub(super) fn is_nonzero(&self, expr: &Expr) -> bool {
        matches!(self, Self::NonZero(other) if same(other, expr))
    }

    pub(super) fn is_key(&self, map: &Expr, key: &Expr) -> bool {
        matches!(self, Self::Key(other, known) if same(known, key) && same(other, map))
    }

    /// Whether it says that the map has this key, in either way of asking.
    pub(super) fn is_field(&self, map: &Expr, name: &str) -> bool {
        match self {
            Self::Field(other, known) => *known == name && same(other, map),
            Self::Key(other, known) => {
                matches!(&known.kind, Kind::Literal(Literal::String(text)) if text == name) && same(other, map)
            }
            _ => false,
        }
    }
}

/// Whether two expressions always have the same value: they are written alike. A condition reads
/// one snapshot, so a variable does not change between two readings.
pub(super) fn same(left: &Expr, right: &Expr) -> bool {
    let all = |a: &[Expr], b: &[Expr]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b));
    match (&left.kind, &right.kind) {
        (Kind::Literal(a), Kind::Literal(b)) => a == b,
        (Kind::Var(a), Kind::Var(b)) => a == b,
        (Kind::Access(a), Kind::Access(b)) => a == b,
        (Kind::Local(a), Kind::Local(b)) => a == b,
        (Kind::Not(a), Kind::Not(b)) | (Kind::Neg(a), Kind::Neg(b)) => same(a, b),
        (Kind::And(a), Kind::And(b)) | (Kind::Or(a), Kind::Or(b)) | (Kind::List(a), Kind::List(b)) => all(a, b),
        (Kind::Cond(a, b, c), Kind::Cond(d, e, f)) => same(a, d) && same(b, e) && same(c, f),
        (Kind::Binary(op, a, b), Kind::Binary(other, c, d)) => op == other && same(a, c) && same(b, d),
        (Kind::Call(function, a), Kind::Call(other, b)) => function == other && all(a, b),
        (Kind::Map(a), Kind::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((a, b), (c, d))| same(a, c) && same(b, d))
        }
        (Kind::Index(a, b), Kind::Index(c, d)) => same(a, c) && same(b, d),
        (Kind::Field(a, name), Kind::Field(b, other)) | (Kind::Has(a, name), Kind::Has(b, other)) => {
            name == other && same(a, b)
        }
        // Two macros are rarely written twice; saying no only asks for a guard.
        _ => false,
    }
}

/// Whether an expression is the size of another.
pub(super) fn is_size_of(expr: &Expr, list: &Expr) -> bool {
    matches!(&expr.kind, Kind::Call(Function::Size, arguments) if arguments.first().is_some_and(|argument| same(argument, list)))
}

type Side<'e> = (&'e Expr, Bounds);

/// What is known where a comparison holds, and where it does not.
pub(super) fn compare<'e>(op: BinaryOp, left: Side<'e>, right: Side<'e>) -> (Vec<Known<'e>>, Vec<Known<'e>>) {
    match op {
        BinaryOp::Lt => (less(left, right), at_most(right, left)),
        BinaryOp::Le => (at_most(left, right), less(right, left)),
        BinaryOp::Gt => (less(right, left), at_most(left, right)),
        BinaryOp::Ge => (at_most(right, left), less(left, right)),
        BinaryOp::Eq => (equal(left, right), unequal(left, right)),
        BinaryOp::Ne => (unequal(left, right), equal(left, right)),
        _ => (Vec::new(), Vec::new()),
    }
}

fn less<'e>((a, a_bounds): Side<'e>, (b, b_bounds): Side<'e>) -> Vec<Known<'e>> {
    let mut known = vec![Known::Less(a, b)];
    match (a_bounds, b_bounds) {
        (Bounds::Int(least, _), Bounds::Int(_, most)) => {
            known.push(Known::Within(a, Bounds::Int(i128::MIN, most - 1)));
            known.push(Known::Within(b, Bounds::Int(least + 1, i128::MAX)));
        }
        _ => known.extend(fractions(a, a_bounds, b, b_bounds)),
    }
    // More than something that is not negative is not zero, and the other way round.
    let lower = matches!(a_bounds.widened(), Bounds::Double(least, _) if least >= 0.0);
    let upper = matches!(b_bounds.widened(), Bounds::Double(_, most) if most <= 0.0);
    if lower {
        known.push(Known::NonZero(b));
    }
    if upper {
        known.push(Known::NonZero(a));
    }
    known
}

fn at_most<'e>((a, a_bounds): Side<'e>, (b, b_bounds): Side<'e>) -> Vec<Known<'e>> {
    match (a_bounds, b_bounds) {
        (Bounds::Int(least, _), Bounds::Int(_, most)) => {
            vec![Known::Within(a, Bounds::Int(i128::MIN, most)), Known::Within(b, Bounds::Int(least, i128::MAX))]
        }
        _ => fractions(a, a_bounds, b, b_bounds),
    }
}

/// `a <= b` where at least one has a fraction.
fn fractions<'e>(a: &'e Expr, a_bounds: Bounds, b: &'e Expr, b_bounds: Bounds) -> Vec<Known<'e>> {
    let (Bounds::Double(least, _), Bounds::Double(_, most)) = (a_bounds.widened(), b_bounds.widened()) else {
        return Vec::new();
    };
    let mut known = Vec::new();
    if matches!(a_bounds, Bounds::Double(..)) {
        known.push(Known::Within(a, Bounds::Double(f64::NEG_INFINITY, most)));
    }
    if matches!(b_bounds, Bounds::Double(..)) {
        known.push(Known::Within(b, Bounds::Double(least, f64::INFINITY)));
    }
    known
}

fn equal<'e>((a, a_bounds): Side<'e>, (b, b_bounds): Side<'e>) -> Vec<Known<'e>> {
    let like = |bounds: Bounds, other: Bounds| std::mem::discriminant(&bounds) == std::mem::discriminant(&other);
    if !like(a_bounds, b_bounds) || matches!(a_bounds, Bounds::Any) {
        return Vec::new();
    }
    vec![Known::Within(a, b_bounds), Known::Within(b, a_bounds)]
}

fn unequal<'e>((a, a_bounds): Side<'e>, (b, b_bounds): Side<'e>) -> Vec<Known<'e>> {
    let mut known = Vec::new();
    for ((one, _), (_, other)) in [((a, a_bounds), (b, b_bounds)), ((b, b_bounds), (a, a_bounds))] {
        match other {
            Bounds::Int(0, 0) => known.push(Known::NonZero(one)),
            Bounds::Double(least, most) if least == 0.0 && most == 0.0 => known.push(Known::NonZero(one)),
            // `s != ""`, `l != []`
            Bounds::Size(0, 0) => known.push(Known::Within(one, Bounds::Size(1, i128::MAX))),
            _ => {}
        }
    }
    // `size(l) != 0`: a size is never negative.
    for (one, bounds) in [(a, a_bounds), (b, b_bounds)] {
        let nonzero = known.iter().any(|known| known.is_nonzero(one));
        if nonzero && matches!(bounds, Bounds::Int(least, _) if least >= 0) {
            known.push(Known::Within(one, Bounds::Int(1, i128::MAX)));
        }
    }
    known
}
