//! Kinds that a user's own definitions add to those of Kubernetes.
//!
//! A kind is a number everywhere, and what the number stands for is the same in the whole program;
//! which of them a cluster has is said by its configuration. No decision follows from the number
//! of such a kind, only from its name.

use std::sync::{Mutex, OnceLock};

use serde_json::Value;

use super::{KINDS, Kind, KindRow};

/// So many at most in one program.
const MOST: usize = 64;

struct Custom {
    row: KindRow,
    schema: Value,
}

static CUSTOM: [OnceLock<Custom>; MOST] = [const { OnceLock::new() }; MOST];

static DEFINING: Mutex<()> = Mutex::new(());

pub(super) fn row(number: usize) -> &'static KindRow {
    let custom = CUSTOM.get(number).and_then(OnceLock::get);
    &custom.expect("the number of a kind is that of a row").row
}

fn all() -> impl Iterator<Item = (Kind, &'static Custom)> {
    let defined = CUSTOM.iter().map_while(OnceLock::get);
    defined.zip(KINDS.len()..).filter_map(|(c, n)| Some((Kind(u16::try_from(n).ok()?), c)))
}

pub(super) fn find(is_it: impl Fn(&KindRow) -> bool) -> Option<Kind> {
    all().find(|(_, custom)| is_it(&custom.row)).map(|(kind, _)| kind)
}

impl Kind {
    /// A kind of a user's own, with its structural schema, or null for none. The same definition
    /// gives the same kind whenever it is given.
    ///
    /// # Panics
    /// When another definition of this group and name was given, or there are too many.
    pub fn custom(row: KindRow, schema: Value) -> Kind {
        Kind::try_custom(row, schema).unwrap_or_else(|why| panic!("{why}"))
    }

    /// The same, where it may be that another definition was given.
    pub(super) fn try_custom(row: KindRow, schema: Value) -> Result<Kind, String> {
        let _one_by_one = DEFINING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = all().find(|(_, c)| (c.row.group, c.row.name) == (row.group, row.name));
        if let Some((kind, custom)) = known {
            let same = custom.row == row && custom.schema == schema;
            let told = || format!("two definitions of {}.{}", row.name, row.group);
            return if same { Ok(kind) } else { Err(told()) };
        }
        let place = all().count();
        if place >= MOST {
            return Err(format!("at most {MOST} kinds of one's own"));
        }
        let _ = CUSTOM[place].set(Custom { row, schema });
        let number = u16::try_from(KINDS.len() + place).expect("a kind is a small number");
        Ok(Kind(number))
    }

    /// Whether it is a user's own.
    pub fn is_custom(self) -> bool {
        usize::from(self.0) >= KINDS.len()
    }

    /// The structural schema of a kind of a user's own.
    pub fn schema(self) -> Option<&'static Value> {
        let place = usize::from(self.0).checked_sub(KINDS.len())?;
        CUSTOM.get(place)?.get().map(|custom| &custom.schema).filter(|schema| !schema.is_null())
    }

    /// A number that follows from the kind's name alone, where it is a user's own.
    pub fn stable_number(self) -> u64 {
        if !self.is_custom() {
            return u64::from(self.0);
        }
        let row = self.row();
        let name = [row.name.as_bytes(), b".", row.group.as_bytes()].concat();
        crate::sim::rng::keyed(0xc4d, &name) >> 1
    }
}
