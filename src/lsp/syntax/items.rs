//! Declarations, their fields and values.

use std::ops::Range;

use super::{Expect, FieldNode, Item, Kind, Role, Walk, inner};
use crate::dsl::fields::{self, Block, Form};
use crate::dsl::lex::{Lexer, Token, TokenKind};
use crate::dsl::transform::table;

impl Walk<'_> {
    /// Walks over one declaration; true when it is whole.
    pub(super) fn item(&mut self) -> bool {
        let Some(first) = self.peek() else { return true };
        let start = first.start;
        let word = self.text_of(first);
        let known = crate::dsl::scan::ITEM_WORDS.contains(&word);
        let role = if known { Role::Keyword } else { Role::Word };
        self.mark(first.start..first.end, role);
        self.take(first);
        let mut item = Item { word: first.start..first.end, ..Item::default() };
        let whole = self.item_inside(word, &mut item);
        item.range = start..self.at;
        item.fields = std::mem::take(&mut self.fields);
        item.statements = std::mem::take(&mut self.statements);
        self.out.groups.push(start..self.at);
        self.out.items.push(item);
        whole
    }

    /// What stands behind a declaration's first word; true when it is whole.
    fn item_inside(&mut self, word: &str, item: &mut Item) -> bool {
        match word {
            "provider" => {
                item.name = self.declares(Kind::Provider);
                let block = if self.says_mock() { Block::MockProvider } else { Block::Provider };
                self.body(block)
            }
            "model" => {
                item.name = self.declares(Kind::Member);
                self.word(&["on"], &Role::Keyword);
                item.on = self.refers(Kind::Provider);
                self.body(Block::Model)
            }
            "pool" => {
                item.name = self.declares(Kind::Member);
                self.sign(&["="]);
                self.names()
            }
            "tenant" => {
                item.name = self.declares(Kind::Tenant);
                self.body(Block::Tenant)
            }
            "defaults" => self.body(Block::Defaults),
            "transform" => {
                item.name = self.declares(Kind::Transform);
                self.body(Block::Transform)
            }
            "alert" => {
                item.name = self.declares(Kind::Alert);
                self.alert()
            }
            "route" => {
                item.name = self.declares(Kind::Route);
                self.route = self.slice(&item.name).to_owned();
                self.route_body()
            }
            "test" => {
                item.name = self.title(Kind::Test);
                if self.word_if(&["on"], &Role::Keyword).is_some() {
                    item.on = self.refers(Kind::Route);
                }
                self.route = item.on.clone().map_or_else(|| "main".to_owned(), |on| self.slice(&on).to_owned());
                self.test_body()
            }
            "invariant" => {
                item.name = self.title(Kind::Invariant);
                self.invariant()
            }
            _ => {
                let ended = self.end(|_| Expect::Item);
                while self.peek().is_some() {
                    self.skip();
                }
                !ended
            }
        }
    }

    /// Whether this provider's text says `kind: mock`.
    fn says_mock(&self) -> bool {
        let mut before = ["", ""];
        for token in Lexer::new(self.text, self.at) {
            let text = self.text_of(token);
            if before == ["kind", ":"] {
                return text == "mock";
            }
            before = [before.last().copied().unwrap_or(""), text];
        }
        false
    }

    /// A title in quotes.
    fn title(&mut self, kind: Kind) -> Range<usize> {
        if self.needs(|_| Expect::Words(&[])) {
            return self.at..self.at;
        }
        match self.peek() {
            Some(token) if matches!(token.kind, TokenKind::String(_)) => {
                let range = inner(self.text, token);
                self.mark(range.clone(), Role::Declares(kind));
                self.take(token);
                range
            }
            _ => self.at..self.at,
        }
    }

    /// `{ field* }`; true when it is whole.
    pub(super) fn body(&mut self, block: Block) -> bool {
        if !self.sign(&["{"]) {
            return false;
        }
        let from = self.at;
        let mut present = Vec::new();
        loop {
            if self.end(|_| Expect::Key(block, present.clone())) {
                self.sealed = true;
                return false;
            }
            let Some(token) = self.peek() else { return false };
            if token.kind == TokenKind::Close(b'}') {
                self.take(token);
                self.group(from);
                return true;
            }
            self.field_or_skip(Some(block), &mut present);
        }
    }

    /// A field, or a token that fits nowhere.
    pub(super) fn field_or_skip(&mut self, block: Option<Block>, present: &mut Vec<String>) {
        let Some(token) = self.peek() else { return };
        if !matches!(token.kind, TokenKind::Word | TokenKind::String(_)) {
            self.skip();
            return;
        }
        let range = if token.kind == TokenKind::Word { token.start..token.end } else { inner(self.text, token) };
        let key = self.slice(&range).to_owned();
        self.mark(range.clone(), Role::Key(block));
        self.take(token);
        let form = block.and_then(|block| fields::field(block, &key)).map_or(Form::Free, |row| row.form);
        present.push(key);
        if !self.sign(&[":"]) {
            return;
        }
        let from = self.peek().map_or(self.at, |token| token.start);
        self.value(form);
        if self.depth == 0 {
            self.fields.push(FieldNode { key: range, value: from..self.at.max(from) });
        }
        self.sign_if(&[","]);
    }

    /// What stands behind a key.
    pub(super) fn value(&mut self, form: Form) {
        if self.needs(|_| Expect::Value(form)) {
            return;
        }
        let Some(token) = self.peek() else { return };
        match token.kind {
            TokenKind::Open(b'[') => self.deeper(|walk| walk.list(form)),
            TokenKind::Open(b'{') => {
                let block = match form {
                    Form::Group(block) | Form::NumberOr(block) => Some(block),
                    Form::Keys => Some(Block::Key),
                    _ => None,
                };
                self.deeper(|walk| match block {
                    Some(block) => walk.body(block),
                    None => walk.free_body(),
                });
            }
            TokenKind::Word => self.value_word(token, form),
            TokenKind::Close(_) => {}
            TokenKind::Number => {
                self.plain(token);
                if self.word_if(&["to"], &Role::Keyword).is_some() {
                    self.refers(Kind::Member);
                }
            }
            _ => self.plain(token),
        }
        self.rest_of_value();
    }

    fn value_word(&mut self, token: Token, form: Form) {
        if self.peek_second().is_some_and(|second| second.kind == TokenKind::Open(b'(') && second.start == token.end) {
            self.value_call(token, form);
            return;
        }
        let range = token.start..token.end;
        let role = match form {
            Form::Models => Role::Refers(Kind::Member),
            Form::Route => Role::Refers(Kind::Route),
            Form::Tags => Role::Declares(Kind::Tag),
            Form::Transforms if table::entry(self.text_of(token)).is_some() => Role::Function,
            Form::Transforms => Role::Refers(Kind::Transform),
            Form::Bool => Role::Keyword,
            _ => Role::Word,
        };
        self.mark(range, role);
        self.take(token);
    }

    /// `env("X")`, `tag(x)`.
    fn value_call(&mut self, token: Token, form: Form) {
        let tag = self.text_of(token) == "tag" && form == Form::Models;
        self.mark(token.start..token.end, if tag { Role::Keyword } else { Role::Function });
        self.take(token);
        self.sign_if(&["("]);
        if tag {
            self.refers(Kind::Tag);
            self.sign(&[")"]);
            return;
        }
        loop {
            if self.needs(|_| Expect::Words(&[])) {
                return;
            }
            let Some(token) = self.peek() else { return };
            match token.kind {
                TokenKind::Close(b')') => return self.take(token),
                TokenKind::Close(_) => return,
                TokenKind::Open(_) => self.deeper(|walk| walk.value(Form::Free)),
                _ => self.plain(token),
            }
        }
    }

    /// An expression, or what is glued on wrongly: up to the comma, the bracket or the next key.
    fn rest_of_value(&mut self) {
        while let Some(token) = self.peek() {
            let next_key = matches!(token.kind, TokenKind::Word | TokenKind::String(_))
                && self.peek_second().is_some_and(|second| self.text_of(second) == ":");
            let ends = matches!(token.kind, TokenKind::Close(_)) || self.text_of(token) == ",";
            let own_line = self.text.get(self.at..token.start).is_some_and(|gap| gap.contains('\n'));
            if ends || next_key || own_line {
                return;
            }
            if matches!(token.kind, TokenKind::Open(_)) {
                self.deeper(|walk| walk.value(Form::Free));
            } else {
                self.plain(token);
            }
        }
    }

    fn list(&mut self, form: Form) {
        let element = match form {
            Form::Keys => Form::Keys,
            Form::Tags | Form::Models | Form::Capabilities | Form::Transforms => form,
            _ => Form::Free,
        };
        let from = self.at;
        self.sign_if(&["["]);
        loop {
            if self.needs(|_| Expect::Value(if form == Form::Keys { Form::Env } else { element })) {
                return;
            }
            let Some(token) = self.peek() else { return };
            match token.kind {
                TokenKind::Close(b']') => {
                    self.take(token);
                    self.group(from);
                    return;
                }
                TokenKind::Close(_) => return,
                _ if self.text_of(token) == "," => self.take(token),
                TokenKind::Word => self.value_word(token, element),
                TokenKind::String(_) if form == Form::Tags => {
                    self.mark(inner(self.text, token), Role::Declares(Kind::Tag));
                    self.take(token);
                }
                TokenKind::Open(_) => self.value(form),
                _ => self.plain(token),
            }
        }
    }

    /// `[a, b]`, names of models; true when it is whole.
    pub(super) fn names(&mut self) -> bool {
        if !self.sign(&["["]) {
            return false;
        }
        loop {
            if self.needs(|_| Expect::Model) {
                return false;
            }
            let Some(token) = self.peek() else { return false };
            match token.kind {
                TokenKind::Close(b']') => {
                    self.take(token);
                    return true;
                }
                TokenKind::Close(_) => return false,
                TokenKind::Word if self.at_statement(token) => return false,
                TokenKind::Word => drop(self.refers(Kind::Member)),
                _ if self.text_of(token) == "," => self.take(token),
                _ => self.skip(),
            }
        }
    }

    /// Fields that this version does not read.
    fn free_body(&mut self) -> bool {
        if !self.sign(&["{"]) {
            return false;
        }
        let mut present = Vec::new();
        loop {
            if self.needs(|_| Expect::Words(&[])) {
                return false;
            }
            let Some(token) = self.peek() else { return false };
            if token.kind == TokenKind::Close(b'}') {
                self.take(token);
                return true;
            }
            self.field_or_skip(None, &mut present);
        }
    }

    fn alert(&mut self) -> bool {
        if !self.sign(&["{"]) {
            return false;
        }
        let mut present = Vec::new();
        loop {
            if self.needs(|_| Expect::Words(&["when"])) {
                return false;
            }
            let Some(token) = self.peek() else { return false };
            if token.kind == TokenKind::Close(b'}') {
                self.take(token);
                return true;
            }
            if self.word_if(&["when"], &Role::Keyword).is_some() {
                self.expr(true);
            } else {
                self.field_or_skip(None, &mut present);
            }
        }
    }

    fn invariant(&mut self) -> bool {
        if !self.sign(&["{"]) {
            return false;
        }
        self.word(&["when"], &Role::Keyword);
        self.expr(false);
        self.word(&["require"], &Role::Keyword);
        self.expr(true);
        while let Some(token) = self.peek() {
            if token.kind == TokenKind::Close(b'}') {
                self.take(token);
                return true;
            }
            self.skip();
        }
        !self.needs(|_| Expect::Words(&["}"]))
    }
}
