//! What holds at every revision of random stories, and once their faults have ended.
