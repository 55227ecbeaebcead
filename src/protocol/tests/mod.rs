//! Tests of the room as a whole; those of one part stand beside it.

mod answers;
mod facts;
mod requests;
mod streams;

use bytes::Bytes;

use super::*;

pub(super) fn request(protocol: Protocol, body: &str) -> Request {
    Request::parse(protocol, Bytes::copy_from_slice(body.as_bytes())).unwrap()
}
