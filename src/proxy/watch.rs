//! What a connection and its requests tell each other where pingora has no hook: whether a request's head is still being
//! read, and whether an upload over HTTP/2 stands still.
//!
//! An upload is a task-local value: the hooks run inside its stream's task.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use crate::task;

tokio::task_local! {
    static UPLOAD: Arc<Upload>;
}

/// A connection, as its stream and its requests see it.
#[derive(Debug, Default)]
pub struct Connection {
    /// Over HTTP/1.
    reading_head: AtomicBool,
    over: Notify,
    /// Over HTTP/2: the streams that were ever begun, and those that ended.
    begun: AtomicUsize,
    ended: AtomicUsize,
    end: Notify,
}

/// A stream over HTTP/2, until it is dropped.
#[derive(Debug)]
pub struct Stream<'a>(&'a Connection);

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::AcqRel);
        self.0.end.notify_one();
    }
}

impl Connection {
    /// Serves the connection until it is done, [`Connection::end`] was called, or it is `cut`.
    pub async fn serve(&self, serving: impl Future<Output = ()>, cut: impl Future<Output = ()>) {
        let ended = async {
            tokio::select! {
                () = self.over.notified() => {}
                () = cut => {}
            }
        };
        tokio::select! {
            biased;
            () = serving => {}
            () = task::only_when_woken(ended) => {}
        }
    }

    /// Whether no hook has seen the request yet that is being read. What is written now, pingora writes by itself.
    #[must_use]
    pub fn is_reading_head(&self) -> bool {
        self.reading_head.load(Ordering::Relaxed)
    }

    /// The next request over HTTP/1 is about to be read.
    pub fn head_begins(&self) {
        self.reading_head.store(true, Ordering::Relaxed);
    }

    /// The request's head was read whole.
    pub(crate) fn head_is_read(&self) {
        self.reading_head.store(false, Ordering::Relaxed);
    }

    /// A stream of HTTP/2 begins.
    pub fn stream_begins(&self) -> Stream<'_> {
        self.begun.fetch_add(1, Ordering::AcqRel);
        Stream(self)
    }

    /// Waits until there was no stream of HTTP/2 for so long.
    pub async fn is_quiet(&self, long: Duration) {
        loop {
            let begun = self.begun.load(Ordering::Acquire);
            while self.ended.load(Ordering::Acquire) < self.begun.load(Ordering::Acquire) {
                self.end.notified().await;
            }
            tokio::time::sleep(long).await;
            if self.begun.load(Ordering::Acquire) == begun {
                return;
            }
        }
    }

    /// Drops the connection, without another word to or from it.
    pub fn end(&self) {
        self.over.notify_one();
    }
}

/// The upload of one HTTP/2 request. Pingora waits for its next part for ever.
#[derive(Debug, Default)]
pub(super) struct Upload {
    /// When the next part must be there; `None` while nothing is waited for.
    due: Mutex<Option<Instant>>,
    begun: Notify,
    stalled: AtomicBool,
}

/// Serves an HTTP/2 request until it is done or its upload stands still; `None` then.
pub async fn upload<T>(serving: impl Future<Output = T>) -> Option<T> {
    let upload = Arc::new(Upload::default());
    let bounded = async {
        tokio::select! {
            done = serving => Some(done),
            () = upload.stalls() => None,
        }
    };
    UPLOAD.scope(Arc::clone(&upload), bounded).await
}

impl Upload {
    /// That of the request whose task this is; none for HTTP/1.
    pub(super) fn current() -> Option<Arc<Self>> {
        UPLOAD.try_with(Arc::clone).ok()
    }

    /// Waits for the next part from now on, and no longer than this.
    pub(super) fn wait(&self, limit: Duration) {
        *self.due() = Some(Instant::now() + limit);
        self.begun.notify_one();
    }

    /// Waits for nothing any more.
    pub(super) fn rest(&self) {
        *self.due() = None;
    }

    /// Whether it is being waited for.
    pub(super) fn is_awaited(&self) -> bool {
        self.due().is_some()
    }

    /// Whether it stood still for too long.
    pub(super) fn stalled(&self) -> bool {
        self.stalled.load(Ordering::Relaxed)
    }

    async fn stalls(&self) {
        loop {
            let due = *self.due();
            match due {
                None => self.begun.notified().await,
                Some(due) if due <= Instant::now() => {
                    self.stalled.store(true, Ordering::Relaxed);
                    return;
                }
                Some(due) => tokio::time::sleep_until(due).await,
            }
        }
    }

    fn due(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[test]
    fn a_connection_knows_whether_a_head_is_being_read() {
        let connection = Connection::default();
        assert!(!connection.is_reading_head());
        connection.head_begins();
        assert!(connection.is_reading_head());
        connection.head_is_read();
        assert!(!connection.is_reading_head());
    }

    #[tokio::test]
    async fn a_connection_that_is_ended_is_dropped() {
        let connection = Arc::new(Connection::default());
        connection.end();
        connection.serve(pending(), pending()).await;
        connection.serve(pending(), ready(())).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_moves_is_never_cut_and_one_that_stands_still_is() {
        let moving = upload(async {
            let upload = Upload::current().unwrap();
            for _ in 0..10 {
                upload.wait(LIMIT);
                tokio::time::sleep(LIMIT * 9 / 10).await;
            }
            upload.rest();
            tokio::time::sleep(LIMIT * 10).await;
        });
        assert_eq!(moving.await, Some(()));
        let begun = Instant::now();
        let standing = upload(async {
            Upload::current().unwrap().wait(LIMIT);
            std::future::pending::<()>().await;
        });
        assert_eq!(standing.await, None);
        assert!(begun.elapsed() < LIMIT * 2);
    }
}
