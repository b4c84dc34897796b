//! Go symbol names, brought to one spelling.
//!
//! The same function is spelt in several ways, by Go version, by whether it was inlined and by who
//! prints it (a race report, a panic trace, `catch`). Identity needs one spelling:
//! [`canonical_function`]. Which spellings exist was found by running the same programs under
//! Go 1.21 to 1.27; the compiler makes them in `cmd/compile/internal/ir/func.go` (`closureName`).

use std::borrow::Cow;

/// `name` without what differs between builds and Go versions.
///
/// - type arguments: `main.(*Ring[go.shape.int]).Push` is `main.(*Ring[...]).Push`, as panics print it;
/// - closures of package variables: `main.glob..func1` (Go 1.21) is `main.init.func1`;
/// - loop bodies of range-over-func: `main.f-range1` is `main.f`;
/// - method values: `main.(*T).Run-fm` is `main.(*T).Run`;
/// - closures inlined with their function: `main.(*A).f.(*B).g.func1` is `main.(*B).g.func1`;
/// - vendored packages: `app/vendor/github.com/x/y.F` is `github.com/x/y.F`.
///
/// The linker's escapes (`gopkg.in/check%2ev1.F`) stay: everybody prints them alike.
pub fn canonical_function(name: &str) -> String {
    let name = elide_type_arguments(name);
    let name = name.strip_suffix("-fm").unwrap_or(&name);
    let name = name.split_once(" [clone ").map_or(name, |(name, _)| name);
    let name = strip_vendor(name).replace(".glob..", ".init.");
    inner_receiver(&strip_ranges(&name))
}

/// What to call a function in one line: `github.com/acme/shop/cart.(*Cart).Add` is `cart.(*Cart).Add`.
pub fn short_function(name: &str) -> String {
    let name = canonical_function(name);
    let before_generics = name.find('[').unwrap_or(name.len());
    match name[..before_generics].rfind('/') {
        Some(slash) => name[slash + 1..].to_owned(),
        None => name,
    }
}

/// The import path of the package that `name` belongs to: `main`, `github.com/x/y`, `gopkg.in/check.v1`.
pub fn package_of(name: &str) -> Cow<'_, str> {
    unescape(strip_vendor(package_prefix(name)))
}

/// The package part of `name` as it stands there.
pub fn package_prefix(name: &str) -> &str {
    let plain = name.split('[').next().unwrap_or(name);
    let after = plain.rfind('/').map_or(0, |slash| slash + 1);
    match plain[after..].find('.') {
        Some(dot) => &plain[..after + dot],
        None => plain,
    }
}

/// Whether the compiler made the function for a `go` or `defer` statement: no code of anybody's.
/// `.gowrapN` and `.deferwrapN` since Go 1.22, `·dwrap·N` in Go 1.17; Go 1.18 to 1.21 spell it like a closure.
pub fn is_wrapper(name: &str) -> bool {
    let Some(last) = name.rsplit(['.', '·']).next() else { return false };
    let is_numbered = |prefix: &str| {
        last.strip_prefix(prefix).is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
    };
    is_numbered("gowrap") || is_numbered("deferwrap") || name.contains("·dwrap·")
}

/// The function around a closure: `main.f` for `main.f.func1` and for `main.f.func1.2`.
/// `None` for a function that is no closure.
pub(crate) fn closure_parent(canonical: &str) -> Option<&str> {
    let mut at = canonical.len();
    let mut found = None;
    while let Some(dot) = canonical[..at].rfind('.') {
        let part = &canonical[dot + 1..at];
        if part.strip_prefix("func").is_some_and(is_number) {
            found = Some(&canonical[..dot]);
        } else if !is_number(part) {
            break;
        }
        at = dot;
    }
    found
}

/// The receiver type of a method, pointer or not: `main.Cart` for `main.(*Cart).Add` and `main.Cart.Total`.
pub(crate) fn receiver_of(canonical: &str) -> Option<String> {
    let package = package_prefix(canonical);
    let method = canonical.strip_prefix(package)?.strip_prefix('.')?;
    let receiver = match method.strip_prefix("(*") {
        Some(rest) => rest.split(')').next()?,
        None => method.split_once('.').filter(|(_, rest)| !rest.starts_with("func"))?.0,
    };
    Some(format!("{package}.{receiver}"))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Undoes the linker's escapes of a package path, of which `%2e` is the one seen in practice.
/// Source: `cmd/internal/objabi/path.go`, `PathToPrefix`.
fn unescape(name: &str) -> Cow<'_, str> {
    if name.contains('%') {
        Cow::Owned(name.replace("%2e", ".").replace("%22", "\"").replace("%25", "%"))
    } else {
        Cow::Borrowed(name)
    }
}

/// `[anything]` becomes `[...]`; empty brackets (`operator[]`) stay.
fn elide_type_arguments(name: &str) -> String {
    if !name.contains('[') {
        return name.to_owned();
    }
    let mut out = String::with_capacity(name.len());
    let mut depth = 0_usize;
    for (at, letter) in name.char_indices() {
        match letter {
            '[' if depth == 0
                && !name[at..].starts_with("[]")
                && !name[at..].starts_with("[clone ") =>
            {
                out.push_str("[...");
                depth = 1;
            }
            '[' if depth > 0 => depth += 1,
            ']' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    out.push(']');
                }
            }
            _ if depth == 0 => out.push(letter),
            _ => {}
        }
    }
    out
}

fn strip_vendor(name: &str) -> &str {
    if let Some(at) = name.rfind("/vendor/") {
        return &name[at + "/vendor/".len()..];
    }
    name.strip_prefix("vendor/").unwrap_or(name)
}

/// Drops every `-rangeN`.
fn strip_ranges(name: &str) -> String {
    let mut parts = name.split("-range");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(part.trim_start_matches(|letter: char| letter.is_ascii_digit()));
    }
    out
}

/// Of two receivers in one name, the inner one: its function was inlined into the outer's.
fn inner_receiver(name: &str) -> String {
    let package = package_prefix(name);
    let (Some(first), Some(last)) = (name.find(".(*"), name.rfind(".(*")) else {
        return name.to_owned();
    };
    if first == last && first == package.len() {
        return name.to_owned();
    }
    format!("{package}{}", &name[last..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_function_become_one() {
        for (printed, canonical) in [
            ("main.(*Ring[go.shape.*uint8]).Push", "main.(*Ring[...]).Push"),
            ("main.(*Ring[...]).Push", "main.(*Ring[...]).Push"),
            ("main.Map[go.shape.struct { a.b/c.F [2]int },go.shape.string]", "main.Map[...]"),
            ("main.glob..func1", "main.init.func1"),
            ("main.f-range1", "main.f"),
            ("main.f.func2-range12.func1", "main.f.func2.func1"),
            ("main.(*T).Run-fm", "main.(*T).Run"),
            ("main.(*A).f.(*B).g.func1", "main.(*B).g.func1"),
            ("main.main.(*B).g.func1", "main.(*B).g.func1"),
            ("gopkg.in/check%2ev1.(*C).Run", "gopkg.in/check%2ev1.(*C).Run"),
            ("app/vendor/github.com/x/y.F", "github.com/x/y.F"),
            ("vendor/golang.org/x/net/idna.F", "golang.org/x/net/idna.F"),
            ("Cache::operator[](int) [clone .isra.0]", "Cache::operator[](int)"),
        ] {
            assert_eq!(canonical_function(printed), canonical, "{printed}");
        }
    }

    #[test]
    fn the_package_ends_at_the_first_dot_behind_the_last_slash() {
        assert_eq!(package_of("main.(*Cart).Add"), "main");
        assert_eq!(package_of("github.com/x/y.v2/z.F"), "github.com/x/y.v2/z");
        assert_eq!(package_of("gopkg.in/check%2ev1.(*C).Run"), "gopkg.in/check.v1");
        assert_eq!(package_of("main.Map[github.com/x/y.T]"), "main");
        assert_eq!(package_of("main"), "main");
    }

    #[test]
    fn wrappers_of_go_and_defer_statements_are_told_from_closures() {
        for wrapper in ["main.f.gowrap2", "main.main.deferwrap1", "main.f·dwrap·1"] {
            assert!(is_wrapper(wrapper), "{wrapper}");
        }
        for code in ["main.f.func1", "main.gowrapper", "main.f"] {
            assert!(!is_wrapper(code), "{code}");
        }
    }

    #[test]
    fn a_closure_knows_the_function_around_it() {
        assert_eq!(closure_parent("main.main.func1"), Some("main.main"));
        assert_eq!(closure_parent("main.main.func1.2"), Some("main.main"));
        assert_eq!(closure_parent("main.(*T).Run.func3.func1"), Some("main.(*T).Run"));
        assert_eq!(closure_parent("main.main"), None);
        assert_eq!(closure_parent("main.init.0"), None);
    }

    #[test]
    fn a_receiver_is_the_same_by_value_and_by_pointer() {
        assert_eq!(receiver_of("main.(*Cart).Add").as_deref(), Some("main.Cart"));
        assert_eq!(receiver_of("a.b/c.Cart.Total").as_deref(), Some("a.b/c.Cart"));
        assert_eq!(receiver_of("main.main"), None);
        assert_eq!(receiver_of("main.main.func1"), None);
    }
}
