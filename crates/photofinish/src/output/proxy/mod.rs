//! What `photofinish proxy` shows: what a plan would do, and how a running proxy stands.

pub(crate) mod figures;
pub(crate) mod live;
pub(crate) mod plan;
pub(crate) mod units;

use photofinish_proxy::plan::Mirror;

/// `mirror shadow`; a mirror that nobody named is just `mirror`.
pub(crate) fn called(mirror: &Mirror) -> String {
    match mirror.name.as_str() {
        "mirror" => "mirror".to_owned(),
        name => format!("mirror {name}"),
    }
}
