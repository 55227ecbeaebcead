//! Where a model of Gemini's is asked: its name and the method are part of the address. It is put
//! together once a model, not once a request.

use url::Url;

use super::send::Operation;
use crate::dsl::policy::ProviderKind;

/// What stands before a model's name when the policy does not say it.
const MODELS: &str = "models";
/// Another collection that a name may begin with.
const TUNED: &str = "tunedModels";

/// The base with Google's version behind it, where it has no path of its own.
pub(super) fn versioned(kind: ProviderKind, base: &str) -> String {
    let bare = Url::parse(base).is_ok_and(|url| url.path().trim_matches('/').is_empty());
    if bare || kind == ProviderKind::Mock { format!("{base}/v1beta") } else { base.to_owned() }
}

/// A model's addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ModelUrls {
    whole: Url,
    stream: Url,
    count: Url,
}

impl ModelUrls {
    /// Behind a base with its version; None when nothing can be put behind it.
    pub(super) fn of(base: &Url, model: &str) -> Option<Self> {
        let whole = place(base, model, "generateContent")?;
        let mut stream = place(base, model, "streamGenerateContent")?;
        stream.set_query(Some("alt=sse"));
        Some(Self { whole, stream, count: place(base, model, "countTokens")? })
    }

    /// The one for an operation.
    pub(super) fn of_operation(&self, operation: Operation) -> &Url {
        match operation {
            Operation::StreamGenerateContent => &self.stream,
            Operation::CountContents => &self.count,
            _ => &self.whole,
        }
    }
}

fn place(base: &Url, model: &str, method: &str) -> Option<Url> {
    let known = [MODELS, TUNED]
        .into_iter()
        .find_map(|collection| Some((collection, model.strip_prefix(collection)?.strip_prefix('/')?)));
    let (collection, name) = known.unwrap_or((MODELS, model));
    let mut url = base.clone();
    url.path_segments_mut().ok()?.pop_if_empty().push(collection).push(&format!("{name}:{method}"));
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_names_the_model_and_the_method() {
        let check = |base: &str, model: &str, expected: &str| {
            let base = Url::parse(&versioned(ProviderKind::Gemini, base)).unwrap();
            let urls = ModelUrls::of(&base, model).unwrap();
            assert_eq!(urls.of_operation(Operation::GenerateContent).as_str(), format!("{expected}:generateContent"));
            let stream = urls.of_operation(Operation::StreamGenerateContent);
            assert_eq!(stream.as_str(), format!("{expected}:streamGenerateContent?alt=sse"));
            assert_eq!(urls.of_operation(Operation::CountContents).as_str(), format!("{expected}:countTokens"));
        };
        check("https://g.test/v1beta", "gemini-2.5-pro", "https://g.test/v1beta/models/gemini-2.5-pro");
        check("https://g.test", "models/a", "https://g.test/v1beta/models/a");
        check("https://g.test/v1/publishers/google", "a", "https://g.test/v1/publishers/google/models/a");
        check("https://g.test/v1beta", "tunedModels/mine", "https://g.test/v1beta/tunedModels/mine");
        check("https://g.test/v1beta", "a/b?c", "https://g.test/v1beta/models/a%2Fb%3Fc");
        assert_eq!(versioned(ProviderKind::Mock, "http://m.test/p"), "http://m.test/p/v1beta");
    }
}
