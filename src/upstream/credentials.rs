//! `env("X")` becomes a value, here and nowhere else.

use secrecy::SecretString;

/// A variable that has no usable value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// not set
    #[error("the environment variable `{0}` is not set")]
    Unset(String),
    /// set, but to nothing
    #[error("the environment variable `{0}` is empty")]
    Blank(String),
    /// not text, or text that no header can hold
    #[error("the environment variable `{0}` holds characters that no key has")]
    NotAKey(String),
}

/// Whether an environment variable has a value that is more than blanks.
#[must_use]
pub fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.as_encoded_bytes().trim_ascii().is_empty())
}

/// The value of an environment variable that holds a key, without blanks around it.
///
/// # Errors
/// When it is not set, blank, or not plain ASCII.
pub fn read(name: &str) -> Result<SecretString, CredentialError> {
    let value = std::env::var_os(name).ok_or_else(|| CredentialError::Unset(name.to_owned()))?;
    let text = value.into_string().map_err(|_| CredentialError::NotAKey(name.to_owned()))?;
    let text = text.trim();
    if text.is_empty() {
        return Err(CredentialError::Blank(name.to_owned()));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(CredentialError::NotAKey(name.to_owned()));
    }
    Ok(SecretString::from(text))
}
