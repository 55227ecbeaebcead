//! Drawings: a policy as its author thinks of it (`policy_view`), or the tree that it compiles to
//! (`tree_view`), for Mermaid, Graphviz, browsers (SVG) and programs (JSON).
//!
//! A view makes a [`Graph`], a list of boxes and arrows; a format only writes one down, with every
//! name escaped. Nothing here decides anything.

mod dot;
mod mermaid;
mod policy_view;
mod svg;
mod tree_view;

#[cfg(test)]
mod tests;

pub use policy_view::{Way, policy_view, way};
pub use tree_view::tree_view;

use rustc_hash::FxHashMap;
use serde::Serialize;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::bounds::GRAPH_LABEL_COLUMNS;

/// The number of the JSON form; another one means other fields.
const SCHEMA: u32 = 1;

/// What a box stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BoxKind {
    /// where requests come in
    Entry,
    /// a route
    Route,
    /// a question of the tree
    Question,
    /// several parts, of which the first rule wins
    Earliest,
    /// many constants at once
    Table,
    /// conditions one by one
    Scan,
    /// a rule, or the default
    Rule,
    /// a list of attempts
    Target,
    /// an attempt that chooses: a pool, a split, `cheapest of …`
    Choice,
    /// another route as an attempt
    Call,
    /// a refusal
    Reject,
    /// a model
    Model,
    /// a provider
    Provider,
}

/// A box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GraphBox {
    /// its name in the drawing, such as `n3`
    pub id: String,
    /// what it stands for
    pub kind: BoxKind,
    /// a few words
    pub label: String,
    /// everything, where the label is shortened
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// the rows of a table
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<String>,
    /// how far from the left, from 0
    pub layer: usize,
    /// the request that is shown goes here
    pub lit: bool,
}

/// An arrow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Arrow {
    /// the box where it begins
    pub from: String,
    /// the box where it ends
    pub to: String,
    /// a few words; may be empty
    #[serde(skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// everything, where the label is shortened
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// the request that is shown goes here
    pub lit: bool,
}

/// A drawing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Graph {
    /// the number of this form
    pub schema: u32,
    /// what it shows
    pub title: String,
    /// the boxes; those of one layer stand in this order
    pub boxes: Vec<GraphBox>,
    /// the arrows
    pub arrows: Vec<Arrow>,
    /// arrows by their ends and labels: the same one stands once
    #[serde(skip)]
    known: FxHashMap<(usize, usize, String), usize>,
}

impl Graph {
    fn new(title: String) -> Self {
        Self { schema: SCHEMA, title, boxes: Vec::new(), arrows: Vec::new(), known: FxHashMap::default() }
    }

    /// Adds a box and gives its number.
    fn add(&mut self, kind: BoxKind, layer: usize, text: &str) -> usize {
        let number = self.boxes.len();
        let (label, title) = shortened(text);
        self.boxes.push(GraphBox { id: format!("n{number}"), kind, label, title, rows: Vec::new(), layer, lit: false });
        number
    }

    /// Adds an arrow between boxes, by their numbers; the same arrow stands once.
    fn join(&mut self, from: usize, to: usize, text: &str, lit: bool) {
        let known = self.known.entry((from, to, text.to_owned())).or_insert(self.arrows.len());
        if let Some(arrow) = self.arrows.get_mut(*known) {
            arrow.lit |= lit;
            return;
        }
        let (label, title) = shortened(text);
        self.arrows.push(Arrow { from: format!("n{from}"), to: format!("n{to}"), label, title, lit });
    }

    /// Lights up arrows by the numbers of the boxes at their ends.
    fn light_arrows(&mut self, is_lit: impl Fn(usize, usize) -> bool) {
        for ((from, to, _), number) in &self.known {
            if let Some(arrow) = self.arrows.get_mut(*number) {
                arrow.lit |= is_lit(*from, *to);
            }
        }
    }

    fn light(&mut self, number: usize) {
        if let Some(lit) = self.boxes.get_mut(number) {
            lit.lit = true;
        }
    }

    /// For Mermaid, as GitHub and many editors draw it.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        mermaid::write(self)
    }

    /// For Graphviz.
    #[must_use]
    pub fn to_dot(&self) -> String {
        dot::write(self)
    }

    /// For programs; docs/graph.md describes the fields.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// A picture that needs nothing: no script, no font, light and dark.
    #[must_use]
    pub fn to_svg(&self) -> String {
        svg::write(self)
    }
}

/// A text that fits a label, and the whole of it where that was shortened.
fn shortened(text: &str) -> (String, String) {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if one_line.width() <= GRAPH_LABEL_COLUMNS {
        return (one_line, String::new());
    }
    let mut label = String::new();
    let mut columns = 0;
    for letter in one_line.chars() {
        columns += letter.width().unwrap_or(0);
        if columns >= GRAPH_LABEL_COLUMNS {
            break;
        }
        label.push(letter);
    }
    label.push('…');
    (label, text.to_owned())
}

/// Text for XML and HTML: no letter of it can be anything else. Control characters, which XML
/// cannot hold, become a mark.
fn escaped_xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            _ if letter.is_control() || matches!(letter, '\u{FFFE}' | '\u{FFFF}') => out.push('\u{FFFD}'),
            _ => out.push(letter),
        }
    }
    out
}
