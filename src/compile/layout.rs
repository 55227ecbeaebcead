//! The compiled tree: flat nodes, and the walk over them.

/// A place in the tree: a leaf, nothing, or the number of a node.
pub(super) type Place = u32;
/// No rule.
pub(super) const NONE: Place = u32::MAX;
/// Set in a place that is a leaf; the other bits are the leaf.
const LEAF: Place = 1 << 31;

/// A leaf: a rule, and whether it is reached by its condition's failure. Leaves order as rules do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Leaf(pub(super) u32);

impl Leaf {
    pub(super) fn new(rule: u32, by_error: bool) -> Self {
        Self(rule << 1 | u32::from(by_error))
    }

    pub(super) fn rule(self) -> u32 {
        self.0 >> 1
    }

    pub(super) fn by_error(self) -> bool {
        self.0 & 1 == 1
    }

    pub(super) fn place(self) -> Place {
        self.0 | LEAF
    }
}

/// What stands at a place.
#[inline]
pub(super) fn leaf_at(place: Place) -> Option<Leaf> {
    (place != NONE && place & LEAF != 0).then_some(Leaf(place & !LEAF))
}

/// A node. `first` and `count` are a part of the layout's list of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    /// one place for each class; classes `0..=alike` lead to the same one
    Switch { subject: u32, first: u32, count: u32, alike: u32 },
    /// pairs (class, place), sorted, and the place of every other class
    Sparse { subject: u32, first: u32, count: u32, otherwise: Place },
    /// places; the lowest leaf of all wins
    Earliest { first: u32, count: u32 },
    /// pairs (member of the group, leaf), sorted; the lowest leaf of the members that are there
    Table { group: u32, first: u32, count: u32 },
    /// pairs (condition, leaf) in order: plain evaluation
    Scan { first: u32, count: u32 },
}

/// A route's tree.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Layout {
    nodes: Vec<Node>,
    /// the lowest leaf that each node can reach
    lowest: Vec<u32>,
    numbers: Vec<u32>,
    pub(super) root: Place,
}

/// Who answers the tree's questions.
pub(super) trait Ask {
    /// The class of a subject.
    fn class(&mut self, subject: u32) -> u32;
    /// Whether the class is known to be at most `class`, without finding it exactly.
    fn is_at_most(&mut self, subject: u32, class: u32) -> bool;
    /// Of sorted pairs (member, leaf): the lowest leaf below `bound` whose member is there.
    /// `lowest` is the lowest of all.
    fn lowest_member(&mut self, group: u32, pairs: &[u32], lowest: u32, bound: u32) -> u32;
    /// Of pairs (condition, leaf) in order: the first leaf below `bound` whose condition holds or,
    /// for a leaf by error, fails.
    fn first_condition(&mut self, pairs: &[u32], bound: u32) -> u32;
}

/// The lowest leaf that a place can reach.
pub(super) fn lowest_at(layout: &Layout, place: Place) -> u32 {
    match leaf_at(place) {
        Some(leaf) => leaf.0,
        None => layout.lowest.get(place as usize).copied().unwrap_or(NONE),
    }
}

impl Layout {
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The most conditions that one node evaluates in order.
    pub(super) fn longest_scan(&self) -> usize {
        let scanned = |node: &Node| match node {
            Node::Scan { count, .. } => (*count as usize) / 2,
            _ => 0,
        };
        self.nodes.iter().map(scanned).max().unwrap_or(0)
    }

    /// Adds a node with its list of numbers.
    pub(super) fn add(&mut self, lowest: u32, numbers: &[u32], node: impl FnOnce(u32, u32) -> Node) -> Place {
        let first = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.extend_from_slice(numbers);
        self.nodes.push(node(first, u32::try_from(numbers.len()).unwrap_or(u32::MAX)));
        self.lowest.push(lowest);
        u32::try_from(self.nodes.len().saturating_sub(1)).unwrap_or(NONE)
    }

    /// The nodes, by their places.
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    #[inline]
    pub(super) fn numbers(&self, first: u32, count: u32) -> &[u32] {
        let first = first as usize;
        self.numbers.get(first..first.saturating_add(count as usize)).unwrap_or_default()
    }

    /// The lowest leaf below `bound`, or [`NONE`].
    #[inline]
    pub(super) fn run<A: Ask>(&self, mut place: Place, bound: u32, ask: &mut A) -> u32 {
        loop {
            if let Some(leaf) = leaf_at(place) {
                return if leaf.0 < bound { leaf.0 } else { NONE };
            }
            let Some(node) = self.nodes.get(place as usize) else { return NONE };
            if self.lowest.get(place as usize).is_none_or(|lowest| *lowest >= bound) {
                return NONE;
            }
            place = match *node {
                Node::Switch { subject, first, count, alike } => {
                    let arms = self.numbers(first, count);
                    let class = if alike > 0 && ask.is_at_most(subject, alike) { 0 } else { ask.class(subject) };
                    arms.get(class as usize).copied().unwrap_or(NONE)
                }
                Node::Sparse { subject, first, count, otherwise } => {
                    let (arms, _) = self.numbers(first, count).as_chunks::<2>();
                    let class = ask.class(subject);
                    match arms.binary_search_by_key(&class, |[class, _]| *class) {
                        Ok(at) => arms.get(at).map_or(NONE, |[_, place]| *place),
                        Err(_) => otherwise,
                    }
                }
                Node::Earliest { first, count } => {
                    let mut best = NONE;
                    for part in self.numbers(first, count) {
                        best = best.min(self.run(*part, bound.min(best), ask));
                    }
                    return best;
                }
                Node::Table { group, first, count } => {
                    let lowest = self.lowest.get(place as usize).copied().unwrap_or(0);
                    return ask.lowest_member(group, self.numbers(first, count), lowest, bound);
                }
                Node::Scan { first, count } => return ask.first_condition(self.numbers(first, count), bound),
            };
        }
    }
}
