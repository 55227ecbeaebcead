//! Routes: statements and targets.

use super::{Expect, Kind, Role, Statement, StatementKind, Walk};
use crate::dsl::fields::Block;
use crate::dsl::lex::TokenKind;

/// The words that say how to choose, from the table of words.
const CHOICES: &[&str] = &["first", "cheapest", "fastest", "best", "balanced", "idlest", "rotate", "adaptive"];

impl Walk<'_> {
    /// `{ (field | statement)* }`; true when it is whole.
    pub(super) fn route_body(&mut self) -> bool {
        if !self.sign(&["{"]) {
            return false;
        }
        let mut present = Vec::new();
        loop {
            if self.end(|_| Expect::Statement(present.clone())) {
                self.sealed = true;
                return false;
            }
            let Some(token) = self.peek() else { return false };
            if token.kind == TokenKind::Close(b'}') {
                self.take(token);
                return true;
            }
            let field = self.peek_second().is_some_and(|second| self.text_of(second) == ":");
            let start = token.start;
            let name = match self.text_of(token) {
                _ if field => {
                    self.field_or_skip(Some(Block::Options), &mut present);
                    continue;
                }
                "let" => self.let_statement(),
                "rule" => self.rule(),
                "default" => self.default(),
                _ => {
                    self.skip();
                    continue;
                }
            };
            let (kind, name) = name;
            self.statements.push(Statement { kind, name, range: start..self.at });
        }
    }

    fn let_statement(&mut self) -> (StatementKind, std::ops::Range<usize>) {
        self.word(&["let"], &Role::Keyword);
        let name = self.let_name();
        self.sign(&["="]);
        let ty = self.expr(false);
        let text = self.slice(&name).to_owned();
        if !text.is_empty() && !self.sealed {
            self.lets.push((text, ty));
        }
        (StatementKind::Let, name)
    }

    /// A `let`'s name ends where an expression's name would.
    fn let_name(&mut self) -> std::ops::Range<usize> {
        self.declares(Kind::Let)
    }

    fn rule(&mut self) -> (StatementKind, std::ops::Range<usize>) {
        self.word(&["rule"], &Role::Keyword);
        let unnamed = self.peek().is_some_and(|token| self.text_of(token) == "when")
            && self.peek_second().is_none_or(|second| self.text_of(second) != "when");
        let name = if unnamed { self.at..self.at } else { self.declares(Kind::Rule) };
        if self.word(&["when"], &Role::Keyword).is_some() {
            self.expr(false);
        }
        self.arrow_and_target();
        (StatementKind::Rule, name)
    }

    fn default(&mut self) -> (StatementKind, std::ops::Range<usize>) {
        let token = self.peek();
        let name = token.map_or(self.at..self.at, |token| token.start..token.end);
        let route = self.route.clone();
        self.mark_in(name.clone(), Role::Declares(Kind::Rule), &route);
        if let Some(token) = token {
            self.take(token);
        }
        self.arrow_and_target();
        (StatementKind::Default, name)
    }

    fn arrow_and_target(&mut self) {
        if self.sign(&["->"]) {
            self.target();
            if !self.end(|_| Expect::Words(&["with"])) && self.word_if(&["with"], &Role::Keyword).is_some() {
                self.deeper(|walk| walk.body(Block::Options));
            }
        }
    }

    fn target(&mut self) {
        loop {
            let (at, sealed) = (self.at, self.sealed);
            self.attempt();
            if self.sealed && !sealed {
                return;
            }
            self.end(|_| Expect::Words(&["then"]));
            if self.word_if(&["then"], &Role::Keyword).is_none() || self.at == at {
                return;
            }
        }
    }

    /// One attempt.
    pub(super) fn attempt(&mut self) {
        if self.needs(|_| Expect::Attempt) {
            return;
        }
        let Some(token) = self.peek() else { return };
        if token.kind != TokenKind::Word || self.at_statement(token) {
            return;
        }
        match self.text_of(token) {
            "then" | "with" => {}
            "split" => self.deeper(Self::split),
            "route" => {
                self.word_if(&["route"], &Role::Keyword);
                self.refers(Kind::Route);
            }
            "reject" => {
                self.word_if(&["reject"], &Role::Keyword);
                if self.needs(|_| Expect::Words(&["400", "403", "429", "503"])) {
                    return;
                }
                for _ in 0..2 {
                    if let Some(next) = self.peek()
                        && matches!(next.kind, TokenKind::Number | TokenKind::String(_))
                    {
                        self.plain(next);
                    }
                }
            }
            word if CHOICES.contains(&word) => self.choice(),
            _ => {
                self.mark(token.start..token.end, Role::Refers(Kind::Member));
                self.take(token);
            }
        }
    }

    fn choice(&mut self) {
        self.word_if(CHOICES, &Role::Choice);
        if self.word(&["of"], &Role::Keyword).is_none() {
            return;
        }
        self.set();
        if self.sealed {
            return;
        }
        if !self.end(|_| Expect::Words(&["where"])) && self.word_if(&["where"], &Role::Keyword).is_some() {
            self.expr(true);
        }
    }

    fn set(&mut self) {
        if self.needs(|_| Expect::Set) {
            return;
        }
        let Some(token) = self.peek() else { return };
        let opens = self.peek_second().is_some_and(|second| second.kind == TokenKind::Open(b'('));
        match token.kind {
            TokenKind::Open(b'[') => drop(self.names()),
            TokenKind::Word if self.text_of(token) == "tag" && opens => {
                self.word_if(&["tag"], &Role::Keyword);
                self.sign(&["("]);
                self.refers(Kind::Tag);
                self.sign(&[")"]);
            }
            TokenKind::Word if !self.at_statement(token) => {
                self.mark(token.start..token.end, Role::Refers(Kind::Member));
                self.take(token);
            }
            _ => {}
        }
    }

    fn split(&mut self) {
        self.word_if(&["split"], &Role::Keyword);
        if !self.sign(&["{"]) {
            return;
        }
        let from = self.at;
        loop {
            if self.needs(|_| Expect::Arm) {
                return;
            }
            let Some(token) = self.peek() else { return };
            match token.kind {
                TokenKind::Close(b'}') => {
                    self.take(token);
                    self.group(from);
                    break;
                }
                TokenKind::Close(_) => return,
                TokenKind::Word if self.at_statement(token) => return,
                TokenKind::Number => {
                    self.plain(token);
                    self.attempt();
                    if self.sealed {
                        return;
                    }
                    self.sign_if(&[","]);
                }
                _ => self.skip(),
            }
        }
        if !self.end(|_| Expect::Words(&["by"])) && self.word_if(&["by"], &Role::Keyword).is_some() {
            self.expr(false);
        }
    }
}
