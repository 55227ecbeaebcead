//! Axes: the ways in which requests differ as far as a set of conditions can tell, each split
//! into finitely many classes.
//!
//! The compiler's subjects are made for asking; axes are made for proving. Failure is left out (a
//! checked condition cannot fail), and so are classes that the variable table excludes. Tests of
//! whole numbers and moments that the compiler leaves to the CEL crate have classes too.

use rustc_hash::FxHashMap;

use super::classes::Classes;
use super::ranges::{now_range, part_of_time, range_of, whole};
use crate::compile::atom::{Atom, Number, Order, Real, Text};
use crate::compile::skeleton::{Skeletons, number};
use crate::dsl::expr::plain;
use crate::dsl::expr::print::cel_text;
use crate::dsl::expr::typed::{BinaryOp, Expr, Kind, Type};
use crate::facts::Var;
use crate::facts::schema::Range;

/// A whole number that conditions compare with constants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Term {
    /// one that the compiler knows
    Number(Number),
    /// `now`, in nanoseconds since 1970
    Now,
    /// any other, by its CEL text, with its range
    Other(String, i64, i64),
}

/// What can stand in a text or a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Inside,
    Start,
    End,
    Member,
}

/// A text or a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Whole {
    /// a text
    Text(Text),
    /// a list
    List(Var),
}

#[derive(Debug)]
pub(super) enum Axis {
    /// 0 false, 1 true
    Flag(Var),
    /// one class a literal, sorted, and one behind them for every other text
    Equal { text: Text, literals: Vec<String> },
    /// class 2i+1 is the i-th cut, 2i the gap before it
    Ints { term: Term, cuts: Vec<i64> },
    /// as for ints
    Reals { var: Var, cuts: Vec<f64> },
    /// 0 no, 1 yes
    Has { whole: Whole, part: Part, constant: String },
    /// 0 no, 1 yes
    Pattern { text: Text, pattern: String, regex: regex::Regex },
    /// 0 false, 1 true: an atom that only the CEL crate can evaluate, by its number
    Opaque(u32),
}

impl Axis {
    /// The text or list that it is about.
    pub(super) fn whole(&self) -> Option<Whole> {
        match self {
            Self::Equal { text, .. } | Self::Pattern { text, .. } => Some(Whole::Text(text.clone())),
            Self::Has { whole, .. } => Some(whole.clone()),
            Self::Ints { term: Term::Number(number), .. } => match number {
                Number::TextSize(text) => Some(Whole::Text(text.clone())),
                Number::HeaderInt(name, _) => Some(Whole::Text(Text::Header(name.clone()))),
                Number::MetaInt(name, _) => Some(Whole::Text(Text::Meta(name.clone()))),
                Number::ListSize(var) => Some(Whole::List(*var)),
                Number::Var(_) => None,
            },
            _ => None,
        }
    }
}

/// The class of a number among cuts.
pub(super) fn class_of(cuts: &[i64], value: i64) -> u32 {
    let below = cuts.partition_point(|cut| *cut < value);
    number(2 * below) + u32::from(cuts.get(below) == Some(&value))
}

/// An atom's place.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) axis: u32,
    /// where it is true
    pub(super) yes: Classes,
    /// the atom, where the compiler does not recognise it
    pub(super) opaque: Option<Box<plain::Atom>>,
}

/// All axes of a set of conditions.
#[derive(Debug, Default)]
pub(super) struct Axes {
    pub(super) all: Vec<Axis>,
    /// the classes that exist on each
    pub(super) legal: Vec<Classes>,
    pub(super) atoms: Vec<Placed>,
    /// the text or list that each axis is about, by number
    pub(super) wholes: Vec<Option<u32>>,
    /// by axis: the atoms on it that the compiler does not recognise
    pub(super) opaque: FxHashMap<u32, Vec<u32>>,
    nothing: Classes,
}

#[derive(PartialEq, Eq, Hash)]
enum Key {
    Flag(Var),
    Equal(Text),
    Ints(Term),
    Reals(Var),
    Own(usize),
}

/// An atom in the form in which it has classes.
enum Form<'a> {
    Atom(&'a Atom),
    /// a term compared with constants
    Among(Term, Vec<i64>),
    Compare(Term, Order, i64),
    Equal(Text, Vec<String>),
    Opaque,
}

impl Axes {
    pub(super) fn new(skeletons: &Skeletons) -> Self {
        let forms: Vec<Form<'_>> =
            (0..).zip(skeletons.atoms()).map(|(id, atom)| form(atom, skeletons.opaque(id))).collect();
        let constants = Constants::of(&forms);
        let mut axes = Self::default();
        let mut known: FxHashMap<Key, u32> = FxHashMap::default();
        for ((id, form), atom) in forms.iter().enumerate().zip(0..) {
            let key = key(id, form);
            let axis = match known.get(&key) {
                Some(axis) => *axis,
                None => {
                    let axis = number(axes.all.len());
                    let (made, legal) = make(atom, form, &constants);
                    axes.all.push(made);
                    axes.legal.push(legal);
                    known.insert(key, axis);
                    axis
                }
            };
            let legal = axes.legal.get(axis as usize).cloned().unwrap_or_default();
            let yes = axes.all.get(axis as usize).map(|axis| truth(form, axis)).unwrap_or_default().meet(&legal);
            let opaque = skeletons.opaque(atom).map(|expr| Box::new(plain::Atom::new(expr.clone())));
            if opaque.is_some() {
                axes.opaque.entry(axis).or_default().push(atom);
            }
            axes.atoms.push(Placed { axis, yes, opaque });
        }
        let mut wholes: FxHashMap<Whole, u32> = FxHashMap::default();
        for axis in &axes.all {
            let next = number(wholes.len());
            axes.wholes.push(axis.whole().map(|whole| *wholes.entry(whole).or_insert(next)));
        }
        axes
    }

    pub(super) fn legal(&self, axis: u32) -> &Classes {
        // Every axis has its set; an empty one would exclude everything.
        self.legal.get(axis as usize).unwrap_or(&self.nothing)
    }

    /// True or false in all classes that exist.
    pub(super) fn constant(&self, atom: u32) -> Option<bool> {
        let placed = self.atoms.get(atom as usize)?;
        if placed.yes.is_empty() {
            return Some(false);
        }
        (placed.yes == *self.legal(placed.axis)).then_some(true)
    }
}

impl crate::compile::formula::Atoms for Axes {
    fn subject(&self, atom: u32) -> u32 {
        self.atoms.get(atom as usize).map_or(0, |placed| placed.axis)
    }

    fn can_fail(&self, _atom: u32) -> bool {
        false
    }
}

fn form<'a>(atom: &'a Atom, opaque: Option<&'a Expr>) -> Form<'a> {
    match (atom, opaque) {
        (_, Some(expr)) => compared(expr).unwrap_or(Form::Opaque),
        (Atom::Compare(number, order, constant), _) => match closed_by_size(number, *order, *constant) {
            Some(form) => form,
            None => Form::Compare(Term::Number(number.clone()), *order, *constant),
        },
        (Atom::Among(number, constants), _) => Form::Among(Term::Number(number.clone()), constants.clone()),
        (Atom::StartsWith(text, affix), _) => {
            closed(text, |value| value.starts_with(affix.as_str())).unwrap_or(Form::Atom(atom))
        }
        (Atom::EndsWith(text, affix), _) => {
            closed(text, |value| value.ends_with(affix.as_str())).unwrap_or(Form::Atom(atom))
        }
        (Atom::Contains(text, needle), _) => {
            closed(text, |value| value.contains(needle.as_str())).unwrap_or(Form::Atom(atom))
        }
        (Atom::Matches(text, pattern), _) => plain::pattern(pattern)
            .and_then(|regex| closed(text, |value| regex.is_match(value)))
            .unwrap_or(Form::Atom(atom)),
        _ => Form::Atom(atom),
    }
}

/// A test of a text with few possible values is an equality with some of them.
fn closed<'a>(text: &Text, holds: impl Fn(&str) -> bool) -> Option<Form<'a>> {
    let values = values_of(text);
    let holding = values.iter().filter(|value| holds(value)).map(|value| (*value).to_owned()).collect();
    (!values.is_empty()).then(|| Form::Equal(text.clone(), holding))
}

fn closed_by_size<'a>(number: &Number, order: Order, constant: i64) -> Option<Form<'a>> {
    let Number::TextSize(text) = number else { return None };
    let size = |value: &str| i64::try_from(value.chars().count()).unwrap_or(i64::MAX);
    closed(text, |value| match order {
        Order::Equal => size(value) == constant,
        Order::Less => size(value) < constant,
        Order::AtMost => size(value) <= constant,
        Order::More => size(value) > constant,
        Order::AtLeast => size(value) >= constant,
    })
}

/// The only values that a text can have; empty when it is free.
fn values_of(text: &Text) -> &'static [&'static str] {
    match text {
        Text::Var(var) => var.row().values,
        _ => &[],
    }
}

/// Comparisons of numbers and moments that the compiler does not know.
fn compared<'a>(expr: &Expr) -> Option<Form<'a>> {
    let Kind::Binary(op, left, right) = &expr.kind else { return None };
    if let (BinaryOp::In, Type::Int, Kind::List(items)) = (op, &left.ty, &right.kind) {
        let constants: Vec<i64> = items.iter().map(whole).collect::<Option<_>>()?;
        return Some(Form::Among(term(left)?, constants));
    }
    let (order, value, constant) = match (&left.kind, &right.kind) {
        (_, Kind::Literal(_)) => (Order::of(*op)?, left, whole(right)?),
        (Kind::Literal(_), _) => (Order::of(*op)?.mirrored(), right, whole(left)?),
        _ => return None,
    };
    Some(Form::Compare(term(value)?, order, constant))
}

fn term(expr: &Expr) -> Option<Term> {
    match (&expr.kind, &expr.ty) {
        (Kind::Var(Var::Now), _) => Some(Term::Now),
        (_, Type::Int) => {
            let (least, most) = part_of_time(expr).unwrap_or((i64::MIN, i64::MAX));
            Some(Term::Other(cel_text(expr), least, most))
        }
        _ => None,
    }
}

fn key(id: usize, form: &Form<'_>) -> Key {
    match form {
        Form::Among(term, _) | Form::Compare(term, ..) => Key::Ints(term.clone()),
        Form::Equal(text, _) | Form::Atom(Atom::Equal(text, _)) => Key::Equal(text.clone()),
        Form::Atom(Atom::Flag(var)) => Key::Flag(*var),
        Form::Atom(Atom::CompareReal(var, ..)) => Key::Reals(*var),
        Form::Atom(_) | Form::Opaque => Key::Own(id),
    }
}

fn make(atom: u32, form: &Form<'_>, constants: &Constants) -> (Axis, Classes) {
    let has = |whole: Whole, part: Part, constant: &String| {
        (Axis::Has { whole, part, constant: constant.clone() }, Classes::range(0, 2))
    };
    match form {
        Form::Equal(text, _) | Form::Atom(Atom::Equal(text, _)) => constants.equal(text),
        Form::Among(term, _) | Form::Compare(term, ..) => constants.ints(term),
        Form::Atom(Atom::CompareReal(var, ..)) => constants.reals(*var),
        Form::Atom(Atom::Flag(var)) => (Axis::Flag(*var), Classes::range(0, 2)),
        Form::Atom(Atom::StartsWith(text, affix)) => has(Whole::Text(text.clone()), Part::Start, affix),
        Form::Atom(Atom::EndsWith(text, affix)) => has(Whole::Text(text.clone()), Part::End, affix),
        Form::Atom(Atom::Contains(text, needle)) => has(Whole::Text(text.clone()), Part::Inside, needle),
        Form::Atom(Atom::Member(list, item)) => has(Whole::List(*list), Part::Member, item),
        Form::Atom(Atom::Matches(text, pattern)) => match plain::pattern(pattern) {
            Some(regex) => {
                (Axis::Pattern { text: text.clone(), pattern: pattern.clone(), regex }, Classes::range(0, 2))
            }
            // Not recognised as a pattern unless it compiles.
            None => has(Whole::Text(text.clone()), Part::Inside, pattern),
        },
        // A kind of atom without an arm above is its own yes or no; it must not be taken for another.
        Form::Opaque | Form::Atom(_) => (Axis::Opaque(atom), Classes::range(0, 2)),
    }
}

/// The classes in which an atom is true.
fn truth(form: &Form<'_>, axis: &Axis) -> Classes {
    match (form, axis) {
        (Form::Equal(_, wanted) | Form::Atom(Atom::Equal(_, wanted)), Axis::Equal { literals, .. }) => {
            let mut classes: Vec<u32> =
                wanted.iter().filter_map(|literal| literals.binary_search(literal).ok()).map(number).collect();
            classes.sort_unstable();
            Classes::of(classes)
        }
        (Form::Among(_, constants), Axis::Ints { cuts, .. }) => {
            let mut classes: Vec<u32> = constants.iter().map(|constant| class_of(cuts, *constant)).collect();
            classes.sort_unstable();
            with_followers(&Classes::of(classes), cuts)
        }
        (Form::Compare(_, order, constant), Axis::Ints { cuts, .. }) => {
            with_followers(&ordered(*order, cuts.partition_point(|cut| cut < constant), cuts.len()), cuts)
        }
        (Form::Atom(Atom::CompareReal(_, order, Real(constant))), Axis::Reals { cuts, .. }) => {
            ordered(*order, cuts.partition_point(|cut| cut < constant), cuts.len())
        }
        _ => Classes::range(1, 2),
    }
}

/// Whether no whole number lies in a class, because the cuts on both sides of it are neighbours.
///
/// Such a class stands in every set exactly when that of the cut below it does: so nothing hangs on
/// it, and rules that compare with 1, 2, 3 … do not tear every set to pieces.
pub(super) fn follows_cut(cuts: &[i64], class: u32) -> bool {
    let above = class as usize / 2;
    let below = above.checked_sub(1).and_then(|below| cuts.get(below));
    class.is_multiple_of(2)
        && below.zip(cuts.get(above)).is_some_and(|(below, above)| below.checked_add(1) == Some(*above))
}

/// The set with the empty classes that belong to it, without those that do not.
fn with_followers(classes: &Classes, cuts: &[i64]) -> Classes {
    let mut found = Classes::default();
    for (from, to) in classes.ranges() {
        let moved = |class: u32| class + u32::from(follows_cut(cuts, class));
        found.push(moved(*from), moved(*to));
    }
    found
}

/// The classes in which `value order cuts[at]` holds.
fn ordered(order: Order, at: usize, cuts: usize) -> Classes {
    let (point, end) = (number(2 * at + 1), number(2 * cuts + 1));
    match order {
        Order::Equal => Classes::range(point, point + 1),
        Order::Less => Classes::range(0, point),
        Order::AtMost => Classes::range(0, point + 1),
        Order::More => Classes::range(point + 1, end),
        Order::AtLeast => Classes::range(point, end),
    }
}

/// The constants that each value is compared with, in all atoms together.
#[derive(Default)]
struct Constants {
    literals: FxHashMap<Text, Vec<String>>,
    ints: FxHashMap<Term, Vec<i64>>,
    reals: FxHashMap<Var, Vec<f64>>,
}

impl Constants {
    fn of(forms: &[Form<'_>]) -> Self {
        let mut new = Self::default();
        for form in forms {
            match form {
                Form::Equal(text, literals) | Form::Atom(Atom::Equal(text, literals)) => {
                    new.literals.entry(text.clone()).or_default().extend(literals.iter().cloned());
                }
                Form::Compare(term, _, constant) => new.ints.entry(term.clone()).or_default().push(*constant),
                Form::Among(term, constants) => new.ints.entry(term.clone()).or_default().extend(constants),
                Form::Atom(Atom::CompareReal(var, _, constant)) => {
                    new.reals.entry(*var).or_default().push(constant.0);
                }
                _ => {}
            }
        }
        new
    }

    fn equal(&self, text: &Text) -> (Axis, Classes) {
        let mut literals = self.literals.get(text).cloned().unwrap_or_default();
        let values = values_of(text);
        literals.extend(values.iter().map(|value| (*value).to_owned()));
        literals.sort();
        literals.dedup();
        let legal = if values.is_empty() {
            Classes::range(0, number(literals.len() + 1))
        } else {
            let possible = (0..).zip(&literals).filter(|(_, literal)| values.contains(&literal.as_str()));
            Classes::of(possible.map(|(class, _)| class))
        };
        (Axis::Equal { text: text.clone(), literals }, legal)
    }

    fn ints(&self, term: &Term) -> (Axis, Classes) {
        let mut cuts = self.ints.get(term).cloned().unwrap_or_default();
        cuts.sort_unstable();
        cuts.dedup();
        let (least, most) = match term {
            Term::Number(number) => range_of(number),
            Term::Now => now_range(),
            Term::Other(_, least, most) => (*least, *most),
        };
        let mut legal = Classes::default();
        let mut from = least;
        for (at, cut) in (0_u32..).zip(&cuts) {
            if (from < *cut && from <= most) || follows_cut(&cuts, 2 * at) && legal.last() == Some(2 * at - 1) {
                legal.push(2 * at, 2 * at + 1);
            }
            if (least..=most).contains(cut) {
                legal.push(2 * at + 1, 2 * at + 2);
            }
            from = from.max(cut.saturating_add(1));
        }
        if from <= most && cuts.last().is_none_or(|cut| *cut < most) {
            let last = number(2 * cuts.len());
            legal.push(last, last + 1);
        }
        (Axis::Ints { term: term.clone(), cuts }, legal)
    }

    fn reals(&self, var: Var) -> (Axis, Classes) {
        let mut cuts = self.reals.get(&var).cloned().unwrap_or_default();
        cuts.sort_by(f64::total_cmp);
        cuts.dedup();
        let (least, most) = match var.row().range {
            Range::Double(least, most) => (least, most),
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        };
        let mut legal = Classes::default();
        let mut below = f64::NEG_INFINITY;
        for (at, cut) in (0_u32..).zip(&cuts) {
            if *cut > least && below < most {
                legal.push(2 * at, 2 * at + 1);
            }
            if (least..=most).contains(cut) {
                legal.push(2 * at + 1, 2 * at + 2);
            }
            below = *cut;
        }
        if cuts.is_empty() || below < most {
            let last = number(2 * cuts.len());
            legal.push(last, last + 1);
        }
        (Axis::Reals { var, cuts }, legal)
    }
}
