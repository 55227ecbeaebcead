//! The tree against the rules, in every case there is.
//!
//! Every subject has finitely many classes, so a small policy has finitely many cases. Each is
//! run through the tree, and through the plain evaluator with atoms whose values follow from the
//! classes. Cases that contradict themselves (a text equals "a" and holds "b") are left out: the
//! tree may use that they cannot be.

use rustc_hash::FxHashMap;

use super::formula::Atoms as _;
use super::implied::Implications;
use super::layout::{Ask, Leaf, NONE};
use super::skeleton::{Skeletons, Value, evaluate};
use super::subject::Subjects;
use super::unit::{Unit, refuses};
use crate::bounds::MAX_CHECKED_POINTS;
use crate::dsl::expr::plain::{Atom, Atoms, Condition, Verdict};
use crate::dsl::policy::{Policy, Route};

/// What was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// cases run through both
    pub points: usize,
    /// routes with more than [`MAX_CHECKED_POINTS`] cases, which were not checked
    pub too_large: Vec<String>,
}

/// A case in which the tree and the rules differ: a defect of this program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "route `{route}`: the tree says rule {tree:?}, its rules say {plain:?}, with classes {classes:?}; \
     report this, and serve without the route meanwhile"
)]
pub struct Disagreement {
    /// the route
    pub route: String,
    /// the class of each subject
    pub classes: Vec<u32>,
    /// (rule, by error)
    pub tree: (u32, bool),
    /// (rule, by error)
    pub plain: (u32, bool),
}

/// Runs every case of every route that is small enough.
///
/// # Errors
/// The first case in which tree and rules differ.
pub fn agree(policy: &Policy) -> Result<Agreement, Disagreement> {
    let mut agreement = Agreement::default();
    for route in &policy.routes {
        let (unit, skeletons) = Unit::compile(route);
        match check(route, &unit, skeletons)? {
            Some(points) => agreement.points += points,
            None => agreement.too_large.push(route.name.clone()),
        }
    }
    Ok(agreement)
}

/// The number of cases, or None where they are too many.
pub(super) fn check(route: &Route, unit: &Unit, mut skeletons: Skeletons) -> Result<Option<usize>, Disagreement> {
    let subjects: Vec<u32> = (0..).zip(&unit.subjects.all).map(|(subject, _)| subject).collect();
    let classes: Vec<u32> = subjects.iter().map(|subject| unit.subjects.classes(*subject)).collect();
    let points = classes.iter().try_fold(1_usize, |product, classes| product.checked_mul(*classes as usize));
    let Some(points) = points.filter(|points| *points <= MAX_CHECKED_POINTS) else { return Ok(None) };
    let rules = Plain::of(route, &mut skeletons);
    let contradictions = Contradictions::of(&unit.subjects, &Implications::new(skeletons.atoms()), &classes);
    let mut point = vec![0; classes.len()];
    let mut checked = 0;
    for _ in 0..points {
        if contradictions.admit(&point) {
            checked += 1;
            let tree = unit.layout.run(unit.layout.root, NONE, &mut AtPoint { unit, point: &point });
            let tree = if tree == NONE { Leaf::new(unit.default, false) } else { Leaf(tree) };
            let tree = (tree.rule(), tree.by_error());
            let plain = rules.decide(&OnPoint {
                subjects: &unit.subjects,
                skeletons: &skeletons,
                atoms: &rules.atoms,
                point: &point,
            });
            if tree != plain {
                return Err(Disagreement { route: route.name.clone(), classes: point, tree, plain });
            }
        }
        advance(&mut point, &classes);
    }
    Ok(Some(checked))
}

/// The next combination.
fn advance(point: &mut [u32], classes: &[u32]) {
    for (class, count) in point.iter_mut().zip(classes) {
        *class += 1;
        if *class < *count {
            return;
        }
        *class = 0;
    }
}

/// What each class of each subject says of other subjects: (its class, their number, the classes
/// that they can then have).
struct Contradictions(Vec<(usize, u32, usize, Vec<bool>)>);

impl Contradictions {
    fn of(subjects: &Subjects, implications: &Implications, classes: &[u32]) -> Self {
        let mut all = Vec::new();
        for (subject, count) in (0..).zip(classes) {
            for class in 0..*count {
                for (atom, value) in implications.of_class(subjects, subject, class) {
                    let other = subjects.subject(atom);
                    let possible = (0..subjects.classes(other)).map(|class| subjects.value(atom, class) == value);
                    all.push((subject as usize, class, other as usize, possible.collect()));
                }
            }
        }
        Self(all)
    }

    fn admit(&self, point: &[u32]) -> bool {
        self.0.iter().all(|(subject, class, other, possible)| {
            point.get(*subject) != Some(class)
                || point.get(*other).and_then(|class| possible.get(*class as usize)).copied().unwrap_or(true)
        })
    }
}

/// The rules as they are written.
struct Plain {
    rules: Vec<(Condition, bool)>,
    /// the compiled form of each atom, by its address
    atoms: FxHashMap<usize, u32>,
}

fn address(atom: &Atom) -> usize {
    std::ptr::from_ref(atom).addr()
}

impl Plain {
    fn of(route: &Route, skeletons: &mut Skeletons) -> Self {
        let conditions = route.rules.iter().filter_map(|rule| Some((rule.condition.as_ref()?, refuses(rule))));
        let rules: Vec<(Condition, bool)> =
            conditions.map(|(condition, refuses)| (Condition::new(condition), refuses)).collect();
        let atoms = rules.iter().flat_map(|(condition, _)| condition.atoms());
        let atoms = atoms.map(|atom| (address(atom), skeletons.lower(&atom.expr))).collect();
        Self { rules, atoms }
    }

    fn decide(&self, atoms: &dyn Atoms) -> (u32, bool) {
        for (number, (condition, refuses)) in (0..).zip(&self.rules) {
            match condition.eval_with(atoms) {
                Verdict::True => return (number, false),
                Verdict::Error(_) if *refuses => return (number, true),
                _ => {}
            }
        }
        (u32::try_from(self.rules.len()).unwrap_or(u32::MAX), false)
    }
}

/// Answers the plain evaluator from a combination of classes.
struct OnPoint<'a> {
    subjects: &'a Subjects,
    skeletons: &'a Skeletons,
    atoms: &'a FxHashMap<usize, u32>,
    point: &'a [u32],
}

impl Atoms for OnPoint<'_> {
    fn verdict(&self, atom: &Atom) -> Verdict {
        let condition = self.atoms.get(&address(atom)).copied().unwrap_or(u32::MAX);
        let mut value = |atom| {
            let class = self.point.get(self.subjects.subject(atom) as usize).copied().unwrap_or(0);
            self.subjects.value(atom, class)
        };
        match evaluate(self.skeletons.nodes(), condition, &mut value) {
            Value::True => Verdict::True,
            Value::False => Verdict::False,
            Value::Error => Verdict::Error("assumed".to_owned()),
        }
    }
}

/// Answers the tree from a combination of classes.
struct AtPoint<'a> {
    unit: &'a Unit,
    point: &'a [u32],
}

impl Ask for AtPoint<'_> {
    fn class(&mut self, subject: u32) -> u32 {
        self.point.get(subject as usize).copied().unwrap_or(0)
    }

    fn is_at_most(&mut self, subject: u32, class: u32) -> bool {
        self.class(subject) <= class
    }

    fn lowest_member(&mut self, group: u32, pairs: &[u32], _lowest: u32, bound: u32) -> u32 {
        let (pairs, _) = pairs.as_chunks::<2>();
        let is_there = |member: u32| {
            self.unit.member_subject(group, member).is_some_and(|it| self.point.get(it as usize) == Some(&1))
        };
        let leaves = pairs.iter().filter(|[member, _]| is_there(*member)).map(|[_, leaf]| *leaf);
        leaves.filter(|leaf| *leaf < bound).min().unwrap_or(NONE)
    }

    fn first_condition(&mut self, pairs: &[u32], bound: u32) -> u32 {
        let (pairs, _) = pairs.as_chunks::<2>();
        let mut value = |atom| {
            let class = self.point.get(self.unit.subjects.subject(atom) as usize).copied().unwrap_or(0);
            self.unit.subjects.value(atom, class)
        };
        let holds = |[condition, leaf]: &&[u32; 2]| {
            let wanted = if Leaf(*leaf).by_error() { Value::Error } else { Value::True };
            evaluate(&self.unit.skeleton, *condition, &mut value) == wanted
        };
        let mut pairs = pairs.iter().take_while(|[_, leaf]| *leaf < bound);
        pairs.find(holds).map_or(NONE, |[_, leaf]| *leaf)
    }
}
