//! How soon the program answers, and how much memory it and its sessions hold.
//!
//! `cargo bench --bench footprint`; no other process's load changes the memory, but it does the times.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench stops at the first surprise, and its figures go to standard output"
)]

#[path = "../made/person.rs"]
mod person;
#[path = "../made/process.rs"]
mod process;
mod program;
mod sessions;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let words = process::words();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["at-hand", redis] => sessions::at_hand(redis.parse().expect("a port")).await,
            ["embedded", access_token] => sessions::embedded(access_token.parse().expect("a size")).await,
            _ => {
                program::measure().await;
                sessions::measure(1024).await;
                sessions::measure(40).await;
            }
        }
    });
}
