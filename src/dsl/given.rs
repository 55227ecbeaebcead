//! Given facts as an author writes them.

use super::expr::print::quoted;
use crate::facts::given::{GivenFacts, default_value};
use crate::facts::schema::VARIABLES;
use crate::facts::{Fact, Facts, Scope};

impl GivenFacts {
    /// What was given and is not the default, as `given`, `--given` and
    /// [`super::parse_facts`] read it: the table's paths as nested groups, `request.` left out.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut plain: Vec<String> = Vec::new();
        let mut groups: Vec<(&str, Vec<String>)> = Vec::new();
        for row in VARIABLES.iter().filter(|row| row.scope == Scope::Request && self.is_given(row.var)) {
            let value = self.get(row.var);
            if default_value(row.var).as_fact() == value {
                continue;
            }
            match row.path.split_once('.') {
                Some(("request", name)) => plain.push(format!("{name}: {}", fact_text(value))),
                Some((group, name)) => entry(&mut groups, group).push(format!("{name}: {}", fact_text(value))),
                None => plain.push(format!("{}: {}", row.path, fact_text(value))),
            }
        }
        for (name, texts) in [("header", self.headers()), ("meta", self.metadata())] {
            for (key, value) in texts.iter().filter(|(_, value)| !value.is_empty()) {
                entry(&mut groups, name).push(format!("{}: {}", quoted(key), quoted(value)));
            }
        }
        plain.extend(groups.into_iter().map(|(name, parts)| format!("{name}: {{ {} }}", parts.join(", "))));
        if plain.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", plain.join(", ")) }
    }
}

fn entry<'g, 'n>(groups: &'g mut Vec<(&'n str, Vec<String>)>, name: &'n str) -> &'g mut Vec<String> {
    let at = groups.iter().position(|(known, _)| *known == name).unwrap_or(groups.len());
    if at == groups.len() {
        groups.push((name, Vec::new()));
    }
    #[expect(clippy::indexing_slicing, reason = "it was just found or pushed there")]
    &mut groups[at].1
}

/// A value as it is written.
fn fact_text(value: Fact<'_>) -> String {
    match value {
        Fact::Bool(value) => value.to_string(),
        Fact::Int(value) => value.to_string(),
        Fact::Double(value) => value.to_string(),
        Fact::Str(text) => quoted(text),
        Fact::List(items) => {
            let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
            format!("[{}]", items.join(", "))
        }
        Fact::Time(moment) => quoted(&moment.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
    }
}
