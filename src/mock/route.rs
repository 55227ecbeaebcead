//! Which provider, wire and endpoint a path means.

use std::borrow::Cow;

/// The wire formats that the mock speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Anthropic,
    Chat,
    Responses,
    Gemini,
}

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Messages,
    CountTokens,
    Completions,
    Embeddings,
    Responses,
    /// `/responses/input_tokens`
    CountInput,
    Generate,
    StreamGenerate,
    /// `:countTokens`
    CountContents,
    Models,
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Road<'p> {
    /// the provider's name
    pub name: &'p str,
    pub endpoint: Endpoint,
    /// Gemini's model stands in the path; empty elsewhere
    pub model: String,
    /// the path has Gemini's version
    v1beta: bool,
}

impl Road<'_> {
    /// The wire that the endpoint belongs to. Lists of models are told apart by the request.
    pub(super) fn wire(&self, anthropic_version: bool) -> Wire {
        match self.endpoint {
            Endpoint::Messages | Endpoint::CountTokens => Wire::Anthropic,
            Endpoint::Completions | Endpoint::Embeddings => Wire::Chat,
            Endpoint::Responses | Endpoint::CountInput => Wire::Responses,
            Endpoint::Generate | Endpoint::StreamGenerate | Endpoint::CountContents => Wire::Gemini,
            Endpoint::Models if self.v1beta => Wire::Gemini,
            Endpoint::Models if anthropic_version => Wire::Anthropic,
            Endpoint::Models => Wire::Chat,
        }
    }
}

/// Where a path leads, with or without a provider's name and a version in front.
pub(super) fn route(path: &str) -> Option<Road<'_>> {
    let (front, endpoint, model) = gemini(path).or_else(|| {
        let endpoints = [
            ("/messages/count_tokens", Endpoint::CountTokens),
            ("/messages", Endpoint::Messages),
            ("/chat/completions", Endpoint::Completions),
            ("/embeddings", Endpoint::Embeddings),
            ("/responses/input_tokens", Endpoint::CountInput),
            ("/responses", Endpoint::Responses),
            ("/models", Endpoint::Models),
        ];
        endpoints.into_iter().find_map(|(suffix, endpoint)| Some((path.strip_suffix(suffix)?, endpoint, String::new())))
    })?;
    let v1beta = front.ends_with("/v1beta");
    let front = front.strip_suffix("/v1beta").or_else(|| front.strip_suffix("/v1")).unwrap_or(front);
    Some(Road { name: front.strip_prefix('/').unwrap_or(front), endpoint, model, v1beta })
}

/// `/models/NAME:VERB`.
fn gemini(path: &str) -> Option<(&str, Endpoint, String)> {
    let (front, rest) = path.split_once("/models/")?;
    let (model, verb) = rest.rsplit_once(':')?;
    let endpoint = match verb {
        "generateContent" => Endpoint::Generate,
        "streamGenerateContent" => Endpoint::StreamGenerate,
        "countTokens" => Endpoint::CountContents,
        _ => return None,
    };
    Some((front, endpoint, decoded(model).into_owned()))
}

/// A model's name without the signs that a path needs.
fn decoded(name: &str) -> Cow<'_, str> {
    if !name.contains('%') {
        return Cow::Borrowed(name);
    }
    // A plus is a plus in a path, and begins a knob.
    let name = name.replace('+', "%2B");
    let pair = format!("m={name}");
    let decoded = url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, name)| name.into_owned());
    Cow::Owned(decoded.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Option<(&str, Endpoint, &str)>) {
        let found = route(path);
        assert_eq!(found.as_ref().map(|road| (road.name, road.endpoint, road.model.as_str())), expected, "{path}");
    }

    #[test]
    fn finds_provider_endpoint_and_model() {
        check("/v1/messages", Some(("", Endpoint::Messages, "")));
        check("/messages", Some(("", Endpoint::Messages, "")));
        check("/fake/v1/messages", Some(("fake", Endpoint::Messages, "")));
        check("/fake/v1/messages/count_tokens", Some(("fake", Endpoint::CountTokens, "")));
        check("/fake/chat/completions", Some(("fake", Endpoint::Completions, "")));
        check("/v1/embeddings", Some(("", Endpoint::Embeddings, "")));
        check("/fake/v1/responses", Some(("fake", Endpoint::Responses, "")));
        check("/v1/responses/input_tokens", Some(("", Endpoint::CountInput, "")));
        check("/v1/models", Some(("", Endpoint::Models, "")));
        check("/fake/v1beta/models/m:generateContent", Some(("fake", Endpoint::Generate, "m")));
        check("/models/m+cut=5:streamGenerateContent", Some(("", Endpoint::StreamGenerate, "m+cut=5")));
        check("/models/m%2Bcut%3D5:countTokens", Some(("", Endpoint::CountContents, "m+cut=5")));
        check("/models/m:embedContent", None);
        check("/v1/other", None);
        check("/", None);
    }

    #[test]
    fn lists_of_models_are_told_apart() {
        assert_eq!(route("/v1beta/models").unwrap().wire(false), Wire::Gemini);
        assert_eq!(route("/v1/models").unwrap().wire(true), Wire::Anthropic);
        assert_eq!(route("/v1/models").unwrap().wire(false), Wire::Chat);
    }
}
