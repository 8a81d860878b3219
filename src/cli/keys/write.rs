//! A file in the place of another, at once and for good.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown},
    path::Path,
};

use crate::entropy::Entropy;

/// Writes `text` in the place of the file, which keeps its owner, group and mode. Whoever reads it finds the old text or the
/// new one whole, also after a loss of power. A symbolic link stays one.
pub(super) fn replace(file: &Path, text: &str) -> io::Result<()> {
    let file = fs::canonicalize(file)?;
    let before = fs::metadata(&file)?;
    let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    };
    // Drawn, as in containers every process may have the same number: what a killed one left is in nobody's way (GW-04).
    let drawn = Entropy::system().token();
    let beside = folder.join(format!(".{}.{drawn}.new", name.to_string_lossy()));
    let written = write(&beside, text, &before).and_then(|()| fs::rename(&beside, &file));
    if written.is_err() {
        // The error says more than a second one would.
        fs::remove_file(&beside).ok();
    }
    written?;
    File::open(folder)?.sync_all()
}

fn write(beside: &Path, text: &str, before: &fs::Metadata) -> io::Result<()> {
    let mut new = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(beside)?;
    let made = new.metadata()?;
    if (made.uid(), made.gid()) != (before.uid(), before.gid()) {
        chown(beside, Some(before.uid()), Some(before.gid()))?;
    }
    new.set_permissions(fs::Permissions::from_mode(before.mode() & 0o7777))?;
    new.write_all(text.as_bytes())?;
    new.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_file_is_another_with_the_same_mode_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("session.keys"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("session.keys", &link).unwrap();
        let before = fs::metadata(&file).unwrap();
        replace(&link, "new").unwrap();
        let after = fs::metadata(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_ne!(after.ino(), before.ino(), "renamed over it, not written into it");
        assert_eq!((after.mode(), after.uid()), (before.mode(), before.uid()));
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn whoever_reads_meanwhile_finds_one_of_the_texts_whole() {
        // GW-04
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("session.keys");
        let texts = ["old\n".repeat(5000), "new\n".repeat(7000)];
        fs::write(&file, &texts[0]).unwrap();
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| {
                for n in 1..100 {
                    replace(&file, &texts[n % 2]).unwrap();
                }
            });
            while !writing.is_finished() {
                assert!(texts.contains(&fs::read_to_string(&file).unwrap()), "neither");
            }
        });
    }

    #[test]
    fn what_a_killed_writer_left_beside_it_is_nobodys_matter() {
        // GW-04
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("session.keys");
        fs::write(&file, "old").unwrap();
        let left = format!(".session.keys.{}.new", std::process::id());
        fs::write(folder.path().join(left), "half of it").unwrap();
        replace(&file, "new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    }

    #[test]
    fn what_cannot_be_written_leaves_everything_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("session.keys");
        assert!(replace(&file, "new").is_err());
        fs::create_dir(&file).unwrap();
        assert!(replace(&file, "new").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
