//! Where the frames of a WebSocket end (RFC 6455 section 5.2).

/// Follows the bytes that a WebSocket's client is sent, from the head of the `101` on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Frames {
    /// In the response's head, so much of whose end was seen.
    Head(usize),
    /// In a frame's header: its first two bytes as far as they came, then so many bytes of length.
    Header([u8; 2], usize, u64),
    /// In a frame, so many bytes before its end.
    Payload(u64),
    /// A close frame was sent: nothing follows it.
    Closed,
}

const HEAD_END: &[u8] = b"\r\n\r\n";
/// Between two frames.
const BETWEEN: Frames = Frames::Header([0; 2], 0, 0);

impl Default for Frames {
    fn default() -> Self {
        Self::Head(0)
    }
}

impl Frames {
    /// Whether a frame of our own may follow.
    pub(super) fn is_between(&self) -> bool {
        *self == BETWEEN
    }

    /// Takes in what is sent.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) {
        while let [first, rest @ ..] = bytes {
            bytes = rest;
            *self = match *self {
                Self::Head(seen) => Self::head(seen, *first),
                Self::Header(start, seen, length) => Self::header(start, seen, length, *first),
                Self::Payload(left) => {
                    let here = left.min(rest.len() as u64 + 1);
                    bytes = usize::try_from(here - 1)
                        .ok()
                        .and_then(|more| rest.get(more..))
                        .unwrap_or_default();
                    if here == left {
                        BETWEEN
                    } else {
                        Self::Payload(left - here)
                    }
                }
                Self::Closed => return,
            };
        }
    }

    fn head(seen: usize, byte: u8) -> Self {
        let seen = match HEAD_END.get(seen) {
            Some(expected) if *expected == byte => seen + 1,
            _ => usize::from(byte == b'\r'),
        };
        if seen == HEAD_END.len() {
            BETWEEN
        } else {
            Self::Head(seen)
        }
    }

    const fn header(start: [u8; 2], seen: usize, length: u64, byte: u8) -> Self {
        let [first, _] = start;
        let (start, length) = match seen {
            0 => return Self::Header([byte, 0], 1, 0),
            1 => ([first, byte], (byte & 0x7f) as u64),
            // Longer lengths stand in the bytes that follow; a mask, which a server does not use, comes after them.
            2 => (start, byte as u64),
            _ => (start, length << 8 | byte as u64),
        };
        let [_, second] = start;
        let more = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if seen + 1 < 2 + more {
            return Self::Header(start, seen + 1, length);
        }
        if first & 0x0f == 8 {
            return Self::Closed;
        }
        match length.saturating_add(if second & 0x80 == 0 { 0 } else { 4 }) {
            0 => BETWEEN,
            left => Self::Payload(left),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![first];
        match length {
            0..=125 => frame.push(u8::try_from(length).unwrap()),
            126..=0xffff => {
                frame.push(126);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.resize(frame.len() + length, 0x88);
        frame
    }

    #[test]
    fn every_frame_ends_where_it_ends_however_it_is_cut() {
        let mut sent = b"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n".to_vec();
        let mut ends = vec![sent.len()];
        for length in [0, 1, 5, 125, 126, 127, 300, 65_535, 65_536, 70_000, 0, 2] {
            sent.extend(frame(0x82, length));
            ends.push(sent.len());
        }
        for piece in [1, 2, 3, 7, 64, 1000, sent.len()] {
            let (mut frames, mut at) = (Frames::default(), 0);
            for part in sent.chunks(piece) {
                frames.follow(part);
                at += part.len();
                assert_eq!(frames.is_between(), ends.contains(&at), "{piece} {at}");
            }
        }
    }

    #[test]
    fn a_masked_frame_has_four_bytes_more() {
        let mut frames = BETWEEN;
        frames.follow(&[0x81, 0x82, 1, 2, 3, 4, 5]);
        assert!(!frames.is_between());
        frames.follow(&[6]);
        assert!(frames.is_between());
        frames.follow(&[0x81, 0x80, 1, 2, 3, 4]);
        assert!(frames.is_between());
    }

    #[test]
    fn nothing_follows_a_close_frame() {
        let mut frames = BETWEEN;
        frames.follow(&[0x88, 2, 3, 232]);
        frames.follow(&frame(0x82, 3));
        assert_eq!(frames, Frames::Closed);
    }
}
