//! `/chat`: one message in, one text out.

use super::exchange::{Exchange, Part, Parts, Speaker};
use super::json::{Raw, Text};
use super::request::{BadRequest, Request};
use super::strict::{Form, Members, check_members};

/// Members that are carried over, or that are for the policy.
const KNOWN: &Members = &[
    ("message", Form::Any),
    ("model", Form::Any),
    ("system", Form::Text),
    ("max_tokens", Form::Any),
    ("temperature", Form::Number),
    ("seed", Form::Number),
    ("user_id", Form::Text),
    ("session_id", Form::Text),
    ("metadata", Form::Object(&[])),
];

/// The one message and what may stand beside it. `session_id` and `metadata` are for the policy.
pub(crate) fn read_request(request: &Request) -> Result<Exchange<'_>, BadRequest> {
    let text = |name| request.field(name).and_then(Raw::text).filter(|text: &Text<'_>| !text.is_empty());
    let mut exchange = Exchange {
        system: text("system").map(Part::Text).into_iter().collect(),
        max_tokens: request.max_tokens(),
        temperature: request.field("temperature"),
        seed: request.field("seed"),
        user: request.user_id(),
        ..Exchange::default()
    };
    exchange.say(Speaker::User, text("message").map(Part::Text).into_iter().collect::<Parts<'_>>());
    check_members(request, &mut exchange, KNOWN, &[])?;
    Ok(exchange)
}
