//! Record bytes, the chain over them, and its verification.
