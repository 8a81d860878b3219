//! The program as somebody runs it in a shell: words in, what it wrote and its exit code out.

use std::{path::Path, process::Stdio};

use tokio::process::Command;

/// What came of it.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs `doorward` with these words in a folder, and waits for its end.
pub async fn doorward(folder: &Path, words: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
