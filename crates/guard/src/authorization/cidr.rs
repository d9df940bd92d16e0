//! `net.cidr_contains`, which the engine has only where it may reach the world.

use std::net::IpAddr;

use anyhow::{Context as _, Result, bail};
use regorus::Value;

/// Whether a network holds an address, or a smaller network, both written as text.
pub(super) fn contains(arguments: &[Value]) -> Result<Value> {
    let [network, inner] = arguments else { bail!("expected a network and an address") };
    let (network, inner) = (Network::of(network)?, Network::of(inner)?);
    Ok(Value::Bool(network.contains(&inner)))
}

struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    fn of(value: &Value) -> Result<Self> {
        let text = value.as_string()?;
        Self::parse(text).context("expected a network such as `10.0.0.0/8`, or an address")
    }

    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse().ok()?, Some(bits.parse().ok()?)),
            None => (text.parse().ok()?, None),
        };
        let all = if matches!(address, IpAddr::V4(_)) { 32 } else { 128 };
        let bits = bits.unwrap_or(all);
        (bits <= all).then_some(Self { address, bits })
    }

    fn contains(&self, inner: &Self) -> bool {
        let (Some(own), Some(other)) = (self.prefix(self.address), self.prefix(inner.address))
        else {
            return false;
        };
        own == other && self.bits <= inner.bits
    }

    /// The bits of an address of the same kind that make the network.
    fn prefix(&self, address: IpAddr) -> Option<u128> {
        let (bits, all) = match (self.address, address) {
            (IpAddr::V4(_), IpAddr::V4(address)) => (u128::from(address.to_bits()), 32),
            (IpAddr::V6(_), IpAddr::V6(address)) => (address.to_bits(), 128),
            _ => return None,
        };
        Some(bits.checked_shr(all - self.bits).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_what_lies_within_them() {
        let cases = [
            ("10.0.0.0/8", "10.255.0.1", Some(true)),
            ("10.0.0.0/8", "11.0.0.1", Some(false)),
            ("10.0.0.0/8", "10.1.0.0/16", Some(true)),
            ("10.1.0.0/16", "10.0.0.0/8", Some(false)),
            ("0.0.0.0/0", "255.255.255.255", Some(true)),
            ("::/0", "fe80::1", Some(true)),
            ("fe80::/10", "fe80::1", Some(true)),
            ("fe80::/10", "10.0.0.1", Some(false)),
            ("10.0.0.1", "10.0.0.1", Some(true)),
            ("10.0.0.0/33", "10.0.0.1", None),
            ("10.0.0.0/8", "host.example", None),
        ];
        for (network, inner, want) in cases {
            let got = contains(&[Value::from(network), Value::from(inner)]).ok();
            assert_eq!(got, want.map(Value::Bool), "{network} {inner}");
        }
    }
}
