//! What the page says, worked out from what was read.

mod history;
mod types;

pub(crate) use history::History;
pub(crate) use types::*;

use crate::facts::Snapshot;

/// What is to be shown of `snapshot`, which was read last, and of those before.
pub(crate) fn view(snapshot: &Snapshot, _history: &History) -> View {
    View {
        name: snapshot.name.clone(),
        ..View::default()
    }
}
