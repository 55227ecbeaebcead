//! Subjects: a value together with the way its class is found.
//!
//! Each subject splits into finitely many classes, and each atom belongs to one subject and has
//! one value in each class.

use rustc_hash::{FxHashMap, FxHashSet};

use super::atom::{Atom, Number, Order, Real, Text};
use super::cuts::Cuts;
use super::group::{Group, GroupKey};
use super::skeleton::{Skeletons, Value, number};
use crate::dsl::expr::plain;
use crate::facts::{Facts, Var};

/// How a subject's class is found.
#[derive(Debug)]
pub(super) enum Subject {
    /// 0 false, 1 true
    Flag(Var),
    /// one class a literal, and one behind them for every other text
    Equal { text: Text, literals: FxHashMap<Box<str>, u32> },
    /// class 2i+1 is the i-th cut, 2i the gap before it
    Ints { number: Number, cuts: Cuts },
    /// as for ints; the last class is "not a number"
    Reals { var: Var, cuts: Box<[f64]> },
    /// 0 no, 1 yes, found for all members of the group at once
    Member { group: u32, member: u32 },
    /// 0 no, 1 yes
    Pattern { text: Text, regex: Box<regex::Regex> },
    /// 0 false, 1 true, 2 error, by the CEL crate
    Opaque { atom: Box<plain::Atom>, reads: Vec<Var> },
}

/// In which classes of its subject an atom is true.
#[derive(Clone, Debug, PartialEq)]
enum Truth {
    /// in these, sorted
    Classes(Box<[u32]>),
    /// from the first on, before the second
    Range(u32, u32),
    /// the same, and it fails in the third
    RangeOrFail(u32, u32, u32),
    /// class 1 is true, class 2 an error
    Opaque,
}

/// An atom's place.
#[derive(Debug)]
struct Placed {
    subject: u32,
    truth: Truth,
}

/// All subjects of a route.
#[derive(Debug, Default)]
pub(super) struct Subjects {
    pub(super) all: Vec<Subject>,
    pub(super) groups: Vec<Group>,
    atoms: Vec<Placed>,
}

impl super::formula::Atoms for Subjects {
    fn subject(&self, atom: u32) -> u32 {
        self.atoms.get(atom as usize).map_or(0, |placed| placed.subject)
    }

    fn can_fail(&self, atom: u32) -> bool {
        let truth = self.atoms.get(atom as usize).map(|placed| &placed.truth);
        matches!(truth, Some(Truth::Opaque | Truth::RangeOrFail(..)))
    }
}

impl Subjects {
    /// Finds the subjects of a route's atoms.
    pub(super) fn new(skeletons: &Skeletons) -> Self {
        let constants = Constants::of(skeletons.atoms());
        let mut subjects = Self::default();
        let mut known: FxHashMap<SubjectKey, u32> = FxHashMap::default();
        for (id, atom) in (0..).zip(skeletons.atoms()) {
            let key = SubjectKey::of(id, atom);
            let subject = match known.get(&key) {
                Some(subject) => *subject,
                None => {
                    let subject = number(subjects.all.len());
                    let made = subjects.make(id, atom, skeletons, &constants);
                    subjects.all.push(made);
                    known.insert(key, subject);
                    subject
                }
            };
            let truth = subjects.truth(atom, subject);
            subjects.atoms.push(Placed { subject, truth });
        }
        subjects.groups.iter_mut().for_each(Group::finish);
        subjects
    }

    fn make(&mut self, id: u32, atom: &Atom, skeletons: &Skeletons, constants: &Constants) -> Subject {
        match atom {
            Atom::Flag(var) => Subject::Flag(*var),
            Atom::Equal(text, _) => Subject::Equal {
                text: text.clone(),
                literals: constants.literals(text).into_iter().map(Into::into).zip(0..).collect(),
            },
            Atom::Compare(number, ..) | Atom::Among(number, _) => {
                Subject::Ints { number: number.clone(), cuts: constants.ints(number) }
            }
            Atom::CompareReal(var, ..) => Subject::Reals { var: *var, cuts: constants.reals(*var) },
            Atom::Contains(text, needle) => self.member(GroupKey::Contains(text.clone()), needle),
            Atom::StartsWith(text, affix) => self.member(GroupKey::StartsWith(text.clone()), affix),
            Atom::EndsWith(text, affix) => self.member(GroupKey::EndsWith(text.clone()), affix),
            Atom::Member(list, item) => self.member(GroupKey::List(*list), item),
            Atom::Matches(text, pattern) => match plain::pattern(pattern) {
                Some(regex) => Subject::Pattern { text: text.clone(), regex: Box::new(regex) },
                // Not recognised as a pattern unless it compiles.
                None => self.member(GroupKey::Contains(text.clone()), pattern),
            },
            Atom::Opaque(_) => match skeletons.opaque(id) {
                Some(expr) => {
                    let atom = Box::new(plain::Atom::new(expr.clone()));
                    let reads = atom.vars().collect();
                    Subject::Opaque { atom, reads }
                }
                None => Subject::Flag(Var::RequestStream),
            },
        }
    }

    fn member(&mut self, key: GroupKey, constant: &str) -> Subject {
        let group = self.groups.iter().position(|group| group.key == key).unwrap_or_else(|| {
            self.groups.push(Group::new(key));
            self.groups.len() - 1
        });
        let member = self.groups.get_mut(group).map_or(0, |group| group.add(constant));
        Subject::Member { group: number(group), member }
    }

    fn truth(&self, atom: &Atom, subject: u32) -> Truth {
        match (atom, self.all.get(subject as usize)) {
            (Atom::Equal(_, wanted), Some(Subject::Equal { literals, .. })) => {
                let mut classes: Vec<u32> =
                    wanted.iter().filter_map(|literal| literals.get(literal.as_str())).copied().collect();
                classes.sort_unstable();
                Truth::Classes(classes.into())
            }
            (Atom::Compare(_, order, constant), Some(Subject::Ints { cuts, .. })) => {
                let (from, to) = range(*order, cuts.below(*constant), cuts.len());
                Truth::Range(from, to)
            }
            (Atom::Among(_, constants), Some(Subject::Ints { cuts, .. })) => {
                let class = |constant: &i64| number(2 * cuts.below(*constant) + 1);
                Truth::Classes(constants.iter().map(class).collect())
            }
            (Atom::CompareReal(_, order, Real(constant)), Some(Subject::Reals { cuts, .. })) => {
                let (from, to) = range(*order, cuts.partition_point(|cut| cut < constant), cuts.len());
                // CEL: nothing equals "not a number"; to order it is an error.
                match order {
                    Order::Equal => Truth::Range(from, to),
                    _ => Truth::RangeOrFail(from, to, number(2 * cuts.len() + 1)),
                }
            }
            (Atom::Opaque(_), _) => Truth::Opaque,
            _ => Truth::Range(1, 2),
        }
    }

    /// How many classes a subject has.
    pub(super) fn classes(&self, subject: u32) -> u32 {
        match self.all.get(subject as usize) {
            None => 1,
            Some(Subject::Flag(_) | Subject::Member { .. } | Subject::Pattern { .. }) => 2,
            Some(Subject::Opaque { .. }) => 3,
            Some(Subject::Equal { literals, .. }) => number(literals.len() + 1),
            Some(Subject::Ints { cuts, .. }) => number(2 * cuts.len() + 1),
            Some(Subject::Reals { cuts, .. }) => number(2 * cuts.len() + 2),
        }
    }

    /// An atom's value in a class of its subject.
    #[inline]
    pub(super) fn value(&self, atom: u32, class: u32) -> Value {
        let Some(placed) = self.atoms.get(atom as usize) else { return Value::False };
        match &placed.truth {
            Truth::Classes(classes) => classes.binary_search(&class).is_ok().into(),
            Truth::Range(from, to) => (*from <= class && class < *to).into(),
            Truth::RangeOrFail(.., fails) if *fails == class => Value::Error,
            Truth::RangeOrFail(from, to, _) => (*from <= class && class < *to).into(),
            Truth::Opaque if class > 1 => Value::Error,
            Truth::Opaque => (class == 1).into(),
        }
    }

    /// An atom's value when the class is only known to be at most `class`; None: still open.
    pub(super) fn value_up_to(&self, atom: u32, class: u32) -> Option<Value> {
        match self.atoms.get(atom as usize).map(|placed| &placed.truth) {
            Some(Truth::Range(from, to)) if *from == 0 && class < *to => Some(Value::True),
            Some(Truth::Range(from, to)) if class < *from || *to == 0 => Some(Value::False),
            Some(Truth::Classes(classes)) if classes.first().is_none_or(|first| class < *first) => Some(Value::False),
            _ => None,
        }
    }

    /// The classes of its subject in which an atom is true, where they are few and the value is
    /// false in all others.
    pub(super) fn true_classes(&self, atom: u32) -> Option<&[u32]> {
        match self.atoms.get(atom as usize).map(|placed| &placed.truth) {
            Some(Truth::Classes(classes)) => Some(classes),
            _ => None,
        }
    }

    /// The range of classes in which an atom that cannot fail is true.
    pub(super) fn true_range(&self, atom: u32) -> Option<(u32, u32)> {
        match self.atoms.get(atom as usize).map(|placed| &placed.truth) {
            Some(Truth::Range(from, to)) => Some((*from, *to)),
            _ => None,
        }
    }

    /// What asking costs, as a rank: cheap fields, walks, text passes, patterns, opaque atoms.
    pub(super) fn cost(&self, subject: u32) -> u32 {
        match self.all.get(subject as usize) {
            None => 0,
            Some(Subject::Flag(var)) => tier(*var),
            // Counting is dear, but the bound of bytes nearly always answers.
            Some(Subject::Ints { number: Number::Var(Var::RequestTokens), .. }) => 7,
            Some(Subject::Ints { number, .. }) => match number {
                Number::Var(var) | Number::ListSize(var) => tier(*var) + 1,
                Number::TextSize(text) => text_tier(text) + 4,
                Number::HeaderInt(..) | Number::MetaInt(..) => 3,
            },
            Some(Subject::Reals { var, .. }) => tier(*var) + 1,
            Some(Subject::Equal { text, .. }) => text_tier(text) + 1,
            Some(Subject::Member { group, .. }) => match self.groups.get(*group as usize).map(|group| &group.key) {
                None => 0,
                Some(GroupKey::List(var)) => tier(*var) + 2,
                Some(GroupKey::StartsWith(text) | GroupKey::EndsWith(text)) => text_tier(text) + 3,
                Some(GroupKey::Contains(text)) => text_tier(text) + 5,
            },
            Some(Subject::Pattern { text, .. }) => text_tier(text) + 8,
            Some(Subject::Opaque { reads, .. }) => {
                reads.iter().map(|var| tier(*var)).max().unwrap_or(0).saturating_add(10)
            }
        }
    }

    /// The group of a subject that has one.
    pub(super) fn group(&self, subject: u32) -> Option<(u32, u32)> {
        match self.all.get(subject as usize) {
            Some(Subject::Member { group, member }) => Some((*group, *member)),
            _ => None,
        }
    }

    /// The class of a number among cuts.
    #[inline]
    fn class_of_int(cuts: &Cuts, value: i64) -> u32 {
        let below = cuts.below(value);
        number(2 * below) + u32::from(cuts.get(below) == Some(value))
    }

    fn class_of_real(cuts: &[f64], value: f64) -> u32 {
        if value.is_nan() {
            return number(2 * cuts.len() + 1);
        }
        let below = cuts.partition_point(|cut| *cut < value);
        #[expect(clippy::float_cmp, reason = "CEL compares exactly")]
        let is_cut = cuts.get(below).is_some_and(|cut| *cut == value);
        number(2 * below) + u32::from(is_cut)
    }

    /// The class on facts, for every subject that is found alone; None: a member of a group.
    #[inline]
    pub(super) fn class(&self, subject: u32, facts: &dyn Facts) -> Option<u32> {
        Some(match self.all.get(subject as usize)? {
            Subject::Flag(var) => u32::from(facts.get(*var).as_bool()),
            Subject::Equal { text, literals } => {
                literals.get(text.read(facts)).copied().unwrap_or_else(|| number(literals.len()))
            }
            Subject::Ints { number, cuts } => Self::class_of_int(cuts, number.read(facts)),
            Subject::Reals { var, cuts } => Self::class_of_real(cuts, facts.get(*var).as_double()),
            Subject::Pattern { text, regex } => u32::from(regex.is_match(text.read(facts))),
            Subject::Opaque { atom, .. } => match atom.eval(facts) {
                plain::Verdict::False => 0,
                plain::Verdict::True => 1,
                plain::Verdict::Error(_) => 2,
            },
            Subject::Member { .. } => return None,
        })
    }

    /// Whether a class is the one in which atoms fail.
    #[inline]
    pub(super) fn has_failed(&self, subject: u32, class: u32) -> bool {
        match self.all.get(subject as usize) {
            Some(Subject::Opaque { .. }) => class == 2,
            Some(Subject::Reals { cuts, .. }) => class == number(2 * cuts.len() + 1),
            _ => false,
        }
    }

    /// The highest class that is possible without asking: by the byte bound of `request.tokens`.
    pub(super) fn class_bound(&self, subject: u32, facts: &dyn Facts) -> Option<u32> {
        match self.all.get(subject as usize) {
            Some(Subject::Ints { number: Number::Var(Var::RequestTokens), cuts }) => {
                Some(Self::class_of_int(cuts, facts.tokens_bound()))
            }
            _ => None,
        }
    }

    /// Whether the byte bound of `request.tokens` shows that the class is at most `class`.
    #[inline]
    pub(super) fn is_at_most(&self, subject: u32, class: u32, facts: &dyn Facts) -> bool {
        match self.all.get(subject as usize) {
            Some(Subject::Ints { number: Number::Var(Var::RequestTokens), cuts }) => {
                let bound = facts.tokens_bound();
                // An odd class is a cut itself, an even one the gap before it.
                cuts.get(class as usize / 2).is_none_or(|cut| bound < cut + i64::from(class % 2 == 1))
            }
            _ => false,
        }
    }

    /// Whether [`Self::class_bound`] can ever answer.
    pub(super) fn is_bounded(&self, subject: u32) -> bool {
        matches!(self.all.get(subject as usize), Some(Subject::Ints { number: Number::Var(Var::RequestTokens), .. }))
    }
}

/// The classes in which `value order cuts[at]` holds.
fn range(order: Order, at: usize, cuts: usize) -> (u32, u32) {
    let (point, end) = (number(2 * at + 1), number(2 * cuts + 1));
    match order {
        Order::Equal => (point, point + 1),
        Order::Less => (0, point),
        Order::AtMost => (0, point + 1),
        Order::More => (point + 1, end),
        Order::AtLeast => (point, end),
    }
}

fn tier(var: Var) -> u32 {
    u32::from(var.row().tier) * 4
}

fn text_tier(text: &Text) -> u32 {
    match text {
        Text::Var(var) => tier(*var),
        Text::Header(_) => 2,
        Text::Meta(_) => 4,
    }
}

/// What makes two atoms share a subject.
#[derive(PartialEq, Eq, Hash)]
enum SubjectKey {
    Flag(Var),
    Equal(Text),
    Ints(Number),
    Reals(Var),
    Own(u32),
}

impl SubjectKey {
    fn of(id: u32, atom: &Atom) -> Self {
        match atom {
            Atom::Flag(var) => Self::Flag(*var),
            Atom::Equal(text, _) => Self::Equal(text.clone()),
            Atom::Compare(number, ..) | Atom::Among(number, _) => Self::Ints(number.clone()),
            Atom::CompareReal(var, ..) => Self::Reals(*var),
            _ => Self::Own(id),
        }
    }
}

/// The constants that each value is compared with, in all atoms together.
#[derive(Default)]
struct Constants {
    literals: FxHashMap<Text, FxHashSet<String>>,
    ints: FxHashMap<Number, FxHashSet<i64>>,
    reals: FxHashMap<Var, Vec<f64>>,
}

impl Constants {
    fn of(atoms: &[Atom]) -> Self {
        let mut new = Self::default();
        for atom in atoms {
            match atom {
                Atom::Equal(text, literals) => {
                    new.literals.entry(text.clone()).or_default().extend(literals.iter().cloned());
                }
                Atom::Compare(number, _, constant) => {
                    new.ints.entry(number.clone()).or_default().insert(*constant);
                }
                Atom::Among(number, constants) => new.ints.entry(number.clone()).or_default().extend(constants),
                Atom::CompareReal(var, _, constant) => new.reals.entry(*var).or_default().push(constant.0),
                _ => {}
            }
        }
        new
    }

    /// Sorted, so that the same policy compiles to the same bytes.
    fn literals(&self, text: &Text) -> Vec<&str> {
        let mut literals: Vec<&str> = self.literals.get(text).into_iter().flatten().map(String::as_str).collect();
        literals.sort_unstable();
        literals
    }

    fn ints(&self, number: &Number) -> Cuts {
        let mut cuts: Vec<i64> = self.ints.get(number).into_iter().flatten().copied().collect();
        cuts.sort_unstable();
        Cuts::new(cuts)
    }

    fn reals(&self, var: Var) -> Box<[f64]> {
        let mut cuts: Vec<f64> = self.reals.get(&var).cloned().unwrap_or_default();
        cuts.sort_by(f64::total_cmp);
        cuts.dedup();
        cuts.into()
    }
}
