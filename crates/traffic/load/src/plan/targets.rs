//! Files of targets in the two formats of vegeta, which many people have lying around.
//!
//! The http format is a request line, header lines, and `@FILE` for a body, one target after
//! another; the json format is one object a line, its body in base64. Which of them a file has
//! is told by its first character. Paths of bodies are relative to the working directory, as
//! they are for vegeta (`lib/targets.go`, v12). A URL without a host is one of `base`.

use super::request::{Request, Url};
use crate::LoadError;
use base64::Engine as _;
use std::path::Path;

/// Reads the targets in the file at `path`; a target whose URL begins with a slash belongs to
/// the server of `base`.
///
/// # Errors
/// A file that cannot be read, or the first line of it that makes no sense.
pub fn read(path: &Path, base: Option<&str>) -> Result<Vec<Request>, LoadError> {
    let cause = |cause| LoadError::Read { path: path.to_owned(), cause };
    let text = std::fs::read(path).map_err(cause)?;
    let text = String::from_utf8(text)
        .map_err(|error| cause(std::io::Error::new(std::io::ErrorKind::InvalidData, error)))?;
    parse(&text, path, base)
}

/// Like [`read`], of a text that errors name `path`.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str, path: &Path, base: Option<&str>) -> Result<Vec<Request>, LoadError> {
    let place = Place { path, base };
    let json = text.trim_start().starts_with('{');
    let requests = if json { place.json(text)? } else { place.http(text)? };
    if requests.is_empty() {
        return Err(place.problem(1, "there is no target in the file"));
    }
    Ok(requests)
}

struct Place<'a> {
    path: &'a Path,
    base: Option<&'a str>,
}

impl Place<'_> {
    fn http(&self, text: &str) -> Result<Vec<Request>, LoadError> {
        let mut requests: Vec<Request> = Vec::new();
        let mut open = false;
        for (index, line) in text.lines().enumerate() {
            let (line, number) = (line.trim(), index + 1);
            if line.is_empty() {
                open = false;
            } else if line.starts_with('#') {
                continue;
            } else if let Some((method, url)) = request_line(line) {
                requests.push(self.request(number, method, url)?);
                open = true;
            } else if let Some(request) = requests.last_mut().filter(|_| open) {
                self.detail(number, line, request)?;
            } else {
                return Err(self.problem(number, &format!("{line:?} is not METHOD URL")));
            }
        }
        Ok(requests)
    }

    /// A header, or where the body is.
    fn detail(&self, number: usize, line: &str, request: &mut Request) -> Result<(), LoadError> {
        if let Some(file) = line.strip_prefix('@') {
            request.body = std::fs::read(file)
                .map_err(|error| self.problem(number, &format!("cannot read {file}: {error}")))?;
            return Ok(());
        }
        let header = line.split_once(':').map(|(name, value)| (name.trim(), value.trim()));
        let Some((name, value)) = header.filter(|(name, _)| is_header_name(name)) else {
            return Err(self.problem(number, &format!("{line:?} is not NAME: VALUE or @BODYFILE")));
        };
        request.headers.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    fn json(&self, text: &str) -> Result<Vec<Request>, LoadError> {
        let mut requests = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if !line.trim().is_empty() {
                requests.push(self.object(index + 1, line)?);
            }
        }
        Ok(requests)
    }

    fn object(&self, number: usize, line: &str) -> Result<Request, LoadError> {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line)
            .map_err(|error| self.problem(number, &format!("not a JSON object: {error}")))?;
        let text = |key: &str| match object.get(key) {
            None | Some(serde_json::Value::Null) => Ok(""),
            Some(serde_json::Value::String(text)) => Ok(text.as_str()),
            Some(_) => Err(self.problem(number, &format!("{key} is not a string"))),
        };
        let method = Some(text("method")?).filter(|method| !method.is_empty());
        let method = method.ok_or_else(|| self.problem(number, "the method is missing"))?;
        let mut request = self.request(number, method, text("url")?)?;
        request.body = base64::engine::general_purpose::STANDARD
            .decode(text("body")?)
            .map_err(|error| self.problem(number, &format!("body is not base64: {error}")))?;
        let headers = match object.get("header") {
            None | Some(serde_json::Value::Null) => return Ok(request),
            Some(serde_json::Value::Object(headers)) => headers,
            Some(_) => return Err(self.problem(number, "header is not an object")),
        };
        for (name, values) in headers {
            let problem =
                || self.problem(number, &format!("header {name:?} is not a list of strings"));
            let values = values.as_array().filter(|_| is_header_name(name)).ok_or_else(problem)?;
            for value in values {
                let value = value.as_str().ok_or_else(problem)?;
                request.headers.push((name.clone(), value.to_owned()));
            }
        }
        Ok(request)
    }

    fn request(&self, number: usize, method: &str, url: &str) -> Result<Request, LoadError> {
        let url = match (url.starts_with('/'), self.base) {
            (false, _) => url.to_owned(),
            (true, Some(base)) => {
                let base = Url::parse(base)?;
                let scheme = if base.https { "https" } else { "http" };
                format!("{scheme}://{}{url}", base.authority)
            }
            (true, None) => return Err(self.problem(number, "the URL names no host")),
        };
        Url::parse(&url).map_err(|error| self.problem(number, &error.to_string()))?;
        Ok(Request::new(method, &url))
    }

    fn problem(&self, line: usize, problem: &str) -> LoadError {
        LoadError::Target { path: self.path.to_owned(), line, problem: problem.to_owned() }
    }
}

/// `GET http://…`: a word in capitals, then one that looks like a URL.
fn request_line(line: &str) -> Option<(&str, &str)> {
    let (method, url) = line.split_once(char::is_whitespace)?;
    let url = url.trim();
    let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_url = url.starts_with('/') || url.contains("://");
    (is_method && is_url).then_some((method, url))
}

fn is_header_name(name: &str) -> bool {
    http::HeaderName::from_bytes(name.as_bytes()).is_ok()
}

#[cfg(test)]
#[path = "targets_tests.rs"]
mod tests;
