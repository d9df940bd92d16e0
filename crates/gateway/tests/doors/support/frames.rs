//! HTTP/2 by hand: what no well-behaved client would send.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// A frame.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn new(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Self {
        Self { kind, flags, stream, payload: payload.to_vec() }
    }

    fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap().to_be_bytes();
        let mut bytes = length[1..].to_vec();
        bytes.extend([self.kind, self.flags]);
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }

    /// Number and value of each setting.
    pub(crate) fn settings(&self) -> Vec<(u16, u32)> {
        let pairs = self.payload.chunks_exact(6);
        let number = |bytes: &[u8]| u16::from_be_bytes(bytes.try_into().unwrap());
        let value = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
        pairs.map(|pair| (number(&pair[..2]), value(&pair[2..]))).collect()
    }

    /// Why a stream or a connection ends.
    pub(crate) fn reason(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

/// A list of headers, nothing of it packed.
pub(crate) fn headers(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            length(text.len(), &mut block);
            block.extend(text.as_bytes());
        }
    }
    block
}

fn length(mut length: usize, into: &mut Vec<u8>) {
    if length < 127 {
        return into.push(u8::try_from(length).unwrap());
    }
    into.push(127);
    length -= 127;
    while length >= 128 {
        into.push(u8::try_from(length % 128).unwrap() | 128);
        length /= 128;
    }
    into.push(u8::try_from(length).unwrap());
}

/// Somebody who sends frames.
pub(crate) struct Sender {
    stream: TcpStream,
    left_over: Vec<u8>,
}

impl Sender {
    /// Connects and says hello.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let mut sender = Self::silent(address).await;
        sender.bytes(PREFACE).await;
        sender.send(&[Frame::new(SETTINGS, 0, 0, &[])]).await;
        sender
    }

    /// Connects, and says nothing.
    pub(crate) async fn silent(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, left_over: Vec::new() }
    }

    /// Sends frames at once; whoever has stopped listening is no fault of the test's.
    pub(crate) async fn send(&mut self, frames: &[Frame]) {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        self.bytes(&bytes).await;
    }

    pub(crate) async fn bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.ok();
    }

    /// The next frame; none once the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(head) = self.left_over.first_chunk::<9>() {
                let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
                let end = 9 + usize::try_from(length).unwrap();
                if self.left_over.len() >= end {
                    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
                    let frame = Frame::new(head[3], head[4], stream, &self.left_over[9..end]);
                    self.left_over.drain(..end);
                    return Some(frame);
                }
            }
            let mut chunk = [0; 16 << 10];
            let read = self.stream.read(&mut chunk).await.unwrap_or(0);
            if read == 0 {
                return None;
            }
            self.left_over.extend(&chunk[..read]);
        }
    }

    /// The next frame of this kind.
    pub(crate) async fn until(&mut self, kind: u8) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if frame.kind == kind {
                return Some(frame);
            }
        }
    }

    /// Waits for the end, and gives the reason that was told.
    pub(crate) async fn end(&mut self) -> Option<u32> {
        let mut reason = None;
        while let Some(frame) = self.next().await {
            if frame.kind == GOAWAY {
                reason = Some(frame.reason());
            }
        }
        reason
    }
}
