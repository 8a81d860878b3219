//! Tasks of their own, supervised: a panic in one is logged and ends nothing else.

use std::{future::Future, panic::AssertUnwindSafe};

use futures_util::FutureExt as _;
use tokio::task::JoinHandle;

/// Runs `future` beside everything else on the current runtime. `name` is for the log when it panics; the handle yields
/// `None` then.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where tasks begin, so that none is lost"
)]
pub fn spawn<F>(name: &'static str, future: F) -> JoinHandle<Option<F::Output>>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(async move {
        let ended = AssertUnwindSafe(future).catch_unwind().await;
        if ended.is_err() {
            tracing::error!(task = name, "a background task panicked: a defect, please report it");
        }
        ended.ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_only_its_task() {
        assert_eq!(
            spawn("fails", async { panic!("on purpose") }).await.unwrap(),
            None::<()>
        );
        assert_eq!(spawn("works", async { 7 }).await.unwrap(), Some(7));
    }
}
