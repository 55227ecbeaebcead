//! The knobs: how one fake provider, or one request, is to behave.

use std::time::Duration;

use http::HeaderMap;

use crate::dsl::policy::MockKnobs;

/// How the fake upstream behaves. The default answers at once and well.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Knobs {
    /// wait before the answer begins
    pub latency: Duration,
    /// share of requests that fail, 0.0 to 1.0
    pub fail: f64,
    /// the status of a failing request (500 when 0); with `fail` at 0 every request gets it
    pub status: u16,
    /// `retry-after` of a failing request, seconds
    pub retry_after_s: Option<u64>,
    /// never answer
    pub hang: bool,
    /// reset the connection instead of answering
    pub reset: bool,
    /// close the connection after this many content chunks; half-way through a whole answer
    pub cut: Option<u32>,
    /// say nothing more after this many content chunks, and keep the connection
    pub stall: Option<u32>,
    /// send an error event after this many content chunks, and end there
    pub break_after: Option<u32>,
    /// content chunks of a stream; a reply with fewer words is repeated until it has that many
    pub chunks: Option<u32>,
    /// wait between the chunks of a stream
    pub chunk_delay: Duration,
    /// what it says; by default it says which model was asked what
    pub reply: Option<String>,
    /// write every event that holds a character of several bytes in two pieces, cut inside it
    pub split_characters: bool,
    /// refuse to answer (`refusal`, `content_filter`)
    pub refuse: bool,
    /// do not read the request beyond `model` and `stream`: for benchmarks, where the fake
    /// upstream must cost next to nothing
    pub trusting: bool,
    /// keep the last requests for [`crate::mock::Mock::recorded`]
    pub record: bool,
}

impl From<&MockKnobs> for Knobs {
    fn from(policy: &MockKnobs) -> Self {
        Self {
            latency: policy.latency,
            fail: policy.fail,
            status: policy.status,
            hang: policy.hang,
            cut: policy.cut,
            chunks: policy.chunks,
            chunk_delay: policy.chunk_delay,
            reply: policy.reply.clone(),
            ..Self::default()
        }
    }
}

/// A knob of one request that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot read the mock knob `{name}={value}`; knobs are latency=20ms, fail=5%, status=503, retry_after=7, hang, \
     reset, cut=5, stall=5, break=5, chunks=20, chunk_delay=10ms, reply=TEXT, split, refuse, trusting"
)]
pub struct KnobError {
    name: String,
    value: String,
}

impl Knobs {
    /// Whether this content chunk, counted from 0, is the first that is not sent any more.
    pub(super) fn last_chunk(&self) -> Option<u32> {
        self.cut.or(self.stall).or(self.break_after)
    }

    /// Sets one knob by its name.
    ///
    /// # Errors
    /// When there is no such knob, or the value is none of its kind.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), KnobError> {
        self.try_set(name, value).ok_or_else(|| KnobError { name: name.to_owned(), value: value.to_owned() })
    }

    fn try_set(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "latency" => self.latency = duration(value)?,
            "fail" => self.fail = share(value)?,
            "status" => self.status = value.parse().ok().filter(|status| (400..600).contains(status))?,
            "retry_after" => self.retry_after_s = Some(value.parse().ok()?),
            "hang" => self.hang = flag(value)?,
            "reset" => self.reset = flag(value)?,
            "cut" => self.cut = Some(value.parse().ok()?),
            "stall" => self.stall = Some(value.parse().ok()?),
            "break" => self.break_after = Some(value.parse().ok()?),
            "chunks" => self.chunks = Some(value.parse().ok().filter(|count| (1..=100_000).contains(count))?),
            "chunk_delay" => self.chunk_delay = duration(value)?,
            "reply" => self.reply = Some(value.to_owned()),
            "split" => self.split_characters = flag(value)?,
            "refuse" => self.refuse = flag(value)?,
            "trusting" => self.trusting = flag(value)?,
            _ => return None,
        }
        Some(())
    }

    /// Sets what the request's `x-mock-*` headers say (`x-mock-chunk-delay: 10ms`).
    ///
    /// # Errors
    /// The first header that cannot be read.
    pub(super) fn set_by_headers(&mut self, headers: &HeaderMap) -> Result<(), KnobError> {
        for (name, value) in headers {
            if let Some(knob) = name.as_str().strip_prefix("x-mock-") {
                self.set(&knob.replace('-', "_"), value.to_str().unwrap_or_default())?;
            }
        }
        Ok(())
    }

    /// Sets what stands behind the model's name (`small+cut=5+latency=20ms`).
    ///
    /// # Errors
    /// The first knob that cannot be read.
    pub(super) fn set_by_model(&mut self, model: &str) -> Result<(), KnobError> {
        for knob in model.split('+').skip(1) {
            let (name, value) = knob.split_once('=').unwrap_or((knob, "true"));
            self.set(name, value)?;
        }
        Ok(())
    }
}

fn flag(value: &str) -> Option<bool> {
    match value {
        "" | "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

/// Reads `5%`; a bare number could mean a share or a percentage.
fn share(value: &str) -> Option<f64> {
    let percent: f64 = value.strip_suffix('%')?.parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

/// Reads `20ms`, `1.5s`, `2m`. As in a policy, a number needs its unit.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let unit_at = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(unit_at)?;
    let factor = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * factor).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_name_carries_knobs() {
        let mut knobs = Knobs::default();
        knobs.set_by_model("small+cut=5+latency=1.5s+hang+fail=5%").unwrap();
        assert_eq!(
            knobs,
            Knobs { cut: Some(5), fail: 0.05, latency: Duration::from_millis(1500), hang: true, ..Knobs::default() }
        );
    }

    #[test]
    fn headers_carry_knobs() {
        let mut headers = HeaderMap::new();
        headers.insert("x-mock-chunk-delay", "7ms".parse().unwrap());
        headers.insert("x-other", "7".parse().unwrap());
        let mut knobs = Knobs::default();
        knobs.set_by_headers(&headers).unwrap();
        assert_eq!(knobs, Knobs { chunk_delay: Duration::from_millis(7), ..Knobs::default() });
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for knobs in [
            "m+speed=3",
            "m+status=200",
            "m+fail=0.2",
            "m+fail=101%",
            "m+latency=20",
            "m+latency=3h",
            "m+hang=maybe",
            "m+chunks=0",
        ] {
            assert!(Knobs::default().set_by_model(knobs).is_err(), "{knobs}");
        }
    }
}
