//! The little of Markdown that we read: fenced code blocks, and sections between markers.

/// A fenced code block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// What stands behind the opening fence: `sh exit=1`.
    pub(crate) info: String,
    /// What is between the fences.
    pub(crate) text: String,
    /// The line of the opening fence, from 1.
    pub(crate) line: usize,
}

/// The fenced code blocks of a text, in order. One without an end goes to the end of the text.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (line_idx, line) in text.lines().enumerate() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(info)) => {
                open = Some(Block {
                    info: info.trim().to_owned(),
                    text: String::new(),
                    line: line_idx + 1,
                });
            }
            (Some(_), Some("")) => blocks.extend(open.take()),
            (Some(block), _) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks.extend(open);
    blocks
}

/// `text` with what is between `<!-- NAME -->` and `<!-- /NAME -->` replaced, or the section appended.
pub(crate) fn replace_section(text: &str, name: &str, content: &str) -> String {
    let (opening, closing) = (format!("<!-- {name} -->"), format!("<!-- /{name} -->"));
    let section = format!("{opening}\n\n{}\n\n{closing}", content.trim());
    let start = text.find(&opening);
    let end =
        start.and_then(|start| text[start..].find(&closing).map(|end| start + end + closing.len()));
    match (start, end) {
        (Some(start), Some(end)) => format!("{}{section}{}", &text[..start], &text[end..]),
        _ => format!("{}\n\n{section}\n", text.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fenced_blocks_come_with_their_words_and_lines() {
        let text = "Do\n\n```sh exit=1\nfalse\n```\n\nor\n\n```\nx\n";
        let found = blocks(text);
        assert_eq!(
            found[0],
            Block { info: "sh exit=1".to_owned(), text: "false\n".to_owned(), line: 3 }
        );
        assert_eq!(found[1], Block { info: String::new(), text: "x\n".to_owned(), line: 9 });
    }

    #[test]
    fn a_section_is_replaced_and_the_rest_stays() {
        let once = replace_section("# Results\n", "load", "| 1 |");
        assert_eq!(once, "# Results\n\n<!-- load -->\n\n| 1 |\n\n<!-- /load -->\n");
        let twice = replace_section(&(once + "\nend\n"), "load", "| 2 |\n");
        assert_eq!(twice, "# Results\n\n<!-- load -->\n\n| 2 |\n\n<!-- /load -->\n\nend\n");
    }
}
