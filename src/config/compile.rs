//! The written configuration to a [`Plan`].

use super::{Plan, Report, Source};

pub(super) fn compile(name: &str, _text: &str, _source: &Source) -> Result<Plan, Report> {
    Err(Report::whole(
        name,
        "configurations cannot be compiled yet".to_owned(),
    ))
}
