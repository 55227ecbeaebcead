//! The providers: their clients, credentials, sending, failures, cool-downs.
//!
//! Only this room opens sockets to providers, and only here does `env("X")` become a value.
//! It does not know what an answer means: bytes go out, a status, headers and bytes come back.
//! It never retries, and it never forwards a client's credentials.

mod clients;
mod cooling;
mod credentials;
mod failure;
mod gemini;
mod headers;
mod mask;
mod send;
mod shown;

pub use clients::{ClientError, Clients, Endpoint, EndpointState, Lane, LastFailure};
pub use cooling::ModelLink;
pub use credentials::{CredentialError, is_set, read as read_credential};
pub use failure::{Failure, FailureKind, Verdict, retry_after};
pub use headers::{request_headers, response_headers};
pub use send::{Incoming, Operation, Prepared};
pub use shown::{Shown, shown};
