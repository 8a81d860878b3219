//! One call: sent, and sent again where that is right, until it is answered or its time is up.

use std::{sync::Arc, time::Duration};

use redis::Value;
use tokio::time::{Instant, sleep_until};

use super::{
    cluster::Cluster,
    fault::{Fault, Refusal},
    node::{Node, Question},
};

/// Whether a call may be sent again on a new connection when the old one broke under it: only what comes to the same
/// when it is carried out twice. What was refused was not carried out, and is sent again in any case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Retry {
    /// It may, once.
    Once,
    /// It may not.
    Never,
}

/// Most times that one call is sent.
const TRIES: u32 = 8;
/// How long before a call is sent again that was refused with "in a moment".
const MOMENT: Duration = Duration::from_millis(50);

/// A call: where it is to go and what may be done for it.
pub(super) struct Call<'a> {
    pub(super) question: Question<'a>,
    pub(super) key: Option<&'a [u8]>,
    pub(super) retry: Retry,
    pub(super) deadline: Instant,
}

impl Call<'_> {
    /// Asks the one server there is, found anew where it is not the right one any more.
    pub(super) async fn one(&self, node: &Node) -> Result<Value, Fault> {
        let mut spare = self.retry;
        let mut looked_again = false;
        let mut last = Fault::Silent;
        for _ in 0..TRIES {
            let fault = match node.ask(self.question, self.deadline).await {
                Ok(value) => return Ok(value),
                Err(fault) => fault,
            };
            match &fault {
                Fault::Broken(_) if spare == Retry::Once => spare = Retry::Never,
                // Once: the connection is a new one by then, and another refusal means that there is no master.
                Fault::Refused(Refusal::NotMaster, _) if !looked_again => looked_again = true,
                Fault::Refused(Refusal::Soon, _) => self.pause().await,
                Fault::Paused(_) | Fault::Unreachable(_) | Fault::Silent | Fault::Broken(_) | Fault::Refused(..) => {
                    return Err(fault);
                }
            }
            last = fault;
        }
        Err(last)
    }

    /// Asks the server that has the key, and follows it.
    pub(super) async fn cluster(&self, cluster: &Arc<Cluster>) -> Result<Value, Fault> {
        let Some(key) = self.key else {
            return self.any(cluster).await;
        };
        let mut spare = self.retry;
        let mut question = self.question;
        let mut last = Fault::Silent;
        let mut at = cluster.master_of(key, self.deadline).await?;
        for _ in 0..TRIES {
            let fault = match cluster.node_at(&at).ask(question, self.deadline).await {
                Ok(value) => return Ok(value),
                Err(fault) => fault,
            };
            question.ahead = false;
            match &fault {
                Fault::Refused(Refusal::Moved(Some(spoken)), _) => {
                    let to = Cluster::address(spoken, &at);
                    // First the map, which may be older than what was just said.
                    cluster.learn_again(&at, self.deadline).await;
                    cluster.moved(key, &to);
                    at = to;
                    continue;
                }
                Fault::Refused(Refusal::Ask(Some(spoken)), _) => {
                    question.ahead = true;
                    at = Cluster::address(spoken, &at);
                    continue;
                }
                Fault::Refused(Refusal::Soon | Refusal::NotMaster, _) => {
                    self.pause().await;
                    cluster.learn_again(&at, self.deadline).await;
                }
                Fault::Broken(_) if spare == Retry::Once => {
                    spare = Retry::Never;
                    cluster.learn_again(&at, self.deadline).await;
                }
                Fault::Unreachable(_) => {
                    cluster.learn_again(&at, self.deadline).await;
                    if cluster.master_of(key, self.deadline).await? == at {
                        return Err(fault);
                    }
                }
                Fault::Silent | Fault::Broken(_) => {
                    cluster.learn_beside(at);
                    return Err(fault);
                }
                Fault::Paused(_) | Fault::Refused(..) => return Err(fault),
            }
            at = cluster.master_of(key, self.deadline).await?;
            last = fault;
        }
        Err(last)
    }

    /// Asks whichever server answers.
    async fn any(&self, cluster: &Cluster) -> Result<Value, Fault> {
        cluster.any(self.deadline).await?;
        let mut last = Fault::Silent;
        for address in cluster.masters() {
            match cluster.node_at(&address).ask(self.question, self.deadline).await {
                Ok(value) => return Ok(value),
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }

    async fn pause(&self) {
        sleep_until(self.deadline.min(Instant::now() + MOMENT)).await;
    }
}
