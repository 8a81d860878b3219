//! The session cookie's value.

use doorward::session::Handle;

/// One spelling a handle: two cookies never name the same session.
pub fn run(data: &[u8]) {
    let Ok(value) = str::from_utf8(data) else {
        return;
    };
    if let Some(handle) = Handle::parse(value) {
        assert_eq!(handle.encode(), value);
    }
}
