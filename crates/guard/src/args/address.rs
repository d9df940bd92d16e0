//! Network addresses, and which of them no policy means without naming them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range of addresses: `10.0.0.0/8`, `::1`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Block {
    first: IpAddr,
    /// How many bits all of its addresses share.
    bits: u32,
}

impl Block {
    /// Reads an address, or an address and a number of bits.
    ///
    /// # Errors
    /// When it is neither, or has bits set that are not shared.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address = address.trim_start_matches('[').trim_end_matches(']');
        let first: IpAddr = address.parse().map_err(|_| format!("`{text}` is no address"))?;
        let first = if bits.is_none() { plain(first) } else { first };
        let width = if first.is_ipv4() { 32 } else { 128 };
        let bits = match bits.map(str::parse::<u32>) {
            None => width,
            Some(Ok(bits)) if bits <= width => bits,
            Some(_) => return Err(format!("`{text}` shares no such number of bits")),
        };
        let block = Self { first, bits };
        match block.shared(first).checked_shl(width - bits).unwrap_or_default() == number(first) {
            true => Ok(block),
            false => Err(format!("`{text}` has bits set beyond the {bits} that it shares")),
        }
    }

    /// Whether `address` is one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = plain(address);
        address.is_ipv4() == self.first.is_ipv4() && self.shared(address) == self.shared(self.first)
    }

    /// The bits of an address that all of the block's have in common.
    fn shared(&self, address: IpAddr) -> u128 {
        let width: u32 = if address.is_ipv4() { 32 } else { 128 };
        number(address).checked_shr(width.saturating_sub(self.bits)).unwrap_or_default()
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = if self.first.is_ipv4() { 32 } else { 128 };
        match self.bits == width {
            true => self.first.fmt(f),
            false => write!(f, "{}/{}", self.first, self.bits),
        }
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// An IPv4 address that is written as an IPv6 one, as itself.
pub(super) fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// Addresses of this machine, its neighbours, its cloud's metadata, and all that is not the public
/// network: loopback, private, link-local, shared, documentation, multicast, reserved, and IPv6
/// addresses that carry one of those.
#[must_use]
pub fn is_inside(address: IpAddr) -> bool {
    match plain(address) {
        IpAddr::V4(v4) => is_inside_v4(v4),
        IpAddr::V6(v6) => is_inside_v6(v6),
    }
}

fn is_inside_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_documentation()
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 224
        // What clouds answer their machines on, outside the ranges above.
        || v4 == Ipv4Addr::new(168, 63, 129, 16)
}

fn is_inside_v6(v6: Ipv6Addr) -> bool {
    let [a, b, ..] = v6.segments();
    // Only 2000::/3 is the public network, and parts of that are not.
    let public = (0x2000..0x4000).contains(&a);
    let carries_v4 = a == 0x2002;
    let special = a == 0x2001 && (b < 0x200 || b == 0xdb8);
    let documentation = a == 0x3fff && b < 0x1000;
    !public || carries_v4 || special || documentation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_what_they_say() {
        let holds = |block: &str, address: &str| {
            Block::parse(block).unwrap().contains(address.parse().unwrap())
        };
        assert!(holds("10.0.0.0/8", "10.255.1.2") && !holds("10.0.0.0/8", "11.0.0.0"));
        assert!(holds("0.0.0.0/0", "1.2.3.4") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("::/0", "fe80::1") && holds("[::1]", "::1"));
        assert!(holds("10.0.0.1", "::ffff:10.0.0.1"));
        assert!(holds("fd00::/8", "fd12::1") && !holds("fd00::/8", "fe12::1"));
        for wrong in ["10.0.0.0/33", "10.0.0.1/8", "010.0.0.1", "10.1", "x", "fe80::1%eth0"] {
            assert!(Block::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_the_public_network_is_inside() {
        let inside = "0.0.0.0 10.1.2.3 100.64.0.1 127.9.9.9 169.254.169.254 172.16.0.1 192.168.1.1 \
             192.0.0.192 198.18.0.1 203.0.113.9 224.0.0.1 255.255.255.255 100.100.100.200 \
             168.63.129.16 :: ::1 ::ffff:169.254.169.254 ::7f00:1 64:ff9b::a00:1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 \
             ff02::1 2001:db8::1 2002:7f00:1:: 2001:0:7f00:1::";
        for address in inside.split_whitespace() {
            assert!(is_inside(address.parse().unwrap()), "{address}");
        }
        for address in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"]
        {
            assert!(!is_inside(address.parse().unwrap()), "{address}");
        }
    }
}
