//! A typed expression as the crate's own tree: exactly what its parser makes of the printed text
//! (node numbers aside, which evaluation does not read).

use cel_interpreter::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr as Cel, IdedEntryExpr, IdedExpr, ListExpr, LiteralValue, MapEntryExpr,
    MapExpr, SelectExpr, operators,
};

use super::super::print;
use super::super::typed::{Accessor, BinaryOp, Expr, Function, Kind, Literal, Macro};

/// What a read of a variable or an accessor becomes.
pub(super) trait Reads {
    /// A variable of the table.
    fn var(&mut self, var: crate::facts::Var) -> Cel;
    /// `request.header("x")` and the like.
    fn access(&mut self, accessor: &Accessor) -> Cel;
    /// The pattern of `matches`, a literal.
    fn pattern(&mut self, pattern: &str) -> Cel;
}

/// Reads as an author writes them.
#[cfg(test)]
pub(super) struct AsWritten;

#[cfg(test)]
impl Reads for AsWritten {
    fn var(&mut self, var: crate::facts::Var) -> Cel {
        let mut segments = var.path().split('.');
        let root = Cel::Ident(segments.next().unwrap_or_default().to_owned());
        segments.fold(root, |operand, field| select(node(operand), field, false))
    }

    fn access(&mut self, accessor: &Accessor) -> Cel {
        let string = |text: &str| node(Cel::Literal(LiteralValue::String(text.to_owned().into())));
        let int = |number: i64| node(Cel::Literal(LiteralValue::Int(number.into())));
        let (name, arguments) = match accessor {
            Accessor::Header(name) => ("header", vec![string(name)]),
            Accessor::HeaderInt(name, absent) => ("header_int", vec![string(name), int(*absent)]),
            Accessor::Meta(name) => ("meta", vec![string(name)]),
            Accessor::MetaInt(name, absent) => ("meta_int", vec![string(name), int(*absent)]),
        };
        member(node(Cel::Ident("request".to_owned())), name, arguments)
    }

    fn pattern(&mut self, pattern: &str) -> Cel {
        Cel::Literal(LiteralValue::String(pattern.to_owned().into()))
    }
}

/// The crate's name of the value that a macro builds up.
const RESULT: &str = "@result";

pub(super) fn node(expr: Cel) -> IdedExpr {
    IdedExpr { id: 0, expr }
}

fn call(name: &str, args: Vec<IdedExpr>) -> Cel {
    Cel::Call(CallExpr { func_name: name.to_owned(), target: None, args })
}

fn member(target: IdedExpr, name: &str, args: Vec<IdedExpr>) -> Cel {
    Cel::Call(CallExpr { func_name: name.to_owned(), target: Some(Box::new(target)), args })
}

fn select(operand: IdedExpr, field: &str, test: bool) -> Cel {
    Cel::Select(SelectExpr { operand: Box::new(operand), field: field.to_owned(), test })
}

fn ident(name: &str) -> IdedExpr {
    node(Cel::Ident(name.to_owned()))
}

fn boolean(value: bool) -> IdedExpr {
    node(Cel::Literal(LiteralValue::Boolean(value.into())))
}

fn int(value: i64) -> IdedExpr {
    node(Cel::Literal(LiteralValue::Int(value.into())))
}

/// The tree of an expression.
pub(super) fn convert(expr: &Expr, reads: &mut dyn Reads) -> IdedExpr {
    node(match &expr.kind {
        Kind::Literal(literal) => convert_literal(literal),
        Kind::Var(var) => reads.var(*var),
        Kind::Access(accessor) => reads.access(accessor),
        Kind::Local(name) => Cel::Ident(name.clone()),
        Kind::Not(inner) => call(operators::LOGICAL_NOT, vec![convert(inner, reads)]),
        Kind::Neg(inner) => call(operators::NEGATE, vec![convert(inner, reads)]),
        Kind::And(items) => return balanced(operators::LOGICAL_AND, all(items, reads)),
        Kind::Or(items) => return balanced(operators::LOGICAL_OR, all(items, reads)),
        Kind::Cond(condition, yes, no) => {
            call(operators::CONDITIONAL, vec![convert(condition, reads), convert(yes, reads), convert(no, reads)])
        }
        Kind::Binary(op, left, right) => call(operator(*op), vec![convert(left, reads), convert(right, reads)]),
        Kind::Call(function, arguments) => convert_call(*function, arguments, reads),
        Kind::List(items) => Cel::List(ListExpr::new(all(items, reads))),
        Kind::Map(entries) => Cel::Map(MapExpr {
            entries: entries
                .iter()
                .map(|(key, value)| IdedEntryExpr {
                    id: 0,
                    expr: EntryExpr::MapEntry(MapEntryExpr {
                        key: convert(key, reads),
                        value: convert(value, reads),
                        optional: false,
                    }),
                })
                .collect(),
        }),
        Kind::Index(value, index) => call(operators::INDEX, vec![convert(value, reads), convert(index, reads)]),
        Kind::Field(value, name) => select(convert(value, reads), name, false),
        Kind::Has(value, name) => select(convert(value, reads), name, true),
        Kind::Macro { kind, range, var, filter, body } => {
            let range = convert(range, reads);
            let filter = filter.as_deref().map(|filter| convert(filter, reads));
            comprehension(*kind, range, var, filter, convert(body, reads))
        }
    })
}

fn all(items: &[Expr], reads: &mut dyn Reads) -> Vec<IdedExpr> {
    items.iter().map(|item| convert(item, reads)).collect()
}

/// The crate's parser makes a balanced tree of a chain, to keep it shallow.
fn balanced(operator: &str, mut terms: Vec<IdedExpr>) -> IdedExpr {
    if terms.len() < 2 {
        return terms.pop().unwrap_or_default();
    }
    // `terms - 1` operators, numbered from 0; operator `middle` joins what is left and right of it.
    let operators = terms.len() - 1;
    let middle = (operators - 1).div_ceil(2);
    let right = terms.split_off(middle + 1);
    node(call(operator, vec![balanced(operator, terms), balanced(operator, right)]))
}

fn operator(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Eq => operators::EQUALS,
        BinaryOp::Ne => operators::NOT_EQUALS,
        BinaryOp::Lt => operators::LESS,
        BinaryOp::Le => operators::LESS_EQUALS,
        BinaryOp::Gt => operators::GREATER,
        BinaryOp::Ge => operators::GREATER_EQUALS,
        BinaryOp::In => operators::IN,
        BinaryOp::Add => operators::ADD,
        BinaryOp::Sub => operators::SUBSTRACT,
        BinaryOp::Mul => operators::MULTIPLY,
        BinaryOp::Div => operators::DIVIDE,
        BinaryOp::Rem => operators::MODULO,
    }
}

fn convert_literal(literal: &Literal) -> Cel {
    let string = |text: String| Cel::Literal(LiteralValue::String(text.into()));
    match literal {
        Literal::Bool(value) => Cel::Literal(LiteralValue::Boolean((*value).into())),
        Literal::Int(value) => Cel::Literal(LiteralValue::Int((*value).into())),
        Literal::Double(value) => Cel::Literal(LiteralValue::Double((*value).into())),
        Literal::String(value) => string(value.clone()),
        Literal::Null => Cel::Literal(LiteralValue::Null),
        Literal::Duration(value) => call("duration", vec![node(string(print::duration_text(value)))]),
        Literal::Timestamp(value) => call("timestamp", vec![node(string(print::timestamp_text(value)))]),
    }
}

fn convert_call(function: Function, arguments: &[Expr], reads: &mut dyn Reads) -> Cel {
    let (name, is_member) = print::function(function);
    match (is_member, arguments.split_first()) {
        (true, Some((receiver, rest))) => {
            let target = convert(receiver, reads);
            let rest = match rest {
                [Expr { kind: Kind::Literal(Literal::String(pattern)), .. }] if function == Function::Matches => {
                    vec![node(reads.pattern(pattern))]
                }
                _ => all(rest, reads),
            };
            member(target, name, rest)
        }
        _ => call(name, all(arguments, reads)),
    }
}

/// What the crate's macros expand to.
fn comprehension(kind: Macro, range: IdedExpr, var: &str, filter: Option<IdedExpr>, body: IdedExpr) -> Cel {
    let append =
        |item: IdedExpr| node(call(operators::ADD, vec![ident(RESULT), node(Cel::List(ListExpr::new(vec![item])))]));
    let when = |filter: IdedExpr, step: IdedExpr| node(call(operators::CONDITIONAL, vec![filter, step, ident(RESULT)]));
    let not_false = |inner: IdedExpr| node(call(operators::NOT_STRICTLY_FALSE, vec![inner]));
    let empty = || node(Cel::List(ListExpr::new(Vec::new())));
    let (accu_init, loop_cond, loop_step, result) = match kind {
        Macro::All => (
            boolean(true),
            not_false(ident(RESULT)),
            node(call(operators::LOGICAL_AND, vec![ident(RESULT), body])),
            ident(RESULT),
        ),
        Macro::Exists => (
            boolean(false),
            not_false(node(call(operators::LOGICAL_NOT, vec![ident(RESULT)]))),
            node(call(operators::LOGICAL_OR, vec![ident(RESULT), body])),
            ident(RESULT),
        ),
        Macro::ExistsOne => (
            int(0),
            boolean(true),
            when(body, node(call(operators::ADD, vec![ident(RESULT), int(1)]))),
            node(call(operators::EQUALS, vec![ident(RESULT), int(1)])),
        ),
        Macro::Filter => (empty(), boolean(true), when(body, append(ident(var))), ident(RESULT)),
        Macro::Map => {
            let step = append(body);
            let step = match filter {
                Some(filter) => when(filter, step),
                None => step,
            };
            (empty(), boolean(true), step, ident(RESULT))
        }
    };
    Cel::Comprehension(Box::new(ComprehensionExpr {
        iter_range: range,
        iter_var: var.to_owned(),
        iter_var2: None,
        accu_var: RESULT.to_owned(),
        accu_init,
        loop_cond,
        loop_step,
        result,
    }))
}
