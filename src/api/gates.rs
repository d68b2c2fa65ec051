//! Feature gates: which of Kubernetes' optional behaviours are on, as a value.
//!
//! Responsible for the names, stages and defaults of 1.36, and for a set that costs nothing to
//! carry and to ask. It never says what a gate does: whoever acts upon one asks for it by name.

use std::fmt;

use crate::api::variant::{Variant, Variants};

/// How far a feature has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Off unless somebody turns it on.
    Alpha,
    /// On in most cases, and to be turned off by who has to.
    Beta,
    /// Part of Kubernetes: it cannot be turned off any more.
    Final,
}

/// What is known of a gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GateRow {
    /// Kubernetes' name of it.
    pub name: &'static str,
    /// How far the feature has come.
    pub stage: Stage,
    /// Whether it is on when nobody says anything.
    pub default: bool,
    /// Whether anything here behaves otherwise when it is set otherwise.
    pub acts: bool,
}

/// Why a gate cannot be set to a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GateError {
    /// The feature is final.
    Locked,
    /// Nothing here acts upon it.
    NotModelled,
}

macro_rules! gates {
    (@is on) => { true };
    (@is off) => { false };
    (@is acts) => { true };
    (@is kept) => { false };
    ($($name:ident: $stage:ident, $default:ident, $acts:ident;)*) => {
        /// A feature gate, under the name that Kubernetes gives it.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Gate {
            $(#[doc = concat!("`", stringify!($name), "`.")] $name,)*
        }

        impl Gate {
            /// All gates, by name.
            pub const ALL: &[Gate] = &[$(Gate::$name,)*];
        }

        /// What is known of each gate, in the order of [`Gate::ALL`].
        const ROWS: &[GateRow] = &[$(GateRow {
            name: stringify!($name),
            stage: Stage::$stage,
            default: gates!(@is $default),
            acts: gates!(@is $acts),
        },)*];
    };
}

// The gates of 1.36 that a component lists, and of the final ones those that change what is
// modelled. `acts` stands where something here behaves otherwise when the gate is set otherwise.
//
// Source: kubernetes v1.36 pkg/features/kube_features.go,
// staging/src/k8s.io/apiserver/pkg/features/kube_features.go,
// staging/src/k8s.io/client-go/features/known_features.go
gates! {
APIResponseCompression: Beta, on, kept;
APIServerIdentity: Beta, on, kept;
APIServingWithRoutine: Alpha, off, kept;
AllAlpha: Alpha, off, kept;
AllBeta: Beta, off, kept;
AllowParsingUserUIDFromCertAuth: Beta, on, kept;
AllowUnsafeMalformedObjectDeletion: Alpha, off, kept;
AtomicFIFO: Beta, on, kept;
AuthorizePodWebsocketUpgradeCreatePermission: Beta, on, kept;
CBORServingAndStorage: Alpha, off, kept;
CPUManagerPolicyAlphaOptions: Alpha, off, kept;
CPUManagerPolicyBetaOptions: Beta, on, kept;
CRDObservedGenerationTracking: Beta, on, kept;
CRIListStreaming: Alpha, off, kept;
CSIVolumeHealth: Alpha, off, kept;
ClearingNominatedNodeNameAfterBinding: Beta, on, kept;
ClientsAllowCARotation: Beta, on, kept;
ClientsAllowCBOR: Alpha, off, kept;
ClientsAllowTLSCacheGC: Beta, on, kept;
ClientsPreferCBOR: Alpha, off, kept;
CloudControllerManagerWatchBasedRoutesReconciliation: Alpha, off, kept;
CloudControllerManagerWebhook: Alpha, off, kept;
ClusterTrustBundle: Beta, off, kept;
ClusterTrustBundleProjection: Beta, off, kept;
ComponentFlagz: Beta, on, kept;
ComponentStatusz: Beta, on, kept;
ConcurrentWatchObjectDecode: Beta, off, kept;
ConsistentListFromCache: Final, on, kept;
ConstrainedImpersonation: Beta, on, kept;
ContainerCheckpoint: Beta, on, kept;
ContainerRestartRules: Beta, on, kept;
ContainerStopSignals: Alpha, off, kept;
ContextualLogging: Beta, on, kept;
ControllerManagerReleaseLeaderElectionLockOnExit: Alpha, off, kept;
CoordinatedLeaderElection: Beta, off, kept;
CrossNamespaceVolumeDataSource: Alpha, off, kept;
DRAConsumableCapacity: Beta, on, kept;
DRADeviceBindingConditions: Beta, on, kept;
DRADeviceTaintRules: Beta, off, kept;
DRADeviceTaints: Beta, on, kept;
DRAExtendedResource: Beta, on, kept;
DRAListTypeAttributes: Alpha, off, kept;
DRANodeAllocatableResources: Alpha, off, kept;
DRAPartitionableDevices: Beta, on, kept;
DRAResourceClaimDeviceStatus: Beta, on, kept;
DRAResourceClaimGranularStatusAuthorization: Beta, on, kept;
DRAResourcePoolStatus: Alpha, off, kept;
DRASchedulerFilterTimeout: Beta, on, kept;
DRAWorkloadResourceClaims: Alpha, off, kept;
DeclarativeValidationBeta: Beta, on, kept;
DeploymentReplicaSetTerminatingReplicas: Beta, on, kept;
DetectCacheInconsistency: Beta, on, kept;
DynamicResourceAllocation: Final, on, kept;
EnvFiles: Beta, on, kept;
EventedPLEG: Alpha, off, kept;
ExtendWebSocketsToKubelet: Beta, on, kept;
GangScheduling: Alpha, off, kept;
GenericWorkload: Alpha, off, kept;
GracefulNodeShutdown: Beta, on, kept;
GracefulNodeShutdownBasedOnPodPriority: Beta, on, kept;
HPAConfigurableTolerance: Beta, on, acts;
HPAScaleToZero: Alpha, off, acts;
HostnameOverride: Beta, on, kept;
ImageVolumeWithDigest: Alpha, off, kept;
InOrderInformersBatchProcess: Beta, on, kept;
InPlacePodLevelResourcesVerticalScaling: Beta, on, kept;
InPlacePodVerticalScaling: Final, on, kept;
InPlacePodVerticalScalingExclusiveCPUs: Alpha, off, kept;
InPlacePodVerticalScalingExclusiveMemory: Alpha, off, kept;
InPlacePodVerticalScalingInitContainers: Beta, on, kept;
JobBackoffLimitPerIndex: Final, on, kept;
JobManagedBy: Final, on, kept;
JobPodReplacementPolicy: Final, on, kept;
JobSuccessPolicy: Final, on, kept;
KubeletCrashLoopBackOffMax: Beta, on, kept;
KubeletEnsureSecretPulledImages: Beta, on, kept;
KubeletInUserNamespace: Alpha, off, kept;
KubeletSeparateDiskGC: Beta, on, kept;
KubeletServiceAccountTokenForCredentialProviders: Beta, on, kept;
ListFromCacheSnapshot: Beta, on, kept;
LocalStorageCapacityIsolationFSQuotaMonitoring: Beta, off, kept;
LoggingAlphaOptions: Alpha, off, kept;
LoggingBetaOptions: Beta, on, kept;
ManifestBasedAdmissionControlConfig: Alpha, off, kept;
MatchLabelKeysInPodAffinity: Final, on, kept;
MatchLabelKeysInPodTopologySpread: Beta, on, kept;
MatchLabelKeysInPodTopologySpreadSelectorMerge: Beta, on, kept;
MaxUnavailableStatefulSet: Beta, off, acts;
MemoryQoS: Alpha, off, kept;
MutablePVNodeAffinity: Alpha, off, kept;
MutablePodResourcesForSuspendedJobs: Beta, on, kept;
MutableSchedulingDirectivesForSuspendedJobs: Beta, on, kept;
NativeHistograms: Alpha, off, kept;
NodeDeclaredFeatures: Beta, on, kept;
NodeInclusionPolicyInPodTopologySpread: Final, on, kept;
NominatedNodeNameForExpectation: Beta, on, kept;
OpenAPIEnums: Beta, on, kept;
OpportunisticBatching: Beta, on, kept;
OrderedNamespaceDeletion: Final, on, kept;
PLEGOnDemandRelist: Beta, on, kept;
PersistentVolumeClaimUnusedSinceTime: Alpha, off, kept;
PodAndContainerStatsFromCRI: Alpha, off, kept;
PodCertificateRequest: Beta, off, kept;
PodDeletionCost: Beta, on, kept;
PodLevelResourceManagers: Alpha, off, kept;
PodLevelResources: Beta, on, kept;
PodLogsQuerySplitStreams: Alpha, off, kept;
PodObservedGenerationTracking: Final, on, kept;
PodReadyToStartContainersCondition: Beta, on, kept;
PodTopologyLabelsAdmission: Beta, on, kept;
PodsAPI: Alpha, off, kept;
PortForwardWebsockets: Beta, on, kept;
PreventStaticPodAPIReferences: Beta, on, kept;
QOSReserved: Alpha, off, kept;
RecoverVolumeExpansionFailure: Final, on, kept;
ReduceDefaultCrashLoopBackOffDecay: Alpha, off, kept;
RelaxedServiceNameValidation: Beta, on, kept;
ReloadKubeletClientCAFile: Beta, on, kept;
ReloadKubeletServerCertificateFile: Beta, on, kept;
RemoteRequestHeaderUID: Beta, on, kept;
ResilientWatchCacheInitialization: Final, on, kept;
ResourceHealthStatus: Beta, on, kept;
ResourceHealthStatusMessage: Beta, on, kept;
RestartAllContainersOnContainerExits: Beta, on, kept;
RotateKubeletServerCertificate: Beta, on, kept;
RuntimeClassInImageCriApi: Alpha, off, kept;
SELinuxMount: Beta, off, kept;
SchedulerAsyncAPICalls: Beta, off, kept;
SchedulerAsyncPreemption: Beta, on, kept;
SchedulerPopFromBackoffQ: Beta, on, acts;
SchedulerQueueingHints: Final, on, kept;
ServiceAccountNodeAudienceRestriction: Beta, on, kept;
ShardedListAndWatch: Alpha, off, kept;
SidecarContainers: Final, on, kept;
SizeBasedListCostEstimate: Beta, on, kept;
StaleControllerConsistencyDaemonSet: Beta, on, acts;
StaleControllerConsistencyJob: Beta, on, acts;
StaleControllerConsistencyReplicaSet: Beta, on, acts;
StaleControllerConsistencyStatefulSet: Beta, on, acts;
StatefulSetSemanticRevisionComparison: Beta, on, kept;
StorageCapacityScoring: Alpha, off, kept;
StorageVersionAPI: Alpha, off, kept;
StorageVersionHash: Beta, on, kept;
StorageVersionMigrator: Beta, off, kept;
StrictIPCIDRValidation: Beta, on, kept;
StructuredAuthenticationConfigurationEgressSelector: Beta, on, kept;
StructuredAuthenticationConfigurationJWKSMetrics: Beta, on, kept;
TaintTolerationComparisonOperators: Alpha, off, acts;
TokenRequestServiceAccountUIDValidation: Beta, on, kept;
TopologyAwareWorkloadScheduling: Alpha, off, kept;
TopologyManagerPolicyAlphaOptions: Alpha, off, kept;
TopologyManagerPolicyBetaOptions: Beta, on, kept;
TranslateStreamCloseWebsocketRequests: Beta, on, kept;
UnauthenticatedHTTP2DOSMitigation: Beta, on, kept;
UnknownVersionInteroperabilityProxy: Beta, on, kept;
UnlockWhileProcessingFIFO: Beta, on, kept;
UserNamespacesHostNetworkSupport: Alpha, off, kept;
VolumeAttributesClass: Final, on, kept;
VolumeLimitScaling: Alpha, off, kept;
WatchCacheInitializationPostStartHook: Beta, on, kept;
WatchList: Beta, on, kept;
WatchListClient: Beta, on, kept;
WindowsCPUAndMemoryAffinity: Alpha, off, kept;
WindowsGracefulNodeShutdown: Beta, on, kept;
WorkloadAwarePreemption: Alpha, off, kept;
WorkloadWithJob: Alpha, off, kept;}

impl Gate {
    /// What is known of it.
    pub fn row(self) -> &'static GateRow {
        &ROWS[self as usize]
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The gate of a name.
    pub fn named(name: &str) -> Option<Gate> {
        ROWS.binary_search_by(|row| row.name.cmp(name)).ok().map(|n| Gate::ALL[n])
    }

    /// Whether somebody may set it to a value.
    ///
    /// # Errors
    /// When the feature is final and cannot be turned off, or when nothing would become of it.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/component-base/featuregate/feature_gate.go,
    /// `unsafeSetFromMap`
    pub fn may_be(self, on: bool) -> Result<(), GateError> {
        let row = self.row();
        match row.stage {
            _ if row.default == on => Ok(()),
            Stage::Final => Err(GateError::Locked),
            Stage::Alpha | Stage::Beta if row.acts => Ok(()),
            Stage::Alpha | Stage::Beta => Err(GateError::NotModelled),
        }
    }
}

/// How many words hold a bit for each gate.
const WORDS: usize = 4;

/// Which gates are on, and which rules differ from those of 1.36: sets of bits, to be copied.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Gates([u64; WORDS], Variants);

impl Gates {
    /// As Kubernetes 1.36 has them when nobody says anything.
    pub const DEFAULT: Gates = Gates::defaults();

    const fn defaults() -> Gates {
        let (mut words, mut n) = ([0; WORDS], 0);
        while n < ROWS.len() {
            if ROWS[n].default {
                words[n / 64] |= 1 << (n % 64);
            }
            n += 1;
        }
        Gates(words, Variants::NONE)
    }

    /// Whether a gate is on.
    pub fn is_on(self, gate: Gate) -> bool {
        let n = gate as usize;
        self.0[n / 64] >> (n % 64) & 1 == 1
    }

    /// The same gates with one set.
    #[must_use]
    pub fn with(mut self, gate: Gate, on: bool) -> Gates {
        let n = gate as usize;
        let bit = 1 << (n % 64);
        self.0[n / 64] = if on { self.0[n / 64] | bit } else { self.0[n / 64] & !bit };
        self
    }

    /// Whether a rule differs from that of 1.36.
    pub fn varies(self, variant: Variant) -> bool {
        self.1.has(variant)
    }

    /// The same gates, with these rules that differ and no others.
    #[must_use]
    pub fn varying(self, variants: Variants) -> Gates {
        Gates(self.0, variants)
    }
}

impl Default for Gates {
    fn default() -> Self {
        Gates::DEFAULT
    }
}

impl fmt::Debug for Gates {
    /// Those that are not as by default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changed = Gate::ALL.iter().filter(|g| self.is_on(**g) != g.row().default);
        f.debug_map().entries(changed.map(|g| (g.name(), self.is_on(*g)))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_found_by_its_name_and_has_its_default() {
        assert!(ROWS.is_sorted_by(|a, b| a.name < b.name));
        assert!(ROWS.len() <= WORDS * 64);
        for gate in Gate::ALL {
            assert_eq!(Gate::named(gate.name()), Some(*gate));
            assert_eq!(Gates::DEFAULT.is_on(*gate), gate.row().default);
            let turned = Gates::DEFAULT.with(*gate, !gate.row().default);
            assert_eq!(turned.is_on(*gate), !gate.row().default);
            assert_eq!(turned.with(*gate, gate.row().default), Gates::DEFAULT);
        }
        assert_eq!(Gate::named("MaxUnavailable"), None);
    }

    #[test]
    fn a_final_gate_stays_on_and_one_that_nothing_acts_upon_stays_as_it_is() {
        assert_eq!(Gate::SidecarContainers.may_be(true), Ok(()));
        assert_eq!(Gate::SidecarContainers.may_be(false), Err(GateError::Locked));
        assert_eq!(Gate::MaxUnavailableStatefulSet.may_be(true), Ok(()));
        assert_eq!(Gate::QOSReserved.may_be(true), Err(GateError::NotModelled));
        assert_eq!(Gate::QOSReserved.may_be(false), Ok(()));
    }

    #[test]
    fn only_what_was_changed_is_shown() {
        let gates = Gates::DEFAULT.with(Gate::MaxUnavailableStatefulSet, true);
        assert_eq!(format!("{gates:?}"), r#"{"MaxUnavailableStatefulSet": true}"#);
    }
}
