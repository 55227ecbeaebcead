//! `has`, and the macros that walk a list or a map's keys.

use super::super::ast::{Raw, RawKind};
use super::super::typed::{Expr, Kind, Macro, Type};
use super::{Infer, names};
use crate::bounds::MAX_COMPREHENSION_NESTING;
use crate::diag::{Code, Diagnostic};
use crate::dsl::ast::Word;

/// The macro with this name.
pub(super) fn by_name(name: &str) -> Option<Macro> {
    Some(match name {
        "all" => Macro::All,
        "exists" => Macro::Exists,
        "exists_one" => Macro::ExistsOne,
        "filter" => Macro::Filter,
        "map" => Macro::Map,
        _ => return None,
    })
}

impl Infer<'_, '_> {
    /// `has(m.key)`.
    pub(super) fn has(&mut self, raw: &Raw, arguments: &[Raw]) -> Option<Expr> {
        let [Raw { kind: RawKind::Select(inner, name), span }] = arguments else {
            let finding =
                Diagnostic::new(Code::P0204, raw.span, "`has` takes one field of a map").help("write `has(m.key)`");
            self.report(finding);
            return None;
        };
        if let RawKind::Ident(root) = &inner.kind
            && names::roots().contains(&root.as_str())
            && !self.lets.contains_key(root)
        {
            let text = self.text(*span).to_owned();
            let finding = Diagnostic::new(Code::P0204, *span, format!("`{text}` is always there"))
                .help(format!("compare it with \"\", 0 or false: `{text} != \"\"`"));
            self.report(finding);
            return None;
        }
        let inner = self.expr(inner)?;
        if !matches!(&inner.ty, Type::Map(key, _) if **key == Type::String) {
            let message = format!("`has` asks a map with text keys, this is of type {}", inner.ty);
            self.report(Diagnostic::new(Code::P0204, inner.span, message));
            return None;
        }
        Some(Expr { kind: Kind::Has(Box::new(inner), name.text.clone()), ty: Type::Bool, span: raw.span })
    }

    /// `range.all(v, body)` and its siblings.
    pub(super) fn walk(&mut self, raw: &Raw, kind: Macro, range: &Raw, name: &Word, arguments: &[Raw]) -> Option<Expr> {
        let (var, filter, body) = match arguments {
            [var, body] => (var, None, body),
            [var, filter, body] if kind == Macro::Map => (var, Some(filter), body),
            _ => {
                let message = format!("`{}` takes a name and an expression", name.text);
                let help = format!("write `{}.{}(x, …)`", self.text(range.span), name.text);
                self.report(Diagnostic::new(Code::P0204, name.span, message).help(help));
                return None;
            }
        };
        let RawKind::Ident(local) = &var.kind else {
            self.report(Diagnostic::new(Code::P0204, var.span, "the first argument is a new name, such as `x`"));
            return None;
        };
        if !self.is_new(var, local) {
            return None;
        }
        let range = self.expr(range)?;
        let element = match &range.ty {
            Type::List(element) => (**element).clone(),
            Type::Map(key, _) => (**key).clone(),
            other => {
                let message = format!("`{}` walks over a list or a map, this is of type {other}", name.text);
                self.report(Diagnostic::new(Code::P0202, range.span, message));
                return None;
            }
        };
        if self.locals.len() >= MAX_COMPREHENSION_NESTING {
            let message = format!("`{}` stands more than {MAX_COMPREHENSION_NESTING} deep in others", name.text);
            self.report(
                Diagnostic::new(Code::P0211, name.span, message)
                    .help("each level multiplies the work of the one around it"),
            );
            return None;
        }
        self.locals.push((local.clone(), element.clone()));
        let filter = filter.map(|filter| self.expr(filter));
        let body = self.expr(body);
        self.locals.pop();
        let (filter, body) = (filter.map_or(Some(None), |filter| filter.map(Some))?, body?);
        let tested = if kind == Macro::Map { filter.as_ref() } else { Some(&body) };
        if let Some(tested) = tested.filter(|tested| tested.ty != Type::Bool) {
            let message = format!("`{}` asks something true or false, this is of type {}", name.text, tested.ty);
            let finding = Diagnostic::new(Code::P0202, tested.span, message);
            self.report(finding);
            return None;
        }
        let ty = match kind {
            Macro::All | Macro::Exists | Macro::ExistsOne => Type::Bool,
            Macro::Filter => Type::List(Box::new(element)),
            Macro::Map => Type::List(Box::new(body.ty.clone())),
        };
        let kind = Kind::Macro {
            kind,
            range: Box::new(range),
            var: local.clone(),
            filter: filter.map(Box::new),
            body: Box::new(body),
        };
        Some(Expr { kind, ty, span: raw.span })
    }

    fn is_new(&mut self, var: &Raw, local: &str) -> bool {
        let taken = names::roots().contains(&local)
            || self.lets.contains_key(local)
            || self.locals.iter().any(|(name, _)| name == local);
        if taken {
            let mut finding = Diagnostic::new(Code::P0106, var.span, format!("`{local}` already means something here"))
                .help("choose another name");
            if let Some(found) = self.lets.get(local) {
                finding = finding.also(found.span, "declared here");
            }
            self.report(finding);
        }
        !taken
    }
}
