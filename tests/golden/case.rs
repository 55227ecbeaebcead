//! A case: a file, and what it asks for.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ccr_policy::dsl::policy::Capability;
use ccr_policy::facts::given::GivenFacts;
use ccr_policy::protocol::{BadRequest, EncodeError, Outgoing, Protocol, Request, Target, Wire};
use serde_json::Value;

pub(crate) const PROTOCOLS: [(&str, Protocol); 5] = [
    ("anthropic", Protocol::Anthropic),
    ("chat", Protocol::Chat),
    ("responses", Protocol::Responses),
    ("gemini", Protocol::Gemini),
    ("simple", Protocol::Simple),
];

pub(crate) const WIRES: [(&str, Wire); 4] =
    [("anthropic", Wire::Anthropic), ("chat", Wire::Chat), ("responses", Wire::Responses), ("gemini", Wire::Gemini)];

pub(crate) fn protocol(name: &str) -> Protocol {
    PROTOCOLS.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no protocol is called {name}")).1
}

pub(crate) fn wire(name: &str) -> Wire {
    WIRES.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no wire is called {name}")).1
}

/// A model that can do everything.
pub(crate) fn target(wire: Wire) -> Target<'static> {
    Target {
        wire,
        model: "up",
        context: None,
        output_limit: None,
        can: &Capability::ALL,
        stream: true,
        transforms: &[],
    }
}

/// Writes a request; nothing is known about who sends it.
pub(crate) fn encode(request: &Request, target: &Target<'_>) -> Result<Outgoing, EncodeError> {
    ccr_policy::protocol::encode(request, target, &GivenFacts::default())
}

/// Whether golden files are to be written.
pub(crate) fn updates() -> bool {
    std::env::var_os("CCR_UPDATE").is_some()
}

/// A file of a row's directory.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) path: PathBuf,
    /// `<protocol>[.<variant>]`
    pub(crate) name: String,
    /// who says it: the client's protocol of a request, the upstream's wire of an answer or stream
    pub(crate) from: &'static str,
    /// what it says
    pub(crate) bytes: Bytes,
    file: Value,
    pub(crate) want: Value,
    can: Vec<Capability>,
}

impl Case {
    fn read(path: &Path, name: &str) -> Self {
        let from = name.split('.').next().unwrap();
        let from = PROTOCOLS.iter().find(|(known, _)| *known == from);
        let from = from.unwrap_or_else(|| panic!("{}: its name must begin with a protocol", path.display())).0;
        let text = fs::read_to_string(path).unwrap();
        let is_stream = path.extension().is_some_and(|ending| ending == "sse");
        let file: Value = if is_stream {
            let beside = path.with_file_name(format!("{name}.want.json"));
            serde_json::from_str(&fs::read_to_string(&beside).unwrap_or_else(|_| "{}".to_owned())).unwrap()
        } else {
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        const MEMBERS: &[&str] = &["about", "body", "text", "want", "model", "can", "limit", "streams", "stream"];
        for member in file.as_object().unwrap().keys() {
            assert!(MEMBERS.contains(&member.as_str()), "{}: no case has a `{member}`", path.display());
        }
        let bytes = match (&file["body"], file["text"].as_str()) {
            _ if is_stream => text.clone(),
            (Value::Null, Some(text)) => text.to_owned(),
            (body, None) if body.is_object() => body.to_string(),
            _ => panic!("{}: a `body` or a `text` is required", path.display()),
        };
        let can = match &file["can"] {
            Value::Null => Capability::ALL.to_vec(),
            list => list.as_array().unwrap().iter().map(|word| capability(word.as_str().unwrap())).collect(),
        };
        let want = file["want"].clone();
        assert!(want.is_object(), "{}: it has no `want`", path.display());
        Self { path: path.to_owned(), name: name.to_owned(), from, bytes: Bytes::from(bytes), file, want, can }
    }

    /// The client's request. Gemini's model and method stand in the path.
    pub(crate) fn request(&self) -> Result<Request, BadRequest> {
        let path = match (self.from, self.file["stream"].as_bool()) {
            ("gemini", Some(true)) => "/v1beta/models/m:streamGenerateContent",
            ("gemini", _) => "/v1beta/models/m:generateContent",
            _ => "",
        };
        Request::parse_at(self::protocol(self.from), path, self.bytes.clone())
    }

    pub(crate) fn target(&self, wire: Wire) -> Target<'_> {
        Target {
            model: self.file["model"].as_str().unwrap_or("up"),
            output_limit: Some(self.file["limit"].as_u64().unwrap_or(8_000)),
            can: &self.can,
            stream: self.file["streams"].as_bool().unwrap_or(true),
            ..target(wire)
        }
    }

    /// What is wanted of this target: the members for all of them, and its own.
    pub(crate) fn want_of(&self, to: &str) -> Value {
        let mut want = self.want.clone();
        let own = want[format!("to {to}")].take();
        let members = want.as_object_mut().unwrap();
        members.retain(|name, _| !name.starts_with("to "));
        if let Value::Object(own) = own {
            members.extend(own);
        }
        want
    }

    /// Whether the case says something for this target alone.
    pub(crate) fn names(&self, to: &str) -> bool {
        self.want.get(format!("to {to}")).is_some()
    }

    /// Where the golden file of a target stands.
    pub(crate) fn golden(&self, to: &str) -> PathBuf {
        let ending = self.path.extension().unwrap().to_str().unwrap();
        self.path.with_file_name(format!("{}.to-{to}.{ending}", self.name))
    }
}

fn capability(word: &str) -> Capability {
    let found = Capability::ALL.into_iter().find(|capability| capability.name() == word);
    found.unwrap_or_else(|| panic!("no capability is called {word}"))
}

/// The directory of all cases.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .map(|entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

/// The cases of a directory, in order.
pub(crate) fn cases(dir: &Path) -> Vec<Case> {
    let is_case = |name: &String| !name.contains(".to-") && !name.ends_with(".want.json");
    let files = names(dir).into_iter().filter(is_case);
    files
        .map(|file| {
            let name = file.strip_suffix(".json").or_else(|| file.strip_suffix(".sse"));
            Case::read(&dir.join(&file), name.unwrap_or_else(|| panic!("{file}: a case ends in .json or .sse")))
        })
        .collect()
}

/// The golden files of a directory.
pub(crate) fn goldens(dir: &Path) -> Vec<PathBuf> {
    names(dir).into_iter().filter(|name| name.contains(".to-")).map(|name| dir.join(name)).collect()
}

/// The rows that have a directory of this kind.
pub(crate) fn directories(kind: &str) -> Vec<String> {
    names(&root().join(kind))
}
