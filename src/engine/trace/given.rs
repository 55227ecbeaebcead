//! Facts as text for `--given`, so that whoever reads a report can run it again.

use crate::dsl::expr::print::quoted;
use crate::engine::Engine;
use crate::engine::view::{is_default, show};
use crate::facts::schema::VARIABLES;
use crate::facts::{Facts, Scope, Var};

/// What filters candidates or ranks them, whatever the conditions read.
const ALWAYS: [Var; 9] = [
    Var::RequestStream,
    Var::RequestTokens,
    Var::RequestMaxTokens,
    Var::RequestTools,
    Var::RequestServerTools,
    Var::RequestImages,
    Var::RequestThinking,
    Var::RequestJson,
    Var::RequestTask,
];

/// Everything that the policy reads of a request and that is not the table's default, as the
/// nested maps of `--given`, `request.` left out.
#[must_use]
pub fn render(engine: &Engine, facts: &dyn Facts) -> String {
    let reads = engine.program().reads();
    let mut groups: Vec<(&str, Vec<String>)> = Vec::new();
    let mut add = |group: &'static str, entry: String| match groups.iter_mut().find(|(name, _)| *name == group) {
        Some((_, entries)) => entries.push(entry),
        None => groups.push((group, vec![entry])),
    };
    for row in VARIABLES.iter().filter(|row| row.scope == Scope::Request) {
        let is_read = reads.vars.contains(&row.var) || ALWAYS.contains(&row.var) || row.path.ends_with(".id");
        let value = facts.get(row.var);
        if is_read && !is_default(row.var, value) {
            let (group, name) = row.path.split_once('.').unwrap_or(("request", row.path));
            add(group, format!("{name}: {}", show(value)));
        }
    }
    for name in reads.headers.iter().filter(|name| !facts.header(name).is_empty()) {
        add("header", format!("{}: {}", quoted(name), quoted(facts.header(name))));
    }
    for name in reads.metadata.iter().filter(|name| !facts.meta(name).is_empty()) {
        add("meta", format!("{}: {}", quoted(name), quoted(facts.meta(name))));
    }
    let parts: Vec<String> = groups
        .into_iter()
        .map(|(group, entries)| match group {
            "request" => entries.join(", "),
            _ => format!("{group}: {{ {} }}", entries.join(", ")),
        })
        .collect();
    if parts.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", parts.join(", ")) }
}
