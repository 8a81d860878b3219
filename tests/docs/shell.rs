//! The `doorward` commands in a piece of shell.

/// Each command that begins with `doorward`, as its words.
pub fn commands(text: &str) -> Vec<Vec<String>> {
    let joined = text.replace("\\\n", " ");
    let simple = joined.lines().flat_map(simple_commands);
    simple.filter_map(|words| of_ours(&words)).collect()
}

/// Words that stand before a command.
const BEFORE: [&str; 10] = ["$", "if", "then", "elif", "else", "while", "!", "exec", "sudo", "env"];

fn of_ours(words: &[String]) -> Option<Vec<String>> {
    let assignment = |word: &str| word.split_once('=').is_some_and(|(name, _)| !name.contains(['-', '/']));
    let mut words = words
        .iter()
        .skip_while(|word| BEFORE.contains(&word.as_str()) || assignment(word));
    let first = words.next()?;
    (first == "doorward" || first.ends_with("/doorward"))
        .then(|| std::iter::once("doorward".to_owned()).chain(words.cloned()).collect())
}

/// A line, cut at `;`, `|`, `&`, `(` and `)`, without quotes, redirections and comments.
fn simple_commands(line: &str) -> Vec<Vec<String>> {
    let (mut all, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let mut quote = None;
    let mut skip_next = false;
    let end_word = |word: &mut Option<String>, words: &mut Vec<String>, skip_next: &mut bool| {
        if let Some(word) = word.take()
            && !std::mem::take(skip_next)
        {
            words.push(word);
        }
    };
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, '>' | '<') => {
                // `2>` is no word.
                if word
                    .as_deref()
                    .is_some_and(|word| word.chars().all(|c| c.is_ascii_digit()))
                {
                    word = None;
                }
                end_word(&mut word, &mut words, &mut skip_next);
                skip_next = true;
            }
            (None, ';' | '|' | '&' | '(' | ')') => {
                end_word(&mut word, &mut words, &mut skip_next);
                all.push(std::mem::take(&mut words));
            }
            (None, c) if c.is_whitespace() => end_word(&mut word, &mut words, &mut skip_next),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    end_word(&mut word, &mut words, &mut skip_next);
    all.push(words);
    all
}
