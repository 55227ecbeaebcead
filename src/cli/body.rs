//! A request's body from a file, for the commands that look at one without sending it.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::ValueEnum;
use http::HeaderMap;

use crate::bounds::MAX_BODY_BYTES;
use crate::protocol::{BadRequest, Protocol, Request, guess, guess_embeddings};

/// The protocols as the command line names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Spoken {
    /// Anthropic Messages
    Anthropic,
    /// OpenAI Chat Completions
    Chat,
    /// OpenAI Responses
    Responses,
    /// Gemini's `generateContent`
    Gemini,
    /// this program's own `POST /chat`
    Simple,
    /// OpenAI's `POST /v1/embeddings`
    Embeddings,
}

impl Spoken {
    /// The protocol of a conversation; None: there is none, embeddings are asked for.
    pub(super) fn protocol(self) -> Option<Protocol> {
        Some(match self {
            Self::Anthropic => Protocol::Anthropic,
            Self::Chat => Protocol::Chat,
            Self::Responses => Protocol::Responses,
            Self::Gemini => Protocol::Gemini,
            Self::Simple => Protocol::Simple,
            Self::Embeddings => return None,
        })
    }
}

/// Why a file is not a request.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("`{}` is larger than {MAX_BODY_BYTES} bytes, the most that a request may have", path.display())]
    TooLarge { path: PathBuf },
    #[error("`{}` is not a request: {source}", path.display())]
    NotARequest { path: PathBuf, source: BadRequest },
}

/// Reads the request at `path` (`-` is stdin); its protocol is guessed where nobody says it.
pub(super) fn request(path: &Path, protocol: Option<Spoken>, headers: &HeaderMap) -> Result<Request, BodyError> {
    parse(path, read(path)?, protocol, headers)
}

/// The same for a body that was read already.
pub(super) fn parse(
    path: &Path,
    body: Bytes,
    protocol: Option<Spoken>,
    headers: &HeaderMap,
) -> Result<Request, BodyError> {
    let protocol = match protocol {
        Some(spoken) => spoken.protocol(),
        None => (!guess_embeddings(&body)).then(|| guess(headers, &body)),
    };
    let parsed = match protocol {
        Some(protocol) => Request::parse(protocol, body),
        None => Request::parse_embeddings(body),
    };
    parsed.map_err(|source| BodyError::NotARequest { path: path.to_owned(), source })
}

/// The bytes at `path` (`-` is stdin), within bounds.
pub(super) fn read(path: &Path) -> Result<Bytes, BodyError> {
    let unreadable = |source| BodyError::Unreadable { path: path.to_owned(), source };
    let mut body = Vec::new();
    let limit = u64::try_from(MAX_BODY_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    if path.as_os_str() == "-" {
        std::io::stdin().take(limit).read_to_end(&mut body).map_err(unreadable)?;
    } else {
        fs::File::open(path).map_err(unreadable)?.take(limit).read_to_end(&mut body).map_err(unreadable)?;
    }
    if body.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLarge { path: path.to_owned() });
    }
    Ok(Bytes::from(body))
}
