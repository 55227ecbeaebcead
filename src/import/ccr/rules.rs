//! The rule lists of claude-code-router's third version: the tag of a sub-agent, the rules in order,
//! the model that the client names, the default.

use super::{Models, slots};
use crate::bounds::MAX_FACT_INT;
use crate::import::draft::{Attempt, Field, Given, RuleDraft, unserved};
use crate::import::names::{Names, quoted};
use crate::import::report::{Notes, child, element};
use crate::import::value::Value;

/// The rules; None when no model is left for the default.
pub(super) fn read(input: &Value, models: &mut Models, notes: &mut Notes) -> Option<Vec<RuleDraft>> {
    let router = input.get("Router")?;
    let fallback = Fallback::read(router.get("fallback"), "Router.fallback", models, notes);
    let mut names = Names::default();
    let mut listed = Vec::new();
    for (number, rule) in router.get("rules").map(Value::list).unwrap_or_default().iter().enumerate() {
        let path = element("Router.rules", number);
        listed.extend(one(rule, &path, &fallback, &mut names, models, notes));
    }
    let first = first_model(input, router, models, notes)?;
    let remark = "a sub-agent's <CCR-SUBAGENT-MODEL> tag names this model";
    let mut rules = slots::named(models, "agent", "request.subagent", "subagent", remark);
    rules.append(&mut listed);
    rules.extend(slots::named(models, "pick", "request.model", "model", "the client names this model"));
    let mut target = vec![Attempt::Model(first)];
    let options = fallback.append(&mut target);
    rules.push(RuleDraft {
        name: "default".to_owned(),
        remark: "whatever no rule and no model name decides".to_owned(),
        path: "Router".to_owned(),
        condition: None,
        target,
        options,
        samples: vec![Given::of(&["text"], quoted("hello"))],
    });
    Some(rules)
}

/// The default, which the third version does not have: a request with an unknown model fails there.
fn first_model(input: &Value, router: &Value, models: &mut Models, notes: &mut Notes) -> Option<String> {
    if let Some(text) = router.get("default").and_then(Value::text)
        && let Some(name) = models.select(text, "Router.default", notes)
    {
        notes.carried("Router.default", format!("`default -> {name}`"));
        return Some(name);
    }
    let preferred = input.get("preferredProvider").and_then(Value::text).unwrap_or_default();
    let of_preferred = models.listed.iter().find(|model| model.provider.eq_ignore_ascii_case(preferred));
    let chosen = of_preferred.or_else(|| models.listed.first())?.name.clone();
    notes.mend(&format!("a model name that nobody knows goes to `{chosen}` instead of failing"));
    Some(chosen)
}

/// What follows when a model fails.
#[derive(Clone, Default)]
struct Fallback {
    models: Vec<Attempt>,
    retry: Option<u32>,
}

impl Fallback {
    fn read(value: Option<&Value>, path: &str, models: &mut Models, notes: &mut Notes) -> Self {
        let Some(value) = value else { return Self::default() };
        let mode = value.get("mode").and_then(Value::text).unwrap_or("off");
        let mut fallback = Self::default();
        match mode {
            "model-chain" => {
                if let Some(list) = value.get("models") {
                    models.attempts(list, &child(path, "models"), &mut fallback.models, notes);
                }
                notes.carried(&child(path, "mode"), "`then …`");
                notes.carried(&child(path, "retryCount"), "counts only in mode `retry`");
            }
            "retry" => {
                let count = value.get("retryCount").and_then(Value::number).unwrap_or(1.0).clamp(1.0, 10.0);
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped above")]
                let count = count as u32;
                fallback.retry = Some(count);
                notes.changed(&child(path, "mode"), "`retry`, which this version does not carry out yet");
                notes.changed(&child(path, "retryCount"), format!("`retry: {count}`, at most 10"));
                notes.carried(&child(path, "models"), "counts only in mode `model-chain`");
            }
            _ => notes.carried(path, "off: nothing follows"),
        }
        fallback
    }

    /// Puts it behind a target; what has to be set comes back.
    fn append(&self, target: &mut Vec<Attempt>) -> Vec<Field> {
        for attempt in &self.models {
            if !target.contains(attempt) {
                target.push(attempt.clone());
            }
        }
        self.retry.map(|count| unserved("retry", count.to_string())).into_iter().collect()
    }
}

fn one(
    rule: &Value,
    path: &str,
    general: &Fallback,
    names: &mut Names,
    models: &mut Models,
    notes: &mut Notes,
) -> Option<RuleDraft> {
    let said = rule.any(&["name", "id"]).and_then(|(_, value)| value.text()).unwrap_or("rule");
    if rule.get("enabled").and_then(Value::truth) == Some(false) {
        notes.lost(path, "left out: it is switched off");
        return None;
    }
    let (condition, given) = match rule.get("type").and_then(Value::text).unwrap_or("condition") {
        "model-prefix" => {
            let pattern = rule.get("pattern").and_then(Value::text).filter(|text| !text.is_empty())?;
            (format!("request.model.startsWith({})", quoted(pattern)), Given::of(&["model"], quoted(pattern)))
        }
        "condition" => match condition(rule.get("condition")) {
            Ok(found) => found,
            Err(why) => {
                notes.lost(path, why);
                return None;
            }
        },
        _ => {
            notes.lost(path, "a script cannot become a condition: write what it decides as a rule");
            return None;
        }
    };
    let Some(model) = target(rule, path, models, notes) else {
        notes.lost(path, "it leads to no model that can be reached; a rule here always names one");
        return None;
    };
    let fallback = match rule.get("fallback") {
        Some(value) => Fallback::read(Some(value), &child(path, "fallback"), models, notes),
        None => general.clone(),
    };
    let name = names.take(said, "rule", "too");
    for key in ["id", "name", "type", "enabled", "condition", "pattern"] {
        if rule.get(key).is_some() {
            notes.carried(&child(path, key), format!("rule `{name}`"));
        }
    }
    let mut target = vec![Attempt::Model(model)];
    let options = fallback.append(&mut target);
    Some(RuleDraft {
        name,
        remark: format!("from {path}"),
        path: path.to_owned(),
        condition: Some(condition),
        target,
        options,
        samples: vec![given],
    })
}

/// The model that a rule sets: `target`, or a rewrite of the request's model.
fn target(rule: &Value, path: &str, models: &mut Models, notes: &mut Notes) -> Option<String> {
    let mut found = None;
    if let Some(text) = rule.get("target").and_then(Value::text) {
        let path = child(path, "target");
        found = models.select(text, &path, notes);
        if let Some(name) = &found {
            notes.carried(&path, format!("`-> {name}`"));
        }
    }
    let single = rule.get("rewrite").map(|rewrite| (child(path, "rewrite"), rewrite));
    let list = child(path, "rewrites");
    let several = rule.get("rewrites").map(Value::list).unwrap_or_default().iter().enumerate();
    for (path, rewrite) in single.into_iter().chain(several.map(|(number, rewrite)| (element(&list, number), rewrite)))
    {
        let key = rewrite.get("key").and_then(Value::text).unwrap_or_default();
        let value = rewrite.get("value").and_then(Value::text).unwrap_or_default();
        if matches!(key, "request.body.model" | "body.model" | "model") && found.is_none() {
            found = models.select(value, &path, notes);
            if let Some(name) = &found {
                notes.carried(&path, format!("`-> {name}`"));
                continue;
            }
        }
        notes.lost(&path, "only the model of a request is set by a rule; write a `transform` for the rest");
    }
    found
}

/// What stands on the left of a condition.
enum Left {
    Text(&'static str, &'static [&'static str]),
    Header(String),
    Number(&'static str, &'static [&'static str]),
    Truth(&'static str, &'static [&'static str]),
    /// a list of texts
    Names(&'static str, &'static [&'static str]),
}

fn left(path: &str) -> Option<Left> {
    let path = path.trim();
    if let Some(name) = path.strip_prefix("request.header.").or_else(|| path.strip_prefix("request.headers.")) {
        return Some(Left::Header(name.to_ascii_lowercase()));
    }
    Some(match path.strip_prefix("request.")?.trim_start_matches("body.") {
        "model" => Left::Text("request.model", &["model"]),
        "system" => Left::Text("request.system", &["system"]),
        "messages" => Left::Text("request.history", &["history"]),
        "tokenCount" | "token_count" => Left::Number("request.tokens", &["tokens"]),
        "max_tokens" => Left::Number("request.max_tokens", &["max_tokens"]),
        "thinking.budget_tokens" => Left::Number("request.thinking_budget", &["thinking_budget"]),
        "sessionId" | "session_id" => Left::Text("session.id", &["session", "id"]),
        "metadata.user_id" => Left::Text("user.id", &["user", "id"]),
        "stream" => Left::Truth("request.stream", &["stream"]),
        "tools" => Left::Names("request.tools", &["tools"]),
        "output_config.effort" => Left::Text("request.effort", &["effort"]),
        _ => return None,
    })
}

/// The condition, and facts for which it holds.
fn condition(value: Option<&Value>) -> Result<(String, Given), &'static str> {
    let part = |key: &str| value.and_then(|value| value.get(key));
    let text = |key: &str| part(key).and_then(Value::text).unwrap_or_default().trim();
    let right = match part("right") {
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(truth)) => truth.to_string(),
        _ => text("right").trim_matches(['"', '\'']).to_owned(),
    };
    let operator = text("operator");
    let found = left(text("left")).ok_or("no condition here can ask for what stands on its left")?;
    let none = "this operator makes no sense for what stands on its left";
    match found {
        Left::Text(variable, fact) => of_text(variable, fact, operator, &right).ok_or(none),
        Left::Header(name) => {
            let variable = format!("request.header({})", quoted(&name));
            of_text(&variable, &["header", &name], operator, &right).ok_or(none)
        }
        Left::Names(variable, fact) => {
            let given = Given::of(fact, format!("[{}]", quoted(&right)));
            let asked = format!("{variable}.exists(name, name.contains({}))", quoted(&right));
            match operator {
                "contains" => Ok((format!("{} in {variable}", quoted(&right)), given)),
                "contains-deep" => Ok((asked, given)),
                "not-contains" => Ok((format!("!({} in {variable})", quoted(&right)), Given::of(fact, "[]"))),
                _ => Err(none),
            }
        }
        Left::Truth(variable, fact) => match (operator, right.as_str()) {
            ("==", "true") | ("!=", "false") => Ok((variable.to_owned(), Given::of(fact, "true"))),
            ("==", "false") | ("!=", "true") => Ok((format!("!{variable}"), Given::of(fact, "false"))),
            _ => Err(none),
        },
        Left::Number(variable, fact) => {
            let number: i64 = right.parse().map_err(|_| "it compares a number with what is none")?;
            if !(1..MAX_FACT_INT).contains(&number) {
                return Err("this number is no number of tokens");
            }
            let example = match operator {
                ">" => number + 1,
                "<" => number - 1,
                ">=" | "<=" | "==" => number,
                "!=" => number + 1,
                _ => return Err(none),
            };
            Ok((format!("{variable} {operator} {number}"), Given::of(fact, example.to_string())))
        }
    }
}

fn of_text(variable: &str, fact: &[&str], operator: &str, right: &str) -> Option<(String, Given)> {
    let literal = quoted(right);
    let given = Given::of(fact, literal.clone());
    let other = || Given::of(fact, quoted(&format!("not-{}", right.len())));
    Some(match operator {
        "==" => (format!("{variable} == {literal}"), given),
        "!=" => (format!("{variable} != {literal}"), other()),
        "contains" | "contains-deep" => (format!("{variable}.contains({literal})"), given),
        "not-contains" => (format!("!{variable}.contains({literal})"), other()),
        "starts-with" => (format!("{variable}.startsWith({literal})"), given),
        _ => return None,
    })
}
