//! Cases that nobody wrote yet: facts that were run, with what came out of them, as an author
//! would write them.

use crate::diag::Span;
use crate::dsl::expr::print::quoted;
use crate::dsl::format::format;
use crate::dsl::policy::{Case, ModelId, Outcome, Policy, RouteId};
use crate::engine::cases::Runner;
use crate::engine::trace::Trace;
use crate::facts::given::GivenFacts;
use crate::facts::world::ModelState;

/// Live facts of a case.
pub(super) type State = Vec<(ModelId, ModelState)>;

/// A case that passes, with the route that its test has to enter.
#[derive(Clone, Debug, PartialEq)]
pub struct WrittenCase {
    /// the route
    pub route: RouteId,
    /// the case
    pub case: Case,
    /// the same as text: `given { images: 1 } -> eyes by image`
    pub text: String,
}

/// A case without an expectation.
pub(super) fn bare(given: GivenFacts, state: State) -> Case {
    Case { given, tenant: None, state, expected: Outcome::Models(Vec::new()), by: Vec::new(), span: Span::default() }
}

/// Runs facts and writes down what comes out; None where a case cannot say it, because the client
/// would get an error that the policy does not name.
pub(super) fn write(
    runner: &mut Runner<'_>,
    policy: &Policy,
    route: RouteId,
    given: GivenFacts,
    state: State,
) -> Option<WrittenCase> {
    let mut case = bare(given, state);
    let trace = runner.trace(Some(route), &case).ok()?;
    case.expected = expected(&trace)?;
    case.by = trace.decisions.first()?.iter().skip(1).cloned().collect();
    let text = text(policy, &case);
    Some(WrittenCase { route, case, text })
}

/// What a case has to expect for this to pass.
fn expected(trace: &Trace) -> Option<Outcome> {
    let outcome = &trace.outcome;
    if outcome.model_ids.is_empty() {
        return outcome.reject.map(Outcome::Reject);
    }
    Some(Outcome::Models(outcome.model_ids.clone()))
}

fn text(policy: &Policy, case: &Case) -> String {
    let name = |id: &ModelId| policy.models.get(id.index()).map_or("?", |model| model.name.as_str());
    let outcome = match &case.expected {
        Outcome::Models(ids) => ids.iter().map(name).collect::<Vec<_>>().join(" then "),
        Outcome::Reject(status) => format!("reject {status}"),
    };
    let states: Vec<String> =
        case.state.iter().map(|(id, state)| format!("{}: {{ {} }}", name(id), state_text(state))).collect();
    let state = if states.is_empty() { String::new() } else { format!(" state {{ {} }}", states.join(", ")) };
    format!("given {}{state} -> {outcome} by {}", case.given.to_text(), case.by.join("/"))
}

fn state_text(state: &ModelState) -> String {
    let fresh = ModelState::FRESH;
    let mut parts = Vec::new();
    if state.healthy != fresh.healthy {
        parts.push(format!("healthy: {}", state.healthy));
    }
    if state.error_rate > fresh.error_rate {
        parts.push(format!("error_rate: {:?}", state.error_rate));
    }
    if state.ttft_p95_ms != fresh.ttft_p95_ms {
        parts.push(format!("ttft_p95_ms: {}", state.ttft_p95_ms));
    }
    if state.headroom < fresh.headroom {
        parts.push(format!("headroom: {:?}", state.headroom));
    }
    parts.join(", ")
}

/// `test` blocks, one a route, with the cases of each in their order; titles that no test has.
#[must_use]
pub fn blocks(policy: &Policy, cases: &[WrittenCase], title: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (number, route) in (0_u32..).zip(&policy.routes) {
        let lines: Vec<&str> =
            cases.iter().filter(|case| case.route == RouteId(number)).map(|case| case.text.as_str()).collect();
        if lines.is_empty() {
            continue;
        }
        let title = free_title(policy, &format!("{title}: {}", route.name));
        let block = format!("test {} on {} {{\n  {}\n}}\n", quoted(&title), route.name, lines.join("\n  "));
        // As `fmt` would leave it; what it does not take is no worse for being plain.
        out.push(format(&title, &block).unwrap_or(block));
    }
    out
}

fn free_title(policy: &Policy, wanted: &str) -> String {
    let is_taken = |title: &str| policy.tests.iter().any(|test| test.title == title);
    let mut title = wanted.to_owned();
    let mut number = 1_usize;
    while is_taken(&title) {
        number = number.saturating_add(1);
        title = format!("{wanted} {number}");
    }
    title
}
