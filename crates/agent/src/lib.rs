//! What runs on every node: inventory, one stream to the control plane, runs as contained processes.
