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
        // First, while this process is small: what it frees it does not always give back.
        sessions::measure().await;
        program::measure().await;
    });
}
