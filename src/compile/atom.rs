//! What the compiler recognises in a condition: tests of one value against constants.
//!
//! Everything else is an opaque atom, evaluated by the CEL crate.

use crate::dsl::expr::plain;
use crate::dsl::expr::print::cel_text;
use crate::dsl::expr::typed::{Accessor, BinaryOp, Expr, Function, Kind, Literal, Type};
use crate::facts::{Facts, Var, whole_number};

/// A value that is text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Text {
    Var(Var),
    Header(String),
    Meta(String),
}

impl Text {
    fn of(expr: &Expr) -> Option<Self> {
        match &expr.kind {
            Kind::Var(var) if expr.ty == Type::String => Some(Self::Var(*var)),
            Kind::Access(Accessor::Header(name)) => Some(Self::Header(name.clone())),
            Kind::Access(Accessor::Meta(name)) => Some(Self::Meta(name.clone())),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn read<'a>(&self, facts: &'a dyn Facts) -> &'a str {
        match self {
            Self::Var(var) => facts.get(*var).as_str(),
            Self::Header(name) => facts.header(name),
            Self::Meta(name) => facts.meta(name),
        }
    }
}

/// A value that is a whole number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Number {
    Var(Var),
    HeaderInt(String, i64),
    MetaInt(String, i64),
    ListSize(Var),
    TextSize(Text),
}

impl Number {
    fn of(expr: &Expr) -> Option<Self> {
        match &expr.kind {
            Kind::Var(var) if expr.ty == Type::Int => Some(Self::Var(*var)),
            Kind::Access(Accessor::HeaderInt(name, absent)) => Some(Self::HeaderInt(name.clone(), *absent)),
            Kind::Access(Accessor::MetaInt(name, absent)) => Some(Self::MetaInt(name.clone(), *absent)),
            Kind::Call(Function::Size, arguments) => match arguments.as_slice() {
                [Expr { kind: Kind::Var(var), ty: Type::List(_), .. }] => Some(Self::ListSize(*var)),
                [value] => Text::of(value).map(Self::TextSize),
                _ => None,
            },
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn read(&self, facts: &dyn Facts) -> i64 {
        let size = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        match self {
            Self::Var(var) => facts.get(*var).as_int(),
            Self::HeaderInt(name, absent) => whole_number(facts.header(name), *absent),
            Self::MetaInt(name, absent) => whole_number(facts.meta(name), *absent),
            Self::ListSize(var) => size(facts.get(*var).as_list().len()),
            // CEL counts code points.
            Self::TextSize(text) => size(text.read(facts).chars().count()),
        }
    }
}

/// How a number is compared with a constant on its right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Order {
    Equal,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Order {
    /// `3 < x` is `x > 3`.
    pub(super) fn mirrored(self) -> Self {
        match self {
            Self::Equal => Self::Equal,
            Self::Less => Self::More,
            Self::AtMost => Self::AtLeast,
            Self::More => Self::Less,
            Self::AtLeast => Self::AtMost,
        }
    }

    pub(super) fn of(op: BinaryOp) -> Option<Self> {
        match op {
            BinaryOp::Eq => Some(Self::Equal),
            BinaryOp::Lt => Some(Self::Less),
            BinaryOp::Le => Some(Self::AtMost),
            BinaryOp::Gt => Some(Self::More),
            BinaryOp::Ge => Some(Self::AtLeast),
            _ => None,
        }
    }
}

/// A double that can be a key; the checker admits no literal that is not a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Real(pub(super) f64);

impl PartialEq for Real {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Real {}

impl std::hash::Hash for Real {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// A test, true or false or failing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Atom {
    /// a bool variable
    Flag(Var),
    /// the text is one of these, sorted
    Equal(Text, Vec<String>),
    /// the number compares so
    Compare(Number, Order, i64),
    /// the number is one of these, sorted
    Among(Number, Vec<i64>),
    /// the double compares so
    CompareReal(Var, Order, Real),
    /// the text begins so
    StartsWith(Text, String),
    /// the text ends so
    EndsWith(Text, String),
    /// the text holds it
    Contains(Text, String),
    /// the text matches the pattern
    Matches(Text, String),
    /// the list holds it
    Member(Var, String),
    /// anything else, by its CEL text: equal texts mean the same
    Opaque(String),
}

/// What an expression of type bool is to the compiler.
pub(super) enum Recognised<'a> {
    Constant(bool),
    /// true: the opposite of the atom
    Atom(Atom, bool),
    /// true: the opposite of the expression
    Same(&'a Expr, bool),
    Opaque(String),
}

/// Looks at an expression of type bool that is no connective.
pub(super) fn recognise(expr: &Expr) -> Recognised<'_> {
    if is_constant(expr)
        && let plain::Verdict::True | plain::Verdict::False = constant_value(expr)
    {
        return Recognised::Constant(constant_value(expr) == plain::Verdict::True);
    }
    let found = match &expr.kind {
        Kind::Var(var) if expr.ty == Type::Bool => Some(Recognised::Atom(Atom::Flag(*var), false)),
        Kind::Binary(op, left, right) => binary(*op, left, right),
        Kind::Call(function, arguments) => match arguments.as_slice() {
            [value, Expr { kind: Kind::Literal(Literal::String(constant)), .. }] => call(*function, value, constant),
            _ => None,
        },
        _ => None,
    };
    found.unwrap_or_else(|| Recognised::Opaque(cel_text(expr)))
}

fn constant_value(expr: &Expr) -> plain::Verdict {
    plain::Condition::new(expr).eval(&crate::facts::given::GivenFacts::default())
}

/// Whether it reads nothing: then its value can be had now.
fn is_constant(expr: &Expr) -> bool {
    if matches!(expr.kind, Kind::Var(_) | Kind::Access(_)) {
        return false;
    }
    let mut constant = true;
    expr.for_each_part(&mut |part| constant = constant && is_constant(part));
    constant
}

fn binary<'a>(op: BinaryOp, left: &'a Expr, right: &'a Expr) -> Option<Recognised<'a>> {
    let (op, left, right) = match (op, &left.kind, &right.kind) {
        // `3 < x` is `x > 3`.
        (BinaryOp::In, ..) | (_, _, Kind::Literal(_)) => (op, left, right),
        (_, Kind::Literal(_), _) => (mirrored(op)?, right, left),
        _ => return None,
    };
    if op == BinaryOp::In {
        return membership(left, right);
    }
    let negated = op == BinaryOp::Ne;
    let order = Order::of(if negated { BinaryOp::Eq } else { op })?;
    let Kind::Literal(literal) = &right.kind else { return None };
    let atom = match literal {
        Literal::Bool(value) if order == Order::Equal => return Some(Recognised::Same(left, negated == *value)),
        Literal::String(value) if order == Order::Equal => Atom::Equal(Text::of(left)?, vec![value.clone()]),
        Literal::Int(value) => Atom::Compare(Number::of(left)?, order, *value),
        Literal::Double(value) => match &left.kind {
            // -0.0 and 0.0 are one number.
            Kind::Var(var) if left.ty == Type::Double => Atom::CompareReal(*var, order, Real(*value + 0.0)),
            _ => return None,
        },
        _ => return None,
    };
    Some(Recognised::Atom(atom, negated))
}

fn mirrored(op: BinaryOp) -> Option<BinaryOp> {
    match op {
        BinaryOp::Eq | BinaryOp::Ne => Some(op),
        BinaryOp::Lt => Some(BinaryOp::Gt),
        BinaryOp::Le => Some(BinaryOp::Ge),
        BinaryOp::Gt => Some(BinaryOp::Lt),
        BinaryOp::Ge => Some(BinaryOp::Le),
        _ => None,
    }
}

/// `x in ["a", "b"]`, `"a" in list`.
fn membership<'a>(value: &Expr, container: &Expr) -> Option<Recognised<'a>> {
    match (&value.kind, &container.kind) {
        (Kind::Literal(Literal::String(needle)), Kind::Var(list)) => {
            Some(Recognised::Atom(Atom::Member(*list, needle.clone()), false))
        }
        (_, Kind::List(items)) => {
            if let Some(text) = Text::of(value) {
                let mut literals: Vec<String> = items.iter().map(string_literal).collect::<Option<_>>()?;
                literals.sort();
                literals.dedup();
                return Some(Recognised::Atom(Atom::Equal(text, literals), false));
            }
            let number = Number::of(value)?;
            let mut literals: Vec<i64> = items.iter().map(int_literal).collect::<Option<_>>()?;
            literals.sort_unstable();
            literals.dedup();
            Some(Recognised::Atom(Atom::Among(number, literals), false))
        }
        _ => None,
    }
}

fn string_literal(expr: &Expr) -> Option<String> {
    match &expr.kind {
        Kind::Literal(Literal::String(value)) => Some(value.clone()),
        _ => None,
    }
}

fn int_literal(expr: &Expr) -> Option<i64> {
    match &expr.kind {
        Kind::Literal(Literal::Int(value)) => Some(*value),
        _ => None,
    }
}

fn call<'a>(function: Function, value: &Expr, constant: &str) -> Option<Recognised<'a>> {
    let text = Text::of(value)?;
    let constant_owned = constant.to_owned();
    let atom = match function {
        // Every text holds "", and begins and ends with it.
        Function::Contains | Function::StartsWith | Function::EndsWith if constant.is_empty() => {
            return Some(Recognised::Constant(true));
        }
        Function::Contains => Atom::Contains(text, constant_owned),
        Function::StartsWith => Atom::StartsWith(text, constant_owned),
        Function::EndsWith => Atom::EndsWith(text, constant_owned),
        Function::Matches if plain::pattern(constant).is_some() => Atom::Matches(text, constant_owned),
        _ => return None,
    };
    Some(Recognised::Atom(atom, false))
}
