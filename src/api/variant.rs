//! Rules that differ from those of 1.36: a bug that was mended since, or the mending of one that
//! is open. As gates they are part of a process's settings, and whoever has another rule asks for
//! it by name. They are there to measure the search by: nothing turns one on but who means it.

/// A rule that differs from that of 1.36.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Variant {
    /// What a relist finds gone leaves the cache, and its owner is not told
    /// (kubernetes#56261, #55587).
    IgnoresTombstones,
    /// The first list of a client is one of the store, not of a watch cache that may be behind:
    /// what kubernetes#59848 asks for.
    ListsTheStore,
    /// The kubelet does not look whether the apiserver has the status that it gave
    /// (kubernetes#80968).
    TrustsItsStatus,
    /// The scheduler keeps a node for a pod that is gone (kubernetes#109236).
    KeepsNominations,
    /// An eviction that is due comes although the taint has gone (kubernetes#90794).
    EvictsAfterTheTaint,
    /// Nodes are emptied although all of them are silent (kubernetes#24200, #28832).
    EvictsWhenAllAreSilent,
    /// A Job counts the failures that it has seen since its controller began
    /// (kubernetes#114650).
    CountsFailuresInMemory,
    /// A `CronJob` that has missed more than 100 starts makes none any more (kubernetes#42649).
    StopsAfterManyMissed,
    /// A `CronJob` finds out what runs by its cache of jobs alone (kubernetes#58748).
    ForbidsByCache,
    /// An owner that is absent in one namespace counts as absent in all (kubernetes#65200).
    AbsentEverywhere,
    /// A lease runs out by the time that is written in it, held against one's own clock.
    TrustsClocks,
    /// An autoscaler starts from how many replicas there are, those of a surge among them
    /// (kubernetes#72775, #78712).
    ScalesBySurge,
    /// The next change after a watch has begun on an empty history is lost (kubernetes#49992).
    LosesFirstOfEmpty,
    /// A watch from before what the watch cache remembers begins with what comes
    /// (kubernetes#116172).
    BeginsWithWhatComes,
    /// The watch cache takes the version before a change for missing when etcd has forgotten it
    /// (kubernetes#123072).
    ForgetsPrevious,
    /// A client lists at the revision that it had, whatever it is told (kubernetes#91073).
    InsistsOnRevision,
    /// A pod of a set that is not ready and of another revision than the one that is wanted is
    /// replaced, though its turn has not come: what kubernetes#67250 asks for.
    ReplacesBroken,
    /// The first look at a `StatefulSet` after a restart takes its template for another one than
    /// that of its revisions (kubernetes#56355, openshift/origin#17435).
    ForgetsRevisions,
    /// A pod that has failed is put into the list of those not counted yet although it is in it
    /// (kubernetes#125410).
    NotesTwice,
    /// A `ReplicaSet` of another owner that has the hash's name is taken for an error
    /// (kubernetes#29735).
    TakesCollisionForError,
    /// A kubelet that begins anew takes no container for ready before it has probed it
    /// (kubernetes#100277).
    ResetsReadiness,
    /// A kubelet that begins anew takes a container for as ready as the one before it in its
    /// place was (kubernetes#141473).
    InheritsReadiness,
    /// The node monitor takes the pods of a node for unready whenever the node falls silent, not
    /// only when it was ready before: what kubernetes#112733 asks for.
    MarksWhenSilent,
    /// A pod may take the room that a preemption has made for another of higher priority
    /// (kubernetes#72124, #93505).
    IgnoresNominations,
    /// A pod of a `StatefulSet` that has ended is deleted and made anew while it goes
    /// (kubernetes#122709).
    RemakesWhatGoes,
    /// Old pods that are not available do not count in what a rolling update of a `DaemonSet` may
    /// take (kubernetes#123232).
    CountsNoOldUnready,
    /// An owner that the garbage collector has not seen counts as absent: nobody asks for it
    /// (kubernetes#88097).
    TrustsItsGraph,
}

/// Which rules differ: a set of bits, to be copied.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Variants(u64);

impl Variants {
    /// None: 1.36 as it is.
    pub const NONE: Variants = Variants(0);

    /// Whether a rule differs.
    pub fn has(self, variant: Variant) -> bool {
        self.0 >> (variant as u8) & 1 == 1
    }

    /// The same with one more.
    #[must_use]
    pub fn with(self, variant: Variant) -> Variants {
        Variants(self.0 | 1_u64 << (variant as u8))
    }
}
