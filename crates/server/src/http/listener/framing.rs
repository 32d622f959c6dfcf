//! Tracks message framing in the bytes of a connection, in parallel to hyper's parser, to reject
//! what hyper accepts leniently: bare line feeds as line ends, and more than one of
//! `Content-Length` and `Transfer-Encoding`. A proxy could interpret these differently, which
//! allows request smuggling (RFC 9112, sections 2.2, 6.3 and 11.2).
//!
//! Writes no response: it replaces the offending byte with NUL, which is invalid in a head, so that
//! hyper responds with 400 and closes. Bodies pass unchanged.

/// Bytes of a line that are kept; a longer framing field is rejected.
const LINE_BYTES: usize = 256;

/// Position in the byte stream of a connection.
#[derive(Debug, Default)]
pub(super) struct Framing {
    state: State,
    /// The current line.
    line: Line,
    /// Framing fields of the current head.
    head: Head,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Before a request, where empty lines are skipped.
    #[default]
    Before,
    /// In the request line or a field.
    Head,
    /// In a body, of which so many bytes are left.
    Body(u64),
    /// In the size line of a chunk.
    Chunk,
    /// In the data of a chunk, of which so many bytes are left, its line end included.
    Data(u64),
    /// After the last chunk.
    Trailers,
    /// After an error, which makes hyper close the connection.
    Lost,
}

#[derive(Debug, Default)]
struct Line {
    bytes: Vec<u8>,
    length: usize,
    ends_with_return: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Head {
    length: Option<u64>,
    lengths: u32,
    chunked: bool,
}

/// End of a line.
enum End {
    /// Not within these bytes.
    Later,
    /// CRLF, after so many bytes.
    At(usize),
    /// Bare LF, after so many bytes.
    Bare(usize),
}

impl Framing {
    /// Processes bytes that were read, and replaces the byte that completes an error.
    pub(super) fn check(&mut self, bytes: &mut [u8]) {
        let mut at = 0;
        while at < bytes.len() && self.state != State::Lost {
            at += self.step(&mut bytes[at..]);
        }
    }

    /// Processes some of the bytes. Returns how many, at least one.
    fn step(&mut self, bytes: &mut [u8]) -> usize {
        match self.state {
            State::Before => {
                let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                if blank < bytes.len() {
                    (self.state, self.head) = (State::Head, Head::default());
                }
                blank
            }
            State::Head | State::Trailers | State::Chunk => match self.line.read(bytes) {
                End::Later => bytes.len(),
                End::At(read) => {
                    if !self.line_is_complete() {
                        self.refuse(&mut bytes[read - 1]);
                    }
                    self.line.clear();
                    read
                }
                End::Bare(read) => {
                    self.refuse(&mut bytes[read - 1]);
                    read
                }
            },
            State::Body(left) => self.skip(left, bytes.len(), State::Body, State::Before),
            State::Data(left) => self.skip(left, bytes.len(), State::Data, State::Chunk),
            State::Lost => bytes.len(),
        }
    }

    fn skip(&mut self, left: u64, there: usize, still: fn(u64) -> State, then: State) -> usize {
        let skipped = left.min(there as u64);
        self.state = if skipped == left { then } else { still(left - skipped) };
        skipped as usize
    }

    fn refuse(&mut self, byte: &mut u8) {
        *byte = 0;
        self.state = State::Lost;
    }

    /// Processes a whole line. Returns false if it must be rejected.
    fn line_is_complete(&mut self) -> bool {
        let text = self.line.text();
        match self.state {
            State::Head if text.is_empty() => return self.head_is_complete(),
            State::Head => return self.head.field(text, self.line.is_cut()),
            State::Trailers if text.is_empty() => self.state = State::Before,
            State::Chunk => {
                self.state = match chunk_size(text) {
                    Some(0) => State::Trailers,
                    // CRLF follows the data.
                    Some(size) => size.checked_add(2).map_or(State::Lost, State::Data),
                    None => State::Lost,
                }
            }
            _ => {}
        }
        true
    }

    fn head_is_complete(&mut self) -> bool {
        let Head { length, lengths, chunked } = self.head;
        self.state = match length {
            _ if chunked => State::Chunk,
            Some(length) if length > 0 => State::Body(length),
            _ => State::Before,
        };
        lengths + u32::from(chunked) <= 1
    }
}

impl Head {
    /// Processes a field. Returns false if it is a framing field that must be rejected.
    fn field(&mut self, line: &[u8], is_cut: bool) -> bool {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { return true };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            self.lengths += 1;
            self.length = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
            // `parse` accepts a sign.
            return !is_cut && self.length.is_some() && value.iter().all(u8::is_ascii_digit);
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            // hyper rejects values that do not end with `chunked`.
            self.chunked = true;
            return !is_cut;
        }
        true
    }
}

/// The size at the start of a chunk's line, in hexadecimal digits.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    u64::from_str_radix(std::str::from_utf8(&line[..digits]).ok()?, 16).ok()
}

impl Line {
    /// Adds bytes up to the end of the line.
    fn read(&mut self, bytes: &[u8]) -> End {
        let feed = bytes.iter().position(|&byte| byte == b'\n');
        let part = &bytes[..feed.unwrap_or(bytes.len())];
        let room = LINE_BYTES.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&part[..part.len().min(room)]);
        self.length += part.len();
        if let Some(&last) = part.last() {
            self.ends_with_return = last == b'\r';
        }
        match feed {
            None => End::Later,
            Some(feed) if self.ends_with_return => End::At(feed + 1),
            Some(feed) => End::Bare(feed + 1),
        }
    }

    /// The kept part, without its line end.
    fn text(&self) -> &[u8] {
        self.bytes.strip_suffix(b"\r").unwrap_or(&self.bytes)
    }

    /// Whether the line is longer than what is kept.
    const fn is_cut(&self) -> bool {
        self.length > self.bytes.len()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        (self.length, self.ends_with_return) = (0, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The stream as it comes out, read in pieces of so many bytes.
    fn checked(stream: &str, piece: usize) -> String {
        let (mut framing, mut bytes) = (Framing::default(), stream.as_bytes().to_vec());
        bytes.chunks_mut(piece).for_each(|piece| framing.check(piece));
        String::from_utf8(bytes).unwrap()
    }

    const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    fn post(fields: &str, body: &str) -> String {
        format!("POST / HTTP/1.1\r\n{fields}\r\n{body}")
    }

    #[test]
    fn what_is_right_passes_unchanged() {
        let long = format!("x: {}\r\n", "y".repeat(5000));
        let streams = [
            GET.repeat(3),
            format!("\r\n\n\r\n{GET}\n\n{GET}"),
            post("Content-Length: 5\r\n", "\n\n\n\n\n") + GET,
            post(&format!("{long}content-length:\t05 \r\n{long}"), "a\nb\r\n") + GET,
            post("content-length: 0\r\n", "") + GET,
            post("transfer-encoding: chunked\r\n", "3\r\n\n\n\n\r\nA;b=\"c\"\r\n\n23456789\n\r\n0\r\n\r\n")
                + GET,
            post("Transfer-Encoding: gzip, chunked\r\n", "00\r\na: b\r\nc: d\r\n\r\n") + GET,
            post("x-content-length: 5\r\ntransfer: chunked\r\n", "") + GET,
        ];
        for stream in streams {
            for piece in [1, 2, 3, 7, stream.len()] {
                assert_eq!(checked(&stream, piece), stream, "in pieces of {piece}");
            }
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_spoilt_where_it_ends() {
        let streams = [
            ("GET / HTTP/1.1\n".to_owned(), "host: a\n\n"),
            ("GET / HTTP/1.1\r\nhost: a\n".to_owned(), "\r\n"),
            ("GET / HTTP/1.1\r\nhost: a\r\n\n".to_owned(), ""),
            (post("content-length: 3\r\n", "abcGET / HTTP/1.1\n"), "\r\n"),
            (post("transfer-encoding: chunked\r\n", "3\n"), "abc\r\n0\r\n\r\n"),
            (post("transfer-encoding: chunked\r\n", "0\r\na: b\n"), "\r\n"),
            (post("content-length: 3\r\ntransfer-encoding: chunked\r\n", ""), "0\r\n\r\n"),
            (post("transfer-encoding: chunked\r\ncontent-length: 3\r\n", ""), "0\r\n\r\n"),
            (post("content-length: 3\r\nContent-Length: 3\r\n", ""), "abc"),
            ("POST / HTTP/1.1\r\ncontent-length: +3\r\n".to_owned(), "\r\nabc"),
            ("POST / HTTP/1.1\r\ncontent-length: 3, 3\r\n".to_owned(), "\r\nabc"),
            (format!("POST / HTTP/1.1\r\ncontent-length: {}3\r\n", " ".repeat(300)), "\r\nabc"),
            (format!("POST / HTTP/1.1\r\ntransfer-encoding: {}chunked\r\n", " ".repeat(300)), "\r\n"),
        ];
        for (wrong, rest) in streams {
            let spoilt = format!("{GET}{}\0{rest}", &wrong[..wrong.len() - 1]);
            for piece in [1, 2, 3, 7, 10_000] {
                assert_eq!(checked(&format!("{GET}{wrong}{rest}"), piece), spoilt, "in pieces of {piece}");
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_only_line_feeds_change_and_pieces_do_not_matter(stream in "(GET|POST|content-length|transfer-encoding|chunked|:|[0-9a]| |\r\n|\r|\n|\r\n\r\n){0,60}", piece in 1..20_usize) {
            let whole = checked(&stream, stream.len().max(1));
            prop_assert_eq!(&checked(&stream, piece), &whole);
            let changed: Vec<_> = stream.bytes().zip(whole.bytes()).filter(|(before, after)| before != after).collect();
            prop_assert!(changed.len() <= 1 && changed.iter().all(|change| *change == (b'\n', 0)));
        }

        #[test]
        fn memory_is_bounded(line in "[a-z]{0,2000}") {
            let mut framing = Framing::default();
            framing.check(&mut line.into_bytes());
            prop_assert!(framing.line.bytes.len() <= LINE_BYTES);
        }
    }
}
