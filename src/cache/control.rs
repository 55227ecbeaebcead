//! The client's `cache-control`.

use std::time::Duration;

use http::HeaderMap;
use http::header::{CACHE_CONTROL, PRAGMA};

/// What the client wants of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// false (`no-store`): the cache is left out of it altogether
    pub store: bool,
    /// the oldest answer that is good enough; zero (`no-cache`): only a new one. None: any
    pub max_age: Option<Duration>,
}

impl Control {
    /// Reads `cache-control`, and `pragma: no-cache` where there is none. Directives that it does
    /// not know change nothing.
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Self {
        let mut control = Self { store: true, max_age: None };
        if !headers.contains_key(CACHE_CONTROL) {
            let pragma = headers.get(PRAGMA).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"no-cache"));
            return if pragma { Self { max_age: Some(Duration::ZERO), ..control } } else { control };
        }
        let values = headers.get_all(CACHE_CONTROL).into_iter().filter_map(|value| value.to_str().ok());
        for directive in values.flat_map(|value| value.split(',')) {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" => control.store = false,
                "no-cache" => control.limit(Duration::ZERO),
                "max-age" => {
                    // An age that cannot be read: the client wants something fresh, RFC 9111 §4.2.1.
                    let seconds = value.trim().trim_matches('"').parse().unwrap_or(0);
                    control.limit(Duration::from_secs(seconds));
                }
                _ => {}
            }
        }
        control
    }

    fn limit(&mut self, age: Duration) {
        self.max_age = Some(self.max_age.map_or(age, |other| other.min(age)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &'static str, value: &str, store: bool, max_age_s: Option<u64>) {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        let expected = Control { store, max_age: max_age_s.map(Duration::from_secs) };
        assert_eq!(Control::read(&headers), expected, "{name}: {value}");
    }

    #[test]
    fn reads_directives() {
        check("accept", "x", true, None);
        check("cache-control", "no-cache", true, Some(0));
        check("cache-control", "no-store", false, None);
        check("cache-control", "No-Store , max-age=30", false, Some(30));
        check("cache-control", "max-age=30, no-cache", true, Some(0));
        check("cache-control", "max-age=soon", true, Some(0));
        check("cache-control", "private", true, None);
        check("pragma", "no-cache", true, Some(0));
    }
}
