//! Response headers.

use http::{HeaderName, HeaderValue};

use super::{Desk, names::is_forbidden};
use crate::config::{Path, raw};

impl Desk<'_, '_> {
    pub(super) fn response(
        &mut self,
        path: &Path,
        written: &raw::ResponseHeaders,
    ) -> (Vec<(HeaderName, HeaderValue)>, Vec<HeaderName>) {
        let path = path.key("response_headers");
        let mut set = Vec::new();
        for (title, value) in &written.set {
            let here = path.key("set").key(title);
            if let Some(name) = self.title(&here, title) {
                self.allowed_in_response(&here, &name);
                set.push((name, value.value.clone()));
            }
        }
        for (index, name) in written.remove.iter().enumerate() {
            let here = path.key("remove").index(index);
            self.allowed_in_response(&here, &name.value);
            if set.iter().any(|(set, _)| *set == name.value) {
                self.set_and_removed(&here, &name.value);
            }
        }
        let remove = written.remove.iter().map(|one| one.value.clone()).collect();
        (set, remove)
    }

    fn allowed_in_response(&mut self, here: &Path, name: &HeaderName) {
        if is_forbidden(name) || *name == http::header::SET_COOKIE {
            let what = format!("{name} is not yours to set or remove");
            let hint = "it belongs to the connection or the session";
            self.found.add(here, what, hint);
        }
    }
}
