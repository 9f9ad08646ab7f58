//! One end of a pipe or a terminal whose other end a program has.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, Interest, ReadBuf};

use crate::order::TerminalSize;

/// See the module's description. Closed when dropped.
pub(crate) struct Stream(AsyncFd<OwnedFd>);

impl Stream {
    /// `fd` must not share its open file with the program, which would become non-blocking with it.
    #[expect(unsafe_code, reason = "tokio asks for a promise that an owned descriptor keeps by itself")]
    pub(crate) fn new(fd: OwnedFd) -> io::Result<Self> {
        let flags = OFlag::from_bits_retain(fcntl(&fd, FcntlArg::F_GETFL)?);
        fcntl(&fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        // SAFETY: an `OwnedFd` is open and stays the same until it is dropped, which `AsyncFd` does after it lets go of it.
        let stream = unsafe { AsyncFd::register(fd) }?;
        Ok(Self(stream))
    }

    /// The reading end of a new pipe, and the end to give away.
    pub(crate) fn from_program() -> io::Result<(Self, OwnedFd)> {
        let (reader, writer) = io::pipe()?;
        Ok((Self::new(reader.into())?, writer.into()))
    }

    /// The writing end of a new pipe, and the end to give away.
    pub(crate) fn to_program() -> io::Result<(Self, OwnedFd)> {
        let (reader, writer) = io::pipe()?;
        Ok((Self::new(writer.into())?, reader.into()))
    }

    /// A new terminal twice, to read and to write, and its other side to give away.
    pub(crate) fn terminal(size: TerminalSize) -> io::Result<(Self, Self, OwnedFd)> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        let theirs = ioctl_tiocgptpeer(&ours, flags)?;
        let writer = Self::new(ours.try_clone()?)?;
        writer.resize(size)?;
        Ok((Self::new(ours)?, writer, theirs))
    }

    /// Writes what fits now, and waits until something does. Dropping the future has written nothing.
    pub(crate) async fn write(&self, data: &[u8]) -> io::Result<usize> {
        self.0.async_io(Interest::WRITABLE, |fd| Ok(nix::unistd::write(fd, data)?)).await
    }

    /// Gives a terminal another size. Errors: it is none.
    pub(crate) fn resize(&self, size: TerminalSize) -> io::Result<()> {
        let size = Winsize { ws_col: size.columns, ws_row: size.rows, ws_xpixel: 0, ws_ypixel: 0 };
        Ok(tcsetwinsize(self.0.as_fd(), size)?)
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.0.poll_read_ready(cx))?;
            let read = guard.try_io(|fd| Ok(nix::unistd::read(fd, buffer.initialize_unfilled())?));
            if let Ok(read) = read {
                buffer.advance(read?);
                return Poll::Ready(Ok(()));
            }
        }
    }
}
