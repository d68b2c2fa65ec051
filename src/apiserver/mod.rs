//! kube-apiserver: verbs, admission, watch cache, subresources, fairness.
