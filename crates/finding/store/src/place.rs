//! Where findings are kept: a file, or a Postgres for a fleet.
//!
//! The address of a Postgres may hold a password, so it is never shown whole, not even by `Debug`.
//! Start at [`StorePlace::from`].

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt;
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

    /// As a flag of another photofinish takes it, without the [`Self::password`], which it is to have as `PGPASSWORD`.
    pub fn flag(&self) -> OsString {
        match self {
            StorePlace::File(path) => path.clone().into(),
            StorePlace::Postgres(url) => url.without_password().into(),
        }
    }

    /// The password that its address holds, for an environment that no process list shows.
    pub fn password(&self) -> Option<OsString> {
        let StorePlace::Postgres(url) = self else { return None };
        let (config, _) = photofinish_postgres_tls::parse(&url.0).ok()?;
        config.get_password().map(|password| OsString::from_vec(password.to_owned()))
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
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let is_open = |pair: &&str| !pair.is_empty() && !pair.starts_with("password=");
        let query: Vec<&str> = query.split('&').filter(is_open).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{scheme}://{authority}{path}{mark}{}", query.join("&"))
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
    fn a_password_can_be_had_apart_from_its_address() {
        for (url, password, rest) in [
            (
                "postgres://mia:a%40b@db/f?sslmode=require",
                "a@b",
                "postgres://mia@db/f?sslmode=require",
            ),
            (
                "postgres://mia@db/f?password=x&sslmode=disable",
                "x",
                "postgres://mia@db/f?sslmode=disable",
            ),
        ] {
            let place = StorePlace::from(url);
            assert_eq!(place.password(), Some(password.into()));
            let StorePlace::Postgres(url) = place else { unreachable!() };
            assert_eq!(url.without_password(), rest);
        }
        assert_eq!(StorePlace::from("postgres://mia@db/f").password(), None);
    }

    #[test]
    fn what_is_no_address_is_a_file() {
        for path in ["findings.db", "/var/lib/findings", "postgres:/x", "./postgres://x"] {
            assert_eq!(StorePlace::from(path).file(), Some(Path::new(path)));
        }
    }
}
