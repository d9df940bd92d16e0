//! Envelope encryption and the sealed file around it.
