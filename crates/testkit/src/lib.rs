//! What tests share: a Go toolchain, Go programs built and cached, temporary folders, waiting for
//! conditions, and text with its accidents taken out.
//!
//! Everything that can fail has two names. The plain one (`go_toolchain`, `build_go`) is for tests
//! and panics with the whole story; `try_…` returns an [`Error`] and is for `xtask`.
//!
//! Nothing here depends on what a machine happens to have: a `go` that is missing or cannot build
//! with `-race` is replaced by a pinned one under `target/toolchains`, shared by all test processes.
//!
//! Not here: the programs themselves (`corpus/`, `examples/`), and anything of the product.
//! Start at [`go_toolchain`] and [`build_go`].
#![forbid(unsafe_code)]

mod catching;
mod cc;
mod error;
mod folders;
mod go;
mod kubernetes;
mod lock;
mod program;
mod redact;
mod running;
pub mod servers;
mod small_disk;
mod wait;
mod wheel;

pub use catching::may_catch;
pub use cc::{CompilerError, c_compiler};
pub use error::Error;
pub use folders::{target_dir, temp_dir, workspace_root};
pub use go::pinned::{PINNED, Pinned};
pub use go::{
    Toolchain, go_toolchain, go_toolchain_version, try_go_toolchain, try_go_toolchain_version,
};
pub use kubernetes::Kubernetes;
pub use program::{BuildOptions, build_go, build_go_source, try_build_go};
pub use redact::redact;
pub use running::Running;
pub use small_disk::{Ballast, fill_disk, on_small_disk, on_small_disk_of_all};
pub use wait::{free_port, wait_for, wait_until};
pub use wheel::Wheel;

pub(crate) use lock::Lock;
