//! From a draft to a policy that checks clean: rules that can never match go, tests are written from
//! what the examples really give, and what `check` would warn of is allowed by a comment.

use std::sync::Arc;

use super::ImportError;
use super::draft::{CaseDraft, Draft, Sample};
use super::names::quoted;
use super::report::Notes;
use crate::bounds::MAX_IMPORT_ROUNDS;
use crate::diag::{Code, Diagnostic, Severity, Sources};
use crate::dsl::format::format;
use crate::engine::{Engine, cases};
use crate::{dsl, lint};

/// The name of the text in messages.
const NAME: &str = "imported.policy";

/// What is left to say beside the policy.
pub(super) struct Finished {
    pub(super) policy: String,
    pub(super) advice: Vec<String>,
    pub(super) untested: Vec<String>,
    /// what this version does not carry out, whether it is a comment or not
    pub(super) unserved: Vec<String>,
}

/// Writes the policy. `because` is the reason for which warnings are allowed.
pub(super) fn finish(
    mut draft: Draft,
    notes: &mut Notes,
    served_only: bool,
    because: &str,
) -> Result<Finished, ImportError> {
    draft.prune(notes);
    drop_dead_rules(&mut draft, notes, served_only)?;
    draft.prune(notes);
    let mut untested = Vec::new();
    let tests = probe(&draft, served_only, &mut untested);
    let text = draft.write(&tests, served_only);
    let text = format(NAME, &text).map_err(|findings| broken(&findings))?;
    let (policy, advice) = allow(text, because)?;
    let unserved = unserved(&draft);
    Ok(Finished { policy, advice, untested, unserved })
}

/// What `serve` would refuse, one line each with the number of places.
fn unserved(draft: &Draft) -> Vec<String> {
    let findings = lint::check(&sources(&draft.write(&[], false))).diagnostics;
    findings.into_iter().filter(|finding| finding.code == Code::P0708).map(|finding| finding.message).collect()
}

fn sources(text: &str) -> Sources {
    let mut sources = Sources::default();
    sources.add(NAME, text);
    sources
}

/// Removes the rules that the checker refuses: what never matched in the other program either, or
/// what this language cannot say after all.
fn drop_dead_rules(draft: &mut Draft, notes: &mut Notes, served_only: bool) -> Result<(), ImportError> {
    let most = draft.routes.iter().map(|route| route.rules.len()).sum::<usize>();
    for _ in 0..=most {
        let text = draft.write(&[], served_only);
        let checked = lint::check(&sources(&text));
        let errors: Vec<&Diagnostic> =
            checked.diagnostics.iter().filter(|finding| finding.severity == Severity::Error).collect();
        if errors.is_empty() {
            return Ok(());
        }
        let mut gone = 0;
        for error in &errors {
            let Some((route, rule)) = rule_at(&text, error) else { continue };
            let Some(route) = draft.routes.iter_mut().find(|known| known.name == route) else { continue };
            if let Some(at) = route.rules.iter().position(|known| known.condition.is_some() && known.name == rule) {
                let dead = route.rules.remove(at);
                notes.lost(&dead.path, format!("rule `{}` is left out: {}", dead.name, error.message));
                gone += 1;
            }
        }
        if gone == 0 {
            return Err(broken(&checked.diagnostics));
        }
        draft.prune(notes);
    }
    Err(ImportError::Broken { what: "rules are refused again and again".to_owned() })
}

/// The route and the rule on whose line a finding stands: each rule stands on one line.
fn rule_at(text: &str, finding: &Diagnostic) -> Option<(String, String)> {
    let start = finding.primary.as_ref()?.span.range().start;
    let before = text.get(..start)?.matches('\n').count();
    let mut route = String::new();
    for (number, line) in text.lines().enumerate() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("route"), Some(name)) if line.starts_with("route ") => name.clone_into(&mut route),
            (Some("rule"), Some(name)) if number == before => return Some((route, name.to_owned())),
            _ => {}
        }
    }
    None
}

fn broken(findings: &[Diagnostic]) -> ImportError {
    let first = findings.iter().find(|finding| finding.severity == Severity::Error);
    let what = first.map_or_else(
        || "the policy does not check".to_owned(),
        |finding| format!("{}: {}", finding.code.as_str(), finding.message),
    );
    ImportError::Broken { what }
}

type Titled = (String, String, Vec<CaseDraft>);

/// Runs the examples, and keeps those that reach their rule with what came out of them.
fn probe(draft: &Draft, served_only: bool, untested: &mut Vec<String>) -> Vec<Titled> {
    let mut tests = Vec::new();
    for route in &draft.routes {
        let examples: Vec<Vec<Sample>> = route.rules.iter().map(super::draft::RuleDraft::examples).collect();
        let tried: Vec<CaseDraft> = examples.iter().flatten().map(as_case).collect();
        let mut outcomes = outcomes(draft, &route.name, tried, served_only).into_iter();
        let (mut up, mut down) = (Vec::new(), Vec::new());
        for (rule, samples) in route.rules.iter().zip(&examples) {
            let mut seen: Vec<String> = Vec::new();
            for (sample, outcome) in samples.iter().zip(outcomes.by_ref()) {
                let leads_on = rule.target.iter().any(|attempt| !attempt.routes().is_empty());
                let fits = |by: &str| by == rule.name || leads_on && by.contains('/');
                let Some(case) =
                    outcome.filter(|case| case.expected.rsplit_once(" by ").is_some_and(|(_, by)| fits(by)))
                else {
                    continue;
                };
                if sample.varied && seen.contains(&case.expected) {
                    continue;
                }
                seen.push(case.expected.clone());
                if sample.down.is_empty() { up.push(case) } else { down.push(case) }
            }
            if seen.is_empty() {
                untested.push(format!("{}/{}", route.name, rule.name));
            }
        }
        for (title, cases) in [("each rule", up), ("when a model is down", down)] {
            if !cases.is_empty() {
                tests.push((format!("{}: {title}", route.name), route.name.clone(), cases));
            }
        }
    }
    tests
}

fn as_case(sample: &Sample) -> CaseDraft {
    let down: Vec<String> = sample.down.iter().map(|model| format!("{model}: {{ healthy: false }}")).collect();
    let state = if down.is_empty() { String::new() } else { format!(" state {{ {} }}", down.join(", ")) };
    CaseDraft { given: sample.given.text(), state, expected: "reject 599".to_owned() }
}

/// The cases with what really comes out; None where nobody can serve, or the facts are not facts.
fn outcomes(draft: &Draft, route: &str, tried: Vec<CaseDraft>, served_only: bool) -> Vec<Option<CaseDraft>> {
    let wanted = tried.len();
    // One impossible example must not spoil the others: then each is tried alone.
    if let Some(outcomes) = run(draft, route, &tried, served_only) {
        return outcomes;
    }
    let alone = tried.iter().map(|case| run(draft, route, std::slice::from_ref(case), served_only)?.pop()?);
    let mut outcomes: Vec<Option<CaseDraft>> = alone.collect();
    outcomes.resize(wanted, None);
    outcomes
}

fn run(draft: &Draft, route: &str, tried: &[CaseDraft], served_only: bool) -> Option<Vec<Option<CaseDraft>>> {
    let text = draft.write(&[("probe".to_owned(), route.to_owned(), tried.to_vec())], served_only);
    let policy = dsl::load(&sources(&text)).policy?;
    let report = cases::run(&Engine::new(Arc::new(policy)));
    if report.cases.len() != tried.len() {
        return None;
    }
    let outcome = |(case, found): (&CaseDraft, &cases::CaseReport)| {
        let expected = as_expected(&found.actual)?;
        Some(CaseDraft { expected, ..case.clone() })
    };
    Some(tried.iter().zip(&report.cases).map(outcome).collect())
}

/// `a then b then reject 403 by x` as a case says it: the models, else the refusal.
fn as_expected(actual: &str) -> Option<String> {
    let (outcome, by) = actual.rsplit_once(" by ")?;
    let parts: Vec<&str> = outcome.split(" then ").collect();
    let models: Vec<&str> = parts.iter().copied().filter(|part| !part.contains(' ') && !part.is_empty()).collect();
    let said = if models.is_empty() { (*parts.first()?).to_owned() } else { models.join(" then ") };
    let legal = !models.is_empty() || said.strip_prefix("reject ").is_some_and(|status| status.parse::<u16>().is_ok());
    legal.then(|| format!("{said} by {by}"))
}

/// Puts a comment above everything that `check` warns of; P0708 cannot be allowed.
fn allow(mut text: String, because: &str) -> Result<(String, Vec<String>), ImportError> {
    let mut advice = Vec::new();
    for _ in 0..MAX_IMPORT_ROUNDS {
        let checked = lint::check(&sources(&text));
        if checked.policy.is_none() {
            return Err(broken(&checked.diagnostics));
        }
        let mut lines: Vec<(usize, Code)> = Vec::new();
        for finding in checked.diagnostics.iter().filter(|finding| finding.code != Code::P0708) {
            let said = format!("{}: {}", finding.code.as_str(), finding.message);
            if !advice.contains(&said) {
                advice.push(said);
            }
            let place = finding.primary.as_ref().map(|label| label.span.range().start);
            if let Some(line) = place.and_then(|start| text.get(..start)).map(|before| before.matches('\n').count()) {
                lines.push((line, finding.code));
            }
        }
        lines.sort_unstable();
        lines.dedup();
        if lines.is_empty() {
            break;
        }
        text = with_comments(&text, &lines, because);
    }
    Ok((text, advice))
}

fn with_comments(text: &str, places: &[(usize, Code)], because: &str) -> String {
    let mut out = String::with_capacity(text.len() + places.len() * 64);
    for (number, line) in text.lines().enumerate() {
        let indent: String = line.chars().take_while(|letter| *letter == ' ').collect();
        for (_, code) in places.iter().filter(|(place, _)| *place == number) {
            out.push_str(&format!("{indent}// ccr: allow {} because {because}\n", code.as_str()));
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// A list of texts as a literal.
pub(super) fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}
