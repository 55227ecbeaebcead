//! What a decision is measured against.

use std::hint::black_box;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use cel_interpreter::common::types::{CelBool, CelInt, CelString};
use cel_interpreter::common::value::CowVal;
use cel_interpreter::context::VariableResolver;
use cel_interpreter::{Context, Env, Value};
use memchr::memmem::Finder;

use crate::generators::{Case, Request, Rule};
use crate::nanoseconds;

/// Lends the request's values without a copy.
struct Lent<'a>(&'a Request);

impl VariableResolver for Lent<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        Some(match variable {
            "model" => CowVal::owned(CelString::from(self.0.model.as_str())),
            "user_id" => CowVal::owned(CelString::from(self.0.user.as_str())),
            "text" => CowVal::owned(CelString::from(&*self.0.text)),
            "tokens" => CowVal::owned(CelInt::from(self.0.tokens)),
            "header" => CowVal::owned(CelString::from("n")),
            _ => return None,
        })
    }
}

/// The rule for the loop: plain variables, the fastest that the crate can look up.
fn source(rule: &Rule) -> String {
    let mut text = rule.cel();
    for (long, short) in
        [("request.model", "model"), ("request.text", "text"), ("request.tokens", "tokens"), ("user.id", "user_id")]
    {
        text = text.replace(long, short);
    }
    while let Some(start) = text.find("request.header(") {
        let end = text.bytes().skip(start).position(|byte| byte == b')').map_or(text.len(), |end| start + end + 1);
        text.replace_range(start..end, "header");
    }
    text
}

/// Nanoseconds a decision of a loop over `cel_interpreter` programs, the first true one wins. One
/// shared environment, one context a decision, values lent: as fast as the crate allows.
pub(crate) fn linear(case: &Case) -> f64 {
    let mut env = Env::stdlib();
    env.add_extension(cel_interpreter::extensions::strings).expect("added once");
    let programs: Vec<_> =
        case.rules.iter().map(|rule| env.compile(&source(rule)).expect("the generated rule is CEL")).collect();
    let env = Arc::new(env);
    let pass = || {
        for request in &case.requests {
            let lent = Lent(request);
            let mut context = Context::with_env(Arc::clone(&env));
            context.set_variable_resolver(&lent);
            let holds = |program: &cel_interpreter::Program| {
                let value = Value::resolve_val(program.expression(), &context).expect("the generated rule runs");
                value.downcast_ref::<CelBool>().is_some_and(|value| *value.inner())
            };
            black_box(programs.iter().position(holds));
        }
    };
    nanoseconds(pass) / case.requests.len() as f64
}

/// The fastest bare search for all words over the text, and its name.
pub(crate) fn limit(words: &[&str], text: &str) -> (&'static str, f64) {
    let mut all = Vec::new();
    let kinds = [
        ("default", None),
        ("NFA", Some(AhoCorasickKind::ContiguousNFA)),
        ("DFA", (words.len() <= 4_000).then_some(AhoCorasickKind::DFA)),
    ];
    for (name, kind) in kinds {
        let automaton = AhoCorasick::builder().kind(kind).build(words).expect("words make an automaton");
        all.push((name, nanoseconds(|| _ = black_box(automaton.find_overlapping_iter(text).count()))));
    }
    let finders: Vec<Finder<'_>> = words.iter().map(|word| Finder::new(word.as_bytes())).collect();
    let search = || _ = black_box(finders.iter().filter(|finder| finder.find(text.as_bytes()).is_some()).count());
    all.push(("memmem", nanoseconds(search)));
    all.into_iter().min_by(|one, other| one.1.total_cmp(&other.1)).expect("four were measured")
}
