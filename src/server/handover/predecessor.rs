//! As the new process has it: the one before gives it sockets, and serves until this one could.

use std::{
    io::{self, BufRead as _, BufReader, IoSliceMut, Write as _},
    mem::MaybeUninit,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    time::Duration,
};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::{MOST, Offer, TAKE_OVER, VERSION, Word};
use crate::server::given::{Given, Sockets, identify};

/// How long the process before may take for a word.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest offer, in bytes.
const LONGEST: usize = 256 * 1024;

/// The process before.
#[derive(Debug)]
pub(in crate::server) struct Predecessor {
    link: BufReader<UnixStream>,
}

/// Why nothing is taken over.
#[derive(Debug, thiserror::Error)]
pub enum TakeOverError {
    /// Nobody offers anything.
    #[error(
        "{TAKE_OVER} is for a process that a running Doorward starts; to upgrade one in place, send it SIGUSR2, and to \
         start one, leave the word out ({0})"
    )]
    Nobody(io::Error),
    /// The two do not understand each other.
    #[error("the running Doorward hands its sockets over in another way than this one takes them; restart it instead")]
    Version,
    /// The process before ended or went silent.
    #[error("the Doorward before this one did not hand over ({0}); this one ends")]
    Gone(io::Error),
}

impl Predecessor {
    /// Takes what the process that started this one offers, on standard input.
    ///
    /// # Errors
    /// Nothing is offered, or not in a way that is understood.
    pub(in crate::server) fn meet() -> Result<(Self, Sockets), TakeOverError> {
        let link = io::stdin()
            .as_fd()
            .try_clone_to_owned()
            .map_err(TakeOverError::Nobody)?;
        let link = UnixStream::from(link);
        let (text, descriptors) = receive(&link).map_err(TakeOverError::Nobody)?;
        let offer: Offer = serde_json::from_slice(&text).map_err(|_| TakeOverError::Version)?;
        if offer.version != VERSION || offer.sockets.len() != descriptors.len() {
            return Err(TakeOverError::Version);
        }
        let given = offer.sockets.into_iter().zip(descriptors).map(|(offered, descriptor)| {
            let (_, socket) = identify(descriptor)?.ok_or(io::ErrorKind::InvalidData)?;
            Ok(Given {
                asked: offered.asked.into(),
                address: offered.address.into(),
                file: offered.file,
                both_families: false,
                socket,
            })
        });
        let given = given.collect::<io::Result<_>>().map_err(TakeOverError::Gone)?;
        let link = BufReader::new(link);
        Ok((Self { link }, Sockets::of(given)))
    }

    /// Says why this process cannot serve.
    pub(in crate::server) fn failed(&mut self, why: &str) {
        if let Err(error) = self.say(&Word::Failed(why.to_owned())) {
            tracing::debug!(%error, "the process before does not listen any more");
        }
    }

    /// Says that this process could serve, and waits until it may. Blocks: there is nothing else to do yet.
    ///
    /// # Errors
    /// The process before ended, or changed its mind.
    pub(in crate::server) fn ready(&mut self) -> Result<(), TakeOverError> {
        self.say(&Word::Ready).map_err(TakeOverError::Gone)?;
        match self.hear().map_err(TakeOverError::Gone)? {
            Word::Go => Ok(()),
            Word::Ready | Word::Failed(_) | Word::Serving | Word::Known => {
                Err(TakeOverError::Gone(io::ErrorKind::InvalidData.into()))
            }
        }
    }

    /// Says that this process serves, and waits until the service manager knows of it, or the process before is gone.
    pub(in crate::server) fn serving(mut self) {
        let known = self.say(&Word::Serving).and_then(|()| self.hear());
        tracing::debug!(known = known.is_ok(), "the process before is done with this one");
    }

    fn say(&mut self, word: &Word) -> io::Result<()> {
        let line = word.line()?;
        self.link.get_mut().write_all(&line)
    }

    fn hear(&mut self) -> io::Result<Word> {
        self.link.get_ref().set_read_timeout(Some(PATIENCE))?;
        let mut line = String::new();
        if self.link.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_str(&line)?)
    }
}

/// The first line and what came with it.
fn receive(link: &UnixStream) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    link.set_read_timeout(Some(PATIENCE))?;
    let mut text = Vec::new();
    let mut descriptors = Vec::new();
    let mut bytes = vec![0; LONGEST];
    while text.last() != Some(&b'\n') {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
        let mut rights = RecvAncillaryBuffer::new(&mut space);
        let into = &mut [IoSliceMut::new(&mut bytes)];
        let received = recvmsg(link, into, &mut rights, RecvFlags::CMSG_CLOEXEC)?;
        for message in rights.drain() {
            if let RecvAncillaryMessage::ScmRights(passed) = message {
                descriptors.extend(passed);
            }
        }
        text.extend_from_slice(bytes.get(..received.bytes).unwrap_or_default());
        if received.bytes == 0 || text.len() > LONGEST {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok((text, descriptors))
}
