//! `/chat`: one message in, one text out.

use super::encode::warnings;
use super::exchange::{Exchange, Part, Parts, Speaker};
use super::json::{Raw, Text};
use super::request::Request;

/// Members that are carried over, or that are for the policy.
const KNOWN: &[&str] =
    &["message", "model", "system", "max_tokens", "temperature", "seed", "user_id", "session_id", "metadata"];

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
    for (name, _) in
        request.members().filter(|(name, value)| !value.is_null() && !KNOWN.iter().any(|known| name.is(known)))
    {
        exchange.warn(warnings::unknown_member(&name.decode()));
    }
    exchange
}
