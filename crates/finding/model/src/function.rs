//! Go symbol names, brought to one spelling.

/// `name` without what differs between builds and Go versions.
pub fn canonical_function(name: &str) -> String {
    name.to_owned()
}

/// The import path of the package that `name` belongs to: `main`, `github.com/x/y`.
pub fn package_of(name: &str) -> &str {
    let name = name.split('[').next().unwrap_or(name);
    let after = name.rfind('/').map_or(0, |slash| slash + 1);
    match name[after..].find('.') {
        Some(dot) => &name[..after + dot],
        None => name,
    }
}
