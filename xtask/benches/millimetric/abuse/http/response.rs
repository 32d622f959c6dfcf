//! Responses, read by the rules of RFC 9112 section 6: which bytes belong to one depends on its status,
//! `Transfer-Encoding` and `Content-Length`, in this order.

use super::Lost;

/// A response, as far as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Lower-case names with their values.
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the connection can carry another request.
    pub(crate) reusable: bool,
    /// Whether it is the response to a HEAD: without a body, whatever its headers say.
    pub(crate) to_head: bool,
}

/// How the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(usize),
    Chunked,
    /// It ends with the connection.
    Close,
}

impl Response {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Reads a head at the beginning of the bytes: the response without its body, and the head's length.
    /// `None` while the head is incomplete. Interim responses (1xx) are skipped.
    pub(super) fn parse_head(received: &[u8]) -> Result<Option<(Self, usize)>, Lost> {
        let mut skipped = 0;
        loop {
            let rest = &received[skipped..];
            let Some(end) = rest.windows(4).position(|window| window == b"\r\n\r\n") else {
                return Ok(None);
            };
            let response = Self::read(&rest[..end])?;
            skipped += end + 4;
            if response.status >= 200 {
                return Ok(Some((response, skipped)));
            }
        }
    }

    fn read(head: &[u8]) -> Result<Self, Lost> {
        let malformed = || Lost::Malformed(String::from_utf8_lossy(&head[..head.len().min(80)]).into_owned());
        let text = String::from_utf8_lossy(head);
        let mut lines = text.lines();
        let line = lines.next().filter(|line| line.starts_with("HTTP/1.")).ok_or_else(malformed)?;
        let status = line.get(9..12).and_then(|code| code.parse().ok()).ok_or_else(malformed)?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let closes = headers
            .iter()
            .any(|(name, value)| name == "connection" && value.to_ascii_lowercase().contains("close"));
        let reusable = !closes && line.starts_with("HTTP/1.1");
        Ok(Self { status, headers, body: Vec::new(), reusable, to_head: false })
    }

    pub(super) fn framing(&self) -> Result<Framing, Lost> {
        if self.to_head || matches!(self.status, 204 | 304) {
            return Ok(Framing::Length(0));
        }
        if self.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
            return Ok(Framing::Chunked);
        }
        match self.header("content-length").map(str::parse) {
            Some(Ok(length)) => Ok(Framing::Length(length)),
            Some(Err(_)) => Err(Lost::Malformed("its Content-Length is no number".to_owned())),
            None => Ok(Framing::Close),
        }
    }
}

/// One chunk at the beginning of the bytes: its data's length, and where data and chunk end. `None`
/// while it is incomplete.
pub(super) fn parse_chunk(received: &[u8]) -> Result<Option<(std::ops::Range<usize>, usize)>, Lost> {
    let Some(line) = received.windows(2).position(|window| window == b"\r\n") else { return Ok(None) };
    let size = String::from_utf8_lossy(&received[..line]);
    let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16);
    let size = size.map_err(|_| Lost::Malformed("a chunk without a size".to_owned()))?;
    let (begin, end) = (line + 2, line + 2 + size);
    Ok((received.len() >= end + 2).then_some((begin..end, end + 2)))
}
