//! Which result belongs to which call. Gemini's ids are optional: calls and results without them belong
//! together by name and order, and get ids that are the same whenever the conversation is sent.

use std::collections::{BTreeMap, VecDeque};

use super::super::json::Text;
use super::super::made_ids::made_id;

#[derive(Debug)]
struct Call<'a> {
    id: Text<'a>,
    answered: bool,
}

/// The calls of the last turn of the model.
#[derive(Debug, Default)]
pub(super) struct Pairs<'a> {
    calls: Vec<Call<'a>>,
    /// places in `calls`: a turn may have thousands
    by_id: BTreeMap<&'a [u8], usize>,
    by_name: BTreeMap<&'a [u8], VecDeque<usize>>,
    made: usize,
}

impl<'a> Pairs<'a> {
    /// The model speaks again: what was not answered stays so.
    pub(super) fn next_turn(&mut self) {
        self.calls.clear();
        self.by_id.clear();
        self.by_name.clear();
    }

    /// The id of a call; `own` is empty when it has none. None: there are no ids left.
    pub(super) fn call(&mut self, name: Text<'a>, own: Text<'a>) -> Option<Text<'a>> {
        let id = if own.is_empty() {
            self.made += 1;
            made_id(self.made - 1)?
        } else {
            own
        };
        let place = self.calls.len();
        self.by_id.entry(id.escaped()).or_insert(place);
        self.by_name.entry(name.escaped()).or_default().push_back(place);
        self.calls.push(Call { id, answered: false });
        Some(id)
    }

    /// The id of the call that a result belongs to; its own, or none, when there is no such call.
    pub(super) fn response(&mut self, name: Text<'a>, own: Text<'a>) -> Text<'a> {
        let by_id = self.by_id.get(own.escaped()).copied().filter(|_| !own.is_empty());
        match by_id.or_else(|| self.waiting(name)).and_then(|place| self.calls.get_mut(place)) {
            Some(call) => {
                call.answered = true;
                call.id
            }
            None => own,
        }
    }

    /// The first call of this name that has no result yet.
    fn waiting(&mut self, name: Text<'a>) -> Option<usize> {
        let queue = self.by_name.get_mut(name.escaped())?;
        while let Some(place) = queue.pop_front() {
            if self.calls.get(place).is_some_and(|call| !call.answered) {
                return Some(place);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_find_their_calls() {
        let text = |text: &'static str| Text::from_escaped(text.as_bytes());
        let mut pairs = Pairs::default();
        let mut call = |name, own| pairs.call(text(name), text(own)).unwrap();
        let (a, b, c) = (call("f", ""), call("g", "own"), call("f", ""));
        assert_eq!([a, b, c].map(Text::escaped), [&b"call_0000"[..], b"own", b"call_0001"]);
        assert_eq!(pairs.response(text("g"), text("")), b);
        assert_eq!(pairs.response(text("f"), text("")), a);
        assert_eq!(pairs.response(text("f"), text("other")), c, "an id that no call has");
        assert_eq!(pairs.response(text("f"), text("")), text(""));
        pairs.next_turn();
        assert_eq!(pairs.response(text("g"), text("own")), text("own"), "no call of this turn");
    }
}
