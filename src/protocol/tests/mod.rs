//! Tests of the room as a whole; those of one part stand beside it.

mod answers;
mod clients_words;
mod facts;
mod gemini;
mod gemini_wire;
mod reading;
mod requests;
mod responses;
mod rubbish;
mod same_wire;
mod shared;
mod streams;
mod strict;
mod transforms;
mod transforms_back;
mod transforms_out;
mod transforms_presets;
mod transforms_wires;

use bytes::Bytes;

use serde_json::Value;

use super::*;
use crate::dsl::policy::Capability;
use crate::facts::given::GivenFacts;

/// A request for a target, written with the facts of nobody.
pub(super) fn encode(request: &Request, target: &Target<'_>) -> Result<Outgoing, EncodeError> {
    super::encode(request, target, &GivenFacts::default())
}

pub(super) fn request(protocol: Protocol, body: &str) -> Request {
    Request::parse(protocol, Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

/// A model that can do everything and gives at most 8 000 tokens.
pub(super) fn able<'a>(wire: Wire, model: &'a str, can: &'a [Capability]) -> Target<'a> {
    Target { wire, model, context: None, output_limit: Some(8_000), can, stream: true, transforms: &[] }
}

/// What goes upstream, and what is told about it.
pub(super) struct Out {
    pub(super) body: Value,
    pub(super) warnings: String,
    pub(super) back: Back,
}

pub(super) fn written(request: &Request, target: &Target<'_>) -> Result<Out, EncodeError> {
    let out = encode(request, target)?;
    let bytes = out.body.concat();
    let body =
        serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&bytes)));
    Ok(Out { body, warnings: out.warnings.join("\n"), back: out.back })
}

pub(super) fn encoded(protocol: Protocol, body: &str, target: &Target<'_>) -> Result<Out, EncodeError> {
    written(&request(protocol, body), target)
}
