//! Comparing answers away from the threads that move requests.

use crate::compare::Answer;
use crate::forward::Head;
use crate::mirror::MirrorState;
use std::sync::Arc;

/// Two answers to one request.
pub(crate) struct Pair {
    pub(crate) mirror: Arc<MirrorState>,
    pub(crate) primary: Answer,
    pub(crate) answer: Answer,
}

/// Where pairs go.
#[derive(Clone)]
pub(crate) struct Comparer;

impl Comparer {
    pub(crate) fn offer(&self, _head: &Head, pair: Pair) {
        pair.mirror.figures.compared(pair.primary.body == pair.answer.body);
    }
}
