//! On which line of a file a key stands.

use toml::de::{DeTable, DeValue};

/// The line (from 1) of `key`, written like `proxy.mirror[0].share`; of the innermost table around it
/// when the key itself is not there. `None` when not even its first part is.
pub(crate) fn line_of(text: &str, key: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut place = None;
    for part in key.split('.') {
        let (name, index) = match part.split_once('[') {
            Some((name, index)) => (name, index.trim_end_matches(']').parse::<usize>().ok()),
            None => (part, None),
        };
        let Some((key, mut value)) = table.iter().find(|(key, _)| key.get_ref() == name) else {
            break;
        };
        place = Some(key.span().start);
        if let (Some(index), DeValue::Array(list)) = (index, value.get_ref())
            && let Some(element) = list.get(index)
        {
            place = Some(element.span().start);
            value = element;
        }
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    place.map(|at| text[..at].matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_on_its_line_and_a_missing_one_at_its_table() {
        let text = "[proxy]\nstable = \"a\"\ncanary = { share = \"2%\" }\n\n[[proxy.mirror]]\nname = \"a\"\n\
                    [[proxy.mirror]]\nname = \"b\"\n[proxy.mirror.headers]\nremove = []\n";
        for (key, line) in [
            ("proxy.stable", Some(2)),
            ("proxy.canary.share", Some(3)),
            ("proxy.mirror[0].name", Some(6)),
            ("proxy.mirror[1].name", Some(8)),
            ("proxy.mirror[1].share", Some(7)),
            ("proxy.mirror[1].headers.remove", Some(10)),
            ("load.rate", None),
        ] {
            assert_eq!(line_of(text, key), line, "{key}");
        }
    }
}
