//! Why the binder writes something.

use crate::api::Name;
use crate::api::why::Why;

/// Why the binder writes something.
#[derive(Clone, Debug)]
pub(super) enum BindWhy {
    /// A volume is meant for a claim from now on.
    Meant { volume: Name, claim: Name },
    /// A claim has got a volume.
    Claimed { volume: Name },
    /// The phase says what is so.
    Phase { phase: &'static str },
    /// The claim that a volume belonged to is gone, or bound to another volume.
    Unbound { claim: Name },
    /// A claim that says nothing of a class gets the default one.
    DefaultClass { class: Name },
    /// Somebody else is to make a volume for a claim.
    Provisioner { name: Name },
    /// The cache may be behind: the claim of a volume is read anew before the volume is let go.
    Recheck,
    /// The volume is not to outlive its claim.
    Reclaimed,
}

impl From<BindWhy> for Why {
    fn from(why: BindWhy) -> Why {
        match why {
            BindWhy::Meant { volume, claim } => {
                Why::two("{} is the best volume for {}", volume, claim)
            }
            BindWhy::Claimed { volume } => Why::one("it has got the volume {}", volume),
            BindWhy::Phase { phase } => {
                Why::one("it is {} and does not say so", Name::new_static(phase))
            }
            BindWhy::Unbound { claim } => Why::one("{} does not want it any more", claim),
            BindWhy::DefaultClass { class } => {
                Why::one("it names no class, and {} is the default", class)
            }
            BindWhy::Provisioner { name } => Why::one("{} is to make a volume for it", name),
            BindWhy::Recheck => Why::new("its claim seems to be gone; is that so?"),
            BindWhy::Reclaimed => Why::new("its claim is gone, and it is not to outlive it"),
        }
    }
}
