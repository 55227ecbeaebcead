//! The answers of a stream beside its first one: only a client of the same protocol gets them.

use super::event::StreamError;

/// Most answers of one request.
const MAX_ANSWERS: usize = 128;

/// Which of the other answers have begun, and which of them have ended.
#[derive(Debug, Default)]
pub(crate) struct Others(Vec<(u64, bool)>);

impl Others {
    /// Something came of the answer with this number; `ended`: also why it ended.
    ///
    /// # Errors
    /// When there are too many.
    pub(crate) fn see(&mut self, number: u64, ended: bool) -> Result<(), StreamError> {
        let count = self.0.len();
        match self.0.iter_mut().find(|(known, _)| *known == number) {
            Some((_, known)) => *known |= ended,
            None if count >= MAX_ANSWERS => {
                return Err(StreamError::Malformed(format!("more than {MAX_ANSWERS} answers")));
            }
            None => self.0.push((number, ended)),
        }
        Ok(())
    }

    /// Whether one of them has begun and has not ended.
    pub(crate) fn unfinished(&self) -> bool {
        self.0.iter().any(|(_, ended)| !ended)
    }
}
