//! Which of many literals stand in a text.
//!
//! The way is chosen when compiling. Few literals: one vectorised search each, only when asked
//! for. More: one automaton over all of them, unrolled while it stays within bounds. Where all
//! literals have a rare byte in common, the automaton only runs round its occurrences; as soon as
//! they turn out not to be rare, and everywhere else, the text is walked in four places at once,
//! because one walk waits for memory at every byte.

use aho_corasick::automaton::{Automaton, Prefilter, StateID};
use aho_corasick::nfa::{contiguous, noncontiguous};
use aho_corasick::{Anchored, Span, dfa};
use memchr::memmem::Finder;

use super::skeleton::number;
use crate::bounds::{MAX_AUTOMATON_BYTES, MIN_AUTOMATON_LITERALS};

#[derive(Debug)]
enum Engine {
    /// nothing can be found
    Nothing,
    Each(Vec<Finder<'static>>),
    Unrolled(Box<dfa::DFA>),
    Compact(Box<contiguous::NFA>),
}

/// A set of literals, numbered as given.
#[derive(Debug)]
pub(super) struct Needles {
    engine: Engine,
    /// finds the next place where a literal may begin
    skip: Option<Prefilter>,
    /// bytes of the longest literal
    longest: usize,
}

/// Below this many bytes a walk in several places does not pay.
const MIN_PARTED_BYTES: usize = 512;
/// How far a jump has to lead on average for jumping to be faster than walking.
const MIN_JUMP_BYTES: usize = 24;
/// Jumps after which their average is believed.
const TRIED_JUMPS: usize = 16;

impl Needles {
    /// Prepares the search. No literal is empty.
    pub(super) fn new(literals: &[String]) -> Self {
        let longest = literals.iter().map(String::len).max().unwrap_or(0);
        let build = |prefilter: bool| noncontiguous::Builder::new().prefilter(prefilter).build(literals).ok();
        let skip = build(true).and_then(|nfa| nfa.prefilter().cloned());
        if literals.len() < MIN_AUTOMATON_LITERALS {
            let each = literals.iter().map(|literal| Finder::new(literal.as_bytes()).into_owned()).collect();
            // A single literal is its own best test.
            let skip = skip.filter(|_| literals.len() > 1);
            return Self { engine: Engine::Each(each), skip, longest };
        }
        let engine = build(false).map_or(Engine::Nothing, |nfa| automaton(&nfa, literals));
        Self { engine, skip, longest }
    }

    /// Whether literals are looked for one by one.
    pub(super) fn is_each(&self) -> bool {
        matches!(self.engine, Engine::Each(_))
    }

    /// Whether a quick look shows that no literal is in the text.
    pub(super) fn are_excluded(&self, text: &[u8]) -> bool {
        self.skip.as_ref().is_some_and(|skip| skip.find_in(text, Span::from(0..text.len())).into_option().is_none())
    }

    /// Whether one literal is in the text, if they are looked for one by one.
    pub(super) fn alone(&self, needle: u32, text: &[u8]) -> Option<bool> {
        match &self.engine {
            Engine::Each(finders) => finders.get(needle as usize).map(|finder| finder.find(text).is_some()),
            _ => None,
        }
    }

    /// Calls `hit` with every literal that is in the text, some more than once, until it says to
    /// stop.
    pub(super) fn find(&self, text: &[u8], hit: &mut dyn FnMut(u32) -> bool) {
        match &self.engine {
            Engine::Nothing => {}
            Engine::Each(finders) => {
                for (needle, finder) in (0..).zip(finders) {
                    if finder.find(text).is_some() && hit(needle) {
                        return;
                    }
                }
            }
            Engine::Unrolled(automaton) => self.pass(automaton.as_ref(), text, hit),
            Engine::Compact(automaton) => self.pass(automaton.as_ref(), text, hit),
        }
    }

    fn pass<A: Automaton>(&self, automaton: &A, text: &[u8], hit: &mut dyn FnMut(u32) -> bool) {
        let Ok(start) = automaton.start_state(Anchored::No) else { return };
        let from = match &self.skip {
            Some(skip) => match jump(automaton, start, skip, text, hit) {
                Some(from) => from,
                None => return,
            },
            None => 0,
        };
        let Some(rest) = text.get(from..) else { return };
        if rest.len() < MIN_PARTED_BYTES.max(self.longest.saturating_mul(8)) {
            walk(automaton, start, rest, hit);
        } else {
            walk_parted(automaton, start, rest, self.longest, hit);
        }
    }
}

fn automaton(nfa: &noncontiguous::NFA, literals: &[String]) -> Engine {
    let mut seen = [false; 256];
    for byte in literals.iter().flat_map(|literal| literal.bytes()) {
        if let Some(seen) = seen.get_mut(usize::from(byte)) {
            *seen = true;
        }
    }
    let classes = seen.iter().filter(|seen| **seen).count().saturating_add(1).next_power_of_two();
    let states = literals.iter().map(String::len).fold(1_usize, usize::saturating_add);
    if states.saturating_mul(classes).saturating_mul(size_of::<StateID>()) <= MAX_AUTOMATON_BYTES
        && let Ok(dfa) = dfa::Builder::new()
            .start_kind(aho_corasick::StartKind::Unanchored)
            .prefilter(false)
            .build_from_noncontiguous(nfa)
    {
        return Engine::Unrolled(Box::new(dfa));
    }
    contiguous::Builder::new()
        .prefilter(false)
        .build_from_noncontiguous(nfa)
        .map_or(Engine::Nothing, |nfa| Engine::Compact(Box::new(nfa)))
}

/// Reports the literals that end in a state; true: stop.
#[inline]
fn report<A: Automaton>(automaton: &A, state: StateID, hit: &mut dyn FnMut(u32) -> bool) -> bool {
    automaton.is_match(state)
        && (0..automaton.match_len(state)).any(|index| hit(number(automaton.match_pattern(state, index).as_usize())))
}

/// From one possible beginning to the next. None: done. Some: the jumps are too short, and the
/// rest from there on is better walked.
fn jump<A: Automaton>(
    automaton: &A,
    start: StateID,
    skip: &Prefilter,
    text: &[u8],
    hit: &mut dyn FnMut(u32) -> bool,
) -> Option<usize> {
    let mut at = 0;
    let mut jumps: usize = 0;
    let mut jumped: usize = 0;
    loop {
        let next = skip.find_in(text, Span::from(at..text.len())).into_option()?;
        jumps += 1;
        jumped += next.saturating_sub(at);
        if jumps >= TRIED_JUMPS && jumped < jumps.saturating_mul(MIN_JUMP_BYTES) {
            return Some(next.max(at));
        }
        at = next.max(at);
        let mut state = start;
        for byte in text.get(at..)? {
            at += 1;
            state = automaton.next_state(Anchored::No, state, *byte);
            if report(automaton, state, hit) {
                return None;
            }
            if state == start {
                break;
            }
        }
        if at >= text.len() {
            return None;
        }
    }
}

fn walk<A: Automaton>(automaton: &A, mut state: StateID, text: &[u8], hit: &mut dyn FnMut(u32) -> bool) {
    for byte in text {
        state = automaton.next_state(Anchored::No, state, *byte);
        if automaton.is_special(state) && report(automaton, state, hit) {
            return;
        }
    }
}

/// Walks four parts in step. Each but the first begins early enough to see the literals that
/// reach into it. (Eight parts were measured to be slower: their states do not fit registers.)
fn walk_parted<A: Automaton>(
    automaton: &A,
    start: StateID,
    text: &[u8],
    longest: usize,
    hit: &mut dyn FnMut(u32) -> bool,
) {
    let overlap = longest.saturating_sub(1);
    // `steps` of one part; four parts with their overlaps cover the text.
    let steps = (text.len() + 3 * overlap).div_ceil(4);
    let stride = steps - overlap;
    let part = |index: usize| text.get(index * stride..).unwrap_or_default();
    let (first, second, third, fourth) = (part(0), part(1), part(2), part(3));
    let mut states = [start; 4];
    let common = fourth.len().min(steps);
    for (((a, b), c), d) in first.iter().zip(second).zip(third).zip(fourth).take(common) {
        states = [
            automaton.next_state(Anchored::No, states[0], *a),
            automaton.next_state(Anchored::No, states[1], *b),
            automaton.next_state(Anchored::No, states[2], *c),
            automaton.next_state(Anchored::No, states[3], *d),
        ];
        if states.iter().any(|state| automaton.is_special(*state))
            && states.iter().any(|state| report(automaton, *state, hit))
        {
            return;
        }
    }
    // The last part is the shortest; what the others have beyond it is walked singly.
    for (part, state) in [first, second, third].into_iter().zip(states) {
        if let Some(rest) = part.get(common..steps.min(part.len())) {
            walk(automaton, state, rest, hit);
        }
    }
}
