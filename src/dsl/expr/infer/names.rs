//! Names: variables of the table, `let`s, variables of macros.

use super::super::ast::{Raw, RawKind};
use super::super::typed::{Expr, Kind, Type};
use super::{Infer, Phase};
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic, Edit, Span};
use crate::dsl::ast::Word;
use crate::facts::schema::{ACCESSORS, VARIABLES};
use crate::facts::{Scope, Var};

/// First words of the table's paths, each once.
pub(crate) fn roots() -> Vec<&'static str> {
    let mut roots: Vec<&'static str> = Vec::new();
    for row in VARIABLES {
        let root = row.path.split('.').next().unwrap_or(row.path);
        if !roots.contains(&root) {
            roots.push(root);
        }
    }
    roots
}

/// The names behind `root.` in the table.
pub(super) fn fields_of(root: &str) -> Vec<&'static str> {
    let fields = VARIABLES.iter().filter_map(|row| row.path.strip_prefix(root)?.strip_prefix('.'));
    fields.collect()
}

impl Infer<'_, '_> {
    /// A name on its own.
    pub(super) fn name(&mut self, raw: &Raw, name: &str) -> Option<Expr> {
        if let Some((_, ty)) = self.locals.iter().rev().find(|(local, _)| local == name) {
            return Some(Expr { kind: Kind::Local(name.to_owned()), ty: ty.clone(), span: raw.span });
        }
        if let Some(found) = self.lets.get_mut(name) {
            found.used = true;
            self.nodes = self.nodes.saturating_add(found.nodes);
            // What would grow too large is not copied; the caller reports it.
            let small = self.nodes <= crate::bounds::MAX_EXPRESSION_NODES
                && found.height <= crate::bounds::MAX_EXPRESSION_HEIGHT;
            return match &found.expr {
                Some(expr) if small => Some(expr.clone()),
                Some(expr) => Some(Expr { kind: Kind::Var(Var::Now), ty: expr.ty.clone(), span: raw.span }),
                None => None,
            };
        }
        if let Some(var) = Var::from_path(name) {
            return self.variable(raw.span, var);
        }
        let fields = fields_of(name);
        if !fields.is_empty() {
            let mut shown: Vec<String> = fields.iter().take(3).map(|field| format!("`{name}.{field}`")).collect();
            if fields.len() > 3 {
                shown.push("…".to_owned());
            }
            let message = format!("`{name}` is not a value");
            let help = match fields.as_slice() {
                [only] => format!("write `{name}.{only}`"),
                _ => format!("its fields are: {}", shown.join(", ")),
            };
            self.report(Diagnostic::new(Code::P0101, raw.span, message).help(help));
            return None;
        }
        self.unknown(raw.span, name);
        None
    }

    pub(super) fn unknown(&mut self, span: Span, name: &str) {
        let finding = Diagnostic::new(Code::P0101, span, format!("no variable `{name}`")).label("not known here");
        let known = roots();
        let own: Vec<String> =
            self.lets.keys().cloned().chain(self.locals.iter().map(|(local, _)| local.clone())).collect();
        let near = nearest(name, known.iter().copied().chain(own.iter().map(String::as_str)));
        let finding = match near {
            Some(near) => finding.help(format!("`{near}` has a similar name")).fix(
                format!("replace it by `{near}`"),
                false,
                vec![Edit { span, text: near.to_owned() }],
            ),
            None if self.is_declared(name) => {
                finding.help(format!("a name inside an expression is a string: write `\"{name}\"`"))
            }
            None => match VARIABLES.iter().find(|row| row.path.split('.').next_back() == Some(name)) {
                Some(row) => finding.help(format!("did you mean `{}`?", row.path)),
                None => finding,
            },
        };
        self.report(finding);
    }

    fn is_declared(&self, name: &str) -> bool {
        let declared = self.shared.declared;
        [&declared.models, &declared.providers, &declared.tenants, &declared.model_tags]
            .iter()
            .any(|set| set.contains(name))
    }

    fn variable(&mut self, span: Span, var: Var) -> Option<Expr> {
        let row = var.row();
        if row.scope == Scope::Model && self.phase != Phase::Candidate {
            let finding = Diagnostic::new(Code::P0105, span, format!("`{}` is not known here", row.path))
                .label("no model has been chosen yet")
                .help("`model.…` stands in `where` and `require`, where a candidate is being judged");
            self.report(finding);
            return None;
        }
        Some(Expr { kind: Kind::Var(var), ty: Type::from(row.ty), span })
    }

    /// `x.name`: a path of the table, or a map's key.
    pub(super) fn select(&mut self, raw: &Raw, inner: &Raw, name: &Word) -> Option<Expr> {
        if let RawKind::Ident(root) = &inner.kind {
            let own = self.locals.iter().any(|(local, _)| local == root) || self.lets.contains_key(root);
            let fields = fields_of(root);
            if !own && !fields.is_empty() {
                return self.path(raw, root, &fields, name);
            }
        }
        let inner = self.expr(inner)?;
        let Type::Map(key, value) = &inner.ty else {
            let message = format!("a value of type {} has no field `{}`", inner.ty, name.text);
            let finding = Diagnostic::new(Code::P0202, name.span, message);
            let known = super::calls::METHODS.iter().any(|(method, _)| *method == name.text);
            self.report(if known { finding.help(format!("call it: `{}()`", name.text)) } else { finding });
            return None;
        };
        if **key != Type::String {
            let message = format!("`.{}` reads a map by text, its keys are of type {key}", name.text);
            self.report(Diagnostic::new(Code::P0202, name.span, message));
            return None;
        }
        let ty = (**value).clone();
        Some(Expr { kind: Kind::Field(Box::new(inner), name.text.clone()), ty, span: raw.span })
    }

    fn path(&mut self, raw: &Raw, root: &str, fields: &[&str], name: &Word) -> Option<Expr> {
        let path = format!("{root}.{}", name.text);
        if let Some(var) = Var::from_path(&path) {
            return self.variable(raw.span, var);
        }
        let accessor = root == "request" && ACCESSORS.iter().any(|(accessor, _)| *accessor == name.text);
        let plural = root == "request" && matches!(name.text.as_str(), "headers" | "metadata");
        let finding = Diagnostic::new(Code::P0101, name.span, format!("no variable `{path}`"))
            .label(format!("`{root}` has no such field"));
        let finding = if accessor {
            finding.help(format!("it takes a name: `{path}(\"…\")`"))
        } else if plural {
            let one = if name.text == "headers" { "header" } else { "meta" };
            finding.help(format!("one by its name: `request.{one}(\"…\")`"))
        } else {
            match nearest(&name.text, fields.iter().copied()) {
                Some(near) => finding.help(format!("`{near}` has a similar name")).fix(
                    format!("replace it by `{near}`"),
                    false,
                    vec![Edit { span: name.span, text: near.to_owned() }],
                ),
                None => finding.help(format!("`{root}` has: {}", fields.join(", "))),
            }
        };
        self.report(finding);
        None
    }
}
