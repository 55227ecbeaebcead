//! Cases that are missing: for everything that no case reaches, a request of the prover's that
//! does, run and written down with what came out.

use super::coverage::{Gap, GapKind, Wanted, atoms_of, is_covered, measure};
use super::reach::{Asked, callers, states, way_to_atom};
use super::written::{State, WrittenCase, write};
use crate::bounds::MAX_SUGGESTED_CASES;
use crate::dsl::policy::{Policy, Route, Rule};
use crate::engine::Engine;
use crate::engine::cases::Runner;
use crate::engine::trace::Recorded;
use crate::facts::given::GivenFacts;
use crate::prove::Verdict;

/// What was found for the gaps of a policy's tests.
#[derive(Clone, Debug, Default)]
pub struct Suggested {
    /// cases that pass, in the order in which they were found
    pub cases: Vec<WrittenCase>,
    /// gaps that remain although these cases are run, with what stands in the way
    pub left: Vec<(Gap, String)>,
}

/// Finds cases for what `recorded` has not reached. A case is kept only when it reaches something
/// new.
#[must_use]
pub fn suggest(engine: &Engine, recorded: Recorded, wanted: Wanted) -> Suggested {
    let policy = engine.policy();
    let runner = Runner::recording(engine);
    let mut search = Search { policy, runner, recorded, suggested: Suggested::default() };
    let gaps = measure(policy, &search.recorded, wanted).gaps;
    // Rules first: their cases reach most of the rest.
    for kind in [GapKind::Rule, GapKind::Attempt, GapKind::Atom, GapKind::Mcdc] {
        for gap in gaps.iter().filter(|gap| gap.kind == kind) {
            if is_covered(&search.recorded, gap) {
                continue;
            }
            if let Err(why) = search.close(gap) {
                search.suggested.left.push((gap.clone(), why));
            }
        }
    }
    search.suggested
}

struct Search<'e> {
    policy: &'e Policy,
    runner: Runner<'e>,
    /// what all cases so far reach
    recorded: Recorded,
    suggested: Suggested,
}

/// A case with what it reaches.
type Tried = (WrittenCase, Recorded);

impl Search<'_> {
    /// Finds cases for a gap: one, or the two that MC/DC may need. The error says why there are none.
    fn close(&mut self, gap: &Gap) -> Result<(), String> {
        if self.suggested.cases.len() >= MAX_SUGGESTED_CASES {
            return Err(format!("no more than {MAX_SUGGESTED_CASES} cases are suggested at a time"));
        }
        let policy = self.policy;
        let route = policy.routes.get(gap.place.route.index()).ok_or("it is not there")?;
        let rule = route.rules.get(gap.place.rule as usize).ok_or("it is not there")?;
        let mut why = None;
        let mut tried: Vec<Tried> = Vec::new();
        for asked in questions(route, rule, gap) {
            match asked.find() {
                Verdict::Impossible => why = why.or(Some("no request reaches it (proved)".to_owned())),
                Verdict::GaveUp => why = Some("the search for a request took too long".to_owned()),
                Verdict::Possible { by } => why = Some(format!("none was found; in the way: `{}`", by.join("`, `"))),
                Verdict::Found(facts) => tried.extend(self.try_out(gap, rule, &facts)),
            }
        }
        let singles = (0..tried.len()).map(|one| (one, one));
        let pairs = (0..tried.len()).flat_map(|one| (0..one).map(move |other| (other, one)));
        let place = (gap.place.route, gap.place.rule);
        let closes = |(one, other): &(usize, usize)| {
            let mut all = Recorded::default();
            // What MC/DC needs may stand half in the cases that are there already.
            all.courses.extend(self.recorded.courses.get(&place).map(|courses| (place, courses.clone())));
            [one, other]
                .into_iter()
                .filter_map(|at| tried.get(*at))
                .for_each(|(_, recorded)| all.add(recorded.clone()));
            is_covered(&all, gap)
        };
        let Some((one, other)) = singles.chain(pairs).find(closes) else {
            return Err(why.unwrap_or_else(|| "no case was found that reaches it".to_owned()));
        };
        for (at, (case, recorded)) in tried.into_iter().enumerate() {
            if at == one || at == other {
                self.recorded.add(recorded);
                self.suggested.cases.push(case);
            }
        }
        Ok(())
    }

    /// Runs facts; where somebody behind a rule is wanted, variants of them until it is chosen.
    fn try_out(&mut self, gap: &Gap, rule: &Rule, facts: &GivenFacts) -> Option<Tried> {
        let mut run = |facts: GivenFacts, state: State| {
            let _before = self.runner.take_recorded();
            let case = write(&mut self.runner, self.policy, gap.place.route, facts, state)?;
            Some((case, self.runner.take_recorded()))
        };
        if gap.kind != GapKind::Attempt {
            return run(facts.clone(), State::new());
        }
        let others = callers(rule, facts).into_iter().map(|facts| (facts, State::new()));
        let states = states(self.policy, rule).into_iter().map(|state| (facts.clone(), state));
        others
            .chain(states)
            .filter_map(|(facts, state)| run(facts, state))
            .find(|(_, recorded)| is_covered(recorded, gap))
    }
}

/// What may close a gap, each to be asked in turn.
fn questions<'p>(route: &'p Route, rule: &'p Rule, gap: &Gap) -> Vec<Asked<'p>> {
    let number = gap.place.rule as usize;
    let (Some(condition), Some(atom)) = (&rule.condition, gap.place.atom) else {
        return vec![Asked::at(route, number).matched(rule)];
    };
    let Some(wanted) = atoms_of(condition).get(atom).copied() else { return Vec::new() };
    let on_the_way = |value: bool| {
        let mut asked = Asked::at(route, number);
        way_to_atom(condition, atom).into_iter().for_each(|(part, value)| asked.that(part, value));
        asked.that(wanted, value);
        asked
    };
    let Some(value) = gap.value else {
        // MC/DC: both values, each with both outcomes.
        let both = [(true, true), (true, false), (false, true), (false, false)];
        let asked = both.map(|(value, outcome)| {
            let mut asked = on_the_way(value);
            asked.that(condition, outcome);
            asked
        });
        return asked.into();
    };
    vec![on_the_way(value)]
}
