//! As the old process has it: the next one is started, and has the sockets as soon as it could serve.

use std::{
    ffi::OsString,
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::{fd::AsFd as _, fd::OwnedFd, unix::net::UnixStream as Plain},
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
    process::{Child, Command},
};

use super::{MOST, Offer, Offered, TAKE_OVER, VERSION, Word};
use crate::{proxy::Bind, server::socket::Socket};

/// How long the next process may take until it could serve.
const PATIENCE: Duration = Duration::from_secs(60);

/// The next process, which waits for its word.
#[derive(Debug)]
pub(in crate::server) struct Heir {
    child: Child,
    link: BufReader<UnixStream>,
    process: u32,
}

/// Why this process goes on.
#[derive(Debug, thiserror::Error)]
pub(in crate::server) enum HandoverError {
    /// The process is the container's.
    #[error(
        "this is the first process of its container, which ends with it; start a container with the new image instead"
    )]
    First,
    /// The program cannot be started.
    #[error("{program} cannot be started: {source}; this process goes on")]
    Start {
        /// Which.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The new process says why it cannot serve.
    #[error("the new process cannot serve, and this one goes on: {0}")]
    Failed(String),
    /// It ended without a word.
    #[error("the new process ended ({0}) before it could serve; what it said is above, and this one goes on")]
    Ended(ExitStatus),
    /// It takes too long.
    #[error("the new process could not serve within {} s and was ended; this one goes on", PATIENCE.as_secs())]
    Late,
    /// They cannot talk.
    #[error("the sockets cannot be handed over: {0}; this process goes on")]
    Link(#[from] io::Error),
}

/// Starts the program anew, as it was started, from where it lies now, and offers it the sockets. What comes is ready and
/// does not serve yet. If this is dropped before the end, the new process ends by itself.
pub(in crate::server) async fn prepare(sockets: &[(Bind, Bind, Arc<Socket>)]) -> Result<Heir, HandoverError> {
    if std::process::id() == 1 {
        return Err(HandoverError::First);
    }
    let (ours, theirs) = Plain::pair()?;
    offer(&ours, sockets)?;
    let mut child = start(theirs)?;
    ours.set_nonblocking(true)?;
    let mut link = BufReader::new(UnixStream::from_std(ours)?);
    let process = child.id().unwrap_or_default();
    let said = tokio::select! {
        said = hear(&mut link) => Some(said),
        () = tokio::time::sleep(PATIENCE) => None,
    };
    match said {
        Some(Ok(Word::Ready)) => Ok(Heir { child, link, process }),
        Some(Ok(Word::Failed(why))) => Err(HandoverError::Failed(why)),
        Some(Ok(Word::Go | Word::Serving | Word::Known)) => Err(io::Error::from(io::ErrorKind::InvalidData).into()),
        // It has closed its side, so it ends.
        Some(Err(_)) => Err(match tokio::time::timeout(PATIENCE, child.wait()).await {
            Ok(status) => HandoverError::Ended(status?),
            Err(_) => end(child).await,
        }),
        None => Err(end(child).await),
    }
}

async fn end(mut child: Child) -> HandoverError {
    match child.kill().await {
        Ok(()) => HandoverError::Late,
        Err(error) => error.into(),
    }
}

/// The next process, by the words of this one. The name is the one that this one was called by: what lies there by now, also
/// behind a link.
fn start(link: Plain) -> Result<Child, HandoverError> {
    let mut words = std::env::args_os();
    let program = words.next().unwrap_or_else(|| OsString::from("doorward"));
    let words: Vec<OsString> = words.filter(|word| word != TAKE_OVER).collect();
    Command::new(&program)
        .args(words)
        .arg(TAKE_OVER)
        .stdin(Stdio::from(OwnedFd::from(link)))
        // They name this process.
        .env_remove("WATCHDOG_PID")
        .env_remove("LISTEN_PID")
        .env_remove("LISTEN_FDS")
        .spawn()
        .map_err(|source| HandoverError::Start {
            program: program.display().to_string(),
            source,
        })
}

fn offer(link: &Plain, sockets: &[(Bind, Bind, Arc<Socket>)]) -> io::Result<()> {
    if sockets.len() > MOST {
        return Err(io::Error::other(format!("there are more than {MOST}")));
    }
    let offered = |(asked, address, socket): &(Bind, Bind, Arc<Socket>)| Offered {
        asked: asked.clone().into(),
        address: address.clone().into(),
        file: socket.has_file(),
    };
    let mut text = serde_json::to_vec(&Offer {
        version: VERSION,
        sockets: sockets.iter().map(offered).collect(),
    })?;
    text.push(b'\n');
    let descriptors: Vec<_> = sockets.iter().map(|(_, _, socket)| socket.as_fd()).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut rights = SendAncillaryBuffer::new(&mut space);
    if !rights.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("they do not fit"));
    }
    let sent = sendmsg(link, &[IoSlice::new(&text)], &mut rights, SendFlags::NOSIGNAL)?;
    if sent == text.len() {
        Ok(())
    } else {
        Err(io::Error::from(io::ErrorKind::WriteZero))
    }
}

async fn hear(link: &mut BufReader<UnixStream>) -> io::Result<Word> {
    let mut text = String::new();
    if link.read_line(&mut text).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_str(&text)?)
}

impl Heir {
    /// Lets it serve; its process's number, once it does.
    ///
    /// # Errors
    /// It does not.
    pub(in crate::server) async fn go(&mut self) -> Result<u32, HandoverError> {
        self.say(&Word::Go).await?;
        match tokio::time::timeout(PATIENCE, hear(&mut self.link)).await {
            Ok(Ok(Word::Serving)) => Ok(self.process),
            Ok(Ok(Word::Ready | Word::Failed(_) | Word::Go | Word::Known) | Err(_)) | Err(_) => {
                // It may be serving already, and two would not know of each other.
                self.child.kill().await?;
                Err(HandoverError::Ended(self.child.wait().await?))
            }
        }
    }

    /// Says that the service manager knows of it.
    pub(in crate::server) async fn known(&mut self) {
        if let Err(error) = self.say(&Word::Known).await {
            tracing::debug!(%error, "the new process does not listen any more");
        }
    }

    async fn say(&mut self, word: &Word) -> io::Result<()> {
        let line = word.line()?;
        self.link.get_mut().write_all(&line).await
    }
}
