//! Words of a line, as a shell reads them.

/// The words of a line, or nothing where a quote does not end on it. Outside of a shell's line a backslash is for itself, and so
/// is `#`.
pub(super) fn words(line: &str, shell: bool) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut signs = line.chars().peekable();
    while let Some(c) = signs.next() {
        let meant = match (quote, c) {
            (Some(end), c) if c == end => {
                quote = None;
                continue;
            }
            (Some('"'), '\\') => signs
                .next_if(|next| matches!(next, '"' | '\\' | '$' | '`'))
                .unwrap_or(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
                continue;
            }
            (None, '\\') if shell => signs.next().unwrap_or(c),
            (None, '#') if shell && word.is_none() => break,
            (None, c) if c.is_whitespace() => {
                found.extend(word.take());
                continue;
            }
            (Some(_) | None, c) => c,
        };
        word.get_or_insert_default().push(meant);
    }
    found.extend(word);
    quote.is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_a_shell() {
        for (line, expected) in [
            ("", Some(vec![])),
            ("--a=b  --c", Some(vec!["--a=b", "--c"])),
            ("--a 'b c'\td", Some(vec!["--a", "b c", "d"])),
            ("--a=\"b c\"'d'e", Some(vec!["--a=b cde"])),
            ("\"\" ''", Some(vec!["", ""])),
            ("a\\ b \\'c", Some(vec!["a b", "'c"])),
            ("'a\\.b' \"a\\.b\" \"\\\"\\\\\"", Some(vec!["a\\.b", "a\\.b", "\"\\"])),
            ("a#b # c", Some(vec!["a#b"])),
            ("'a", None),
            ("a\"", None),
        ] {
            let expected = expected.map(|words| words.into_iter().map(str::to_owned).collect());
            assert_eq!(words(line, true), expected, "{line}");
        }
    }

    #[test]
    fn outside_of_a_shell_signs_are_for_themselves() {
        let found = words("--skip-auth-route=^/[a-z]+\\.js$ 'a b' # c", false).unwrap();
        assert_eq!(found, ["--skip-auth-route=^/[a-z]+\\.js$", "a b", "#", "c"]);
    }
}
