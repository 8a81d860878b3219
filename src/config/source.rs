//! The only place that reads files and the environment.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use crate::secret::Secret;

/// Largest file that is read: certificates, secrets and configurations are far smaller.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Files that were asked for.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<PathBuf, Option<[u8; 32]>>);

/// Digests of secrets are nobody's business.
impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Files {
    /// Each path, also of those that could not be read.
    #[must_use]
    pub fn paths(&self) -> BTreeSet<PathBuf> {
        self.0.keys().cloned().collect()
    }

    /// These and others. Two that are equal named the same files, and the same stood in each.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    fn insert(&mut self, path: PathBuf, content: Option<&[u8]>) {
        let digest = |content| {
            let mut bytes = [0; 32];
            let digest = ring::digest::digest(&ring::digest::SHA256, content);
            bytes.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
            bytes
        };
        self.0.insert(path, content.map(digest));
    }
}

/// Where files and variables come from.
#[derive(Clone, Debug)]
pub struct Source {
    directory: PathBuf,
    environment: Environment,
    read: Arc<Mutex<Files>>,
}

#[derive(Clone)]
enum Environment {
    Process,
    Given(BTreeMap<String, String>),
}

/// Variables hold secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "Process",
            Self::Given(_) => "Given",
        })
    }
}

/// Why there is no value. Says nothing of the value.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

impl Source {
    /// The process's files and environment; relative paths start from `directory`, the configuration file's.
    #[must_use]
    pub fn system(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            environment: Environment::Process,
            read: Arc::default(),
        }
    }

    /// The same files with these variables instead of the process's.
    #[must_use]
    pub fn with_environment(directory: &Path, variables: BTreeMap<String, String>) -> Self {
        Self {
            directory: directory.to_owned(),
            environment: Environment::Given(variables),
            read: Arc::default(),
        }
    }

    /// A path as the process must open it.
    #[must_use]
    pub fn resolve(&self, written: &Path) -> PathBuf {
        self.directory.join(written)
    }

    /// Every file that was asked for, also those that could not be read.
    #[must_use]
    pub fn asked(&self) -> Files {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A whole file.
    ///
    /// # Errors
    /// [`Unreadable`] with the path and the cause.
    pub fn file(&self, written: &Path) -> Result<Vec<u8>, Unreadable> {
        let path = self.resolve(written);
        let content = Self::content(&path);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.insert(path, content.as_deref().ok());
        content
    }

    fn content(path: &Path) -> Result<Vec<u8>, Unreadable> {
        let told = |why: &str| Unreadable(format!("{} cannot be read: {why}", path.display()));
        let about = fs::metadata(path).map_err(|error| told(&plain(&error)))?;
        if about.is_dir() {
            return Err(told("it is a directory"));
        }
        if about.len() > LARGEST {
            return Err(told("it is larger than 64 MiB"));
        }
        fs::read(path).map_err(|error| told(&plain(&error)))
    }

    /// A whole file of text.
    ///
    /// # Errors
    /// [`Unreadable`], also when it is not UTF-8.
    pub fn text(&self, written: &Path) -> Result<String, Unreadable> {
        String::from_utf8(self.file(written)?)
            .map_err(|_| Unreadable(format!("{} is not text", self.resolve(written).display())))
    }

    /// A secret in a file; one newline at its end is not part of it.
    ///
    /// # Errors
    /// [`Unreadable`], also when it is not UTF-8.
    pub fn secret_file(&self, written: &Path) -> Result<Secret<String>, Unreadable> {
        self.text(written).map(without_newline)
    }

    /// A secret in an environment variable; one newline at its end is not part of it, since Kubernetes makes variables of files.
    ///
    /// # Errors
    /// [`Unreadable`], when it is not set or not UTF-8.
    pub fn secret_env(&self, name: &str) -> Result<Secret<String>, Unreadable> {
        let value = match &self.environment {
            Environment::Process => process_variable(name),
            Environment::Given(variables) => variables.get(name).cloned(),
        };
        value
            .map(without_newline)
            .ok_or_else(|| Unreadable(format!("the environment variable {name} is not set, or not text")))
    }
}

fn without_newline(mut text: String) -> Secret<String> {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Secret::new(text)
}

/// A variable of this process; `None` when it is not set or not text.
#[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
pub(crate) fn process_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The cause in words, without the number of the operating system.
fn plain(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        "there is no such file".to_owned()
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        "permission denied".to_owned()
    } else {
        error.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_file_loses_one_newline_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let source = Source::system(directory.path());
        for (written, read) in [
            ("s3cret\n", "s3cret"),
            ("s3cret\r\n", "s3cret"),
            ("s3cret", "s3cret"),
            (" s3cret \n\n", " s3cret \n"),
            ("", ""),
        ] {
            fs::write(directory.path().join("secret"), written).unwrap();
            let secret = source.secret_file(Path::new("secret")).unwrap();
            assert_eq!(secret.expose(), read, "{written:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let directory = tempfile::tempdir().unwrap();
        let source = Source::system(directory.path());
        let told = |name: &str| source.secret_file(Path::new(name)).unwrap_err().to_string();
        assert!(told("none").ends_with("none cannot be read: there is no such file"));
        fs::create_dir(directory.path().join("folder")).unwrap();
        assert!(told("folder").ends_with("it is a directory"));
        fs::write(directory.path().join("binary"), [0xff, 0xfe]).unwrap();
        assert!(told("binary").ends_with("is not text"));
    }

    #[test]
    fn a_variable_is_a_secret_too() {
        let source = Source::with_environment(
            Path::new("/"),
            BTreeMap::from([
                ("PASSWORD".to_owned(), "s3cret".to_owned()),
                ("OF_A_FILE".to_owned(), "s3cret\n".to_owned()),
            ]),
        );
        for name in ["PASSWORD", "OF_A_FILE"] {
            assert_eq!(source.secret_env(name).unwrap().expose(), "s3cret", "{name}");
        }
        assert!(
            source
                .secret_env("PASSWORT")
                .unwrap_err()
                .to_string()
                .contains("PASSWORT is not set")
        );
        assert!(
            Source::system(Path::new("/"))
                .secret_env("DOORWARD_NO_SUCH_VARIABLE")
                .is_err()
        );
    }
}
