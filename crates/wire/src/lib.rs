//! The protocol between agents and the control plane, and its certificates.
