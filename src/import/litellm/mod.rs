//! LiteLLM: the deployments of `model_list` in their groups, and what `router_settings` does with
//! them.

mod deployments;
mod keys;
mod settings;

pub(super) use keys::KEYS;

use super::draft::{Attempt, Draft, Given, RouteDraft, RuleDraft};
use super::finish::list;
use super::names::{Names, quoted};
use super::provider::Catalog;
use super::report::{Notes, element};
use super::value::Value;
use super::{ImportError, Source};

/// The deployments that share a `model_name`.
#[derive(Clone, Debug)]
struct Group {
    /// the name that clients ask for
    name: String,
    /// further names of it
    aliases: Vec<String>,
    models: Vec<String>,
    /// the smallest context of its models, when all say one
    context: Option<i64>,
    /// every model has a price
    priced: bool,
    path: String,
}

impl Group {
    /// The group as attempts: one member, chosen by the strategy, then the others.
    fn attempts(&self, word: &'static str) -> Vec<Attempt> {
        match self.models.as_slice() {
            [only] => vec![Attempt::Model(only.clone())],
            _ => {
                let word = if word == "cheapest" && !self.priced { "rotate" } else { word };
                vec![Attempt::Choice(word, self.models.clone()), Attempt::Choice("first", self.models.clone())]
            }
        }
    }

    /// The condition for a request that asks for it.
    fn asked(&self) -> String {
        if self.aliases.is_empty() {
            return format!("request.model == {}", quoted(&self.name));
        }
        let names: Vec<String> = std::iter::once(self.name.clone()).chain(self.aliases.iter().cloned()).collect();
        format!("request.model in {}", list(&names))
    }
}

/// Makes the draft.
pub(super) fn draft(input: &Value, notes: &mut Notes) -> Result<Draft, ImportError> {
    let mut catalog = Catalog::default();
    let mut groups = deployments::read(input, &mut catalog, notes);
    if groups.is_empty() {
        let what = "`model_list` names no model that can be reached by an address and a key".to_owned();
        return Err(ImportError::Nothing { source_program: Source::Litellm, what });
    }
    let settings = settings::read(input, &mut groups, &mut catalog, notes);
    let mut names = Names::default();
    let mut rules = Vec::new();
    for group in &groups {
        let mut target = group.attempts(settings.word);
        for other in settings.after(&group.name, &groups) {
            append(&mut target, other.attempts(settings.word));
        }
        if let Some(rule) = long(group, &settings, &groups, &mut names, notes) {
            rules.push(rule);
        }
        rules.push(RuleDraft {
            name: names.take(&group.name, "model", "too"),
            remark: format!("from {} and its kin", group.path),
            path: group.path.clone(),
            condition: Some(group.asked()),
            target,
            options: Vec::new(),
            samples: std::iter::once(&group.name)
                .chain(&group.aliases)
                .map(|name| Given::of(&["model"], quoted(name)))
                .collect(),
        });
    }
    rules.push(RuleDraft {
        name: "default".to_owned(),
        remark: "LiteLLM refuses a model name that it does not know".to_owned(),
        path: "model_list".to_owned(),
        condition: None,
        target: vec![Attempt::Reject(404, "there is no model of this name here".to_owned())],
        options: Vec::new(),
        samples: vec![Given::of(&["model"], quoted("no-such-model"))],
    });
    Ok(Draft {
        providers: catalog.providers,
        models: catalog.models,
        tenants: settings.tenants,
        defaults: settings.defaults,
        routes: vec![RouteDraft { name: "main".to_owned(), remark: String::new(), rules }],
        ..Draft::default()
    })
}

fn append(target: &mut Vec<Attempt>, more: Vec<Attempt>) {
    for attempt in more {
        if !target.contains(&attempt) {
            target.push(attempt);
        }
    }
}

/// The rule for requests beyond a group's context: `context_window_fallbacks`.
fn long(
    group: &Group,
    settings: &settings::Settings,
    groups: &[Group],
    names: &mut Names,
    notes: &mut Notes,
) -> Option<RuleDraft> {
    let (path, wanted) =
        settings.beyond_context.iter().find(|(_, from, _)| *from == group.name).map(|(path, _, to)| (path, to))?;
    let others: Vec<&Group> =
        wanted.iter().filter_map(|name| groups.iter().find(|group| group.name == *name)).collect();
    let Some(context) = group.context else {
        notes.lost(path, format!("no `max_input_tokens` is known of `{}`: give its models a `context`, then add a rule for what is larger", group.name));
        return None;
    };
    let mut target = Vec::new();
    for other in &others {
        append(&mut target, other.attempts(settings.word));
    }
    if target.is_empty() {
        return None;
    }
    notes.carried(path, format!("a rule for requests of more than {context} tokens"));
    for number in 0..wanted.len() {
        notes.carried(&element(path, number), format!("a rule for requests of more than {context} tokens"));
    }
    Some(RuleDraft {
        name: names.take(&format!("{}-long", group.name), "long", "too"),
        remark: format!("from {path}"),
        path: path.clone(),
        condition: Some(format!("{} && request.tokens > {context}", group.asked())),
        target,
        options: Vec::new(),
        samples: vec![Given::of(&["model"], quoted(&group.name)).and(&["tokens"], (context + 1).to_string())],
    })
}
