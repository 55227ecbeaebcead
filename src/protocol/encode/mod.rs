//! The request for an upstream.
//!
//! When both sides speak the same, the body goes on as it came, in slices around a few splices
//! ([`splice`]). Otherwise it is translated, and whatever the other side cannot say is in
//! [`Outgoing::warnings`].

mod adapt;
mod adapt_gemini;
mod foreign;
mod rewrite;
mod splice;
pub(crate) mod warnings;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use super::exchange::{Exchange, Places};
use super::request::{BadRequest, Request};
use super::responses::OwnTool;
use super::shared::Sent;
use super::transform::body::Measured;
use super::transform::exchange::Schemas;
use super::transform::stages::StageKind;
use super::{Protocol, Wire, anthropic, gemini, media, openai, responses, simple, tokens, transform};
use crate::dsl::policy::Capability;
use crate::dsl::transform::{Transform, serves};
use crate::facts::Facts;

/// The upstream's model, as far as a wire format cares.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// what it speaks
    pub wire: Wire,
    /// the name the upstream knows it by
    pub model: &'a str,
    /// most tokens of input and output together; None: not declared
    pub context: Option<u64>,
    /// most tokens of its answers; None: not declared
    pub output_limit: Option<u64>,
    /// what it can do
    pub can: &'a [Capability],
    /// whether it can stream; if not, the answer is replayed as a stream ([`super::replay`])
    pub stream: bool,
    /// what the policy changes in its requests and answers
    pub transforms: &'a [Transform],
}

impl Target<'_> {
    /// Whether the model does this, or it is made up for.
    #[must_use]
    pub fn can(&self, what: Capability) -> bool {
        serves(self.can, self.transforms, what)
    }
}

/// A request, ready to be sent.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// the body's parts, in order; parts of the client's body are not copied
    pub body: Vec<Bytes>,
    /// what was lost or changed, for `x-ccr-warning`
    pub warnings: Vec<String>,
    /// further headers, from the model's transforms
    pub headers: HeaderMap,
    /// what the model's transforms changed in what was written
    pub changes: Vec<Change>,
    /// whether a stream is asked for
    pub stream: bool,
    /// what is needed to bring the answer back
    pub back: Back,
}

/// Something that a transform changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// the transform's name
    pub transform: String,
    /// what it did, in a few words
    pub what: String,
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.transform, self.what)
    }
}

/// What the way back has to know of the way out.
#[derive(Clone, Debug, Default)]
pub struct Back {
    /// the usage chunk of a Chat stream was asked for by us, the client does not expect it
    pub(crate) withhold_usage: bool,
    /// the client of a Chat stream asked for a usage chunk
    pub(crate) include_usage: bool,
    /// a Gemini client did not ask to see what the model thinks
    pub(crate) withhold_thoughts: bool,
    /// tool names that were made legal, and what the client calls them
    pub(crate) names: Option<Arc<[(String, String)]>>,
    /// the tools of a Responses client that are no plain functions
    pub(crate) own_tools: Option<Arc<[OwnTool]>>,
    /// members of a Responses request that its answer repeats, each behind a comma
    pub(crate) echo: Bytes,
    /// what looks at the answer, in order
    pub(crate) stages: Vec<StageKind>,
}

impl Back {
    /// The Responses client's tool that is known by this name where only functions are.
    pub(crate) fn own_tool(&self, flat: &str) -> Option<&OwnTool> {
        self.own_tools.as_deref().unwrap_or_default().iter().find(|own| own.flat == flat)
    }

    /// The client's name for a tool that the upstream calls so.
    pub(crate) fn client_name<'a>(&'a self, upstream: &'a str) -> &'a str {
        let names = self.names.as_deref().unwrap_or_default();
        names.iter().find(|(changed, _)| changed == upstream).map_or(upstream, |(_, name)| name)
    }
}

/// Why a request cannot be sent to a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// the model's wire cannot carry it: the candidate is skipped with this reason
    #[error("{0}")]
    Unsupported(String),
    /// the request is wrong: a 400
    #[error(transparent)]
    BadRequest(#[from] BadRequest),
}

impl EncodeError {
    pub(crate) fn unsupported(reason: &str) -> Self {
        Self::Unsupported(reason.to_owned())
    }
}

/// Writes a request for an upstream. `facts` are the request's and the candidate's, for the values
/// that a policy's own transforms compute.
///
/// # Errors
/// [`EncodeError::Unsupported`] when the upstream's wire cannot carry it, [`EncodeError::BadRequest`] when it is
/// broken inside.
pub fn encode(request: &Request, target: &Target<'_>, facts: &dyn Facts) -> Result<Outgoing, EncodeError> {
    let target = &fitted(request, target);
    let mut outgoing = Outgoing {
        body: Vec::new(),
        warnings: Vec::new(),
        headers: HeaderMap::new(),
        changes: Vec::new(),
        stream: request.stream() && target.stream,
        back: Back::default(),
    };
    if request.embeds() {
        if target.wire != Wire::Chat {
            return Err(EncodeError::unsupported("its provider has no endpoint for embeddings"));
        }
        splice::embeddings(request, target.model, &mut outgoing);
        let chain: Vec<Transform> =
            target.transforms.iter().filter(|transform| transform::is_free(transform)).cloned().collect();
        let target = Target { transforms: &chain, ..*target };
        transform::body::apply(request, &target, facts, Measured::Of(request), &mut outgoing);
        warnings::tidy(&mut outgoing.warnings);
        return Ok(outgoing);
    }
    media::check_addresses(request)?;
    let folded =
        if request.protocol() == Protocol::Gemini && target.wire == Wire::Gemini && !target.transforms.is_empty() {
            gemini::in_camel_case(request)?
        } else {
            None
        };
    let request = folded.as_ref().unwrap_or(request);
    if target.wire.same_as(request.protocol()) {
        rewrite::write(request, target, &mut outgoing)?;
        transform::body::apply(request, target, facts, Measured::Of(request), &mut outgoing);
        warnings::tidy(&mut outgoing.warnings);
        return Ok(outgoing);
    }
    let long = match request.tag() {
        None => translate(request, target, &mut outgoing)?,
        // Rare, so it may cost a copy: the rest need not know of the tag.
        Some(tag) => {
            let body = splice::without_tag(request, tag);
            translate(&request.with_body(body)?, target, &mut outgoing)?
        }
    };
    transform::body::apply(request, target, facts, Measured::Places(&long), &mut outgoing);
    warnings::tidy(&mut outgoing.warnings);
    Ok(outgoing)
}

/// The model for a request that asks for a longer answer than it can have: none is longer than the context, or,
/// where history is trimmed, than the half of it that is kept free at most.
fn fitted<'a>(request: &Request, target: &Target<'a>) -> Target<'a> {
    let trims = target.has(|transform| matches!(transform, Transform::TrimHistory(_)));
    let room = target.context.map(|context| if trims { context / 2 } else { context });
    match (room, request.max_tokens()) {
        (Some(room), Some(asked)) if asked > room => {
            Target { output_limit: Some(target.output_limit.map_or(room, |limit| limit.min(room))), ..*target }
        }
        _ => *target,
    }
}

/// Returns the places of the longest values in what it writes.
fn translate(request: &Request, target: &Target<'_>, outgoing: &mut Outgoing) -> Result<Places, EncodeError> {
    let plain = if request.protocol() == Protocol::Gemini { gemini::plain_schemas(request)? } else { None };
    let request = plain.as_ref().unwrap_or(request);
    if request.protocol() == Protocol::Responses {
        responses::only_here(request)?;
        note_responses(request, &mut outgoing.back);
    }
    outgoing.back.withhold_thoughts = request.protocol() == Protocol::Gemini && !gemini::wants_thoughts(request);
    let read = read(request)?;
    let schemas = Schemas::of(&read, target);
    let mut exchange = read;
    schemas.tell(&mut outgoing.warnings, &mut outgoing.changes);
    transform::exchange::apply(&mut exchange, &schemas, target, tokens::bound(request), &mut outgoing.back)?;
    outgoing.back.include_usage = request.protocol() == Protocol::Chat && splice::asks_for_usage(request);
    let room = request.body().len();
    let body = write(&mut exchange, target, outgoing.stream, room, &mut outgoing.back)?;
    outgoing.body.push(Bytes::from(body));
    outgoing.warnings.append(&mut exchange.warnings);
    warnings::name_for(request, &mut outgoing.warnings);
    outgoing.changes.append(&mut exchange.changes);
    Ok(std::mem::take(&mut exchange.long))
}

/// What the answer to a Responses client is written with.
fn note_responses(request: &Request, back: &mut Back) {
    back.own_tools = request.prepared().own();
    back.echo = responses::echo(request);
}

/// The request in the form for all wires.
fn read(request: &Request) -> Result<Exchange<'_>, EncodeError> {
    Ok(match request.protocol() {
        Protocol::Anthropic => anthropic::read_request(request)?,
        Protocol::Chat => openai::read_request(request)?,
        Protocol::Responses => responses::read_request(request)?,
        Protocol::Gemini => gemini::read_request(request)?,
        Protocol::Simple => simple::read_request(request)?,
    })
}

/// The form for all wires in that of one; `room` is about how long it will be.
fn write(
    exchange: &mut Exchange<'_>,
    target: &Target<'_>,
    stream: bool,
    room: usize,
    back: &mut Back,
) -> Result<Vec<u8>, EncodeError> {
    exchange.tell_of_inputs(target.wire);
    if matches!(target.wire, Wire::Anthropic | Wire::Gemini) {
        let mut lost = Vec::new();
        Sent::of(exchange, target, &mut lost);
        exchange.warnings.append(&mut lost);
    }
    if target.wire != Wire::Gemini {
        exchange.leave_out_shown();
    }
    let write = match target.wire {
        Wire::Anthropic => anthropic::write_request,
        Wire::Chat => openai::write_request,
        Wire::Responses => responses::write_request,
        Wire::Gemini => gemini::write_request,
    };
    write(exchange, target, stream, room, back)
}
