//! Facts for a region.

use super::{opaque, text};
use crate::bounds::{MAX_FACT_INT, MAX_LIST_LENGTH};
use crate::compile::Region;
use crate::compile::space::{Demand, Number, Text};
use crate::facts::given::{GivenFacts, Owned, default_value};
use crate::facts::{Facts, Var};

/// Which number is taken where many would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taste {
    /// the default, else the least
    Low,
    /// the largest below a constant, where there is one
    High,
}

/// Facts in a region; None when none were found, or the `budget` of steps was used up.
pub(crate) fn witness_with(region: &Region<'_>, taste: Taste, budget: &mut usize) -> Option<GivenFacts> {
    let demands = region.demands();
    let mut facts = GivenFacts::default();
    for demand in &demands {
        meet(demand, taste, &mut facts)?;
    }
    opaque::mend(&demands, &mut facts, budget).then_some(facts)
}

/// Whether facts are as demanded.
pub(super) fn holds(demand: &Demand<'_>, facts: &GivenFacts) -> bool {
    let within =
        |ranges: &[(i64, i64)], value: i64| ranges.iter().any(|(least, most)| (*least..=*most).contains(&value));
    match demand {
        Demand::Flag(var, value) => facts.get(*var).as_bool() == *value,
        Demand::Text(place, demand) => text::fits(place.read(facts), demand),
        Demand::Int(number, ranges) => within(ranges, number.read(facts)),
        Demand::Real(var, ranges) => ranges.iter().any(|range| is_within(facts.get(*var).as_double(), *range)),
        Demand::List { var, with, without, sizes } => {
            let items = facts.get(*var).as_list();
            with.iter().all(|wanted| items.iter().any(|item| item == wanted))
                && !without.iter().any(|wanted| items.iter().any(|item| item == wanted))
                && (sizes.is_empty() || within(sizes, i64::try_from(items.len()).unwrap_or(i64::MAX)))
        }
        Demand::Opaque(atom, value) => atom.eval(facts) == (*value).into(),
    }
}

fn meet(demand: &Demand<'_>, taste: Taste, facts: &mut GivenFacts) -> Option<()> {
    match demand {
        Demand::Opaque(..) => {}
        Demand::Flag(var, value) => give(facts, *var, Owned::Bool(*value)),
        Demand::Int(number, ranges) => {
            let Number::Var(var) = number else { return None };
            give(facts, *var, Owned::Int(whole(ranges, taste)?));
        }
        Demand::Real(var, ranges) => {
            let default = match default_value(*var) {
                Owned::Double(value) => value,
                _ => 0.0,
            };
            give(facts, *var, Owned::Double(real(ranges, default, taste)?));
        }
        Demand::Text(place, demand) => {
            let default = place.read(facts).to_owned();
            give_text(facts, place, text::build(demand, &default)?);
        }
        Demand::List { var, with, without, sizes } => {
            let items = list(with, without, sizes)?;
            give(facts, *var, Owned::List(items.into_iter().map(Into::into).collect()));
        }
    }
    Some(())
}

/// Sets a value that is not the default.
pub(super) fn give(facts: &mut GivenFacts, var: Var, value: Owned) {
    if facts.is_given(var) || default_value(var) != value {
        facts.set(var, value);
    }
}

pub(super) fn give_text(facts: &mut GivenFacts, place: &Text, value: String) {
    match place {
        Text::Var(var) => give(facts, *var, Owned::Str(value)),
        Text::Header(name) if value != facts.header(name) => facts.set_header(name, &value),
        Text::Meta(name) if value != facts.meta(name) => facts.set_meta(name, &value),
        Text::Header(_) | Text::Meta(_) => {}
    }
}

fn whole(ranges: &[(i64, i64)], taste: Taste) -> Option<i64> {
    match taste {
        Taste::Low if ranges.iter().any(|(least, most)| *least <= 0 && *most >= 0) => Some(0),
        Taste::High if let Some((least, most)) = ranges.last() => {
            Some(if *most < MAX_FACT_INT { *most } else { *least })
        }
        _ => ranges.first().map(|(least, _)| *least),
    }
}

fn is_within(value: f64, (least, with_least, most, with_most): (f64, bool, f64, bool)) -> bool {
    let above = if with_least { value >= least } else { value > least };
    let below = if with_most { value <= most } else { value < most };
    above && below
}

/// A number that is pleasant to read, if there is one.
fn real(ranges: &[(f64, bool, f64, bool)], default: f64, taste: Taste) -> Option<f64> {
    if taste == Taste::Low && ranges.iter().any(|range| is_within(default, *range)) {
        return Some(default);
    }
    let (least, with_least, most, with_most) = if taste == Taste::High { *ranges.last()? } else { *ranges.first()? };
    let short = |value: f64| (value * 1e6).round() / 1e6;
    let mut tries =
        vec![short(least + 0.1), short(least + 1.0), short(least + 0.01), short(most - 0.1), short(most - 0.01)];
    if taste == Taste::High {
        tries.reverse();
    }
    if with_least {
        tries.insert(0, least);
    }
    if with_most && (taste == Taste::High || !with_least) && most < 1e9 {
        tries.insert(0, most);
    }
    tries.extend([least + (most - least) / 2.0, least.next_up(), most.next_down()]);
    tries.into_iter().find(|value| is_within(*value, (least, with_least, most, with_most)))
}

fn list(with: &[&str], without: &[&str], sizes: &[(i64, i64)]) -> Option<Vec<String>> {
    let mut items: Vec<String> = with.iter().map(|item| (*item).to_owned()).collect();
    if sizes.is_empty() {
        return Some(items);
    }
    let count = |items: &[String]| i64::try_from(items.len()).unwrap_or(i64::MAX);
    let (least, _) = sizes.iter().find(|(_, most)| *most >= count(&items))?;
    let mut number = 1;
    while count(&items) < *least && items.len() < MAX_LIST_LENGTH {
        let item = format!("x{number}");
        if !without.contains(&item.as_str()) && !items.contains(&item) {
            items.push(item);
        }
        number += 1;
    }
    Some(items)
}
