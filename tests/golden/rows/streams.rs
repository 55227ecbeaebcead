//! Section 4: streams. Cases are the upstream's bytes; each is relayed whole and byte by byte.

use crate::row::{any, rows};

rows! {
    stream_text: 4, Stream, "text, thinking and a tool call, one after another, in one clean stream", any;
}
