//! A stream as the JSON array that a client gets who does not ask for server-sent events.

use bytes::Bytes;

use super::super::sse::{EventTooLarge, Frames, data};

/// Makes an array of a stream's events: their data are its elements, byte for byte. Whatever comes, it
/// is closed: an error that stands in the stream is its last element.
#[derive(Debug, Default)]
pub struct JsonArray {
    frames: Frames,
    begun: bool,
}

impl JsonArray {
    /// Takes the next bytes of the stream and appends those of the array.
    ///
    /// # Errors
    /// When an event is too large. The array can still be closed then.
    pub fn push(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), EventTooLarge> {
        self.frames.push(chunk);
        while let Some(event) = self.frames.next_event()? {
            self.element(&event, out);
        }
        Ok(())
    }

    fn element(&mut self, event: &Bytes, out: &mut Vec<Bytes>) {
        match data(event) {
            Some(data) => {
                out.push(Bytes::from_static(if self.begun { b",\n" } else { b"[" }));
                self.begun = true;
                out.push(match data {
                    std::borrow::Cow::Borrowed(data) => event.slice_ref(data),
                    std::borrow::Cow::Owned(data) => Bytes::from(data),
                });
            }
            // A sign of life: white space may stand between any two elements.
            None => out.push(Bytes::from_static(b"\n")),
        }
    }

    /// Closes the array behind an error, whatever of an event has come.
    pub fn fail(&mut self, error: Bytes, out: &mut Vec<Bytes>) {
        self.frames = Frames::default();
        out.push(Bytes::from_static(if self.begun { b",\n" } else { b"[" }));
        self.begun = true;
        out.push(error);
        self.finish(out);
    }

    /// Closes the array.
    pub fn finish(&mut self, out: &mut Vec<Bytes>) {
        let rest = self.frames.rest();
        if !rest.is_empty() {
            self.element(&rest, out);
        }
        out.push(Bytes::from_static(if self.begun { b"]\n" } else { b"[]\n" }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_becomes_an_array_however_it_is_cut() {
        let stream = "\n\ndata: {\"a\":1}\n\n\n\ndata: {\"b\":\r\ndata: 2}\r\n\r\ndata: {\"error\":{}}\n\n";
        for step in 1..stream.len() {
            let (mut array, mut out) = (JsonArray::default(), Vec::new());
            for chunk in stream.as_bytes().chunks(step) {
                array.push(Bytes::copy_from_slice(chunk), &mut out).unwrap();
            }
            array.finish(&mut out);
            let read: serde_json::Value = serde_json::from_slice(&out.concat()).unwrap();
            assert_eq!(read, serde_json::json!([{"a": 1}, {"b": 2}, {"error": {}}]), "{step}");
        }
        let (mut array, mut out) = (JsonArray::default(), Vec::new());
        array.push(Bytes::from_static(b"data: {\"a\":1}\n\ndata: {\"half"), &mut out).unwrap();
        array.fail(Bytes::from_static(b"{\"error\":{}}"), &mut out);
        assert_eq!(out.concat(), b"[{\"a\":1},\n{\"error\":{}}]\n");
        let mut out = Vec::new();
        JsonArray::default().finish(&mut out);
        assert_eq!(out.concat(), b"[]\n");
    }
}
