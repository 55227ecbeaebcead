//! Conditions: operands, operators, and types as far as they are clear without a checker.

use std::ops::Range;

use super::{Call, Expect, Kind, Role, Walk, inner};
use crate::dsl::expr::typed::Type;
use crate::dsl::lex::{Token, TokenKind};
use crate::dsl::words::{FUNCTIONS, FunctionEntry, Gives, Receiver};
use crate::facts::Var;
use crate::facts::schema::VARIABLES;

/// Words that end an expression.
const FOLLOW: &[&str] = &["then", "with", "require", "rule", "default", "when", "where", "by", "given", "state", "let"];

/// One operand.
#[derive(Default)]
struct Operand {
    ty: Option<Type>,
    /// it is this variable
    var: Option<Var>,
    /// it is this string, or a list of these
    strings: Vec<Range<usize>>,
}

impl Walk<'_> {
    /// The next token inside an expression, where `-` and `.` never belong to a word.
    fn piece(&self) -> Option<Token> {
        let mut token = self.peek()?;
        let text = self.text_of(token);
        let cut = match token.kind {
            TokenKind::Word => text.find(['-', '.']),
            TokenKind::Number => text.find(['-', '/', ':', '%', '$']).filter(|at| *at > 0),
            _ => None,
        };
        if let Some(cut) = cut {
            token.end = token.start + cut;
        }
        Some(token)
    }

    fn piece_text(&self) -> &str {
        self.piece().map_or("", |token| self.text_of(token))
    }

    /// Walks over an expression; its type as far as it is clear. `candidate`: `model.…` is seen.
    pub(super) fn expr(&mut self, candidate: bool) -> Option<Type> {
        self.deeper(|walk| walk.binary(candidate))
    }

    fn binary(&mut self, candidate: bool) -> Option<Type> {
        let mut boolean = false;
        let mut first: Option<Type> = None;
        let mut before: Option<Operand> = None;
        loop {
            let against = before.as_ref().and_then(|operand| operand.var);
            let operand = self.operand(candidate, against)?;
            if let Some(before) = &before {
                self.compared(before, &operand);
            } else if first.is_none() {
                first.clone_from(&operand.ty);
            }
            if self.sealed {
                return None;
            }
            let ty = if boolean { Some(Type::Bool) } else { first.clone() };
            self.end(|_| Expect::Operator(operand.ty.clone()));
            let Some(token) = self.piece() else { return ty };
            match self.text_of(token) {
                "&&" | "||" => {
                    (boolean, before) = (true, None);
                }
                "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" => {
                    (boolean, before) = (true, Some(operand));
                }
                "+" | "-" | "*" | "/" | "%" => before = Some(Operand::default()),
                "?" => {
                    self.operator(token);
                    let yes = self.expr(candidate);
                    if self.sealed || !self.sign(&[":"]) {
                        return yes;
                    }
                    return self.expr(candidate).or(yes);
                }
                _ => return ty,
            }
            self.operator(token);
        }
    }

    fn operator(&mut self, token: Token) {
        let word = token.kind == TokenKind::Word;
        self.mark(token.start..token.end, if word { Role::Keyword } else { Role::Operator });
        self.take(token);
    }

    /// A string that is compared with a variable that holds names is one of these names.
    fn compared(&mut self, left: &Operand, right: &Operand) {
        for (one, other) in [(left, right), (right, left)] {
            let kind = match one.var {
                Some(Var::TenantId) => Kind::Tenant,
                Some(Var::ModelName | Var::SessionLastModel) => Kind::Member,
                Some(Var::ModelProvider) => Kind::Provider,
                Some(Var::ModelTags) => Kind::Tag,
                _ => continue,
            };
            for range in &other.strings {
                if let Some(mark) = self.out.marks.iter_mut().rev().find(|mark| mark.range == *range) {
                    mark.role = Role::Refers(kind);
                }
            }
        }
    }

    fn operand(&mut self, candidate: bool, against: Option<Var>) -> Option<Operand> {
        loop {
            if self.needs(|_| Expect::Operand { candidate, against }) {
                return None;
            }
            let token = self.piece()?;
            if !matches!(self.text_of(token), "!" | "-") {
                break;
            }
            self.operator(token);
        }
        let token = self.piece()?;
        let mut operand = match token.kind {
            TokenKind::Open(b'(') => {
                self.take(token);
                let ty = self.expr(candidate);
                if self.sealed {
                    return None;
                }
                self.sign(&[")"]);
                Operand { ty, ..Operand::default() }
            }
            TokenKind::Open(b'[') => self.deeper(|walk| walk.list_literal(candidate, against)),
            TokenKind::Open(b'{') => self.deeper(|walk| walk.map_literal(candidate)),
            TokenKind::String(_) => {
                let range = inner(self.text, token);
                self.mark(range.clone(), Role::Text);
                self.take(token);
                Operand { ty: Some(Type::String), strings: vec![range], ..Operand::default() }
            }
            TokenKind::Number => {
                let ty = if self.text_of(token).contains('.') { Type::Double } else { Type::Int };
                self.mark(token.start..token.end, Role::Number);
                self.take(token);
                Operand { ty: Some(ty), ..Operand::default() }
            }
            TokenKind::Word if !FOLLOW.contains(&self.text_of(token)) => self.named(token, candidate),
            _ => return None,
        };
        while !self.sealed && self.postfix(&mut operand, candidate) {}
        (!self.sealed).then_some(operand)
    }

    fn list_literal(&mut self, candidate: bool, against: Option<Var>) -> Operand {
        self.sign_if(&["["]);
        let mut strings = Vec::new();
        let mut element = None;
        loop {
            if self.needs(|_| Expect::Operand { candidate, against }) {
                break;
            }
            let Some(token) = self.piece() else { break };
            if token.kind == TokenKind::Close(b']') {
                self.take(token);
                break;
            }
            if self.text_of(token) == "," {
                self.take(token);
                continue;
            }
            let at = self.at;
            let string = matches!(token.kind, TokenKind::String(_)).then(|| inner(self.text, token));
            element = self.expr(candidate).or(element);
            strings.extend(string);
            if self.at == at || self.sealed {
                break;
            }
        }
        let ty = element.map(|element| Type::List(Box::new(element)));
        Operand { ty, strings, var: None }
    }

    fn map_literal(&mut self, candidate: bool) -> Operand {
        self.sign_if(&["{"]);
        loop {
            let at = self.at;
            if self.sign_if(&["}"]) {
                break;
            }
            self.expr(candidate);
            if self.sealed || !self.sign(&[":"]) {
                break;
            }
            self.expr(candidate);
            self.sign_if(&[","]);
            if self.sealed || self.at == at {
                break;
            }
        }
        Operand::default()
    }

    /// A name: a variable, a `let`, a function.
    fn named(&mut self, token: Token, candidate: bool) -> Operand {
        let range = token.start..token.end;
        let name = self.text_of(token).to_owned();
        self.take(token);
        if matches!(name.as_str(), "true" | "false" | "null") {
            self.mark(range, Role::Keyword);
            let ty = if name == "null" { Type::Null } else { Type::Bool };
            return Operand { ty: Some(ty), ..Operand::default() };
        }
        if self.piece_text() == "(" {
            self.mark(range, Role::Function);
            let ty = self.call(&name, false, None, candidate);
            return Operand { ty, ..Operand::default() };
        }
        let known = |list: &[(String, Option<Type>)]| list.iter().rev().find(|(known, _)| *known == name).cloned();
        if let Some((_, ty)) = known(&self.locals) {
            self.mark(range, Role::Local);
            return Operand { ty, ..Operand::default() };
        }
        if let Some((_, ty)) = known(&self.lets) {
            let route = self.route.clone();
            self.mark_in(range, Role::Refers(Kind::Let), &route);
            return Operand { ty, ..Operand::default() };
        }
        if self.piece_text() == "." && is_root(&name) {
            return self.path(&name, range, candidate);
        }
        let var = Var::from_path(&name);
        self.mark(range, Role::Variable(var));
        Operand { ty: var.map(|var| Type::from(var.row().ty)), var, ..Operand::default() }
    }

    /// `request.text`, `request.header("x")`.
    fn path(&mut self, root: &str, range: Range<usize>, candidate: bool) -> Operand {
        self.sign_dot();
        if self.needs(|_| Expect::Path(root.to_owned())) {
            self.mark(range, Role::Variable(None));
            return Operand::default();
        }
        let Some(token) = self.piece().filter(|token| token.kind == TokenKind::Word && token.start == self.at) else {
            self.mark(range, Role::Variable(None));
            return Operand::default();
        };
        let name = self.text_of(token).to_owned();
        self.take(token);
        if self.piece_text() == "(" {
            self.mark(range, Role::Variable(None));
            self.mark(token.start..token.end, Role::Function);
            let receiver = if root == "request" { Some(Receiver::Request) } else { None };
            let ty = self.call(&name, true, receiver, candidate);
            return Operand { ty, ..Operand::default() };
        }
        let var = Var::from_path(&format!("{root}.{name}"));
        self.mark(range.start..token.end, Role::Variable(var));
        Operand { ty: var.map(|var| Type::from(var.row().ty)), var, ..Operand::default() }
    }

    fn sign_dot(&mut self) {
        if let Some(token) = self.piece() {
            self.take(token);
        }
    }

    /// `.name(…)`, `.name`, `[i]`; false when nothing like it follows.
    fn postfix(&mut self, operand: &mut Operand, candidate: bool) -> bool {
        let Some(token) = self.piece() else { return false };
        match self.text_of(token) {
            "." => {
                self.take(token);
                let ty = operand.ty.clone();
                if self.needs(|_| Expect::Method(ty)) {
                    return false;
                }
                let Some(name) = self.piece().filter(|name| name.kind == TokenKind::Word && name.start == token.end)
                else {
                    return false;
                };
                let text = self.text_of(name).to_owned();
                self.take(name);
                if self.piece_text() == "(" {
                    self.mark(name.start..name.end, Role::Function);
                    let element = match &operand.ty {
                        Some(Type::List(element)) => Some((**element).clone()),
                        Some(Type::Map(key, _)) => Some((**key).clone()),
                        _ => None,
                    };
                    let receiver = operand.ty.clone();
                    let ty = self.method(&text, receiver, element, candidate);
                    *operand = Operand { ty, ..Operand::default() };
                } else {
                    self.mark(name.start..name.end, Role::Word);
                    *operand = Operand::default();
                }
                true
            }
            "[" if token.start == self.at => {
                self.take(token);
                self.expr(candidate);
                if self.sealed {
                    return false;
                }
                let ty = match operand.ty.take() {
                    Some(Type::List(element)) => Some(*element),
                    Some(Type::Map(_, value)) => Some(*value),
                    _ => None,
                };
                *operand = Operand { ty, ..Operand::default() };
                self.sign(&["]"])
            }
            _ => false,
        }
    }

    fn method(&mut self, name: &str, receiver: Option<Type>, element: Option<Type>, candidate: bool) -> Option<Type> {
        let walks = FUNCTIONS.iter().any(|row| row.name == name && row.on == Receiver::Many);
        let mut local = None;
        if walks
            && let Some(open) = self.piece()
            && let Some(var) = crate::dsl::lex::Lexer::new(self.text, open.end).next()
            && var.kind == TokenKind::Word
        {
            local = Some((self.text_of(var).to_owned(), element));
        }
        let scoped = local.is_some();
        self.locals.extend(local);
        let ty = self.call(name, true, None, candidate);
        if scoped {
            self.locals.pop();
        }
        match name {
            "filter" => receiver,
            _ => ty,
        }
    }

    /// `(…)` behind a function's name.
    fn call(&mut self, name: &str, method: bool, on: Option<Receiver>, candidate: bool) -> Option<Type> {
        if let Some(open) = self.piece() {
            self.take(open);
        }
        self.calls.push(Call { name: name.to_owned(), method, argument: 0 });
        loop {
            if self.needs(|_| Expect::Operand { candidate, against: None }) {
                break;
            }
            let Some(token) = self.piece() else { break };
            if token.kind == TokenKind::Close(b')') {
                self.take(token);
                break;
            }
            if self.text_of(token) == "," {
                self.take(token);
                if let Some(call) = self.calls.last_mut() {
                    call.argument += 1;
                }
                continue;
            }
            let at = self.at;
            self.expr(candidate);
            if self.sealed || self.at == at {
                break;
            }
        }
        self.calls.pop();
        let row = FUNCTIONS.iter().find(|row| row.name == name && fits(row, method, on));
        row.map(|row| given_type(row.gives))
    }
}

fn fits(row: &FunctionEntry, method: bool, on: Option<Receiver>) -> bool {
    match on {
        Some(on) => row.on == on,
        None => (row.on != Receiver::None) == method && row.on != Receiver::Request,
    }
}

fn given_type(gives: Gives) -> Type {
    match gives {
        Gives::Bool => Type::Bool,
        Gives::Int => Type::Int,
        Gives::Double => Type::Double,
        Gives::Text => Type::String,
        Gives::Duration => Type::Duration,
        Gives::Timestamp => Type::Timestamp,
        Gives::List => Type::List(Box::new(Type::String)),
    }
}

/// A first word of the table's paths.
pub(super) fn is_root(name: &str) -> bool {
    VARIABLES.iter().any(|row| row.path.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}
