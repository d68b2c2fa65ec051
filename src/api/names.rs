//! Which texts are names, and how names are generated.
