//! Portkey: a tree of strategies with providers at its leaves.

mod keys;
mod leaf;
mod query;

pub(super) use keys::KEYS;

use super::draft::{Attempt, Draft, Field, Given, RouteDraft, RuleDraft, field, unserved};
use super::names::{Names, kebab, quoted};
use super::provider::{Catalog, duration};
use super::report::{Notes, child, element};
use super::value::Value;
use super::{ImportError, Source};

/// What holds for everything below a place in the tree.
#[derive(Clone, Default)]
struct Around<'v> {
    provider: Option<&'v Value>,
    virtual_key: Option<&'v Value>,
    api_key: Option<&'v Value>,
    custom_host: Option<&'v Value>,
    parameters: Vec<(&'v str, &'v Value)>,
    timeout: Option<String>,
}

/// The work in progress.
#[derive(Default)]
struct Tree {
    catalog: Catalog,
    routes: Vec<RouteDraft>,
    route_names: Names,
    defaults: Vec<Field>,
}

/// Makes the draft.
pub(super) fn draft(input: &Value, notes: &mut Notes) -> Result<Draft, ImportError> {
    let mut tree = Tree::default();
    tree.route_names.take("main", "main", "main");
    general(input, &mut tree, notes);
    let mut around = Around::default();
    around.enter(input, "", notes);
    around.timeout = None;
    let rules = if mode(input) == "conditional" {
        tree.conditions(input, "", &around, &[], notes)
    } else {
        let target = tree.compile(input, "", &around, &[], notes);
        vec![default_rule(target, "", "from the config's strategy")]
    };
    if tree.catalog.models.is_empty() {
        let what = "none of its targets has a provider that can be reached by an address and a key".to_owned();
        return Err(ImportError::Nothing { source_program: Source::Portkey, what });
    }
    let mut routes = vec![RouteDraft { name: "main".to_owned(), remark: String::new(), rules }];
    routes.append(&mut tree.routes);
    Ok(Draft {
        providers: tree.catalog.providers,
        models: tree.catalog.models,
        defaults: tree.defaults,
        routes,
        ..Draft::default()
    })
}

fn mode(node: &Value) -> &str {
    let said = node.get("strategy").and_then(|strategy| strategy.get("mode")).and_then(Value::text).map(str::trim);
    match said {
        Some(mode @ ("single" | "fallback" | "loadbalance" | "conditional")) => mode,
        _ if node.get("targets").is_some() => "single",
        _ => "leaf",
    }
}

/// What the whole config sets once: retries, cache, time.
fn general(input: &Value, tree: &mut Tree, notes: &mut Notes) {
    let retries = input.get("retry").and_then(|retry| retry.get("attempts")).and_then(Value::number);
    if let Some(count) = retries.filter(|count| (1.0..=100.0).contains(count)).map(f64::floor) {
        notes.changed("retry.attempts", format!("`retry: {count}`, which this version does not carry out yet"));
        tree.defaults.push(unserved("retry", count.to_string()));
    }
    if let Some(cache) = input.get("cache") {
        let seconds =
            cache.get("max_age").and_then(Value::number).filter(|age| (1.0..=3e7).contains(age)).unwrap_or(604_800.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
        let kept = duration(seconds.floor() as u64 * 1_000);
        let semantic = cache.get("mode").or(Some(cache)).and_then(Value::text) == Some("semantic");
        let note = if semantic { "equal requests only, not similar ones" } else { "equal requests" };
        notes.changed("cache", format!("`defaults {{ cache: {kept} }}`: {note}, in this program's memory"));
        tree.defaults.push(field("cache", kept));
    }
    if let Some(wait) = wait(input) {
        notes.changed(
            "request_timeout",
            format!("`defaults {{ timeout: {wait} }}`: until the first content of an attempt"),
        );
        tree.defaults.push(field("timeout", wait));
    }
}

fn wait(node: &Value) -> Option<String> {
    let number = node.get("request_timeout").and_then(Value::number)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    (1.0..=86_400_000.0).contains(&number).then(|| duration(number.round() as u64))
}

fn default_rule(target: Vec<Attempt>, path: &str, remark: &str) -> RuleDraft {
    let refusal = || vec![Attempt::Reject(503, "no target of the imported config can be reached".to_owned())];
    RuleDraft {
        name: "default".to_owned(),
        remark: remark.to_owned(),
        path: path.to_owned(),
        condition: None,
        target: if target.is_empty() { refusal() } else { target },
        options: Vec::new(),
        samples: vec![Given::of(&["text"], quoted("hello"))],
    }
}

impl<'v> Around<'v> {
    /// What a node sets holds below it.
    fn enter(&mut self, node: &'v Value, path: &str, notes: &mut Notes) {
        for (slot, key) in [
            (&mut self.provider, "provider"),
            (&mut self.virtual_key, "virtual_key"),
            (&mut self.api_key, "api_key"),
            (&mut self.custom_host, "custom_host"),
        ] {
            if let Some(value) = node.get(key) {
                *slot = Some(value);
            }
        }
        if node.get("provider").is_some() && node.get("virtual_key").is_none() {
            self.virtual_key = None;
        }
        for (key, value) in node.get("override_params").map(Value::map).unwrap_or_default() {
            self.parameters.retain(|(known, _)| known != key);
            self.parameters.push((key, value));
        }
        if let Some(wait) = wait(node) {
            if !path.is_empty() {
                notes.changed(
                    &child(path, "request_timeout"),
                    format!("`timeout: {wait}` of the models below, which this version does not carry out yet"),
                );
            }
            self.timeout = Some(wait);
        }
        if !path.is_empty() {
            for key in ["retry", "cache"] {
                if node.get(key).is_some() {
                    notes.lost(&child(path, key), "one for the whole policy here: set it in `defaults`, or at a rule");
                }
            }
        }
    }
}

impl Tree {
    /// A node as attempts, with what follows behind it.
    fn compile(
        &mut self,
        node: &Value,
        path: &str,
        around: &Around<'_>,
        rest: &[Attempt],
        notes: &mut Notes,
    ) -> Vec<Attempt> {
        match mode(node) {
            "leaf" => {
                let mut target: Vec<Attempt> = Vec::new();
                if let Some(model) = leaf::model(&mut self.catalog, node, path, around, notes) {
                    target.push(Attempt::Model(model));
                }
                join(&mut target, rest);
                target
            }
            "conditional" => {
                let rules = self.conditions(node, path, around, rest, notes);
                vec![self.route(node, path, rules)]
            }
            "loadbalance" => self.split(node, path, around, rest, notes),
            "fallback" => {
                note_mode(node, path, "`a then b`", notes);
                let mut target = rest.to_vec();
                for (number, inner) in targets(node).iter().enumerate().rev() {
                    target = self.inner(inner, path, number, around, &target, notes);
                }
                target
            }
            _ => {
                note_mode(node, path, "one attempt", notes);
                for number in 1..targets(node).len() {
                    notes.lost(&target_path(path, number), "a strategy `single` uses its first target only");
                }
                match targets(node).first() {
                    Some(first) => self.inner(first, path, 0, around, rest, notes),
                    None => rest.to_vec(),
                }
            }
        }
    }

    fn inner(
        &mut self,
        node: &Value,
        above: &str,
        number: usize,
        around: &Around<'_>,
        rest: &[Attempt],
        notes: &mut Notes,
    ) -> Vec<Attempt> {
        let path = target_path(above, number);
        let mut around = around.clone();
        around.enter(node, &path, notes);
        self.compile(node, &path, &around, rest, notes)
    }

    /// A new route, and the attempt that leads to it.
    fn route(&mut self, node: &Value, path: &str, rules: Vec<RuleDraft>) -> Attempt {
        let said = node.get("name").and_then(Value::text).unwrap_or(path);
        let name = self.route_names.take(said, "target", "route");
        self.routes.push(RouteDraft { name: name.clone(), remark: format!("from {path}"), rules });
        Attempt::Route(name)
    }

    fn split(
        &mut self,
        node: &Value,
        path: &str,
        around: &Around<'_>,
        rest: &[Attempt],
        notes: &mut Notes,
    ) -> Vec<Attempt> {
        note_mode(node, path, "`split` by conversation, so that each keeps its model", notes);
        let mut arms: Vec<(f64, Vec<Attempt>, usize)> = Vec::new();
        for (number, inner) in targets(node).iter().enumerate() {
            let at = target_path(path, number);
            let weight =
                inner.get("weight").map_or(Some(1.0), Value::number).filter(|weight| (0.0..=1e9).contains(weight));
            match weight {
                Some(weight) if weight > 0.0 => arms.push((weight, Vec::new(), number)),
                Some(_) => notes.lost(&at, "left out: its weight is 0"),
                None => notes.lost(&at, "left out: its weight is not a number"),
            }
        }
        // First without what follows: when every arm is a model, that stands behind the split once.
        for (_, target, number) in &mut arms {
            if let Some(inner) = targets(node).get(*number) {
                *target = self.inner(inner, path, *number, around, &[], notes);
            }
        }
        arms.retain(|(_, target, _)| !target.is_empty());
        let simple = arms.iter().all(|(_, target, _)| matches!(target.as_slice(), [Attempt::Model(_)]));
        let mut merged: Vec<(f64, Attempt)> = Vec::new();
        for (weight, mut target, number) in arms {
            let arm = if simple {
                target.swap_remove(0)
            } else {
                let at = target_path(path, number);
                self.follow(&mut target, rest);
                match target.as_slice() {
                    [only @ Attempt::Route(_)] => only.clone(),
                    _ => {
                        let rules = vec![default_rule(target, &at, "")];
                        self.route(targets(node).get(number).unwrap_or(&Value::Null), &at, rules)
                    }
                }
            };
            match merged.iter_mut().find(|(_, known)| *known == arm) {
                Some(known) => known.0 += weight,
                None => merged.push((weight, arm)),
            }
        }
        for (share, number) in shares(&mut merged).into_iter().zip(0..) {
            notes.carried(&child(&target_path(path, number), "weight"), format!("`{share}%`"));
        }
        let mut target = match merged.len() {
            0 => Vec::new(),
            1 => merged.into_iter().map(|(_, arm)| arm).collect(),
            _ => vec![Attempt::Split(merged)],
        };
        if simple {
            join(&mut target, rest);
        } else if target.is_empty() {
            target = rest.to_vec();
        }
        target
    }

    /// Puts more behind a target that may end in another route: then behind that route's own targets.
    fn follow(&mut self, target: &mut Vec<Attempt>, rest: &[Attempt]) {
        let Some(Attempt::Route(name)) = target.last().cloned() else { return join(target, rest) };
        let Some(at) = self.routes.iter().position(|route| route.name == name) else { return };
        let Some(mut rules) = self.routes.get_mut(at).map(|route| std::mem::take(&mut route.rules)) else { return };
        for rule in &mut rules {
            self.follow(&mut rule.target, rest);
        }
        if let Some(route) = self.routes.get_mut(at) {
            route.rules = rules;
        }
    }

    /// The rules of a conditional node.
    fn conditions(
        &mut self,
        node: &Value,
        path: &str,
        around: &Around<'_>,
        rest: &[Attempt],
        notes: &mut Notes,
    ) -> Vec<RuleDraft> {
        note_mode(node, path, "a rule each, in order", notes);
        let strategy = node.get("strategy").unwrap_or(&Value::Null);
        let below = child(path, "strategy");
        let mut made: Vec<(String, Vec<Attempt>)> = Vec::new();
        for (number, inner) in targets(node).iter().enumerate() {
            let name = inner.get("name").and_then(Value::text).unwrap_or_default().to_owned();
            let target = self.inner(inner, path, number, around, rest, notes);
            if name.is_empty() {
                notes.lost(&target_path(path, number), "a target without `name` is never chosen by a condition");
            } else if !made.iter().any(|(known, _)| *known == name) {
                made.push((name, target));
            }
        }
        let find = |name: Option<&Value>| {
            let name = name.and_then(Value::text)?;
            made.iter().find(|(known, target)| known == name && !target.is_empty()).map(|(_, target)| target.clone())
        };
        let mut names = Names::default();
        let mut rules = Vec::new();
        for (number, condition) in strategy.get("conditions").map(Value::list).unwrap_or_default().iter().enumerate() {
            let at = element(&child(&below, "conditions"), number);
            let Some(target) = find(condition.get("then")) else {
                notes.lost(&at, "it names no target that can be reached");
                continue;
            };
            match query::condition(condition.get("query").unwrap_or(&Value::Null)) {
                Ok((text, given)) => {
                    let then = condition.get("then").and_then(Value::text).unwrap_or_default();
                    let name = names.take(&format!("to-{}", kebab(then, "target")), "rule", "too");
                    notes.carried(&at, format!("rule `{name}`"));
                    rules.push(RuleDraft {
                        name,
                        remark: format!("from {at}"),
                        path: at,
                        condition: Some(text),
                        target,
                        options: Vec::new(),
                        samples: vec![given],
                    });
                }
                Err(why) => notes.lost(&at, why),
            }
        }
        let at = child(&below, "default");
        let remark = format!("from {at}");
        let default = match find(strategy.get("default")) {
            Some(target) => {
                notes.carried(&at, "`default`");
                default_rule(target, &at, &remark)
            }
            None => {
                notes.lost(&at, "it names no target that can be reached: what no rule takes is refused");
                let text = "no condition of the imported config fits".to_owned();
                default_rule(vec![Attempt::Reject(400, text)], &at, &remark)
            }
        };
        rules.push(default);
        rules
    }
}

fn note_mode(node: &Value, path: &str, note: &str, notes: &mut Notes) {
    let strategy = child(path, "strategy");
    if node.get("strategy").is_some() {
        notes.carried(&child(&strategy, "mode"), note);
        notes.changed(
            &child(&strategy, "on_status_codes"),
            "which failures lead to the next attempt is the same for all: 401–404, 408, 409, 429, 5xx, timeouts, broken connections",
        );
    }
}

fn targets(node: &Value) -> &[Value] {
    node.get("targets").map(Value::list).unwrap_or_default()
}

fn target_path(path: &str, number: usize) -> String {
    element(&child(path, "targets"), number)
}

fn join(target: &mut Vec<Attempt>, rest: &[Attempt]) {
    for attempt in rest {
        if !target.contains(attempt) {
            target.push(attempt.clone());
        }
    }
}

/// Makes weights to percent that sum to 100, with two digits behind the point; returns them.
fn shares(arms: &mut Vec<(f64, Attempt)>) -> Vec<f64> {
    let all: f64 = arms.iter().map(|(weight, _)| weight).sum();
    #[expect(clippy::cast_possible_truncation, reason = "between 1 and 10 000")]
    let mut parts: Vec<i32> =
        arms.iter().map(|(weight, _)| ((weight / all * 10_000.0).round() as i32).clamp(1, 10_000)).collect();
    let over: i32 = parts.iter().sum::<i32>() - 10_000;
    if let Some(largest) = parts.iter_mut().max() {
        *largest -= over;
    }
    for ((weight, _), part) in arms.iter_mut().zip(&parts) {
        *weight = f64::from(*part) / 100.0;
    }
    arms.retain(|(share, _)| *share > 0.0);
    arms.iter().map(|(share, _)| *share).collect()
}
