//! The doors: wire formats, identity and the servers that speak them.
