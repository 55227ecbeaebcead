//! Reads a policy from disk: every `*.policy` file of one directory, or a single file.
//!
//! It reads, and replaces a single file at once or not at all: no parsing, no watching.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::bounds::{MAX_FILE_BYTES, MAX_POLICY_FILES};
use crate::diag::Sources;

/// Why a policy could not be read. Every message names the path.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// neither a directory nor a file
    #[error("there is no policy at `{}`: {source}", path.display())]
    Missing {
        /// what was asked for
        path: PathBuf,
        /// why
        source: std::io::Error,
    },
    /// a pipe, a device
    #[error("`{}` is neither a directory nor a file", path.display())]
    Special {
        /// what was asked for
        path: PathBuf,
    },
    /// a directory without policies
    #[error("`{}` holds no `*.policy` file; name another directory or file, or write one (see docs/language.md)", path.display())]
    Empty {
        /// the directory
        path: PathBuf,
    },
    /// more files than a policy may have
    #[error("`{}` holds more than {MAX_POLICY_FILES} `*.policy` files", path.display())]
    TooMany {
        /// the directory
        path: PathBuf,
    },
    /// one file cannot be read
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// the file
        path: PathBuf,
        /// why
        source: std::io::Error,
    },
    /// one file cannot be replaced; it is as it was
    #[error("cannot write `{}`: {source}", path.display())]
    Unwritable {
        /// the file
        path: PathBuf,
        /// why
        source: std::io::Error,
    },
    /// larger than [`MAX_FILE_BYTES`]
    #[error("`{}` is larger than {MAX_FILE_BYTES} bytes, the most that a policy file may have", path.display())]
    TooLarge {
        /// the file
        path: PathBuf,
    },
    /// not UTF-8
    #[error("`{}` is not UTF-8 (byte {offset} is not part of a character)", path.display())]
    NotUtf8 {
        /// the file
        path: PathBuf,
        /// the first wrong byte
        offset: usize,
    },
}

/// The paths that make up the policy at `path`, sorted by name; hidden files are left out.
///
/// # Errors
/// When there is nothing at `path`, or nothing that is a policy.
pub fn list(path: &Path) -> Result<Vec<PathBuf>, FilesError> {
    let missing = |source| FilesError::Missing { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(missing)?;
    if metadata.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    if !metadata.is_dir() {
        return Err(FilesError::Special { path: path.to_owned() });
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(missing)? {
        let file = entry.map_err(missing)?.path();
        let hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden || file.extension().is_none_or(|extension| extension != "policy") {
            continue;
        }
        // A link that leads nowhere is a part of the policy that is missing, not one that is not there.
        match fs::metadata(&file) {
            Ok(metadata) if metadata.is_file() => found.push(file),
            Ok(_) => {}
            // It went between the list and the look.
            Err(_) if fs::symlink_metadata(&file).is_err() => {}
            Err(source) => return Err(FilesError::Unreadable { path: file, source }),
        }
    }
    if found.is_empty() {
        return Err(FilesError::Empty { path: path.to_owned() });
    }
    if found.len() > MAX_POLICY_FILES {
        return Err(FilesError::TooMany { path: path.to_owned() });
    }
    found.sort();
    Ok(found)
}

/// Reads the policy at `path`: a directory or a single file.
///
/// # Errors
/// The first file that cannot be read, is too large, or is not UTF-8.
pub fn read(path: &Path) -> Result<Sources, FilesError> {
    let mut sources = Sources::default();
    for file in list(path)? {
        sources.add(file.display().to_string(), read_one(&file)?);
    }
    Ok(sources)
}

/// Reads one file of a policy.
///
/// # Errors
/// When it cannot be read, is too large, or is not UTF-8.
pub fn read_one(path: &Path) -> Result<String, FilesError> {
    let unreadable = |source| FilesError::Unreadable { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    fs::File::open(path).map_err(unreadable)?.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > MAX_FILE_BYTES {
        return Err(FilesError::TooLarge { path: path.to_owned() });
    }
    String::from_utf8(bytes)
        .map_err(|error| FilesError::NotUtf8 { path: path.to_owned(), offset: error.utf8_error().valid_up_to() })
}

/// Replaces a file's text at once: whoever reads meanwhile sees the old text or the new one. Links
/// are followed, permissions stay.
///
/// # Errors
/// When the file cannot be replaced; then it is as it was.
pub fn replace(path: &Path, text: &str) -> Result<(), FilesError> {
    let unwritable = |source| FilesError::Unwritable { path: path.to_owned(), source };
    let target = fs::canonicalize(path).map_err(unwritable)?;
    let permissions = fs::metadata(&target).map_err(unwritable)?.permissions();
    if permissions.readonly() {
        return Err(unwritable(std::io::ErrorKind::PermissionDenied.into()));
    }
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    // Hidden, so that nobody takes it for a part of the policy.
    let beside = target.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let written = fs::OpenOptions::new().write(true).create_new(true).open(&beside).and_then(|mut file| {
        file.set_permissions(permissions)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&beside, &target)).map_err(|source| {
        // What cannot be removed either is hidden, and named after the file.
        let _ = fs::remove_file(&beside);
        unwritable(source)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_policy_files_by_name_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("b.policy", "two"), ("a.policy", "one"), ("c.txt", "no"), (".d.policy", "no")] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let texts: Vec<_> = read(dir.path()).unwrap().iter().map(|(_, source)| source.text.clone()).collect();
        assert_eq!(texts, ["one", "two"]);
    }

    #[test]
    fn says_what_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(read(dir.path()), Err(FilesError::Empty { .. })));
        assert!(matches!(read(&dir.path().join("nope")), Err(FilesError::Missing { .. })));
        assert!(matches!(read(Path::new("/dev/null")), Err(FilesError::Special { .. })));
        std::os::unix::fs::symlink("nowhere", dir.path().join("y.policy")).unwrap();
        assert!(matches!(read(dir.path()), Err(FilesError::Unreadable { .. })));
        fs::remove_file(dir.path().join("y.policy")).unwrap();
        fs::write(dir.path().join("x.policy"), [b'a', 0xff]).unwrap();
        assert!(matches!(read(dir.path()), Err(FilesError::NotUtf8 { offset: 1, .. })));
        fs::write(dir.path().join("x.policy"), vec![b' '; MAX_FILE_BYTES + 1]).unwrap();
        assert!(matches!(read(dir.path()), Err(FilesError::TooLarge { .. })));
    }
}
