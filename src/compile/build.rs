//! From rows (formula, leaf) to a tree.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::formula::{Atoms as _, FALSE, Formula, Formulas, Sense, TRUE};
use super::implied::Implications;
use super::layout::{Layout, Leaf, NONE, Node, Place, lowest_at};
use super::skeleton::{Value, number};
use super::subject::{Subject, Subjects};
use crate::bounds::{MAX_TREE_DEPTH, MAX_TREE_STEPS, TREE_NODES, TREE_NODES_PER_RULE};

/// How large a tree may become, and how long building it may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) nodes: usize,
    pub(super) steps: usize,
}

impl Budget {
    pub(super) fn of_route(rules: usize) -> Self {
        let nodes = TREE_NODES.saturating_add(TREE_NODES_PER_RULE.saturating_mul(rules));
        Self { nodes, steps: MAX_TREE_STEPS }
    }
}

/// A formula and where it leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Row {
    pub(super) formula: u32,
    pub(super) leaf: Leaf,
}

/// Rows that do not mention a subject may be copied into its arms while that makes at most this
/// many copies beyond a quarter of all rows.
const FEW_COPIES: usize = 64;
/// Most work that settling related atoms by a literal may add to one switch.
const MAX_RELATED: usize = 1 << 16;
/// What settling one row's formula costs, in steps that look at one row.
const STEPS_A_SETTLED_ROW: usize = 7;

/// Builds one route's tree.
pub(super) struct Builder<'a> {
    subjects: &'a Subjects,
    formulas: Formulas,
    implications: Implications,
    /// the condition of each rule, for what is not made a tree of
    conditions: &'a [u32],
    layout: Layout,
    known: FxHashMap<Box<[Row]>, Place>,
    budget: Budget,
}

impl<'a> Builder<'a> {
    pub(super) fn new(
        subjects: &'a Subjects,
        formulas: Formulas,
        implications: Implications,
        conditions: &'a [u32],
        budget: Budget,
    ) -> Self {
        Self {
            subjects,
            formulas,
            implications,
            conditions,
            layout: Layout::default(),
            known: FxHashMap::default(),
            budget,
        }
    }

    /// The tree of all rows.
    pub(super) fn finish(mut self, rows: Vec<Row>) -> Layout {
        self.layout.root = self.build(rows, 0);
        self.layout
    }

    fn build(&mut self, rows: Vec<Row>, depth: usize) -> Place {
        let rows = pruned(rows);
        match rows.first() {
            None => return NONE,
            Some(row) if row.formula == TRUE => return row.leaf.place(),
            Some(_) => {}
        }
        if let Some(place) = self.known.get(rows.as_slice()) {
            return *place;
        }
        let place = if self.layout.len() >= self.budget.nodes || self.budget.steps == 0 || depth > MAX_TREE_DEPTH {
            self.scan(&rows)
        } else {
            self.split(rows.clone(), depth)
        };
        self.known.insert(rows.into(), place);
        place
    }

    fn work(&mut self, steps: usize) {
        self.budget.steps = self.budget.steps.saturating_sub(steps);
    }

    /// Plain evaluation in order.
    fn scan(&mut self, rows: &[Row]) -> Place {
        let mut pairs = Vec::with_capacity(rows.len().saturating_mul(2));
        for row in rows {
            let condition = self.conditions.get(row.leaf.rule() as usize).copied().unwrap_or_default();
            pairs.extend([condition, row.leaf.0]);
        }
        let lowest = rows.first().map_or(NONE, |row| row.leaf.0);
        self.layout.add(lowest, &pairs, |first, count| Node::Scan { first, count })
    }

    /// Parts of the rows, each over one subject or one table; the lowest leaf of all parts wins.
    fn split(&mut self, rows: Vec<Row>, depth: usize) -> Place {
        let mut parts: Vec<(u32, Place)> = Vec::new();
        let mut rest = rows;
        while let Some(first) = rest.first().copied() {
            self.work(rest.len());
            if first.formula == TRUE {
                parts.push((0, first.leaf.place()));
                break;
            }
            if self.budget.steps == 0 || (!parts.is_empty() && self.layout.len() >= self.budget.nodes) {
                let place = self.scan(&rest);
                parts.push((u32::MAX, place));
                break;
            }
            if let Some(group) = self.table_group(first.formula) {
                let (table, others) = partition(rest, |row| self.table_group(row.formula) == Some(group));
                parts.push((self.cost(&table), self.table(group, &table)));
                rest = others;
                continue;
            }
            let subject = self.choose(first.formula, &rest);
            let (own, others) = self.share(subject, rest);
            parts.push((self.subjects.cost(subject), self.switch(subject, &own, depth)));
            rest = others;
        }
        self.earliest(parts)
    }

    /// Cheap parts run first: what they find may make the dear ones needless.
    fn earliest(&mut self, mut parts: Vec<(u32, Place)>) -> Place {
        parts.retain(|(_, place)| *place != NONE);
        if let [(_, place)] = parts.as_slice() {
            return *place;
        }
        parts.sort_by_key(|(cost, place)| (*cost, lowest_at(&self.layout, *place)));
        let places: Vec<Place> = parts.iter().map(|(_, place)| *place).collect();
        let lowest = places.iter().map(|place| lowest_at(&self.layout, *place)).min().unwrap_or(NONE);
        if places.is_empty() {
            return NONE;
        }
        self.layout.add(lowest, &places, |first, count| Node::Earliest { first, count })
    }

    fn cost(&self, rows: &[Row]) -> u32 {
        let subject = rows.first().and_then(|row| self.formulas.subjects(row.formula).first());
        subject.map_or(0, |subject| self.subjects.cost(*subject))
    }

    /// The group of a formula that is one "is there" of a group, or several of which one suffices.
    fn table_group(&self, formula: u32) -> Option<u32> {
        match self.formulas.get(formula) {
            Formula::Literal(_, Sense::IsTrue) => {
                let subject = self.formulas.subjects(formula).first()?;
                self.subjects.group(*subject).map(|(group, _)| group)
            }
            Formula::Or(items) => {
                let mut groups = items.iter().map(|item| match self.formulas.get(*item) {
                    Formula::Literal(..) => self.table_group(*item),
                    _ => None,
                });
                let group = groups.next()??;
                groups.all(|other| other == Some(group)).then_some(group)
            }
            _ => None,
        }
    }

    fn table(&mut self, group: u32, rows: &[Row]) -> Place {
        let mut leaves: BTreeMap<u32, u32> = BTreeMap::new();
        for row in rows {
            for subject in self.formulas.subjects(row.formula) {
                if let Some((_, member)) = self.subjects.group(*subject) {
                    // Rows come in order, so the first leaf is the lowest.
                    leaves.entry(member).or_insert(row.leaf.0);
                }
            }
        }
        let pairs: Vec<u32> = leaves.into_iter().flat_map(|(member, leaf)| [member, leaf]).collect();
        let lowest = rows.first().map_or(NONE, |row| row.leaf.0);
        self.layout.add(lowest, &pairs, |first, count| Node::Table { group, first, count })
    }

    /// Of the subjects that a formula mentions: the cheapest, then the one in most rows, then the
    /// first.
    fn choose(&mut self, formula: u32, rows: &[Row]) -> u32 {
        let mentioned = self.formulas.subjects(formula).to_vec();
        let cheapest = mentioned.iter().map(|subject| self.subjects.cost(*subject)).min().unwrap_or(0);
        let candidates: Vec<u32> =
            mentioned.into_iter().filter(|subject| self.subjects.cost(*subject) == cheapest).collect();
        if let [only] = candidates.as_slice() {
            return *only;
        }
        self.work(rows.len().saturating_mul(candidates.len()));
        let rows_with = |subject: u32| rows.iter().filter(|row| self.mentions(row.formula, subject)).count();
        let best = candidates.into_iter().map(|subject| (rows_with(subject), std::cmp::Reverse(subject))).max();
        best.map_or(0, |(_, subject)| subject.0)
    }

    fn mentions(&self, formula: u32, subject: u32) -> bool {
        self.formulas.subjects(formula).binary_search(&subject).is_ok()
    }

    /// The rows for a switch on a subject, and the others.
    fn share(&mut self, subject: u32, rows: Vec<Row>) -> (Vec<Row>, Vec<Row>) {
        let total = rows.len();
        let related = self.related(subject, &rows);
        let mentions = |row: &Row| {
            let subjects = self.formulas.subjects(row.formula);
            subjects.binary_search(&subject).is_ok() || subjects.iter().any(|subject| related.contains(subject))
        };
        let (mut own, others) = partition(rows, mentions);
        let copies = others.len().saturating_mul(self.subjects.classes(subject) as usize);
        if !others.is_empty() && copies <= FEW_COPIES.saturating_add(total / 4) {
            own.extend(others);
            own.sort_by_key(|row| row.leaf);
            return (own, Vec::new());
        }
        (own, others)
    }

    /// Subjects of other atoms on the text of an equality: its literals settle them, where that is
    /// not too much work.
    fn related(&self, subject: u32, rows: &[Row]) -> FxHashSet<u32> {
        let Some(Subject::Equal { text, literals }) = self.subjects.all.get(subject as usize) else {
            return FxHashSet::default();
        };
        let related: FxHashSet<u32> =
            self.implications.beside_equality(text).map(|atom| self.subjects.subject(atom)).collect();
        if related.is_empty() {
            return related;
        }
        let mentioning = |row: &&Row| self.formulas.subjects(row.formula).iter().any(|other| related.contains(other));
        let count = rows.iter().filter(mentioning).count();
        if count.saturating_mul(literals.len()) > MAX_RELATED { FxHashSet::default() } else { related }
    }

    fn switch(&mut self, subject: u32, rows: &[Row], depth: usize) -> Place {
        if let Some(arms) = self.painted(subject, rows) {
            return self.add_switch(subject, &arms);
        }
        let subjects = self.subjects;
        match subjects.all.get(subject as usize) {
            Some(Subject::Equal { .. }) => self.switch_on_literals(subject, rows, depth),
            _ => {
                let classes = self.subjects.classes(subject);
                let mut arms = Vec::with_capacity(classes as usize);
                for class in 0..classes {
                    if self.budget.steps == 0 {
                        let scan = self.scan(rows);
                        arms.resize(classes as usize, scan);
                        break;
                    }
                    let settled = self.implications.of_class(self.subjects, subject, class);
                    let arm = self.settled_rows(rows, subject, class, &settled);
                    arms.push(self.build(arm, depth + 1));
                }
                self.add_switch(subject, &arms)
            }
        }
    }

    /// All rows are single tests of this subject: every class goes to the first row that holds in
    /// it, with no look at the others.
    fn painted(&mut self, subject: u32, rows: &[Row]) -> Option<Vec<Place>> {
        let classes = self.subjects.classes(subject) as usize;
        let mut arms = vec![NONE; classes];
        // `next[class]`: the first class from there on that is not painted yet.
        let mut next: Vec<usize> = (0..=classes).collect();
        for row in rows {
            let (from, to) = match self.formulas.get(row.formula) {
                Formula::True => (0, number(classes)),
                Formula::Literal(atom, Sense::IsTrue) if self.subjects.subject(*atom) == subject => {
                    self.subjects.true_range(*atom)?
                }
                _ => return None,
            };
            let mut class = unpainted(&mut next, from as usize);
            while class < (to as usize).min(classes) {
                *arms.get_mut(class)? = row.leaf.place();
                *next.get_mut(class)? = class + 1;
                class = unpainted(&mut next, class + 1);
            }
        }
        self.work(rows.len().saturating_add(classes));
        Some(arms)
    }

    /// One arm for each literal that a row names, and one for all other texts.
    fn switch_on_literals(&mut self, subject: u32, rows: &[Row], depth: usize) -> Place {
        let other = self.subjects.classes(subject).saturating_sub(1);
        let defaults = self.settled_rows_indexed(rows, subject, other);
        let mut touching: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        let mut everywhere: Vec<usize> = Vec::new();
        let related = self.related(subject, rows);
        for (index, row) in rows.iter().enumerate() {
            if self.formulas.subjects(row.formula).iter().any(|subject| related.contains(subject)) {
                everywhere.push(index);
                continue;
            }
            for class in self.named_classes(row.formula, subject) {
                let indices = touching.entry(class).or_default();
                if indices.last() != Some(&index) {
                    indices.push(index);
                }
            }
        }
        if !everywhere.is_empty() {
            for class in 0..other {
                touching.entry(class).or_default();
            }
        }
        let otherwise = self.build(defaults.iter().map(|(_, row)| *row).collect(), depth + 1);
        let mut arms: Vec<(u32, Place)> = Vec::with_capacity(touching.len());
        let mut scan = None;
        for (class, mut indices) in touching {
            if self.budget.steps == 0 {
                let place = *scan.get_or_insert_with(|| self.scan(rows));
                arms.push((class, place));
                continue;
            }
            indices.extend(&everywhere);
            indices.sort_unstable();
            let settled = if everywhere.is_empty() {
                Vec::new()
            } else {
                self.implications.of_class(self.subjects, subject, class)
            };
            let named: Vec<Row> = indices.iter().filter_map(|index| rows.get(*index)).copied().collect();
            let skip: FxHashSet<usize> = indices.into_iter().collect();
            let mut arm = self.settled_rows(&named, subject, class, &settled);
            self.work(defaults.len());
            arm.extend(defaults.iter().filter(|(index, _)| !skip.contains(index)).map(|(_, row)| *row));
            arm.sort_by_key(|row| row.leaf);
            let place = self.build(arm, depth + 1);
            if place != otherwise {
                arms.push((class, place));
            }
        }
        self.add_literals(subject, other, &arms, otherwise)
    }

    fn add_literals(&mut self, subject: u32, other: u32, arms: &[(u32, Place)], otherwise: Place) -> Place {
        if arms.is_empty() {
            return otherwise;
        }
        if arms.len().saturating_mul(2) > other as usize {
            let mut all = vec![otherwise; other as usize + 1];
            for (class, place) in arms {
                if let Some(arm) = all.get_mut(*class as usize) {
                    *arm = *place;
                }
            }
            return self.add_switch(subject, &all);
        }
        let lowest = arms.iter().map(|(_, place)| *place).chain([otherwise]);
        let lowest = lowest.map(|place| lowest_at(&self.layout, place)).min().unwrap_or(NONE);
        let pairs: Vec<u32> = arms.iter().flat_map(|(class, place)| [*class, *place]).collect();
        self.layout.add(lowest, &pairs, |first, count| Node::Sparse { subject, first, count, otherwise })
    }

    fn add_switch(&mut self, subject: u32, arms: &[Place]) -> Place {
        let Some(first_arm) = arms.first().copied() else { return NONE };
        let same = arms.iter().take_while(|arm| **arm == first_arm).count();
        if same == arms.len() {
            return first_arm;
        }
        let alike = if self.subjects.is_bounded(subject) { number(same.saturating_sub(1)) } else { 0 };
        let lowest = arms.iter().map(|arm| lowest_at(&self.layout, *arm)).min().unwrap_or(NONE);
        self.layout.add(lowest, arms, |first, count| Node::Switch { subject, first, count, alike })
    }

    /// The rows as they are in a class.
    fn settled_rows(&mut self, rows: &[Row], subject: u32, class: u32, settled: &[(u32, Value)]) -> Vec<Row> {
        self.work(rows.len());
        let subjects = self.subjects;
        let mut results = FxHashMap::default();
        let mut kept = Vec::new();
        for row in rows {
            if settled.is_empty() && row.formula != TRUE && !self.mentions(row.formula, subject) {
                kept.push(*row);
                continue;
            }
            self.work(STEPS_A_SETTLED_ROW);
            let formula = self.formulas.settle(row.formula, &value_in(subjects, subject, class, settled), &mut results);
            if formula != FALSE {
                kept.push(Row { formula, leaf: row.leaf });
            }
            if formula == TRUE {
                break;
            }
        }
        kept
    }

    /// The rows as they are in the class of all other texts, with their places among `rows`.
    fn settled_rows_indexed(&mut self, rows: &[Row], subject: u32, class: u32) -> Vec<(usize, Row)> {
        self.work(rows.len());
        let subjects = self.subjects;
        let mut results = FxHashMap::default();
        let mut kept = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            self.work(STEPS_A_SETTLED_ROW);
            let formula = self.formulas.settle(row.formula, &value_in(subjects, subject, class, &[]), &mut results);
            if formula != FALSE {
                kept.push((index, Row { formula, leaf: row.leaf }));
            }
        }
        kept
    }

    /// The literals of an equality that a formula names.
    fn named_classes(&self, formula: u32, subject: u32) -> Vec<u32> {
        let mut found = Vec::new();
        let mut open = vec![formula];
        let mut seen = FxHashSet::default();
        while let Some(formula) = open.pop() {
            match self.formulas.get(formula) {
                Formula::Literal(atom, _) if self.subjects.subject(*atom) == subject => {
                    found.extend(self.subjects.true_classes(*atom).unwrap_or_default());
                }
                Formula::And(items) | Formula::Or(items) if self.mentions(formula, subject) => {
                    open.extend(items.iter().copied().filter(|item| seen.insert(*item)));
                }
                _ => {}
            }
        }
        found
    }
}

/// The value of an atom in a class, or by what the class implies.
fn value_in<'s>(
    subjects: &'s Subjects,
    subject: u32,
    class: u32,
    settled: &'s [(u32, Value)],
) -> impl Fn(u32) -> Option<Value> + 's {
    move |atom| {
        if subjects.subject(atom) == subject {
            return Some(subjects.value(atom, class));
        }
        settled.iter().find(|(other, _)| *other == atom).map(|(_, value)| *value)
    }
}

/// Without rows that cannot hold, and without what stands behind one that always does.
fn pruned(mut rows: Vec<Row>) -> Vec<Row> {
    rows.retain(|row| row.formula != FALSE);
    if let Some(end) = rows.iter().position(|row| row.formula == TRUE) {
        rows.truncate(end + 1);
    }
    rows
}

fn partition(rows: Vec<Row>, belongs: impl Fn(&Row) -> bool) -> (Vec<Row>, Vec<Row>) {
    rows.into_iter().partition(belongs)
}

/// The first class from `from` on that is not painted, shortening the way for the next time.
fn unpainted(next: &mut [usize], from: usize) -> usize {
    let mut at = from;
    while let Some(to) = next.get(at).copied()
        && to != at
    {
        let further = next.get(to).copied().unwrap_or(to);
        if let Some(step) = next.get_mut(at) {
            *step = further;
        }
        at = to;
    }
    at
}
