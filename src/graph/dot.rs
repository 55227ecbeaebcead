//! Graphviz.

use std::fmt::Write as _;

use super::{BoxKind, Graph};

/// Writes a drawing down.
pub(super) fn write(graph: &Graph) -> String {
    let mut out = String::from("digraph policy {\n");
    let _ = writeln!(out, "  label={};", quoted(&graph.title));
    out.push_str("  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\", fontsize=11];\n");
    out.push_str("  edge [fontname=\"sans-serif\", fontsize=10];\n");
    for one in &graph.boxes {
        let shape = match one.kind {
            BoxKind::Entry => "oval",
            BoxKind::Question => "hexagon",
            BoxKind::Provider => "cylinder",
            BoxKind::Reject => "octagon",
            BoxKind::Table | BoxKind::Scan => "note",
            _ => "box",
        };
        let style = if one.kind == BoxKind::Rule || one.kind == BoxKind::Target { "rounded" } else { "solid" };
        let mut lines = vec![one.label.as_str()];
        lines.extend(one.rows.iter().map(String::as_str));
        let _ = write!(out, "  {} [label={}, shape={shape}", one.id, joined(&lines));
        if one.lit {
            let _ = write!(out, ", style=\"{style},filled,bold\", fillcolor=\"#ffe08a\", color=\"#b06f00\"");
        } else {
            let _ = write!(out, ", style={style}");
        }
        let title = if one.title.is_empty() { &one.label } else { &one.title };
        let _ = writeln!(out, ", tooltip={}];", quoted(title));
    }
    for arrow in &graph.arrows {
        let _ = write!(out, "  {} -> {} [label={}", arrow.from, arrow.to, quoted(&arrow.label));
        if !arrow.title.is_empty() {
            let _ = write!(out, ", labeltooltip={}", quoted(&arrow.title));
        }
        out.push_str(if arrow.lit { ", color=\"#b06f00\", penwidth=3];\n" } else { "];\n" });
    }
    out.push_str("}\n");
    out
}

/// A string of DOT. A backslash would start one of its escapes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            // Graphviz reads HTML entities in every label.
            '&' => out.push_str("&amp;"),
            _ if letter.is_control() => out.push(' '),
            _ => out.push(letter),
        }
    }
    out
}

/// Lines of one label; the rows below the first start at the left.
fn joined(lines: &[&str]) -> String {
    match lines {
        [only] => quoted(only),
        _ => {
            let text: String = lines.iter().map(|line| format!("{}\\l", escaped(line))).collect();
            format!("\"{text}\"")
        }
    }
}
