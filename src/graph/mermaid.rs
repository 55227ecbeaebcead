//! Mermaid's flowchart.

use std::fmt::Write as _;

use super::{BoxKind, Graph};

/// Writes a drawing down.
pub(super) fn write(graph: &Graph) -> String {
    let mut out = String::from("flowchart LR\n");
    let _ = writeln!(out, "  %% {}", plain(&graph.title));
    for one in &graph.boxes {
        let (open, close) = match one.kind {
            BoxKind::Entry => ("([", "])"),
            BoxKind::Question => ("{{", "}}"),
            BoxKind::Rule | BoxKind::Target => ("(", ")"),
            BoxKind::Provider => ("[(", ")]"),
            BoxKind::Reject => ("[/", "/]"),
            _ => ("[", "]"),
        };
        // A click's tooltip would need a script, so what was shortened stays short here.
        let lines = std::iter::once(&one.label).chain(&one.rows).map(|line| escaped(line)).collect::<Vec<_>>();
        let _ = writeln!(out, "  {}{open}\"{}\"{close}", one.id, lines.join("<br/>"));
    }
    for arrow in &graph.arrows {
        let line = if arrow.lit { "==>" } else { "-->" };
        let label = if arrow.label.is_empty() { String::new() } else { format!("|\"{}\"|", escaped(&arrow.label)) };
        let _ = writeln!(out, "  {} {line}{label} {}", arrow.from, arrow.to);
    }
    let lit: Vec<&str> = graph.boxes.iter().filter(|one| one.lit).map(|one| one.id.as_str()).collect();
    if !lit.is_empty() {
        out.push_str("  classDef lit fill:#ffe08a,stroke:#b06f00,stroke-width:3px,color:#000\n");
        let _ = writeln!(out, "  class {} lit", lit.join(","));
    }
    out
}

/// Mermaid reads a text in quotes as HTML with entities of its own (`#35;`). Letters, digits and
/// blanks stay as they are; every other ASCII character becomes an entity.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii_alphanumeric() || " .,:+-/()=_%".contains(letter) {
            out.push(letter);
        } else if letter.is_control() {
            out.push(' ');
        } else if letter.is_ascii() {
            let _ = write!(out, "#{};", u32::from(letter));
        } else {
            out.push(letter);
        }
    }
    out
}

/// A comment's text: one line, nothing that a directive could start with.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() || "{}%".contains(letter) { ' ' } else { letter }).collect()
}
