//! Hints in words.

/// The nearest of the names, or all of them when none is near.
pub(in crate::config) fn suggestion(written: &str, names: &[&str]) -> String {
    let near = |name: &str| strsim::jaro_winkler(&written.to_lowercase(), name);
    let best = names
        .iter()
        .map(|name| (near(name), name))
        .max_by(|one, two| one.0.total_cmp(&two.0));
    match best {
        Some((score, name)) if score >= 0.8 => format!("write `{name}`"),
        Some(_) => format!("it may be {}", names.join(", ")),
        None => String::new(),
    }
}

/// The first sentence, on one line.
pub(in crate::config) fn one_line(description: &str) -> String {
    let words: Vec<_> = description.split_whitespace().collect();
    let whole = words.join(" ");
    match whole.split_once(". ") {
        Some((first, _)) => first.to_owned(),
        None => whole.trim_end_matches('.').to_owned(),
    }
}
