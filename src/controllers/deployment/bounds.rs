//! How many pods a rollout may have too many or too few, and how far the new `ReplicaSet` grows.
//!
//! Responsible for the limits of `strategy.rollingUpdate`; which `ReplicaSet` shrinks within them
//! is decided in `rolling`.

use crate::api::apps::deployment::{DeploymentSpec, StrategyKind};
use crate::api::int_or_percent::{IntOrPercent, Rounding};

/// The limits of a rollout, in pods.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// So many pods may be there beyond the desired number.
    pub max_surge: i32,
    /// So many of the desired pods may be unavailable.
    pub max_unavailable: i32,
    /// So many pods have to be available.
    pub min_available: i32,
}

/// `maxSurge` and `maxUnavailable` as numbers of pods: the surge is rounded up, the other down,
/// and when both come out as zero one pod may be unavailable, for else nothing could move.
///
/// 25 % and 25 % of 3 are 1 and 0.
///
/// # Errors
/// When a text is no percentage.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go, `ResolveFenceposts`
pub fn fenceposts(
    surge: Option<&IntOrPercent>,
    unavailable: Option<&IntOrPercent>,
    desired: i32,
) -> Result<(i32, i32), String> {
    let scaled =
        |value: Option<&IntOrPercent>, way| value.map_or(Ok(0), |v| v.scaled(desired, way));
    let surge = scaled(surge, Rounding::Up)?;
    let unavailable = scaled(unavailable, Rounding::Down)?;
    Ok((surge, if surge == 0 && unavailable == 0 { 1 } else { unavailable }))
}

/// The limits of a Deployment's rollout; none of them holds for `Recreate`.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go, `MaxSurge`,
/// `MaxUnavailable`, `MinAvailable`
pub fn bounds(spec: &DeploymentSpec) -> Bounds {
    match spec.strategy.kind {
        StrategyKind::Recreate => Bounds { max_surge: 0, max_unavailable: 0, min_available: 0 },
        StrategyKind::RollingUpdate => {
            let limits = spec.strategy.rolling_update.as_ref();
            let surge = limits.and_then(|l| l.max_surge.as_ref());
            let unavailable = limits.and_then(|l| l.max_unavailable.as_ref());
            let (max_surge, unavailable) =
                fenceposts(surge, unavailable, spec.replicas).unwrap_or((0, 0));
            let max_unavailable = unavailable.min(spec.replicas);
            let min_available = spec.replicas - max_unavailable;
            Bounds { max_surge, max_unavailable, min_available }
        }
    }
}

/// The size that the new `ReplicaSet` may grow to, `total` being the sum of all sizes with its own.
///
/// Of 10 wanted with 3 to spare, 8 old and 3 new, the new one grows by 2 to 5.
///
/// # Errors
/// When `maxSurge` is no percentage.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go, `NewRSNewReplicas`
pub fn new_size(spec: &DeploymentSpec, total: i32, new: i32) -> Result<i32, String> {
    match spec.strategy.kind {
        StrategyKind::Recreate => Ok(spec.replicas),
        StrategyKind::RollingUpdate => {
            let limits = spec.strategy.rolling_update.as_ref();
            let surge = limits.and_then(|l| l.max_surge.as_ref());
            let surge = surge.map_or(Ok(0), |s| s.scaled(spec.replicas, Rounding::Up))?;
            let room = spec.replicas + surge - total;
            Ok(if room <= 0 { new } else { new + room.min(spec.replicas - new) })
        }
    }
}
