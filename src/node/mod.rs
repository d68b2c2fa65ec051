//! The node: kubelet, container runtime.
