//! The same rules in Rego (`regorus`) and Cedar (`cedar-policy`), one decision each, as a table.
//!
//! Neither has "the first rule that matches wins": Rego collects the numbers of all that match,
//! Cedar asks every policy. Nothing matches in these cases, so each looks at every rule.

#[allow(dead_code, reason = "shared with the decision benchmark, which uses all of it")]
#[path = "../../decide/generators.rs"]
mod generators;

use std::fmt::Write as _;
use std::hint::black_box;
use std::str::FromStr;
use std::time::Instant;

use generators::{Case, Request, Rule};

fn nanoseconds(mut run: impl FnMut()) -> f64 {
    let started = Instant::now();
    run();
    let first = started.elapsed().as_secs_f64().max(1e-9);
    let batch = (0.01 / first).ceil().clamp(1.0, 1e5) as usize;
    let batches = if first > 0.2 { 2 } else { 10 };
    let mut least = f64::INFINITY;
    for _ in 0..batches {
        let started = Instant::now();
        for _ in 0..batch {
            run();
        }
        least = least.min(started.elapsed().as_secs_f64() * 1e9 / batch as f64);
    }
    least
}

/// Nanoseconds to evaluate `data.bench.hits` of a policy whose rules add their numbers to a set.
fn rego(case: &Case) -> f64 {
    let mut text = "package bench\nimport rego.v1\n".to_owned();
    for (index, rule) in case.rules.iter().enumerate() {
        let body = match rule {
            Rule::Model(name) => format!(r#"input.model == "{name}""#),
            Rule::Tokens(count) => format!("input.tokens > {count}"),
            Rule::Keyword(word) => format!(r#"contains(input.text, "{word}")"#),
            Rule::BigUser(count, name) => format!(r#"input.tokens > {count}; input.user == "{name}""#),
            // Peers are measured on other cases.
            Rule::BigKeyword(..) | Rule::Crossing(_) => continue,
        };
        let _ = writeln!(text, "hits contains {index} if {{ {body} }}");
    }
    let mut engine = regorus::Engine::new();
    engine.add_policy("bench.rego".to_owned(), text).expect("the generated rules are Rego");
    let input = |request: &Request| {
        let mut input = regorus::Value::new_object();
        let fields = input.as_object_mut().expect("it is an object");
        fields.insert("model".into(), request.model.as_str().into());
        fields.insert("user".into(), request.user.as_str().into());
        fields.insert("tokens".into(), request.tokens.into());
        fields.insert("text".into(), (&*request.text).into());
        input
    };
    let request = input(&case.requests[0]);
    nanoseconds(|| {
        engine.set_input(request.clone());
        black_box(engine.eval_rule("data.bench.hits".to_owned()).expect("the generated rules run"));
    })
}

/// Nanoseconds of one `is_authorized`, the request and its context ready.
fn cedar(case: &Case) -> f64 {
    use cedar_policy::{Authorizer, Context, Entities, EntityUid, PolicySet, RestrictedExpression};
    let mut text = String::new();
    for rule in &case.rules {
        let body = match rule {
            Rule::Model(name) => format!(r#"context.model == "{name}""#),
            Rule::Tokens(count) => format!("context.tokens > {count}"),
            Rule::Keyword(word) => format!(r#"context.text like "*{word}*""#),
            Rule::BigUser(count, name) => format!(r#"context.tokens > {count} && context.user == "{name}""#),
            // Peers are measured on other cases.
            Rule::BigKeyword(..) | Rule::Crossing(_) => continue,
        };
        let _ = writeln!(text, "permit(principal, action, resource) when {{ {body} }};");
    }
    let policies = PolicySet::from_str(&text).expect("the generated rules are Cedar");
    let request = &case.requests[0];
    let context = Context::from_pairs([
        ("model".to_owned(), RestrictedExpression::new_string(request.model.clone())),
        ("user".to_owned(), RestrictedExpression::new_string(request.user.clone())),
        ("tokens".to_owned(), RestrictedExpression::new_long(request.tokens)),
        ("text".to_owned(), RestrictedExpression::new_string(request.text.to_string())),
    ])
    .expect("the context has four fields");
    let id = |text: &str| EntityUid::from_str(text).expect("a name of an entity");
    let request =
        cedar_policy::Request::new(id(r#"User::"u""#), id(r#"Action::"a""#), id(r#"Route::"r""#), context, None)
            .expect("without a schema every request is good");
    let (authorizer, entities) = (Authorizer::new(), Entities::empty());
    nanoseconds(|| {
        black_box(authorizer.is_authorized(&request, &policies, &entities));
    })
}

fn main() {
    println!("| rules | number | regorus, ns | cedar-policy, ns |\n|---|---|---|---|");
    for count in [10, 100, 1_000] {
        let mut cases = [generators::aligned(count), generators::mixed(count, false, 4_000)];
        // Nothing matches, for a fair comparison of engines that cannot stop at the first match.
        cases[0].requests.retain(|request| !request.model.is_empty());
        cases[0].requests[0].model = "other".to_owned();
        for case in &cases {
            println!("| {} | {count} | {:.0} | {:.0} |", case.name, rego(case), cedar(case));
        }
    }
}
