//! Writing a request of Gemini.

use super::super::encode::{Back, EncodeError, Target};
use super::super::exchange::Exchange;

pub(crate) fn write_request(
    _exchange: &mut Exchange<'_>,
    _target: &Target<'_>,
    _stream: bool,
    _room: usize,
    _back: &mut Back,
) -> Result<Vec<u8>, EncodeError> {
    Err(EncodeError::unsupported("its wire format is not written yet"))
}
