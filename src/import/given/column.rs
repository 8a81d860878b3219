//! Lists in one text.

/// The columns of one line of a table, as a flag's list is read: a comma between double quotes is no end of one.
pub(super) fn columns(line: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut signs = line.chars().peekable();
    let mut quoted = false;
    while let Some(c) = signs.next() {
        let begins = all.last().is_none_or(String::is_empty);
        match c {
            '"' if quoted && signs.next_if_eq(&'"').is_some() => {
                all.last_mut().into_iter().for_each(|one| one.push('"'));
            }
            '"' if quoted || begins => quoted = !quoted,
            ',' if !quoted => all.push(String::new()),
            other => all.last_mut().into_iter().for_each(|one| one.push(other)),
        }
    }
    all
}
