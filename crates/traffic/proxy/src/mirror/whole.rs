//! A body that was collected whole, to be sent as often as there are mirrors.

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::Frame;
use std::rc::Rc;

/// The pieces of a body, in order, and its trailers. Cloning shares the bytes.
#[derive(Clone, Default)]
pub(crate) struct WholeBody {
    parts: Rc<Parts>,
    next: usize,
}

#[derive(Default)]
struct Parts {
    pieces: Vec<Bytes>,
    trailers: Option<HeaderMap>,
}

impl WholeBody {
    pub(crate) fn new(pieces: Vec<Bytes>, trailers: Option<HeaderMap>) -> WholeBody {
        WholeBody { parts: Rc::new(Parts { pieces, trailers }), next: 0 }
    }

    /// The frame after the last one given.
    pub(crate) fn next(&mut self) -> Option<Frame<Bytes>> {
        let at = self.next;
        self.next += 1;
        match self.parts.pieces.get(at) {
            Some(piece) => Some(Frame::data(piece.clone())),
            None if at == self.parts.pieces.len() => {
                self.parts.trailers.clone().map(Frame::trailers)
            }
            None => None,
        }
    }

    pub(crate) fn is_end(&self) -> bool {
        let frames = self.parts.pieces.len() + usize::from(self.parts.trailers.is_some());
        self.next >= frames
    }

    /// Bytes not yet given; nothing is said of a body with trailers, which only chunks can carry.
    pub(crate) fn len(&self) -> Option<u64> {
        let pieces = self.parts.pieces.iter().skip(self.next);
        self.parts.trailers.is_none().then(|| pieces.map(|piece| piece.len() as u64).sum())
    }
}
