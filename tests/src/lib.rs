//! The whole system on the real Serf, HAProxy and Docker: see `it/`.
