//! The slots of `Router`, in the order in which claude-code-router's `getUseModel` asks them: the
//! image agent, the model that the client names, long context, the tag of a sub-agent, background,
//! web search, thinking, the default.

use super::Models;
use crate::bounds::MAX_FACT_INT;
use crate::import::draft::{Attempt, Given, RuleDraft};
use crate::import::names::{Names, quoted};
use crate::import::report::{Notes, child};
use crate::import::value::Value;

/// The threshold when nobody says one.
const LONG: i64 = 60_000;
/// A conversation that was long stays with the long model while it has more tokens than this.
const STILL_BIG: i64 = 20_000;

/// The rules; None when no model is left for the default.
pub(super) fn read(input: &Value, models: &mut Models, notes: &mut Notes) -> Option<Vec<RuleDraft>> {
    let router = input.get("Router").unwrap_or(&Value::Null);
    // The target of the default comes first: a model that only a slot names is declared by it.
    let default = default(input, router, models, notes)?;
    let mut slots: Vec<(&str, Option<RuleDraft>)> = Vec::new();
    for slot in ["image", "longContext", "background", "webSearch", "think"] {
        let rule = slot_rule(input, router, slot, models, notes);
        slots.push((slot, rule));
    }
    if !slots.iter().any(|(slot, rule)| *slot == "longContext" && rule.is_some()) {
        notes.changed("Router.longContextThreshold", "there is no rule `long` that would need it");
    }
    let mut take = |slot: &str| slots.iter_mut().find(|(known, _)| *known == slot).and_then(|(_, rule)| rule.take());
    let mut rules: Vec<RuleDraft> = take("image").into_iter().collect();
    rules.extend(named(models, "pick", "request.model", "model", "the client names this model, as /model does"));
    rules.extend(take("longContext"));
    rules.extend(named(
        models,
        "agent",
        "request.subagent",
        "subagent",
        "a sub-agent's <CCR-SUBAGENT-MODEL> tag names this model",
    ));
    rules.extend(["background", "webSearch", "think"].into_iter().filter_map(take));
    rules.push(default);
    notes.mend("a model that the client names is found in its own spelling too, not in lower case only, and a name that no provider has goes by the slots instead of failing");
    notes.mend("the tag of a sub-agent is found in every system block and in the first messages, not in the second system block only");
    Some(rules)
}

fn default(input: &Value, router: &Value, models: &mut Models, notes: &mut Notes) -> Option<RuleDraft> {
    let path = "Router.default";
    let chosen = router.get("default").and_then(Value::text).and_then(|text| models.select(text, path, notes));
    let name = match chosen {
        Some(name) => {
            notes.carried(path, format!("`default -> {name}`"));
            name
        }
        None => {
            let first = models.listed.first()?.name.clone();
            notes.changed(
                path,
                format!("it names no model that can be reached: `{first}`, the first of all, is the default"),
            );
            first
        }
    };
    let mut target = vec![Attempt::Model(name)];
    fallbacks(input, "default", &mut target, models, notes);
    Some(RuleDraft {
        name: "default".to_owned(),
        remark: "from Router.default".to_owned(),
        path: path.to_owned(),
        condition: None,
        target,
        options: Vec::new(),
        samples: vec![Given::of(&["text"], quoted("hello"))],
    })
}

fn fallbacks(input: &Value, slot: &str, target: &mut Vec<Attempt>, models: &mut Models, notes: &mut Notes) {
    let Some(list) = input.get("fallback").and_then(|all| all.get(slot)) else { return };
    models.attempts(list, &child("fallback", slot), target, notes);
}

fn slot_rule(input: &Value, router: &Value, slot: &str, models: &mut Models, notes: &mut Notes) -> Option<RuleDraft> {
    let path = child("Router", slot);
    let text = router.get(slot)?.text()?.trim();
    if text.is_empty() {
        notes.carried(&path, "empty: no rule");
        return None;
    }
    let Some(name) = models.select(text, &path, notes) else {
        notes.lost(&path, "no provider of this name can be reached: such requests go by the next slot that fits");
        return None;
    };
    let (rule, condition, samples) = condition(router, slot, notes);
    if let Some(capability) = capability(slot) {
        models.catalog.grant(&name, capability);
    }
    notes.carried(&path, format!("`rule {rule} … -> {name}`"));
    let mut target = vec![Attempt::Model(name)];
    fallbacks(input, slot, &mut target, models, notes);
    Some(RuleDraft {
        name: rule.to_owned(),
        remark: format!("from {path}"),
        path,
        condition: Some(condition),
        target,
        options: Vec::new(),
        samples,
    })
}

/// What a model has to be able to do for its slot to make sense.
fn capability(slot: &str) -> Option<&'static str> {
    match slot {
        "image" => Some("vision"),
        "webSearch" => Some("web_search"),
        "think" => Some("thinking"),
        _ => None,
    }
}

fn condition(router: &Value, slot: &str, notes: &mut Notes) -> (&'static str, String, Vec<Given>) {
    match slot {
        "image" => {
            notes.mend(
                "a picture anywhere in the conversation needs a model that sees, not only one in the last message",
            );
            ("image", "request.images > 0".to_owned(), vec![Given::of(&["images"], "1")])
        }
        "longContext" => long(router, notes),
        "background" => {
            let condition = "request.model.contains(\"claude\") && request.model.contains(\"haiku\")".to_owned();
            ("background", condition, vec![Given::of(&["model"], quoted("claude-haiku-4-5"))])
        }
        "webSearch" => {
            let condition = "request.server_tools.exists(tool, tool.startsWith(\"web_search\"))".to_owned();
            ("web-search", condition, vec![Given::of(&["server_tools"], "[\"web_search_20250305\"]")])
        }
        _ => {
            notes.mend("`thinking: {\"type\": \"disabled\"}` no longer counts as thinking");
            ("think", "request.thinking".to_owned(), vec![Given::of(&["thinking"], "true")])
        }
    }
}

fn long(router: &Value, notes: &mut Notes) -> (&'static str, String, Vec<Given>) {
    let path = "Router.longContextThreshold";
    let said = router.get("longContextThreshold").and_then(Value::number);
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    let threshold = match said {
        #[expect(clippy::cast_precision_loss, reason = "a small constant")]
        Some(number) if (1.0..MAX_FACT_INT as f64 - 1.0).contains(&number) => {
            let whole = number.floor() as i64;
            notes.carried(path, format!("the number in rule `long`: {whole}"));
            whole
        }
        Some(0.0) => {
            notes.carried(path, "0 counts as left out: 60 000");
            LONG
        }
        Some(_) => {
            notes.changed(path, "not a number of tokens: 60 000 is taken");
            LONG
        }
        None => LONG,
    };
    notes.mend("the last answer's tokens are known for every way in which Claude Code names its session, not for its old one only");
    notes.mend("tokens are counted with pictures, documents, tool names and 4 a message, by o200k instead of cl100k: the threshold is met a little earlier");
    let over = Given::of(&["tokens"], (threshold + 1).to_string());
    if threshold <= STILL_BIG {
        return ("long", format!("request.tokens > {threshold}"), vec![over]);
    }
    let was = Given::of(&["tokens"], (STILL_BIG + 1).to_string())
        .and(&["session", "last_tokens"], (threshold + 1).to_string());
    let condition =
        format!("request.tokens > {threshold} || (session.last_tokens > {threshold} && request.tokens > {STILL_BIG})");
    ("long", condition, vec![over, was])
}

/// One rule for each model that a text can select.
pub(super) fn named(models: &Models, prefix: &str, variable: &str, fact: &str, remark: &str) -> Vec<RuleDraft> {
    let mut names = Names::default();
    let mut claimed: Vec<String> = Vec::new();
    let mut rules = Vec::new();
    for model in &models.listed {
        let mut spellings = Vec::new();
        for spelling in
            [format!("{},{}", model.provider, model.upstream), format!("{}/{}", model.provider, model.upstream)]
        {
            for spelling in [spelling.to_lowercase(), spelling] {
                if !claimed.contains(&spelling) {
                    claimed.push(spelling.clone());
                    spellings.push(spelling);
                }
            }
        }
        let as_written = format!("{},{}", model.provider, model.upstream);
        let Some(first) = spellings.iter().find(|text| **text == as_written).or(spellings.last()).cloned() else {
            continue;
        };
        rules.push(RuleDraft {
            name: names.take(&format!("{prefix}-{}", model.name), prefix, "too"),
            remark: if rules.is_empty() { remark.to_owned() } else { String::new() },
            path: model.path.clone(),
            condition: Some(format!("{variable} in {}", crate::import::finish::list(&spellings))),
            target: vec![Attempt::Model(model.name.clone())],
            options: Vec::new(),
            samples: vec![Given::of(&[fact], quoted(&first))],
        });
    }
    rules
}
