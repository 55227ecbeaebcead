//! Tests of the room as a whole; those of one part stand beside it.

mod answers;
mod facts;
mod gemini;
mod gemini_wire;
mod requests;
mod responses;
mod rubbish;
mod streams;
mod transforms;
mod transforms_back;
mod transforms_out;
mod transforms_presets;
mod transforms_wires;

use bytes::Bytes;

use super::*;
use crate::facts::given::GivenFacts;

/// A request for a target, written with the facts of nobody.
pub(super) fn encode(request: &Request, target: &Target<'_>) -> Result<Outgoing, EncodeError> {
    super::encode(request, target, &GivenFacts::default())
}

pub(super) fn request(protocol: Protocol, body: &str) -> Request {
    Request::parse(protocol, Bytes::copy_from_slice(body.as_bytes())).unwrap()
}
