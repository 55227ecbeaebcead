//! What a request to a provider would look like, without its secrets: nothing is read from the
//! environment, and no connection is made.

use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::gemini::{ModelUrls, versioned};
use super::headers::request_headers;
use super::send::Operation;
use crate::diag::secret::is_secret_name;
use crate::dsl::policy::{Provider, ProviderKind};

/// Shown for a value of a header that is named like a secret.
const WRITTEN_SECRET: &str = "*  (written in the policy)";

/// The address and the headers of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// where to, in full
    pub url: String,
    /// name and value, in order; a key is `*`, with the variable that holds it
    pub headers: Vec<(String, String)>,
}

/// The request as [`super::Endpoint::send`] would make it. `model` is the name
/// that the provider knows, `client` what the client sent, `added`
/// what the model's transforms add.
#[must_use]
pub fn shown(
    provider: &Provider,
    model: &str,
    operation: Operation,
    stream: bool,
    client: &HeaderMap,
    added: &HeaderMap,
) -> Shown {
    let mut all = request_headers(operation, stream, client);
    all.extend(added.iter().map(|(name, value)| (name.clone(), value.clone())));
    let text = |name: &HeaderName, value: &HeaderValue| match added.contains_key(name) && is_secret_name(name.as_str())
    {
        true => WRITTEN_SECRET.to_owned(),
        false => String::from_utf8_lossy(value.as_bytes()).into_owned(),
    };
    let mut headers: Vec<(String, String)> =
        all.iter().map(|(name, value)| (name.to_string(), text(name, value))).collect();
    let mut set = |name: &str, value: String| {
        headers.retain(|(other, _)| other != name);
        headers.push((name.to_owned(), value));
    };
    if let Some(variable) = &provider.key {
        match operation {
            Operation::Messages | Operation::CountTokens => set("x-api-key", format!("*  ({variable})")),
            Operation::ChatCompletions | Operation::Responses | Operation::Embeddings => {
                set("authorization", format!("Bearer *  ({variable})"))
            }
            Operation::GenerateContent | Operation::StreamGenerateContent | Operation::CountContents => {
                set("x-goog-api-key", format!("*  ({variable})"))
            }
        }
    }
    for (name, value) in &provider.headers {
        let name = name.to_ascii_lowercase();
        let value = if is_secret_name(&name) { WRITTEN_SECRET.to_owned() } else { value.clone() };
        set(&name, value);
    }
    let base = match (&provider.base, provider.kind) {
        (_, ProviderKind::Mock) => "http://built-in.invalid",
        (base, _) => base.as_deref().unwrap_or_default(),
    };
    let url = address(provider.kind, base, operation);
    let named = || ModelUrls::of(&Url::parse(&url).ok()?, model).map(|urls| urls.of_operation(operation).to_string());
    let is_gemini =
        matches!(operation, Operation::GenerateContent | Operation::StreamGenerateContent | Operation::CountContents);
    let named = if is_gemini { named() } else { None };
    Shown { url: named.unwrap_or(url), headers }
}

/// The address of an operation behind a provider's base.
pub(super) fn address(kind: ProviderKind, base: &str, operation: Operation) -> String {
    let base = base.trim_end_matches('/');
    let anthropic = if base.ends_with("/v1") { base.to_owned() } else { format!("{base}/v1") };
    match operation {
        Operation::Messages => format!("{anthropic}/messages"),
        Operation::CountTokens => format!("{anthropic}/messages/count_tokens"),
        // The built-in upstream has everything in one place.
        Operation::ChatCompletions if kind == ProviderKind::Mock => format!("{anthropic}/chat/completions"),
        Operation::ChatCompletions => format!("{base}/chat/completions"),
        Operation::Responses if kind == ProviderKind::Mock => format!("{anthropic}/responses"),
        Operation::Responses => format!("{base}/responses"),
        Operation::Embeddings if kind == ProviderKind::Mock => format!("{anthropic}/embeddings"),
        Operation::Embeddings => format!("{base}/embeddings"),
        // The model's name is put behind it (`gemini`).
        Operation::GenerateContent | Operation::StreamGenerateContent | Operation::CountContents => {
            versioned(kind, base)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Span;
    use crate::dsl::policy::MockKnobs;

    fn provider(kind: ProviderKind, base: &str) -> Provider {
        Provider {
            name: "p".to_owned(),
            kind,
            base: Some(base.to_owned()),
            key: Some("P_KEY".to_owned()),
            region: None,
            headers: vec![("X-Team".to_owned(), "red".to_owned()), ("X-Token".to_owned(), "geheim".to_owned())],
            mock: MockKnobs::default(),
            span: Span::default(),
        }
    }

    #[test]
    fn keys_are_stars_and_name_their_variable() {
        let mut client = HeaderMap::new();
        client.insert(HeaderName::from_static("authorization"), HeaderValue::from_static("Bearer theirs"));
        let check = |operation, header: &str, value: &str| {
            let shown = shown(
                &provider(ProviderKind::Anthropic, "https://a.test"),
                "m",
                operation,
                true,
                &client,
                &HeaderMap::new(),
            );
            let found =
                |name: &str| shown.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
            assert_eq!((found(header), found("x-team")), (Some(value), Some("red")), "{shown:?}");
            assert_eq!(found("accept"), Some("text/event-stream"));
            assert!(!format!("{shown:?}").contains("geheim") && !format!("{shown:?}").contains("theirs"), "{shown:?}");
        };
        check(Operation::Messages, "x-api-key", "*  (P_KEY)");
        check(Operation::ChatCompletions, "authorization", "Bearer *  (P_KEY)");
    }

    #[test]
    fn secrets_that_transforms_add_are_stars() {
        let mut added = HeaderMap::new();
        added.insert("x-auth-token", HeaderValue::from_static("hidden"));
        added.insert("x-title", HeaderValue::from_static("ccr"));
        let provider = provider(ProviderKind::OpenAi, "https://o.test");
        let shown = shown(&provider, "m", Operation::ChatCompletions, false, &HeaderMap::new(), &added);
        let has = |name: &str, value: &str| shown.headers.contains(&(name.to_owned(), value.to_owned()));
        assert!(has("x-auth-token", WRITTEN_SECRET) && has("x-title", "ccr"), "{shown:?}");
    }

    #[test]
    fn addresses_are_put_behind_the_base() {
        let check = |kind, base: &str, operation, expected: &str| assert_eq!(address(kind, base, operation), expected);
        let (openai, anthropic, mock) = (ProviderKind::OpenAi, ProviderKind::Anthropic, ProviderKind::Mock);
        check(openai, "https://o.test/v1/", Operation::ChatCompletions, "https://o.test/v1/chat/completions");
        check(anthropic, "https://a.test", Operation::Messages, "https://a.test/v1/messages");
        check(anthropic, "https://a.test/v1", Operation::CountTokens, "https://a.test/v1/messages/count_tokens");
        check(mock, "http://m.test", Operation::ChatCompletions, "http://m.test/v1/chat/completions");
    }
}
