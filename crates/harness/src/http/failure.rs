//! The ways in which a request fails.

use std::fmt;
use std::io;

/// Why a request was not answered with success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// Nobody listens.
    Refused,
    /// The connection was reset.
    Reset,
    /// The connection ended before the answer did.
    ClosedEarly,
    /// A connection that had served before ended instead of serving again.
    ClosedOnReuse,
    /// No answer came in time.
    Timeout,
    /// The answer was no HTTP.
    Malformed,
    /// The status of the answer is none of success.
    Status(u16),
    /// The system refused the client something.
    Other,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Self::Reset,
            io::ErrorKind::UnexpectedEof => Self::ClosedEarly,
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::Timeout,
            io::ErrorKind::InvalidData => Self::Malformed,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("refused"),
            Self::Reset => f.write_str("reset"),
            Self::ClosedEarly => f.write_str("closed early"),
            Self::ClosedOnReuse => f.write_str("closed on reuse"),
            Self::Timeout => f.write_str("timeout"),
            Self::Malformed => f.write_str("malformed"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Other => f.write_str("other"),
        }
    }
}

impl std::error::Error for Failure {}
