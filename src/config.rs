//! YAML to a [`Plan`], or every problem at once.

mod compile;
pub mod findings;
pub mod placeholder;
pub mod plan;
pub mod problem;
pub mod raw;
pub mod schema;
pub mod source;
pub mod tree;
pub mod walk;
pub mod written;

pub use self::{
    placeholder::Placeholder,
    plan::{AdminSettings, IdentitySettings, Plan, Shutdown},
    problem::{Path, Problem, Report},
    source::{Files, Source},
};

/// Reads and compiles a configuration file. Relative paths in it start from its folder.
///
/// # Errors
/// Every problem at once.
pub fn load(path: &std::path::Path) -> Result<Plan, Report> {
    load_watched(path).0
}

/// [`load`], and every file that was read for it or should have been: a change of any of them changes what is loaded.
pub fn load_watched(path: &std::path::Path) -> (Result<Plan, Report>, Files) {
    let name = path.display().to_string();
    let here = Source::system(std::path::Path::new(""));
    let text = match here.text(path) {
        Ok(text) => text,
        Err(why) => return (Err(Report::whole(&name, why.to_string())), here.asked()),
    };
    let source = Source::system(path.parent().unwrap_or_else(|| std::path::Path::new("")));
    let compiled = from_source(&name, &text, &source);
    let mut files = here.asked();
    files.extend(source.asked());
    (compiled, files)
}

/// The placeholders that are still in a configuration file that [`load`] takes.
#[must_use]
pub fn placeholders(path: &std::path::Path) -> Vec<Placeholder> {
    let text = Source::system(std::path::Path::new("")).text(path);
    text.map_or_else(|_| Vec::new(), |text| placeholder::placeholders(&text))
}

/// Compiles a configuration that is not in a file; `name` stands for the file's in problems. Relative paths in it start
/// from the current folder.
///
/// # Errors
/// Every problem at once.
pub fn from_text(name: &str, text: &str) -> Result<Plan, Report> {
    from_source(name, text, &Source::system(std::path::Path::new("")))
}

/// [`from_text`] with files and variables from elsewhere.
///
/// # Errors
/// Every problem at once.
pub fn from_source(name: &str, text: &str, source: &Source) -> Result<Plan, Report> {
    compile::compile(name, text, source)
}
