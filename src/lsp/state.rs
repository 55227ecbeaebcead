//! What is open, and what lies beside it on disk. An open text wins over the file.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tower_lsp_server::ls_types::{TextDocumentContentChangeEvent, Uri};

use super::diagnostics::Files;
use super::document::{Document, Encoding};
use super::index::Index;
use crate::diag::Diagnostic;

/// Which policy: the directory of its files, or one text on its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Home {
    /// all `*.policy` files of a directory
    Directory(PathBuf),
    /// a text that is no `*.policy` file: not saved yet, or named otherwise
    Alone(String),
}

/// An open text.
#[derive(Clone, Debug)]
struct Open {
    uri: Uri,
    home: Home,
    version: i32,
    document: Document,
}

/// What the last check of a policy found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// the texts that it read
    pub files: Files,
    /// everything
    pub findings: Vec<Diagnostic>,
    /// what only the thorough checks say
    pub slow: Vec<Diagnostic>,
}

type Said = (Vec<tower_lsp_server::ls_types::Diagnostic>, Option<i32>);

/// All that the server knows.
#[derive(Debug, Default)]
pub struct State {
    /// what columns count
    pub encoding: Encoding,
    open: HashMap<String, Open>,
    disk: HashMap<PathBuf, BTreeMap<PathBuf, Document>>,
    /// by policy: a number that every change raises
    changes: HashMap<Home, u64>,
    found: HashMap<Home, Found>,
    /// files whose findings are shown, by policy
    shown: HashMap<Home, Vec<Uri>>,
    /// what was published last, by file, with the version of the text
    said: HashMap<String, Said>,
    /// by policy: whoever holds it may prove
    turns: HashMap<Home, Arc<tokio::sync::Mutex<()>>>,
    /// whether the editor can be asked to watch files
    pub can_watch: bool,
}

/// The file behind an address.
#[must_use]
pub fn path_of(uri: &Uri) -> Option<PathBuf> {
    let file = uri.scheme().as_str() == "file";
    uri.to_file_path().filter(|_| file).map(std::borrow::Cow::into_owned)
}

/// The policy that a text belongs to.
#[must_use]
pub fn home_of(uri: &Uri) -> Home {
    let alone = || Home::Alone(uri.as_str().to_owned());
    let Some(path) = path_of(uri) else { return alone() };
    let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let policy = path.extension().is_some_and(|extension| extension == "policy");
    match path.parent() {
        Some(parent) if policy && !hidden => Home::Directory(parent.to_owned()),
        _ => alone(),
    }
}

impl State {
    /// Opens a text.
    pub fn open(&mut self, uri: Uri, version: i32, text: &str) -> Home {
        let home = home_of(&uri);
        let document = Document::new(text, self.encoding);
        self.open.insert(uri.as_str().to_owned(), Open { uri, home: home.clone(), version, document });
        self.touch(&home);
        home
    }

    /// Changes an open text; None when it is not open, or the change is older than what is known.
    pub fn change(&mut self, uri: &Uri, version: i32, changes: &[TextDocumentContentChangeEvent]) -> Option<Home> {
        let open = self.open.get_mut(uri.as_str()).filter(|open| open.version <= version)?;
        open.document.change(changes);
        open.version = version;
        let home = open.home.clone();
        self.touch(&home);
        Some(home)
    }

    /// Closes a text.
    pub fn close(&mut self, uri: &Uri) -> Option<Home> {
        let home = self.open.remove(uri.as_str())?.home;
        self.touch(&home);
        Some(home)
    }

    /// Takes the files of a directory as they lie on disk.
    pub fn set_disk(&mut self, directory: &Path, files: Vec<(PathBuf, String)>) {
        let encoding = self.encoding;
        let files = files.into_iter().map(|(path, text)| (path, Document::new(&text, encoding)));
        self.disk.insert(directory.to_owned(), files.collect());
        self.touch(&Home::Directory(directory.to_owned()));
    }

    /// Whether a directory has been read.
    #[must_use]
    pub fn has_disk(&self, directory: &Path) -> bool {
        self.disk.contains_key(directory)
    }

    /// Policies of which a text is open.
    #[must_use]
    pub fn homes(&self) -> Vec<Home> {
        let mut homes: Vec<Home> = self.open.values().map(|open| open.home.clone()).collect();
        homes.sort();
        homes.dedup();
        homes
    }

    fn touch(&mut self, home: &Home) {
        *self.changes.entry(home.clone()).or_default() += 1;
    }

    /// The number of the last change of a policy.
    #[must_use]
    pub fn change_number(&self, home: &Home) -> u64 {
        self.changes.get(home).copied().unwrap_or(0)
    }

    /// The version of an open text.
    #[must_use]
    pub fn version(&self, uri: &Uri) -> Option<i32> {
        self.open.get(uri.as_str()).map(|open| open.version)
    }

    /// The files of a policy as they stand, sorted by path.
    #[must_use]
    pub fn files(&self, home: &Home) -> Files {
        let mut files: BTreeMap<String, (Uri, Document)> = BTreeMap::new();
        if let Home::Directory(directory) = home {
            for (path, document) in self.disk.get(directory).into_iter().flatten() {
                if let Some(uri) = Uri::from_file_path(path) {
                    files.insert(path.display().to_string(), (uri, document.clone()));
                }
            }
        }
        for open in self.open.values().filter(|open| open.home == *home) {
            let key =
                path_of(&open.uri).map_or_else(|| open.uri.as_str().to_owned(), |path| path.display().to_string());
            files.insert(key, (open.uri.clone(), open.document.clone()));
        }
        files.into_values().collect()
    }

    /// An open text.
    #[must_use]
    pub fn document(&self, uri: &Uri) -> Option<Document> {
        self.open.get(uri.as_str()).map(|open| open.document.clone())
    }

    /// Keeps what a check found.
    pub fn set_found(&mut self, home: &Home, found: Found) {
        self.found.insert(home.clone(), found);
    }

    /// What the last check found.
    #[must_use]
    pub fn found(&self, home: &Home) -> Found {
        self.found.get(home).cloned().unwrap_or_default()
    }

    /// Notes whose findings are shown now; gives the files that are shown no longer.
    pub fn set_shown(&mut self, home: &Home, uris: Vec<Uri>) -> Vec<Uri> {
        let before = self.shown.insert(home.clone(), uris.clone()).unwrap_or_default();
        before.into_iter().filter(|uri| !uris.contains(uri)).collect()
    }

    /// Who may prove something about a policy: one at a time.
    pub fn turn(&mut self, home: &Home) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(self.turns.entry(home.clone()).or_default())
    }

    /// Whether this differs from what was published last of a file; notes it then.
    pub fn is_news(
        &mut self,
        uri: &Uri,
        list: &[tower_lsp_server::ls_types::Diagnostic],
        version: Option<i32>,
    ) -> bool {
        let news = self.said.get(uri.as_str()).is_none_or(|(said, of)| said != list || *of != version);
        if news {
            self.said.insert(uri.as_str().to_owned(), (list.to_vec(), version));
        }
        news
    }

    /// The next list of a file is published, whatever is in it.
    pub fn forget_said(&mut self, uri: &Uri) {
        self.said.remove(uri.as_str());
    }

    /// Forgets a policy of which nothing is open; gives the files whose findings were shown.
    pub fn forget(&mut self, home: &Home) -> Vec<Uri> {
        if self.open.values().any(|open| open.home == *home) {
            return Vec::new();
        }
        if let Home::Directory(directory) = home {
            self.disk.remove(directory);
        }
        self.found.remove(home);
        self.turns.remove(home);
        let shown = self.shown.remove(home).unwrap_or_default();
        for uri in &shown {
            self.forget_said(uri);
        }
        shown
    }
}

/// The names of these files.
#[must_use]
pub fn index(files: &Files) -> Index<'_> {
    Index::new(files.iter().map(|(uri, document)| (uri, document)).collect())
}
