//! Values for tests that only the CEL crate can evaluate: tried, near the constants that stand in
//! them.

use chrono::{DateTime, TimeDelta, Utc};

use super::witness::{give, give_text, holds};
use crate::bounds::{MAX_FACT_INT, MAX_LIST_LENGTH, STEPS_A_CEL_EVALUATION};
use crate::compile::space::{Demand, Text};
use crate::dsl::expr::typed::{Accessor, Expr, Function, Kind, Literal};
use crate::facts::given::{GivenFacts, Owned};
use crate::facts::schema::Range;
use crate::facts::{Fact, FactType, Facts, Var};

/// Rounds of changing one value for the better.
const ROUNDS: usize = 6;
/// Evaluations of all demands together.
const MOST_TRIES: usize = 2_000;
/// Monday, 5 January 2026: whole weeks of hours begin here.
const MONDAY_SECONDS: i64 = 1_767_571_200;

/// A value that can be changed.
#[derive(Clone, PartialEq)]
enum Place {
    Var(Var),
    Text(Text),
}

/// The constants of all tests that are not recognised.
#[derive(Default)]
struct Constants {
    texts: Vec<String>,
    ints: Vec<i64>,
    doubles: Vec<f64>,
    moments: Vec<DateTime<Utc>>,
    places: Vec<Place>,
}

impl Constants {
    fn collect(&mut self, expr: &Expr) {
        match &expr.kind {
            Kind::Literal(Literal::String(text)) => self.texts.push(text.clone()),
            Kind::Literal(Literal::Int(number)) => self.ints.push(*number),
            Kind::Literal(Literal::Double(number)) => self.doubles.push(*number),
            Kind::Literal(Literal::Timestamp(moment)) => self.moments.push(*moment),
            Kind::Var(var) => self.place(Place::Var(*var)),
            Kind::Access(Accessor::Header(name) | Accessor::HeaderInt(name, _)) => {
                self.place(Place::Text(Text::Header(name.clone())));
            }
            Kind::Access(Accessor::Meta(name) | Accessor::MetaInt(name, _)) => {
                self.place(Place::Text(Text::Meta(name.clone())));
            }
            Kind::Call(Function::Matches, arguments) => {
                if let Some(Expr { kind: Kind::Literal(Literal::String(pattern)), .. }) = arguments.get(1) {
                    self.texts.extend(super::example::of(pattern, 3));
                }
            }
            _ => {}
        }
        expr.for_each_part(&mut |part| self.collect(part));
    }

    fn place(&mut self, place: Place) {
        if !self.places.contains(&place) {
            self.places.push(place);
        }
    }
}

/// Changes values, one place a time, until everything is as demanded; false when that does not come
/// about before the `budget`, in steps of a proof, is used up.
pub(super) fn mend(demands: &[Demand<'_>], facts: &mut GivenFacts, budget: &mut usize) -> bool {
    let price: usize = demands.iter().map(steps).sum();
    let mut failing = |facts: &GivenFacts| {
        *budget = budget.saturating_sub(price);
        (demands.iter().filter(|demand| !holds(demand, facts)).count(), *budget == 0)
    };
    let (mut missing, _) = failing(facts);
    if missing == 0 {
        return true;
    }
    let mut tries = 0;
    for _ in 0..ROUNDS {
        let mut constants = Constants::default();
        for demand in demands {
            if let Demand::Opaque(atom, _) = demand
                && !holds(demand, facts)
            {
                constants.collect(&atom.expr);
            }
        }
        let before = missing;
        for place in &constants.places {
            let mut changed = facts.clone();
            for value in values_at(place, &constants, facts) {
                put(place, value, &mut changed);
                tries += 1;
                let (now, is_over) = failing(&changed);
                if now < missing {
                    missing = now;
                    *facts = changed.clone();
                    if !is_read_still(place, demands, facts) {
                        break;
                    }
                }
                if is_over || tries > MOST_TRIES {
                    return false;
                }
            }
        }
        if missing == before {
            return false;
        }
        if missing == 0 {
            return true;
        }
    }
    false
}

/// What asking whether facts are as demanded costs, in steps of a proof.
fn steps(demand: &Demand<'_>) -> usize {
    if matches!(demand, Demand::Opaque(..)) { STEPS_A_CEL_EVALUATION } else { 1 }
}

/// Whether a test that is not yet as demanded reads a place.
fn is_read_still(place: &Place, demands: &[Demand<'_>], facts: &GivenFacts) -> bool {
    demands.iter().any(|demand| match demand {
        Demand::Opaque(atom, _) if !holds(demand, facts) => {
            let mut constants = Constants::default();
            constants.collect(&atom.expr);
            constants.places.contains(place)
        }
        _ => false,
    })
}

fn put(place: &Place, value: Owned, facts: &mut GivenFacts) {
    match (place, value) {
        (Place::Var(var), value) => give(facts, *var, value),
        (Place::Text(text), Owned::Str(value)) => give_text(facts, text, value),
        (Place::Text(_), _) => {}
    }
}

/// Values that may help in one place.
fn values_at(place: &Place, constants: &Constants, facts: &GivenFacts) -> Vec<Owned> {
    match place {
        Place::Text(text) => {
            let numbers = whole_numbers(constants).into_iter().map(|number| number.to_string());
            texts(constants, text.read(facts)).into_iter().chain(numbers).map(Owned::Str).collect()
        }
        Place::Var(var) => values(*var, constants, facts),
    }
}

fn values(var: Var, constants: &Constants, facts: &GivenFacts) -> Vec<Owned> {
    let row = var.row();
    match row.ty {
        FactType::Bool => vec![Owned::Bool(true), Owned::Bool(false)],
        FactType::Int => {
            let (least, most) = match row.range {
                Range::Int(least, most) => (least, most),
                _ => (0, MAX_FACT_INT),
            };
            let mut numbers = whole_numbers(constants);
            numbers.retain(|number| (least..=most).contains(number));
            numbers.into_iter().map(Owned::Int).collect()
        }
        FactType::Double => {
            let (least, most) = match row.range {
                Range::Double(least, most) => (least, most),
                _ => (0.0, 1.0),
            };
            let around = constants.doubles.iter().flat_map(|c| [*c, c + 0.01, c - 0.01, c + 1.0, c - 1.0, c * 2.0]);
            let numbers = around.chain([0.0, 0.5, 1.0, least, most]);
            numbers.filter(|number| (least..=most).contains(number)).map(Owned::Double).collect()
        }
        FactType::Str if !row.values.is_empty() => {
            row.values.iter().map(|value| Owned::Str((*value).to_owned())).collect()
        }
        FactType::Str => texts(constants, facts.get(var).as_str()).into_iter().map(Owned::Str).collect(),
        FactType::List => lists(constants, var, facts),
        FactType::Time => moments(constants, facts).into_iter().map(Owned::Time).collect(),
    }
}

fn whole_numbers(constants: &Constants) -> Vec<i64> {
    let around = constants.ints.iter().flat_map(|constant| {
        let c = *constant;
        [c.saturating_add(1), c, c.saturating_sub(1), c.saturating_mul(2), c.saturating_mul(2).saturating_add(2), c / 2]
    });
    let whole: Vec<i64> = around.chain([0, 1, 2, 1_000, 1_000_000, MAX_FACT_INT]).collect();
    whole
}

fn texts(constants: &Constants, now: &str) -> Vec<String> {
    let mut texts = constants.texts.clone();
    texts.extend([String::new(), "x".to_owned(), "X".to_owned()]);
    for constant in &constants.texts {
        for form in [constant.clone(), constant.to_ascii_uppercase(), constant.to_ascii_lowercase()] {
            texts.push(format!("{now} {form}"));
            texts.push(format!("{now}{form}"));
            texts.push(format!("{form}{now}"));
            texts.push(format!("{form}x"));
            texts.push(form);
        }
    }
    for count in constants.ints.iter().flat_map(|count| [*count, count.saturating_add(1)]) {
        if let Ok(count) = usize::try_from(count)
            && count <= 4_096
        {
            texts.push("x".repeat(count));
        }
    }
    texts
}

fn lists(constants: &Constants, var: Var, facts: &GivenFacts) -> Vec<Owned> {
    let now: Vec<String> = facts.get(var).as_list().iter().map(|item| item.clone().into_owned()).collect();
    let mut lists: Vec<Vec<String>> = vec![Vec::new(), vec!["x".to_owned()], constants.texts.clone()];
    for constant in &constants.texts {
        for form in [constant.clone(), format!("{constant}x"), format!("x{constant}"), constant.to_ascii_uppercase()] {
            lists.push([now.clone(), vec![form.clone()]].concat());
            lists.push((0..now.len().max(2)).map(|number| format!("{form}{number}")).collect());
            lists.push(vec![form]);
        }
    }
    for count in constants.ints.iter().flat_map(|count| [*count, count.saturating_add(1)]) {
        if let Ok(count) = usize::try_from(count)
            && count <= MAX_LIST_LENGTH
        {
            let longer = (now.len()..count).map(|number| format!("x{number}"));
            lists.push(now.iter().cloned().chain(longer).collect());
        }
    }
    lists.into_iter().map(|list| Owned::List(list.into_iter().map(Into::into).collect())).collect()
}

/// Around the moments named; every hour of a week, every day of a year, some years; and, with what is
/// there kept as far as may be, other seconds, minutes, hours, days.
fn moments(constants: &Constants, facts: &GivenFacts) -> Vec<DateTime<Utc>> {
    let around = constants.moments.iter().flat_map(|moment| {
        [-1, 0, 1].map(|seconds| moment.checked_add_signed(TimeDelta::seconds(seconds)).unwrap_or(*moment))
    });
    let hours = (0..168).map(|hour| hour * 3_600);
    let days = (0..366).map(|day| day * 86_400 + 43_200);
    let years = (0..8).map(|year| year * 31_557_600);
    let seconds = hours.chain(days).chain(years);
    let regular = seconds.filter_map(|seconds| DateTime::from_timestamp(MONDAY_SECONDS + seconds, 0));
    let now = match facts.get(Var::Now) {
        Fact::Time(moment) => moment,
        _ => DateTime::UNIX_EPOCH,
    };
    let steps = [(1, 60), (60, 60), (3_600, 24), (86_400, 31)];
    let near = steps.into_iter().flat_map(|(step, count)| (1..count).map(move |index| step * index));
    let near = near.filter_map(move |seconds| now.checked_add_signed(TimeDelta::seconds(seconds)));
    let regular = near.chain(regular);
    around.chain(regular).filter(|moment| (0..7_258_118_400).contains(&moment.timestamp())).collect()
}
