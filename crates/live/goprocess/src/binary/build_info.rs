//! What the go command wrote into a program about its making.
//!
//! The section `.go.buildinfo` begins with a magic number and holds, since Go 1.18, two strings: the
//! version and the module lines. Source: `debug/buildinfo/buildinfo.go`, Go 1.27.

use super::Binary;
use crate::LinkAddr;
use crate::bytes::{u8_at, uvarint};

const MAGIC: &[u8] = b"\xff Go buildinf:";
const HEADER: usize = 32;
/// The strings stand in the blob itself (since Go 1.18).
const INLINE: u8 = 2;
/// More than this, of both strings together, is not read.
const LARGEST: u64 = 4 << 20;

/// How a program was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildInfo {
    /// `go1.26.6`, or `go1.26.6 X:nodwarf5` with experiments.
    pub go_version: String,
    /// The import path of its main package; absent in some builds by other tools.
    pub path: Option<String>,
    /// The module of its main package.
    pub module: Option<String>,
    /// Its version: `v1.4.2`, or one made of the commit; `None` where the go command knew none.
    pub module_version: Option<String>,
    /// Flags and environment: `-race`, `CGO_ENABLED`, `vcs.revision`, …
    pub settings: Vec<(String, String)>,
}

impl BuildInfo {
    /// 26 of `go1.26.6`; `None` for versions spelt otherwise (`devel …`).
    pub fn minor(&self) -> Option<u32> {
        let rest = self.go_version.split_once("go1.")?.1;
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        rest[..digits].parse().ok()
    }

    /// A setting's value: `setting("-race")`.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Reads it out of `binary`.
    pub(crate) fn read(binary: &Binary) -> Option<BuildInfo> {
        let start = match binary.section(".go.buildinfo") {
            Some(section) => section.address,
            None => search(binary)?,
        };
        let blob = binary.bytes(start, binary.available(start)?.min(LARGEST))?;
        parse(&blob)
    }
}

/// Where the blob is in a file without sections: at the beginning of a writable segment, 16-aligned.
fn search(binary: &Binary) -> Option<LinkAddr> {
    binary.segments().iter().filter(|segment| segment.writable).find_map(|segment| {
        let head = binary.bytes(segment.address, segment.file_size.min(1 << 20))?;
        let at = head.chunks(16).position(|line| line.starts_with(MAGIC))?;
        Some(LinkAddr(segment.address.0 + 16 * at as u64))
    })
}

fn parse(blob: &[u8]) -> Option<BuildInfo> {
    if !blob.starts_with(MAGIC) || u8_at(blob, 15)? & INLINE == 0 {
        return None;
    }
    let (version, rest) = string(blob.get(HEADER..)?)?;
    let mut info = BuildInfo { go_version: version, ..BuildInfo::default() };
    // The module lines stand between two markers of 16 bytes.
    let (len, skip) = uvarint(rest).unwrap_or_default();
    let len = usize::try_from(len).unwrap_or(0);
    let lines = rest.get(skip..).and_then(|rest| rest.get(..len)).unwrap_or_default();
    let lines = lines.get(16..lines.len().saturating_sub(16)).unwrap_or_default();
    for line in String::from_utf8_lossy(lines).lines() {
        let Some((kind, rest)) = line.split_once('\t') else { continue };
        match kind {
            "path" => info.path = Some(rest.to_owned()),
            "mod" => {
                let mut fields = rest.split('\t');
                info.module = fields.next().map(str::to_owned);
                let version = fields.next().filter(|version| version.starts_with('v'));
                info.module_version = version.map(str::to_owned);
            }
            "build" => {
                if let Some((name, value)) = rest.split_once('=') {
                    info.settings.push((name.to_owned(), unquote(value)));
                }
            }
            _ => {}
        }
    }
    Some(info)
}

/// A length and that many bytes.
fn string(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (len, skip) = uvarint(bytes)?;
    let (text, rest) = bytes.get(skip..)?.split_at_checked(usize::try_from(len).ok()?)?;
    Some((String::from_utf8(text.to_vec()).ok()?, rest))
}

/// Values with odd characters stand in Go's quotes.
fn unquote(value: &str) -> String {
    match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
        Some(inside) => inside.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(version: &str, lines: &str) -> Vec<u8> {
        let mut blob = MAGIC.to_vec();
        blob.extend([8, INLINE]);
        blob.resize(HEADER, 0);
        let lines = format!("{0}{lines}{0}", "0123456789abcdef");
        for text in [version, &lines] {
            let len = text.len();
            blob.extend([len as u8 | 0x80, (len >> 7) as u8]);
            blob.extend(text.as_bytes());
        }
        blob
    }

    #[test]
    fn version_module_and_settings_are_read() {
        let lines = "path\tshop/cmd/api\nmod\tshop\t(devel)\t\nbuild\t-race=true\n\
                     build\t-ldflags=\"-s -w\"\n";
        let info = parse(&blob("go1.26.6", lines)).unwrap();
        assert_eq!(info.minor(), Some(26));
        assert_eq!(info.module.as_deref(), Some("shop"));
        assert_eq!(info.setting("-race"), Some("true"));
        assert_eq!(info.setting("-ldflags"), Some("-s -w"));
        assert_eq!(info.setting("-trimpath"), None);
    }

    #[test]
    fn a_blob_cut_anywhere_does_no_harm() {
        let whole = blob("go1.26.6", "path\tx\n");
        for end in 0..whole.len() {
            if let Some(info) = parse(&whole[..end]) {
                assert_eq!(info.go_version, "go1.26.6");
            }
        }
    }

    #[test]
    fn odd_versions_have_no_minor() {
        let of = |version: &str| {
            BuildInfo { go_version: version.to_owned(), ..BuildInfo::default() }.minor()
        };
        assert_eq!(of("go1.27rc1"), Some(27));
        assert_eq!(of("devel go1.28-abcdef"), Some(28));
        assert_eq!(of("devel +abcdef"), None);
    }
}
