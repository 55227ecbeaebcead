//! A body that is being edited: the members of its outermost object, each with its value as it
//! stands. An object inside is opened only when somebody edits inside it, and what nobody edits is
//! never copied: a value is slices of the parts that it came in.

use std::ops::Range;

use bytes::Bytes;
use memchr::memchr2;
use smallvec::SmallVec;

use crate::protocol::json::{Raw, Text, push_escaped, skip_value};
use crate::protocol::request::Request;

/// Values up to this many bytes are copied into the part around them: a part of its own costs more.
const COPIED_BYTES: usize = 1_024;

/// A value as it stands, in one slice or several.
pub(super) type Pieces = SmallVec<[Bytes; 1]>;

/// Values of a body whose ends are known, so that nobody has to look for them again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Measured<'m> {
    /// their places, in a body of one part
    Places(&'m [Range<usize>]),
    /// the members of a request whose body the parts are slices of
    Of(&'m Request),
}

impl Measured<'_> {
    /// How long the value is that a part's rest begins with.
    fn length(self, part: &[u8], at: usize) -> Option<usize> {
        let rest = part.get(at..)?;
        match self {
            Self::Places(places) => places.iter().find(|place| place.start == at).map(|place| place.end - at),
            Self::Of(request) => {
                let mut values = request.members().map(|(_, value)| value.bytes());
                values.find(|value| value.as_ptr() == rest.as_ptr()).map(<[u8]>::len)
            }
        }
        .filter(|length| *length <= rest.len())
    }
}

/// A member of an object.
#[derive(Clone, Debug)]
struct Slot {
    /// between its quotes, still escaped
    name: Bytes,
    value: Node,
}

#[derive(Clone, Debug)]
enum Node {
    Raw(Pieces),
    Object(Vec<Slot>),
}

/// The outermost object of a body.
#[derive(Debug)]
pub(super) struct Sheet {
    members: Vec<Slot>,
    changed: bool,
}

impl Sheet {
    /// Reads a body, given in parts, in one pass. None when it is not an object.
    pub(super) fn read(parts: &[Bytes], measured: Measured<'_>) -> Option<Self> {
        Some(Self { members: members(parts, measured)?, changed: false })
    }

    /// The value of a member as one slice; None when there is no such member, or it is `null`.
    pub(super) fn get(&mut self, path: &[&str]) -> Option<Bytes> {
        let node = find(&mut self.members, path)?;
        let value = joined(node);
        (*value != *b"null").then_some(value)
    }

    /// The number that a member holds.
    pub(super) fn number(&mut self, path: &[&str]) -> Option<f64> {
        Raw::from_measured(&self.get(path)?).number()
    }

    /// Gives a member a value, with the objects around it that are not there. True when it had
    /// another value.
    pub(super) fn set(&mut self, path: &[&str], value: &[u8]) -> bool {
        let put = put(&mut self.members, path, value);
        self.changed |= !matches!(put, Put::Same);
        matches!(put, Put::Replaced)
    }

    /// Merges a value into a member: an object into an object, member by member; anything else takes
    /// the place of what is there. True when it had another value.
    pub(super) fn merge(&mut self, path: &[&str], value: &[u8]) -> bool {
        let inner = members(&[Bytes::copy_from_slice(value)], Measured::Places(&[]));
        let open = inner.is_some() && find(&mut self.members, path).and_then(open).is_some();
        let Some(inner) = inner.filter(|_| open) else { return self.set(path, value) };
        let mut replaced = false;
        for slot in inner {
            let name = Text::from_escaped(&slot.name).decode().into_owned();
            let mut path = path.to_vec();
            path.push(&name);
            replaced |= self.merge(&path, &joined(&slot.value));
        }
        replaced
    }

    /// Takes a member out; true when it was there.
    pub(super) fn remove(&mut self, path: &[&str]) -> bool {
        let Some((last, outer)) = path.split_last() else { return false };
        let Some(object) = inside(&mut self.members, outer) else { return false };
        let before = object.len();
        object.retain(|slot| !slot.is(last));
        let removed = object.len() < before;
        self.changed |= removed;
        removed
    }

    /// Gives a member another name where it stands; what had that name goes. True when it was there.
    pub(super) fn rename(&mut self, path: &[&str], name: &str) -> bool {
        let Some((last, outer)) = path.split_last() else { return false };
        let Some(object) = inside(&mut self.members, outer) else { return false };
        if *last == name || !object.iter().any(|slot| slot.is(last)) {
            return false;
        }
        object.retain(|slot| !slot.is(name));
        for slot in object.iter_mut().filter(|slot| slot.is(last)) {
            slot.name = escaped(name);
        }
        self.changed = true;
        true
    }

    /// Puts a value behind the last one of a list; what is no list becomes the first element of one.
    pub(super) fn append(&mut self, path: &[&str], value: &[u8]) {
        let list = find(&mut self.members, path).map(|node| match node {
            Node::Raw(pieces) => pieces.clone(),
            Node::Object(_) => Pieces::from_elem(joined(node), 1),
        });
        let first = list.as_ref().and_then(|pieces| pieces.first()?.first().copied());
        let nothing =
            list.as_ref().is_none_or(|pieces| pieces.len() == 1 && pieces.iter().all(|one| **one == *b"null"));
        let Some(mut pieces) = list.filter(|_| !nothing) else {
            self.set(path, &[b"[", value, b"]"].concat());
            return;
        };
        let mut tail = Vec::with_capacity(value.len() + 2);
        if first == Some(b'[') {
            let Some(last) = pieces.pop() else { return };
            pieces.push(last.slice(..last.len().saturating_sub(1)));
            // An empty list has nothing but blanks behind its bracket.
            let blank = |at: usize, byte: &u8| at == 0 || byte.is_ascii_whitespace();
            let empty = pieces.iter().flat_map(|one| one.iter()).enumerate().all(|(at, byte)| blank(at, byte));
            tail.extend_from_slice(if empty { b"" } else { b"," });
        } else {
            pieces.insert(0, Bytes::from_static(b"["));
            tail.push(b',');
        }
        tail.extend_from_slice(value);
        tail.push(b']');
        pieces.push(Bytes::from(tail));
        if let Some(node) = find(&mut self.members, path) {
            *node = Node::Raw(pieces);
            self.changed = true;
        }
    }

    /// The body in parts; `None` when nothing has changed, and it is to go on as it came.
    pub(super) fn write(self) -> Option<Vec<Bytes>> {
        if !self.changed {
            return None;
        }
        let mut out = Parts::default();
        out.object(&self.members);
        Some(out.finish())
    }
}

impl Slot {
    fn is(&self, name: &str) -> bool {
        Text::from_escaped(&self.name).is(name)
    }
}

fn escaped(name: &str) -> Bytes {
    let mut out = Vec::with_capacity(name.len());
    push_escaped(&mut out, name.as_bytes());
    Bytes::from(out)
}

/// A value as one slice.
fn joined(node: &Node) -> Bytes {
    match node {
        Node::Raw(pieces) => match pieces.as_slice() {
            [one] => one.clone(),
            many => Bytes::from(many.concat()),
        },
        Node::Object(members) => {
            let mut out = Parts::default();
            out.object(members);
            Bytes::from(out.finish().concat())
        }
    }
}

/// The members of a value, opened; None when it is not an object.
fn open(node: &mut Node) -> Option<&mut Vec<Slot>> {
    if let Node::Raw(pieces) = node {
        *node = Node::Object(members(pieces, Measured::Places(&[]))?);
    }
    match node {
        Node::Object(members) => Some(members),
        Node::Raw(_) => None,
    }
}

/// The object at a path, if there is one.
fn inside<'s>(members: &'s mut Vec<Slot>, path: &[&str]) -> Option<&'s mut Vec<Slot>> {
    let mut object = members;
    for name in path {
        object = open(&mut object.iter_mut().find(|slot| slot.is(name))?.value)?;
    }
    Some(object)
}

fn find<'s>(members: &'s mut Vec<Slot>, path: &[&str]) -> Option<&'s mut Node> {
    let (last, outer) = path.split_last()?;
    let object = inside(members, outer)?;
    object.iter_mut().find(|slot| slot.is(last)).map(|slot| &mut slot.value)
}

/// What became of a member that was given a value.
enum Put {
    Same,
    New,
    Replaced,
}

/// Gives the member at a path a value; what is not there around it, or is no object, becomes one.
fn put(members: &mut Vec<Slot>, path: &[&str], value: &[u8]) -> Put {
    let Some((name, rest)) = path.split_first() else { return Put::Same };
    let raw = || Node::Raw(Pieces::from_elem(Bytes::copy_from_slice(value), 1));
    let Some(slot) = members.iter_mut().find(|slot| slot.is(name)) else {
        let mut inner = Vec::new();
        let node = if rest.is_empty() {
            raw()
        } else {
            put(&mut inner, rest, value);
            Node::Object(inner)
        };
        members.push(Slot { name: escaped(name), value: node });
        return Put::New;
    };
    if rest.is_empty() {
        let old = joined(&slot.value);
        if *old == *value {
            return Put::Same;
        }
        slot.value = raw();
        return if *old == *b"null" { Put::New } else { Put::Replaced };
    }
    if open(&mut slot.value).is_none() {
        slot.value = Node::Object(Vec::new());
    }
    match &mut slot.value {
        Node::Object(inner) => put(inner, rest, value),
        Node::Raw(_) => Put::Same,
    }
}

/// Puts a body together: small values into buffers, large ones as they are.
#[derive(Default)]
struct Parts {
    done: Vec<Bytes>,
    buffer: Vec<u8>,
}

impl Parts {
    fn object(&mut self, members: &[Slot]) {
        self.buffer.push(b'{');
        for (number, slot) in members.iter().enumerate() {
            self.buffer.extend_from_slice(if number == 0 { b"\"" } else { b",\"" });
            self.buffer.extend_from_slice(&slot.name);
            self.buffer.extend_from_slice(b"\":");
            match &slot.value {
                Node::Object(members) => self.object(members),
                Node::Raw(pieces) => pieces.iter().for_each(|piece| self.piece(piece)),
            }
        }
        self.buffer.push(b'}');
    }

    fn piece(&mut self, piece: &Bytes) {
        if piece.len() <= COPIED_BYTES {
            return self.buffer.extend_from_slice(piece);
        }
        if !self.buffer.is_empty() {
            self.done.push(Bytes::from(std::mem::take(&mut self.buffer)));
        }
        self.done.push(piece.clone());
    }

    fn finish(mut self) -> Vec<Bytes> {
        if !self.buffer.is_empty() {
            self.done.push(Bytes::from(self.buffer));
        }
        self.done
    }
}

/// The members of an object that stands in one part or several, found in one pass. None when it is
/// not an object; that the text is balanced has been checked by whoever made or took it.
fn members(parts: &[Bytes], measured: Measured<'_>) -> Option<Vec<Slot>> {
    let mut cursor = Cursor { parts, part: 0, at: 0 };
    let mut members = Vec::new();
    (cursor.next_byte()? == b'{').then_some(())?;
    loop {
        match cursor.next_byte()? {
            b'}' => return Some(members),
            b',' => {}
            b'"' => {
                let from = cursor.place();
                cursor.string()?;
                let mut name = cursor.since(from);
                // Without the quote behind it.
                let last = name.pop()?;
                name.push(last.slice(..last.len().checked_sub(1)?));
                let name = joined(&Node::Raw(name));
                (cursor.next_byte()? == b':').then_some(())?;
                let value = Node::Raw(cursor.value(measured)?);
                members.push(Slot { name, value });
            }
            _ => return None,
        }
    }
}

/// A place in a body that comes in parts.
struct Cursor<'b> {
    parts: &'b [Bytes],
    part: usize,
    at: usize,
}

impl Cursor<'_> {
    fn place(&self) -> (usize, usize) {
        (self.part, self.at)
    }

    /// The byte here; None at the end.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let part = self.parts.get(self.part)?;
            if let Some(byte) = part.get(self.at) {
                return Some(*byte);
            }
            self.part += 1;
            self.at = 0;
        }
    }

    fn step(&mut self) {
        self.at += 1;
    }

    /// The next byte that is not blank, passed.
    fn next_byte(&mut self) -> Option<u8> {
        loop {
            let byte = self.peek()?;
            self.step();
            if !byte.is_ascii_whitespace() {
                return Some(byte);
            }
        }
    }

    /// Passes the rest of a string, its closing quote included.
    fn string(&mut self) -> Option<()> {
        loop {
            self.peek()?;
            let rest = self.parts.get(self.part)?.get(self.at..)?;
            match memchr2(b'"', b'\\', rest) {
                None => self.at += rest.len(),
                Some(found) if rest.get(found) == Some(&b'"') => {
                    self.at += found + 1;
                    return Some(());
                }
                Some(found) => {
                    self.at += found + 1;
                    self.peek()?;
                    self.step();
                }
            }
        }
    }

    /// Passes a value; its pieces, without the blanks around it.
    fn value(&mut self, measured: Measured<'_>) -> Option<Pieces> {
        while self.peek()?.is_ascii_whitespace() {
            self.step();
        }
        let from = self.place();
        let part = self.parts.get(self.part)?;
        if let Some(length) = measured.length(part, self.at) {
            self.at += length;
            return Some(self.since(from));
        }
        // A number that a part ends with may go on in the next one.
        if let Ok(end) = skip_value(part, self.at)
            && end < part.len()
        {
            self.at = end;
            return Some(self.since(from));
        }
        let mut depth = 0_usize;
        loop {
            let byte = self.peek()?;
            match byte {
                b'"' => {
                    self.step();
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.step();
                }
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    self.step();
                }
                b',' | b'}' | b']' if depth == 0 => return Some(self.since(from)),
                _ if depth == 0 && byte.is_ascii_whitespace() => return Some(self.since(from)),
                _ => {
                    self.step();
                    continue;
                }
            }
            if depth == 0 {
                return Some(self.since(from));
            }
        }
    }

    /// What stands between a place and here.
    fn since(&self, (part, at): (usize, usize)) -> Pieces {
        let mut pieces = Pieces::new();
        for number in part..=self.part {
            let Some(whole) = self.parts.get(number) else { break };
            let from = if number == part { at } else { 0 };
            let to = if number == self.part { self.at } else { whole.len() };
            if from < to && to <= whole.len() {
                pieces.push(whole.slice(from..to));
            }
        }
        pieces
    }
}
