//! Test blocks: facts, live state, outcomes.

use std::ops::Range;

use super::{Expect, Kind, Role, Statement, StatementKind, Walk, inner};
use crate::dsl::lex::TokenKind;
use crate::facts::Var;

/// Groups of facts that hold free keys.
const FREE: &[&str] = &["header", "meta"];

impl Walk<'_> {
    /// `{ case* }`; true when it is whole.
    pub(super) fn test_body(&mut self) -> bool {
        if !self.sign(&["{"]) {
            return false;
        }
        loop {
            if self.end(|_| Expect::Case) {
                self.sealed = true;
                return false;
            }
            let Some(token) = self.peek() else { return false };
            if token.kind == TokenKind::Close(b'}') {
                self.take(token);
                return true;
            }
            if self.text_of(token) == "given" {
                self.case();
            } else {
                self.skip();
            }
        }
    }

    fn case(&mut self) {
        let Some(token) = self.peek() else { return };
        let start = token.start;
        self.word_if(&["given"], &Role::Keyword);
        self.deeper(|walk| walk.facts(""));
        if !self.sealed {
            self.end(|_| Expect::Words(&["state"]));
        }
        if self.word_if(&["state"], &Role::Keyword).is_some() {
            self.deeper(Self::state);
        }
        if self.sign(&["->"]) {
            self.outcome();
        }
        self.statements.push(Statement { kind: StatementKind::Case, name: start..token.end, range: start..self.at });
    }

    /// `{ text: "…", session: { turns: 1 } }`.
    fn facts(&mut self, group: &str) {
        if !self.sign(&["{"]) {
            return;
        }
        let mut present: Vec<String> = Vec::new();
        loop {
            if self.needs(|_| Expect::Fact(group.to_owned(), present.clone())) {
                return;
            }
            let Some(token) = self.peek() else { return };
            match token.kind {
                TokenKind::Close(b'}') => return self.take(token),
                TokenKind::Word if self.at_statement(token) => return,
                TokenKind::Word | TokenKind::String(_) => {
                    let range =
                        if token.kind == TokenKind::Word { token.start..token.end } else { inner(self.text, token) };
                    let key = self.slice(&range).to_owned();
                    self.take(token);
                    self.fact(group, &key, range);
                    present.push(key);
                }
                _ if self.text_of(token) == "," => self.take(token),
                _ => self.skip(),
            }
        }
    }

    fn fact(&mut self, group: &str, key: &str, range: Range<usize>) {
        let free = FREE.contains(&group);
        let path = match group {
            "" => Var::from_path(&format!("request.{key}")).or_else(|| Var::from_path(key)),
            group => Var::from_path(&format!("{group}.{key}")),
        };
        self.mark(range, if free || path.is_none() { Role::Key(None) } else { Role::Variable(path) });
        if !self.sign(&[":"]) {
            return;
        }
        let tenant = group.is_empty() && key == "tenant";
        let ended = self.needs(|_| if tenant { Expect::Name(Kind::Tenant) } else { Expect::FactValue(path) });
        if ended {
            return;
        }
        let Some(token) = self.peek() else { return };
        match token.kind {
            TokenKind::Open(b'{') => self.deeper(|walk| walk.facts(if group.is_empty() { key } else { "?" })),
            TokenKind::Word if tenant => {
                self.mark(token.start..token.end, Role::Refers(Kind::Tenant));
                self.take(token);
            }
            TokenKind::String(_) if tenant => {
                self.mark(inner(self.text, token), Role::Refers(Kind::Tenant));
                self.take(token);
            }
            TokenKind::Open(b'[') => self.fact_list(path),
            TokenKind::Close(_) => {}
            TokenKind::Word if self.at_statement(token) => {}
            _ => self.plain(token),
        }
    }

    fn fact_list(&mut self, var: Option<Var>) {
        self.sign_if(&["["]);
        loop {
            if self.needs(|_| Expect::FactValue(var)) {
                return;
            }
            let Some(token) = self.peek() else { return };
            match token.kind {
                TokenKind::Close(b']') => return self.take(token),
                TokenKind::Close(_) => return,
                TokenKind::Word if self.at_statement(token) => return,
                _ => self.skip(),
            }
        }
    }

    /// `{ mini: { healthy: false } }`.
    fn state(&mut self) {
        if !self.sign(&["{"]) {
            return;
        }
        loop {
            if self.needs(|_| Expect::Name(Kind::Member)) {
                return;
            }
            let Some(token) = self.peek() else { return };
            match token.kind {
                TokenKind::Close(b'}') => return self.take(token),
                TokenKind::Word if self.at_statement(token) => return,
                TokenKind::Word => {
                    self.mark(token.start..token.end, Role::Refers(Kind::Member));
                    self.take(token);
                    if self.sign(&[":"]) {
                        self.deeper(Self::live);
                    }
                }
                _ => self.skip(),
            }
        }
    }

    fn live(&mut self) {
        if !self.sign(&["{"]) {
            return;
        }
        let mut present = Vec::new();
        loop {
            if self.needs(|_| Expect::Live(present.clone())) {
                return;
            }
            let Some(token) = self.peek() else { return };
            match token.kind {
                TokenKind::Close(b'}') => return self.take(token),
                TokenKind::Word if self.at_statement(token) => return,
                _ if self.text_of(token) == "," => self.take(token),
                TokenKind::Word => {
                    let key = self.text_of(token);
                    self.mark(token.start..token.end, Role::Key(None));
                    present.push(key.to_owned());
                    self.take(token);
                    let var = Var::from_path(&format!("model.{key}"));
                    if self.sign(&[":"])
                        && !self.needs(|_| Expect::FactValue(var))
                        && let Some(value) = self.peek()
                        && !matches!(value.kind, TokenKind::Close(_))
                    {
                        self.plain(value);
                    }
                }
                _ => self.skip(),
            }
        }
    }

    fn outcome(&mut self) {
        if self.needs(|_| Expect::Outcome) {
            return;
        }
        if self.word_if(&["reject"], &Role::Keyword).is_some() {
            if self.needs(|_| Expect::Words(&["400", "403", "429", "503"])) {
                return;
            }
            if let Some(token) = self.peek().filter(|token| token.kind == TokenKind::Number) {
                self.plain(token);
            }
        } else {
            loop {
                if self.refers(Kind::Member).is_none() {
                    return;
                }
                self.end(|_| Expect::Words(&["then", "by"]));
                if self.word_if(&["then"], &Role::Keyword).is_none() {
                    break;
                }
            }
        }
        self.end(|_| Expect::Words(&["by"]));
        if self.word_if(&["by"], &Role::Keyword).is_some() {
            self.rule_name();
        }
    }

    /// `by a/b`: routes, then a rule.
    fn rule_name(&mut self) {
        let mut route = self.route.clone();
        let mut bare = true;
        loop {
            if self.needs(|_| Expect::RuleName(if bare { String::new() } else { route.clone() })) {
                return;
            }
            let Some(token) = self.peek().filter(|token| token.kind == TokenKind::Word) else { return };
            if self.at_statement(token) && self.text_of(token) != "default" {
                return;
            }
            let range = token.start..token.end;
            self.take(token);
            let slash = self.peek().filter(|next| next.start == token.end && self.text_of(*next) == "/");
            let Some(slash) = slash else {
                let scope = if bare { String::new() } else { route };
                self.mark_in(range, Role::Refers(Kind::Rule), &scope);
                return;
            };
            route = self.slice(&range).to_owned();
            bare = false;
            self.mark(range, Role::Refers(Kind::Route));
            self.take(slash);
        }
    }
}
