//! The token: what keeps strangers out, and the cookie and form marks made from it.
//!
//! The token itself is sent to the page once, at login; the cookie is an expiry time signed with it, so
//! nothing has to be remembered and a new token ends all sessions. Comparing takes the same time
//! whatever is wrong.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq;

/// Letters a token needs at least: fewer can be guessed.
const SHORTEST: usize = 16;

/// A secret word. Its value is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// Why a token cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Its file cannot be read.
    #[error("cannot read the token in {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// It can be guessed, or has letters that no header may carry.
    #[error("the token in {} {problem}", path.display())]
    Weak {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: &'static str,
    },
}

impl TokenError {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some("make one: head -c 24 /dev/urandom | base64 > FILE".to_owned())
    }
}

impl Token {
    /// The first line of the file at `path`.
    ///
    /// # Errors
    /// It cannot be read, is short, or has spaces or other letters that a header cannot carry.
    pub fn read(path: &Path) -> Result<Token, TokenError> {
        let text = std::fs::read_to_string(path)
            .map_err(|cause| TokenError::Read { path: path.to_owned(), cause })?;
        let token = text.lines().next().unwrap_or_default().trim();
        let weak = |problem| Err(TokenError::Weak { path: path.to_owned(), problem });
        if token.len() < SHORTEST {
            return weak("is shorter than 16 letters");
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return weak("has letters other than visible ASCII");
        }
        Ok(Token(token.to_owned()))
    }

    /// What a header carries.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `word` is it.
    pub(crate) fn is(&self, word: &str) -> bool {
        // Of equal length, so that no length shows.
        let [own, other] = [&self.0, word].map(|word| Sha256::digest(word.as_bytes()));
        own.ct_eq(&other).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Signs what we hand out to see it come back.
#[derive(Clone)]
pub(crate) struct Signer {
    key: Vec<u8>,
}

impl Signer {
    /// With the token's word; without one, with a key that dies with the process.
    pub(crate) fn new(token: Option<&Token>) -> std::io::Result<Signer> {
        let key = match token {
            Some(token) => token.0.clone().into_bytes(),
            None => {
                let mut key = vec![0; 32];
                std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut key)?;
                key
            }
        };
        Ok(Signer { key })
    }

    /// `purpose` and `what`, signed: 64 hexadecimal digits.
    pub(crate) fn sign(&self, purpose: &str, what: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else {
            return String::new(); // never: any length of key will do
        };
        for part in [purpose, "\n", what] {
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether `signature` was made by [`Signer::sign`] of the same.
    pub(crate) fn is_signed(&self, purpose: &str, what: &str, signature: &str) -> bool {
        let own = self.sign(purpose, what);
        !own.is_empty() && bool::from(own.as_bytes().ct_eq(signature.as_bytes()))
    }

    /// A cookie's value that is good until `expiry` (seconds since 1970).
    pub(crate) fn session(&self, expiry: i64) -> String {
        format!("{expiry}.{}", self.sign("session", &expiry.to_string()))
    }

    /// Whether a cookie's value is one of ours and still good.
    pub(crate) fn is_session(&self, value: &str, now: i64) -> bool {
        value.split_once('.').is_some_and(|(expiry, signature)| {
            self.is_signed("session", expiry, signature)
                && expiry.parse::<i64>().is_ok_and(|expiry| expiry > now)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

    use super::*;

    #[test]
    fn a_short_or_strange_token_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        for (text, ok) in [
            ("0123456789abcdef\n", true),
            ("short\n", false),
            ("", false),
            ("0123456789 abcdef", false),
            ("0123456789abcdeü", false),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(Token::read(&path).is_ok(), ok, "{text:?}");
        }
        let error = Token::read(&dir.path().join("none")).unwrap_err();
        assert!(error.to_string().contains("none") && error.hint().is_some());
    }

    #[test]
    fn a_token_is_not_printed() {
        let token = Token("0123456789abcdef".to_owned());
        assert_eq!(format!("{token:?}"), "Token(…)");
        assert!(token.is("0123456789abcdef"));
        assert!(!token.is("0123456789abcdeF") && !token.is("") && !token.is("0123456789abcdef0"));
    }

    #[test]
    fn a_session_is_good_until_it_expires_and_only_for_the_token_it_was_made_with() {
        let signer = Signer::new(Some(&Token("0123456789abcdef".to_owned()))).unwrap();
        let other = Signer::new(Some(&Token("fedcba9876543210".to_owned()))).unwrap();
        let session = signer.session(1_000);
        assert!(signer.is_session(&session, 999));
        assert!(!signer.is_session(&session, 1_000));
        assert!(!other.is_session(&session, 999));
        let longer = session.replacen("1000", "9000", 1);
        assert!(!signer.is_session(&longer, 999));
        for forged in ["", ".", "1000.", "1000", &format!("1000.{}", "0".repeat(64))] {
            assert!(!signer.is_session(forged, 999), "{forged}");
        }
    }
}
