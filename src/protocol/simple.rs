//! `/chat`: one message in, one text out.

use super::exchange::{Exchange, Part, Parts, Speaker};
use super::json::{Raw, Text};
use super::request::Request;

/// The one message and what may stand beside it. `session_id` and `metadata` are for the policy.
pub(crate) fn read_request(request: &Request) -> Exchange<'_> {
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
    exchange
}
