//! What fits in conditions, facts and the rules that a test names.

use tower_lsp_server::ls_types::CompletionItemKind;

use super::List;
use crate::dsl::expr::typed::Type;
use crate::dsl::words::{self, FUNCTIONS, FunctionEntry, Receiver};
use crate::facts::schema::VARIABLES;
use crate::facts::{FactType, Scope, Var, Variable};
use crate::lsp::hover;
use crate::lsp::syntax::{Kind, StatementKind, Syntax};

impl List<'_> {
    pub(super) fn operand(&mut self, candidate: bool, against: Option<Var>, syntax: &Syntax) {
        if let Some(var) = against {
            self.literals(var);
        }
        if self.quoted {
            return;
        }
        for name in &syntax.visible {
            self.push(name, CompletionItemKind::VARIABLE, "named above", "", None);
        }
        for row in VARIABLES.iter().filter(|row| candidate || row.scope == Scope::Request) {
            self.variable(row, row.path);
        }
        for row in FUNCTIONS.iter().filter(|row| matches!(row.on, Receiver::None | Receiver::Request)) {
            let name = if row.on == Receiver::Request { format!("request.{}", row.name) } else { row.name.to_owned() };
            self.function(row, &name);
        }
        for word in ["true", "false"] {
            self.push(word, CompletionItemKind::KEYWORD, "bool", "", None);
        }
    }

    fn variable(&mut self, row: &Variable, label: &str) {
        let detail = Type::from(row.ty).to_string();
        self.push(label, CompletionItemKind::VARIABLE, &detail, &hover::variable(row.var), None);
    }

    fn function(&mut self, row: &FunctionEntry, label: &str) {
        let insert = match row.arguments {
            [] => format!("{label}()"),
            [one] if one.starts_with('"') && !one.ends_with('?') => format!("{label}(\"$1\")"),
            [first, second] if *first == "x" => format!("{label}(${{1:x}}, ${{2:{second}}})"),
            [first, second] if first.starts_with('"') => format!("{label}(\"$1\", ${{2:{second}}})"),
            [one] if one.ends_with('?') => format!("{label}($1)"),
            _ => format!("{label}($1)"),
        };
        self.push(label, CompletionItemKind::METHOD, &hover::signature(row), row.doc, Some(insert));
    }

    /// The texts that a variable can be.
    fn literals(&mut self, var: Var) {
        let row = var.row();
        let mut texts: Vec<&str> = row.values.to_vec();
        match var {
            Var::TenantId => texts.extend(self.index.names(Kind::Tenant)),
            Var::ModelName | Var::SessionLastModel => texts
                .extend(self.index.declarations().filter(|found| found.word() == "model").map(|found| found.name())),
            Var::ModelProvider => texts.extend(self.index.names(Kind::Provider)),
            Var::ModelTags => texts.extend(self.index.names(Kind::Tag)),
            Var::ModelCan => texts.extend(words::CAPABILITIES.iter().map(|entry| entry.word)),
            _ => {}
        }
        for text in texts {
            let shown = if self.quoted { text.to_owned() } else { format!("\"{text}\"") };
            self.push(&shown, CompletionItemKind::VALUE, row.path, "", None);
        }
    }

    pub(super) fn operators(&mut self, ty: Option<&Type>) {
        let signs: &[&str] = match ty {
            Some(Type::Bool) => &["&&", "||", "==", "!=", "?"],
            Some(Type::String) => &["==", "!=", "in", "+"],
            Some(Type::Int | Type::Double | Type::Timestamp | Type::Duration) => {
                &["==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/"]
            }
            Some(_) => &["==", "!="],
            None => &["&&", "||", "==", "!=", "<", "<=", ">", ">=", "in"],
        };
        self.signs(signs);
    }

    pub(super) fn path(&mut self, root: &str) {
        for row in VARIABLES {
            if let Some(rest) = row.path.strip_prefix(root).and_then(|rest| rest.strip_prefix('.')) {
                self.variable(row, rest);
            }
        }
        if root == "request" {
            for row in FUNCTIONS.iter().filter(|row| row.on == Receiver::Request) {
                self.function(row, row.name);
            }
        }
    }

    pub(super) fn methods(&mut self, ty: Option<&Type>) {
        for row in FUNCTIONS {
            let fits = match (row.on, ty) {
                (Receiver::None | Receiver::Request, _) => false,
                (Receiver::Text | Receiver::Sized, Some(Type::String)) => true,
                (Receiver::Many | Receiver::Sized, Some(Type::List(_) | Type::Map(..))) => true,
                (Receiver::Moment | Receiver::Time, Some(Type::Timestamp)) => true,
                (Receiver::Time, Some(Type::Duration)) => true,
                (_, ty) => ty.is_none(),
            };
            if fits {
                self.function(row, row.name);
            }
        }
    }

    pub(super) fn facts(&mut self, group: &str, present: &[String]) {
        let absent = |key: &str| !present.iter().any(|known| known == key);
        let prefix = if group.is_empty() { "request" } else { group };
        for row in VARIABLES.iter().filter(|row| row.scope == Scope::Request) {
            let Some(key) = row.path.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.')) else { continue };
            if absent(key) {
                let insert = if self.quoted { key.to_owned() } else { format!("{key}: {}", example(row)) };
                self.push(key, CompletionItemKind::FIELD, &Type::from(row.ty).to_string(), row.doc, Some(insert));
            }
        }
        if group.is_empty() && !self.quoted {
            for (key, doc) in [
                ("session", "facts of the conversation"),
                ("tenant", "a declared tenant, or its facts"),
                ("user", "the end user"),
                ("key", "the client key"),
                ("budget", "the tenant's budget"),
                ("header", "request headers by name"),
                ("meta", "metadata values by name"),
                ("now", "the moment, a timestamp in quotes"),
            ] {
                let insert = match key {
                    "tenant" => "tenant: $1".to_owned(),
                    "now" => "now: \"${1:2026-01-31T12:00:00Z}\"".to_owned(),
                    _ => format!("{key}: {{ $1 }}"),
                };
                if absent(key) {
                    self.push(key, CompletionItemKind::STRUCT, doc, "", Some(insert));
                }
            }
        }
    }

    pub(super) fn fact_value(&mut self, var: Option<Var>) {
        let Some(var) = var else { return };
        if var.row().ty == FactType::Bool && !self.quoted {
            for word in ["true", "false"] {
                self.push(word, CompletionItemKind::KEYWORD, "bool", "", None);
            }
        }
        self.literals(var);
    }

    pub(super) fn rules(&mut self, route: &str) {
        let index = self.index;
        for found in index.declarations().filter(|found| found.word() == "route") {
            if route.is_empty() && found.name() != "main" {
                self.push(
                    found.name(),
                    CompletionItemKind::FUNCTION,
                    "route NAME/RULE",
                    "",
                    Some(format!("{}/", found.name())),
                );
            }
            if !route.is_empty() && found.name() != route {
                continue;
            }
            for statement in &found.item.statements {
                let name = found.document.slice(&statement.name);
                let rule = matches!(statement.kind, StatementKind::Rule | StatementKind::Default);
                if rule && !name.is_empty() {
                    self.push(name, CompletionItemKind::EVENT, found.name(), "", None);
                }
            }
        }
    }
}

/// A value as an example, to be typed over.
fn example(row: &Variable) -> String {
    match row.ty {
        FactType::Bool => "${1:true}".to_owned(),
        FactType::Int => "${1:1}".to_owned(),
        FactType::Double => "${1:0.5}".to_owned(),
        FactType::List => "[\"$1\"]".to_owned(),
        FactType::Str | FactType::Time => "\"$1\"".to_owned(),
    }
}
