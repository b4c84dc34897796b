//! The two lines of a Go frame: the function, then the place.
//!
//! Both are read from the right, because what stands on the left is not ours: a prefix that
//! nobody announced, or the beginning of a line that another goroutine was writing. File names
//! hold blanks, function names hold brackets with blanks in them; neither holds what ends it.
//!
//! Start at [`parse_function`] and [`parse_place`].

/// `main.(*Cart).Add()`, `main.f(0xc000012345, {0x4bad63?, 0x1})`, `main.f(...)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FunctionLine<'a> {
    /// Where in the text the name starts.
    pub(crate) start: usize,
    pub(crate) name: &'a str,
    /// What stands in the parentheses.
    pub(crate) args: &'a str,
    pub(crate) quality: Quality,
}

/// How sure it is that the line is a frame's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Quality {
    /// Ends like one, behind other words: somebody's sentence, or an unknown prefix.
    Weak,
    /// Behind something else, with the two blanks that indent a frame.
    Glued,
    /// Nothing else stands in the line.
    Exact,
}

/// `/home/ci/shop/main.go:11 +0x39`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlaceLine<'a> {
    /// Where in the text the file starts.
    pub(crate) start: usize,
    /// `None` if the program had no name for it.
    pub(crate) file: Option<&'a str>,
    pub(crate) line: Option<u32>,
    pub(crate) offset: Option<u64>,
}

/// The function that `text` ends with.
pub(crate) fn parse_function(text: &str) -> Option<FunctionLine<'_>> {
    let text = text.trim_end();
    let inner = text.strip_suffix(')')?;
    let open = opening(inner)?;
    let (callee, args) = (&inner[..open], &inner[open + 1..]);
    let start = name_start(callee);
    let name = &callee[start..];
    let before = &callee[..start];
    let quality = match () {
        () if before.trim().is_empty() => Quality::Exact,
        () if before.ends_with("  ") => Quality::Glued,
        () if before.ends_with(' ') => Quality::Weak,
        () => return None,
    };
    (is_name(name, quality) && plausible_args(args)).then_some(FunctionLine {
        start,
        name,
        args,
        quality,
    })
}

/// Where the parenthesis opens that the end of `inner` closes.
fn opening(inner: &str) -> Option<usize> {
    if inner.ends_with('(') {
        return Some(inner.len() - 1);
    }
    let mut depth = 0usize;
    for (at, byte) in inner.bytes().enumerate().rev() {
        match byte {
            b')' => depth += 1,
            b'(' if depth == 0 => return Some(at),
            b'(' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Where the symbol starts that `text` ends with.
fn name_start(text: &str) -> usize {
    let mut depth = 0usize;
    let mut start = text.len();
    for (at, c) in text.char_indices().rev() {
        match c {
            ']' | ')' | '}' => depth += 1,
            '[' | '(' | '{' if depth > 0 => depth -= 1,
            _ if depth > 0 => {}
            _ if in_name(c) => {}
            _ => break,
        }
        if depth == 0 {
            start = at;
        }
    }
    start
}

fn in_name(c: char) -> bool {
    c.is_alphanumeric() || "_.-/~%@*·+$?!".contains(c)
}

/// Whether `name` can be a Go symbol, or one that cgo brought along.
fn is_name(name: &str, quality: Quality) -> bool {
    let dotted = name.find('.').is_some_and(|dot| dot > 0 && dot + 1 < name.len());
    let special = matches!(name, "??" | "panic" | "-") || name.starts_with("_cgo");
    let plain = quality == Quality::Exact
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
        && name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    !name.starts_with(['.', '[', '{', '(']) && (dotted || special || plain)
}

/// What a traceback prints as arguments: numbers, `...`, `{…}`, `?`, `_`.
fn plausible_args(args: &str) -> bool {
    args.is_empty()
        || args == "..."
        || args.chars().all(|c| c.is_ascii_hexdigit() || "x, {}.?_".contains(c))
}

/// The place that `text` ends with. Without `+0x…` only if `bare` is set and it looks like a file.
pub(crate) fn parse_place(text: &str, bare: bool) -> Option<PlaceLine<'_>> {
    let mut text = text.trim_end();
    // `fp=0x… sp=0x… pc=0x…`, with GOTRACEBACK=system.
    for register in [" pc=0x", " sp=0x", " fp=0x"] {
        if let Some(at) = text.rfind(register)
            && text[at + register.len()..].bytes().all(|b| b.is_ascii_hexdigit())
        {
            text = text[..at].trim_end();
        }
    }
    let (place, offset) = match text.rfind(" +0x") {
        Some(at) => {
            let digits = &text[at + 4..];
            (text[..at].trim_end(), Some(u64::from_str_radix(digits, 16).ok()?))
        }
        None => (text, None),
    };
    let colon = place.rfind(':')?;
    let line: u32 = place[colon + 1..].parse().ok()?;
    let path = &place[..colon];
    let start = path_start(path);
    let file = &path[start..];
    if file.is_empty() || (offset.is_none() && !(bare && is_source(file))) {
        return None;
    }
    let file = Some(file).filter(|file| *file != "-" && *file != "?");
    Some(PlaceLine { start, file, line: (line > 0).then_some(line), offset })
}

/// Where the file starts in `path`, which may have other things in front.
fn path_start(path: &str) -> usize {
    let trimmed = path.len() - path.trim_start().len();
    let start = path.rfind("  ").map_or(trimmed, |gap| gap + 2).max(trimmed);
    let rest = &path[start..];
    if is_rooted(rest) || !rest.contains(' ') {
        return start;
    }
    let root = rest.match_indices(' ').find(|(at, _)| is_rooted(&rest[at + 1..]));
    let last = || rest.rfind(' ').filter(|at| rest[at + 1..].contains('/') || is_source(rest));
    root.map(|(at, _)| at).or_else(last).map_or(start, |at| start + at + 1)
}

/// Whether `text` starts as an absolute path does.
fn is_rooted(text: &str) -> bool {
    let drive = text.as_bytes();
    text.starts_with('/')
        || text.starts_with("<autogenerated>")
        || (drive.len() > 2
            && drive[0].is_ascii_alphabetic()
            && drive[1] == b':'
            && matches!(drive[2], b'/' | b'\\'))
}

/// Whether `file` is named like source code.
fn is_source(file: &str) -> bool {
    const SOURCES: &[&str] = &[
        ".go",
        ".s",
        ".S",
        ".c",
        ".cc",
        ".cpp",
        ".cxx",
        ".h",
        ".hpp",
        ".m",
        ".mm",
        ".rs",
        ".y",
        "<autogenerated>",
    ];
    SOURCES.iter().any(|end| file.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn name(line: &str) -> (&str, Quality) {
        let function = parse_function(line).expect(line);
        (function.name, function.quality)
    }

    #[test]
    fn functions_are_found_from_the_right() {
        use Quality::*;
        assert_eq!(name("  main.(*Cart).Add()"), ("main.(*Cart).Add", Exact));
        assert_eq!(name("main.F[go.shape.struct { A int; B string }]()").1, Exact);
        assert_eq!(name("main.F[...](0x1, {0x2?, 0x3})"), ("main.F[...]", Exact));
        assert_eq!(name("main.(*R[go.shape.*uint8]).Push()").0, "main.(*R[go.shape.*uint8]).Push");
        assert_eq!(name("{\"l\":\"I\"}  main.(*Cart).Add()"), ("main.(*Cart).Add", Glued));
        assert_eq!(name("gopkg.in/check%2ev1.(*C).f-fm()").1, Exact);
        assert_eq!(name("??()"), ("??", Exact));
        assert_eq!(name("2026 INFO main.f()"), ("main.f", Weak));
        assert_eq!(name("main.func·001()"), ("main.func·001", Exact));
        assert_eq!(parse_function("I called (twice)"), None);
        assert_eq!(parse_function("done (took 3ms)"), None);
    }

    #[test]
    fn places_are_found_from_the_right() {
        let file = |line| parse_place(line, true).and_then(|place| place.file);
        assert_eq!(file("      C:/Users/x y/p/main.go:12 +0x39"), Some("C:/Users/x y/p/main.go"));
        assert_eq!(file("2026-11-21T10:00:00Z /a b/x.go:12 +0x39"), Some("/a b/x.go"));
        assert_eq!(file("<autogenerated>:1 +0x39"), Some("<autogenerated>"));
        assert_eq!(file("\t/x.go:12 +0x1 fp=0xc0 sp=0xb0 pc=0xa0"), Some("/x.go"));
        assert_eq!(file("      -:0 +0x46aa91"), None);
        assert_eq!(parse_place("listening on 127.0.0.1:8080", true), None);
    }
}
