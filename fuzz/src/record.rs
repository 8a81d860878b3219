//! A session record, opened.

use doorward::session::Record;

/// What is read is written and read the same.
pub fn run(data: &[u8]) {
    let Ok(record) = Record::from_bytes(data) else {
        return;
    };
    let again = Record::from_bytes(&record.to_bytes()).expect("what was written is read");
    assert_eq!(again, record);
}
