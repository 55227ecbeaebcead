//! Conditions of a conditional strategy: metadata and parameters of the request against values, with
//! operators, `$and` and `$or`.

use regex::Regex;

use crate::bounds::MAX_FACT_INT;
use crate::import::draft::Given;
use crate::import::finish::list;
use crate::import::names::quoted;
use crate::import::value::Value;

/// Most parts of one query: each is a node of the condition.
const MOST_PARTS: usize = 100;

/// A condition, with facts for which it holds.
pub(super) type Asked = Result<(String, Given), &'static str>;

/// The condition of a query.
pub(super) fn condition(query: &Value) -> Asked {
    if query.map().is_empty() {
        return Err("an empty query fits every request: make it the default");
    }
    all(query)
}

/// Every member has to fit; beside `$or` and `$and`, Portkey answers with what those say.
fn all(query: &Value) -> Asked {
    let mut parts = Vec::new();
    let mut given = Given::default();
    for (key, value) in query.map() {
        let (text, facts) = match key.as_str() {
            "$or" => any_of(value)?,
            "$and" => joined(value.list().iter().map(all).collect::<Result<_, _>>()?, " && ")?,
            key => field(key, value)?,
        };
        given = given.join(facts);
        parts.push(text);
    }
    together(parts, " && ").map(|text| (text, given))
}

fn any_of(value: &Value) -> Asked {
    let found: Vec<(String, Given)> = value.list().iter().map(all).collect::<Result<_, _>>()?;
    let first = found.first().map(|(_, given)| given.clone()).unwrap_or_default();
    together(found.into_iter().map(|(text, _)| text).collect(), " || ").map(|text| (text, first))
}

fn joined(found: Vec<(String, Given)>, sign: &str) -> Asked {
    let given = found.iter().fold(Given::default(), |given, (_, facts)| given.join(facts.clone()));
    together(found.into_iter().map(|(text, _)| text).collect(), sign).map(|text| (text, given))
}

fn together(mut parts: Vec<String>, sign: &str) -> Result<String, &'static str> {
    match parts.len() {
        0 => Err("an empty query fits every request: make it the default"),
        1 => parts.pop().ok_or("an empty query"),
        count if count > MOST_PARTS => Err("more parts than one condition should have: split it into several rules"),
        _ => Ok(format!("({})", parts.join(sign))),
    }
}

/// What a key reads.
enum Subject {
    /// an expression that is text, and its fact
    Text(String, Vec<String>),
    /// a text that may be compared as a number, by this function of a default
    Meta(String),
    Number(&'static str, &'static str),
    Truth(&'static str, &'static str),
    Path,
}

fn subject(key: &str) -> Option<Subject> {
    let text = |expression: &str, fact: &str| Subject::Text(expression.to_owned(), vec![fact.to_owned()]);
    Some(match key.split_once('.')? {
        ("metadata", "_user") => Subject::Text("user.id".to_owned(), vec!["user".to_owned(), "id".to_owned()]),
        ("metadata", name) if !name.is_empty() => Subject::Meta(name.to_owned()),
        ("params", "model") => text("request.model", "model"),
        ("params", "max_tokens" | "max_completion_tokens") => Subject::Number("request.max_tokens", "max_tokens"),
        ("params", "stream") => Subject::Truth("request.stream", "stream"),
        ("params", "user") => Subject::Text("user.id".to_owned(), vec!["user".to_owned(), "id".to_owned()]),
        ("params", "reasoning_effort") => text("request.effort", "effort"),
        ("url", "pathname") => Subject::Path,
        _ => return None,
    })
}

fn field(key: &str, value: &Value) -> Asked {
    let subject = subject(key).ok_or("no condition here can ask for this: metadata, model, max_tokens, stream, user, reasoning_effort and the path can be")?;
    let Value::Map(operators) = value else { return one(&subject, "$eq", value) };
    let found: Vec<(String, Given)> =
        operators.iter().map(|(operator, value)| one(&subject, operator, value)).collect::<Result<_, _>>()?;
    joined(found, " && ")
}

fn one(subject: &Subject, operator: &str, value: &Value) -> Asked {
    match subject {
        Subject::Text(expression, fact) => {
            let fact: Vec<&str> = fact.iter().map(String::as_str).collect();
            of_text(expression, &fact, operator, value)
        }
        Subject::Meta(name) => {
            let expression = format!("request.meta({})", quoted(name));
            match operator {
                "$gt" | "$gte" | "$lt" | "$lte" => of_meta_number(name, operator, value),
                _ => of_text(&expression, &["meta", name], operator, value),
            }
        }
        Subject::Number(variable, fact) => of_number(variable, fact, operator, value),
        Subject::Truth(variable, fact) => {
            let truth = value.truth().or_else(|| value.text().and_then(|text| text.parse().ok()));
            let truth = match (operator, truth) {
                ("$eq", Some(truth)) => truth,
                ("$ne", Some(truth)) => !truth,
                _ => return Err("a truth value is compared with true or false"),
            };
            let sign = if truth { "" } else { "!" };
            Ok((format!("{sign}{variable}"), Given::of(&[fact], truth.to_string())))
        }
        Subject::Path => of_path(operator, value),
    }
}

/// A value as the text that Portkey compares with.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn of_text(expression: &str, fact: &[&str], operator: &str, value: &Value) -> Asked {
    let texts: Vec<String> = match value {
        Value::List(items) => items.iter().filter_map(as_text).collect(),
        _ => as_text(value).into_iter().collect(),
    };
    let first = texts.first().cloned().ok_or("it compares with a value that is no text")?;
    let literal = quoted(&first);
    let other = || Given::of(fact, quoted(&format!("not-{}", texts.iter().map(String::len).sum::<usize>())));
    Ok(match operator {
        "$eq" => (format!("{expression} == {literal}"), Given::of(fact, literal)),
        "$ne" => (format!("{expression} != {literal}"), other()),
        "$in" if texts.len() == 1 => (format!("{expression} == {literal}"), Given::of(fact, literal)),
        "$in" => (format!("{expression} in {}", list(&texts)), Given::of(fact, literal)),
        "$nin" if texts.len() == 1 => (format!("{expression} != {literal}"), other()),
        "$nin" => (format!("!({expression} in {})", list(&texts)), other()),
        "$regex" => return of_regex(expression, fact, &first),
        _ => return Err("this operator is not one for texts, or not known"),
    })
}

fn of_regex(expression: &str, fact: &[&str], pattern: &str) -> Asked {
    let compiled = Regex::new(pattern)
        .map_err(|_| "this pattern is not one that takes linear time: no look-around, no back references")?;
    let example = example(pattern);
    let given = if compiled.is_match(&example) { Given::of(fact, quoted(&example)) } else { Given::default() };
    let plain = pattern.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_' | ' ' | '/' | ':'));
    if plain && !pattern.is_empty() {
        return Ok((format!("{expression}.contains({})", quoted(pattern)), given));
    }
    Ok((format!("{expression}.matches({})", quoted(pattern)), given))
}

/// A text that a simple pattern finds: the caller tries it.
fn example(pattern: &str) -> String {
    let bare = pattern.trim_start_matches("(?i)").trim_start_matches('^').trim_end_matches('$');
    let bare = bare.trim_start_matches('(').split('|').next().unwrap_or_default().trim_end_matches(')');
    let mut out = bare.to_owned();
    for (from, to) in
        [(".*", ""), (".+", "x"), ("\\d+", "1"), ("\\d", "1"), ("\\w+", "w"), ("\\b", ""), ("\\.", "."), ("\\-", "-")]
    {
        out = out.replace(from, to);
    }
    out
}

fn number(value: &Value) -> Result<i64, &'static str> {
    let number = value.number().ok_or("it compares a number with what is none")?;
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the range is checked")]
    if number.fract() == 0.0 && number.abs() < (MAX_FACT_INT - 2) as f64 {
        Ok(number as i64)
    } else {
        Err("only whole numbers can be compared")
    }
}

fn sign(operator: &str) -> Option<&'static str> {
    Some(match operator {
        "$gt" => ">",
        "$gte" => ">=",
        "$lt" => "<",
        "$lte" => "<=",
        "$eq" => "==",
        "$ne" => "!=",
        _ => return None,
    })
}

fn of_meta_number(name: &str, operator: &str, value: &Value) -> Asked {
    let number = number(value)?;
    let sign = sign(operator).ok_or("not an operator for numbers")?;
    // What is absent compares as false with every number.
    let (absent, example) = match operator {
        "$gt" => (number, number + 1),
        "$gte" => (number - 1, number),
        "$lt" => (number, number - 1),
        _ => (number + 1, number),
    };
    let expression = format!("request.meta_int({}, {absent}) {sign} {number}", quoted(name));
    Ok((expression, Given::of(&["meta", name], quoted(&example.to_string()))))
}

fn of_number(variable: &str, fact: &str, operator: &str, value: &Value) -> Asked {
    let number = number(value)?;
    let sign = sign(operator).ok_or("not an operator for numbers")?;
    if !(1..MAX_FACT_INT - 1).contains(&number) {
        return Err("this number is no number of tokens");
    }
    let example = match operator {
        "$gt" | "$ne" => number + 1,
        "$lt" => number - 1,
        _ => number,
    };
    Ok((format!("{variable} {sign} {number}"), Given::of(&[fact], example.to_string())))
}

/// Paths that are protocols here.
const PATHS: &[(&str, &str)] = &[("chat/completions", "chat"), ("messages", "anthropic"), ("responses", "responses")];

fn of_path(operator: &str, value: &Value) -> Asked {
    let text = match value {
        Value::List(items) => items.first().and_then(Value::text),
        _ => value.text(),
    };
    let text = text.unwrap_or_default();
    let found = PATHS.iter().find(|(path, _)| text.contains(path));
    match (found, operator) {
        (Some((_, protocol)), "$eq" | "$in" | "$regex") => {
            Ok((format!("request.protocol == \"{protocol}\""), Given::of(&["protocol"], quoted(protocol))))
        }
        (Some((_, protocol)), "$ne") => {
            let other = if *protocol == "chat" { "anthropic" } else { "chat" };
            Ok((format!("request.protocol != \"{protocol}\""), Given::of(&["protocol"], quoted(other))))
        }
        _ => Err("no such path here: a path is a protocol, `chat`, `anthropic` or `responses`"),
    }
}
