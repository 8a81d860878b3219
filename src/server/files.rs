//! Which files changed: by asking the file system again and again, which also works for network file systems and for
//! the links that Kubernetes swaps.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// What a file looks like from outside.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Look {
    file: PathBuf,
    /// Device, inode, size, and time of the last change in seconds and nanoseconds; `None` where there is no file.
    is: Option<[i64; 5]>,
}

/// A set of files and how they looked when they were read.
#[derive(Debug)]
pub(super) struct Watched {
    read: Vec<Look>,
    last: Vec<Look>,
}

impl Watched {
    /// Files as they are now.
    pub(super) fn new(files: &BTreeSet<PathBuf>) -> Self {
        let read: Vec<_> = files.iter().map(|file| Look::of(file)).collect();
        Self {
            last: read.clone(),
            read,
        }
    }

    /// Other files from now on. Of those that were watched already, the last look counts as the one before the reading, so
    /// that what changed while it was read is a change.
    pub(super) fn read_again(&mut self, files: &BTreeSet<PathBuf>) {
        let last = std::mem::take(&mut self.last);
        let look = |file: &PathBuf| match last.iter().find(|look| look.file == *file) {
            Some(known) => known.clone(),
            None => Look::of(file),
        };
        self.read = files.iter().map(look).collect();
        self.last.clone_from(&self.read);
    }

    /// These files too from now on, as [`Watched::read_again`] beside those before.
    pub(super) fn read_more(&mut self, files: &BTreeSet<PathBuf>) {
        let before = self.last.iter().map(|look| look.file.clone());
        self.read_again(&before.chain(files.iter().cloned()).collect());
    }

    /// Whether any of them changed since they were read, and none since the last question: whoever writes two files, a
    /// certificate and its key, is let finish.
    pub(super) fn changed(&mut self) -> bool {
        let now: Vec<_> = self.read.iter().map(|look| Look::of(&look.file)).collect();
        let still = now == self.last;
        self.last = now;
        still && self.last != self.read
    }
}

impl Look {
    fn of(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            is: look(file).ok(),
        }
    }
}

fn look(file: &Path) -> io::Result<[i64; 5]> {
    let about = fs::metadata(file)?;
    let number = |n: u64| i64::from_ne_bytes(n.to_ne_bytes());
    Ok([
        number(about.dev()),
        number(about.ino()),
        number(about.size()),
        about.mtime(),
        about.mtime_nsec(),
    ])
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_change_counts_once_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        fs::write(&one, "1").unwrap();
        let files = BTreeSet::from([one.clone(), two.clone()]);
        let mut watched = Watched::new(&files);
        assert!(!watched.changed());
        fs::write(&one, "12").unwrap();
        assert!(!watched.changed(), "it may not be over");
        fs::write(&two, "there now").unwrap();
        assert!(!watched.changed(), "it was not");
        assert!(watched.changed());
        let mut again = Watched::new(&files);
        fs::remove_file(&one).unwrap();
        assert!(!again.changed());
        assert!(again.changed());
    }

    #[test]
    fn files_of_before_are_still_watched_beside_others() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        for changes in [&one, &two] {
            let mut watched = Watched::new(&BTreeSet::from([one.clone()]));
            watched.read_more(&BTreeSet::from([two.clone()]));
            fs::write(changes, "new").unwrap();
            assert!(!watched.changed());
            assert!(watched.changed(), "{}", changes.display());
        }
    }

    #[test]
    fn a_swapped_link_is_a_change_even_if_the_files_are_of_one_size() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["v1", "v2"] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("doorward.yaml"), name).unwrap();
        }
        symlink("v1", at("..data")).unwrap();
        symlink("..data/doorward.yaml", at("doorward.yaml")).unwrap();
        let mut watched = Watched::new(&BTreeSet::from([at("doorward.yaml")]));
        symlink("v2", at("..tmp")).unwrap();
        fs::rename(at("..tmp"), at("..data")).unwrap();
        assert!(!watched.changed());
        assert!(watched.changed());
    }
}
