//! How listeners at work are told of their end, and those that another configuration has changed meanwhile.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use super::accept::Course;
use crate::task;

/// What a listener hears its end by. Dropping it is the end at once.
#[derive(Debug)]
pub(super) struct Ending {
    last_answers: watch::Sender<bool>,
    course: watch::Sender<Course>,
}

/// Listeners whose sockets others have by now. Their idle connections may be used once more.
#[derive(Default, Debug)]
pub(super) struct Leaving(Vec<Arc<Ending>>);

impl Ending {
    /// With what the listener and its connections hear: whether answers are the last, and how far the end has come.
    pub(super) fn new() -> (Self, watch::Receiver<bool>, watch::Receiver<Course>) {
        let (last_answers, answering) = watch::channel(false);
        let (course, following) = watch::channel(Course::Serve);
        (Self { last_answers, course }, answering, following)
    }

    /// From now on every answer is the last of its connection.
    pub(super) fn answer_for_the_last_time(&self) {
        self.last_answers.send_replace(true);
    }

    /// The end has come so far.
    pub(super) fn reach(&self, far: Course) {
        self.answer_for_the_last_time();
        self.course.send_replace(far);
    }
}

impl Leaving {
    /// A listener leaves, and closes what is still idle when that time is over. Within a runtime.
    pub(super) fn add(&mut self, ending: Ending, patience: Duration) {
        self.0.retain(|ending| !ending.course.is_closed());
        ending.reach(Course::Leave);
        let ending = Arc::new(ending);
        let waits = Arc::downgrade(&ending);
        drop(task::spawn("letting a listener go", async move {
            tokio::time::sleep(patience).await;
            if let Some(ending) = waits.upgrade() {
                ending.reach(Course::Close);
            }
        }));
        self.0.push(ending);
    }

    /// All of them close.
    pub(super) fn close(&self) {
        for ending in &self.0 {
            ending.reach(Course::Close);
        }
    }
}
