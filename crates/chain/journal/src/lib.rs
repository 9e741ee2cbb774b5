//! What a run of the chain leaves behind for those who look: the state of the last one, and a
//! line in the journal for each step that changed something or failed.
//!
//! Nothing here ever makes a step fail or wait: it is a report, and the step has its own
//! output and exit code.

mod follower;
mod line;
mod record;
mod run;
mod standing;
mod state;
mod steps;
mod writer;

pub use follower::{Follower, recent};
pub use line::Line;
pub use record::Step;
pub use standing::{Standing, standings};
pub use state::{BOUNDS, Done, Facts, Failing, Histogram, Lost, Refused, STEPS, State, Totals};
