//! What `check` prints about codes and about the cache, instead of looking at a policy.

use std::path::PathBuf;
use std::process::ExitCode;

use http::HeaderMap;

use super::super::body::{self, Spoken};
use super::super::{complain, say};
use crate::cache::KEY_PARTS;
use crate::diag::codes::REGISTRY;
use crate::diag::pages;
use crate::protocol::{LEFT_OUT, canonical_key};

/// Prints the page of a code.
pub(super) fn explain(code: &str) -> ExitCode {
    let Some(page) = pages::page(code) else {
        say(&format!("there is no code `{code}`; the codes are:\n"));
        for entry in REGISTRY {
            say(&format!("  {}  {}", entry.code.as_str(), entry.title));
        }
        return ExitCode::from(2);
    };
    say(page.trim_end());
    ExitCode::SUCCESS
}

/// Prints what the cache compares.
pub(super) fn explain_cache(path: Option<&PathBuf>, protocol: Option<Spoken>) -> ExitCode {
    let request = match path.map(|path| body::request(path, protocol, &HeaderMap::new())).transpose() {
        Ok(request) => request,
        Err(error) => {
            complain(&error);
            return ExitCode::from(2);
        }
    };
    say("an answer is used again when all of these are equal:");
    for part in KEY_PARTS {
        say(&format!("  {part}"));
    }
    say("\nof the body these do not count:");
    let width = LEFT_OUT.iter().map(|(member, _)| member.len()).max().unwrap_or(0);
    for (member, reason) in LEFT_OUT {
        say(&format!("  {member:width$}  {reason}"));
    }
    say("\nnever stored: errors, refusals, streams that broke off, answers over `max_answer`");
    if let Some(request) = request {
        say("\nthe part of the key that this body makes:");
        say(&String::from_utf8_lossy(&canonical_key(&request)));
    }
    ExitCode::SUCCESS
}
