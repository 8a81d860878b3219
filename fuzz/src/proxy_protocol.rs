//! What a proxy says before a connection's first byte.

use doorward::proxy::proxy_protocol::{LONGEST, Reading, read};

/// However the bytes are cut, the same header is read; what comes behind it changes nothing; and it is bounded.
pub fn run(data: &[u8]) {
    let whole = read(data);
    let mut first = None;
    for end in 0..=data.len().min(LONGEST + 1) {
        match read(&data[..end]) {
            Reading::More => assert!(first.is_none(), "more is wanted after an answer"),
            answer @ (Reading::Whole { .. } | Reading::Absent | Reading::Malformed) => {
                let known = first.get_or_insert((end, answer));
                assert_eq!(known.1, answer, "an answer changed");
            }
        }
    }
    match first {
        Some((end, answer @ Reading::Whole { length, .. })) => {
            assert_eq!((end, answer), (length, whole));
            assert!(length <= LONGEST);
        }
        Some((_, answer)) => assert_eq!(answer, whole),
        None => assert!(data.len() < LONGEST, "more is wanted for ever"),
    }
}
