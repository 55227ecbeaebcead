//! One region: in words, and as what a request in it must look like.

use rustc_hash::FxHashMap;

use super::Space;
use super::axis::{Axis, Part, Term, Whole};
use super::classes::Classes;
use super::ranges::{now_range, range_of};
use crate::compile::atom::{Number, Text};
use crate::dsl::expr::plain;
use crate::dsl::expr::print::{cel_text, quoted};
use crate::facts::Var;
use crate::facts::schema::Range;

/// A set of classes on each axis.
#[derive(Debug)]
pub struct Region<'s> {
    space: &'s Space,
    /// by axis, in order; axes that are left out have all their classes
    classes: Vec<(u32, Classes)>,
}

/// What a request in a region must look like, one value a time.
#[derive(Debug)]
pub(crate) enum Demand<'s> {
    Flag(Var, bool),
    Text(Text, TextDemand<'s>),
    /// the number is in one of these ranges, ends included
    Int(Number, Vec<(i64, i64)>),
    /// in one of these ranges; true: the end belongs to it
    Real(Var, Vec<(f64, bool, f64, bool)>),
    /// members that are there, members that are not, sizes
    List {
        var: Var,
        with: Vec<&'s str>,
        without: Vec<&'s str>,
        sizes: Vec<(i64, i64)>,
    },
    /// the value of something that only the CEL crate can evaluate
    Opaque(&'s plain::Atom, bool),
}

/// What is demanded of a text.
#[derive(Debug, Default)]
pub(crate) struct TextDemand<'s> {
    pub(crate) one_of: Option<Vec<&'s str>>,
    pub(crate) none_of: Vec<&'s str>,
    /// (needle, whether it is there)
    pub(crate) inside: Vec<(&'s str, bool)>,
    pub(crate) starts: Vec<(&'s str, bool)>,
    pub(crate) ends: Vec<(&'s str, bool)>,
    pub(crate) matches: Vec<(&'s regex::Regex, bool)>,
    /// letters
    pub(crate) sizes: Option<Vec<(i64, i64)>>,
    /// the text as a whole number, with the number of a text that is none
    pub(crate) numbers: Vec<(i64, Vec<(i64, i64)>)>,
}

/// How a text is called.
fn name_of(text: &Text) -> String {
    match text {
        Text::Var(var) => var.path().to_owned(),
        Text::Header(name) => format!("request.header({})", quoted(name)),
        Text::Meta(name) => format!("request.meta({})", quoted(name)),
    }
}

fn name_of_number(number: &Number) -> String {
    match number {
        Number::Var(var) => var.path().to_owned(),
        Number::HeaderInt(name, absent) => format!("request.header_int({}, {absent})", quoted(name)),
        Number::MetaInt(name, absent) => format!("request.meta_int({}, {absent})", quoted(name)),
        Number::ListSize(var) => format!("{}.size()", var.path()),
        Number::TextSize(text) => format!("{}.size()", name_of(text)),
    }
}

fn name_of_term(term: &Term) -> String {
    match term {
        Term::Number(number) => name_of_number(number),
        Term::Now => "now".to_owned(),
        Term::Other(text, ..) => text.clone(),
    }
}

fn moment(nanoseconds: i64) -> String {
    let text = chrono::DateTime::from_timestamp_nanos(nanoseconds).to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
    format!("timestamp({})", quoted(&text))
}

/// The numbers of a range of classes, ends included.
fn numbers(cuts: &[i64], from: u32, to: u32) -> (Option<i64>, Option<i64>) {
    let cut = |class: u32| cuts.get(class as usize / 2).copied();
    let least = match (from % 2, from / 2) {
        (1, _) => cut(from),
        (_, 0) => None,
        (_, gap) => cuts.get(gap as usize - 1).map(|cut| cut.saturating_add(1)),
    };
    let last = to.saturating_sub(1);
    let most = if last % 2 == 1 { cut(last) } else { cut(last).map(|cut| cut.saturating_sub(1)) };
    (least, most)
}

impl<'s> Region<'s> {
    pub(super) fn new(space: &'s Space, classes: &FxHashMap<u32, Classes>) -> Self {
        let mut classes: Vec<(u32, Classes)> = classes.iter().map(|(axis, classes)| (*axis, classes.clone())).collect();
        classes.sort_unstable_by_key(|(axis, _)| *axis);
        Self { space, classes }
    }

    fn axes(&self) -> impl Iterator<Item = (u32, &'s Axis, &Classes)> {
        self.classes.iter().filter_map(|(id, classes)| Some((*id, self.space.axes.all.get(*id as usize)?, classes)))
    }

    /// What holds in it, one short sentence of the language each: `request.tokens > 120000`,
    /// `"cn-only" in tenant.tags`, `!request.text.contains("x")`. Opaque tests are among them.
    #[must_use]
    pub fn facts(&self) -> Vec<String> {
        let mut facts = Vec::new();
        for (id, axis, classes) in self.axes() {
            match axis {
                Axis::Flag(var) => {
                    facts.push(if classes.contains(1) { var.path().to_owned() } else { format!("!{}", var.path()) })
                }
                Axis::Equal { text, literals } => facts.push(equal_fact(text, literals, classes)),
                Axis::Ints { term, cuts } => {
                    let legal = self.space.axes.legal(id);
                    facts.push(int_fact(term, cuts, classes, legal));
                }
                Axis::Reals { var, cuts } => facts.push(real_fact(*var, cuts, classes, self.space.axes.legal(id))),
                Axis::Has { whole, part, constant } => {
                    facts.push(has_fact(whole, *part, constant, classes.contains(1)))
                }
                Axis::Pattern { text, pattern, .. } => {
                    let sign = if classes.contains(1) { "" } else { "!" };
                    facts.push(format!("{sign}{}.matches({})", name_of(text), quoted(pattern)));
                }
                Axis::Opaque(atom) => {
                    if let Some(atom) = self.opaque_atom(*atom) {
                        facts.push(signed(&cel_text(&atom.expr), classes.contains(1)));
                    }
                }
            }
        }
        facts
    }

    fn opaque_atom(&self, atom: u32) -> Option<&'s plain::Atom> {
        self.space.axes.atoms.get(atom as usize).and_then(|placed| placed.opaque.as_deref())
    }

    /// The tests that are not recognised, with the values that were assumed for them: whether the
    /// region exists may hang on them.
    #[must_use]
    pub fn opaque(&self) -> Vec<(String, bool)> {
        self.opaque_atoms().into_iter().map(|(atom, value)| (cel_text(&atom.expr), value)).collect()
    }

    fn opaque_atoms(&self) -> Vec<(&'s plain::Atom, bool)> {
        let mut found = Vec::new();
        for (axis, classes) in &self.classes {
            for atom in self.space.axes.opaque.get(axis).into_iter().flatten() {
                let Some(placed) = self.space.axes.atoms.get(*atom as usize) else { continue };
                let Some(opaque) = placed.opaque.as_deref() else { continue };
                if !classes.meets(&placed.yes) {
                    found.push((opaque, false));
                } else if classes.is_within(&placed.yes) {
                    found.push((opaque, true));
                }
            }
        }
        found
    }

    /// What a request in it must look like.
    pub(crate) fn demands(&self) -> Vec<Demand<'s>> {
        let mut demands = Vec::new();
        let mut texts: Vec<(Text, TextDemand<'s>)> = Vec::new();
        let mut lists: Vec<(Var, ListDemand<'s>)> = Vec::new();
        for (id, axis, classes) in self.axes() {
            let holds = classes.contains(1);
            match axis {
                Axis::Flag(var) => demands.push(Demand::Flag(*var, holds)),
                Axis::Reals { var, cuts } => demands.push(Demand::Real(*var, real_ranges(*var, cuts, classes))),
                Axis::Equal { text, literals } => {
                    demand_equal(entry(&mut texts, text), literals, classes, self.space.axes.legal(id))
                }
                Axis::Pattern { text, regex, .. } => entry(&mut texts, text).matches.push((regex, holds)),
                Axis::Has { whole: Whole::Text(text), part, constant } => {
                    let demand = entry(&mut texts, text);
                    let parts = match part {
                        Part::Start => &mut demand.starts,
                        Part::End => &mut demand.ends,
                        Part::Inside | Part::Member => &mut demand.inside,
                    };
                    parts.push((constant, holds));
                }
                Axis::Has { whole: Whole::List(var), constant, .. } => {
                    let list = entry(&mut lists, var);
                    if holds { list.with.push(constant) } else { list.without.push(constant) }
                }
                Axis::Ints { term: Term::Number(number), cuts } => {
                    let ranges = int_ranges(number, cuts, classes);
                    match number {
                        Number::Var(_) => demands.push(Demand::Int(number.clone(), ranges)),
                        Number::ListSize(var) => entry(&mut lists, var).sizes = ranges,
                        Number::TextSize(text) => entry(&mut texts, text).sizes = Some(ranges),
                        Number::HeaderInt(name, absent) => {
                            entry(&mut texts, &Text::Header(name.clone())).numbers.push((*absent, ranges));
                        }
                        Number::MetaInt(name, absent) => {
                            entry(&mut texts, &Text::Meta(name.clone())).numbers.push((*absent, ranges));
                        }
                    }
                }
                // Asked below, through the atoms.
                Axis::Ints { .. } | Axis::Opaque(_) => {}
            }
        }
        demands.extend(texts.into_iter().map(|(text, demand)| Demand::Text(text, demand)));
        demands.extend(lists.into_iter().map(|(var, list)| {
            let ListDemand { with, without, sizes } = list;
            Demand::List { var, with, without, sizes }
        }));
        demands.extend(self.opaque_atoms().into_iter().map(|(atom, value)| Demand::Opaque(atom, value)));
        demands
    }
}

#[derive(Debug, Default)]
struct ListDemand<'s> {
    with: Vec<&'s str>,
    without: Vec<&'s str>,
    sizes: Vec<(i64, i64)>,
}

/// The demand of a key, made when it is not there.
fn entry<'d, K: Clone + PartialEq, D: Default>(demands: &'d mut Vec<(K, D)>, key: &K) -> &'d mut D {
    let at = demands.iter().position(|(known, _)| known == key).unwrap_or(demands.len());
    if at == demands.len() {
        demands.push((key.clone(), D::default()));
    }
    #[expect(clippy::indexing_slicing, reason = "it was just found or pushed there")]
    &mut demands[at].1
}

fn demand_equal<'s>(demand: &mut TextDemand<'s>, literals: &'s [String], classes: &Classes, legal: &Classes) {
    let literal = |class: u32| literals.get(class as usize).map(String::as_str);
    let rest = u32::try_from(literals.len()).unwrap_or(u32::MAX);
    if classes.contains(rest) {
        demand.none_of.extend(legal.without(classes).iter().filter_map(literal));
    } else {
        demand.one_of = Some(classes.iter().filter_map(literal).collect());
    }
}

/// The ranges of whole numbers, within those of the variable table, low ones first.
fn int_ranges(number: &Number, cuts: &[i64], classes: &Classes) -> Vec<(i64, i64)> {
    let (low, high) = range_of(number);
    let range = |(from, to): &(u32, u32)| {
        let (least, most) = numbers(cuts, *from, *to);
        (least.unwrap_or(low).max(low), most.unwrap_or(high).min(high))
    };
    classes.ranges().iter().map(range).filter(|(least, most)| least <= most).collect()
}

fn real_ranges(var: Var, cuts: &[f64], classes: &Classes) -> Vec<(f64, bool, f64, bool)> {
    let (low, high) = match var.row().range {
        Range::Double(low, high) => (low, high),
        _ => (f64::MIN, f64::MAX),
    };
    let cut = |at: u32| cuts.get(at as usize).copied();
    let range = |(from, to): &(u32, u32)| {
        let last = to.saturating_sub(1);
        let (least, with_least) = match from % 2 {
            1 => (cut(from / 2), true),
            _ => ((from / 2).checked_sub(1).and_then(cut), false),
        };
        let (most, with_most) = (cut(last / 2), last % 2 == 1);
        let (least, with_least) = least.filter(|least| *least >= low).map_or((low, true), |least| (least, with_least));
        let (most, with_most) = most.filter(|most| *most <= high).map_or((high, true), |most| (most, with_most));
        (least, with_least, most, with_most)
    };
    classes.ranges().iter().map(range).collect()
}

fn signed(text: &str, holds: bool) -> String {
    if holds { text.to_owned() } else { format!("!({text})") }
}

fn listed(literals: &[&str]) -> String {
    literals.iter().map(|literal| quoted(literal)).collect::<Vec<_>>().join(", ")
}

fn equal_fact(text: &Text, literals: &[String], classes: &Classes) -> String {
    let mut demand = TextDemand::default();
    let all = Classes::range(0, u32::try_from(literals.len()).unwrap_or(u32::MAX).saturating_add(1));
    demand_equal(&mut demand, literals, classes, &all);
    let name = name_of(text);
    match (demand.one_of.as_deref(), demand.none_of.as_slice()) {
        (Some([one]), _) => format!("{name} == {}", quoted(one)),
        (Some(some), _) => format!("{name} in [{}]", listed(some)),
        (None, [one]) => format!("{name} != {}", quoted(one)),
        (None, none) => format!("!({name} in [{}])", listed(none)),
    }
}

fn int_fact(term: &Term, cuts: &[i64], classes: &Classes, legal: &Classes) -> String {
    let name = name_of_term(term);
    let shown = |value: i64| if *term == Term::Now { moment(value) } else { value.to_string() };
    let (low, high) = match term {
        Term::Number(number) => range_of(number),
        Term::Now => now_range(),
        Term::Other(_, least, most) => (*least, *most),
    };
    let first = legal.iter().next();
    let range = |(from, to): &(u32, u32)| {
        // No number lies in a last class that is empty.
        let to = &(to - u32::from(super::axis::follows_cut(cuts, to.saturating_sub(1))));
        let (least, most) = numbers(cuts, *from, *to);
        let least = least.filter(|least| *least > low && Some(*from) != first);
        let most = most.filter(|most| *most < high && Some(to.saturating_sub(1)) != legal.last());
        match (least, most) {
            (Some(least), Some(most)) if least == most => format!("{name} == {}", shown(least)),
            (Some(least), Some(most)) => format!("{name} >= {} && {name} <= {}", shown(least), shown(most)),
            // As it is mostly written: above a cut, from a cut on.
            (Some(least), None) if from % 2 == 0 => format!("{name} > {}", shown(least.saturating_sub(1))),
            (Some(least), None) => format!("{name} >= {}", shown(least)),
            (None, Some(most)) if low == most => format!("{name} == {}", shown(most)),
            (None, Some(most)) if to % 2 == 1 => format!("{name} < {}", shown(most.saturating_add(1))),
            (None, Some(most)) => format!("{name} <= {}", shown(most)),
            (None, None) => "true".to_owned(),
        }
    };
    let parts: Vec<String> = classes.ranges().iter().map(range).collect();
    either(&parts)
}

fn real_fact(var: Var, cuts: &[f64], classes: &Classes, legal: &Classes) -> String {
    let name = var.path();
    let (low, high) = match var.row().range {
        Range::Double(low, high) => (low, high),
        _ => (f64::NEG_INFINITY, f64::INFINITY),
    };
    let first = legal.iter().next();
    let ranges = real_ranges(var, cuts, classes);
    let range = |(range, (from, to)): (&(f64, bool, f64, bool), &(u32, u32))| {
        let (least, with_least, most, with_most) = *range;
        let above = (least > low && Some(*from) != first)
            .then(|| format!("{name} {} {least:?}", if with_least { ">=" } else { ">" }));
        let below = (most < high && Some(to.saturating_sub(1)) != legal.last())
            .then(|| format!("{name} {} {most:?}", if with_most { "<=" } else { "<" }));
        #[expect(clippy::float_cmp, reason = "both are the same cut, or not")]
        let point = least == most;
        match (above, below) {
            _ if point => format!("{name} == {least:?}"),
            (Some(above), Some(below)) => format!("{above} && {below}"),
            (above, below) => above.or(below).unwrap_or_else(|| "true".to_owned()),
        }
    };
    let parts: Vec<String> = ranges.iter().zip(classes.ranges()).map(range).collect();
    either(&parts)
}

fn either(parts: &[String]) -> String {
    match parts {
        [one] => one.clone(),
        _ => parts
            .iter()
            .map(|part| if part.contains("&&") { format!("({part})") } else { part.clone() })
            .collect::<Vec<_>>()
            .join(" || "),
    }
}

fn has_fact(whole: &Whole, part: Part, constant: &str, holds: bool) -> String {
    let sign = if holds { "" } else { "!" };
    match (whole, part) {
        (Whole::List(var), _) if holds => format!("{} in {}", quoted(constant), var.path()),
        (Whole::List(var), _) => format!("!({} in {})", quoted(constant), var.path()),
        (Whole::Text(text), part) => {
            let function = match part {
                Part::Start => "startsWith",
                Part::End => "endsWith",
                Part::Inside | Part::Member => "contains",
            };
            format!("{sign}{}.{function}({})", name_of(text), quoted(constant))
        }
    }
}
