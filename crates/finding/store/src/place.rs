//! Where findings are kept: a file, or a Postgres for a fleet.
//!
//! The address of a Postgres may hold a password, so it is never shown whole, not even by `Debug`.
//! Start at [`StorePlace::from`].

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where findings are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorePlace {
    /// One SQLite file.
    File(PathBuf),
    /// A database of its own in a Postgres.
    Postgres(PostgresUrl),
}

/// `postgres://user:password@host:5432/findings?sslmode=require`, as libpq takes it.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

impl StorePlace {
    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            StorePlace::File(path) => Some(path),
            StorePlace::Postgres(_) => None,
        }
    }

    /// The same wherever the program stands: names this place for good, without a password.
    pub fn name(&self) -> String {
        match self {
            StorePlace::File(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                path.to_string_lossy().into_owned()
            }
            StorePlace::Postgres(url) => url.to_string(),
        }
    }

    /// As a flag of another photofinish takes it. What is secret stays out of it where the other one has
    /// it from the environment.
    pub fn flag(&self) -> OsString {
        match self {
            StorePlace::File(path) => path.clone().into(),
            StorePlace::Postgres(url) if std::env::var_os("PGPASSWORD").is_some() => {
                url.without_password().into()
            }
            StorePlace::Postgres(url) => url.0.clone().into(),
        }
    }
}

impl PostgresUrl {
    /// All of it.
    pub(crate) fn whole(&self) -> &str {
        &self.0
    }

    fn without_password(&self) -> String {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("postgres", &self.0));
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let authority = match authority.rsplit_once('@') {
            Some((user, host)) => {
                let user = user.split_once(':').map_or(user, |(user, _)| user);
                format!("{user}@{host}")
            }
            None => authority.to_owned(),
        };
        format!("{scheme}://{authority}{path}")
    }
}

impl fmt::Display for PostgresUrl {
    /// Without the password and without parameters, which may hold another.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.without_password();
        f.write_str(shown.split('?').next().unwrap_or_default())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

impl fmt::Display for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorePlace::File(path) => path.display().fmt(f),
            StorePlace::Postgres(url) => url.fmt(f),
        }
    }
}

impl From<PathBuf> for StorePlace {
    /// What begins with `postgres://` or `postgresql://` is an address, all else a file.
    fn from(path: PathBuf) -> StorePlace {
        match path.to_str() {
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                StorePlace::Postgres(PostgresUrl(url.to_owned()))
            }
            _ => StorePlace::File(path),
        }
    }
}

impl From<&Path> for StorePlace {
    fn from(path: &Path) -> StorePlace {
        path.to_owned().into()
    }
}

impl From<&PathBuf> for StorePlace {
    fn from(path: &PathBuf) -> StorePlace {
        path.clone().into()
    }
}

impl From<OsString> for StorePlace {
    fn from(text: OsString) -> StorePlace {
        PathBuf::from(text).into()
    }
}

impl From<&str> for StorePlace {
    fn from(text: &str) -> StorePlace {
        PathBuf::from(text).into()
    }
}

impl From<&StorePlace> for StorePlace {
    fn from(place: &StorePlace) -> StorePlace {
        place.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://mia:se:c@ret@db:5432/findings", "postgres://mia@db:5432/findings"),
            ("postgresql://mia@db/findings?password=secret", "postgresql://mia@db/findings"),
            ("postgres://db?host=/run&password=secret", "postgres://db"),
            ("postgres://", "postgres://"),
        ] {
            let place = StorePlace::from(url);
            assert_eq!(place.to_string(), shown);
            assert_eq!(place.name(), shown);
            assert!(!format!("{place:?}").contains("sec"), "{place:?}");
        }
    }

    #[test]
    fn what_is_no_address_is_a_file() {
        for path in ["findings.db", "/var/lib/findings", "postgres:/x", "./postgres://x"] {
            assert_eq!(StorePlace::from(path).file(), Some(Path::new(path)));
        }
    }
}
