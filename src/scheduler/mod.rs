//! kube-scheduler: queue, cache, cycle, plugins.
