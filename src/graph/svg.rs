//! SVG: columns from left to right, one a layer. Sizes come from a fixed-width font, in which a
//! Chinese character takes two columns.

use std::fmt::Write as _;

use rustc_hash::FxHashMap;
use unicode_width::UnicodeWidthStr as _;

use super::{BoxKind, Graph, GraphBox, escaped_xml};

/// Width of a letter of the font, in pixels: 0.6 of its size of 12.
const LETTER: usize = 8;
/// Height of a line of text.
const LINE: usize = 18;
/// Blank around a box's text.
const PADDING: usize = 10;
/// Blank between boxes of a column.
const BETWEEN: usize = 14;
/// Least blank between columns.
const GUTTER: usize = 60;
/// Blank around everything.
const MARGIN: usize = 20;

/// Literal colours, the dark ones again: many viewers draw everything black where colours are
/// variables.
const STYLE: &str = "text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,'Noto Sans Mono CJK SC',monospace}.head{font-weight:bold}\
.small{font-size:11px;paint-order:stroke;stroke-width:4px}path{fill:none}.lit rect,path.lit{stroke-width:3}marker path{stroke:none}\
text{fill:#1f2328}.small{stroke:#fff}rect{stroke:#8c959f;fill:#f6f8fa}.paper{fill:#fff}path{stroke:#8c959f}\
.ask rect{fill:#ddf4ff}.end rect{fill:#dafbe1}.no rect{fill:#ffebe9}\
.lit rect{fill:#ffe08a;stroke:#b06f00}path.lit{stroke:#b06f00}marker path{fill:#8c959f}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{stroke:#0d1117}rect{stroke:#6e7681;fill:#161b22}.paper{fill:#0d1117}path{stroke:#6e7681}\
.ask rect{fill:#0c2d4a}.end rect{fill:#0f2e1a}.no rect{fill:#3d1214}\
.lit rect{fill:#5a4300;stroke:#f0b429}path.lit{stroke:#f0b429}marker path{fill:#6e7681}}";

/// A box's place, in pixels.
#[derive(Clone, Copy, Default)]
struct Place {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

/// Writes a drawing down.
pub(super) fn write(graph: &Graph) -> String {
    let layout = Layout::new(graph);
    let (width, height) = layout.size();
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\"/></marker></defs>\n\
         <rect class=\"paper\" stroke=\"none\" width=\"{width}\" height=\"{height}\"/>\n",
        escaped_xml(&graph.title)
    );
    layout.arrows(graph, &mut out);
    for (one, place) in graph.boxes.iter().zip(&layout.places) {
        draw(one, *place, &mut out);
    }
    out.push_str("</svg>\n");
    out
}

fn draw(one: &GraphBox, place: Place, out: &mut String) {
    let class = match one.kind {
        BoxKind::Question | BoxKind::Table | BoxKind::Scan | BoxKind::Earliest => "ask",
        BoxKind::Model | BoxKind::Provider => "end",
        BoxKind::Reject => "no",
        _ => "box",
    };
    let lit = if one.lit { " lit" } else { "" };
    let round = if matches!(one.kind, BoxKind::Entry | BoxKind::Rule | BoxKind::Target) { 9 } else { 2 };
    let Place { x, y, width, height } = place;
    let title = if one.title.is_empty() { &one.label } else { &one.title };
    let _ = write!(
        out,
        "<g class=\"{class}{lit}\"><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{round}\"/>",
        escaped_xml(title)
    );
    let head = if one.rows.is_empty() { "" } else { " class=\"head\"" };
    let lines = one.rows.len() + 1;
    let mut baseline = y + (height.saturating_sub(lines * LINE)) / 2 + 13;
    let _ = write!(out, "<text{head} x=\"{}\" y=\"{baseline}\">{}</text>", x + PADDING, escaped_xml(&one.label));
    for row in &one.rows {
        baseline += LINE;
        let _ = write!(out, "<text x=\"{}\" y=\"{baseline}\">{}</text>", x + PADDING, escaped_xml(row));
    }
    out.push_str("</g>\n");
}

struct Layout {
    places: Vec<Place>,
    /// the ends of each arrow, as numbers of boxes
    ends: Vec<(usize, usize)>,
}

impl Layout {
    fn new(graph: &Graph) -> Self {
        let numbers: FxHashMap<&str, usize> =
            graph.boxes.iter().enumerate().map(|(number, one)| (one.id.as_str(), number)).collect();
        let number = |id: &str| numbers.get(id).copied().unwrap_or(0);
        let ends: Vec<(usize, usize)> =
            graph.arrows.iter().map(|arrow| (number(&arrow.from), number(&arrow.to))).collect();
        let mut labelled: Vec<usize> = vec![0; graph.boxes.len()];
        for ((from, _), arrow) in ends.iter().zip(&graph.arrows) {
            if let Some(count) = labelled.get_mut(*from).filter(|_| !arrow.label.is_empty()) {
                *count += 1;
            }
        }
        let places = graph.boxes.iter().zip(&labelled).map(|(one, labelled)| {
            let widest = one.rows.iter().chain([&one.label]).map(|text| text.width()).max().unwrap_or(0);
            // Every label of an arrow has its own line beside the box.
            let lines = (one.rows.len() + 1).max(*labelled);
            Place { width: widest * LETTER + 2 * PADDING, height: lines * LINE + PADDING, ..Place::default() }
        });
        let mut layout = Self { places: places.collect(), ends };
        layout.columns(graph);
        layout.rows(graph);
        layout
    }

    /// Each layer is a column as wide as its widest box; the labels of its arrows stand behind it.
    fn columns(&mut self, graph: &Graph) {
        let layers = graph.boxes.iter().map(|one| one.layer + 1).max().unwrap_or(0);
        let mut widths = vec![0; layers];
        let mut gaps = vec![GUTTER; layers];
        for (one, place) in graph.boxes.iter().zip(&self.places) {
            if let Some(width) = widths.get_mut(one.layer) {
                *width = place.width.max(*width);
            }
        }
        for ((from, _), arrow) in self.ends.iter().zip(&graph.arrows) {
            if let Some(gap) = graph.boxes.get(*from).and_then(|one| gaps.get_mut(one.layer)) {
                *gap = (arrow.label.width() * LETTER + GUTTER).max(*gap);
            }
        }
        let mut left = MARGIN;
        let mut lefts = Vec::with_capacity(layers);
        for (width, gap) in widths.iter().zip(&gaps) {
            lefts.push(left);
            // A layer without boxes takes no place.
            left += if *width == 0 { 0 } else { width + gap };
        }
        for (one, place) in graph.boxes.iter().zip(&mut self.places) {
            place.x = lefts.get(one.layer).copied().unwrap_or(MARGIN);
        }
    }

    /// From left to right: boxes stand beside the middle of what leads to them, rules in their
    /// order.
    fn rows(&mut self, graph: &Graph) {
        let layers = graph.boxes.iter().map(|one| one.layer + 1).max().unwrap_or(0);
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); graph.boxes.len()];
        for (from, to) in &self.ends {
            if let Some(list) = before.get_mut(*to) {
                list.push(*from);
            }
        }
        let mut columns: Vec<Vec<usize>> = vec![Vec::new(); layers];
        for (number, one) in graph.boxes.iter().enumerate() {
            if let Some(column) = columns.get_mut(one.layer) {
                column.push(number);
            }
        }
        for (layer, mut column) in columns.into_iter().enumerate() {
            let wanted = |number: &usize| {
                let leads = before.get(*number).into_iter().flatten();
                let left = leads.filter(|from| graph.boxes.get(**from).is_some_and(|one| one.layer < layer));
                let middles: Vec<usize> =
                    left.filter_map(|from| self.places.get(*from)).map(|place| place.y + place.height / 2).collect();
                middles.iter().sum::<usize>().checked_div(middles.len()).unwrap_or(MARGIN)
            };
            let mut wishes: Vec<(usize, usize)> = column.drain(..).map(|number| (wanted(&number), number)).collect();
            let is_ordered = |number: usize| graph.boxes.get(number).is_some_and(|one| one.kind == BoxKind::Rule);
            if !wishes.iter().all(|(_, number)| is_ordered(*number)) {
                wishes.sort_by_key(|(wish, _)| *wish);
            }
            self.stack(&wishes);
        }
    }

    /// Boxes below each other, the column's middle where its boxes wish to be on average.
    fn stack(&mut self, wishes: &[(usize, usize)]) {
        let height = |layout: &Self, number: usize| layout.places.get(number).map_or(0, |place| place.height);
        let total: usize = wishes.iter().map(|(_, number)| height(self, *number) + BETWEEN).sum();
        let middle = wishes.iter().map(|(wish, _)| *wish).sum::<usize>().checked_div(wishes.len()).unwrap_or(0);
        let mut free = middle.saturating_sub(total / 2).max(MARGIN);
        let mut rest = total;
        let bottom = (middle + total).max(MARGIN + total);
        for (wish, number) in wishes {
            let own = height(self, *number);
            // As it wishes, as long as what follows still has its place.
            let y = wish.saturating_sub(own / 2).clamp(free, bottom.saturating_sub(rest).max(free));
            if let Some(place) = self.places.get_mut(*number) {
                place.y = y;
            }
            free = y + own + BETWEEN;
            rest = rest.saturating_sub(own + BETWEEN);
        }
    }

    fn size(&self) -> (usize, usize) {
        let right = self.places.iter().map(|place| place.x + place.width).max().unwrap_or(0);
        let bottom = self.places.iter().map(|place| place.y + place.height).max().unwrap_or(0);
        // Arrows that lead back run below and beside the boxes.
        (right + 2 * MARGIN, bottom + 2 * MARGIN)
    }

    fn arrows(&self, graph: &Graph, out: &mut String) {
        let mut leaving: Vec<usize> = vec![0; self.places.len()];
        for (from, _) in &self.ends {
            if let Some(count) = leaving.get_mut(*from) {
                *count += 1;
            }
        }
        let mut used: Vec<usize> = vec![0; self.places.len()];
        for ((from, to), arrow) in self.ends.iter().zip(&graph.arrows) {
            let (Some(start), Some(end)) = (self.places.get(*from), self.places.get(*to)) else { continue };
            let count = leaving.get(*from).copied().unwrap_or(1);
            let place = used.get_mut(*from).map_or(0, |used| {
                *used += 1;
                *used
            });
            let (x1, y1) = (start.x + start.width, start.y + start.height * place / (count + 1));
            let (x2, y2) = (end.x, end.y + end.height / 2);
            let reach = x2.saturating_sub(x1).max(2 * MARGIN) / 2;
            let lit = if arrow.lit { " class=\"lit\"" } else { "" };
            let (out_x, in_x) = (x1 + reach, i64::try_from(x2).unwrap_or(0) - i64::try_from(reach).unwrap_or(0));
            let title = if arrow.title.is_empty() { &arrow.label } else { &arrow.title };
            let _ = write!(
                out,
                "<g><title>{}</title><path{lit} d=\"M{x1} {y1}C{out_x} {y1} {in_x} {y2} {x2} {y2}\" marker-end=\"url(#tip)\"/>",
                escaped_xml(title)
            );
            if !arrow.label.is_empty() {
                let label = escaped_xml(&arrow.label);
                let _ =
                    write!(out, "<text class=\"small\" x=\"{}\" y=\"{}\">{label}</text>", x1 + 6, y1.saturating_sub(3));
            }
            out.push_str("</g>\n");
        }
    }
}
