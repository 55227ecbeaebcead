//! Conditions as connectives over numbered atoms. Equal parts of all conditions of a route exist
//! once.

use rustc_hash::FxHashMap;

use super::atom::{Atom, Recognised, recognise};
use crate::dsl::expr::typed::{Expr, Kind, Type};

/// The value of an atom or a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Value {
    False,
    True,
    Error,
}

impl Value {
    pub(super) fn negated(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::True => Self::False,
            Self::Error => Self::Error,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

/// A connective or an atom. Numbers are those of other nodes, or of an atom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    Constant(bool),
    Atom(u32),
    Not(u32),
    And(Box<[u32]>),
    Or(Box<[u32]>),
    Cond([u32; 3]),
}

/// All conditions of a route.
#[derive(Debug, Default)]
pub(super) struct Skeletons {
    nodes: Vec<Node>,
    known: FxHashMap<Node, u32>,
    atoms: Vec<Atom>,
    known_atoms: FxHashMap<Atom, u32>,
    /// the expression of each opaque atom, by the atom's number
    opaque: FxHashMap<u32, Expr>,
}

pub(super) fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

impl Skeletons {
    /// The atoms so far; an atom's number is its place.
    pub(super) fn atoms(&self) -> &[Atom] {
        &self.atoms
    }

    /// The expression of an opaque atom.
    pub(super) fn opaque(&self, atom: u32) -> Option<&Expr> {
        self.opaque.get(&atom)
    }

    pub(super) fn node(&self, id: u32) -> &Node {
        self.nodes.get(id as usize).unwrap_or(&Node::Constant(false))
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Whether a condition has an atom that can fail.
    pub(super) fn can_fail(&self, id: u32, atoms: &dyn super::formula::Atoms) -> bool {
        match self.node(id) {
            Node::Constant(_) => false,
            Node::Atom(atom) => atoms.can_fail(*atom),
            Node::Not(inner) => self.can_fail(*inner, atoms),
            Node::And(items) | Node::Or(items) => items.iter().any(|item| self.can_fail(*item, atoms)),
            Node::Cond(parts) => parts.iter().any(|part| self.can_fail(*part, atoms)),
        }
    }

    fn intern(&mut self, node: Node) -> u32 {
        if let Some(id) = self.known.get(&node) {
            return *id;
        }
        let id = number(self.nodes.len());
        self.nodes.push(node.clone());
        self.known.insert(node, id);
        id
    }

    fn constant(&mut self, value: bool) -> u32 {
        self.intern(Node::Constant(value))
    }

    fn atom(&mut self, atom: Atom) -> u32 {
        let id = match self.known_atoms.get(&atom) {
            Some(id) => *id,
            None => {
                let id = number(self.atoms.len());
                self.atoms.push(atom.clone());
                self.known_atoms.insert(atom, id);
                id
            }
        };
        self.intern(Node::Atom(id))
    }

    fn not(&mut self, inner: u32) -> u32 {
        match self.node(inner).clone() {
            Node::Constant(value) => self.constant(!value),
            Node::Not(inner) => inner,
            _ => self.intern(Node::Not(inner)),
        }
    }

    /// `&&` (absorbing false) or `||` (absorbing true). A constant that absorbs wins over errors
    /// too, so folding it is exact.
    fn chain(&mut self, items: &[Expr], absorbing: bool) -> u32 {
        let mut parts: Vec<u32> = Vec::with_capacity(items.len());
        for item in items {
            let id = self.lower(item);
            match self.node(id) {
                Node::Constant(value) if *value == absorbing => return self.constant(absorbing),
                Node::Constant(_) => {}
                _ if parts.contains(&id) => {}
                _ => parts.push(id),
            }
        }
        match parts.as_slice() {
            [] => self.constant(!absorbing),
            [one] => *one,
            _ if absorbing => self.intern(Node::Or(parts.into())),
            _ => self.intern(Node::And(parts.into())),
        }
    }

    /// Adds a condition and says its number.
    pub(super) fn lower(&mut self, expr: &Expr) -> u32 {
        match &expr.kind {
            Kind::Not(inner) => {
                let inner = self.lower(inner);
                self.not(inner)
            }
            Kind::And(items) => self.chain(items, false),
            Kind::Or(items) => self.chain(items, true),
            Kind::Cond(condition, yes, no) if expr.ty == Type::Bool => {
                let condition = self.lower(condition);
                match self.node(condition) {
                    Node::Constant(true) => self.lower(yes),
                    Node::Constant(false) => self.lower(no),
                    _ => {
                        let parts = [condition, self.lower(yes), self.lower(no)];
                        self.intern(Node::Cond(parts))
                    }
                }
            }
            _ => self.lower_atom(expr),
        }
    }

    fn lower_atom(&mut self, expr: &Expr) -> u32 {
        let (id, negated) = match recognise(expr) {
            Recognised::Constant(value) => (self.constant(value), false),
            Recognised::Atom(atom, negated) => (self.atom(atom), negated),
            Recognised::Same(inner, negated) => (self.lower(inner), negated),
            Recognised::Opaque(text) => {
                let id = self.atom(Atom::Opaque(text));
                if let Node::Atom(atom) = self.node(id) {
                    self.opaque.entry(*atom).or_insert_with(|| expr.clone());
                }
                (id, false)
            }
        };
        if negated { self.not(id) } else { id }
    }
}

/// The value of a condition under the rules of CEL, given its atoms' values.
pub(super) fn evaluate(nodes: &[Node], id: u32, atoms: &mut dyn FnMut(u32) -> Value) -> Value {
    match nodes.get(id as usize) {
        None | Some(Node::Constant(false)) => Value::False,
        Some(Node::Constant(true)) => Value::True,
        Some(Node::Atom(atom)) => atoms(*atom),
        Some(Node::Not(inner)) => evaluate(nodes, *inner, atoms).negated(),
        Some(Node::And(items)) => chain(nodes, items, Value::False, atoms),
        Some(Node::Or(items)) => chain(nodes, items, Value::True, atoms),
        Some(Node::Cond([condition, yes, no])) => match evaluate(nodes, *condition, atoms) {
            Value::True => evaluate(nodes, *yes, atoms),
            Value::False => evaluate(nodes, *no, atoms),
            Value::Error => Value::Error,
        },
    }
}

fn chain(nodes: &[Node], items: &[u32], absorbing: Value, atoms: &mut dyn FnMut(u32) -> Value) -> Value {
    let mut result = absorbing.negated();
    for item in items {
        let value = evaluate(nodes, *item, atoms);
        if value == absorbing {
            return value;
        }
        if value == Value::Error {
            result = Value::Error;
        }
    }
    result
}
