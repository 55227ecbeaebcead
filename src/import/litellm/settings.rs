//! `router_settings`, `litellm_settings` and `general_settings`.

use super::Group;
use super::deployments::{seconds, secret};
use crate::import::draft::{Block, Field, field, unserved};
use crate::import::names::{kebab, quoted};
use crate::import::presets;
use crate::import::provider::{Catalog, Secret};
use crate::import::report::{Notes, child, element};
use crate::import::value::Value;

/// What the settings come to.
#[derive(Default)]
pub(super) struct Settings {
    /// how a group chooses
    pub(super) word: &'static str,
    /// group, and what follows it
    fallbacks: Vec<(String, Vec<String>)>,
    /// what follows every group
    general: Vec<String>,
    /// path, group, what takes requests beyond its context
    pub(super) beyond_context: Vec<(String, String, Vec<String>)>,
    pub(super) tenants: Vec<Block>,
    pub(super) defaults: Vec<Field>,
}

impl Settings {
    /// The groups that follow one.
    pub(super) fn after<'g>(&self, group: &str, groups: &'g [Group]) -> Vec<&'g Group> {
        let own = self.fallbacks.iter().find(|(from, _)| from == group).map_or(self.general.as_slice(), |(_, to)| to);
        own.iter().filter_map(|name| groups.iter().find(|known| known.name == *name && known.name != group)).collect()
    }
}

/// Reads them.
pub(super) fn read(input: &Value, groups: &mut [Group], catalog: &mut Catalog, notes: &mut Notes) -> Settings {
    let mut settings = Settings { word: "rotate", ..Settings::default() };
    for place in ["router_settings", "litellm_settings", "general_settings"] {
        let Some(section) = input.get(place) else { continue };
        for (key, value) in section.map() {
            one(&mut settings, key, value, &child(place, key), groups, notes);
        }
        whole_section(&mut settings, place, section, notes);
    }
    provider_budgets(input, catalog, notes);
    owner(input, catalog, &mut settings, notes);
    settings
}

fn one(settings: &mut Settings, key: &str, value: &Value, path: &str, groups: &mut [Group], notes: &mut Notes) {
    match key {
        "routing_strategy" => strategy(settings, value, path, groups, notes),
        "model_group_alias" => aliases(value, path, groups, notes),
        "fallbacks" => {
            let found = pairs(value, path, groups, notes, true);
            settings.fallbacks.extend(found.into_iter().map(|(_, from, to)| (from, to)));
        }
        "context_window_fallbacks" => settings.beyond_context.extend(pairs(value, path, groups, notes, false)),
        "default_fallbacks" => {
            for (number, name) in value.list().iter().enumerate() {
                let path = element(path, number);
                match name.text().filter(|name| groups.iter().any(|group| group.name == *name)) {
                    Some(name) => {
                        notes.carried(&path, "`then …` behind every group without fallbacks of its own");
                        settings.general.push(name.to_owned());
                    }
                    None => notes.lost(&path, "no group of this name can be reached"),
                }
            }
        }
        "num_retries" => {
            if let Some(count) = value.number().filter(|count| (1.0..=100.0).contains(count)) {
                let count = count.floor();
                notes.changed(path, format!("`retry: {count}`, which this version does not carry out yet; the other members of a group and fallbacks are tried"));
                once(settings, unserved("retry", count.to_string()));
            }
        }
        "timeout" | "request_timeout" => {
            if let Some(wait) = value.number().and_then(seconds) {
                notes.changed(path, format!("`defaults {{ deadline: {wait} }}`: over all attempts together"));
                once(settings, field("deadline", wait));
            }
        }
        "stream_timeout" => {
            if let Some(wait) = value.number().and_then(seconds) {
                notes.changed(path, format!("`defaults {{ timeout: {wait} }}`: until the first content of an attempt"));
                once(settings, field("timeout", wait));
            }
        }
        _ => {}
    }
}

fn once(settings: &mut Settings, field: Field) {
    if !settings.defaults.iter().any(|known| known.key == field.key) {
        settings.defaults.push(field);
    }
}

fn strategy(settings: &mut Settings, value: &Value, path: &str, groups: &[Group], notes: &mut Notes) {
    let unserved = "which this version does not carry out yet";
    match value.text().unwrap_or_default() {
        "simple-shuffle" => notes.changed(path, "`rotate`: in turn by weight, instead of at random by weight"),
        "least-busy" => {
            settings.word = "idlest";
            notes.changed(path, format!("`idlest`, {unserved}"));
        }
        "usage-based-routing" | "usage-based-routing-v2" => {
            settings.word = "idlest";
            notes.changed(path, format!("`idlest`, by what is under way and not by tokens a minute; {unserved}"));
        }
        "latency-based-routing" => {
            settings.word = "fastest";
            notes.changed(path, format!("`fastest`, {unserved}"));
        }
        "cost-based-routing" => {
            settings.word = "cheapest";
            let free = groups.iter().any(|group| group.models.len() > 1 && !group.priced);
            let note = if free {
                "`cheapest`, and `rotate` for groups in which a model has no price: add `price` and change it"
            } else {
                "`cheapest`"
            };
            notes.changed(path, note);
        }
        _ => notes.lost(path, "not a strategy that this program knows: `rotate` is taken"),
    }
}

fn aliases(value: &Value, path: &str, groups: &mut [Group], notes: &mut Notes) {
    let known: Vec<String> = groups.iter().map(|group| group.name.clone()).collect();
    for (alias, target) in value.map() {
        let path = child(path, alias);
        let name = target.text().or_else(|| target.get("model").and_then(Value::text)).unwrap_or_default();
        let taken = known.contains(alias) || groups.iter().any(|group| group.aliases.contains(alias));
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) if !taken => {
                group.aliases.push(alias.clone());
                notes.carried(&path, "a further name in the group's rule");
                notes.carried(&child(&path, "hidden"), "nothing here lists it");
            }
            Some(_) => notes.lost(&path, "a group or another alias has this name already"),
            None => notes.lost(&path, "no group of this name can be reached"),
        }
    }
}

/// `[{ group: [groups] }, …]`.
fn pairs(
    value: &Value,
    path: &str,
    groups: &[Group],
    notes: &mut Notes,
    noted: bool,
) -> Vec<(String, String, Vec<String>)> {
    let known = |name: &str| groups.iter().any(|group| group.name == name);
    let mut found: Vec<(String, String, Vec<String>)> = Vec::new();
    for (number, entry) in value.list().iter().enumerate() {
        for (from, list) in entry.map() {
            let path = child(&element(path, number), from);
            if !known(from) || found.iter().any(|(_, earlier, _)| earlier == from) {
                notes.lost(&path, "no group of this name can be reached, or an earlier entry has it");
                continue;
            }
            let mut to = Vec::new();
            for (number, name) in list.list().iter().enumerate() {
                let path = element(&path, number);
                match name.text().filter(|name| known(name)) {
                    Some(name) => {
                        if noted {
                            notes.carried(&path, "`then …`");
                        }
                        to.push(name.to_owned());
                    }
                    None => notes.lost(&path, "no group of this name can be reached"),
                }
            }
            found.push((path, from.clone(), to));
        }
    }
    found
}

/// What several keys of one section say together.
fn whole_section(settings: &mut Settings, place: &str, section: &Value, notes: &mut Notes) {
    if let Some(budget) = budget(section.get("max_budget"), section.get("budget_duration")) {
        for key in ["max_budget", "budget_duration"] {
            notes.changed(
                &child(place, key),
                format!("`defaults {{ budget: {budget} }}`, which this version does not carry out yet"),
            );
        }
        once(settings, unserved("budget", budget));
    }
    if section.get("cache").and_then(Value::truth) == Some(true) {
        let params = section.get("cache_params");
        let said = params.and_then(|params| params.any(&["ttl", "default_in_memory_ttl"]));
        let wait = said.and_then(|(_, value)| value.number()).and_then(seconds).unwrap_or_else(|| "10m".to_owned());
        notes.changed(
            &child(place, "cache"),
            format!("`defaults {{ cache: {wait} }}`: equal requests only, in this program's memory"),
        );
        if let Some((key, _)) = said {
            notes.carried(&child(&child(place, "cache_params"), key), format!("`cache: {wait}`"));
        }
        once(settings, field("cache", wait));
    }
}

/// Money for a time, as the language has it.
pub(super) fn budget(limit: Option<&Value>, period: Option<&Value>) -> Option<String> {
    let dollars = limit?.number().filter(|dollars| (0.01..=1e9).contains(dollars))?;
    let period = period.and_then(Value::text).unwrap_or("30d").trim();
    let split = period.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = (period.get(..split)?, period.get(split..)?);
    let hours = number.parse::<u32>().ok()?.checked_mul(match unit {
        "h" => 1,
        "d" => 24,
        "w" => 24 * 7,
        "mo" => 24 * 30,
        _ => return None,
    })?;
    let per = match hours {
        1 => "hour",
        24 => "day",
        168 => "week",
        672..=744 => "month",
        _ => return None,
    };
    Some(format!("${dollars}/{per}"))
}

fn provider_budgets(input: &Value, catalog: &mut Catalog, notes: &mut Notes) {
    let base = "router_settings.provider_budget_config";
    let config = input.get("router_settings").and_then(|section| section.get("provider_budget_config"));
    for (provider, value) in config.map(Value::map).unwrap_or_default() {
        let path = child(base, provider);
        let limit = value.any(&["budget_limit", "max_budget"]).map(|(_, value)| value);
        let Some(budget) = budget(limit, value.any(&["time_period", "budget_duration"]).map(|(_, value)| value)) else {
            notes.lost(&path, "a budget is for an hour, a day, a week or a month");
            continue;
        };
        let id = presets::named(provider).map_or_else(|| kebab(provider, "provider"), |preset| preset.id.to_owned());
        let mut found = 0;
        for block in catalog.providers.iter_mut().filter(|block| {
            block.name == id || block.name.strip_prefix(id.as_str()).is_some_and(|rest| rest.starts_with('-'))
        }) {
            block.fields.push(unserved("budget", budget.clone()));
            found += 1;
        }
        match found {
            0 => notes.lost(&path, "no provider of this name is used"),
            _ => notes.changed(
                &path,
                format!("`budget: {budget}` of the provider, which this version does not carry out yet"),
            ),
        }
    }
}

fn owner(input: &Value, catalog: &mut Catalog, settings: &mut Settings, notes: &mut Notes) {
    let path = "general_settings.master_key";
    let said = input.get("general_settings").and_then(|section| section.get("master_key")).and_then(Value::text);
    let name = match said.map(secret) {
        None | Some(Secret::Absent) => return,
        Some(Secret::Variable(name)) => {
            notes.carried(path, format!("`tenant owner {{ keys: [env(\"{name}\")] }}`"));
            name
        }
        Some(literal) => {
            let name = catalog.variable("LITELLM_MASTER_KEY", &literal);
            notes.changed(path, format!("a key is never written into a policy: set `{name}` to it"));
            name
        }
    };
    notes.needs(&name, "the key that clients send (the master key)".to_owned());
    settings.tenants.push(Block {
        name: "owner".to_owned(),
        remark: "from general_settings.master_key; give each further key a tenant of its own".to_owned(),
        path: path.to_owned(),
        fields: vec![field("keys", format!("[env({})]", quoted(&name)))],
        ..Block::default()
    });
}
